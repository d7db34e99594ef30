"""Units of length and time as files spell them."""

from __future__ import annotations

from collections.abc import Mapping

PREFIXES = {
    "yocto": 1e-24, "zepto": 1e-21, "atto": 1e-18, "femto": 1e-15, "pico": 1e-12, "nano": 1e-9, "micro": 1e-6,
    "milli": 1e-3, "centi": 1e-2, "deci": 0.1, "": 1.0, "deca": 10.0, "hecto": 1e2, "kilo": 1e3, "mega": 1e6,
    "giga": 1e9, "tera": 1e12, "peta": 1e15, "exa": 1e18, "zetta": 1e21, "yotta": 1e24,
}  # fmt: skip
LENGTHS_UM = {
    "pm": 1e-6, "Å": 1e-4, "nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "mm": 1e3, "cm": 1e4, "dm": 1e5,
    "m": 1e6, "km": 1e9, "angstrom": 1e-4, "thou": 25.4, "inch": 25400.0, "in": 25400.0, "foot": 304800.0,
    "yard": 914400.0, "mile": 1609344e3, "parsec": 3.0856775814913673e22,
    **{f"{prefix}{word}": 1e6 * factor for prefix, factor in PREFIXES.items() for word in ("meter", "metre")},
}  # fmt: skip
TIMES_S = {
    "ps": 1e-12, "ns": 1e-9, "µs": 1e-6, "μs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0,
    "minute": 60.0, "h": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0,
    **{f"{prefix}second": factor for prefix, factor in PREFIXES.items()},
}  # fmt: skip


def factor(unit: object, units: Mapping[str, float]) -> float | None:
    """How many of ours one `unit` of a family, `units`, is: also in capitals or the plural; None where it is none."""
    if not isinstance(unit, str):
        return None
    said = unit.strip().replace("\\u00B5", "µ")
    for word in (said, said.lower() if len(said) > 2 else said):
        if (found := units.get(word, units.get(word.removesuffix("s")) if len(word) > 3 else None)) is not None:
            return found
    return None

"""Units as other programs write them beside a value, turned into ours."""

from __future__ import annotations

import re

import numpy as np

from ...data import typed_values
from ...data.derived import ENERGIES, wavelength_of
from ...types import InputError

SAME = {
    "meter": "m", "meters": "m", "metre": "m", "metres": "m", "micron": "um", "microns": "um", "micrometer": "um",
    "micrometers": "um", "micrometre": "um", "micrometres": "um", "nanometer": "nm", "nanometers": "nm",
    "nanometre": "nm", "nanometres": "nm", "millimeter": "mm", "millimeters": "mm", "millimetre": "mm",
    "millimetres": "mm", "a": "Å", "ang": "Å", "angstrom": "Å", "angstroms": "Å", "å": "Å", "ångström": "Å",
    "pm": "pm", "ev": "eV", "kev": "keV", "kv": "kV", "v": "V", "j": "J", "joule": "J", "joules": "J", "px": "px",
    "pixel": "px", "pixels": "px", "degree": "deg", "degrees": "deg", "radian": "rad", "radians": "rad",
    "second": "s", "seconds": "s", "sec": "s",
}  # fmt: skip
NONE = ("", "1", "none", "arbitrary", "a.u.", "au", "unknown", "counts", "count", "any", "dimensionless")
MORE = {"pm": 1e-6}  # um
ELEMENTARY = 1.602176634e-19  # J of 1 eV
INVERSE = re.compile(r"(?:1/(.+)|(.+?)\s*(?:\^-1|\*\*-1|⁻¹|-1))")


def plain(text: str) -> str:
    """A unit as `typed_values` writes it: `[n_m]` and `nanometers` are nm; '' where `text` names none."""
    bare = text.strip().strip("[]()").replace("_", "").strip()
    if bare.lower() in NONE:
        return ""
    known = {*typed_values.LENGTHS, *typed_values.ANGLES, *typed_values.TIMES, *SAME.values()}
    return bare if bare in known else SAME.get(bare.lower(), bare)


def inverse_length(text: str) -> float | None:
    """What `1/nm`, `A^-1` and the like in `text` are in 1/um; None for everything else."""
    found = INVERSE.fullmatch(text.strip().strip("[]"))
    length = plain(found[1] or found[2]) if found else ""
    factor = MORE.get(length) or (float(typed_values.LENGTHS[length]) if length in typed_values.LENGTHS else 0.0)
    return 1 / factor if factor else None


def converted(name: str, numbers: np.ndarray, text: str, where: str) -> tuple[str, np.ndarray]:
    """Values of one unit under the name that they have in ours: wavelengths from energies, positions in pixels.

    Parameters
    ----------
    name : of the acquisition, whose end or quantity names the unit wanted.
    numbers : as stored.
    text : their unit as stored; '' is the wanted one.
    where : file and name, for errors.

    Raises
    ------
    InputError : for a unit that does not fit the name.
    """
    unit, wanted = plain(text), ENERGIES.get(name) or typed_values.unit_in(name)
    if not unit or not wanted or unit == wanted or numbers.dtype.kind not in "iuf":
        return name, numbers
    if unit == "px" and name.startswith("positions"):
        return name.replace("_um", "_px"), numbers
    if unit == "J":
        numbers, unit = numbers / ELEMENTARY, "eV"
    energy = unit if unit in ("eV", "keV") else ""
    if energy and (name == "wavelength_um" or wanted in ("eV", "keV")):
        volts = numbers * (1e3 if energy == "keV" else 1.0)
        return "wavelength_um", np.vectorize(lambda v: wavelength_of("energy_ev", v), otypes=[float])(volts)
    if unit in MORE and wanted in typed_values.LENGTHS:
        return name, numbers * MORE[unit] / float(typed_values.LENGTHS[wanted])
    for family in (typed_values.LENGTHS, typed_values.ANGLES, typed_values.TIMES, typed_values.VOLTAGES):
        if unit in family and wanted in family:
            ratio = float(family[unit]) / float(family[wanted])
            return name, numbers / round(1 / ratio) if ratio < 1 and (1 / ratio).is_integer() else numbers * ratio
    raise InputError(
        f"{where} is in {text.strip()!r}, which cannot be {name}; it must be in {typed_values.fitting(wanted)}, so "
        "name the true unit in the sidecar as variables: {" + name + ": {name: NAME, unit: m}}"
    )


def number(value: object) -> float | None:
    """One number, or the same one many times; single precision is read as the decimal it stands for. None otherwise."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or not array.size:
        return None
    flat = array.reshape(-1)
    if not np.isfinite(flat).all() or np.ptp(flat) > 1e-4 * abs(flat[0]):
        return None
    return float(str(flat[0])) if flat.dtype == np.float32 else float(flat[0])

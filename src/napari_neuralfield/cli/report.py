"""What `info`, `methods` and `score` say, as plain values for JSON and as text for people."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..app import arguments
from ..app.arguments import flag_of
from ..app.frame_table import as_lines, frame_table
from ..data.plain import plain
from ..data.typed_values import members
from ..types import LEVELS, InputError
from .terminal import caption, columns, unit_of

if TYPE_CHECKING:
    from ..recon.engine.recipe import OptionInfo, Recipe

Facts = dict[str, Any]  # name -> what JSON knows
COMMANDS = ("calibrate", "train")  # commands with options of their own
LABELS = {"warning": "warning", "ok": "good"}
SCORES = {
    "amplitude_psnr_db": "amplitude PSNR, dB",
    "amplitude_ssim": "SSIM",
    "amplitude_mse": "MSE",
    "amplitude_fm": "FM",
    "phase_psnr_db": "phase PSNR, dB",
    "phase_ssim": "SSIM",
    "phase_mse": "MSE, rad2",
    "phase_rmse_rad": "RMSE, rad",
    "phase_fm": "FM",
    "relative_error": "relative error",
}


def acquisition(path: Path) -> Facts:
    """Kind, frames, values, what is missing, and the checks of a complete acquisition."""
    from ..data.acquisition import quantities
    from ..io import open_draft

    draft = open_draft(path)
    known = quantities(draft.kind)
    missing = [
        {"name": n, "unit": known[n].unit, "help": known[n].help, "remedy": draft.remedies.get(n, "give it")}
        for n in draft.missing()
    ]
    count, rows, columns = draft.frames.shape
    found: Facts = {
        "file": str(path) if path.name else draft.source,
        "kind": draft.kind,
        "title": str(draft.values.get("title") or ""),
        "frames": {"count": count, "shape": [rows, columns], "type": str(np.dtype(draft.frames.dtype))},
        "values": {n: _summary(v) for n, v in draft.values.items() if n in known and v is not None},
        "units": {n: quantity.unit for n, quantity in known.items() if quantity.unit},
        "missing": missing,
        "notes": list(draft.notes),
        "facts": {},
        "checks": [],
    }
    means: dict[int, float] = {}
    if not missing:
        from ..checks import findings as checks
        from ..checks.seen.frames import middle_part
        from ..checks.seen.look import look

        complete = draft.complete()
        seen = look(middle_part(complete))
        means = dict(zip(seen.numbers.tolist(), seen.means.tolist(), strict=True))
        found["values"] = {n: _summary(v) for n, v in complete.values().items() if n in known}
        found["facts"] = plain({n: v for n, v in checks.facts(complete).items() if n not in found["values"]})
        found["checks"] = [plain(dataclasses.asdict(check)) for check in checks.check(complete, seen)]
    found["frames_table"] = frame_table(draft, means)
    return found


def field(path: Path) -> Facts:
    """Type, extent, optics, figures, recipe, verdict and size of a field file, from its header alone."""
    from ..io import read_header
    from ..io.results.tiled_folder import bytes_of

    header = read_header(path)
    tiles = {"tiles": header["tiles"]} if "tiles" in header else {}
    names = ("title", "values", "extent", "optics", "figures", "recipe", "verdict", "notes")
    found = {name: header[name] for name in names}
    return {
        "file": str(path),
        "kind": "field",
        "type": header["field_type"],
        **plain(found),
        **tiles,
        "bytes": bytes_of(path) if tiles else path.stat().st_size,
    }


def methods(name: str | None) -> list[Facts]:
    """Every method, or the named one, with its options; `calibrate` and `train` have options too and may be named."""
    from ..recon.calibration.recipe import CalibrationRecipe
    from ..registry import METHODS, NETWORKS

    if name == "calibrate":
        summary = "Finds what the microscope really was; a command of its own: neuralfield calibrate."
        return [_method(name, summary, ["led_array"], CalibrationRecipe)]
    if name == "train":
        return [_method(f"train {n}", t.summary, [t.kind], t.recipe) for n, t in NETWORKS.items()]
    known = [METHODS[n] for n in (sorted(METHODS) if name is None else [name])]
    return [_method(m.name, m.summary, list(m.kinds), m.recipe, m.presets) for m in known]


def _method(
    name: str,
    summary: str,
    kinds: list[str],
    recipe: type[Recipe],
    presets: Mapping[str, Mapping[str, object]] | None = None,
) -> Facts:
    from ..recon.engine.recipe import options_of

    return {
        "name": name,
        "summary": summary,
        "kinds": kinds,
        "presets": {preset: plain(dict(values)) for preset, values in (presets or {}).items()},
        "options": [_option(o) for o in options_of(recipe)],
    }


def _option(o: OptionInfo) -> Facts:
    values = {**vars(o), "flag": flag_of(o.name), "type": _type(o)}
    names = ("name", "flag", "type", "default", "unit", "help", "advanced", "low", "high", "choices", "optional")
    return {name: plain(values[name]) for name in names}


def _type(o: OptionInfo) -> str:
    if o.choices:
        return "choice"
    kinds = members(o.type)
    return " | ".join(str(kind) if typing.get_origin(kind) else getattr(kind, "__name__", str(kind)) for kind in kinds)


def _summary(value: object) -> object:
    """A scalar as it is; of an array its shape and, where real, its range."""
    array = np.asarray(value)
    if array.ndim == 0:
        return plain(value)
    if array.dtype.kind not in "iuf" or not (array == array).any():
        return {"shape": list(array.shape)}
    return {"shape": list(array.shape), "min": plain(np.nanmin(array)), "max": plain(np.nanmax(array))}


def acquisition_as_text(found: Facts) -> str:
    frames = found["frames"]
    rows = [
        ("kind", found["kind"]),
        ("frames", f"{frames['count']} of {frames['shape'][0]} x {frames['shape'][1]} pixels, {frames['type']}"),
        *((name, _with_unit(value, _unit(name, found["units"]))) for name, value in found["values"].items()),
        *((name, _number(value)) for name, value in found["facts"].items() if not name.startswith("frame_")),
    ]
    lines = [found["title"] or Path(found["file"]).name or Path(found["file"]).resolve().name, *columns(rows)]
    lines += as_lines(found["frames_table"])
    lines += [f"note: {text}" for text in found["notes"]]
    lines += [
        f"missing: {m['name']}{_in(m['unit'])}, {m['help']}; {m['remedy']} in a sidecar file" for m in found["missing"]
    ]
    lines += [f"{LABELS.get(check['level'], 'note')}: {check['text']}" for check in found["checks"]]
    return "\n".join(lines)


def field_as_text(found: Facts) -> str:
    extent = found["extent"]
    low, high = extent["z_um"]
    depth = f"one plane, found at {low:g} um" if low == high else f"{low:g} to {high:g} um"
    rows = [
        ("field", found["type"]),
        *_tiles_as_text(found.get("tiles", [])),
        ("values", found["values"]),
        ("depth", depth),
        ("grid", f"{extent['shape'][0]} x {extent['shape'][1]} pixels of {extent['pixel_um']:g} um"),
        ("size on disk", f"{found['bytes'] / 1e6:.3g} MB"),
        ("method", str(found["recipe"].get("method", ""))),
        *((name, _number(value)) for name, value in found["optics"].items() if not isinstance(value, list | dict)),
        *((caption(name), _number(value) + unit_of(name)) for name, value in found["figures"].items()),
    ]
    if verdict := found["verdict"]:
        rows.append(("verdict", f"{verdict['level']}: {verdict['sentence']}"))
        rows += [(f"  {caption(name)}", _number(value) + unit_of(name)) for name, value in verdict["figures"].items()]
    title = f"{found['title'] or Path(found['file']).name}"
    return "\n".join([title, *columns(rows), *(f"note: {text}" for text in found["notes"])])


def _tiles_as_text(tiles: list[Facts]) -> list[tuple[str, str]]:
    if not tiles:
        return []
    gone = [tile["name"] for tile in tiles if "left_out" in tile]
    levels = [verdict["level"] for tile in tiles if (verdict := tile.get("verdict"))]
    said = [f"{levels.count(level)} {level}" for level in LEVELS if level in levels]
    said += [f"{len(gone)} left out ({', '.join(gone[:5])}{', ...' if len(gone) > 5 else ''})"] if gone else []
    return [("tiles", ", ".join([str(len(tiles)), *said]))]


def methods_as_text(found: list[Facts]) -> str:
    lines: list[str] = []
    for method in found:
        lines += [f"{method['name']}: {method['summary']}", f"  takes {', '.join(method['kinds'])}"]
        if method["presets"]:
            lines.append(f"  presets {', '.join(method['presets'])}")
        rows = [(option["flag"], _option_text(option)) for option in method["options"]]
        lines += [*columns(rows), ""]
    if len(found) > 1:
        lines.append(f"options of other commands: {', '.join(f'neuralfield methods {name}' for name in COMMANDS)}")
    return "\n".join(lines).rstrip()


def _option_text(option: Facts) -> str:
    words = [option["unit"], "" if option["default"] == "" else f"default {_number(option['default'])}"]
    low, high = option["low"], option["high"]
    if low is not None and high is not None:
        words.append(f"{low:g} to {high:g}")
    elif low is not None or high is not None:
        words.append(f"at least {low:g}" if high is None else f"at most {high:g}")
    if option["choices"]:
        words.append(" or ".join(map(str, option["choices"])))
    told = ", ".join(word for word in words if word)
    return f"{option['help']} ({told})" if told else str(option["help"])


def _with_unit(value: object, unit: str) -> str:
    if not isinstance(value, dict):
        return f"{_number(value)} {unit}".strip()
    shape = " x ".join(map(str, value["shape"]))
    if "min" not in value:
        return f"{shape} values"
    return f"{shape} values from {_number(value['min'])} to {_number(value['max'])} {unit}".strip()


def _unit(name: str, units: dict[str, str]) -> str:
    """The unit to print, empty where the name says it."""
    return "" if name.endswith("_um") else units.get(name, "")


def _number(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ",".join(map(_number, value))
    return "none" if value is None else str(value)


def _in(unit: str) -> str:
    return f" in {unit}" if unit else ""


def score(file: Path, truth: Path, *, z_um: str | None, time: int | None, free: str | None) -> Facts:
    """The figures, JSON-ready.

    Parameters
    ----------
    file, truth : the field, and the truth behind its frames.
    z_um, time : as typed; None where nothing was.
    free : what no frame can tell, one of `image_scores.FREE`; None: as the truth says.

    Raises
    ------
    InputError : for what cannot be read or compared.
    """
    from ..app import scoring
    from ..io import load_result
    from ..recon.engine.image_scores import Free

    if free is not None and free not in typing.get_args(Free):
        raise InputError(f"option --free is {free}; it must be one of {', '.join(typing.get_args(Free))}")
    result = load_result(arguments.existing(file))
    known = scoring.read_truth(arguments.existing(truth))
    depth = None if z_um is None else arguments.numbers("--z-um", z_um, count=1)[0]
    return scoring.score(result, known, str(file), free=typing.cast("Free | None", free), z_um=depth, time=time)


def score_as_text(found: Facts) -> str:
    """A table: a line for each depth and time, their mean, and all pixels together."""
    rows, columns = found["shape"]
    names = [name for name in SCORES if name in found["all"]]
    planes = found["planes"]
    lines = [("", *(SCORES[name] for name in names))]
    for row in planes:
        where = f"z {row['z_um']:g} um" if "time" not in row else f"time {row['time']}, {row['time_s']:g} s"
        lines.append((where, *(_rounded(name, row[name]) for name in names)))
    if len(planes) > 1:
        lines.append(("mean", *(_rounded(name, found["mean"][name]) for name in names)))
        lines.append(("all pixels", *(_rounded(name, found["all"][name]) for name in names)))
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    table = ["  ".join(f"{text:>{width}}" for text, width in zip(line, widths, strict=True)) for line in lines]
    truths = [f"{name.split('_')[0]} {found['mean'][name]:.4g}" for name in found["mean"] if name.endswith("fm_truth")]
    head = f"{found['field']} against {found['truth']}: {rows} x {columns} pixels of {found['pixel_um']:.4g} um"
    return "\n".join([f"{head}; {found['free']}", *table, f"FM of the truth: {', '.join(truths)}"])


def _rounded(name: str, value: float) -> str:
    return f"{value:.2f}" if name.endswith("_db") else f"{value:.4f}" if abs(value) >= 1e-3 else f"{value:.2e}"

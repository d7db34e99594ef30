"""The field file, `*.nfield`: safetensors whose header says what was reconstructed, how and from what. No pickle."""

from __future__ import annotations

import base64
import dataclasses
import inspect
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import __version__
from ...registry import FIELDS
from ...types import Field, InputError, Result, Verdict
from .reading import reachable, regular, surprises
from .tensor_file import save_tensors

if TYPE_CHECKING:
    import torch

FORMAT = "neuralfield-field"
VERSION = 1
PREVIEW_PIXELS = 128
_REAL_VIEW = ".real_view"  # ends the name of a complex tensor, kept as (..., 2) real and imaginary parts


def save_result(path: str | Path, result: Result) -> None:
    """Write a `result` to `path`: field, recipe, optics, calibration, figures, verdict and a small preview.

    How long it took is left out: a run repeated gives the same file, byte by byte.

    Raises
    ------
    InputError : where the name does not end in .nfield, a number is not finite, or the file cannot be written.
    """
    from ...fields.finite import require_finite

    if not str(path).endswith(".nfield"):
        raise InputError(f"{path}: a field file ends in .nfield; name it so")
    result = require_finite(result, f"{path}: nothing is written, for the field")
    header = {
        "format": FORMAT,
        "version": str(VERSION),
        "package_version": __version__,
        "title": result.title,
        "field_type": result.field.type_name,
        "field_options": _json(result.field.options()),
        "values": "complex" if result.field.complex_valued else "phase, radians",
        "extent": _json(result.field.extent.to_dict()),
        "recipe": _json(result.recipe),
        "optics": _json(result.optics),
        "figures": _json({name: value for name, value in result.figures.items() if not name.endswith("seconds")}),
        "preview": preview(result.field),
    }
    if result.verdict is not None:
        header["verdict"] = _json(dataclasses.asdict(result.verdict))
    if result.notes:
        header["notes"] = _json(list(result.notes))
    save_tensors(path, _tensors(result), header)


def load_result(path: str | Path) -> Result:
    """The field and everything stored with it.

    Raises
    ------
    InputError : where the file is missing, damaged, newer than this program, or no field file.
    """
    path = Path(path)
    with surprises(path):
        return _loaded(path)


def _loaded(path: Path) -> Result:
    from safetensors import SafetensorError, safe_open

    header = read_header(path)
    stored: dict[str, torch.Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - the file is not a mapping
                stored.update([_restored(name, file.get_tensor(name))])
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: the file is damaged ({error}); reconstruct or copy it again") from None
    field = _field(header, {k[6:]: v for k, v in stored.items() if k.startswith("field.")}, path)
    calibration = {k[12:]: v.numpy() for k, v in stored.items() if k.startswith("calibration.")}
    same = {name: header[name] for name in ("recipe", "optics", "figures", "title")}
    verdict = Verdict(**header["verdict"]) if header["verdict"] else None
    return Result(field, calibration=calibration, verdict=verdict, notes=tuple(header["notes"]), **same)


def read_header(path: str | Path) -> dict[str, Any]:
    """Everything but the tensors: title, type, values (complex or phase), extent, recipe, optics, figures, `verdict`
    and `notes` (empty where there are none), `preview`.

    The preview is a PNG as base64.

    Raises
    ------
    InputError : where the file is missing, cut short, newer than this program, or no field file.
    """
    path = Path(path)
    header = _metadata(path)
    if header.get("format") != FORMAT:
        raise InputError(f"{path}: this is not a field file; a reconstruction writes one, ending in .nfield")
    if not str(header.get("version")).isdigit() or int(header["version"]) > VERSION:
        raise InputError(
            f"{path}: the file has version {header.get('version')} but this program knows versions up to {VERSION}; "
            "update napari-neuralfield"
        )
    for name, nothing in (("verdict", "{}"), ("notes", "[]")):  # fields of 0.1.0 have neither
        header.setdefault(name, nothing)
    for name in ("field_options", "extent", "recipe", "optics", "figures", "verdict", "notes"):
        try:
            header[name] = json.loads(header[name])
        except (KeyError, ValueError, RecursionError):
            raise InputError(f"{path}: {name} in the header is damaged; reconstruct or copy it again") from None
    return {"title": "", "field_type": "", "values": "", "preview": "", **header}


def preview(field: Field) -> str:
    """Amplitude and phase (or phase alone) at mid depth, at most 128 pixels each: an 8-bit PNG as base64."""
    from PIL import Image

    extent = field.extent
    step = max(extent.pixel_um, max(extent.size_um) / PREVIEW_PIXELS)
    y, x = extent.axes(step)
    plane = field.render([float(np.mean(extent.z_um))], y[:PREVIEW_PIXELS], x[:PREVIEW_PIXELS])[0]
    values = np.asarray(plane.detach().cpu().numpy())
    parts = [np.abs(values), np.angle(values)] if np.iscomplexobj(values) else [values]
    picture = np.concatenate([_eight_bits(part) for part in parts], axis=1)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _eight_bits(part: np.ndarray) -> np.ndarray:
    low, high = (float(v) for v in np.percentile(part, [0.5, 99.5]))
    return (255 * np.clip((part - low) / max(high - low, 1e-12), 0, 1)).astype(np.uint8)


def _tensors(result: Result) -> dict[str, torch.Tensor]:
    import torch

    named = {f"field.{name}": tensor.detach() for name, tensor in result.field.state_dict().items()}
    for name, array in result.calibration.items():
        named[f"calibration.{name}"] = torch.from_numpy(np.array(array))
    stored = {}
    for name, tensor in named.items():
        tensor = tensor.cpu().resolve_conj()
        if tensor.is_complex():
            name, tensor = name + _REAL_VIEW, torch.view_as_real(tensor)
        stored[name] = tensor.clone(memory_format=torch.contiguous_format)
    return stored


def _restored(name: str, tensor: torch.Tensor) -> tuple[str, torch.Tensor]:
    import torch

    if not name.endswith(_REAL_VIEW):
        return name, tensor
    return name.removesuffix(_REAL_VIEW), torch.view_as_complex(tensor)


def _field(header: dict[str, Any], state: dict[str, torch.Tensor], path: Path) -> Field:
    kind = header["field_type"]
    if kind not in FIELDS:
        raise InputError(
            f"{path}: the field is of type {kind!r}, which is not known here (known: {', '.join(sorted(FIELDS))}); "
            "install the package that made it"
        )
    try:
        field = FIELDS[kind](**header["field_options"])
        field.load_state_dict(state)
    except Exception as error:
        reason, package = _reason(kind, header["field_options"], error), FIELDS.package(kind)
        of = f" of the plug-in {package}" if package else ""
        raise InputError(
            f"{path}: the {kind} field{of} cannot be built from the file ({reason}); reconstruct it"
        ) from error
    return field


def _reason(kind: str, options: dict[str, Any], error: Exception) -> str:
    """Why a field of `kind` with these `options` came to an `error`, in words."""
    asked = inspect.signature(FIELDS[kind]).parameters
    odd = [] if any(p.kind is p.VAR_KEYWORD for p in asked.values()) else sorted(set(options) - set(asked))
    if odd:
        return f"such a field has no option {odd[0]}: the file's values are those of another"
    missing = [name for name, p in asked.items() if p.default is p.empty and name not in options and p.kind <= 1]
    if missing:
        return f"its option {missing[0]} is missing"
    return " ".join(str(error).split()).partition("state_dict for ")[2][:200] or " ".join(str(error).split())[:200]


def _metadata(path: Path) -> dict[str, Any]:
    """The header's strings, read without loading torch."""
    from safetensors import SafetensorError, safe_open

    regular(path)
    try:
        with reachable(path), path.open("rb"), safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError):
        raise InputError(f"{path}: this is not a field file or it is cut short; reconstruct or copy it again") from None


def _json(value: object) -> str:
    return json.dumps(value, default=plain)


def plain(value: object) -> object:
    """A `value` of numpy, or a path, as JSON knows it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written into a field file's header")

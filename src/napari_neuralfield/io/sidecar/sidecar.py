"""`NAME.yaml` beside a recording: supplies or overrides its metadata under the acquisition's own names.

Our own `.acq.h5` says everything itself, a corrected one more than its old sidecar: it takes only one that is written
for it, `NAME.acq.h5.yaml`.
"""

from __future__ import annotations

import typing
from pathlib import Path

import numpy as np
import yaml

from ...data import typed_values
from ...data.acquisition import KINDS, Draft, quantities
from ...data.derived import DEPTH_STEPS, DERIVING, FROM_FOCUS, IN_PIXELS, INTERVAL, THROUGH_FOCUS
from ...data.quantity import Quantity
from ...optics import probe
from ...types import InputError
from ..native.acquisition_file import NativeReader
from ..native.field_file import load_result
from . import flat_field, pattern_lists
from .leds import directions, height_mm
from .positions import read_positions
from .tables import read_image, read_table

VARIABLES = "variables"  # the names in a MATLAB file or NumPy archive: frames: diffraction
FLAT = "flat"  # an image of the empty field, by which frames are divided
OWN_KEYS = ("kind", "title", "leds", "files", FLAT, VARIABLES)
OWN_FILE = ".acq.h5"
POSITIONS = ("positions_um", IN_PIXELS)
ENDINGS = (".ome.tiff", ".ome.tif", ".npz.bz2")


def find(path: Path) -> Path | None:
    """The sidecar of a file or folder; None without one. A recipe file of the same name is not taken for it."""
    for candidate in candidates(path):
        if candidate.is_file() and "method" not in load(candidate):
            return candidate
    return None


def candidates(path: Path) -> list[Path]:
    """Where a sidecar is looked for, the first choice first."""
    whole = path.with_name(f"{path.name}.yaml")
    if path.is_dir():
        return [path / "acquisition.yaml", whole]
    if path.name.lower().endswith(OWN_FILE):
        return [whole]
    ending = next((e for e in ENDINGS if path.name.lower().endswith(e)), path.suffix)
    stem = path.name[: len(path.name) - len(ending)] if ending else path.name
    return [path.with_name(f"{stem}.yaml"), whole]


def load(path: Path) -> dict[str, object]:
    """The mapping in a YAML file.

    Raises
    ------
    InputError : where the file cannot be read or is not a mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: the sidecar cannot be read ({str(error).splitlines()[0]})") from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise InputError(f"{path}: a sidecar is a YAML mapping of name: value, such as wavelength_um: 0.522")
    return values


def kind_of(given: dict[str, object], path: Path) -> str:
    """The kind that a sidecar names.

    Parameters
    ----------
    given : what the sidecar holds.
    path : the sidecar, for the error.
    """
    kind = given.get("kind")
    if kind not in KINDS:
        said = f"kind is {kind!r}" if "kind" in given else "kind is missing"
        raise InputError(f"{path}: {said}; it must be one of {', '.join(KINDS)}")
    return str(kind)


def apply(draft: Draft, path: Path) -> None:
    """Put a sidecar's values into a draft; they override what the recording says.

    Parameters
    ----------
    draft : changed in place.
    path : the sidecar.

    Raises
    ------
    InputError : for a key that is no value of the kind, or an LED board that makes no sense.
    """
    given = load(path)
    if "kind" in given:
        draft.kind = kind_of(given, path)
    known, deriving = quantities(draft.kind), DERIVING.get(draft.kind, ())
    _make_room(draft, given)
    if "probe" not in given and any(given.get(name) is not None for name in probe.NAMES):
        draft.values.pop("probe", None)
    for name, value in given.items():
        if name == "patterns" and name in known and pattern_lists.named(value):
            continue  # below, once the LEDs are known
        if name in POSITIONS and (name in known or name in deriving):
            _put_positions(draft, name, value, path)
        elif name in known:
            put = _named if known[name].shape else _typed
            draft.values[name] = put(name, value, known[name], path)
        elif name in deriving:
            number = typed_values.Plain(unit=typed_values.unit_in(name))
            draft.values[name] = _number(name, _typed(name, value, number, path), path, draft.kind)
        elif name == "title":
            draft.values["title"] = str(value)
        elif name == "leds":
            draft.values[_led_name(draft.kind, path)] = directions(value, path)
            height = height_mm(value)
            if draft.kind == "led_array" and height is not None:
                draft.values["led_height_mm"] = height
        elif name not in OWN_KEYS:
            every = ", ".join((*OWN_KEYS, *known, *deriving))
            raise InputError(f"{path}: {name} is not a value of kind {draft.kind}; known are {every}")
    patterns = given.get("patterns")
    if "patterns" in known and pattern_lists.named(patterns):
        draft.values["patterns"] = pattern_lists.matrix(patterns, draft.values, path)
    if given.get(FLAT) is not None:
        flat_field.divide(draft, str(given[FLAT]), path)
    if set(given) & {*draft.assumed, FROM_FOCUS}:
        draft.notes = [note for note in draft.notes if note != draft.reason]
    draft.notes.append(f"values from {path.name}")


def _make_room(draft: Draft, given: dict[str, object]) -> None:
    """Take out what the recording says of depth and time where a sidecar says the same in other words.

    `focus_frame` or `z_start_um` alone adds to the step that the file gave.
    """
    told = [name for name in ("z_um", *DEPTH_STEPS) if given.get(name) is not None]
    if told and told != ["focus_frame"] and told != ["z_start_um"]:
        for name in DEPTH_STEPS:
            draft.values.pop(name, None)
    if told:
        draft.values.pop("z_um", None)
    if given.get(INTERVAL) is not None:
        draft.values.pop("time_s", None)


def _number(name: str, value: object, sidecar: Path, kind: str) -> object:
    """What is given instead of a value; through focus it is a number."""
    if kind != THROUGH_FOCUS:
        return value
    try:
        return float(typing.cast(float, value))
    except (TypeError, ValueError):
        raise InputError(f"{sidecar}: {name} is {value!r}; it must be a number") from None


def _typed(name: str, value: object, wanted: typed_values.Wanted, sidecar: Path) -> object:
    """Text, alone or in a list, as the number that it is, such as `532 nm`; everything else as it is."""
    if wanted.choices:
        return value
    try:
        return typed_values.parse_all(value, wanted)
    except InputError as error:
        unit = f" in {wanted.unit}" if wanted.unit else ""
        raise InputError(f"{sidecar}: {name} is {value!r}; it must be a number{unit}: {error}") from None


def _put_positions(draft: Draft, name: str, value: object, path: Path) -> None:
    """Positions from a list or a table, which may be in pixels; they take the place of the recording's."""
    if isinstance(value, str) and Path(value).suffix.lower() != ".npy":
        name, value = read_positions(path.parent / value, name)
    for other in POSITIONS:
        draft.values.pop(other, None)
    unit = typed_values.Plain(unit=typed_values.unit_in(name))
    draft.values[name] = _array(_typed(name, value, unit, path) if isinstance(value, list) else value, path)


def _led_name(kind: str, path: Path) -> str:
    names = {"led_array": "illumination_na", "multiplexed_led": "led_na"}
    if kind not in names:
        raise InputError(f"{path}: leds is given for kind {kind}; only {' and '.join(names)} have LEDs")
    return names[kind]


def _named(name: str, value: object, quantity: Quantity, sidecar: Path) -> object:
    """The array `name`, also out of a reconstructed field or an acquisition file that holds one of that name."""
    if not isinstance(value, str):
        return _array(_typed(name, value, quantity, sidecar), sidecar)
    file = sidecar.parent / value
    if typed_values.NUMBER.fullmatch(value.strip()) and not file.exists():
        return _typed(name, value, quantity, sidecar)  # one for all frames
    if not value.lower().endswith((".nfield", OWN_FILE)):
        return _array(value, sidecar)
    if file.suffix.lower() == ".nfield":
        found = load_result(file).calibration
    elif file.exists():
        found = NativeReader().read(file).values
    else:
        raise InputError(f"{file}: there is no such file; {sidecar.name} names it for {name}")
    if name not in found:
        raise InputError(f"{file}: there is no {name} in it, which {sidecar.name} asks for")
    return found[name]


def _array(value: object, sidecar: Path) -> object:
    """A list as it is; the name of a table or an image beside the sidecar as the numbers in it.

    `{amplitude: A, phase: P}` is a complex array; either may be left out.
    """
    if isinstance(value, dict):
        return _complex(value, sidecar)
    if not isinstance(value, str):
        return value
    file = sidecar.parent / value
    if file.suffix.lower() in (".tif", ".tiff", ".png"):
        return read_image(file)
    if file.suffix.lower() == ".npy":
        try:
            return np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            raise InputError(f"{file}: the array cannot be read; it must be a .npy file of numbers") from None
    table = read_table(file)[1]
    return table[:, 0] if table.shape[1] == 1 else table


def _complex(parts: dict[str, object], sidecar: Path) -> np.ndarray:
    if not parts or not set(parts) <= {"amplitude", "phase"}:
        raise InputError(
            f"{sidecar}: a complex array is given by {', '.join(map(str, parts)) or 'nothing'}; name its amplitude and "
            "phase (radians), or one .npy file"
        )
    amplitude, phase = (np.asarray(_array(parts.get(name, value), sidecar), dtype=float) for name, value in
                        (("amplitude", 1.0), ("phase", 0.0)))  # fmt: skip
    if amplitude.ndim and phase.ndim and amplitude.shape != phase.shape:
        raise InputError(f"{sidecar}: amplitude has shape {amplitude.shape} but phase {phase.shape}; they must agree")
    return amplitude * np.exp(1j * phase)

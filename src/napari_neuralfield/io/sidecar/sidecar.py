"""`NAME.yaml` beside a recording: supplies or overrides its metadata under the acquisition's own names.

Our own `.acq.h5` says everything itself, a corrected one more than its old sidecar: it takes only one that is written
for it, `NAME.acq.h5.yaml`.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...data import typed_values
from ...data.acquisition import KINDS, Draft, quantities
from ...data.derived import (
    DEPTH_STEPS,
    DERIVING,
    ENERGIES,
    FROM_FOCUS,
    IN_PIXELS,
    INTERVAL,
    THROUGH_FOCUS,
    wavelength_of,
)
from ...data.quantity import Quantity
from ...optics import probe
from ...types import InputError
from ..native import links
from ..native.acquisition_file import NativeReader
from ..native.field_file import load_result
from . import by_name, chosen_planes, colours, columns, flat_field, layout, pattern_lists, scan_grid
from .chosen_planes import PLANES
from .finding import OWN_FILE, VALUES_FROM, KindMissing
from .finding import beside as beside
from .finding import candidates as candidates
from .finding import find as find
from .finding import load as load
from .leds import directions, height_mm
from .positions import read_positions
from .tables import read_array, read_image, read_table

VARIABLES = "variables"  # the names in an HDF5 or MATLAB file or a NumPy archive: frames: diffraction
FLAT = "flat"  # an image of the empty field, by which frames are divided
OWN_KEYS = ("kind", "title", "leds", "files", PLANES, FLAT, VARIABLES, *layout.KEYS, *colours.KEYS)
POSITIONS = ("positions_um", IN_PIXELS)
PAIRS = {tuple(f"positions_{axis}_{unit}" for axis in "yx"): f"positions_{unit}" for unit in ("um", "px")}
BY_AXIS = tuple(name for pair in PAIRS for name in pair)
PER_FRAME = "frame"
IMAGES = (".tif", ".tiff", ".png")


def colour_listing(path: Path) -> Path | None:
    """The sidecar that lists a file for each colour: the file itself, or the one in the folder; None without one."""
    where = path / "acquisition.yaml" if path.is_dir() else path
    if where.suffix.lower() not in (".yaml", ".yml") or not where.is_file():
        return None
    try:
        return where if colours.COLOUR_FILES in load(where) else None
    except InputError:
        return None


def kind_of(given: dict[str, object], path: Path) -> str:
    """The kind that a sidecar names.

    Parameters
    ----------
    given : what the sidecar holds.
    path : the sidecar, for the error.
    """
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        said = f"kind is {kind!r}" if "kind" in given else "kind is missing"
        error = InputError if "kind" in given else KindMissing
        raise error(f"{path}: {said}; it must be one of {', '.join(KINDS)}")
    return str(kind)


def apply(draft: Draft, path: Path, given: dict[str, object] | None = None) -> None:
    """Put a sidecar's values into a draft; they override what the recording says.

    Parameters
    ----------
    draft : changed in place.
    path : the sidecar.
    given : what it holds, or the part of it that is meant; None: all.

    Raises
    ------
    InputError : for a key that is no value of the kind, or an LED board that makes no sense.
    """
    given = load(path) if given is None else given
    if "kind" in given:
        _take_kind(draft, kind_of(given, path), path)
    known, deriving = quantities(draft.kind), DERIVING.get(draft.kind, ())
    _make_room(draft, given)
    layout.apply(draft, given, path)
    chosen_planes.choose(draft, given, path)
    given = _by_frame(draft, given, known, path)
    _put_axes(draft, given, path)
    if "probe" not in given and any(given.get(name) is not None for name in probe.NAMES):
        draft.values.pop("probe", None)
    for name, value in given.items():
        if name == "patterns" and name in known and pattern_lists.named(value):
            continue  # below, once the LEDs are known
        if name in POSITIONS and (name in known or name in deriving):
            _put_positions(draft, name, value, path)
        elif name in known:
            arrays = bool(known[name].shape)
            draft.values[name] = (
                _named(draft, name, value, known[name], path) if arrays else _typed(name, value, known[name], path)
            )
        elif name in ENERGIES:
            energy = _typed(name, value, typed_values.Plain(unit=ENERGIES[name]), path)
            draft.values["wavelength_um"] = _wavelength(name, energy, path)
        elif name in deriving:
            number = typed_values.Plain(unit=typed_values.unit_in(name))
            draft.values[name] = _number(name, _typed(name, value, number, path), path, draft.kind)
        elif name == "title":
            draft.values["title"] = str(value)
        elif name == "leds":
            single = draft.frame_names if draft.kind == "led_array" else ()
            draft.values[_led_name(draft.kind, path)], notes = directions(value, path, single)
            draft.notes += notes
            height = height_mm(value)
            if draft.kind == "led_array" and height is not None:
                draft.values["led_height_mm"] = height
        elif name not in OWN_KEYS and name not in BY_AXIS:
            raise InputError(f"{path}: {_unknown(name, draft.kind)}")
    layout.spread(draft)
    patterns = given.get("patterns")
    if "patterns" in known and pattern_lists.named(patterns):
        draft.values["patterns"] = pattern_lists.matrix(patterns, draft.values, path)
    colours.apply(draft, given, path)
    if given.get(FLAT) is not None:
        flat_field.divide(draft, str(given[FLAT]), path)
    if set(given) & {*draft.assumed, FROM_FOCUS}:
        draft.notes = [note for note in draft.notes if note != draft.reason]
    draft.notes.append(f"{VALUES_FROM} {path.name}")


def _take_kind(draft: Draft, kind: str, path: Path) -> None:
    """The kind that the sidecar names, unless what the recording holds is of another."""
    known = {*quantities(kind), *DERIVING.get(kind, ()), "title"}
    foreign = [name for name, value in draft.values.items() if name not in known and value is not None]
    if kind != draft.kind and foreign:
        raise InputError(
            f"{path}: the sidecar is written for kind {kind}, but {Path(draft.source).name} holds kind {draft.kind} "
            f"(it gives {', '.join(foreign[:3])}); correct kind, or move the sidecar to the recording it belongs to"
        )
    draft.kind = kind


def _unknown(name: str, kind: str) -> str:
    """A key that is no value of the kind: those it is one of, or all that are known."""
    owners = [other for other in KINDS if name in (*quantities(other), *DERIVING.get(other, ()))]
    if owners:
        return (
            f"{name} is not a value of kind {kind} but of {' and '.join(owners)}; take it out, or correct kind where "
            "the sidecar was written for another recording"
        )
    every = ", ".join((*OWN_KEYS, *quantities(kind), *DERIVING.get(kind, ())))
    return f"{name} is not a value of kind {kind}; known are {every}"


def _by_frame(draft: Draft, given: dict[str, object], known: Mapping[str, Quantity], path: Path) -> dict[str, object]:
    """Values that are given by the names of the frames, or by one for all, as a list of one a frame."""
    count = int(draft.frames.shape[0])
    found = dict(given)
    for name, value in given.items():
        shape = known[name].shape if name in known else (PER_FRAME, 2) if name in POSITIONS else ()
        if shape[:1] != (PER_FRAME,) or len(shape) > 2:
            continue
        if isinstance(value, Mapping) and "table" not in value:
            found[name] = by_name.placed(name, value, draft.frame_names, count, str(path))
        elif shape == (PER_FRAME,) and name not in ("z_um", "time_s") and _one_number(value):
            found[name] = [value] * count
    return found


def _one_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wavelength(name: str, energy: object, path: Path) -> float:
    try:
        return wavelength_of(name, typing.cast(float, energy))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _put_axes(draft: Draft, given: dict[str, object], path: Path) -> None:
    """Positions of which y and x are given apart; they take the place of the recording's."""
    for (y, x), whole in PAIRS.items():
        if y not in given and x not in given:
            continue
        if whole not in (*quantities(draft.kind), *DERIVING.get(draft.kind, ())) or y not in given or x not in given:
            raise InputError(f"{path}: {y} and {x} are given together, for kinds that have {whole}")
        unit = typed_values.Plain(unit=typed_values.unit_in(whole))
        parts = [_array(_typed(n, v, unit, path) if isinstance(v := given[n], list) else v, path) for n in (y, x)]
        for other in POSITIONS:
            draft.values.pop(other, None)
        draft.values[whole] = scan_grid.paired(parts[0], parts[1], str(path))


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
    if isinstance(value, Mapping) or (isinstance(value, str) and Path(value).suffix.lower() != ".npy"):
        name, value, table = read_positions(value, name, path)
        value = by_name.in_order(name, table, value, draft.frame_names, str(path))
    for other in POSITIONS:
        draft.values.pop(other, None)
    unit = typed_values.Plain(unit=typed_values.unit_in(name))
    array = _array(_typed(name, value, unit, path) if isinstance(value, list) else value, path)
    if not isinstance(value, str):
        draft.values[name] = array
        return
    draft.values[name], note = scan_grid.oriented(array, int(draft.frames.shape[0]), f"{path.parent / value}:")
    draft.notes += [note] if note else []


def _led_name(kind: str, path: Path) -> str:
    names = {"led_array": "illumination_na", "multiplexed_led": "led_na"}
    if kind not in names:
        raise InputError(f"{path}: leds is given for kind {kind}; only {' and '.join(names)} have LEDs")
    return names[kind]


def _named(draft: Draft, name: str, value: object, quantity: Quantity, sidecar: Path) -> object:
    """The array `name`, also out of a reconstructed field or an acquisition file that holds one of that name."""
    if isinstance(value, Mapping) and "table" in value:
        return _from_table(draft, name, value, quantity, sidecar)
    if not isinstance(value, str):
        return _even(name, _array(_typed(name, value, quantity, sidecar), sidecar), sidecar)
    if typed_values.NUMBER.fullmatch(value.strip()) and not (sidecar.parent / value).exists():
        return _typed(name, value, quantity, sidecar)  # one for all frames
    file = links.named(value, sidecar)
    if file.suffix.lower() in (*IMAGES, ".npy"):
        return _array(value, sidecar)
    if not value.lower().endswith((".nfield", OWN_FILE)):
        return _from_table(draft, name, value, quantity, sidecar)
    if file.suffix.lower() == ".nfield":
        found = load_result(file).calibration
    elif file.exists():
        found = NativeReader().read(file).values
    else:
        raise InputError(f"{file}: there is no such file; {sidecar.name} names it for {name}")
    if name not in found:
        raise InputError(f"{file}: there is no {name} in it, which {sidecar.name} asks for")
    return found[name]


def _even(name: str, value: object, sidecar: Path) -> object:
    """A list whose rows are equally long, or anything else, as it is."""
    try:
        np.asarray(value)
    except ValueError:
        raise InputError(f"{sidecar}: {name} is a list whose rows differ in length; give each as many values") from None
    return value


def _from_table(
    draft: Draft, name: str, value: str | Mapping[str, object], quantity: Quantity, sidecar: Path
) -> object:
    """The columns of a table that hold the value, in the order of the frames where it names them."""
    shape = quantity.shape
    if shape == (PER_FRAME,):
        table, found = columns.one(value, name, quantity.unit, sidecar)
    elif shape[1:] == (2,):
        table, found, _ = columns.pair(value, name, sidecar)
    else:
        _, table, _ = columns.read(value, sidecar)
        found = table.numbers[:, 0] if table.numbers.shape[1] == 1 else table.numbers
    return by_name.in_order(name, table, found, draft.frame_names, str(sidecar)) if shape[:1] == (PER_FRAME,) else found


def _array(value: object, sidecar: Path) -> object:
    """A list as it is; the name of a table or an image beside the sidecar as the numbers in it.

    `{amplitude: A, phase: P}` is a complex array; either may be left out.
    """
    if isinstance(value, dict):
        return _complex(value, sidecar)
    if not isinstance(value, str):
        return value
    file = links.named(value, sidecar)
    if file.suffix.lower() in IMAGES:
        return read_image(file)
    if file.suffix.lower() == ".npy":
        return read_array(file)
    table = read_table(file).numbers
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

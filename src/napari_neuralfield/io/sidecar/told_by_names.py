"""What names of images say, against what the sidecar says: used where it is silent, refused where they disagree."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

import numpy as np

from ...data import name_values
from ...data.acquisition import Draft, quantities
from ...data.colours import frames_per_colour
from ...data.derived import DERIVING, IN_PIXELS, PER_STACK, THROUGH_FOCUS
from ...data.names.name_order import signed_numbers
from ...types import InputError
from . import columns
from .by_name import listed
from .leds import TABLES

IMAGES = (".tif", ".tiff", ".png")
DEPTH_WORD = re.compile(r"(?<![a-z])(?:d?z|defocus|depth)[ _=]*$")
CLOSE = 0.02  # of the range of positions or exposures, that two tellings may differ by


def settle(draft: Draft, given: Mapping[str, object], sidecar: Path | None) -> None:
    """Put what the names say into a draft, or check by it what is there; then the lengths of lists.

    Parameters
    ----------
    draft : changed in place, after its sidecar was applied.
    given : what the sidecar holds; values that it gives by name are not questioned.
    sidecar : None where there is none.

    Raises
    ------
    InputError : where names and sidecar disagree, or a list has not one entry a frame.
    """
    where = str(sidecar or draft.source)
    names = draft.frame_names
    if names and all(PurePath(name).suffix.lower() in IMAGES for name in names):
        in_order = isinstance(given.get("files"), list)
        free = {name for name in quantities(draft.kind) if not _by_name(given.get(name), sidecar)}
        if draft.kind == THROUGH_FOCUS and "z_um" in free and not in_order:
            _depths(draft, names, where)
        if "exposure" in free:
            _exposures(draft, names, where)
        if "positions_um" in free and not _by_name(given.get(IN_PIXELS), sidecar):
            _positions(draft, names, where)
    _count(draft, where)


def _by_name(value: object, sidecar: Path | None) -> bool:
    """Whether a sidecar gives a value by the names of frames: itself, or in a table that holds them."""
    if isinstance(value, Mapping) and "table" not in value:
        return True
    if sidecar is None or not (isinstance(value, Mapping) or (isinstance(value, str) and value.endswith(TABLES))):
        return False
    return bool(columns.read(value, sidecar)[1].names)


def _depths(draft: Draft, names: Sequence[str], where: str) -> None:
    """Numbers without a unit: they decide the order of a list that holds the same ones, and never contradict one."""
    numbers = signed_numbers(names, DEPTH_WORD)
    try:
        z = np.asarray(draft.values.get("z_um"), dtype=float)
    except (TypeError, ValueError):
        return  # the check of that value says what is wrong with it
    if numbers is None or z.shape != (len(names),) or len(set(numbers)) < 2:
        return
    said = np.array(numbers)
    if said.min() > 0 and z.max() <= 0 and _same_set(z, -said):
        said = -said  # the hyphens of `z-1`, `z-2` are signs after all
    counted = np.array_equal(np.sort(said), np.arange(len(said)) + said.min()) and said.min() in (0, 1)
    falling = _alike(z, -said) and said.min() >= 0 and (counted or not _same_set(z, said))  # the other way round
    if np.allclose(z, said) or (counted and (falling or not _same_set(z, said))):
        return
    if _same_set(z, said) and not falling:
        draft.values["z_um"] = said
        draft.notes.append(
            f"z_um holds the numbers in the names of the images in another order, {_numbers(z)}; the names decide: "
            f"{_paired(names, said)}"
        )
    elif not _alike(z, said) and not falling:
        raise InputError(
            f"{where}: z_um is {_numbers(z)} for {listed(names)}, whose numbers run otherwise; give z_um by name, such "
            f"as z_um: {{{names[0]}: {z[0]:g}, ...}}"
        )


def _same_set(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.allclose(np.sort(one), np.sort(other)))


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether one rises where the other does."""
    return bool((np.sign(np.subtract.outer(one, one)) == np.sign(np.subtract.outer(other, other))).all())


def _exposures(draft: Draft, names: Sequence[str], where: str) -> None:
    told = name_values.exposures_s(names)
    if told is None:
        return
    given = draft.values.get("exposure")
    if given is None:
        draft.values["exposure"] = told / told.mean()
        short = f"{told.min() * 1e3:g} to {told.max() * 1e3:g} ms"
        draft.notes.append(f"exposures from the names of the images, {short}; give exposure: 1 if they are none")
    elif np.shape(given) == told.shape:
        ratio = np.asarray(given, dtype=float) / told
        if np.ptp(ratio) > CLOSE * np.abs(ratio).max():
            at = int(np.argmax(np.abs(ratio / np.median(ratio) - 1)))
            raise InputError(
                f"{where}: exposure does not fit the names of the images: {names[at]} is given {float(given[at]):g}, "
                f"{names[at - 1]} {float(given[at - 1]):g}; leave it out, or give it by name, such as exposure: "
                f"{{{names[0]}: 1, ...}}"
            )


def _positions(draft: Draft, names: Sequence[str], where: str) -> None:
    if "positions_um" not in quantities(draft.kind):
        return
    told = name_values.positions_um(names)
    if told is None:
        return
    given = next((draft.values[n] for n in ("positions_um", IN_PIXELS) if draft.values.get(n) is not None), None)
    if given is None:
        draft.values["positions_um"] = told
        draft.notes.append(f"positions from the names of the images, as in {names[0]}")
    elif np.shape(given) == told.shape and len(told) > 4:
        other = np.column_stack([told - told.mean(axis=0), np.ones(len(told))])
        both = np.asarray(given, dtype=float)
        left = both - other @ np.linalg.lstsq(other, both, rcond=None)[0]
        if np.abs(left).max() > CLOSE * max(np.ptp(both), 1e-12):
            at = int(np.argmax(np.abs(left).max(axis=1)))
            raise InputError(
                f"{where}: the positions do not fit the names of the images, such as {names[at]}, which is given "
                f"({both[at, 0]:g}, {both[at, 1]:g}); the rows must be in the order of the images ({listed(names)})"
            )


def _count(draft: Draft, where: str) -> None:
    """A list that is too long or too short, before anything is made of it."""
    count = int(draft.frames.shape[0])
    each = frames_per_colour(draft.values.get("channel"), count)  # values of one colour hold for all
    called = f" ({listed(draft.frame_names)})" if draft.frame_names else ""
    known = quantities(draft.kind)
    per_frame = [name for name, q in known.items() if q.shape[:1] == ("frame",)]
    for name in (*per_frame, *(n for n in DERIVING.get(draft.kind, ()) if n == IN_PIXELS)):
        entries = _entries(draft.values.get(name))
        if name in ("z_um", "time_s") and draft.values.get(PER_STACK) is not None:
            continue  # may be those of one stack
        if entries not in (None, each, *map(int, draft.frames.shape)):  # frames along another axis are told later
            raise InputError(
                f"{where}: {name} has {entries} entries along 'frame' but the frames have {count}{called}; give "
                "one a frame, or give them by name"
            )


def _entries(value: object) -> int | None:
    """Along the first axis; None of a single value, or of nothing."""
    if isinstance(value, list | tuple):
        return len(value)
    shape = getattr(value, "shape", ())
    return int(shape[0]) if shape else None


def _numbers(values: np.ndarray) -> str:
    return listed([f"{value:g}" for value in values])


def _paired(names: Sequence[str], values: np.ndarray) -> str:
    return listed([f"{name} {value:g}" for name, value in zip(names, values, strict=True)])

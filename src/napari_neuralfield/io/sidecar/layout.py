"""How stored frames lie: which axis is which, amplitudes, one of several channels, and the grid of a scan.

`axes` has a letter for each stored axis: y and x of a frame, n of the frames (twice for the rows and columns of a
scan), t, z and c. Frames come in the order c, t, n, z.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...data.acquisition import Draft, quantities
from ...data.derived import DEPTH_STEPS, INTERVAL, SCANS, THROUGH_FOCUS, derived
from ...data.frames import FrameSelection
from ...types import InputError
from ..native.hdf5_frames import Key, SingleFrames
from . import scan_grid

KEYS = ("axes", "amplitudes", "use_channel", "scan_grid")
LETTERS = "ctnz"


class Stored(Protocol):
    """An array of any axes, read only where it is indexed."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, key: Any) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True, eq=False)
class ArrangedFrames:
    """Frames (frame, y, x) of a stored array.

    Parameters
    ----------
    array : as stored; can be pickled.
    axes : a letter for each of its axes.
    channel : which one of the axis c is used; None for all.
    amplitudes : what is stored is the root of the intensity, or the complex amplitude.
    cornered : the zero frequency lies at the corner of the stored frames; it is moved to the middle.
    """

    array: Stored
    axes: str
    channel: int | None = None
    amplitudes: bool = False
    cornered: bool = False

    @property
    def along(self) -> list[int]:
        """The stored axes that frames lie along, the slowest first."""
        fixed = "yx" if self.channel is None else "yxc"
        return sorted((i for i, a in enumerate(self.axes) if a not in fixed), key=lambda i: LETTERS.index(self.axes[i]))

    @property
    def shape(self) -> tuple[int, ...]:
        sizes = self.array.shape
        return math.prod(sizes[i] for i in self.along), sizes[self.axes.index("y")], sizes[self.axes.index("x")]

    @property
    def dtype(self) -> np.dtype:
        stored = np.dtype(self.array.dtype)
        if not self.amplitudes:
            return stored
        return np.promote_types(np.empty(0, stored).real.dtype, np.float32)

    @property
    def raster(self) -> tuple[int, int] | None:
        """Rows and columns of the scan; None where frames lie along one axis n, or none."""
        sizes = [n for i in self.along if self.axes[i] == "n" and (n := int(self.array.shape[i])) > 1]
        return (sizes[0], sizes[1]) if len(sizes) == 2 else None

    def numbers(self, letter: str) -> np.ndarray | None:
        """(frame,) index of each frame along the axis `letter`; None without that axis."""
        sizes = [self.array.shape[i] for i in self.along]
        letters = [self.axes[i] for i in self.along]
        return np.indices(sizes)[letters.index(letter)].reshape(-1) if letter in letters else None

    def __getitem__(self, key: Key) -> np.ndarray:
        return SingleFrames(self.shape, self.dtype, self._frame)[key]

    def _frame(self, index: int) -> np.ndarray:
        along = self.along
        at = np.unravel_index(index, [self.array.shape[i] for i in along]) if along else ()
        where: list[int | slice] = [slice(None)] * len(self.axes)
        for axis, number in zip(along, at, strict=True):
            where[axis] = int(number)
        if self.channel is not None:
            where[self.axes.index("c")] = self.channel
        frame = np.asarray(self.array[tuple(where)])
        frame = frame.T if self.axes.index("x") < self.axes.index("y") else frame
        if self.cornered:
            frame = np.roll(frame, (frame.shape[0] // 2, frame.shape[1] // 2), axis=(0, 1))
        if self.amplitudes:
            frame = np.square(np.abs(frame).astype(self.dtype))
        return frame


def arranged(array: Stored, given: Mapping[str, Any], kind: str, where: str, stored_axes: str = "") -> ArrangedFrames:
    """The frames of an array as a sidecar says, else as its container and kind do.

    Parameters
    ----------
    array : as stored.
    given : what the sidecar holds, or nothing.
    kind : of acquisition; the first two of four axes of a scan are its rows and columns.
    where : file and name of the array, for errors.
    stored_axes : how this container keeps three axes; '' for nyx.

    Raises
    ------
    InputError : where the axes are not known, or what is stored are no frames.
    """
    shape = tuple(int(n) for n in array.shape)
    _check_type(array, given, where)
    axes = _axes_of(shape, given, kind, where, stored_axes)
    channel = given.get("use_channel")
    if "c" in axes and channel is not None:
        count = shape[axes.index("c")]
        if isinstance(channel, bool) or not isinstance(channel, int) or not 0 <= channel < count:
            raise InputError(
                f"{where}: use_channel is {channel!r}, but there are {count}; it must be from 0 to {count - 1}"
            )
    elif channel is not None:
        raise InputError(f"{where}: use_channel is {channel!r}, but no axis is c; say which one is, as in axes: ncyx")
    frames = ArrangedFrames(array, axes, channel, bool(given.get("amplitudes", False)))
    return frames


def _check_type(array: Stored, given: Mapping[str, Any], where: str) -> None:
    kind = np.dtype(array.dtype).kind
    if not isinstance(given.get("amplitudes", False), bool):
        raise InputError(f"{where}: amplitudes is {given['amplitudes']!r}; it must be true or false")
    if kind == "c" and not given.get("amplitudes"):
        raise InputError(
            f"{where}: the numbers are complex; frames are intensities, so name those, or say amplitudes: true in the "
            "sidecar to take |amplitude|^2"
        )
    if kind not in "uifc":
        said = {"S": "text", "U": "text", "O": "objects", "b": "true and false"}.get(kind, str(array.dtype))
        raise InputError(f"{where}: it holds {said}, but frames are numbers; name another one as frames")


def _axes_of(shape: tuple[int, ...], given: Mapping[str, Any], kind: str, where: str, stored_axes: str) -> str:
    said = given.get("axes")
    if said is None:
        lone = next((i for i, n in enumerate(shape[:-3]) if n != 1), max(0, len(shape) - 3))
        rest = len(shape) - lone  # axes of one, before three others, say nothing
        axes = {3: stored_axes or "nyx"}.get(rest, "")
        if rest == 4 and kind in SCANS and stored_axes in ("", "nyx"):
            axes = "nnyx"
        if rest == 2 and kind == THROUGH_FOCUS:
            axes = "yx"
        if not axes:
            raise InputError(
                f"{where} has shape {shape}; it must be (frame, y, x), or its axes named in the sidecar, such as axes: "
                "tzyx (n frames, t time, z depth, c channel)"
            )
        return "n" * lone + axes
    axes = str(said).lower()
    if len(axes) != len(shape):
        raise InputError(f"{where}: axes is {said!r}, but the shape is {shape}; give one letter for each axis")
    if set(axes) - set("yx" + LETTERS) or any(axes.count(a) != 1 for a in "yx") or axes.count("n") > 2 or any(
        axes.count(a) > 1 for a in "ctz"
    ):  # fmt: skip
        raise InputError(
            f"{where}: axes is {said!r}; it must have y and x once, n for frames (twice for a raster), and t, z or c "
            "at most once"
        )
    return axes


def apply(draft: Draft, given: Mapping[str, Any], path: Path) -> None:
    """Arrange the frames of a draft as its sidecar says, unless their reader did, and place them on its scan grid.

    Parameters
    ----------
    draft : changed in place.
    given : what the sidecar holds.
    path : the sidecar, or the recording where it has none.

    Raises
    ------
    InputError : for a layout that the frames cannot have.
    """
    by_channel = draft.values.get("channel") if "use_channel" in given else None
    rest = {name: value for name, value in given.items() if name != "use_channel" or by_channel is None}
    if not isinstance(draft.frames, ArrangedFrames) and any(name in rest for name in KEYS[:3]):
        draft.frames = arranged(draft.frames, rest, draft.kind, str(path))
    if by_channel is not None:
        _choose_channel(draft, np.asarray(by_channel), given["use_channel"], path)
    if isinstance(draft.frames, ArrangedFrames):
        _settle_axes(draft, draft.frames, given)
    if given.get("scan_grid") is not None:
        for name in ("positions_um", "positions_px"):
            if given.get(name) is not None:
                raise InputError(f"{path}: both scan_grid and {name} say where the frames are; leave one out")
        raster = draft.frames.raster if isinstance(draft.frames, ArrangedFrames) else None
        scan_grid.place(draft, given["scan_grid"], raster, path)


def _choose_channel(draft: Draft, channel: np.ndarray, chosen: object, path: Path) -> None:
    """Only the frames of one channel, with the values that go with them."""
    (kept,) = np.nonzero(channel == chosen)
    if not len(kept):
        known = ", ".join(map(str, np.unique(channel)))
        raise InputError(f"{path}: use_channel is {chosen!r}, but the channels are {known}; choose one of them")
    count = len(channel)
    draft.frames = FrameSelection(draft.frames, tuple(int(i) for i in kept), slice(None), slice(None))
    for name, quantity in quantities(draft.kind).items():
        value = np.asarray(draft.values.get(name, 0.0))
        if quantity.shape[:1] == ("frame",) and value.shape[:1] == (count,):
            draft.values[name] = value[kept]
    colours = draft.values.pop("wavelengths_um", None)
    if colours is not None and isinstance(chosen, int) and len(np.ravel(colours)) > chosen:
        draft.values["wavelength_um"] = float(np.ravel(colours)[chosen])
    draft.values.pop("channel", None)
    draft.values.pop("white", None)
    draft.frame_names = tuple(draft.frame_names[i] for i in kept) if len(draft.frame_names) == count else ()


def _settle_axes(draft: Draft, frames: ArrangedFrames, given: Mapping[str, Any]) -> None:
    """What the axes say of each frame: its channel, and depths and times of which a sidecar gives one an axis."""
    if given.get("amplitudes"):
        draft.notes.append("the frames hold amplitudes; their square is taken as the intensity")
    if frames.raster is not None:
        rows, columns = frames.raster
        draft.notes.append(f"a raster of {rows} rows of {columns} frames, taken row by row")
        draft.remedies.setdefault("positions_um", scan_grid.ASK)
    channel = frames.numbers("c")
    if channel is not None and draft.values.get("channel") is None:
        draft.values["channel"] = channel


def spread(draft: Draft) -> None:
    """Depths that are given once for the axis z, and times for t, are put to every frame of `draft`.

    Steps are those of the axis, not of all frames.
    """
    frames = draft.frames
    if not isinstance(frames, ArrangedFrames) or draft.kind != THROUGH_FOCUS:
        return
    for letter, name, steps in (("z", "z_um", DEPTH_STEPS), ("t", "time_s", (INTERVAL,))):
        number = frames.numbers(letter)
        if number is None or len(frames.along) == 1:
            continue
        count = int(number.max()) + 1
        told = {n: draft.values[n] for n in (name, *steps) if draft.values.get(n) is not None}
        value = derived(THROUGH_FOCUS, told, {}, (), count).get(name)
        if value is not None and np.shape(value) == (count,):
            draft.values[name] = np.asarray(value)[number]
            for step in steps:
                draft.values.pop(step, None)

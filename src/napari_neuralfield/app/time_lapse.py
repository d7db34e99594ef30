"""Phase over time: a lazy array (t, y, x) of which only the frames and the part that are looked at are computed.

A frame of it is a time: one frame of the recording, or a stack of them through focus. Knows no method: `phase_of` turns
the number of a time into a field. Drift is undone where the field is asked, not by
moving pixels; uneven brightness is divided out of the frames before anything is made of them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..data.acquisition import Acquisition, ThroughFocus
from ..data.colours import ONE_COLOUR, refuse_colours
from ..data.times import starts_s, times
from ..types import Extent, Field, InputError
from .lazy import Index, LazyView, evaluate

if TYPE_CHECKING:
    import torch

FIELDS = 3  # of frames that are kept; each may keep as much as a large frame needs
PICTURES = 2**28  # bytes of pictures that are kept
Shown = tuple[int, bytes, bytes]  # number of a frame, and the axes of its picture


def check_time_lapse(acquisition: Acquisition) -> ThroughFocus:
    """The acquisition, where it is a time-lapse.

    Raises
    ------
    InputError : for another kind, for one time, and for frames of which nothing says when they were taken.
    """
    where = acquisition.source or "the acquisition"
    if not isinstance(acquisition, ThroughFocus):
        raise InputError(
            f"{where} is of kind {acquisition.kind}; a time-lapse is bright-field frames of kind through_focus, "
            "so reconstruct this file as a whole"
        )
    refuse_colours(acquisition.values(), "a time-lapse", ONE_COLOUR, where)
    if acquisition.frame_count < 2:
        raise InputError(
            f"{where} holds one frame; a time-lapse needs at least 2, so use: neuralfield reconstruct {where}"
        )
    if acquisition.time_s is None:
        raise InputError(
            f"{where} does not say when its {acquisition.frame_count} frames were taken; give time_s (s, one per "
            "frame) in the sidecar file, or reconstruct it as a stack through focus"
        )
    if len(times(acquisition)) < 2:
        raise InputError(
            f"{where}: its {acquisition.frame_count} frames are of one time, a stack through focus; a time-lapse "
            f"needs at least 2 times, so use: neuralfield reconstruct {where}"
        )
    return acquisition


class _KeptPlane:
    """The field of one frame, made once and asked by one thread at a time: it may keep what it works with."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.field: Field | None = None


class TimeLapse:
    """A numpy-like float32 array (t, y, x) of phase, rad; slicing gives a view, `np.asarray` computes what it shows.

    May be used from several threads. Each frame's field and the pictures made of them are kept as long as they are
    among the latest few.

    Parameters
    ----------
    acquisition : of which `phase_of` makes fields; a time-lapse.
    phase_of : number of a time -> phase-only field, rad, all of one extent.
    drift_um : (time, 2) how far (y, x) the specimen has moved in each frame, um; it is held still. None: as it is.
    um_per_rad : height of one radian, um: the array is of heights then. None: of phase.

    Raises
    ------
    InputError : where the acquisition is not a time-lapse.
    """

    dtype, complex_valued = np.dtype(np.float32), False

    def __init__(
        self,
        acquisition: ThroughFocus,
        phase_of: Callable[[int], Field],
        *,
        drift_um: np.ndarray | None = None,
        um_per_rad: float | None = None,
    ) -> None:
        self.acquisition = check_time_lapse(acquisition)
        self.groups = times(acquisition)  # numbers of the recording's frames of each time
        self.drift_um, self.um_per_rad = drift_um, um_per_rad
        self.quantity, self.unit = ("phase", "rad") if um_per_rad is None else ("height", "um")
        self._phase_of, self._lock = phase_of, threading.Lock()
        self._fields: OrderedDict[int, _KeptPlane] = OrderedDict()
        self._pictures: OrderedDict[Shown, np.ndarray] = OrderedDict()
        self._extent: Extent | None = None

    def other(self, drift_um: np.ndarray | None, um_per_rad: float | None) -> TimeLapse:
        """The same frames seen otherwise; fields that are made already are not made again.

        Parameters
        ----------
        drift_um, um_per_rad : those of the class.
        """
        seen = TimeLapse(self.acquisition, self._phase_of, drift_um=drift_um, um_per_rad=um_per_rad)
        seen._fields, seen._extent, seen._lock = self._fields, self._extent, self._lock
        return seen

    # as an array

    @property
    def extent(self) -> Extent:
        """Of every frame's field; makes that of the first where none is made yet."""
        from ..recon.engine import checkpoint

        if self._extent is None:
            self._extent = checkpoint.once("extent", lambda: self.field(0).extent)
        return self._extent

    @property
    def time_s(self) -> np.ndarray:
        """When each frame was taken, s; where it is a stack, its first one."""
        return starts_s(self.acquisition, self.groups)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self), *self.extent.shape)

    @property
    def ndim(self) -> int:
        return 3

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.groups)

    def view(self, y_um: np.ndarray, x_um: np.ndarray) -> LazyView:
        """All frames on the axes `y_um` and `x_um`, um: lazy (t, y, x)."""
        field = cast("Field", self)  # its first axis is the number of the frame
        return LazyView(field, np.arange(len(self)), y_um, x_um, "phase")

    def __getitem__(self, key: Index | tuple[Index, ...]) -> LazyView:
        return self.view(*self.extent.axes())[key]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def render(self, frames: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """`frames` by number on the axes `y_um` and `x_um` (um), as a field with time in place of depth: (t, y, x)."""
        import torch

        y, x = (np.atleast_1d(np.asarray(axis, dtype=np.float64)) for axis in (y_um, x_um))
        return torch.from_numpy(np.stack([self.picture(int(n), y, x) for n in np.atleast_1d(frames)]))

    # frames

    def field(self, number: int) -> Field:
        """The phase of one frame, as it was found.

        Raises
        ------
        InputError : where there is no such frame.
        """
        return self._made(self._counted(number))[1]

    def picture(self, number: int, y_um: np.ndarray, x_um: np.ndarray, keep: bool = True) -> np.ndarray:
        """Frame `number` on the axes `y_um` and `x_um` (um): (y, x) float32, corrected.

        Beyond the frame's borders its last values go on. With `keep` it is remembered for the next time.
        """
        number = self._counted(number)
        known = self.remembered(number, y_um, x_um)
        if known is not None:
            return known
        kept, field = self._made(number)
        move = (0.0, 0.0) if self.drift_um is None else self.drift_um[number]
        y, rows = _inside(field.extent, 0, y_um + move[0])
        x, columns = _inside(field.extent, 1, x_um + move[1])
        with kept.lock:
            image = evaluate(field, float(np.mean(field.extent.z_um)), y, x)[0]
        if y.size < y_um.size or x.size < x_um.size:
            image = image[np.ix_(rows, columns)]
        image = np.ascontiguousarray(image if self.um_per_rad is None else image * self.um_per_rad, dtype=np.float32)
        if keep:
            self._keep((number, y_um.tobytes(), x_um.tobytes()), image)
        return image

    def remembered(self, number: int, y_um: np.ndarray, x_um: np.ndarray) -> np.ndarray | None:
        """The picture of frame `number` on the axes `y_um` and `x_um` (um) where it is kept, without any waiting."""
        key = (number, y_um.tobytes(), x_um.tobytes())
        with self._lock:
            if key not in self._pictures:
                return None
            self._pictures.move_to_end(key)
            return self._pictures[key]

    def _made(self, number: int) -> tuple[_KeptPlane, Field]:
        with self._lock:
            kept = self._fields.setdefault(number, _KeptPlane())
            self._fields.move_to_end(number)
            while len(self._fields) > FIELDS:
                self._fields.popitem(last=False)
        with kept.lock:
            if kept.field is None:
                kept.field = self._phase_of(number)
            field = kept.field
        self._extent = self._extent or field.extent
        return kept, field

    def check_frames(self, numbers: Iterable[int]) -> None:
        """Raises InputError where one of these frames is not there."""
        for number in numbers:
            self._counted(number)

    def _counted(self, number: int) -> int:
        if not -len(self) <= number < len(self):
            raise InputError(f"frame {number} is not there; the time-lapse has frames 0 to {len(self) - 1}")
        return int(number) % len(self)

    def _keep(self, key: Shown, image: np.ndarray) -> None:
        image.flags.writeable = False
        with self._lock:
            self._pictures[key] = image
            held = sum(kept.nbytes for kept in self._pictures.values())
            while held > PICTURES and len(self._pictures) > 1:
                held -= self._pictures.popitem(last=False)[1].nbytes


def _inside(extent: Extent, axis: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places (um) along an axis that lie on a field, and for each place the number of the nearest of these."""
    first = extent.origin_um[axis] - extent.pixel_um / 2
    last = first + extent.size_um[axis]
    inside = np.flatnonzero((places >= first) & (places <= last))
    if inside.size == places.size:
        return places, np.arange(places.size)
    if inside.size == 0:
        return np.clip(places[:1], first, last), np.zeros(places.size, dtype=int)
    there = places[inside]
    nearest = np.where(places < first, there.argmin(), there.argmax())
    nearest[inside] = np.arange(inside.size)
    return there, nearest

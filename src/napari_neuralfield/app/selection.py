"""Frames and a region that a user chose, from what was typed to the field put in its place."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection, Iterator

import numpy as np

from ..data.acquisition import Acquisition, LedArray
from ..data.selection import USED, Selected, extent_of, select
from ..data.typed_values import WORDS
from ..types import Done, Event, Field, InputError, Preview, Result
from . import arguments


@dataclasses.dataclass(frozen=True)
class TypedSelection:
    """What was typed of a selection; None where nothing was.

    Parameters
    ----------
    frames, leave_out : `A:B`, `A:B:STEP` or `0,5,9`; `leave_out` may also be yes or no, which is an option of methods.
    region_um : `Y0,X0,Y1,X1`, um.
    optical_axis_um : `Y,X`, um of the whole frame.
    """

    frames: str | None = None
    leave_out: str | None = None
    region_um: str | None = None
    optical_axis_um: str | None = None

    def of(self, acquisition: Acquisition) -> Selected:
        """What was typed, taken of an acquisition.

        Raises
        ------
        InputError : for what is not there, and where nothing would be left.
        """
        acquisition = _with_axis(acquisition, self.optical_axis_um)
        count = acquisition.frame_count
        kept = None if self.frames is None else list(arguments.frames(self.frames, count))
        without = [] if self.leave_out is None else list(arguments.frames(self.leave_out, count, "--leave-out"))
        return select(acquisition, kept, without, arguments.region(self.region_um, extent_of(acquisition)))

    def beside(self, options: Collection[str], count: int) -> tuple[TypedSelection, dict[str, str]]:
        """The choice without what is an option of the method itself, and the text of that, by name.

        Parameters
        ----------
        options : names of the method's own.
        count : frames there are.
        """
        rest, own = self, {}
        if self.leave_out is not None and self.leave_out.lower() in WORDS:
            rest, own["leave_out"] = dataclasses.replace(rest, leave_out=None), self.leave_out
        if self.frames is not None and "frames" in options:
            own["frames"] = ",".join(map(str, arguments.frames(self.frames, count)))
            rest = dataclasses.replace(rest, frames=None)
        return rest, own


def _with_axis(acquisition: Acquisition, typed: str | None) -> Acquisition:
    """An acquisition whose LED directions hold at the optical axis that was `typed`, seen from the frame's middle."""
    if typed is None:
        return acquisition
    axis = arguments.numbers("--optical-axis-um", typed, count=2)
    if not isinstance(acquisition, LedArray):
        raise InputError(
            f"option --optical-axis-um is {typed}, but the frames are of kind {acquisition.kind}; it is for those of "
            "single LEDs, led_array, so leave it out"
        )
    if acquisition.led_height_mm is None:
        raise InputError(
            f"option --optical-axis-um is {typed}, but the distance of the LED board is not known; give led_height_mm "
            f"in the sidecar of {acquisition.source or 'the frames'}"
        )
    if acquisition.directions_at_um is not None and acquisition.optical_axis_um is not None:
        raise InputError(
            f"option --optical-axis-um is {typed}, but {acquisition.source or 'the acquisition'} has optical_axis_um "
            f"{', '.join(f'{v:g}' for v in acquisition.optical_axis_um)}; correct it there, or leave the option out"
        )
    return acquisition.replace(optical_axis_um=axis)


def said_of(chosen: Selected, count: int) -> str:
    """What was chosen, for the user; empty where it is everything.

    Parameters
    ----------
    chosen : frames and region.
    count : frames of the whole.
    """
    parts = []
    if len(chosen.numbers) < count:
        parts.append(f"{len(chosen.numbers)} of {count} frames, counted anew from 0")
    rows, columns = chosen.acquisition.frame_shape
    y, x = chosen.origin_um
    if (y, x) != (0.0, 0.0):
        known = [getattr(chosen.acquisition, n, None) is not None for n in ("led_height_mm", "directions_at_um")]
        own = ", with the LED directions seen there" if all(known) else ""
        parts.append(f"a region of {rows} x {columns} pixels from ({y:g}, {x:g}) um (y, x) on{own}")
    return " and ".join(parts)


def placed(events: Iterator[Event], chosen: Selected, count: int) -> Iterator[Event]:
    """The events of a run on a selection, its fields where the region lies, its frames numbered as in the whole.

    Parameters
    ----------
    events : of the run on `chosen.acquisition`.
    chosen : frames and region.
    count : frames of the whole.
    """
    try:
        for event in events:
            yield _numbered(in_place(event, chosen.origin_um), chosen, count)
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


def _numbered(event: Event, chosen: Selected, count: int) -> Event:
    if not isinstance(event, Done) or len(chosen.numbers) == count:
        return event
    return Done(_with_numbers(event.result, chosen.numbers))


def _with_numbers(result: Result, numbers: np.ndarray) -> Result:
    used = result.calibration.get(USED)
    kept = numbers if used is None else numbers[used]
    return dataclasses.replace(result, calibration={**result.calibration, USED: np.asarray(kept, np.int64)})


def in_place(event: Event, offset_um: tuple[float, float]) -> Event:
    """The same event with its field `offset_um` (y, x) further on."""
    if offset_um == (0.0, 0.0):
        return event
    if isinstance(event, Preview):
        return Preview(moved(event.field, offset_um), event.z_um)
    if isinstance(event, Done):
        return Done(dataclasses.replace(event.result, field=moved(event.result.field, offset_um)))
    return event


def moved(field: Field, offset_um: tuple[float, float]) -> Field:
    """The same `field` by `offset_um` (y, x) further on; its numbers are shared."""

    def further(origin_um: tuple[float, float]) -> tuple[float, float]:
        return origin_um[0] + offset_um[0], origin_um[1] + offset_um[1]

    other = copy.copy(field)
    other.extent = dataclasses.replace(field.extent, origin_um=further(field.extent.origin_um))
    for name in ("placement", "period"):  # of a network's channels, and of what planes repeat over
        place = getattr(field, name, None)
        if place is not None:
            setattr(other, name, dataclasses.replace(place, origin_um=further(place.origin_um)))
    return other

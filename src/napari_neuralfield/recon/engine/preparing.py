"""What comes before every run, whatever the method: the frames made good and what was found said; and after: a look."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterator

import numpy as np
import torch

from ...checks.findings import checks_of
from ...checks.seen.preparation import Prepared, prepared
from ...data.acquisition import Acquisition
from ...data.frames import evenly_chosen
from ...data.geometry import led_directions
from ...data.selection import USED
from ...types import Done, Event, InputError, Note, Options
from .judging import judged
from .relayed import relayed
from .unit_of_frames import factor_of, given_back, multiplied

MOST_BYTES = 2**31  # of frames that are looked at before a run
CHOSEN = ("frame", "frames")  # options that name frames by number
TOLD = ("geometry", "dose", "bright_disc")  # findings that are said though nothing is wrong: the rest hangs on them
FEW = 8  # frames: fewer do not stand in for one another
ABSURD = 1e15  # counts


def announced(acquisition: Acquisition, as_given: bool = False) -> Generator[Event, None, Prepared]:
    """Make an acquisition ready, saying what was found.

    Parameters
    ----------
    acquisition : as it was read.
    as_given : change nothing.
    """
    if as_given:
        yield Note("the frames are taken as they are given: nothing is left out, masked, filled or subtracted")
        ready = Prepared(acquisition, (), acquisition, np.arange(acquisition.frame_count))
    else:
        ready = prepared(acquisition, MOST_BYTES)
    for finding in ready.findings:
        yield Note(finding.text, "warning" if finding.level == "warning" else "info")
    for finding in checks_of(ready.acquisition, ready.survey):
        if finding.level == "warning" or finding.name in TOLD:
            yield Note(finding.text, "warning" if finding.level == "warning" else "info")
    if len(ready.left_out):
        few = "; of so few each tells what no other does, and the answer lacks it" if len(ready.kept) < FEW else ""
        yield Note(f"{len(ready.kept)} frames are left; from here on they are counted without those left out{few}")
    return ready


def prepared_run(
    acquisition: Acquisition, recipe: object, name: str, *, as_given: bool, method: Callable[..., Iterator[Event]]
) -> Iterator[Event]:
    """The events of a method on an acquisition that was made ready, its result looked at.

    Parameters
    ----------
    acquisition : as it was read.
    recipe : what the method is to do.
    name : of the method, for errors.
    as_given : take the frames as they are.
    method : of an acquisition and a recipe.

    Raises
    ------
    InputError : where the result is not finite.
    """
    said: list[str] = []

    def heard(event: Event) -> Event:
        said.extend([event.text] if isinstance(event, Note) else [])
        return event

    factor = factor_of(acquisition)
    if factor != 1:
        yield heard(Note(f"the frames are worked on times {factor:.4g}; numbers of counts are told in that unit"))
        acquisition = multiplied(acquisition, factor)
    ready = yield from relayed(announced(acquisition, as_given), heard)
    by_number = any(getattr(recipe, option, None) is not None for option in CHOSEN)
    used = ready.whole if by_number else ready.acquisition
    stream = method(used, recipe)
    try:
        for event in stream:
            if isinstance(event, Done):
                done = _looked_at(event, ready, used, name, said)
                known = getattr(acquisition, "coded_surface", None) is not None
                yield done if factor == 1 else Done(given_back(done.result, factor, known))
            else:
                yield heard(event)
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()


def _looked_at(done: Done, ready: Prepared, used: Acquisition, name: str, said: list[str]) -> Done:
    """The result, judged, with the numbers of its frames where some were left out; InputError if it is not finite."""
    count = sum(int((~torch.isfinite(value)).sum()) for value in done.result.field.state_dict().values())
    if count:
        where = used.source or "the acquisition"
        raise InputError(
            f"{where}: the result of method {name} is not finite ({count} of its numbers are NaN or infinite); "
            f"{_cause(used)}"
        )
    result = dataclasses.replace(judged(done.result, used), notes=(*said, *done.result.notes))
    if used is ready.whole:
        return Done(result)
    calibration = {**result.calibration, USED: np.asarray(ready.kept, np.int64)}
    return Done(dataclasses.replace(result, calibration=calibration))


def _cause(acquisition: Acquisition) -> str:
    """What most likely made numbers overflow, and what to do."""
    na = led_directions(acquisition)
    if na is not None and (np.hypot(*na.T) >= 1).any():
        led = int(np.hypot(*na.T).argmax())
        return f"LED {led} has a direction of NA {np.hypot(*na[led]):.3g}, which no light has: correct the directions"
    for number in evenly_chosen(acquisition.frame_count, 32):
        frame = np.asarray(acquisition.frames[int(number)])
        if np.abs(frame).max() > ABSURD:
            y, x = np.unravel_index(int(np.abs(frame).argmax()), frame.shape)
            return f"frame {number} holds {frame[y, x]:.3g} at pixel ({y}, {x}), which is no light: repair or mask it"
    values: Options = {n: v for n, v in acquisition.values().items() if isinstance(v, int | float)}
    listed = ", ".join(f"{n} {v:g}" for n, v in values.items())
    return f"check what is said of the microscope ({listed}), and the method's options"

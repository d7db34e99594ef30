"""What comes before every run, whatever the method: the frames made good and what was found said; and after: a look."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterator

import numpy as np

from ... import compute
from ...checks.findings import checks_of
from ...checks.seen.preparation import Prepared, prepared
from ...data.acquisition import Acquisition
from ...data.geometry import refuse_empty_aperture
from ...data.selection import USED
from ...fields.finite import require_finite, what_is_not_finite
from ...types import Done, Event, InputError, Note, Options, Preview
from . import checkpoint
from .judging import judged
from .relayed import relayed
from .unit_of_frames import factor_of, given_back, multiplied

MOST_BYTES = 2**31  # of frames that are looked at before a run
CHOSEN = ("frame", "frames")  # options that name frames by number
TOLD = ("geometry", "dose", "bright_disc")  # findings that are said though nothing is wrong: the rest hangs on them
ABSURD = 1e12  # times what lit pixels usually hold: no detector reaches so far
SOME = 2**14  # pixels that tell what is usual
FEW = 8  # frames: fewer do not stand in for one another


def announced(
    acquisition: Acquisition, as_given: bool = False, checked: bool = True, one_microscope: bool = False
) -> Generator[Event, None, Prepared]:
    """Make an acquisition ready, saying what was found.

    Parameters
    ----------
    acquisition : as it was read.
    as_given : change nothing.
    checked : hold the frames against what is said of the microscope, too.
    one_microscope : leave out frames that no single direction of their LED explains all over the field.
    """
    refuse_empty_aperture(acquisition)
    if as_given:
        if said := absurd_pixel(acquisition):
            raise InputError(
                f"{acquisition.source or 'the acquisition'}: {said}; mask or repair it, or leave out as_given, which "
                "keeps it from being filled"
            )
        yield Note("the frames are taken as they are given: nothing is left out, masked, filled or subtracted")
        ready = Prepared(acquisition, (), acquisition, np.arange(acquisition.frame_count))
    else:
        ready = prepared(acquisition, MOST_BYTES, one_microscope=one_microscope)
    for finding in ready.findings:
        yield Note(finding.text, "warning" if finding.level == "warning" else "info")
    for finding in checks_of(ready.acquisition, ready.survey) if checked else ():
        if finding.level == "warning" or finding.name in TOLD:
            yield Note(finding.text, "warning" if finding.level == "warning" else "info")
    if len(ready.left_out):
        few = "; of so few each tells what no other does, and the answer lacks it" if len(ready.kept) < FEW else ""
        yield Note(f"{len(ready.kept)} frames are left; from here on they are counted without those left out{few}")
    return ready


def prepared_run(
    acquisition: Acquisition,
    recipe: object,
    name: str,
    *,
    as_given: bool,
    method: Callable[..., Iterator[Event]],
    checked: bool = True,
) -> Iterator[Event]:
    """The events of a method on an acquisition that was made ready, its result looked at.

    Parameters
    ----------
    acquisition : as it was read.
    recipe : what the method is to do.
    name : of the method, for errors.
    as_given : take the frames as they are.
    method : of an acquisition and a recipe.
    checked : as for `announced`.

    Raises
    ------
    InputError : where the result is not finite.
    """
    _refuse_another_device(recipe)
    said: list[str] = []
    before: list[str] = checkpoint.beside("notes", lambda: said) or []
    said.extend(before)

    def heard(event: Event) -> Event:
        if isinstance(event, Note):
            if event.text in before:  # of the part of the run that was done before, and is played again
                del before[: before.index(event.text) + 1]
            else:
                said.append(event.text)
        return event

    factor = factor_of(acquisition)
    if factor != 1:
        yield heard(Note(f"the frames are worked on times {factor:.4g}; numbers of counts are told in that unit"))
        acquisition = multiplied(acquisition, factor)
    ready = yield from relayed(announced(acquisition, as_given, checked, one_microscope=True), heard)
    by_number = any(getattr(recipe, option, None) is not None for option in CHOSEN)
    used = ready.whole if by_number else ready.acquisition
    stream = method(used, recipe)
    try:
        for event in stream:
            if isinstance(event, Preview) and (wrong := what_is_not_finite(event.field.state_dict())):
                where = used.source or "the acquisition"
                raise InputError(f"{where}: method {name} has run away ({wrong}); {cause_in(used)}")
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


def _refuse_another_device(recipe: object) -> None:
    """Refuse to go on with a run of another device than the option of `recipe` says."""
    here = str(compute.device(getattr(recipe, "device", "auto")))
    there = checkpoint.beside("device", lambda: here)
    if there not in (None, here):
        raise InputError(
            f"the unfinished run was on device {there} and this one would be on {here}; give --device {there}, or "
            "begin anew without --resume"
        )


def _looked_at(done: Done, ready: Prepared, used: Acquisition, name: str, said: list[str]) -> Done:
    """The result, judged, with the numbers of its frames where some were left out; InputError if it is not finite."""
    where = f"{used.source or 'the acquisition'}: the result of method {name}"
    sound = require_finite(done.result, where, lambda: cause_in(used))
    result = dataclasses.replace(judged(sound, used), notes=(*said, *done.result.notes))
    if used is ready.whole:
        return Done(result)
    calibration = {**result.calibration, USED: np.asarray(ready.kept, np.int64)}
    return Done(dataclasses.replace(result, calibration=calibration))


def cause_in(acquisition: Acquisition) -> str:
    """What of an `acquisition` most likely made numbers overflow, and what to do."""
    if said := absurd_pixel(acquisition):
        return f"{said}: repair it, or leave that frame out"
    values: Options = {n: v for n, v in acquisition.values().items() if isinstance(v, int | float)}
    listed = ", ".join(f"{n} {v:g}" for n, v in values.items())
    return f"check what is said of the microscope ({listed}), and the method's options"


def absurd_pixel(acquisition: Acquisition) -> str:
    """The first frame of an `acquisition` with a pixel that is no light, and its place; empty where there is none."""
    for number in range(acquisition.frame_count):
        frame = np.abs(np.asarray(acquisition.frames[number]))
        if frame.dtype.kind != "f":
            return ""
        highest = float(np.max(frame, initial=0))
        lit = frame[frame > 0]
        usual = float(np.median(lit[:: max(1, lit.size // SOME)])) if lit.size else 0.0
        if highest > ABSURD * usual:
            y, x = np.unravel_index(int(frame.argmax()), frame.shape)
            return (
                f"frame {number} holds {highest:.3g} in row {y}, column {x}, which is no light: "
                f"half of the lit ones hold at most {usual:.3g}"
            )
    return ""

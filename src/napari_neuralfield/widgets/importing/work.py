"""What the assistant works out away from the window: drafts, first looks at planes, and what the frames say."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from ...app.frame_table import Row, frame_table
from ...app.importing.orders import BoardFinding, board_finding
from ...app.importing.questions import Values
from ...app.importing.recording import Import
from ...data.acquisition import Draft, LedArray
from ...io.sidecar import finding
from ...types import InputError
from ..kit.settings import Settings

TRIALS = "led_array", "ptychography"  # kinds under which frames are looked at before theirs is known
OF_FRAMES = ("files", "planes", "axes", "use_channel", "amplitudes", "variables")  # what a sidecar says of frames alone
OF_ONE = (*OF_FRAMES, "kind", "title", "z_um", "focus_frame", "exposure", "positions_um", "positions_px")
OF_ALL = (*OF_FRAMES, "kind", "title", "flat", "leds", "scan_grid")


@dataclasses.dataclass(frozen=True)
class ImportAnswer:
    """What is known with the values said so far.

    draft : None where a value makes no sense; `problem` says so, or what is still missing; '' where it is complete.
    missing : names of what is.
    rows : of the table of planes.
    """

    draft: Draft | None
    problem: str
    missing: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


def first_draft(task: Import) -> tuple[Draft, bool]:
    """The frames, and whether their kind is known.

    Raises
    ------
    InputError : where they cannot be read.
    """
    try:
        return task.draft(), True
    except finding.KindMissing:
        frames = {name: value for name, value in task.values.items() if name in OF_FRAMES}
    for kind in TRIALS:
        try:
            return dataclasses.replace(task, values={**frames, "kind": kind}).draft(), False
        except InputError:
            if kind == TRIALS[-1]:
                raise
    raise AssertionError


def answer(task: Import, means: Mapping[int, float]) -> ImportAnswer:
    """What is known with the values said so far.

    Parameters
    ----------
    task : that nobody changes meanwhile.
    means : brightness of frames, by number, as far as they were looked at.
    """
    try:
        draft = task.draft()
    except InputError as error:
        return ImportAnswer(None, _short(error, task))
    missing, rows = tuple(draft.missing()), tuple(frame_table(draft, means))
    if missing:
        return ImportAnswer(draft, "", missing, rows)
    try:
        draft.complete()
    except InputError as error:
        return ImportAnswer(draft, _short(error, task), (), rows)
    return ImportAnswer(draft, "", (), rows)


def _short(error: InputError, task: Import) -> str:
    """The sentence without the paths that the window shows anyway."""
    text = str(error)
    for path in (task.sidecar, task.recording):
        text = text.removeprefix(f"{path}: ")
    return text


def judge_board(draft: Draft, means: np.ndarray, leds: Values, task: Import) -> BoardFinding | None:
    """What the frames say of their LED board.

    Parameters
    ----------
    draft : complete.
    means : brightness of its frames (frame,).
    leds : of the sidecar.
    task : whose sidecar it is.
    """
    acquisition = draft.complete()
    return board_finding(acquisition, means, leds, task.sidecar) if isinstance(acquisition, LedArray) else None


def write_sidecar(task: Import, asks: Callable[[str], bool]) -> None:
    """Write what was said as the sidecar; one that is there is only replaced where the user says so.

    Parameters
    ----------
    task : whose sidecar it is.
    asks : puts a question to the user; whether the answer is yes.

    Raises
    ------
    InputError : where it cannot be written.
    """
    try:
        there = task.sidecar.exists()
        if there and task.there and not task.unsaid() and set(finding.load(task.sidecar)) <= set(task.values):
            return
        if not there or asks(f"{task.sidecar.name} is there already. Replace it by what is said here?"):
            task.write_sidecar()
    except OSError as error:
        raise InputError(f"{task.sidecar}: it cannot be written ({error}); untick it, or save an .acq.h5") from error


def remember(settings: Settings, kind: str, said: Mapping[str, object]) -> None:
    """Keep what was said of the microscope for the next recording.

    Parameters
    ----------
    settings : of the user.
    kind : of the recording.
    said : its values, of which those of the recording alone are left out.
    """
    settings.set(f"import.{kind}", {name: value for name, value in said.items() if name not in OF_ONE})


def remembered(settings: Settings, kind: str) -> Values:
    """What was said of the last recording.

    Parameters
    ----------
    settings : of the user.
    kind : of the recording.
    """
    found = settings.get(f"import.{kind}")
    return dict(found) if isinstance(found, dict) else {}

"""How far a command has come is kept beside its output, and `--resume` goes on from there."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..types import InputError
from .ends import interrupts
from .terminal import Interrupted

if TYPE_CHECKING:
    from ..data.acquisition import Acquisition
    from ..recon.engine.checkpoint import Checkpoint
    from ..recon.engine.recipe import Recipe

GRACE = 1.5  # seconds in which a run that is asked to stop may reach the end of a turn
GO_ON = "the same command with --resume goes on from there"
SAME_ANSWER = ("device", "method")  # where it is worked out; and what is told by a name of its own


@Parameter(name="*")
@dataclasses.dataclass(frozen=True)
class Keeping:
    """How an interrupted run can go on.

    Parameters
    ----------
    checkpoint_seconds
        How far the run has come is kept so often, in s, in OUT.checkpoint beside the output until that is there.
    resume
        Go on from OUT.checkpoint, which the same command left when it was interrupted.
    """

    checkpoint_seconds: float = 60.0
    resume: Annotated[bool, Parameter(negative=())] = False


USUAL = Keeping()


def _always() -> bool:
    return True


@contextlib.contextmanager
def kept(output: Path, keeping: Keeping, of: Callable[[], Mapping[str, object]]) -> Iterator[Checkpoint]:
    """Inside, the run that writes `output` keeps how far it is; once the output is there, nothing of that is left.

    Ctrl-C ends the run after the turn in hand, twice at once.

    Parameters
    ----------
    output : file that the run will write, inside this block.
    keeping : how often, and whether it goes on.
    of : what the run is of, JSON-ready by the name a user knows it by; asked for before the first time it is kept.

    Raises
    ------
    InputError : where there is nothing to go on from, or it is of something else.
    """
    from ..io.native.checkpoint_file import CheckpointFile, checkpoint_of
    from ..recon.engine.checkpoint import Checkpoint, using

    if not keeping.checkpoint_seconds >= 0:
        raise InputError(
            f"option --checkpoint-seconds is {keeping.checkpoint_seconds:g}; it must be 0 or more seconds, such as 60"
        )
    file = CheckpointFile(checkpoint_of(output), of)
    checkpoint = Checkpoint(file, keeping.checkpoint_seconds, keeping.resume)
    if file.path.exists():
        print(f"going on from {file.path}" if keeping.resume else f"begun anew; --resume would go on from {file.path}")
    try:
        heard = interrupts.asked_to_end(_always, checkpoint.stop_soon, GRACE, lambda: checkpoint.stopped)
        with using(checkpoint), heard:
            yield checkpoint
    except KeyboardInterrupt as stopped:
        if not checkpoint.stopped:
            checkpoint.write()
        text = str(stopped) or "interrupted"
        raise Interrupted(f"{text}; {GO_ON}" if checkpoint.written or keeping.resume else text) from None
    except Exception as error:
        if not isinstance(error, InputError):
            checkpoint.write()
        if checkpoint.written or keeping.resume:
            error.add_note(f"how far it was is in {file.path}: {GO_ON}")
        raise
    file.remove()


def of_run(
    file: Path, acquisition: Acquisition, recipe: Recipe, typed: Mapping[str, object] = MappingProxyType({})
) -> dict[str, object]:
    """What a run is of.

    Parameters
    ----------
    file : its name counts.
    acquisition : frames and values.
    recipe : method and options.
    typed : other options, by name.
    """
    from ..io.native.checkpoint_file import fingerprint

    every = {**recipe.model_dump(mode="json"), **typed}
    options = {f"option {n}": v for n, v in every.items() if n not in SAME_ANSWER}
    return {"file": file.name, "frames and values": fingerprint(acquisition), "method": recipe.method, **options}


def of_file(file: Path, typed: Mapping[str, object]) -> dict[str, object]:
    """What a run is of: what its `file` holds, and what was `typed`, by the name of the option."""
    from ..io.native.checkpoint_file import digest

    return {"file": file.name, "content": digest(file), **{f"option {name}": value for name, value in typed.items()}}

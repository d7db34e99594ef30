"""Pieces of work, one after the other in this process; `cluster.py` runs the same ones in many processes.

A piece is a plain function that can be pickled, with small arguments: paths and numbers, never arrays. It may be a
generator: what it yields while it works is heard as it comes, and what it returns is its outcome.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import types
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from ... import memory
from ...types import InputError

TRIES = 2  # of a piece that fails


class EndsAll(InputError):
    """Raised by a piece of work where none of the others can do better, such as on a full disk; it is not retried."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """One piece of work.

    Parameters
    ----------
    key : its name, no two alike.
    call : a function of a module, with or without `yield`.
    arguments : of the call; small.
    """

    key: str
    call: Callable[..., object]
    arguments: tuple[object, ...] = ()


@dataclasses.dataclass(frozen=True)
class Heard:
    """What a piece said while it works: `what` it yielded, anything that can be pickled."""

    key: str
    what: object


@dataclasses.dataclass(frozen=True)
class Ended:
    """A piece has ended.

    Parameters
    ----------
    key : of the piece.
    outcome : what it returned; None where it failed.
    error : why it failed, a sentence for the user; empty where it did not.
    tries : how often it was begun.
    """

    key: str
    outcome: object = None
    error: str = ""
    tries: int = 1


class Executor(Protocol):
    """Runs pieces of work in any order. Closing the iterator cancels what has not ended."""

    def run(self, pieces: Iterable[Piece]) -> Iterator[Heard | Ended]:
        """Every piece ends once: well, or left out after it failed twice.

        Raises
        ------
        EndsAll : as a piece did, when nothing else can be done.
        InputError : where there is nothing to run on.
        """
        ...

    def kept(self) -> AbstractContextManager[Executor]:
        """The same for several runs inside, whose processes begin with the first of them."""
        ...


class InProcess:
    """One piece after the other, here."""

    def kept(self) -> AbstractContextManager[Executor]:
        """See `Executor`."""
        return contextlib.nullcontext(self)

    def run(self, pieces: Iterable[Piece]) -> Iterator[Heard | Ended]:
        """See `Executor`. A piece that failed is tried again after all others.

        Parameters
        ----------
        pieces : of work.
        """
        waiting = collections.deque((piece, 1) for piece in pieces)
        while waiting:
            piece, tries = waiting.popleft()
            ended = yield from _heard(piece, tries)
            if ended.error and tries < TRIES:
                waiting.append((piece, tries + 1))
            else:
                yield ended


def _heard(piece: Piece, tries: int) -> Generator[Heard, None, Ended]:
    work = followed(piece)
    try:
        while True:
            yield Heard(piece.key, next(work))
    except StopIteration as end:
        return Ended(piece.key, end.value, tries=tries)
    except EndsAll:
        raise
    except Exception as error:
        return Ended(piece.key, error=why(error), tries=tries)
    finally:
        work.close()


def followed(piece: Piece) -> Generator[object, None, object]:
    """What a `piece` yields and returns, whether it is a generator or not."""
    found = piece.call(*piece.arguments)
    if isinstance(found, types.GeneratorType):
        found = yield from found
    return found


def why(error: BaseException) -> str:
    """What a user should read about an error that ended a piece of work."""
    if memory.is_out_of_memory(error):
        return memory.sentence(error, ("smaller tiles (--tile-px)", "fewer workers (--workers)"))
    if isinstance(error, InputError):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no further details'}"

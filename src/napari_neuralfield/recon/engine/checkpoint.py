"""How far a long run has come, kept at intervals, so that the same run can go on from there.

What runs says in passing where it can be taken up again: a loop hands over its state at the end of a turn, a stage its
value once it has it. Where nobody keeps checkpoints all of this does nothing. A run that goes on is played from its
beginning; finished stages give their value at once, loops begin at the turn that was kept, and all else is done again
and, being deterministic, comes out the same. So a method that says nothing is right too; it only begins anew.

    loop = checkpoint.loop("passes")
    number, state = loop.found or (0, first_guess)

    def now():
        return number, state

    while number < passes:
        ...
        number += 1
        loop.reached(now)
    loop.ended(now)
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

import torch
from torch.overrides import TorchFunctionMode

from ...types import Event

T = TypeVar("T")
Said = TypeVar("Said")
log = logging.getLogger(__name__)
WORTH, LONGER = 20, 10  # a write that took long is not due again before so many times that, or of the interval


class Store(Protocol):
    """Where checkpoints are kept."""

    def load(self) -> dict[str, Any]:
        """What was kept, by name; empty where nothing was."""
        ...

    def save(self, parts: dict[str, Any]) -> None:
        """Keep `parts` instead of what was kept before: numbers, texts, tensors, arrays, our own objects of these."""
        ...


@dataclasses.dataclass
class OffDevice:
    """A tensor of an accelerator, kept in the memory of the processor; a deep copy is on its `device` again."""

    tensor: torch.Tensor
    device: str

    def __deepcopy__(self, memo: dict[int, object]) -> torch.Tensor:
        return self.tensor.to(self.device)


class _OffDevice(TorchFunctionMode):
    """Inside, deep copies of an accelerator's tensors take none of its memory."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.__deepcopy__ and args[0].device.type != "cpu":
            return OffDevice(args[0].detach().cpu(), str(args[0].device))
        return func(*args, **(kwargs or {}))


def _copied(value: T) -> T:
    with _OffDevice():
        return copy.deepcopy(value)


class StoppedHere(KeyboardInterrupt):
    """A run that was asked to stop did so, right after its state was kept."""


class Checkpoint:
    """The states of a run's loops and the values of its finished stages.

    Parameters
    ----------
    store : where they are kept.
    seconds : of the clock between two writes, at least.
    resume : begin with what `store` has.
    """

    def __init__(self, store: Store, seconds: float = 60.0, resume: bool = False) -> None:
        self._store, self._seconds = store, seconds
        self._parts = store.load() if resume else {}
        self._inside: list[str] = []
        self._seen: dict[str, int] = {}
        self._beside: dict[str, Callable[[], object]] = {}
        self._next = time.monotonic() + seconds
        self._stop = self.stopped = False
        self.written = False

    def stop_soon(self) -> None:
        """End the run with `StoppedHere` at the next turn of a loop or end of a stage. May be called by a signal."""
        self._stop = True

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop."""
        return self._stop

    def name_of(self, what: str) -> str:
        """The full name of a loop or stage that begins now: stages are folders, and repeated names are counted."""
        name = "/".join([*self._inside, what])
        count = self._seen[name] = self._seen.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    def found(self, name: str) -> Any:
        """A copy of what is kept under the full `name`, None where nothing is."""
        return copy.deepcopy(self._parts.get(name))

    def enter(self, name: str) -> None:
        self._inside.append(name.rsplit("/", 1)[-1])

    def leave(self) -> None:
        self._inside.pop()

    def close(self, name: str, value: object) -> None:
        """A stage ended with `value`: what was inside is no longer needed."""
        for inner in [part for part in self._parts if part.startswith(f"{name}/")]:
            del self._parts[inner]
        self._parts[name] = [_copied(value)]
        self._look(lambda: None)

    def reached(self, name: str, state: Callable[[], object]) -> None:
        """The loop `name` is where `state` tells; asked for only where it is time to write."""

        def take() -> None:
            self._parts[name] = _copied(state())

        self._look(take)

    def ended(self, name: str, state: Callable[[], object]) -> None:
        """The loop `name` is over, where `state` tells: kept for the next writing, so that none of it is done again."""
        self._parts[name] = _copied(state())
        self._look(lambda: None)

    def beside(self, name: str, state: Callable[[], object]) -> None:
        """Write what `state` tells under `name` whenever something is written."""
        self._beside[name] = state

    def _look(self, take: Callable[[], None]) -> None:
        if not self._stop and time.monotonic() < self._next:
            return
        take()
        self.write()
        if self._stop:
            self.stopped = True
            raise StoppedHere

    def write(self) -> None:
        """Keep what is known now: also of a run that was broken off, whose finished stages are whole."""
        if not self._parts:
            return
        began = time.monotonic()
        try:
            self._parts.update({name: _copied(state()) for name, state in self._beside.items()})
            self._store.save(self._parts)
            self.written = True
        except Exception as error:  # a full disk must not end a run that lasted an hour
            log.warning("how far the run is cannot be kept (%s: %s)", type(error).__name__, error)
        self._next = time.monotonic() + max(
            self._seconds, min(WORTH * (time.monotonic() - began), LONGER * self._seconds)
        )


_CURRENT: ContextVar[Checkpoint | None] = ContextVar("checkpoint", default=None)


@contextlib.contextmanager
def using(checkpoint: Checkpoint | None) -> Iterator[None]:
    """Inside, everything that runs in this thread keeps its states in `checkpoint`; nowhere where that is None."""
    before = _CURRENT.set(checkpoint)
    try:
        yield
    finally:
        _CURRENT.reset(before)


class Loop:
    """One loop of a run.

    `found` is the state that it begins with, None at the usual beginning; `kept` says whether anybody keeps states.
    """

    def __init__(self, what: str) -> None:
        self._checkpoint = _CURRENT.get()
        self.kept = self._checkpoint is not None
        self._name = "" if self._checkpoint is None else self._checkpoint.name_of(what)
        self.found: Any = None if self._checkpoint is None else self._checkpoint.found(self._name)

    def reached(self, state: Callable[[], object]) -> None:
        """A turn is over; `state()` is all that the next one depends on: numbers, detached tensors, random states."""
        if self._checkpoint is not None:
            self._checkpoint.reached(self._name, state)

    def ended(self, state: Callable[[], object]) -> None:
        """All turns are over; `state()` as of `reached`. What follows the loop must come out of it."""
        if self._checkpoint is not None:
            self._checkpoint.ended(self._name, state)


def beside(what: str, state: Callable[[], T]) -> T | None:
    """Keep what `state` tells with everything that is kept from now on, as `what`; what an earlier run kept so."""
    now = _CURRENT.get()
    if now is None:
        return None
    name = now.name_of(what)
    now.beside(name, state)
    found: T | None = now.found(name)
    return found


def loop(what: str) -> Loop:
    """The loop called `what` begins; its state of an earlier run is in `found`."""
    return Loop(what)


def once_from(what: str, events: Generator[Said, None, T]) -> Generator[Said, None, T]:
    """The events of a stage and the value that it returns; of a stage that was finished before, the value alone.

    Parameters
    ----------
    what : the stage is called, within the one around it.
    events : of the stage; closed unheard where its value is known. What it has been handed it must not change in place.
    """
    now = _CURRENT.get()
    if now is None:
        return (yield from events)
    name = now.name_of(what)
    known = now.found(name)
    if known is not None:
        events.close()
        value: T = known[0]
        return value
    now.enter(name)
    try:
        value = yield from events
    finally:
        now.leave()
    now.close(name, value)
    return value


def once(what: str, make: Callable[[], T]) -> T:
    """The value of `make()`, or that of an earlier run; `what` the stage is called, within the one around it."""

    def events() -> Generator[Event, None, T]:
        yield from ()
        return make()

    stage = once_from(what, events())
    while True:
        try:
            next(stage)
        except StopIteration as end:
            value: T = end.value
            return value

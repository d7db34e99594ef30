"""The events of one generator handed on by another, each changed or left out on the way."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from ...types import Event

Answer = TypeVar("Answer")


def relayed(
    stream: Generator[Event, None, Answer], change: Callable[[Event], Event | None]
) -> Generator[Event, None, Answer]:
    """Hand on what `change` makes of every event of a stream, and return what the stream returns.

    Parameters
    ----------
    stream : of events.
    change : of an event; None leaves it out.
    """
    while True:
        try:
            event = next(stream)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        changed = change(event)
        if changed is not None:
            yield changed

"""Ctrl-C, and the signals by which a system ends a program (SIGTERM, SIGHUP): all are heard alike."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from types import FrameType

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_heard = [int(signal.SIGINT)]  # the last one


def status() -> int:
    """Exit status of a program that the last signal ended: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + _heard[0]


@contextlib.contextmanager
def as_ctrl_c() -> Iterator[None]:
    """While the block runs, every such signal raises KeyboardInterrupt; one that is ignored (nohup) stays so."""

    def heard(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    _heard[0] = int(signal.SIGINT)
    with _handled(heard, (signal.SIG_DFL, signal.default_int_handler)):
        yield


@contextlib.contextmanager
def asked_to_end(
    begun: Callable[[], bool],
    ask: Callable[[], None] | None = None,
    grace_s: float | None = None,
    over: Callable[[], bool] = lambda: False,
) -> Iterator[threading.Event]:
    """The first signal sets the event that is yielded, for an end after the step in hand; the next one ends at once.

    Parameters
    ----------
    begun : whether there is anything that would be worth keeping; where not, the first signal ends at once too.
    ask : called by the first signal.
    grace_s : seconds after which the first signal ends at once all the same; None: never.
    over : whether the end has come by then, and what is left is saving.
    """
    asked = threading.Event()
    waits: list[threading.Timer] = []

    def end(number: int) -> None:
        if not over():
            signal.raise_signal(number)

    def heard(number: int, frame: FrameType | None) -> None:
        if asked.is_set() or not begun():
            raise KeyboardInterrupt
        asked.set()
        if ask is not None:
            ask()
        if grace_s is not None:
            waits.append(threading.Timer(grace_s, end, [number]))
            waits[0].daemon = True
            waits[0].start()

    with _handled(heard, None):
        try:
            yield asked
        finally:
            for wait in waits:
                wait.cancel()


@contextlib.contextmanager
def _handled(handler: Callable[[int, FrameType | None], None], instead_of: tuple[object, ...] | None) -> Iterator[None]:
    """Let `handler` hear signals whose handlers are among `instead_of`; where None, Ctrl-C and all heard already."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def heard(number: int, frame: FrameType | None) -> None:
        _heard[0] = number
        if number != signal.SIGINT and number != signal.SIGTERM:
            _leave_the_terminal()
        handler(number, frame)

    before = {number: signal.getsignal(number) for number in ENDING}
    for number, old in before.items():
        everything = callable(old) or number == signal.SIGINT
        if (old in instead_of) if instead_of is not None else everything:
            signal.signal(number, heard)
    try:
        yield
    finally:
        for number, old in before.items():
            if old is not None:
                signal.signal(number, old)


def _leave_the_terminal() -> None:
    """It is gone after SIGHUP: what is written to it would be an error in the middle of saving."""
    for stream in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(stream).st_mode):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream)
                os.close(nowhere)

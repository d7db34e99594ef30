"""Device, dtype, threads and running out of memory: the only place that decides them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import torch

from . import memory
from .memory import is_out_of_memory as is_out_of_memory
from .types import InputError

Item = TypeVar("Item")
REAL = torch.float32
COMPLEX = torch.complex64


def devices() -> list[str]:
    """What can be chosen here, the fastest first."""
    found = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [*found, "cpu"]


def device(name: str = "auto") -> torch.device:
    """The device called `name`; 'auto' takes the fastest there is.

    Raises
    ------
    InputError : where this machine has no such device.
    """
    known = devices()
    if name == "auto":
        return torch.device(known[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in known:
        raise InputError(f"device {name!r} is not on this machine; choose auto or one of {', '.join(known)}")
    return torch.device(wanted)


def seed(value: int) -> torch.Generator:
    """A CPU generator: the same numbers on every device."""
    return torch.Generator().manual_seed(int(value))


def release() -> None:
    """Give cached device memory back, after an out-of-memory error."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
    elif torch.xpu.is_available():
        torch.xpu.empty_cache()


@contextmanager
def _threads(most: int) -> Iterator[None]:
    """At most so many threads of torch inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, most)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def leave_a_core_to_the_window() -> AbstractContextManager[None]:
    """All cores but one for torch inside, so that a window stays responsive."""
    return _threads((os.cpu_count() or 2) - 1)


def on_one_thread(events: Iterator[Item]) -> Iterator[Item]:
    """The same events, made on one thread of torch: many small images wait longer for a second core than it saves."""
    while True:
        with _threads(1):
            try:
                event = next(events)
            except StopIteration:
                return
        yield event


def free_bytes(where: torch.device) -> int:
    """Memory that is free on a device now; of what is not known, as much as of the processor."""
    if where.type == "cuda":
        return int(torch.cuda.mem_get_info(where)[0])
    if where.type == "mps":
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    if where.type == "xpu":
        return int(torch.xpu.mem_get_info(where)[0])
    return memory.free_bytes()

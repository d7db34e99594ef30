"""Device, dtype, threads and running out of memory: the only place that decides them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TypeVar

import torch

from . import memory
from .memory import is_out_of_memory as is_out_of_memory
from .types import InputError

Item = TypeVar("Item")
REAL = torch.float32
COMPLEX = torch.complex64
KINDS = {"cuda", "xpu", "mps"}
WITHOUT_DOUBLE = {"mps"}


def devices() -> list[str]:
    """What can be chosen here, the fastest first: cards of NVIDIA and AMD (cuda), of Intel (xpu) and of Apple (mps)."""
    return [*(name for name, why in cards() if not why), "cpu"]


@cache
def cards() -> tuple[tuple[str, str], ...]:
    """Graphics cards of this machine, and why each cannot be used; "" where it can."""
    accelerator = getattr(torch, "accelerator", None)
    if accelerator is None:  # before torch 2.6
        return tuple((f"cuda:{i}", "") for i in range(torch.cuda.device_count()))
    kind = accelerator.current_accelerator()
    if kind is None or kind.type not in KINDS or not accelerator.is_available():
        return ()
    names = ["mps"] if kind.type == "mps" else [f"{kind.type}:{i}" for i in range(accelerator.device_count())]
    return tuple((name, _why_not(name)) for name in names)


def _why_not(name: str) -> str:
    """What keeps a card from what every method needs: double precision, transforms of complex numbers, gradients."""
    try:
        float(torch.ones(2, dtype=torch.float64, device=name).sum())
        wave = torch.randn(2, 8, 8, generator=seed(0)).to(name).requires_grad_()
        there = torch.fft.ifft2(torch.fft.fft2(torch.view_as_complex(wave.permute(1, 2, 0).contiguous())))
        torch.view_as_real(there).square().sum().backward()
        exact = wave.grad is not None and torch.allclose(wave.grad.cpu(), 2 * wave.detach().cpu(), atol=1e-3)
    except Exception as failure:  # whatever a driver says
        return (str(failure).splitlines() or [type(failure).__name__])[0]
    return "" if exact else "transforms of complex numbers come out wrong"


def device(name: str = "auto") -> torch.device:
    """The device called `name`; 'auto' takes the fastest there is.

    Raises
    ------
    InputError : where this machine has no such device, or cannot use it.
    """
    known = devices()
    if name == "auto":
        return torch.device(known[0])
    wanted = f"{name}:0" if name in ("cuda", "xpu") else name
    if wanted not in known:
        why = dict(cards()).get(wanted, "")
        fault = f"cannot be used ({why})" if why else "is not on this machine"
        raise InputError(f"device {name!r} {fault}; choose auto or one of {', '.join(known)}")
    return torch.device(wanted)


def precise(where: torch.device | str) -> torch.dtype:
    """The widest real numbers of a device, for loops that can do with less: Apple's cards have no double precision."""
    return torch.float32 if torch.device(where).type in WITHOUT_DOUBLE else torch.float64


def half_precision(where: torch.device, wanted: bool) -> AbstractContextManager[object]:
    """Networks compute in bfloat16 on the device `where` inside, if `wanted` and if it can."""
    return torch.autocast(where.type, torch.bfloat16) if wanted and where.type in {"cpu", *KINDS} else nullcontext()


def seed(value: int) -> torch.Generator:
    """A CPU generator: the same numbers on every device."""
    return torch.Generator().manual_seed(int(value))


def release() -> None:
    """Give cached device memory back, after an out-of-memory error."""
    for kind in {name.partition(":")[0] for name in devices()} & KINDS:
        torch.get_device_module(kind).empty_cache()


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


def one_thread() -> AbstractContextManager[None]:
    """One thread for torch inside: the answer is the same wherever it is worked out."""
    return _threads(1)


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

"""Running out of memory, in whatever words it is said, and how much there is. Without torch, which may not fit then."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50, "e": 2**60}
WORDS = re.compile(
    r"out of memory|out_of_(device_|host_)?memory|not enough memory|insufficient memory|memory exhausted|"
    r"(can't|cannot|could not|couldn't|failed to|unable to) allocate|memory allocation failed|alloc_failed|"
    r"bad[_ ]alloc|could not create a (primitive|memory)|unable to mmap|failed to map segment|"
    r"cudnn_status_not_supported.*alloc",
    re.IGNORECASE | re.DOTALL,
)
OTHERWISE = re.compile(r"static tls block|no space left", re.IGNORECASE)  # of a loader, and of a disk
SIZE = re.compile(
    r"(?:tried to|unable to|cannot|can't|could not|failed to)? ?(?:allocate|mmap|allocation of)[^0-9]{0,40}"
    r"(\d+(?:\.\d+)?) ?(?:([kmgtpe])i?b\b|bytes|b\b)",
    re.IGNORECASE,
)
LIMITS = (  # of a group of processes: what it may use and what it uses, newer and older systems
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ),
)
FEWER = {  # options by which methods and commands need less memory, the surest first
    "depths_at_once": "solve fewer planes together (--depths-at-once 1)",
    "planes": "fewer planes (--planes)",
    "depth_nodes": "fewer depths (--depth-nodes)",
    "leds_per_step": "fewer LEDs a step (--leds-per-step)",
    "batch": "fewer frames a step (--batch)",
    "points": "fewer points a step (--points)",
    "upsampling": "a smaller --upsampling",
    "modes": "fewer modes (--modes)",
    "pad": "less room around the frames (--pad 0)",
    "z_um": "a smaller range of depths, or a single one (--z-um)",
}
MOST = 3  # remedies in a sentence


KEPT = {-1: 2**20, -3: 2**25}  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of the C library, bytes


def keep_little() -> None:
    """Have what is freed given back from now on, where the C library is glibc; nothing happens elsewhere.

    glibc keeps up to 64 MB of free memory for each of up to eight threads a core, for ever: its sixteen stocks of a
    small machine grow with every run, though nothing is left of the runs. With 1 MB each they do not, and transforms
    cost no more; the second value is the one that it arrives at by itself.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        for what, most in KEPT.items():
            ctypes.CDLL(None).mallopt(what, most)


def give_back() -> None:
    """Return the free pages that lie between pages in use, which takes some 20 ms; with glibc only."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was what lacked, in this error or in one behind it."""
    return any(_lacks_memory(one) for one in _chain(error))


def _lacks_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if not isinstance(error, RuntimeError | OSError | ImportError | ValueError) or type(error).__name__ == "InputError":
        return False
    said = str(error)
    return bool(WORDS.search(said)) and not OTHERWISE.search(said)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that led to it, the latest first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]


def needed_bytes(error: BaseException) -> int | None:
    """How much memory was asked for in vain, where an error or one behind it says so."""
    for one in _chain(error):
        found = SIZE.search(str(one)) if _lacks_memory(one) else None
        if found:
            return round(float(found[1]) * UNITS[(found[2] or "").lower()])
    return None


def sentence(error: BaseException, remedies: Iterable[str], free: int | None = None, what: str = "") -> str:
    """What was needed, what is free, and what helps.

    Parameters
    ----------
    error : by which memory ran out.
    remedies : what needs less of it, in a user's words.
    free : bytes that are free where it ran out; those of the processor where None.
    what : what was being worked on, such as a file.
    """
    needed, there = needed_bytes(error), free_bytes() if free is None else free
    asked = "" if needed is None else f"{size(needed)} more were needed, "
    listed = list(dict.fromkeys(remedies))
    helps = f"{', '.join(listed[:-1])} or {listed[-1]}" if len(listed) > 1 else "".join(listed)
    return f"{f'{what}: ' if what else ''}memory ran out ({asked}{size(there)} are free); what helps: {helps}"


def remedies_of(options: Iterable[str]) -> list[str]:
    """What needs less memory, in a user's words, among the `options` of a method."""
    known = set(options)
    return [text for name, text in FEWER.items() if name in known][:MOST]


def size(count: float) -> str:
    """Bytes as people say them."""
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def free_bytes() -> int:
    """Memory that this process can still have: of the machine, its group of processes, and its own limit."""
    return max(0, min([_of_machine(), *_of_group(), *_of_process()]))


def _of_machine() -> int:
    try:
        told = Path("/proc/meminfo").read_text(encoding="ascii")
        return int(re.search(r"MemAvailable:\s+(\d+)", told)[1]) * 1024  # type: ignore[index]
    except (OSError, TypeError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 4 * 2**30


def _of_group() -> Iterator[int]:
    """What a container leaves; pages of files, which are given back when asked for, count as free."""
    for most, now, stat in LIMITS:
        try:
            limit, used = int(Path(most).read_text()), int(Path(now).read_text())
            files = re.search(r"^(?:total_)?inactive_file (\d+)", Path(stat).read_text(), re.MULTILINE)
            yield limit - used + (int(files[1]) if files else 0)
        except (OSError, ValueError):  # no such group, or no limit
            continue


def _of_process() -> Iterator[int]:
    """What `ulimit -v` leaves."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            yield limit - int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError, ValueError):
        return

"""What can go wrong on the way into a file, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...types import InputError


@contextmanager
def reachable(path: str | Path) -> Iterator[None]:
    """Turn a missing `path`, and one that may not be read, into one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; check the name") from None
    except PermissionError:
        raise InputError(f"{path}: reading it is not allowed; ask for permission or copy it") from None


@contextmanager
def explained(path: Path, what: str) -> Iterator[None]:
    """Turn every failure to read `path` into one sentence; `what` says of a damaged file what is wrong with it."""
    try:
        with reachable(path):
            yield
    except InputError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: {what} ({reason}); save it again") from None

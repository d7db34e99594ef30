"""What can go wrong on the way into a file, in words."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...types import InputError
from .true_cause import EMPTY, not_the_file, why_unreadable

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/+(?!/)[^/]")  # pathlib leaves one slash of two
CODEC = re.compile(r"(?:<?COMPRESSION\.)?(?P<codec>\w+)[^']*requires the '(?P<package>[\w-]+)' package")
PART = re.compile(r"could not import name '(?P<codec>\w+?)(?:_(?:de|en)code)?' from '(?P<package>\w+)'")


def located(path: str | Path) -> Path:
    """The file or folder at `path`, under a name of its own where that is `.` or `..`.

    Raises
    ------
    InputError : where there is none, where it may not be read, and where something else stands in its place.
    """
    if ADDRESS.match(str(path)):
        address = str(path).replace(":/", "://", 1).replace(":///", "://", 1)
        raise InputError(f"{address}: this is an address, not a file on this computer; download it and open the copy")
    path = Path(path)
    try:
        there = path.exists()
        path = path if path.name not in ("", "..") else path.resolve()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputError(f"{str(path)[:80]} ...: this cannot be a name ({reason}); check it, or shorten it") from None
    if not there and path.is_symlink():
        raise InputError(f"{path}: this link leads to {path.readlink()}, which is not there; open the file itself")
    if not there:
        raise InputError(f"{path}: there is no such file or folder; check the name")
    if not os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK):
        raise InputError(f"{path}: reading it is not allowed; ask for permission or copy it")
    said = not_the_file(path) or (EMPTY if path.is_file() and path.stat().st_size == 0 else "")
    if said:
        raise InputError(f"{path}: {said}")
    return path


@contextmanager
def reachable(path: str | Path) -> Iterator[None]:
    """Turn a missing `path`, one that may not be read, and one that is no file or not the file itself, into a sentence.

    A folder is let through.
    """
    if said := not_the_file(path):
        raise InputError(f"{path}: {said}")
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
        said = missing_package(error) or why_unreadable(path) or f"{what} ({reason}); save it again"
        raise InputError(f"{path}: {said}") from None


def missing_package(error: Exception) -> str:
    """Where `error` comes of a compression that needs another package, which one: half a sentence; else empty."""
    found = CODEC.search(str(error)) or PART.search(str(error))
    if found is None:
        return ""
    codec, package = found["codec"].upper(), found["package"]
    return f"the pixels are compressed ({codec}), which needs the package {package}: pip install -U {package}"

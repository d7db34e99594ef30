"""What can go wrong on the way into a file, in words."""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ...data.names.plain_files import read_text as read_text
from ...data.names.plain_files import regular as regular
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


def free_bytes() -> float:
    """Memory that a program may still take; infinite where the system does not say."""
    try:
        words = Path("/proc/meminfo").read_text(encoding="ascii").partition("MemAvailable:")[2].split()
        return 1024 * int(words[0])
    except (OSError, ValueError, IndexError):
        return math.inf


@contextmanager
def surprises(path: str | Path, where: str = "") -> Iterator[None]:
    """Turn whatever nobody foresaw while a file is read into a sentence that names it; libraries keep quiet meanwhile.

    Parameters
    ----------
    path : of the file.
    where : what of it is read, such as "frames"; empty: all.

    Raises
    ------
    InputError : for every error that does not say already what is wrong, and in which file.
    """
    log = logging.getLogger("tifffile")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with np.errstate(all="ignore"):
            yield
    except BrokenPipeError:
        raise
    except InputError as error:
        file, said = Path(path), str(error)
        if any(name in said for name in (file.name, f"{file.stem}.", f"{file.parent.name}/")):
            raise
        raise InputError(f"{path}: {said}") from error
    except Exception as error:
        raise InputError(f"{path}: {_unforeseen(path, error, where)}") from error
    finally:
        log.setLevel(level)


def _unforeseen(path: str | Path, error: Exception, where: str) -> str:
    """Half a sentence on an `error` that nobody foresaw while `where` in the file `path` was read."""
    if isinstance(error, MemoryError) or "alloc" in str(error).lower():
        free = free_bytes()
        left = f" than the {free / 1e9:.3g} GB that are free" if math.isfinite(free) else ""
        return f"reading {where or 'it'} needs more memory{left}; close other programs, or cut the file up"
    said = (missing_package(error) if isinstance(error, ImportError | ValueError) else "") or why_unreadable(path)
    place = f"{where}: " if where else ""
    return said or f"damaged or not as expected ({place}{_reason(error)}); copy or record it again"


def _reason(error: Exception) -> str:
    """What an error of a library means for the file."""
    if isinstance(error, KeyError):
        return f"{' '.join(str(error).split())[:120]} cannot be reached"
    if isinstance(error, UnicodeError):
        return "a text in it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OverflowError | FloatingPointError | ZeroDivisionError):
        return "a number in it is 0, or far too large"
    if isinstance(error, OSError | EOFError):
        return "a part of it cannot be read"
    return "what is stored in it has another form than it should"


@contextmanager
def reachable(path: str | Path) -> Iterator[None]:
    """Turn a missing `path`, one that may not be read, and one that is no file or not the file itself, into a sentence.

    A folder is let through.
    """
    if said := not_the_file(path):
        raise InputError(f"{path}: {said}")
    if os.path.islink(path) and not os.path.exists(path):
        regular(path)
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


def real_numbers(value: object, path: str | Path, name: str) -> np.ndarray:
    """What a file holds as real numbers, float64 of the value's shape.

    Parameters
    ----------
    value : as it was stored. path, name : of the file and of the value in it.

    Raises
    ------
    InputError : for text, complex numbers and whatever else is none.
    """
    array = np.asarray(value)
    if array.dtype.kind == "c" and not array.imag.any():
        array = array.real
    if array.dtype.kind not in "biuf":
        held = {"c": "complex numbers", "S": "text", "U": "text"}.get(array.dtype.kind, f"values of type {array.dtype}")
        raise InputError(f"{path}: {name} holds {held}; it must hold real numbers")
    return array.astype(float)


def missing_package(error: Exception) -> str:
    """Where `error` comes of a compression that needs another package, which one: half a sentence; else empty."""
    found = CODEC.search(str(error)) or PART.search(str(error))
    if found is None:
        return ""
    codec, package = found["codec"].upper(), found["package"]
    return f"the pixels are compressed ({codec}), which needs the package {package}: pip install -U {package}"

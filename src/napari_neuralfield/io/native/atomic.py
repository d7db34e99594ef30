"""Files appear whole or not at all: written beside their place under another name, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...types import InputError


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """A temporary path to write, a file or a folder, that becomes `path` when the block ends without an error.

    Raises
    ------
    InputError : where the folder is missing, writing is not allowed, or the disk is full.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError(f"{target}: the folder {target.parent} does not exist; create it or choose another place")
    # the name keeps its ending, which some writers look at
    temporary = target.with_name(f".{uuid.uuid4().hex[:8]}.{target.name}")
    try:
        yield temporary
        _reach_the_disk(temporary)
        _take_the_place(temporary, target)
    except OSError as error:
        raise InputError(f"{target}: {_why(error, target)}") from error
    finally:
        _remove(temporary)


def _reach_the_disk(path: Path) -> None:
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb+") as handle:
                os.fsync(handle.fileno())


def _take_the_place(temporary: Path, target: Path) -> None:
    """A folder cannot replace another in one step, so the old one makes room and is removed last."""
    if not target.is_dir():
        temporary.replace(target)
        return
    old = target.with_name(f".{uuid.uuid4().hex[:8]}.{target.name}")
    target.replace(old)
    temporary.replace(target)
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _why(error: OSError, target: Path) -> str:
    text = str(error).lower()
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or "no space left" in text:
        return "the disk is full; free some space or choose another place"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) or "permission denied" in text:
        return f"writing in {target.parent} is not allowed; choose another place"
    return f"it cannot be written ({(error.strerror or str(error).splitlines()[0])}); choose another place"


def write_or_keep(target: Path, write: Callable[[Path], None], what: str) -> None:
    """`write` to `target`, and where that fails to a copy in the temporary folder; `what` names it in the sentence.

    Raises
    ------
    InputError : naming the copy, or saying that there is none.
    """
    try:
        write(target)
        return
    except InputError as error:
        reason = str(error)
    copy = Path(tempfile.mkdtemp(prefix="neuralfield-")) / target.name
    try:
        write(copy)
    except InputError as error:
        raise InputError(f"{reason}; nor could it be saved elsewhere, since {error}") from None
    raise InputError(f"{reason}; until then the {what} is safe in {copy}") from None

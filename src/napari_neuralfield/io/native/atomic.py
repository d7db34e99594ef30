"""Files appear whole or not at all: written beside their place under another name, then renamed."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...types import InputError
from .outputs import real, replaceable
from .staging import aside, staged

MEETINGS = 50  # of runs that replace one folder at the same time


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """A temporary path of the same name to write, a file or a folder, that becomes `path` when the block ends well.

    A link keeps pointing: what it points to is replaced. Of folders only Zarr stores are.

    Raises
    ------
    InputError : where the folder is missing, writing is not allowed, the disk is full, or something stands there that
        must not be replaced.
    """
    asked, target = Path(path), real(path)
    if not target.parent.is_dir():
        raise InputError(f"{asked}: the folder {target.parent} does not exist; create it or choose another place")
    try:
        replaceable(target, asked)
        with staged(target) as folder:
            temporary = folder / target.name
            yield temporary
            _reach_the_disk(temporary)
            _take_the_place(temporary, target, aside(folder))
    except OSError as error:
        raise InputError(f"{asked}: {_why(error, target)}") from error


def _reach_the_disk(path: Path) -> None:
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb+") as handle:
                os.fsync(handle.fileno())


def _take_the_place(temporary: Path, target: Path, old: Path) -> None:
    """A folder cannot replace another in one step, so the old one makes room and is removed last."""
    if not (target.is_dir() or temporary.is_dir()):
        temporary.replace(target)
        return
    old.mkdir()
    for meeting in range(MEETINGS):
        try:
            if target.exists():
                target.replace(old / f"{meeting}")
                replaceable(old / f"{meeting}", target)
            temporary.replace(target)
            return
        except OSError as error:  # another run has moved it aside, or taken the place, in this moment
            if meeting == MEETINGS - 1 or error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                raise


def _why(error: OSError, target: Path) -> str:
    text = str(error).lower()
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or "no space left" in text:
        return "the disk is full; free some space or choose another place"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) or "permission denied" in text:
        return f"writing in {target.parent} is not allowed; choose another place"
    if error.errno == errno.ENAMETOOLONG:
        return "the name is longer than this system allows; choose a shorter one"
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

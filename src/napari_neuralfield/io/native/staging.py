"""Where an output grows until it is whole: a hidden folder beside its place, held as long as its process lives.

A process that is killed leaves that folder behind; the next run of the same output removes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

DAY = 86400  # seconds after which a folder is given up where no lock tells whether anybody still writes to it
TRIALS = 20  # of taking a file off a folder that a thread of a killed run still writes to


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A folder of its own beside `target`, on the same disk; it is gone when the block ends.

    The file or folder to be grows in it under the name of `target`; what stood in its place before may wait in `aside`.
    """
    tidy(target)
    folder, handle = _own_folder(target)
    try:
        yield folder
    finally:
        _put_back(folder, target)
        remove(folder)
        if handle is not None:
            os.close(handle)


def aside(folder: Path) -> Path:
    """Where in the `folder` of `staged` older outputs wait until the new one is in its place, named by numbers."""
    return folder / "old"


def tidy(target: Path) -> None:
    """Remove what dead processes left of `target`; an older one that had been moved aside is put back first."""
    with contextlib.suppress(OSError):
        for folder in target.parent.glob(f"{_prefix(target)}*"):
            with contextlib.suppress(OSError):
                _tidy(folder, target)


def remove(path: Path) -> None:
    """Remove a file or a folder, also one that a thread is still writing its last file to."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    for _ in range(TRIALS):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(0.02)


def _tidy(folder: Path, target: Path) -> None:
    handle = _hold(folder)
    if handle is None and time.time() - folder.stat().st_mtime < DAY:
        return
    _put_back(folder, target)
    remove(folder)
    if handle is not None:
        os.close(handle)


def _put_back(folder: Path, target: Path) -> None:
    """The older output, where a run ended between moving it aside and taking its place."""
    if aside(folder).is_dir() and not target.exists():
        for old in sorted(aside(folder).iterdir(), key=lambda path: int(path.name))[-1:]:
            old.rename(target)


def _prefix(target: Path) -> str:
    """What the folders of `target` begin with: short however long its name is."""
    return f".nf-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:10]}-"


def _own_folder(target: Path) -> tuple[Path, int | None]:
    """A new folder, and the handle that holds it where there are locks."""
    while True:
        folder = target.with_name(f"{_prefix(target)}{os.getpid()}-{secrets.token_hex(4)}")
        folder.mkdir()
        try:
            return folder, _hold(folder)
        except (BlockingIOError, FileNotFoundError):  # another run of this output has just tidied it away
            continue


def _hold(folder: Path) -> int | None:
    """A handle on `folder` that no other process gets while it is open; None where the disk, or Windows, has no locks.

    Raises
    ------
    BlockingIOError : where another process holds it.
    FileNotFoundError : where it is gone.
    """
    if sys.platform == "win32":
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(handle), folder.stat()):
            raise FileNotFoundError(folder)
    except (BlockingIOError, FileNotFoundError):
        os.close(handle)
        raise
    except OSError:
        os.close(handle)
        return None
    return handle

"""What may be opened as a file: something with an end, and of a text no more than people write."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ...types import InputError

LARGEST_TEXT = 16 * 2**20  # bytes
NO_FILE = "this is a pipe, a socket or a device, not a file; save its data in a file first"


def regular(path: str | Path) -> None:
    """Refuse at once what is not a file with an end: a folder, a pipe, a socket, a device, a link to itself.

    Raises
    ------
    InputError : which also says where there is none, and where it may not be read.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; check the name") from None
    except PermissionError:
        raise InputError(f"{path}: reading it is not allowed; ask for permission or copy it") from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputError(f"{str(path)[:200]}: this leads to no file ({reason}); name the file itself") from None
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: this is a folder where a file is expected; name the file")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: {NO_FILE}")


def read_text(path: str | Path, what: str) -> str:
    """The text in a file, as UTF-8.

    Parameters
    ----------
    path : of the file.
    what : it is, for the error: "the sidecar".

    Raises
    ------
    InputError : where it is no file, is not text in UTF-8, or is larger than a text that people write.
    """
    regular(path)
    size = os.path.getsize(path)
    if size > LARGEST_TEXT:
        raise InputError(
            f"{path}: {what} is {size / 2**20:.0f} MB; it may have {LARGEST_TEXT // 2**20}, so put long lists into a "
            "table or a .npy file and name that"
        )
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except PermissionError:
        raise InputError(f"{path}: reading it is not allowed; ask for permission or copy it") from None
    except OSError as error:
        raise InputError(f"{path}: {what} cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: {what} is not text in UTF-8 (byte {error.start}); save it again as plain text in UTF-8"
        ) from None

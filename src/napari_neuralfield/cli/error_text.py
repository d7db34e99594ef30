"""Whatever goes wrong, as one line on standard error."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback

import cyclopts

from ..types import InputError

REMEDIES = {
    errno.ENOENT: "there is no such file or folder; check the name",
    errno.EACCES: "no permission; choose a file or folder of yours",
    errno.EPERM: "no permission; choose a file or folder of yours",
    errno.ENOSPC: "no space is left there; free some, or choose another place, and run again",
    errno.EISDIR: "it is a folder where a file is needed; choose a file",
    errno.ENAMETOOLONG: "the name is longer than this system allows; check it, or shorten it",
    errno.EROFS: "it is on a read-only disk; choose another place",
}


def complain(sentence: str) -> None:
    print(f"neuralfield: {' '.join(sentence.split())}", file=sys.stderr)


class _Warnings(logging.Handler):
    """Says what the library warns of, such as a plug-in that is left out, on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        print(f"warning: {' '.join(record.getMessage().split())}", file=sys.stderr)


def say_warnings() -> None:
    """Let the library's warnings come on standard error; asked again, nothing changes."""
    log = logging.getLogger(__package__.partition(".")[0])
    if not any(isinstance(handler, _Warnings) for handler in log.handlers):
        log.addHandler(_Warnings(logging.WARNING))


def explain(error: Exception) -> None:
    """Say in a line what went wrong; with NEURALFIELD_DEBUG where, too."""
    if os.environ.get("NEURALFIELD_DEBUG"):
        traceback.print_exception(error)
    complain("; ".join([sentence(error), *getattr(error, "__notes__", [])]))


def sentence(error: Exception) -> str:
    """File or option, value, rule, remedy."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, cyclopts.CycloptsError):
        return f"{str(error).rstrip('.')}; see neuralfield --help"
    if isinstance(error, OSError) and error.errno in REMEDIES:
        return f"{error.filename or 'a file'}: {REMEDIES[error.errno]}"
    if isinstance(error, MemoryError) or ("torch" in sys.modules and _out_of_memory(error)):
        return "the memory does not suffice; choose fewer depths, a smaller region or --device cpu"
    kind = type(error).__name__
    return f"unexpected {kind}: {error}; NEURALFIELD_DEBUG=1 shows where, please report it"


def _out_of_memory(error: Exception) -> bool:
    from .. import compute

    return compute.is_out_of_memory(error)

"""Whatever goes wrong, as one line on standard error."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
from collections.abc import Sequence

import cyclopts

from ... import memory
from ...types import InputError

REMEDIES = {
    errno.ENOENT: "there is no such file or folder; check the name",
    errno.EACCES: "no permission; choose a file or folder of yours",
    errno.EPERM: "no permission; choose a file or folder of yours",
    errno.ENOSPC: "no space is left there; free some, or choose another place, and run again",
    errno.EISDIR: "it is a folder where a file is needed; choose a file",
    errno.ENAMETOOLONG: "the name is longer than this system allows; check it, or shorten it",
    errno.EROFS: "it is on a read-only disk; choose another place",
}

LESS = {  # what of a command needs less memory
    "reconstruct": ("a smaller part (--region-um)", "fewer frames (--frames)"),
    "render": ("a larger pixel (--pixel-um)", "a smaller part (--region-um)", "fewer depths (--z-um)"),
    "calibrate": ("smaller regions (--region-px)",),
    "train": ("fewer patches a step (--batch)", "a smaller pool of scenes (--pool)"),
    "timelapse": ("fewer frames (--frames)",),
}
ELSE = ("closing other programs", "a machine with more memory")


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


def explain(error: Exception, tokens: Sequence[str] = ()) -> None:
    """Say in a line what went wrong; with NEURALFIELD_DEBUG where, too.

    Parameters
    ----------
    error : that ended a command.
    tokens : the command as it was typed.
    """
    if os.environ.get("NEURALFIELD_DEBUG"):
        traceback.print_exception(error)
    complain("; ".join([sentence(error, tokens), *getattr(error, "__notes__", [])]))


def sentence(error: Exception, tokens: Sequence[str] = ()) -> str:
    """File or option, value, rule, remedy; `tokens` are the command as it was typed."""
    if memory.is_out_of_memory(error):
        command, file = tokens[0] if tokens else "", next((t for t in tokens[1:] if not t.startswith("-")), "")
        return memory.sentence(error, LESS.get(command, ELSE), what=" ".join(filter(None, (command, file))))
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, cyclopts.CycloptsError):
        return f"{str(error).rstrip('.')}; see neuralfield --help"
    if isinstance(error, OSError) and error.errno in REMEDIES:
        return f"{error.filename or 'a file'}: {REMEDIES[error.errno]}"
    kind = type(error).__name__
    return f"unexpected {kind}: {error}; NEURALFIELD_DEBUG=1 shows where, please report it"

"""The command line. Exit status 0, or 2 with one line on standard error: file or option, value, rule, remedy.

Of many recordings some may fail: 1, each with its line.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager

from . import field_commands, frame_commands, free_options, many_commands
from .ends import error_text as mistakes
from .ends import interrupts
from .program import app

__all__ = ["app", "field_commands", "frame_commands", "main", "many_commands"]

FOLLOW = "--follow-links"  # of every command
OWN = (
    "--method", "--preset", "--recipe", "--report", "--orientations", "--seed", "--device", "--output", "-o",
    "--resume", "--from", "--frames", "--leave-out", "--region-um", "--checkpoint-seconds",
    "--tile-px", "--overlap-px", "--workers", "--cluster",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # notes of a long run reach a pipe when they are made
    mistakes.say_warnings()
    try:
        with interrupts.as_ctrl_c(), _links_followed(FOLLOW in tokens):
            known = free_options.joined([token for token in tokens if token != FOLLOW], OWN)
            status = app(known, print_error=False, exit_on_error=False, result_action="return_value")
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as error:
        mistakes.complain(str(error) or "interrupted")
        return interrupts.status()
    except Exception as error:
        mistakes.explain(error, tokens)
        return 2


def _links_followed(out: bool) -> AbstractContextManager[object]:
    """Within it files may name others that lie outside of their folders, where `out`."""
    if not out:
        return contextlib.nullcontext()
    from ..io.native import links

    return links.following(out)

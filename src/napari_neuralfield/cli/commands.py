"""The command line. Exit status 0, or 2 with one line on standard error: file or option, value, rule, remedy."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from . import error_text as mistakes
from . import field_commands, frame_commands, free_options
from .program import app

__all__ = ["app", "field_commands", "frame_commands", "main"]

OWN = (
    "--method", "--preset", "--recipe", "--report", "--orientations", "--seed", "--device", "--output", "-o",
    "--resume", "--from", "--frames", "--leave-out", "--region-um", "--checkpoint-seconds",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # notes of a long run reach a pipe when they are made
    mistakes.say_warnings()
    try:
        app(free_options.joined(tokens, OWN), print_error=False, exit_on_error=False, result_action="return_none")
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as error:
        mistakes.complain(str(error) or "interrupted")
        return 130
    except Exception as error:
        mistakes.explain(error)
        return 2

"""The program and the kinds of arguments that its commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from .. import __version__

app = cyclopts.App(
    name="neuralfield",
    version=__version__,
    help="From raw frames of a computational microscope to a continuous field, and from the field to images. "
    "With --follow-links any command also reads files outside of the folder of a file that names them.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)

Output = Annotated[Path, Parameter(name=["--output", "-o"])]
Overwrite = Annotated[bool, Parameter(negative="")]
Text = Annotated[str | None, Parameter(allow_leading_hyphen=True)]
AsJson = Annotated[bool, Parameter(name="--json")]
Free = Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]


def show(found: object, as_json: bool, as_text: Callable[..., str]) -> None:
    """Print `found` as JSON, or as the text that `as_text` makes of it.

    Parameters
    ----------
    found : JSON-ready.
    as_json : which of the two.
    as_text : of `found`.
    """
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else as_text(found))

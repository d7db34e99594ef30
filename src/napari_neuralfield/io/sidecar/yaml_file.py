"""YAML as people write it, with its mistakes named by line."""

from __future__ import annotations

import functools
import gc
import re
from pathlib import Path

import numpy as np
import yaml

from ...types import InputError
from ..native.reading import reachable, read_text, regular

OPENED = (
    "simple key",
    "flow sequence",
    "flow mapping",
    "quoted scalar",
)  # what begins at one line and fails at another
FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
OPENING, CLOSING = ([ord(letter) for letter in letters] for letters in ("[{", "]}"))
INDENT = re.compile(r"^[ ?:-]{100,}", re.MULTILINE)  # lists and mappings that begin on one line
DEEPEST = 400  # brackets in brackets
LONG = 2**18  # letters of a text whose mistakes are told without its line


def read_yaml(path: Path) -> object:
    """What a YAML file holds.

    Raises
    ------
    InputError : where it cannot be read; the sentence names the line.
    """
    regular(path)
    stat = path.stat()
    return _read_once(path.absolute(), path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=16)
def _read_once(absolute: Path, path: Path, written_ns: int, size: int) -> object:
    """What a file holds as long as it is not written to: opening a recording asks many times."""
    text = read_text(path, "the sidecar")
    if not text.strip():
        return None
    with reachable(path):
        try:
            return parsed(text)
        except RecursionError:
            raise InputError(f"{path}: the sidecar is nested too deeply; it is a mapping of name: value") from None
        except (yaml.YAMLError, ValueError) as error:
            raise InputError(f"{path}: the sidecar cannot be read: {_mistake(text, error)}") from None


def parsed(text: str) -> object:
    """What YAML means, read by libyaml where that is there, which is ten times as fast; mistakes are told by the other.

    Raises
    ------
    RecursionError : where it is nested so deeply that reading it would not end well.
    yaml.YAMLError, ValueError : where it is no YAML.
    """
    letters = np.frombuffer(text.encode(), np.uint8)
    steps = np.isin(letters, OPENING).astype(np.int8) - np.isin(letters, CLOSING)
    if max(np.cumsum(steps, dtype=np.int64).max(initial=0), max(map(len, INDENT.findall(text)), default=0)) > DEEPEST:
        raise RecursionError
    collecting = gc.isenabled()
    gc.disable()  # it would look through everything that was read, again and again
    try:
        return yaml.load(text, Loader=FAST)
    except yaml.YAMLError:
        if len(text) > LONG:
            raise
        return yaml.safe_load(text)
    finally:
        if collecting:
            gc.enable()


def _mistake(text: str, error: Exception) -> str:
    """Which line, and what is wrong with it."""
    lines = text.splitlines()
    tabbed = next((n for n, line in enumerate(lines, 1) if line.lstrip(" ").startswith("\t") and line.strip()), None)
    mark = getattr(error, "problem_mark", None)
    if mark is None or (getattr(error, "context", None) or "").endswith(OPENED):
        mark = getattr(error, "context_mark", None)
    reason = " ".join(str(getattr(error, "problem", None) or error).split())
    if tabbed is not None and (mark is None or abs(mark.line + 1 - tabbed) <= 1):
        return f"line {tabbed} begins with a tab; YAML wants spaces"
    if mark is None:
        return f"this is no YAML ({reason}); values are written as name: value, one a line"
    if "\\t" in reason:
        return f"line {mark.line + 1} holds a tab; YAML wants spaces"
    line = lines[mark.line].strip() if mark.line < len(lines) else ""
    shown = f", {line[:60]!r}," if line else ""
    return f"line {mark.line + 1}{shown} is no YAML ({reason}); values are written as name: value, one a line"

"""YAML as people write it, with its mistakes named by line."""

from __future__ import annotations

from pathlib import Path

import yaml

from ...types import InputError
from ..native.reading import reachable

OPENED = (
    "simple key",
    "flow sequence",
    "flow mapping",
    "quoted scalar",
)  # what begins at one line and fails at another
LARGEST = 16 * 2**20  # bytes; a table belongs in a file of its own


def read_yaml(path: Path) -> object:
    """What a YAML file holds.

    Raises
    ------
    InputError : where it cannot be read; the sentence names the line.
    """
    try:
        if path.stat().st_size > LARGEST:
            size = path.stat().st_size / 2**20
            raise InputError(
                f"{path}: the sidecar is {size:.0f} MB; it may have {LARGEST // 2**20}, so put long lists into a table "
                "or a .npy file and name that"
            )
        text = path.read_text(encoding="utf-8-sig")
        if not text.strip():
            return None
        with reachable(path):
            return yaml.safe_load(text)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: the sidecar cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: the sidecar is not text in UTF-8 (byte {error.start}); save it again as plain text in UTF-8"
        ) from None
    except RecursionError:
        raise InputError(f"{path}: the sidecar is nested too deeply; it is a mapping of name: value") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path}: the sidecar cannot be read: {_mistake(text, error)}") from None


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

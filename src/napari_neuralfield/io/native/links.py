"""Files that a file names: followed inside its own folder and below, elsewhere only where the user allows it.

A recording that somebody sends must not decide which other files of the reader's computer are opened and copied.
"""

from __future__ import annotations

import contextvars
import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...types import InputError

SWITCH = "--follow-links"
REMEDY = f"copy it there, or allow it with {SWITCH} (in the window: follow links to other folders)"


class Outside(InputError):
    """A file names another one that lies outside of its own folder."""


@dataclasses.dataclass
class Following:
    """Whether links are followed everywhere, where they led out so far, and files that the user named, not a file."""

    everywhere: bool = False
    outside: list[Path] = dataclasses.field(default_factory=list)
    typed: set[Path] = dataclasses.field(default_factory=set)


_following: contextvars.ContextVar[Following | None] = contextvars.ContextVar("following", default=None)


@contextmanager
def following(everywhere: bool | None = None) -> Iterator[Following]:
    """Within the block links are followed `everywhere`, or only inside their folders; None: as outside of the block."""
    before = _following.get() or Following()
    token = _following.set(Following(before.everywhere if everywhere is None else everywhere, typed=before.typed))
    try:
        yield _now()
    finally:
        _following.reset(token)


def everywhere() -> bool:
    """Whether links are followed out of their folder now."""
    return _now().everywhere


def named(name: str | os.PathLike[str], where: str | Path) -> Path:
    """The path of the file called `name` in the file `where`, beside which it lies unless its name says otherwise.

    Raises
    ------
    InputError : where that is outside of the folder of `where` and links are not followed there.
    """
    path = Path(where).parent / name
    check(path, where)
    return path


def check(other: str | Path, where: str | Path) -> None:
    """Refuse the file `other`, which the file `where` names, if it lies outside and links are not followed there."""
    try:
        real = Path(os.path.realpath(other))
        homes = {Path(os.path.realpath(where)).parent, Path(os.path.realpath(Path(where).parent))}
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: it names {str(other)[:80]!r}, which is no name of a file ({error})") from None
    if any(real.is_relative_to(home) for home in homes) or real in _now().typed:
        return
    if not everywhere():
        raise Outside(f"{where}: it names {other}, which lies outside of its own folder; {REMEDY}")
    if real not in _now().outside:
        _now().outside.append(real)


def typed(path: str | Path) -> None:
    """Within the block of `following` a file that the user named may lie anywhere."""
    _now().typed.add(Path(os.path.realpath(path)))


def typed_outside(folder: Path) -> list[Path]:
    """Files that the user named and that lie outside of a `folder`."""
    return sorted(path for path in _now().typed if not path.is_relative_to(os.path.realpath(folder)))


def note(seen: Following) -> list[str]:
    """What to say of the files outside of their folder that were followed meanwhile."""
    if not seen.outside:
        return []
    names = ", ".join(map(str, seen.outside[:3])) + (f" and {len(seen.outside) - 3} more" if seen.outside[3:] else "")
    return [f"frames or values come from {names}, outside of the folder of the file that names them"]


def _now() -> Following:
    return _following.get() or Following()

"""Values given by the names of the frames they go with: `z_um: {a.png: 0, b.png: 4}`, `exposure: {"*_dark_*": 20}`."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import numpy as np

from ...types import InputError
from .tables import Table

MOST = 6  # names in a sentence


def listed(names: Sequence[object]) -> str:
    """Names in a sentence: the first few and the last."""
    shown = [str(name) for name in names]
    return ", ".join(shown if len(shown) <= MOST else [*shown[: MOST - 2], "...", shown[-1]])


def placed(name: str, given: Mapping[object, object], names: Sequence[str], count: int, where: str) -> list[object]:
    """One value a frame, in the order of the frames.

    Parameters
    ----------
    name : of the value.
    given : value by the name of a frame, whole or without its ending, by a pattern with * or ?, or by its number from
        0. A name comes before a pattern.
    names : of the frames, in their order; empty where they have none.
    count : of frames.
    where : the sidecar or table, for errors.

    Raises
    ------
    InputError : for a name that matches nothing, a frame without a value, and one that two patterns match.
    """
    hits = {key: _frames(key, names, count) for key in given}
    lost = [key for key, frames in hits.items() if not frames]
    if lost:
        called = (
            f"the frames are {listed(names)}" if names else f"the frames have no names but numbers 0 to {count - 1}"
        )
        raise InputError(f"{where}: {name} is given for {listed(lost)}, which matches no frame; {called}")
    found: dict[int, object] = {}
    for key in sorted(given, key=lambda key: not _a_pattern(key, names)):
        for frame in hits[key]:
            before = found.get(frame)
            if (
                before is not None
                and _a_pattern(key, names) == _a_pattern(before, names)
                and given[key] != given[before]
            ):
                raise InputError(
                    f"{where}: {name} is given twice for {_called(frame, names)}, by {before} and by {key}; let each "
                    "frame have one"
                )
            found[frame] = key
    without = [_called(frame, names) for frame in range(count) if frame not in found]
    if without:
        raise InputError(f"{where}: {name} has no value for {listed(without)}; give one for each of the {count} frames")
    return [given[found[frame]] for frame in range(count)]


def in_order(name: str, table: Table, numbers: np.ndarray, names: Sequence[str], where: str) -> np.ndarray:
    """Rows of a table brought to the order of the frames where it holds their names; as they are without.

    Rows of other names are left aside: a log may tell of more files than the recording takes.

    Parameters
    ----------
    name : of the value.
    table : that the rows are from.
    numbers : (row, ...) of it.
    names : of the frames.
    where : the table, for errors.

    Raises
    ------
    InputError : see `placed`; also for a name that comes twice.
    """
    if not table.names or not names:
        return numbers
    double = next((word for word in table.names if table.names.count(word) > 1), None)
    if double is not None:
        raise InputError(f"{where}: {double} comes twice; give each frame one row")
    rows: dict[object, object] = {word: at for at, word in enumerate(table.names) if _frames(word, names, 0)}
    return numbers[np.array(placed(name, rows, names, len(names), where), dtype=int)]


def _a_pattern(key: object, names: Sequence[str]) -> bool:
    return isinstance(key, str) and key not in names and any(sign in key for sign in "*?")


def _frames(key: object, names: Sequence[str], count: int) -> list[int]:
    """The frames that a key means."""
    if isinstance(key, int) and not names:
        return [key] if 0 <= key < count else []
    text = str(key)
    exact = [at for at, name in enumerate(names) if name == text]
    if exact:
        return exact
    alike = [at for at, name in enumerate(names) if PurePath(name).stem == text or PurePath(name).name == text]
    if alike:
        return alike
    if isinstance(key, int):
        return [key] if 0 <= key < count else []
    return [at for at, name in enumerate(names) if fnmatch.fnmatchcase(name, text)]


def _called(frame: int, names: Sequence[str]) -> str:
    return names[frame] if frame < len(names) else f"frame {frame}"

"""Which LED a frame is of, where the names of the images say it: `r02_c05`, `led_17`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ...types import InputError

PLACE = re.compile(r"(?<![a-z])r(?:ow)?[ _=-]*(\d+)[ _,-]*c(?:ol(?:umn)?)?[ _=-]*(\d+)(?![0-9])", re.IGNORECASE)
NUMBER = re.compile(r"(?<![a-z])led[ _=#-]*(\d+)(?![0-9])", re.IGNORECASE)


def places(names: Sequence[str], rows: int, columns: int) -> np.ndarray | None:
    """Row and column (frame, 2) from 0 of each frame's LED; None where not every name tells them.

    Parameters
    ----------
    names : of the images.
    rows, columns : of the board; where the names count from 1, the last row or column tells.

    Raises
    ------
    InputError : where the names tell places outside the board, or not whether they count from 0 or 1.
    """
    found = [PLACE.search(name) for name in names]
    if not names or not all(found):
        return None
    told = np.array([[int(match[1]), int(match[2])] for match in found if match])
    size = np.array([rows, columns])
    fits = [first for first in (0, 1) if told.min() >= first and (told - first < size).all()]
    if not fits:
        raise InputError(
            f"leds: grid has {rows} rows and {columns} columns, but the names of the images say rows "
            f"{told[:, 0].min()} to {told[:, 0].max()} and columns {told[:, 1].min()} to {told[:, 1].max()}"
        )
    if len(fits) == 2:
        raise InputError(
            f"leds: grid has {rows} rows and {columns} columns; whether the names of the images, such as {names[0]}, "
            "count them from 0 or from 1 does not show, so give grid: order as a list of [row, column] from 0"
        )
    return told - fits[0]


def numbers(names: Sequence[str], count: int) -> tuple[int, ...]:
    """Number from 0 of each frame's LED, where fewer than all were lit and the names say which; () otherwise.

    Parameters
    ----------
    names : of the images.
    count : LEDs of the board.

    Raises
    ------
    InputError : where the names do not tell whether they count from 0 or from 1.
    """
    found = [NUMBER.search(name) for name in names]
    if not names or not all(found) or len(names) >= count:
        return ()
    told = [int(match[1]) for match in found if match]
    if len(set(told)) < len(told) or max(told) > count:
        return ()  # exposures of one LED, or another numbering: the count of frames is refused later
    if 0 in told:
        return tuple(told) if max(told) < count else ()
    if max(told) == count or sorted(told) == list(range(1, len(told) + 1)):
        return tuple(n - 1 for n in told)
    raise InputError(
        f"leds: the board has {count} LEDs and the names of the images tell {len(told)} of them, such as {names[0]}; "
        "whether they count from 0 or from 1 does not show, so give use: with the numbers from 0"
    )

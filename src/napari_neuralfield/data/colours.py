"""Frames of several colours in one acquisition: `channel` says which is of which of `wavelengths_um`.

Values are those of an acquisition, by name. Where every colour has as many frames and one colour comes after the other,
values of each frame may be given for one colour and then hold for all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..types import InputError
from .derived import Values

ONE_COLOUR = "choose one with --channel N (in Python: acquisition.of_channel(N))"


def middle_of(wavelengths_um: np.ndarray) -> int:
    """Number of the middle one of `wavelengths_um` (channel,), on whose geometry all colours are laid."""
    return int(np.argsort(wavelengths_um, kind="stable")[len(wavelengths_um) // 2])


def named_colour(wavelength_um: float) -> str:
    """What a colour is called in names and sentences."""
    return f"{wavelength_um:.4g} um"


def frames_per_colour(channel: object, count: int) -> int:
    """How many frames values may be given for that hold for all colours.

    Parameters
    ----------
    channel : colour of each frame (frame,), or None.
    count : of all frames.
    """
    try:
        numbers = np.asarray(channel, dtype=float)
    except (TypeError, ValueError):
        return count  # the check of that value says what is wrong with it
    if channel is None or numbers.shape != (count,) or not count or (np.diff(numbers) < 0).any():
        return count
    _, each = np.unique(numbers, return_counts=True)
    return int(each[0]) if (each == each[0]).all() else count


def repeated(values: Values, names: Sequence[str], each: int, count: int) -> Values:
    """`values` with those of `names` that are given for the `each` frames of one colour repeated for all `count`."""
    if each == count:
        return values
    found = dict(values)
    for name in names:
        value = values.get(name)
        if value is not None and np.ndim(value) and len(value) == each:
            found[name] = np.tile(value, (count // each, *([1] * (np.ndim(value) - 1))))
    return found


def names_missing(known: Values, names: list[str]) -> list[str]:
    """The missing `names`; frames of several colours want `wavelengths_um` in the place of one wavelength."""
    if known.get("channel") is None or known.get("wavelengths_um") is not None:
        return names
    return ["wavelengths_um", *(name for name in names if name != "wavelength_um")]


def check_colours(values: Values, count: int, where: str) -> None:
    """Colours and frames must go together.

    Parameters
    ----------
    values : checked one by one already.
    count : of the frames.
    where : the file, for errors.

    Raises
    ------
    InputError : for colours without frames, frames without a colour, and colours of one wavelength.
    """
    waves, channel = values.get("wavelengths_um"), values.get("channel")
    if waves is None or len(channel if channel is not None else ()) not in (0, count):
        return  # one colour, or the check of lengths says what is wrong
    listed = ", ".join(f"{wave:g}" for wave in waves)
    if channel is None:
        if len(waves) < 2:
            return
        raise InputError(
            f"{where}: wavelengths_um holds {len(waves)} colours ({listed}) but the frames are not told apart by "
            "colour; give channel, the number of each frame's colour from 0, or one wavelength_um"
        )
    if int(channel.max()) >= len(waves):
        raise InputError(
            f"{where}: frame {int(channel.argmax())} is of channel {int(channel.max())}, counted from 0, but "
            f"wavelengths_um holds {len(waves)} ({listed}); give one wavelength for each colour"
        )
    empty = sorted(set(range(len(waves))) - set(channel.tolist()))
    if empty:
        raise InputError(
            f"{where}: no frame is of channel {empty[0]} ({waves[empty[0]]:g} um); every wavelength in wavelengths_um "
            "needs frames, so leave it out or correct channel"
        )
    if len(set(np.asarray(waves).tolist())) < len(waves):
        raise InputError(f"{where}: wavelengths_um is {listed}; every colour must have a wavelength of its own")


def colours_left(values: Values, indices: np.ndarray) -> Values:
    """What changes of the colours where only the frames `indices` of an acquisition of these `values` are kept."""
    channel, waves, white = (values.get(name) for name in ("channel", "wavelengths_um", "white"))
    if channel is None or waves is None:
        return {}
    kept, numbers = np.unique(np.asarray(channel)[indices], return_inverse=True)
    left: Values = {"channel": numbers, "wavelengths_um": np.asarray(waves)[kept]}
    if len(kept) < len(waves):
        left["wavelength_um"] = np.sort(left["wavelengths_um"])[len(kept) // 2]
    return left if white is None else left | {"white": np.asarray(white)[kept]}


def one_colour(values: Values, number: int, where: str) -> tuple[np.ndarray, Values]:
    """The frames of colour `number` (frame,), and what changes where they are alone; nothing where there is but one.

    Parameters
    ----------
    values : of all colours.
    number : of the colour, from 0.
    where : the file, for errors.

    Raises
    ------
    InputError : where there is no such colour.
    """
    channel, waves = values.get("channel"), values.get("wavelengths_um")
    if channel is None or waves is None:
        if number == 0:
            return np.arange(0), {}  # all there are
        raise InputError(f"{where}: channel {number} is asked for but the frames are of one colour; leave it out")
    if not 0 <= number < len(waves):
        known = ", ".join(f"{n} ({wave:g} um)" for n, wave in enumerate(waves))
        raise InputError(f"{where}: channel is {number}; the colours of the frames are {known}")
    indices = np.flatnonzero(channel == number)
    changes: Values = {"wavelength_um": waves[number], "wavelengths_um": None, "channel": None, "white": None}
    if values.get("white") is not None:
        shorter = np.ones(len(indices)) if values.get("exposure") is None else values["exposure"][indices]
        changes["exposure"] = shorter * values["white"][number]
    return indices, changes


def moved_place(
    place_um: np.ndarray, cut: tuple[slice, slice], shape: tuple[int, int], pixel_um: float
) -> np.ndarray | None:
    """A place in what is cut out of the frames; None where nothing of it is left.

    Parameters
    ----------
    place_um : y0, x0, y1, x1, um (4,).
    cut : rows and columns.
    shape : (y, x) of the frames, pixels.
    pixel_um : of them.
    """
    limits = [part.indices(n)[:2] for part, n in zip(cut, shape, strict=True)]
    low = np.array([start for start, _ in limits]) * pixel_um
    size = np.array([stop - start for start, stop in limits]) * pixel_um
    corners = np.clip(np.reshape(place_um, (2, 2)) - low, 0, size)
    return corners.ravel() if (corners[1] > corners[0]).all() else None


def refuse_colours(values: Values, what: str, remedy: str, where: str) -> None:
    """For what takes one wavelength.

    Parameters
    ----------
    values : of the acquisition.
    what : that cannot take them.
    remedy : how one colour is chosen.
    where : the file.

    Raises
    ------
    InputError : where the frames are of several colours.
    """
    if values.get("channel") is not None:
        waves = ", ".join(f"{n} for {wave:g} um" for n, wave in enumerate(values["wavelengths_um"]))
        raise InputError(
            f"{where or 'the acquisition'}: the frames are of {len(values['wavelengths_um'])} colours, which {what} "
            f"does not take together; {remedy}; N is {waves}"
        )

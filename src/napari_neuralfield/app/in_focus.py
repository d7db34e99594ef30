"""A field with depth as one plane in which everything is sharp, written strip by strip."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..data.tiles import STRIP_PIXELS, strips_of
from ..types import Extent, Field, InputError, Options
from . import arguments
from .focus import Report, in_focus_joiner
from .made_strips import made_strips

STEPS = 4  # depths that are looked at in a depth of field
FEW = 0.01  # of the pixels on either side, which do not count for where the sharpest lies
MOST, USUAL = 65, 33  # depths, at most, and where no depth of field is known


@dataclasses.dataclass(frozen=True)
class Used:
    """looked_at : depths from which the sharpest was taken, um. low, high : between which it lies."""

    looked_at: np.ndarray
    low: float
    high: float

    @property
    def sentence(self) -> str:
        z = self.looked_at
        return (
            f"all in focus: {len(z)} depths from {z.min():g} to {z.max():g} um were looked at; what is sharpest lies "
            f"at {self.low:g} to {self.high:g} um"
        )


def depths_to_look_at(text: str | None, extent: Extent, optics: Options, where: str) -> np.ndarray:
    """Depths (z,), um, among which the sharpest is sought.

    Parameters
    ----------
    text : as typed, `MIN,MAX`, `MIN:MAX:STEP` or a list; None: all that the field spans.
    extent : of the field.
    optics : of its result, for the depth of field.
    where : the file, for errors.

    Raises
    ------
    InputError : where there are not several depths.
    """
    low, high = extent.z_um
    if low == high:
        raise InputError(
            f"{where}: the field is a single plane, so there is nothing to choose from; --all-in-focus needs a field "
            "with depth, so leave it out"
        )
    given = [low, high] if text is None else arguments.depths(text, extent)
    if len(given) < 2 or min(given) == max(given):
        raise InputError(
            f"option --z-um is {text}; --all-in-focus chooses between depths, so give MIN,MAX or leave it out"
        )
    if len(given) > 2:
        return np.sort(np.unique(given))
    wavelength, na = optics.get("wavelength_um"), optics.get("objective_na")
    count = USUAL
    if wavelength and na:
        count = int(np.ceil(abs(given[1] - given[0]) * STEPS * float(na) ** 2 / float(wavelength))) + 1
    return np.linspace(min(given), max(given), int(np.clip(count, 2, MOST)))


def write(
    path: Path,
    field: Field,
    depths_um: np.ndarray,
    y_um: np.ndarray,
    x_um: np.ndarray,
    *,
    pixel_um: float,
    um_per_rad: float | None = None,
    depth_map: Path | None = None,
    report: Report = lambda done, total: None,
) -> Used:
    """Write the plane in which every place is seen at the depth where it is sharpest; memory holds a strip.

    Parameters
    ----------
    path : ends in what a writer writes.
    field : of several depths.
    depths_um : to choose from (z,), um.
    y_um, x_um : pixel centres, um, evenly spaced by `pixel_um`.
    um_per_rad : height of one radian, um: heights are written in place of phase.
    depth_map : file for the depth of every pixel, um; none where None.
    report : called with the planes that are seen and all of them; what it raises ends the work, and nothing is left.

    Raises
    ------
    InputError : for an ending that is not known, or a file that cannot be written.
    """
    from ..io.writers.images import save_strips

    shape, middle = (len(y_um), len(x_um)), [float(np.mean(depths_um))]
    origin = (float(y_um[0]), float(x_um[0]))
    rows = strips_of(shape, STRIP_PIXELS)
    counted = np.zeros(len(depths_um), dtype=np.int64)
    with tempfile.TemporaryFile() as room:
        depth = np.memmap(room, np.float32, "w+", shape=shape)

        joined = in_focus_joiner(field, depths_um, y_um, x_um, rows, report=report)

        def made(at: slice) -> tuple[np.ndarray, np.ndarray]:
            found = joined(at)
            return found.values if um_per_rad is None else found.values * np.float32(um_per_rad), found.z_um

        def strips() -> Iterator[np.ndarray]:
            for at, (values, z_um) in zip(rows, made_strips(path, rows, made), strict=True):
                _note(z_um, at, depth, counted, depths_um)
                yield values

        name, unit = ("phase", "") if um_per_rad is None else ("height", "um")
        save_strips(path, strips(), middle, pixel_um, shape, origin_um=origin, name=name, unit=unit)
        if depth_map is not None:
            save_strips(
                depth_map,
                (depth[at] for at in rows),
                middle,
                pixel_um,
                shape,
                origin_um=origin,
                name="depth",
                unit="um",
            )
    return Used(depths_um, *_between(depths_um, counted))


def _note(z_um: np.ndarray, at: slice, depth: np.ndarray, counted: np.ndarray, depths_um: np.ndarray) -> None:
    depth[at] = z_um
    numbers = np.rint(np.interp(z_um.ravel(), depths_um, np.arange(len(depths_um)))).astype(int)
    counted += np.bincount(numbers, minlength=len(depths_um))


def _between(depths_um: np.ndarray, counted: np.ndarray) -> tuple[float, float]:
    """Depths between which all but a hundredth of the pixels on either side lie."""
    share = np.cumsum(counted) / counted.sum()
    low, high = np.searchsorted(share, [FEW, 1 - FEW])
    return float(depths_um[low]), float(depths_um[high])

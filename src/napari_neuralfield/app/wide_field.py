"""Regions of a wide field: how many were typed, and what they say together in plain lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..optics.wide_field import variation
from ..types import InputError
from . import arguments

if TYPE_CHECKING:
    from ..recon.calibration.regions import RegionsFound

MOST = 15  # along a side


def regions(typed: str) -> tuple[int, int]:
    """Rows and columns of `--regions`.

    Raises
    ------
    InputError : unless they are two whole numbers, together at least two.
    """
    rows, columns = arguments.numbers("--regions", typed, count=2)
    whole = rows == int(rows) and columns == int(columns)
    if not whole or min(rows, columns) < 1 or max(rows, columns) > MOST or rows * columns < 2:
        raise InputError(
            f"option --regions is {typed}; it is ROWS,COLUMNS, whole numbers from 1 to {MOST}, two regions at least, "
            "such as 3,3"
        )
    return int(rows), int(columns)


def told(found: RegionsFound) -> list[tuple[str, str]]:
    """Names and texts of what regions say together."""
    corrected, axis = found.corrected, found.axis
    judged, lines = found.judged, []
    if len(judged.error_after):
        before, after = (float(np.median(errors)) for errors in (judged.error_before, judged.error_after))
        text = f"{len(found.places_um)}; error of withheld frames {before:.3f}, corrected {after:.3f} (medians)"
        lines.append(("regions", text))
    if judged.what == "nothing":
        return [*lines, ("corrected", "nothing")]
    if axis is None:
        lines.append(("optical axis", "not told: the LED directions do not change over the field as they should"))
    else:
        y, x = axis.axis_um
        height = f"{axis.height_mm:.1f} mm"
        if axis.from_field:
            lines.append(("optical axis", f"({y:.0f}, {x:.0f}) um (y, x) of the frame; board {height} away"))
        else:
            lines.append(
                ("optical axis", f"({y:.0f}, {x:.0f}) um (y, x) of the frame, the board {height} away as given")
            )
        size = tuple(n * corrected.pixel_um for n in corrected.frame_shape)
        change = variation((size[0], size[1]), axis.height_mm)
        lines.append(
            ("directions", f"change by {change:.4f} NA to the corners; regions agree to {np.median(axis.error_na):.5f}")
        )
    if corrected.sample_z_um is not None:
        lines.append(("sample depth", f"{corrected.sample_z_um:.2f} um, the median of the regions"))
    if found.pupil is not None:
        order = ("the same everywhere", "linear", "of second order", "of third order")[min(found.pupil.order, 3)]
        rms = [float(np.sqrt((found.pupil.at(*place)[1:] ** 2).sum())) for place in found.places_um]
        size_of = f"{min(rms):.2f} to {max(rms):.2f} rad beside defocus"
        lines.append(("pupil", f"{len(found.pupil.noll)} Zernike terms, {order} in y, x; {size_of}"))
    return lines

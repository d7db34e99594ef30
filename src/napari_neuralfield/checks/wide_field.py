"""Whether a field is so wide that its parts see near LEDs in other directions."""

from __future__ import annotations

from collections.abc import Iterator

from ..data.acquisition import LedArray
from ..optics.wide_field import variation
from .seen.frames import Check

REGION = 128  # pixels along a side of a region that is cut from a wide field
MATTERS = 0.25  # of a bin of such a region
USUAL_MM = 80.0  # distance of a board where it is not known


def wide_field(acquisition: LedArray) -> Iterator[Check]:
    """How much the directions of an `acquisition` change over its field, where regions of it would be wrong."""
    rows, columns = acquisition.frame_shape
    if max(rows, columns) < 2 * REGION or acquisition.coded_surface is not None:
        return
    height = acquisition.led_height_mm
    change = variation((rows * acquisition.pixel_um, columns * acquisition.pixel_um), height or USUAL_MM)
    bins = change * REGION * acquisition.pixel_um / acquisition.wavelength_um
    if bins <= MATTERS:
        return
    far = f"{height:g} mm away" if height else f"not known how far away, say {USUAL_MM:g} mm"
    said = (
        f"With the LED board {far}, the directions of its LEDs change by {change:.2g} NA from the middle of the field "
        f"to its corners, {bins:.2g} bins of a region of {REGION} pixels; "
    )
    if height and acquisition.directions_at_um is not None:
        said += "every region that is cut out has its own directions."
    else:
        needed = "optical_axis_um" if height else "led_height_mm and optical_axis_um"
        said += (
            f"a region has its own directions only where {needed} {'is' if height else 'are'} given in the sidecar, or "
            "after neuralfield calibrate --regions 3,3."
        )
    yield Check("wide_field", "info", change, "NA", said)

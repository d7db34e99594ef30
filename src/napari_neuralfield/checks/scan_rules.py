"""What a scan must fulfil before anything sensible can be computed: frames, light, and positions that overlap."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..data.acquisition import CodedPtychography, Ptychography
from ..data.frames import evenly_chosen, good_pixels
from ..types import InputError
from .seen.frames import listed

FEWEST = 4  # frames
UNITS = {"metres": 1e6, "millimetres": 1e3, "nanometres": 1e-3, "angstroms": 1e-4}
AS_METRES = 1e-6  # micrometres that a reader took for metres
LARGEST_OBJECT = 2**28  # pixels of the object, 2 GiB as complex numbers
SAMPLED = 8  # frames looked at for light


@dataclasses.dataclass(frozen=True)
class ScanPlacement:
    """Where the windows lie on the object, in its pixels.

    pixel_um : of the object, um.
    window : (y, x) px.
    corner : of each window (frame, 2), px.
    step : distance of each window from the nearest other one (frame,), px, the larger of |y| and |x|.
    """

    pixel_um: float
    window: tuple[int, int]
    corner: np.ndarray
    step: np.ndarray

    @property
    def span_um(self) -> tuple[float, float]:
        """(y, x) range of the positions, um."""
        size = np.ptp(self.corner, axis=0) * self.pixel_um
        return float(size[0]), float(size[1])

    @property
    def object_shape(self) -> tuple[int, int]:
        """(y, x) pixels of the object that the windows reach."""
        size = np.ptp(self.corner, axis=0)
        return self.window[0] + int(np.ceil(size[0])), self.window[1] + int(np.ceil(size[1]))

    @property
    def overlap(self) -> float:
        """Share of a window's width that neighbouring windows have in common, median; 0 where they do not meet."""
        return max(0.0, 1 - float(np.median(self.step)) / min(self.window))

    @property
    def alone(self) -> np.ndarray:
        """Frames whose window meets no other."""
        return np.flatnonzero(self.step >= min(self.window))

    def covered(self) -> float:
        """Pixels of the object that at least one window sees."""
        rows, columns = self.object_shape
        cell = max(1.0, max(rows, columns) / 512)
        seen = np.zeros((int(rows / cell) + 1, int(columns / cell) + 1), bool)
        starts = np.round((self.corner - self.corner.min(axis=0)) / cell).astype(int)
        height, width = (max(1, round(n / cell)) for n in self.window)
        for y, x in starts:
            seen[y : y + height, x : x + width] = True
        return float(seen.sum()) * cell**2


def placement(acquisition: Ptychography | CodedPtychography) -> ScanPlacement | None:
    """The windows of a scan; None where a coded one has no positions yet."""
    if acquisition.positions_um is None:
        return None
    if isinstance(acquisition, CodedPtychography):
        binning, pixel, sign = acquisition.upsampling, acquisition.sensor_pixel_um / acquisition.upsampling, -1
    else:
        binning, pixel, sign = 1, acquisition.object_pixel_um, 1
    corner = np.asarray(acquisition.positions_um, dtype=float) / (sign * pixel)
    rows, columns = (n * binning for n in acquisition.frame_shape)
    step = np.full(len(corner), np.inf)
    if len(corner) > 1:
        from scipy.spatial import cKDTree  # here, because it takes 0.2 s to import

        step = cKDTree(corner).query(corner, k=2, p=np.inf)[0][:, 1]
    return ScanPlacement(pixel, (rows, columns), corner, step)


def misplaced(placed: ScanPlacement) -> str:
    """Why positions cannot be right, with the unit they were probably given in; empty where they can."""
    span, pixel = max(placed.span_um), placed.pixel_um
    if span < 0.5 * pixel:
        said = (
            f"all positions_um lie within {span:.2g} um and a pixel of the object is {pixel:.3g} um, "
            "so every frame would show the same place"
        )
    elif len(placed.alone) == len(placed.corner):
        apart = float(np.median(placed.step)) * pixel
        said = (
            f"no two windows overlap: neighbouring positions_um are {apart:.3g} um apart and a window is "
            f"{min(placed.window) * pixel:.3g} um wide"
        )
    elif placed.object_shape[0] * placed.object_shape[1] > LARGEST_OBJECT:
        outliers = f"; frames far from the others are {listed(placed.alone)}" if len(placed.alone) else ""
        return (
            f"positions_um reach over {placed.span_um[0]:.3g} x {placed.span_um[1]:.3g} um (y, x), that is "
            f"{placed.object_shape[0]} x {placed.object_shape[1]} pixels of the object, more than memory should hold"
            f"{outliers}; correct the positions or leave such frames out"
        )
    else:
        return ""
    return f"{said}; {_remedy(placed)}"


def _remedy(placed: ScanPlacement) -> str:
    step, width = float(np.median(placed.step)), min(placed.window)
    units = {**UNITS, "metres as micrometres": AS_METRES, "pixels of the object": placed.pixel_um}
    for unit, factor in units.items():
        scaled = factor * step / width
        if 0.003 < scaled < 0.8 and factor * max(placed.span_um) > 2 * placed.pixel_um:
            asked = f"were they given in {unit}? They must be in micrometres"
            asked = "are they in micrometres in a format that wants metres?" if factor == AS_METRES else asked
            return f"times {factor:.3g} they would overlap by {100 * (1 - scaled):.0f} %: {asked}"
    return "check the positions, which must be in micrometres, and the pixel"


def require_usable(acquisition: Ptychography | CodedPtychography) -> None:
    """Refuse a scan of which nothing sensible can be computed.

    Raises
    ------
    InputError : fewer than 4 frames, no light in any frame, or positions that cannot be right.
    """
    where = acquisition.source or "the acquisition"
    if acquisition.frame_count < FEWEST:
        raise InputError(
            f"{where}: there are {acquisition.frame_count} frames; a scan needs {FEWEST} or more that overlap, so "
            "record more"
        )
    placed = placement(acquisition)
    if placed is not None and (wrong := misplaced(placed)):
        raise InputError(f"{where}: {wrong}")
    chosen = evenly_chosen(acquisition.frame_count, SAMPLED)
    light, good = acquisition.intensity(chosen), good_pixels(acquisition, chosen)
    seen = light if good is None else light * good
    if good is not None and light.max() > 0 and not seen.max() > 0:
        raise InputError(
            f"{where}: the mask calls all pixels bad that hold light, {100 * (1 - good.mean()):.0f} % of all; it is "
            "probably inverted: it must be True (1) where a pixel is good, so turn it round or leave it out"
        )
    if not seen.max() > 0:
        raise InputError(
            f"{where}: all frames are dark (at most {float(seen.max()):g} in {len(chosen)} of them); light is needed, "
            "so check the shutter, the background and the mask"
        )

"""Does the LED board lie as the file says? Eight orientations tried on a small crop, before every fit.

A half turn of the board together with a reversed depth gives the very same frames (the object becomes its complex
conjugate), so without a known depth the eight fall into four pairs, and only the pair can be judged.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...forward import fourier
from ...forward.led_grid import flat_spectra
from ...optics.illumination import ORIENTATIONS, orient
from ...types import Note
from .solver import Solver, no_aberration

CROP = 64
LEDS = 30
MARGIN = 0.2  # share of the crop left out on every side: its edges do not repeat, and mislead
CLEARLY = 0.95  # the measured error of a right pair was at most 0.93 of every wrong pair's, on six data sets


def orientation_errors(acquisition: LedArray, device: torch.device | str = "cpu") -> dict[str, float]:
    """Relative amplitude error of each orientation, by name, from three passes on a central crop.

    The first name is the orientation as given. At most 30 LEDs of `acquisition` are used, those nearest the axis;
    the work is done on `device`.
    """
    rows, columns = acquisition.frame_shape
    y, x = max(0, (rows - CROP) // 2), max(0, (columns - CROP) // 2)
    nearest = np.argsort(np.hypot(*np.asarray(acquisition.illumination_na).T), kind="stable")[:LEDS]
    small = acquisition.subset(np.sort(nearest))
    if small.pupil is None:
        small = small.crop(slice(y, min(rows, y + CROP)), slice(x, min(columns, x + CROP)))
    z = acquisition.sample_z_um or 0.0
    errors: dict[str, float] = {}
    for k, (name, matrix) in enumerate(ORIENTATIONS):
        twin = ORIENTATIONS[k - 1][0]
        same = k % 2 == 1 and z == 0 and small.pupil is None  # half a turn of a sample in focus: the same frames
        errors[name] = errors[twin] if same else _error(small, matrix, z, device)
    return errors


def _error(small: LedArray, matrix: np.ndarray, z_um: float, device: torch.device | str) -> float:
    turned = small.replace(illumination_na=orient(np.asarray(small.illumination_na), matrix))
    plan = fourier.windows(turned)
    measured = fourier.measure(turned, plan, device)
    amplitude, where = measured.amplitude, measured.amplitude.device
    solver = Solver(plan, measured, np.array([z_um]), flat_spectra(plan, 1, where), no_aberration(plan, where))
    solver.run((1.0, 0.5, 0.25))
    cut = tuple(slice(int(MARGIN * n), n - int(MARGIN * n)) for n in plan.image_shape)
    misfit = sum(
        float(((solver.image(led).abs()[0] - amplitude[led])[cut] ** 2).sum()) for led in range(len(amplitude))
    )
    return (misfit / float((amplitude[(slice(None), *cut)] ** 2).sum())) ** 0.5


def orientation_notes(acquisition: LedArray, device: torch.device) -> Iterator[Note]:
    """A warning that names a clearly better orientation of `acquisition`, where there is one, found on `device`."""
    if acquisition.frame_count < 5:
        return
    errors = orientation_errors(acquisition, device)
    names = list(errors)
    pairs = {names[k]: min(errors[names[k]], errors[names[k + 1]]) for k in range(0, 8, 2)}
    best = min(pairs, key=lambda name: pairs[name])
    if pairs[best] < CLEARLY * pairs[names[0]]:
        turned = names[names.index(best) + 1]
        name = best if errors[best] <= errors[turned] else turned
        yield Note(
            f"the LED board seems to be mounted otherwise than the file says: with the LED directions {name} the "
            f"error on a test crop falls from {pairs[names[0]]:.3f} to {pairs[best]:.3f}; "
            "correct illumination_na and run again",
            "warning",
        )

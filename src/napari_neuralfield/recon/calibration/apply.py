"""The acquisition with what calibration found, and the part of it that calibration looks at."""

from __future__ import annotations

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...optics.grids import at_frequencies, fit_spectrum, frequencies
from ...optics.pupil import wavefront
from .recipe import CalibrationRecipe
from .trial_microscope import TrialMicroscope

BEYOND = 1.15  # of the pupil's radius: how far outside the rim its phase goes on, for LEDs between bins


def central(acquisition: LedArray, pixels: int) -> LedArray:
    """`acquisition` with the central square of `pixels` of every frame, or all where the frames are no larger.

    A measured pupil is read at the smaller square's coarser frequencies.
    """
    rows, columns = acquisition.frame_shape
    if rows <= pixels and columns <= pixels:
        return acquisition
    sides = [min(n, pixels) for n in (rows, columns)]
    y, x = (slice((n - side) // 2, (n - side) // 2 + side) for n, side in zip((rows, columns), sides, strict=True))
    if acquisition.pupil is None:
        return acquisition.crop(y, x)
    pupil = at_frequencies(np.asarray(acquisition.pupil), acquisition.pixel_um, (sides[0], sides[1]))
    return acquisition.replace(pupil=None).crop(y, x).replace(pupil=pupil)


def corrected(
    given: LedArray,
    microscope: TrialMicroscope,
    recipe: CalibrationRecipe,
    scale: float,
    factor: np.ndarray | None = None,
    *,
    dark: bool,
    flat: bool,
) -> LedArray:
    """`given`, all of it, with what `recipe` learnt of the microscope.

    Parameters
    ----------
    microscope : what was found.
    scale : counts of the mean bright field.
    factor : on the pupil on the frame's frequency grid (y, x), beside the Zernike terms.
    dark : whether there are dark-field frames, which alone tell of ambient light.
    flat : whether the sample lies at one depth, so that it has one.
    """
    changes: dict[str, object] = {"illumination_na": microscope.na, "wavelength_um": microscope.wavelength_um}
    if given.directions_at_um is None:
        changes["directions_at_um"] = (np.array(given.frame_shape) - 1) / 2 * given.pixel_um
    if recipe.learn_gains:
        level = 1.0 if given.exposure is None else float(np.mean(given.exposure))
        changes["exposure"] = microscope.gain * level
    if recipe.learn_background != "none" and dark:
        changes |= ambient(given, microscope.floor * scale, recipe.learn_background == "frame")
    if microscope.noll or factor is not None:
        pupil = _pupil(given, microscope.noll, microscope.coefficients, microscope.wavelength_um)
        changes |= {"pupil": pupil if factor is None else pupil * factor, "pupil_field": None}
    if recipe.learn_z and flat:
        changes["sample_z_um"] = microscope.z_um
    return given.replace(**changes)


def ambient(given: LedArray, counts: np.ndarray, per_frame: bool) -> dict[str, np.ndarray]:
    """The dark frame whose mean is the ambient light found, and what single frames have beside it."""
    known = np.zeros(given.frame_shape) if given.background is None else np.asarray(given.background, dtype=float)
    if given.background is None and given.pedestal:  # counts are beside it, and a dark frame takes its place
        counts = counts + given.pedestal
    mean = float(counts.mean())
    changes = {"background": known - known.mean() + mean}
    if per_frame or given.ambient is not None:
        changes["ambient"] = counts - mean
    return changes


def _pupil(given: LedArray, noll: tuple[int, ...], coefficients: np.ndarray, wavelength_um: float) -> np.ndarray:
    """The pupil on the frame's frequency grid (y, x), of modulus 1 as far as it was not measured before.

    Just outside the rim the phase goes on, so that it can be read between bins; further out it stays as it is there.
    """
    cutoff = given.objective_na / wavelength_um
    y, x = np.meshgrid(*(frequencies(n, given.pixel_um) for n in given.frame_shape), indexing="ij")
    shrink = np.minimum(1.0, BEYOND * cutoff / np.maximum(np.hypot(y, x), 1e-12))
    inside = (torch.from_numpy(y * shrink), torch.from_numpy(x * shrink))
    phase = wavefront(noll, torch.from_numpy(np.asarray(coefficients, dtype=float)), *inside, cutoff).numpy()
    known = 1.0 if given.pupil is None else np.asarray(given.pupil)
    return (known * np.exp(1j * phase)).astype(np.complex64)


def pixel_factor(pixels: torch.Tensor | None, region: LedArray, acquisition: LedArray) -> np.ndarray | None:
    """`pixels`, a factor on a window's bins of `region` (y, x), on the frequency grid of `acquisition`, 1 beyond."""
    if pixels is None:
        return None
    beyond = fit_spectrum(torch.ones_like(pixels), region.frame_shape)
    whole = (fit_spectrum(pixels, region.frame_shape) + (1 - beyond)).cpu().numpy()
    same = region.frame_shape == acquisition.frame_shape
    return whole if same else at_frequencies(whole, acquisition.pixel_um, acquisition.frame_shape)

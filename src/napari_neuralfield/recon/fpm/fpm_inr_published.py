"""FPM-INR fitted as published: one LED at a time, in order of NA, the whole field rendered for each.

Zhou et al., Optica 10, 1679 (2023), and the settings of their public configuration: smooth L1 against the root of
the normalised intensity, Adam 1e-3, x 0.1 every 6 of 15 epochs; odd epochs at uniform depths 0.8 x 0.5 / NA^2 apart,
even epochs at half as many random ones. LED directions are rounded to the frequency grid, and neither pupil nor gains
are recovered. The public code's slips (shift without axes, floored depth step, frequency grid half a pixel off) are
not repeated.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Generator

import numpy as np
import torch
import torch.nn.functional as functional

from ...data.acquisition import LedArray
from ...fields.plane_axis import PlaneAxisField
from ...forward import fourier
from ...forward.led_grid import depth_tensor
from ...optics.grids import centred_spectrum, fit_spectrum
from ...types import Event, Preview, Progress
from ..engine.adam import Adam
from ..engine.preview_pace import PreviewPace

EPOCHS, RATE, DECAY_EVERY, DECAY = 15, 1e-3, 6, 0.1


def uniform_depths(acquisition: LedArray, low: float, high: float) -> np.ndarray:
    """Depths of the odd epochs from `low` to `high`, um (z,): 0.8 x 0.5 / NA^2 apart, NA that of `acquisition`."""
    spacing = 0.8 * 0.5 / acquisition.objective_na**2
    return np.linspace(low, high, max(1, math.ceil((high - low) / spacing)))


def random_depths(uniform: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Depths of the even epochs, um (z,): `random` ones in half of the cells between the `uniform` ones (z,), um."""
    cells = len(uniform) - 1
    if cells < 1:
        return uniform
    chosen = random.permutation(cells)[: len(uniform) // 2]
    width = (uniform[-1] - uniform[0]) / cells
    return uniform[0] + (chosen + random.random(len(chosen))) * width


def fit_published(
    field: PlaneAxisField, acquisition: LedArray, seed: int, device: torch.device
) -> Generator[Event, None, float]:
    """Fit `field` in place; yields progress and previews; returns the intensity that its amplitude 1 stands for.

    Parameters
    ----------
    acquisition : the recording.
    seed : of the depths of the even epochs.
    device : where `field` lies and the frames are taken.
    """
    random = np.random.default_rng(seed)
    plan = fourier.windows(acquisition, crop=False, exact=False)
    frames = torch.as_tensor(acquisition.intensity(), device=device)
    brightest = float(frames.max())
    amplitude = torch.sqrt(torch.clamp(frames / brightest, min=0.0))
    order = np.argsort(np.hypot(*np.asarray(acquisition.illumination_na).T), kind="stable")
    rows, columns = acquisition.frame_shape
    y, x = field.extent.axes()
    gain = y.size * x.size / (rows * columns)  # the published transforms are not normalised
    low, high = field.extent.z_um
    uniform = uniform_depths(acquisition, low, high)
    schedule = [uniform if e % 2 == 0 else random_depths(uniform, random) for e in range(EPOCHS)]
    total = sum(len(depths) for depths in schedule) * len(order)
    optimizer = Adam(field.parameters(), RATE)
    pace = PreviewPace(lambda: Preview(copy.deepcopy(field), (low + high) / 2))
    norm, misfit, done = float((amplitude**2).mean()), 0.0, 0
    for epoch, depths in enumerate(schedule):
        rate = RATE * DECAY ** (epoch // DECAY_EVERY)
        for z in depths:
            kernels = fourier.pupils(plan, slice(None), depth_tensor(np.array([z]), device))
            for led in order:
                rendered = field.on_grid(field.place(z), y, x)
                spectrum = fit_spectrum(centred_spectrum(rendered), plan.spectrum_shape)
                image = fourier.predict(spectrum, kernels[led : led + 1], plan.corner[led : led + 1], plan.image_shape)
                modulus = gain * image.abs()[0, 0]
                optimizer.step(functional.smooth_l1_loss(modulus, amplitude[led]), rate)
                done += 1
                misfit += max(1 / done, 0.01) * (float((modulus.detach() - amplitude[led]).square().mean()) - misfit)
                yield Progress(done, total, (misfit / norm) ** 0.5, "fit")
                yield from pace.events()
    return brightest * gain**2

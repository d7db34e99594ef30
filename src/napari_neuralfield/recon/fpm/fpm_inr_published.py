"""FPM-INR fitted as published: one LED at a time, in order of NA, the whole field rendered for each.

Zhou et al., Optica 10, 1679 (2023), and the settings of their public configuration: smooth L1 against the root of
the normalised intensity, Adam 1e-3, x 0.1 every 6 of 15 epochs; odd epochs at uniform depths, even epochs at random
ones. In the paper these are 5 um apart and 3 (thyroid: 6 and 3), in the public notebook 0.8 x 0.5 / NA^2 apart and half
as many. LED directions are rounded to the frequency grid, and neither pupil nor gains
are recovered. The public code's slips (shift without axes, floored depth step, frequency grid half a pixel off) are
not repeated.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...data.frames import order_of_use
from ...fields.plane_axis import PlaneAxisField
from ...forward import fourier
from ...forward.led_grid import depth_tensor
from ...optics.grids import centred_spectrum, fit_spectrum
from ...types import Event, Extent
from ..engine.fit_field import Batch, Counter, fit_field
from ..engine.losses import smooth_l1_loss

EPOCHS, RATE, DECAY_EVERY, DECAY = 15, 1e-3, 6, 0.1


@dataclasses.dataclass(frozen=True)
class DepthSets:
    """At which depths the field is compared with the frames.

    Parameters
    ----------
    step_um : between those of the odd epochs; None: 0.8 x 0.5 / NA^2, as in the public notebook.
    uniform : how many these are, whatever their step; None: by the step.
    random : how many the even epochs draw; None: half as many as the odd epochs have.
    """

    step_um: float | None = None
    uniform: int | None = None
    random: int | None = None


def uniform_depths(acquisition: LedArray, low: float, high: float, sets: DepthSets = DepthSets()) -> np.ndarray:
    """Depths of the odd epochs from `low` to `high`, um (z,), as `sets` says; NA that of `acquisition`."""
    if low == high:
        return np.array([low])
    if sets.uniform is not None:
        return np.linspace(low, high, sets.uniform)
    if sets.step_um is not None:
        return np.linspace(low, high, max(1, round((high - low) / sets.step_um)) + 1)
    spacing = 0.8 * 0.5 / acquisition.objective_na**2
    return np.linspace(low, high, max(1, math.ceil((high - low) / spacing)))


def random_depths(uniform: np.ndarray, random: np.random.Generator, count: int | None = None) -> np.ndarray:
    """Depths of the even epochs, um (z,): `random` ones, each in a cell of its own between the `uniform` ones (z,), um.

    `count` of them, at most as many as there are cells; half as many as `uniform` where None.
    """
    cells = len(uniform) - 1
    if cells < 1:
        return uniform
    chosen = random.permutation(cells)[: len(uniform) // 2 if count is None else count]
    width = (uniform[-1] - uniform[0]) / cells
    return uniform[0] + (chosen + random.random(len(chosen))) * width


class PublishedLeds:
    """Frames over their brightest value, as the published transforms, which are not normalised, predict them.

    Parameters
    ----------
    acquisition : the recording.
    seen : depths and grid of the field.
    device : where the frames are taken.

    Attributes
    ----------
    extent, amplitude, good, train, held, learnt : see `types.Measurement`; LEDs in order of NA.
    scale : the intensity that a field of amplitude 1 stands for.
    """

    def __init__(self, acquisition: LedArray, seen: Extent, device: torch.device) -> None:
        self.extent, self.plan = seen, fourier.windows(acquisition, crop=False, exact=False)
        frames = torch.as_tensor(acquisition.intensity(), device=device)
        brightest = float(frames.max())
        self.amplitude = torch.sqrt(torch.clamp(frames / brightest, min=0.0))
        rows, columns = acquisition.frame_shape
        self._gain = seen.shape[0] * seen.shape[1] / (rows * columns)
        self.scale = brightest * self._gain**2
        light = self.amplitude.sum(dim=(1, 2), dtype=torch.float64).cpu().numpy()
        order = order_of_use(light, np.hypot(*np.asarray(acquisition.illumination_na).T))
        self.good: torch.Tensor | None = None
        self.train = torch.as_tensor(order)
        self.held = self.train[:0]
        self.learnt: dict[str, torch.Tensor] = {}
        self._kept = (np.nan, torch.empty(0))  # a depth and the pupils of all LEDs there

    def step_of(self, name: str) -> float:
        """Nothing of the microscope is learnt."""
        raise KeyError(name)

    def predict(self, image: torch.Tensor, frames: torch.Tensor, z_um: float = 0.0) -> torch.Tensor:
        """Intensity (frame, y, x) that a plane gives.

        Parameters
        ----------
        image : complex plane (y, x) on the extent's grid.
        frames : numbers of the frames, int64.
        z_um : depth of the plane, um.
        """
        if self._kept[0] != z_um:
            depth = depth_tensor(np.array([z_um]), self.amplitude.device)
            self._kept = (z_um, fourier.pupils(self.plan, slice(None), depth))
        leds = frames.cpu().numpy()
        spectrum = fit_spectrum(centred_spectrum(image), self.plan.spectrum_shape)[None]
        wave = fourier.predict(spectrum, self._kept[1][leds], self.plan.corner[leds], self.plan.image_shape)[:, 0]
        return (self._gain * wave.abs()).square()


def fit_published(
    field: PlaneAxisField,
    acquisition: LedArray,
    seed: int,
    device: torch.device,
    epochs: int = EPOCHS,
    *,
    sets: DepthSets = DepthSets(),
) -> Generator[Event, None, float]:
    """Fit a field in place; yields progress and previews; returns the intensity that its amplitude 1 stands for.

    Parameters
    ----------
    field : rendered whole for every LED.
    acquisition : the recording.
    seed : of the depths of the even epochs.
    device : where `field` lies and the frames are taken.
    epochs : passes over all LEDs and depths.
    sets : of depths.
    """
    random = np.random.default_rng(seed)
    leds = PublishedLeds(acquisition, field.extent, device)
    uniform = uniform_depths(acquisition, *field.extent.z_um, sets)
    depths = [uniform if e % 2 == 0 else random_depths(uniform, random, sets.random) for e in range(epochs)]
    schedule = (
        Batch(led, DECAY ** (epoch // DECAY_EVERY), float(z))
        for epoch, chosen in enumerate(depths)
        for z in chosen
        for led in leds.train.split(1)
    )
    counter = Counter(sum(map(len, depths)) * len(leds.train))
    yield from fit_field(field, leds, schedule, rate=RATE, counter=counter, loss=smooth_l1_loss)
    return leds.scale

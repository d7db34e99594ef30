"""Physics polish: from a phase that is nearly right to the one that explains the frames of LED patterns.

All LEDs of all frames are simulated from exp(i phase - absorption) through a pupil with a few aberrations. The
absorption is a share of the phase (what is thick does both), a constant, and a small rest. Minimised is

    misfit / 2 + sparsity * (sum |grad phase| + REST * sum |grad rest|),

with the misfit in units of the frames' own noise. The fit needs a start whose edges are nearly right: a network's, not
that of differential phase contrast.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize

from ..data.acquisition import MultiplexedLed
from ..optics.grids import resample
from ..types import InputError
from .pattern_misfit import PatternMisfit, Slopes

SPARSITY = 10.0  # per radian of edge, one pixel of the synthetic aperture long
REST = 15.0  # how much less likely an edge of the absorption is that the phase does not have
BORDER = 8  # frame pixels in which a field that does not repeat is closed
SOFT = 5e-3  # radians; smaller steps between pixels are smooth shading
RATES = {"phase": 0.06, "rest": 0.004, "shared": 0.01}
BETAS = (0.85, 0.93)
WARM = 4


class Improving(NamedTuple):
    """Where a polish is: steps done, of how many, and the relative amplitude error now."""

    done: int
    total: int
    error: float


@dataclasses.dataclass(frozen=True)
class Polished:
    """What the frames say.

    Parameters
    ----------
    phase : unwrapped, rad, mean 0 (Y, X); the start's where the polish was not accepted.
    absorption : natural logarithm of amplitude, negative (Y, X).
    aberration : rad of each Noll term {index: coefficient}.
    gain : brightness of each frame beside its LEDs' (frame,).
    error_before, error_after : relative amplitude error, the start's with its best absorption, aberrations and gains.
    misfit_before, misfit_after : mean square of the difference in units of the frames' noise: 1 is perfect.
    accepted : the frames are explained better than at the start.
    """

    phase: torch.Tensor
    absorption: torch.Tensor
    aberration: dict[int, float]
    gain: np.ndarray
    error_before: float
    error_after: float
    misfit_before: float
    misfit_after: float
    accepted: bool


@dataclasses.dataclass(frozen=True)
class Shared:
    """What the whole field has in common.

    Parameters
    ----------
    values : share of the phase that is absorbed, constant absorption, Zernike coefficients (rad), logarithm of the
        frames' gains less their mean; float32.
    terms : how many Zernike coefficients.
    """

    values: torch.Tensor
    terms: int

    @property
    def share(self) -> torch.Tensor:
        return self.values[0]

    @property
    def constant(self) -> torch.Tensor:
        return self.values[1]

    @property
    def aberration(self) -> torch.Tensor:
        return self.values[2 : 2 + self.terms]

    @property
    def gain(self) -> torch.Tensor:
        gain = self.values[2 + self.terms :]
        return gain - gain.mean()

    def absorption(self, phase: torch.Tensor) -> torch.Tensor:
        return self.share * phase + self.constant

    def slope(self, slopes: Slopes, phase: torch.Tensor) -> torch.Tensor:
        """Gradient of the energy by `values`."""
        by_absorption = torch.stack([(slopes.absorption * phase).sum(), slopes.absorption.sum()])
        return torch.cat([by_absorption, slopes.aberration, torch.zeros_like(slopes.gain)])


def repeats(frames: np.ndarray) -> bool:
    """True where frames (frame, y, x) go on at their borders as their other side begins: simulated, or one period.

    Judged by how well the first row (column) goes with the last, against how well neighbours go together there.
    """
    bright = frames[frames.mean((1, 2)) > 0.5 * frames.mean((1, 2)).max()]
    for axis in (1, 2):
        first, second, before, last = (np.take(bright, i, axis).ravel() for i in (0, 1, -2, -1))
        across = np.corrcoef(first, last)[0, 1]
        along = 0.5 * (np.corrcoef(first, second)[0, 1] + np.corrcoef(before, last)[0, 1])
        if not across > 0.75 * along:
            return False
    return True


def closed(image: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """`image` (y, x) continued to `shape` in a straight line from its last pixel to its first: it repeats smoothly."""
    for axis in (0, 1):
        extra = shape[axis] - image.shape[axis]
        if extra:
            share = (torch.arange(1, extra + 1, device=image.device, dtype=image.dtype) / (extra + 1)).reshape(
                (-1, 1) if axis == 0 else (1, -1)
            )
            last, first = image.narrow(axis, image.shape[axis] - 1, 1), image.narrow(axis, 0, 1)
            image = torch.cat([image, last + (first - last) * share], axis)
    return image


def on_object_grid(model: PatternMisfit, phase: torch.Tensor, upsampling: int) -> torch.Tensor:
    """A phase (Y, X), `upsampling` pixels per frame pixel, on the model's grid with its border, mean 0.

    Raises
    ------
    InputError : where the phase does not cover the frames.
    """
    expected = tuple(upsampling * n for n in model.frame_shape)
    if tuple(phase.shape) != expected:
        raise InputError(
            f"the phase has {tuple(phase.shape)} pixels; {upsampling} per pixel of frames of {model.frame_shape} are "
            f"{expected}"
        )
    if not torch.isfinite(phase).all():
        raise InputError("the phase holds values that are not finite; every pixel needs a number")
    rows, columns = (upsampling * n for n in model.plan.image_shape)
    whole = closed(phase - phase.mean(), (rows, columns))
    return resample(whole, model.object_shape)


def best_shared(model: PatternMisfit, phase: torch.Tensor, *, evaluations: int = 14) -> Shared:
    """Absorption as a share of the phase, aberrations and gains with which a phase explains the frames best.

    Parameters
    ----------
    phase : on the model's object grid (Y, X).
    """
    terms = len(model.noll)

    def energy(values: np.ndarray) -> tuple[float, np.ndarray]:
        shared = Shared(torch.as_tensor(values, dtype=torch.float32, device=phase.device), terms)
        slopes = model.slopes(phase, shared.absorption(phase), shared.aberration, shared.gain)
        return slopes.energy, shared.slope(slopes, phase).double().cpu().numpy()

    start = np.zeros(2 + terms + len(model.leds))
    start[0] = 0.1
    found = minimize(energy, start, jac=True, method="L-BFGS-B", options={"maxfun": evaluations})
    return Shared(torch.as_tensor(found.x, dtype=torch.float32, device=phase.device), terms)


def relative_error(model: PatternMisfit, frames: torch.Tensor) -> float:
    """Norm of the difference of predicted and measured roots of intensities, over the norm of the measured."""
    measured = model.intensity.sqrt()
    return float(torch.linalg.vector_norm(frames.sqrt() - measured) / torch.linalg.vector_norm(measured))


def edges(image: torch.Tensor, soft: float) -> torch.Tensor:
    """Gradient (Y, X) of the isotropic total variation sum sqrt(|grad|^2 + soft^2) of a periodic image."""
    down, right = torch.roll(image, -1, -2) - image, torch.roll(image, -1, -1) - image
    length = torch.rsqrt(down.square() + right.square() + soft * soft)
    down, right = down * length, right * length
    return torch.roll(down, 1, -2) - down + torch.roll(right, 1, -1) - right


class _Moments:
    """Adam for a tensor that is changed in place, from gradients."""

    def __init__(self, value: torch.Tensor, rate: float) -> None:
        self.value, self.rate, self.count = value, rate, 0
        self._mean, self._square = torch.zeros_like(value), torch.zeros_like(value)

    def step(self, gradient: torch.Tensor, share: float) -> None:
        self.count += 1
        one, two = BETAS
        self._mean.lerp_(gradient, 1 - one)
        self._square.mul_(two).addcmul_(gradient, gradient, value=1 - two)
        size = (self._square / (1 - two**self.count)).sqrt_().add_(1e-12)
        self.value.addcdiv_(self._mean, size, value=-self.rate * share / (1 - one**self.count))


def polish(
    acquisition: MultiplexedLed,
    phase: torch.Tensor,
    *,
    upsampling: int = 6,
    steps: int = 60,
    sparsity: float = SPARSITY,
    noll: tuple[int, ...] = (4, 5, 6),
    border: int | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[Improving | Polished]:
    """Fit phase, absorption, aberrations and gains to the frames, from a start; the last thing yielded is the result.

    Parameters
    ----------
    phase : start, rad, unwrapped (Y, X); sample (0, 0) lies on pixel (0, 0) of the frames.
    upsampling : its pixels per frame pixel and axis.
    steps : each costs two FFTs of a frame for every LED.
    sparsity : weight of total variation, per radian; 0 for none.
    noll : aberrations of the pupil that are fitted, Noll's indices.
    border : frame pixels beyond the field in which the object is free; None: 0 where the frames repeat, else `BORDER`.

    Raises
    ------
    InputError : where the phase does not cover the frames or is not finite.
    """
    if border is None:
        border = 0 if acquisition.pupil is not None or repeats(acquisition.intensity()) else BORDER
    model = PatternMisfit(acquisition, noll=noll, border=border, device=device)
    start = phase.detach().to(device=device, dtype=torch.float32)
    found = on_object_grid(model, start, upsampling)
    shared = best_shared(model, found)
    rest = torch.zeros_like(found)
    first = model.frames(found, shared.absorption(found), shared.aberration, shared.gain)
    before, begun = relative_error(model, first), _misfit(model, found, shared)
    yield Improving(0, steps, before)
    weight = sparsity * _pixels_per_edge(model, found)
    moves = [_Moments(value, rate) for value, rate in zip((found, rest, shared.values), RATES.values(), strict=True)]
    initial = (found.clone(), Shared(shared.values.clone(), shared.terms))
    for step in range(steps):
        slopes = model.slopes(found, shared.absorption(found) + rest, shared.aberration, shared.gain)
        strength = weight
        gradients = (
            slopes.phase + shared.share * slopes.absorption + strength * edges(found, SOFT),
            slopes.absorption + REST * strength * edges(rest, SOFT / 10),
            shared.slope(slopes, found),
        )
        pace = min(1.0, (step + 1) / WARM) * (0.04 + 0.48 * (1 + math.cos(math.pi * step / steps)))
        for move, gradient in zip(moves, gradients, strict=True):
            move.step(gradient, pace)
        yield Improving(step + 1, steps, _quick_error(model, slopes))
    last = model.slopes(found, shared.absorption(found) + rest, shared.aberration, shared.gain)
    ended = float(last.misfit.mean())
    accepted = bool(np.isfinite(ended) and ended < begun)
    if not accepted:
        (found, shared), rest = initial, torch.zeros_like(rest)
    absorption = shared.absorption(found) + rest
    frames = model.frames(found, absorption, shared.aberration, shared.gain)
    yield Polished(
        _cut(model, found, upsampling) if accepted else start - start.mean(),
        _cut(model, absorption, upsampling, centre=False),
        {index: float(value) for index, value in zip(noll, shared.aberration, strict=True)},
        np.exp(shared.gain.double().cpu().numpy()),
        before,
        relative_error(model, frames),
        begun,
        ended,
        accepted,
    )


def _misfit(model: PatternMisfit, phase: torch.Tensor, shared: Shared) -> float:
    return float(model.slopes(phase, shared.absorption(phase), shared.aberration, shared.gain).misfit.mean())


def _quick_error(model: PatternMisfit, slopes: Slopes) -> float:
    """The relative amplitude error from the squares at hand: with the noise's offset under both roots."""
    total = 2 * slopes.energy * model.variance
    return math.sqrt(total / float(model.intensity.double().sum()))


def _pixels_per_edge(model: PatternMisfit, image: torch.Tensor) -> float:
    """Pixel of `image` over that of the synthetic aperture."""
    widest = 0.5 * (model.plan.spectrum_shape[0] + model.plan.spectrum_shape[1])
    return widest / (0.5 * (image.shape[0] + image.shape[1]))


def _cut(model: PatternMisfit, image: torch.Tensor, upsampling: int, centre: bool = True) -> torch.Tensor:
    """The part of `image` over the frames, on the grid of the start."""
    fine = resample(image, (upsampling * model.plan.image_shape[0], upsampling * model.plan.image_shape[1]))
    seen = fine[: upsampling * model.frame_shape[0], : upsampling * model.frame_shape[1]]
    return seen - seen.mean() if centre else seen.clone()

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

from ...data.acquisition import MultiplexedLed
from ..engine import checkpoint
from ..engine.sparsity import adjoint_differences, differences
from .misfit import PatternGradient, PatternMisfit
from .start import Shared, best_shared, border_of, on_fine_grid, on_object_grid

STEPS = 60
SPARSITY = 10.0  # per radian of edge, one pixel of the synthetic aperture long
REST = 15.0  # how much less likely an edge of the absorption is that the phase does not have
SOFT = 5e-3  # radians; smaller steps between pixels are smooth shading
RATES = (0.06, 0.004, 0.01)  # first steps of phase, rest of the absorption, and what the field shares
BETAS = (0.85, 0.93)
WARM = 4
ABERRATIONS = (4, 5, 6, 7, 8, 11)  # defocus, astigmatism, coma, spherical
EXPLAINED = 3.0  # mean square in units of the noise above which the microscope is not what the file says


class Improving(NamedTuple):
    """Where a polish is: steps done, of how many, and the relative amplitude error now."""

    done: int
    total: int
    error: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Polished:
    """What the frames say.

    Parameters
    ----------
    phase : unwrapped, rad, mean 0 (Y, X); the start's where the polish was not accepted.
    absorption : negative natural logarithm of amplitude (Y, X).
    aberration : rad of each Noll term {index: coefficient}.
    gain : brightness of each frame beside its LEDs' (frame,).
    error_before, error_after : relative amplitude error, the start's with its best absorption, aberrations and gains.
    misfit_before, misfit_after : mean square of the difference in units of the frames' noise: 1 is perfect.
    accepted : the frames are explained better than at the start, and nearly to their noise. A fit that stays far above
        it makes up detail to excuse a microscope that is not as described; `misfit_after` is still that fit's.
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


def _edges(image: torch.Tensor, soft: float) -> torch.Tensor:
    """Gradient (Y, X) of the isotropic total variation sum sqrt(|grad|^2 + soft^2) of a periodic image."""
    steps = differences(image)
    return adjoint_differences(steps * torch.rsqrt(steps.square().sum(0) + soft * soft))


class _Moments:
    """Adam for a tensor that is changed in place, from gradients."""

    def __init__(self, value: torch.Tensor, rate: float) -> None:
        self.value, self.rate, self.count = value, rate, 0
        self._mean, self._square = torch.zeros_like(value), torch.zeros_like(value)

    @property
    def remembered(self) -> list[torch.Tensor]:
        """All that a step changes in place."""
        return [self.value, self._mean, self._square]

    def step(self, gradient: torch.Tensor, share: float) -> None:
        self.count += 1
        one, two = BETAS
        self._mean.lerp_(gradient, 1 - one)
        self._square.mul_(two).addcmul_(gradient, gradient, value=1 - two)
        size = (self._square / (1 - two**self.count)).sqrt_().add_(1e-12)
        self.value.addcdiv_(self._mean, size, value=-self.rate * share / (1 - one**self.count))


class _Fit:
    """A phase (Y, X) on the model's grid, what goes with it, and how far it is from the frames.

    Parameters
    ----------
    found : start of the phase, mean 0, changed in place.
    shared : its absorption, aberrations and gains; the gains stay.
    """

    def __init__(self, model: PatternMisfit, found: torch.Tensor, shared: Shared, sparsity: float) -> None:
        self.model, self.phase, self.shared = model, found, shared
        self.rest = torch.zeros_like(found)
        self._weight = sparsity * _pixels_per_edge(model, found)
        values = (self.phase, self.rest, shared.values)
        self._moves = [_Moments(value, rate) for value, rate in zip(values, RATES, strict=True)]

    @property
    def absorption(self) -> torch.Tensor:
        return self.shared.absorption(self.phase) + self.rest

    def slopes(self) -> PatternGradient:
        return self.model.slopes(self.phase, self.absorption, self.shared.aberration, self.shared.gain)

    def error(self) -> float:
        """Norm of the difference of predicted and measured roots of intensities, over the norm of the measured."""
        shown = self.model.frames(self.phase, self.absorption, self.shared.aberration, self.shared.gain)
        measured = self.model.intensity.sqrt()
        return float(torch.linalg.vector_norm(shown.sqrt() - measured) / torch.linalg.vector_norm(measured))

    def solved(self) -> tuple[int, list[torch.Tensor]]:
        """What the next step depends on."""
        return self._moves[0].count, [value for move in self._moves for value in move.remembered]

    def go_on(self, solved: tuple[int, list[torch.Tensor]]) -> None:
        """Go on from what was `solved` before."""
        count, kept = solved
        for value, one in zip(self.solved()[1], kept, strict=True):
            value.copy_(one)
        for move in self._moves:
            move.count = count

    def step(self, pace: float) -> PatternGradient:
        """One step down; the slopes are those before it."""
        slopes = self.slopes()
        shared = self.shared.slope(slopes, self.phase)
        shared[2 + self.shared.terms :] = 0
        gradients = (
            slopes.phase + self.shared.share * slopes.absorption + self._weight * _edges(self.phase, SOFT),
            slopes.absorption + REST * self._weight * _edges(self.rest, SOFT / 10),
            shared,
        )
        for move, gradient in zip(self._moves, gradients, strict=True):
            move.step(gradient, pace)
        return slopes


def polish(
    acquisition: MultiplexedLed,
    phase: torch.Tensor,
    *,
    upsampling: int = 6,
    steps: int = STEPS,
    sparsity: float = SPARSITY,
    noll: tuple[int, ...] = ABERRATIONS,
    trust_brightness: bool = True,
    border: int | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[Improving | Polished]:
    """Fit phase, absorption and aberrations to the frames, from a start; the last thing yielded is the result.

    Parameters
    ----------
    acquisition : frames of LED patterns.
    phase : start, rad, unwrapped (Y, X); sample (0, 0) lies on pixel (0, 0) of the frames.
    upsampling : its pixels per frame pixel and axis.
    steps : each costs two FFTs of a frame for every LED; as many again where they leave the frames unexplained.
    sparsity : weight of total variation, per radian; 0 for none.
    noll : aberrations of the pupil that are fitted, Noll's indices.
    trust_brightness : the frames' brightness beside each other was measured; otherwise the start decides about it.
    border : frame pixels beyond the field where the object is free; None: 0 where the field repeats, else `BORDER`.
    device : that computes.

    Raises
    ------
    InputError : where the phase does not cover the frames or is not finite.
    """
    border = border_of(acquisition) if border is None else border
    model = PatternMisfit(acquisition, noll=noll, border=border, device=device)
    start = _centred(phase.detach().to(device=device, dtype=torch.float32))
    coarse = on_object_grid(model, start, upsampling)
    shared = best_shared(model, coarse, gains=not trust_brightness)
    fit = _Fit(model, coarse.clone(), Shared(shared.values.clone(), shared.terms), sparsity)
    before = fit.error()
    yield Improving(0, steps, before)
    loop, begin, begun, step = checkpoint.loop("steps"), 0, math.inf, -1
    if loop.found is not None:
        begin, begun, solved = loop.found
        fit.go_on(solved)

    def now() -> tuple[object, ...]:
        return step + 1, begun, fit.solved()

    for step in range(begin, 2 * steps):
        if step == steps and not _mean(fit.slopes()) > EXPLAINED:
            break
        slopes = fit.step(
            min(1.0, (step + 1) / WARM) * (0.04 + 0.48 * (1 + math.cos(math.pi * (step % steps) / steps)))
        )
        begun = _mean(slopes) if step == 0 else begun
        yield Improving(step + 1, steps if step < steps else 2 * steps, _quick_error(model, slopes))
        loop.reached(now)
    ended = _mean(fit.slopes())
    accepted = bool(np.isfinite(ended) and ended < begun and ended <= EXPLAINED)
    if not accepted:
        fit = _Fit(model, coarse, shared, sparsity)
    yield Polished(
        phase=_centred(on_fine_grid(model, fit.phase, upsampling)) if accepted else start,
        absorption=on_fine_grid(model, fit.absorption, upsampling),
        aberration={index: float(value) for index, value in zip(noll, fit.shared.aberration, strict=True)},
        gain=np.exp(fit.shared.gain.double().cpu().numpy()),
        error_before=before,
        error_after=fit.error(),
        misfit_before=begun,
        misfit_after=ended,
        accepted=accepted,
    )


def _mean(slopes: PatternGradient) -> float:
    return float(slopes.misfit.mean())


def _quick_error(model: PatternMisfit, slopes: PatternGradient) -> float:
    """The relative amplitude error from the squares at hand: with the noise's offset under both roots."""
    total = 2 * slopes.energy * model.variance
    return math.sqrt(total / float(model.intensity.double().sum()))


def _pixels_per_edge(model: PatternMisfit, image: torch.Tensor) -> float:
    """Pixel of `image` over that of the synthetic aperture."""
    return sum(model.plan.spectrum_shape) / sum(image.shape)


def _centred(image: torch.Tensor) -> torch.Tensor:
    return image - image.mean()

"""The sample that explains defocused frames and is as simple as they allow.

Minimised is the misfit to the frames (`defocus_misfit`) plus what is known of thin samples: few edges (isotropic total
variation), little detail that the camera cannot see, nothing where the frames show nothing, no negative phase, or
nearness to a start. Each step takes the misfit's gradient and how it curves for weak samples, which differs by orders
of magnitude between slow and fine detail but is known at every frequency, and solves the rest exactly by splitting
(ADMM: S. Boyd et al., Found. Trends Mach. Learn. 3, 1 (2011)); a step that leads up is shortened and taken again.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import torch

from ...forward.defocus_misfit import DefocusMisfit, FocusGradient
from ..engine import checkpoint
from ..engine.sparsity import adjoint_differences, differences

INNER = 20  # rounds of splitting in each step
LONGEST = 1.0  # step, in units of that of a weak sample
SHORTEST = 1 / 1024
DAMPED = 1e-3  # of the largest curvature, how much is added to all of it in a step half as long
HELD = 0.1  # weight of the splitting of signs, as a share of that of edges
STEEPNESS = 8  # power of the frequency by which detail beyond the camera's pixels becomes unlikely
SETTLED = 3e-4  # relative change of the objective below which a step changes nothing that can be seen


@dataclasses.dataclass(frozen=True)
class Known:
    """What is taken for granted about a sample. Weights are per camera pixel and for phases in rad.

    edges : per radian of an edge one camera pixel long. fine : of the square of detail at the finest period that the
    camera resolves, falling by STEEPNESS below it. empty : where the sample is 0, a share from 0 to 1 (Y, X), with
    weight `ground`. non_negative : of the phase. near : of the square of the distance from the start; with it, `fine`
    acts on that distance.
    """

    edges: float = 3.0
    fine: float = 400.0
    empty: torch.Tensor | None = None
    ground: float = 400.0
    non_negative: bool = False
    near: float = 0.0

    def smoothness(self, misfit: DefocusMisfit) -> torch.Tensor:
        """Weight of the square of each frequency (Y, X / 2 + 1)."""
        return (self.near + self.fine * beyond_camera(misfit)) / misfit.upsampling**2


def beyond_camera(misfit: DefocusMisfit) -> torch.Tensor:
    """Frequency (Y, X / 2 + 1) over the highest one that camera and lenses resolve, to the power STEEPNESS."""
    seen = misfit.microscope
    passed = (seen.objective_na + seen.condenser_na) / seen.wavelength_um * seen.pixel_um
    highest = min(0.5 / misfit.upsampling, passed)
    fy = torch.fft.fftfreq(misfit.shape[0])[:, None]
    fx = torch.fft.rfftfreq(misfit.shape[1])[None, :]
    return ((fy.square() + fx.square()) / highest**2) ** (STEEPNESS / 2)


@dataclasses.dataclass(frozen=True)
class FitStep:
    """`done` of `total` steps, and the misfit there. converged : further steps change nothing that can be seen."""

    done: int
    total: int
    slopes: FocusGradient
    converged: bool


class SparseFit:
    """Improves `sample` (channel, Y, X) step by step.

    Parameters
    ----------
    start : phase and, where it is fitted too, absorption (channel, Y, X) on the whole grid of the misfit.
    """

    def __init__(self, misfit: DefocusMisfit, start: torch.Tensor, known: Known) -> None:
        self.misfit, self.known, self.sample = misfit, known, start.clone()
        self._start = start.clone() if known.near > 0 else torch.zeros_like(start)
        f = misfit.upsampling
        self._edges = known.edges / f
        self._ground = None if known.empty is None else known.empty * (known.ground / f**2)
        fy = torch.fft.fftfreq(misfit.shape[0], device=start.device)[:, None]
        fx = torch.fft.rfftfreq(misfit.shape[1], device=start.device)[None, :]
        self._laplacian = 4 * (torch.sin(math.pi * fy).square() + torch.sin(math.pi * fx).square())
        self._smooth = known.smoothness(misfit).to(start.device)
        rise = beyond_camera(misfit).to(start.device)
        self._rise = rise / (1 + rise)
        self._shortened = 1.0
        self._pair, self._dual = differences(self.sample), torch.zeros_like(differences(self.sample))
        self._signed, self._sign_dual = self.sample.clone(), torch.zeros_like(self.sample)

    def steps(self, count: int) -> Iterator[FitStep]:
        """At most `count` steps down; ends where nothing that can be seen changes."""
        slopes = self.misfit.slopes(self.sample)
        value, calm = self._value(self.sample, slopes.energy), 0  # each value is waited for: it decides what comes
        curve = self._curvature()
        top = curve.amax((-2, -1), keepdim=True)
        loop, begin, done = checkpoint.loop("steps"), 0, 0
        if loop.found is not None:
            begin, slopes, value, calm, solved = loop.found
            self._go_on(solved)
            yield FitStep(begin, count, slopes, calm >= 3)
            if calm >= 3:
                return

        def now() -> tuple[object, ...]:
            return done, slopes, value, calm, self._solved()

        for done in range(begin + 1, count + 1):
            kept = self._pair, self._dual, self._signed, self._sign_dual
            while True:
                held = DAMPED * (self._shortened - 1) ** 1.5
                moved = self._solve(slopes.sample, curve * self._shortened + held * top)
                new = self.misfit.slopes(moved)
                reached = self._value(moved, new.energy)
                if reached <= value * (1 + 1e-6) or self._shortened >= 1 / SHORTEST:
                    break
                self._shortened *= 2
                self._pair, self._dual, self._signed, self._sign_dual = kept
            if not reached <= value * (1 + 1e-6):
                yield FitStep(done, count, slopes, True)
                return
            calm = calm + 1 if value - reached < SETTLED * max(abs(value), 1e-12) else 0
            self.sample, slopes, value = moved, new, reached
            self._shortened = max(1 / LONGEST, self._shortened / 1.5)
            loop.reached(now)
            yield FitStep(done, count, slopes, calm >= 3)
            if calm >= 3:
                return

    def _solved(self) -> tuple[Any, ...]:
        """What the next step depends on, and how far the planes were moved."""
        split = self._pair, self._dual, self._signed, self._sign_dual
        return self.sample, self._shortened, split, self.misfit.moved_um

    def _go_on(self, solved: tuple[Any, ...]) -> None:
        """Go on from what was `_solved` before."""
        self.sample, self._shortened, split, moved_um = solved
        self._pair, self._dual, self._signed, self._sign_dual = split
        if moved_um != self.misfit.moved_um:
            self.misfit.move(moved_um)

    def _curvature(self) -> torch.Tensor:
        """Of the misfit, (channel, Y, X / 2 + 1); where the camera's pixels fold detail over, never small."""
        curve = self.misfit.curvature(len(self.sample))
        top = curve.amax((-2, -1), keepdim=True)
        return curve + top * self._rise + 1e-6 * top

    def _value(self, sample: torch.Tensor, energy: torch.Tensor) -> float:
        away = sample - self._start
        smooth = torch.fft.irfft2(self._smooth * torch.fft.rfft2(away), s=self.misfit.shape)
        total = energy + 0.5 * (smooth * away).to(energy.dtype).sum()
        total += self._edges * _lengths(differences(sample)).to(energy.dtype).sum()
        if self._ground is not None:
            total += 0.5 * (self._ground * sample.square()).to(energy.dtype).sum()
        return float(total)

    def _solve(self, gradient: torch.Tensor, curve: torch.Tensor) -> torch.Tensor:
        """Minimum of the misfit's parabola at the sample plus all that is known."""
        size = self.misfit.shape
        tied = max(self._edges * self.misfit.upsampling, 1e-3)
        signs = HELD * tied if self._ground is not None or self.known.non_negative else 0.0
        below = curve + self._smooth + tied * self._laplacian + signs
        pull = curve * torch.fft.rfft2(self.sample) + self._smooth * torch.fft.rfft2(self._start)
        aim = torch.fft.irfft2(pull, s=size) - gradient
        new = self.sample
        for _ in range(INNER):
            right = aim + tied * adjoint_differences(self._pair - self._dual)
            if signs:
                right = right + signs * (self._signed - self._sign_dual)
            new = torch.fft.irfft2(torch.fft.rfft2(right) / below, s=size)
            pair = differences(new) + self._dual
            length = _lengths(pair)
            self._pair = pair * ((length - self._edges / tied).clamp(min=0) / length.clamp(min=1e-12))
            self._dual = pair - self._pair
            if signs:
                wanted = new + self._sign_dual
                self._signed = wanted if self._ground is None else wanted * (signs / (signs + self._ground))
                if self.known.non_negative:
                    self._signed[0].clamp_(min=0)
                self._sign_dual = wanted - self._signed
        return new


def _lengths(pair: torch.Tensor) -> torch.Tensor:
    """Of differences along y and x (2, channel, Y, X)."""
    return pair.square().sum(0).sqrt()

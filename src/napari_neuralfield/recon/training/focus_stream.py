"""Endless pairs of a defocused frame and the phase behind it, simulated for many microscopes as training goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import scipy.fft
import torch

from ...forward.brightfield import BrightField
from ...simulate.scenes.random_scenes import SCENES
from ..focus.network_inputs import RANGE, UPSAMPLING, Defocus, channels, transfer, weak_phase
from .scene_pool import FromPool, ScenePool

Draw = Callable[[int, int, np.random.Generator], np.ndarray]
DEFAULT_WEIGHTS = {
    "cells": 0.34, "layer": 0.16, "filaments": 0.07, "litter": 0.04, "leaves": 0.06, "noise": 0.03, "solids": 0.2,
    "threads": 0.06, "media": 0.04,
}  # fmt: skip
POINTS = 8  # of an open condenser


@dataclasses.dataclass(frozen=True)
class DefocusVariety:
    """How the simulated microscopes differ.

    Parameters
    ----------
    fresnel : smallest and largest size of wavelength z / pixel^2.
    below : share of the frames whose sample lies below the focal plane (z < 0).
    coherence : smallest and largest NA of the condenser over that of the objective.
    closed : share of the frames whose condenser is closed, where `coherence` allows it.
    objective : smallest and largest objective NA pixel / wavelength, cycles per frame pixel.
    noise : smallest and largest deviation of a frame pixel, as a share of the light.
    uneven : largest deviation of slow brightness across a frame; a quarter of the frames has some.
    haze_rad : largest deviation of slow phase under a sample.
    finest : smallest and largest period, frame pixels, of the finest waves of a scene: no lens passes finer ones.
    absorbing, absorption : share of the scenes that absorb, and how much at most: exponent of the amplitude per rad.
    """

    fresnel: tuple[float, float] = RANGE
    below: float = 0.2
    coherence: tuple[float, float] = (0.0, 0.5)
    closed: float = 0.25
    objective: tuple[float, float] = (1.4, 2.2)
    noise: tuple[float, float] = (0.0015, 0.008)
    uneven: float = 0.004
    haze_rad: float = 0.02
    finest: tuple[float, float] = (0.3, 1.3)
    absorbing: float = 0.2
    absorption: float = 0.05

    def draw(self, rng: np.random.Generator) -> Defocus:
        """The optics of one frame."""
        fresnel = float(np.exp(rng.uniform(*np.log(self.fresnel))))
        objective = float(rng.uniform(*self.objective))
        coherence = float(rng.uniform(*self.coherence))
        if self.coherence[0] == 0 and rng.random() < self.closed:
            coherence = 0.0
        below = rng.random() < self.below
        return Defocus(-fresnel if below else fresnel, coherence * objective, objective)


@dataclasses.dataclass(frozen=True)
class Scene:
    """A frame without noise (y, x), an empty one being 1, and the phase (Y, X) behind it, rad, half precision."""

    frame: torch.Tensor
    phase: torch.Tensor
    defocus: Defocus


class DefocusStream(FromPool):
    """Batches of channels and of the phase behind them.

    Parameters
    ----------
    size : frame pixels of a scene per axis; scenes repeat at their borders.
    patch : frame pixels of a patch per axis.
    pool : scenes kept; each batch takes its patches from them at random, turned and mirrored at random.
    per_scene : patches taken, on average, before a scene is replaced.
    draw : makes a phase (Y, X) of pixels per axis and pixels per frame pixel; a random kind of SCENES where None.
    """

    def __init__(
        self,
        variety: DefocusVariety,
        *,
        size: int = 96,
        patch: int = 64,
        pool: int = 384,
        per_scene: float = 16,
        draw: Draw | None = None,
        seed: int = 0,
    ) -> None:
        self.variety, self.size, self.patch = variety, size, patch
        self.rng, self.draw = np.random.default_rng(seed), draw or any_kind
        self.pool = ScenePool(self._numbered, pool, per_scene, seed)

    def scene(self) -> Scene:
        """One more scene, imaged by a microscope of its own."""
        side = self.size * UPSAMPLING
        drawn = _softened(self.draw(side, UPSAMPLING, self.rng), self.rng.uniform(*self.variety.finest))
        phase = torch.from_numpy(drawn + _slow(side, self.variety.haze_rad, self.rng)).float()
        defocus = self.variety.draw(self.rng)
        absorbs = self.rng.uniform(0, self.variety.absorption) * (self.rng.random() < self.variety.absorbing)
        return Scene(image(phase, defocus, absorbs=absorbs), phase.half(), defocus)

    def noisy(self, frame: torch.Tensor) -> torch.Tensor:
        """A frame as a camera sees it."""
        sigma = float(np.exp(self.rng.uniform(*np.log(self.variety.noise))))
        light = frame
        if self.rng.random() < 0.25:
            light = light * (1 + torch.from_numpy(_slow(frame.shape[0], self.variety.uneven, self.rng)).float())
        generator = torch.Generator().manual_seed(int(self.rng.integers(2**62)))
        return light + sigma * torch.randn(frame.shape, generator=generator)

    def _numbered(self, rng: np.random.Generator) -> Scene:
        """A scene drawn by `rng`."""
        self.rng, own = rng, self.rng
        try:
            return self.scene()
        finally:
            self.rng = own

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Channels (count, 4, patch, patch) and phases (count, Y, X)."""
        scenes = self.pool.take(count)
        drawn = [self._patch(scenes[int(self.rng.integers(len(scenes)))]) for _ in range(count)]
        given, phases = zip(*drawn, strict=True)
        return torch.stack(given), torch.stack(phases).float()

    def _patch(self, scene: Scene) -> tuple[torch.Tensor, torch.Tensor]:
        frame = self.noisy(scene.frame)
        contrast = frame / frame.mean() - 1
        weak = weak_phase(contrast, transfer(scene.defocus, (self.size, self.size)))
        y, x = (int(v) for v in self.rng.integers(0, self.size - self.patch + 1, 2))
        given = channels(contrast, weak, scene.defocus)
        return patch_of(given, scene.phase, (y, x), self.patch, self.rng)


def image(phase: torch.Tensor, defocus: Defocus, points: int = POINTS, absorbs: float = 0.0) -> torch.Tensor:
    """The frame (y, x) without noise of a `phase` (Y, X), rad, that repeats at its borders.

    `defocus` is the microscope, `points` how many of an open condenser are added up, `absorbs` the exponent of the
    amplitude per rad of phase; nothing absorbs where the phase is least. The wavelength is a fifth of a
    frame pixel: as the samples are thin and the waves paraxial, another changes nothing.
    """
    wavelength = 0.2
    microscope = BrightField(
        wavelength_um=wavelength, objective_na=min(1.0, defocus.objective * wavelength),
        condenser_na=defocus.condenser * wavelength, pixel_um=1 / UPSAMPLING, binning=UPSAMPLING, points=points,
    )  # fmt: skip
    sample = torch.polar(torch.exp(-absorbs * (phase - phase.min())), phase)
    return microscope.images(sample, torch.tensor([defocus.fresnel / wavelength]))[0]


def any_kind(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Phase (y, x), rad, of a scene that `rng` draws, `size` pixels per axis and `unit` of them per frame pixel."""
    names, odds = list(DEFAULT_WEIGHTS), np.array(list(DEFAULT_WEIGHTS.values()))
    return SCENES[names[int(rng.choice(len(names), p=odds / odds.sum()))]](size, unit, rng)


def _softened(phase: np.ndarray, finest: float) -> np.ndarray:
    """A periodic phase (y, x) whose waves fade beyond a period of `finest` frame pixels."""
    n = phase.shape[0]
    f = UPSAMPLING * np.fft.fftfreq(n).astype(np.float32)
    low = np.exp(-((f[:, None] * finest) ** 2)) * np.exp(-((f[None, : n // 2 + 1] * finest) ** 2))
    return np.asarray(scipy.fft.irfft2(scipy.fft.rfft2(phase.astype(np.float32)) * low, s=phase.shape))


def _slow(size: int, most: float, rng: np.random.Generator) -> np.ndarray:
    """A few smooth waves across a scene (y, x), periodic, of a deviation up to `most`."""
    axis = 2 * np.pi * np.arange(size, dtype=np.float32) / size
    total = np.zeros((size, size), np.float32)
    for ky, kx in ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0)):
        total += rng.normal() * np.cos(ky * axis[:, None] + kx * axis + rng.uniform(0, 2 * np.pi)).astype(np.float32)
    return np.asarray(total * (rng.uniform(0, most) / max(float(total.std()), 1e-9)))


def patch_of(
    given: torch.Tensor, phase: torch.Tensor, corner: tuple[int, int], side: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """A patch of channels and the phase behind it, turned by quarters and mirrored at random.

    Parameters
    ----------
    given, phase : channels (channel, y, x) and, UPSAMPLING times finer, their phase (Y, X).
    corner, side : first pixel (y, x) and frame pixels per axis of the patch.
    rng : turns and mirrors.
    """
    rows, columns = (slice(at, at + side) for at in corner)
    fine_rows, fine_columns = (slice(at * UPSAMPLING, (at + side) * UPSAMPLING) for at in corner)
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    both = (torch.rot90(part, turns, (-2, -1)) for part in (given[:, rows, columns], phase[fine_rows, fine_columns]))
    one, two = (part.flip(-1) if mirrored else part for part in both)
    return one, two

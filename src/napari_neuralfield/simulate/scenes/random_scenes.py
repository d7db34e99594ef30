"""Thin samples at random, endlessly different: cells, filaments, and textures like those of natural images.

A scene is a phase (y, x) in radians and an absorption exponent of the same shape; the sample transmits
exp(i phase - absorption). Both repeat at their borders. Lengths are in `unit` pixels, one pixel of a frame. What draws
a scene takes its `size`, pixels per axis, that `unit`, and the `rng` that it is drawn from.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.ndimage
import scipy.spatial

from .parts import TALLEST, add_wrapped, log_uniform, paste, patch_axes, power_noise, soft
from .solids import media, solids, threads

Scene = tuple[np.ndarray, np.ndarray]  # phase and absorption (y, x), float32
Draw = Callable[[int, int, np.random.Generator], np.ndarray]


def random_scene(size: int, unit: int, rng: np.random.Generator, weights: dict[str, float] | None = None) -> Scene:
    """One scene of a random kind.

    Parameters
    ----------
    size : pixels per axis.
    unit : pixels of the scene per frame pixel.
    rng : what it is drawn from.
    weights : how often each kind of SCENES is drawn, in any unit; DEFAULT_WEIGHTS where None.
    """
    share = DEFAULT_WEIGHTS if weights is None else weights
    names = list(share)
    odds = np.array([share[name] for name in names], float)
    name = names[int(rng.choice(len(names), p=odds / odds.sum()))]
    phase = SCENES[name](size, unit, rng)
    phase += haze(size, unit, rng)
    ratio = rng.uniform(0.0, 0.35) if name in ("cells", "filaments") else rng.uniform(0.0, 0.12)
    absorption = ratio * phase
    if rng.random() < 0.3:  # pigment that goes its own way
        own = power_noise(size, unit, rng, 1.5, finest=rng.uniform(1, 3))
        absorption = absorption * (1 + rng.uniform(0, 0.4) * own)
    return phase.astype(np.float32), absorption.astype(np.float32)


def haze(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """The slow unevenness under every sample (y, x), up to about 0.3 rad; `size`, `unit`, `rng` as of `power_noise`."""
    return rng.uniform(0, 0.14) * power_noise(size, unit, rng, 2.0, finest=rng.uniform(15, 60))


def _cell(unit: int, rng: np.random.Generator, texture: np.ndarray, height: float, typical: float) -> np.ndarray:
    """A cell: a bent, lobed dome with a grain, often with a nucleus and granules."""
    radius = typical * rng.uniform(0.6, 1.6) * unit
    stretch = rng.uniform(1.0, 3.2) if rng.random() < 0.7 else rng.uniform(1.0, 1.2)
    long, short = radius * np.sqrt(stretch), radius / np.sqrt(stretch)
    y, x = patch_axes(1.5 * long + 2 * unit, rng.uniform(0, 2 * np.pi))
    bend = rng.normal(0, 0.25) if stretch > 1.3 else 0.0
    y = y + bend * (x**2 / long - 0.3 * long)
    angle = np.arctan2(y / short, x / long)
    outline = np.ones_like(y)
    for k in range(1, 7):
        outline += rng.normal(0, 0.16 / k**0.8) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    rho = np.sqrt((y / short) ** 2 + (x / long) ** 2) / np.maximum(outline, 0.35)
    dome = np.clip(1 - rho**2, 0, None) ** rng.uniform(0.35, 1.3)
    rim = rng.uniform(0.15, 0.9) * unit / short
    edge = soft((rho - 0.95) / max(rim, 0.02))
    flat = rng.uniform(0, 1)
    body = edge * (flat + (1 - flat) * dome)
    at = rng.integers(0, texture.shape[0] - y.shape[0], 2) if y.shape[0] < texture.shape[0] else np.zeros(2, int)
    grain = texture[at[0] : at[0] + y.shape[0], at[1] : at[1] + y.shape[1]]
    if grain.shape == body.shape:
        body = body * np.clip(1 + rng.uniform(0.05, 0.45) * grain, 0, None)
    for _ in range(int(rng.integers(0, 2) + (rng.random() < 0.3))):  # nuclei
        cy, cx = rng.normal(0, 0.2, 2) * (short, long)
        wide = short * rng.uniform(0.25, 0.5)
        r = np.sqrt((y - cy) ** 2 + ((x - cx) / rng.uniform(1, 1.6)) ** 2) / wide
        body = body + rng.uniform(0.2, 0.8) / (1 + np.exp(np.clip((r - 1) * wide / (0.5 * unit), -30, 30))) * edge
    for _ in range(int(rng.integers(0, 14)) if rng.random() < 0.6 else 0):  # granules
        cy, cx = rng.normal(0, 0.4, 2) * (short, long)
        wide = rng.uniform(0.25, 1.0) * unit
        body = body + rng.uniform(0.1, 0.7) * edge * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * wide**2))
    return (height * rng.uniform(0.5, 1.3) * body).astype(np.float32)


def cells(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Cells, sparse to crowded, some on top of others; the thickest up to 7 rad (y, x).

    Parameters
    ----------
    size, unit, rng : pixels per axis, pixels per frame pixel, and what they are drawn from.
    """
    phase = np.zeros((size, size), np.float32)
    texture = power_noise(size, unit, rng, rng.uniform(0.6, 1.6), finest=rng.uniform(0.4, 2.0), coarsest=12)
    typical, height = log_uniform(rng, 3.0, 12.0), float(np.exp(rng.uniform(-1.1, 1.4)))
    area = (size / unit) ** 2
    cover = rng.uniform(0.08, 0.7)
    for _ in range(int(np.clip(cover * area / (np.pi * typical**2), 1, 70))):
        add_wrapped(phase, _cell(unit, rng, texture, height, typical), *rng.uniform(0, size, 2))
    return TALLEST * np.tanh(phase / TALLEST)


def _stroke(unit: int, rng: np.random.Generator, length: float, width: float) -> np.ndarray:
    """A thread: a gently bent bar with soft ends, 1 along its middle."""
    half = 0.5 * length * unit
    y, x = patch_axes(half + 2 * width * unit, rng.uniform(0, 2 * np.pi))
    y = y + rng.normal(0, 0.15) * (x**2 / max(half, 1) - 0.3 * half)
    ends = soft((np.abs(x) - half) / (0.5 * width * unit))
    taper = np.sqrt(np.clip(1 - rng.uniform(0, 0.8) * (x / half) ** 2, 0.1, 1))
    return (ends * np.exp(-0.5 * (y / (0.5 * width * unit * taper)) ** 2)).astype(np.float32)


def _filaments(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Threads crossing each other, over a few cells at times (y, x)."""
    phase = np.zeros((size, size), np.float32)
    if rng.random() < 0.5:
        phase += rng.uniform(0.2, 0.8) * cells(size, unit, rng)
    width, height = log_uniform(rng, 0.5, 3.0), rng.uniform(0.15, 1.2)
    for _ in range(int(rng.integers(8, 50))):
        thread = _stroke(unit, rng, rng.uniform(8, 60), width * rng.uniform(0.7, 1.4))
        add_wrapped(phase, height * rng.uniform(0.3, 1.0) * thread, *rng.uniform(0, size, 2))
    return phase


def _litter(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Strokes and patches of all brightnesses that hide each other, as in grass, bark and stone (y, x)."""
    scene = power_noise(size, unit, rng, rng.uniform(0.8, 1.6), finest=rng.uniform(0.3, 1.0))
    width, length = log_uniform(rng, 0.4, 2.5), rng.uniform(3, 25)
    for _ in range(int(np.clip(0.7 * (size / unit) ** 2 / (width * length), 30, 260))):
        shape = np.clip(1.3 * _stroke(unit, rng, length * rng.uniform(0.4, 1.6), width * rng.uniform(0.5, 2)), 0, 1)
        paste(scene, shape, rng.normal(0, 1.2), *rng.uniform(0, size, 2))
    return _contrast(scene, rng)


def leaves(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Discs and lobed patches, each with its own texture, that hide each other: the dead-leaves model (y, x).

    Parameters
    ----------
    size, unit, rng : as of `cells`.
    """
    grain = power_noise(size, unit, rng, rng.uniform(0.5, 1.5), finest=rng.uniform(0.3, 1.0))
    scene = 0.5 * power_noise(size, unit, rng, 1.5) + rng.uniform(0, 0.5) * grain
    roundness = rng.uniform(0, 0.2)
    largest = rng.uniform(4, 16)
    for _ in range(int(rng.integers(15, 90))):
        radius = largest * rng.uniform(0.15, 1) * unit
        y, x = patch_axes(1.4 * radius + unit, rng.uniform(0, 2 * np.pi))
        angle, outline = np.arctan2(y, x), np.ones_like(y)
        for k in range(2, 6):
            outline += rng.normal(0, roundness / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
        blur = rng.uniform(0.15, 0.8) * unit
        mask = soft((np.hypot(y, x) - radius * outline) / blur)
        level = rng.normal(0, 1.0)
        at = rng.integers(0, max(1, size - y.shape[0]), 2)
        piece = grain[at[0] : at[0] + y.shape[0], at[1] : at[1] + y.shape[1]]
        inside = level + rng.uniform(0, 0.7) * piece if piece.shape == mask.shape else level
        paste(scene, mask, inside, *rng.uniform(0, size, 2))
    return _contrast(scene, rng)


def _layer(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """A layer of cells that touch, each as far as it is nearest, with seams, gaps, nuclei and grain (y, x)."""
    typical = log_uniform(rng, 3.5, 14.0)  # radius, frame pixels
    step = 2 if size % 2 == 0 else 1
    axis = np.arange(size // step, dtype=np.float32) * step
    reach = rng.uniform(0.05, 0.3) * typical * unit
    bent = [reach * power_noise(size // step, max(1, unit // step), rng, 1.5, finest=typical) for _ in range(2)]
    points = np.stack([axis[:, None] + bent[0], axis[None, :] + bent[1]], -1) % size
    count = int(np.clip((size / unit) ** 2 / (np.pi * typical**2), 4, 400))
    seeds = rng.uniform(0, size, (count, 2))
    away, owner = scipy.spatial.cKDTree(seeds, boxsize=size).query(points, k=2)
    apart = seeds[owner[..., 0]] - seeds[owner[..., 1]]
    apart -= size * np.round(apart / size)
    seam = (away[..., 1] ** 2 - away[..., 0] ** 2) / (2 * np.maximum(np.hypot(apart[..., 0], apart[..., 1]), 1e-3))
    owner = owner[..., 0]
    height = float(np.exp(rng.uniform(-0.7, 1.0))) * rng.uniform(0.5, 1.3, count)
    height[rng.random(count) < rng.choice([0.0, 0.0, 0.1, 0.4])] = 0.0
    round_ = 1 - np.exp(-seam / (typical * unit * rng.uniform(0.1, 0.5, count))[owner])
    low = rng.uniform(0, 0.5)
    phase = height[owner] * (low + (1 - low) * round_)
    wide = typical * unit * rng.uniform(0.25, 0.5, count)[owner]
    phase += height[owner] * rng.uniform(0, 0.9, count)[owner] * np.exp(-((away[..., 0] / wide) ** rng.uniform(2, 4)))
    phase = scipy.ndimage.zoom(phase.astype(np.float32), step, order=1, mode="grid-wrap", grid_mode=True)
    grain = power_noise(size, unit, rng, rng.uniform(0.6, 1.6), finest=rng.uniform(0.5, 2.5), coarsest=12)
    return np.asarray(phase * np.clip(1 + rng.uniform(0.0, 0.3) * grain, 0, None), np.float32)


def _noise(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Clouds of random roughness (y, x)."""
    return _contrast(power_noise(size, unit, rng, rng.uniform(0.7, 2.0), finest=rng.uniform(0.3, 2.0)), rng)


def _contrast(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A texture as a phase (y, x): mean 0, deviation 0.08 to 0.4 rad, of either sign."""
    scene = scene - scene.mean()
    return (scene / scene.std() * np.exp(rng.uniform(np.log(0.08), np.log(0.4)))).astype(np.float32)


SCENES: dict[str, Draw] = {
    "cells": cells,
    "layer": _layer,
    "filaments": _filaments,
    "litter": _litter,
    "leaves": leaves,
    "noise": _noise,
    "solids": solids,
    "threads": threads,
    "media": media,
}
DEFAULT_WEIGHTS = {
    "cells": 0.28, "layer": 0.07, "filaments": 0.06, "litter": 0.09, "leaves": 0.1, "noise": 0.05, "solids": 0.2,
    "threads": 0.07, "media": 0.08,
}  # fmt: skip

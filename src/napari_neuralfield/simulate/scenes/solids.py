"""Bodies, threads and media without end: random outlines times random cross-sections, where cells are but one of many.

Each function draws a phase (y, x) in radians that repeats at its borders, of `size` pixels per axis, of which `unit`
make a frame pixel, by `rng`. One scene has one style (outline, cross-section, arrangement), each body its own numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .parts import TALLEST, add_wrapped, log_uniform, paste, patch_axes, place_of, power_noise

Outline = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (y, x) in half widths -> depth: 0 at the rim, 1 inside


def solids(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Bodies of one style: scattered, in heaps or on a lattice; on, beside or over each other (y, x).

    Parameters
    ----------
    size, unit, rng : pixels per axis, pixels per frame pixel, and what they are drawn from.
    """
    phase = np.zeros((size, size), np.float32)
    side = size / unit
    radius = log_uniform(rng, 0.8, 12.0)
    outline, profile = _outline(rng), _profile(rng)
    places = _places(side, radius, rng)
    spread = rng.choice([0.0, 0.1, 0.4])
    rise = rng.uniform(0.1, 0.6) if rng.random() < 0.5 else log_uniform(rng, 0.2, 2.5) / radius
    aligned, turn = rng.random() < 0.3, rng.uniform(0, 2 * np.pi)
    blur, how = rng.uniform(0.1, 0.5) * unit, rng.choice(["sum", "largest", "cover"], p=[0.5, 0.3, 0.2])
    wedge = rng.uniform(0, 0.4) * (rng.random() < 0.3)
    grain = rng.uniform(0.05, 0.5) * power_noise(size, unit, rng, rng.uniform(0.5, 1.5), finest=rng.uniform(0.4, 2))
    grainy, inner = rng.random() < 0.35, _profile(rng) if rng.random() < 0.3 else None
    for at in places:
        own = radius * float(np.exp(spread * rng.uniform(-1, 1)))
        y, x = patch_axes(min(4.2 * own * unit, size / 2 - 1), turn if aligned else rng.uniform(0, 2 * np.pi))
        y, x = y / np.float32(own * unit), x / np.float32(own * unit)
        depth = outline(y * rng.uniform(1, 1 + spread), x)
        body = profile(np.clip(depth, 0, 1)) * (1 + wedge * x)
        if inner is not None:
            for _ in range(int(rng.integers(1, 4))):
                cy, cx, small = *rng.normal(0, 0.25, 2), rng.uniform(0.15, 0.5)
                hollow = inner(np.clip(1 - np.hypot(y - cy, x - cx) / small, 0, 1))
                body = body + rng.uniform(-0.8, 0.8) * small * hollow
        mask = np.clip(depth * own * unit / blur, 0, 1).astype(np.float32)  # a rim as sharp as `blur`
        tall = np.float32(min(rise * own, TALLEST) * np.exp(rng.normal(0, 0.15)))
        body = (tall * body * mask).astype(np.float32)
        y0, x0 = at * unit
        if grainy:
            body = body * (1 + grain[place_of(grain, body, y0, x0)])
        if how == "sum":
            add_wrapped(phase, body, y0, x0)
        elif how == "cover":
            paste(phase, mask, body, y0, x0)
        else:
            under = place_of(phase, body, y0, x0)
            phase[under] = np.maximum(phase[under], body)
    phase = TALLEST * np.tanh(phase / TALLEST)
    return -phase if rng.random() < 0.15 else phase


def threads(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Threads that wander without an end: the contours of smooth fields, each a tube, a groove or a wall (y, x).

    Parameters
    ----------
    size, unit, rng : as of `solids`.
    """
    phase = np.zeros((size, size), np.float32)
    profile, stiffness = _profile(rng), log_uniform(rng, 5.0, 40.0)
    width, rise = log_uniform(rng, 0.5, 3.5), rng.uniform(0.1, 0.6)
    for _ in range(int(np.clip(rng.uniform(0.1, 0.9) * stiffness / (2 * width), 1, 10))):
        field = power_noise(size, unit, rng, rng.uniform(0, 1), finest=stiffness * rng.uniform(0.6, 1.5))
        slopes = [np.roll(field, -1, axis) - np.roll(field, 1, axis) for axis in (0, 1)]
        steep = np.hypot(*slopes) * 0.5 * unit + 1e-6  # per frame pixel
        own = width * float(np.exp(rng.normal(0, 0.4)))
        away = np.abs(field - rng.normal(0, 0.8)) / np.maximum(steep, 0.15 * np.median(steep))
        phase += rise * own * profile(np.clip(1 - away / own, 0, 1)).astype(np.float32)
    return TALLEST * np.tanh(phase / TALLEST)


def media(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Media that grade or break into one another: clouds read through a random curve, with finer ones within (y, x).

    Parameters
    ----------
    size, unit, rng : as of `solids`.
    """
    cloud = power_noise(size, unit, rng, rng.uniform(0, 1.5), finest=log_uniform(rng, 1.0, 8.0))
    knots = np.sort(rng.normal(0, 1, int(rng.integers(2, 7))))
    steps = np.stack([knots - 0.02 - (width := rng.uniform(0.0, 0.5)), knots + width], 1).ravel()
    levels = np.repeat(rng.normal(0, 1, len(knots) + 1), 2)[1:-1]
    order = np.argsort(steps, kind="stable")
    phase = np.interp(cloud, steps[order], levels)
    phase = phase / max(phase.std(), 1e-6) * log_uniform(rng, 0.15, 0.9)
    phase += rng.uniform(0.0, 0.4) * power_noise(size, unit, rng, 1.0, finest=rng.uniform(5, 25))
    fine = power_noise(size, unit, rng, rng.uniform(0.3, 1.5), finest=rng.uniform(0.4, 2.0))
    inside = 1.0 if rng.random() < 0.5 else np.clip(0.5 + cloud * rng.choice([-1, 1]), 0, 1)
    return np.asarray(phase + rng.uniform(0.0, 0.2) * inside * fine, np.float32)


def _outline(rng: np.random.Generator) -> Outline:
    """A random kind of outline with its numbers."""
    kind = rng.choice(["round", "box", "rod", "corners", "ring", "lobes"])
    long = rng.uniform(1.0, 1.3) if rng.random() < 0.4 else rng.uniform(1.3, 4.0)
    if kind in ("round", "box"):
        power = rng.uniform(1.6, 3.0) if kind == "round" else rng.uniform(6, 24)
        return lambda y, x: 1 - (np.abs(y) ** power + np.abs(x / long) ** power) ** (1 / power)
    if kind == "rod":
        return lambda y, x: 1 - np.hypot(y, np.clip(np.abs(x) - (long - 1), 0, None))
    if kind == "ring":
        thick = rng.uniform(0.15, 0.6)
        return lambda y, x: 1 - np.abs(np.hypot(y, x) - 1) / thick
    if kind == "corners":
        turns = rng.uniform(0, 2 * np.pi) + 2 * np.pi * (np.arange(n := int(rng.integers(3, 8))) / n)
        turns = turns + rng.normal(0, 0.15, n)
        away = rng.uniform(0.7, 1.2, n)
        return lambda y, x: (
            1 - np.max([(np.sin(t) * y + np.cos(t) * x) / a for t, a in zip(turns, away, strict=True)], axis=0)
        )
    waves = [(k, rng.normal(0, 0.25 / k**0.7), rng.uniform(0, 2 * np.pi)) for k in range(2, 8)]
    return lambda y, x: (
        1 - np.hypot(y, x) / np.clip(1 + sum(a * np.cos(k * np.arctan2(y, x) + p) for k, a, p in waves), 0.3, 2.2)
    )


def _profile(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """A random cross-section: height (0 at the rim, about 1) of the depth below the outline, 0 to 1."""
    full, root = log_uniform(rng, 1.0, 8.0), rng.uniform(0.4, 1.0)
    dent = rng.uniform(-0.6, 0.95) if rng.random() < 0.45 else 0.0
    wide = rng.uniform(0.2, 0.7)

    def profile(depth: np.ndarray) -> np.ndarray:
        away = 1 - depth
        return np.asarray((1 - away**full) ** root * (1 - dent * np.exp(-((away / wide) ** 2))))

    return profile


def _places(side: float, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Where bodies of a `radius` lie on a square of a `side`, frame pixels (body, 2) as (y, x)."""
    cover = rng.uniform(0.05, 0.9)
    count = int(np.clip(cover * side**2 / (np.pi * radius**2), 1, 150))
    how = rng.choice(["scattered", "heaps", "lattice"], p=[0.5, 0.25, 0.25])
    if how == "scattered":
        return rng.uniform(0, side, (count, 2))
    if how == "heaps":
        heaps = rng.uniform(0, side, (int(rng.integers(1, 8)), 2))
        return (
            heaps[rng.integers(len(heaps), size=count)] + rng.normal(0, rng.uniform(1.5, 5) * radius, (count, 2))
        ) % side
    along = int(np.clip(side / (radius * rng.uniform(1.9, 3.5)), 2, 12))
    axis = (np.arange(along) + 0.5) * side / along
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)
    grid[..., 1] += (np.arange(along) % 2)[:, None] * side / along / 2 * rng.integers(2)
    places = grid.reshape(-1, 2) + rng.choice([0.0, 0.2, 0.6]) * radius * rng.normal(0, 1, (along**2, 2))
    return places[rng.random(len(places)) < rng.choice([1.0, 0.8])] % side

"""Samples that no network was trained on, by formulae of their own: phase (y, x) in radians on a grid that repeats.

Lengths are in frame pixels, of which `unit` sample pixels make one. VALIDATION is what choices are made on; TEST holds
other kinds, and is looked at once, when nothing is chosen any more.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.fft
from scipy import ndimage
from scipy.spatial import cKDTree

Draw = Callable[[int, int, np.random.Generator], np.ndarray]
PHOTOGRAPHS = {
    "validation": ("camera.png", "brick.png", "coins.png", "chelsea.png", "moon.png", "cell.png"),
    "test": ("astronaut.png", "coffee.png", "gravel.png", "grass.png", "rocket.jpg", "ihc.png"),
}


def _at(size: int, unit: int, y: float, x: float) -> tuple[np.ndarray, np.ndarray]:
    """Distances (y, x) of every pixel from a place, the nearest way round the borders, frame pixels."""
    axes = [(np.arange(size) / unit - at + size / unit / 2) % (size / unit) - size / unit / 2 for at in (y, x)]
    return axes[0][:, None], axes[1][None, :]


def _turned(dy: np.ndarray, dx: np.ndarray, turn: float) -> tuple[np.ndarray, np.ndarray]:
    return np.cos(turn) * dy - np.sin(turn) * dx, np.sin(turn) * dy + np.cos(turn) * dx


def _smooth(size: int, unit: int, rng: np.random.Generator, period: float) -> np.ndarray:
    """A random field of deviation 1, without waves shorter than about `period` frame pixels."""
    f = np.hypot(np.fft.fftfreq(size, 1 / unit)[:, None], np.fft.rfftfreq(size, 1 / unit)[None])
    spectrum = scipy.fft.rfft2(rng.standard_normal((size, size))) * np.exp(-0.5 * (f * period) ** 2)
    spectrum[0, 0] = 0
    field = scipy.fft.irfft2(spectrum, s=(size, size))
    return np.asarray(field / field.std())


def red_cells(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Biconcave discs, some seen from the side, some on others (Evans and Fung's profile)."""
    phase, radius = np.zeros((size, size)), rng.uniform(4, 11)
    tall, near = rng.uniform(0.5, 2.2), rng.uniform(0.15, 0.6)
    for _ in range(int(near * (size / unit) ** 2 / (np.pi * radius**2)) + 1):
        dy, dx = _turned(*_at(size, unit, *rng.uniform(0, size / unit, 2)), rng.uniform(0, np.pi))
        r = np.hypot(dy * rng.uniform(1, 1.5), dx) / (radius * rng.uniform(0.9, 1.1))
        s = np.clip(1 - r**2, 0, None)
        phase += tall * np.sqrt(s) * (0.207 + 2.003 * r**2 - 1.123 * r**4)
    return ndimage.gaussian_filter(phase, 0.2 * unit, mode="wrap")


def fibres(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Round threads that wander: random walks of a slowly turning direction, each a tube."""
    phase, side = np.zeros((size, size)), size / unit
    for _ in range(int(rng.integers(6, 30))):
        steps = int(rng.uniform(1, 3) * side * 2)
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, rng.uniform(0.01, 0.08), steps))
        path = rng.uniform(0, side, 2) + 0.5 * np.cumsum(np.stack([np.sin(heading), np.cos(heading)], 1), 0)
        marks = np.zeros((size, size), bool)
        marks[tuple(np.rint(path * unit).astype(int).T % size)] = True
        away = ndimage.distance_transform_edt(~np.tile(marks, (3, 3)))[size : 2 * size, size : 2 * size] / unit
        radius = np.exp(rng.uniform(np.log(0.5), np.log(3)))
        phase += rng.uniform(0.1, 0.5) * radius * np.sqrt(np.clip(1 - (away / radius) ** 2, 0, None))
    return ndimage.gaussian_filter(phase, 0.15 * unit, mode="wrap")


def bacteria(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Rods with round ends, single and in heaps."""
    phase, side = np.zeros((size, size)), size / unit
    radius, heaps = rng.uniform(0.8, 2.2), rng.uniform(0, side, (int(rng.integers(2, 8)), 2))
    for _ in range(int(rng.integers(30, 160))):
        place = heaps[rng.integers(len(heaps))] + rng.normal(0, 6, 2) if rng.random() < 0.7 else rng.uniform(0, side, 2)
        dy, dx = _turned(*_at(size, unit, *(place % side)), rng.uniform(0, np.pi))
        reach = np.hypot(dy, np.clip(np.abs(dx) - radius * rng.uniform(0.5, 3), 0, None)) / radius
        phase = np.maximum(phase, rng.uniform(0.25, 0.5) * radius * np.sqrt(np.clip(1 - reach**2, 0, None)))
    return ndimage.gaussian_filter(phase, 0.2 * unit, mode="wrap")


def tissue(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Two interwoven media of different density, and grains of many sizes in both."""
    period = rng.uniform(2, 8)
    folds = np.tanh(rng.uniform(1, 6) * (_smooth(size, unit, rng, period) - rng.uniform(-0.5, 0.5)))
    phase = rng.uniform(0.2, 0.7) * folds + rng.uniform(0.1, 0.5) * _smooth(size, unit, rng, 3 * period)
    return phase + rng.uniform(0.03, 0.15) * _smooth(size, unit, rng, rng.uniform(0.5, 1.2))


def lenses(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """An array of spherical caps."""
    count = int(rng.integers(3, 9))
    pitch = size / unit / count
    radius, tall = pitch * rng.uniform(0.35, 0.5), rng.uniform(0.5, 4)
    axis = (np.arange(size) / unit) % pitch - pitch / 2
    square = (axis[:, None] ** 2 + axis[None] ** 2) / radius**2
    bend = rng.uniform(1.05, 3)
    cap = np.sqrt(np.clip(bend**2 - square, 0, None)) - np.sqrt(bend**2 - 1)
    return tall * np.where(square < 1, cap, 0) / (bend - np.sqrt(bend**2 - 1))


def adherent(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Cells as level sets of a sum of blobs that pull each other into shape, with ruffles, a nucleus and organelles."""
    side, phase = size / unit, np.zeros((size, size))
    for _ in range(int(rng.integers(3, 12))):
        centre, scale, pull = rng.uniform(0, side, 2), rng.uniform(4, 11), np.zeros((size, size))
        for _ in range(int(rng.integers(2, 6))):
            dy, dx = _at(size, unit, *((centre + rng.normal(0, 0.8 * scale, 2)) % side))
            pull += np.exp(-0.5 * (dy**2 + dx**2) / (scale * rng.uniform(0.4, 0.9)) ** 2)
        body = np.clip(pull - 0.35, 0, None) ** rng.uniform(0.5, 1.0)
        dy, dx = _turned(*_at(size, unit, *centre), rng.uniform(0, np.pi))
        core = np.clip(1 - (dy**2 + (0.75 * dx) ** 2) / (0.4 * scale) ** 2, 0, None)
        grains = np.clip(_smooth(size, unit, rng, rng.uniform(0.7, 1.8)) - 0.8, 0, None)
        phase += rng.uniform(0.7, 2.0) * (body * (1 + 0.25 * grains) + rng.uniform(0.2, 0.6) * np.sqrt(core))
    return ndimage.gaussian_filter(phase, 0.25 * unit, mode="wrap") + 0.08 * _smooth(size, unit, rng, 20)


def target(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Etched bars of many widths and directions."""
    phase, side = np.zeros((size, size)), size / unit
    for _ in range(int(rng.integers(12, 30))):
        dy, dx = _turned(*_at(size, unit, *rng.uniform(0, side, 2)), rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)]))
        width, reach = np.exp(rng.uniform(np.log(0.6), np.log(4))), rng.uniform(3, 12)
        bars = (np.abs(dy) < reach) & (np.abs(dx) < 2.5 * width) & (np.mod(dx / width + 0.5, 2) < 1)
        phase[bars] = 1
    return rng.uniform(0.3, 1.5) * ndimage.gaussian_filter(phase, 0.15 * unit, mode="wrap")


def yeast(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Budding ellipsoids with a vacuole."""
    phase, side = np.zeros((size, size)), size / unit
    radius = rng.uniform(2.5, 6)
    for _ in range(int(rng.integers(6, 40))):
        place, turn = rng.uniform(0, side, 2), rng.uniform(0, 2 * np.pi)
        for step, part in ((0.0, 1.0), (1.4, rng.uniform(0.4, 0.8))):
            at = place + step * radius * np.array([np.sin(turn), np.cos(turn)])
            dy, dx = _turned(*_at(size, unit, *(at % side)), -turn)
            r2 = ((dy * rng.uniform(1.0, 1.3)) ** 2 + dx**2) / (part * radius) ** 2
            phase += 0.35 * part * radius * np.sqrt(np.clip(1 - r2, 0, None))
            phase -= 0.12 * radius * np.sqrt(np.clip(1 - r2 * 5, 0, None))
    return ndimage.gaussian_filter(phase, 0.2 * unit, mode="wrap")


def neurons(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Round bodies with branching arms that become thinner."""
    thick, side = np.zeros((size, size)), size / unit

    def arm(place: np.ndarray, heading: float, width: float, left: int) -> None:
        for _ in range(int(rng.integers(10, 40))):
            heading += rng.normal(0, 0.12)
            place = place + 0.6 * np.array([np.sin(heading), np.cos(heading)])
            y, x = np.rint(place * unit).astype(int) % size
            thick[y, x] = max(thick[y, x], width)
        for side_turn in (-0.5, 0.5) if left else ():
            arm(place, heading + side_turn * rng.uniform(0.5, 1.5), 0.75 * width, left - 1)

    for _ in range(int(rng.integers(2, 6))):
        soma = rng.uniform(0, side, 2)
        y, x = np.rint(soma * unit).astype(int) % size
        for turn in rng.uniform(0, 2 * np.pi, int(rng.integers(3, 6))):
            arm(soma, float(turn), rng.uniform(0.6, 1.5), 2)
        thick[y, x] = rng.uniform(3.5, 7)
    points = np.argwhere(thick > 0)
    away = np.zeros((size, size))
    for width in np.unique(np.round(thick[thick > 0], 1)):
        near = points[np.abs(thick[tuple(points.T)] - width) < 0.051]
        grid = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), -1)
        distance = cKDTree(near % size, boxsize=size).query(grid, distance_upper_bound=width * unit)[0] / unit
        away = np.maximum(away, width * np.sqrt(np.clip(1 - (np.minimum(distance, width) / width) ** 2, 0, None)))
    return rng.uniform(0.3, 0.6) * ndimage.gaussian_filter(away, 0.2 * unit, mode="wrap")


def crystals(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Plates with straight edges and steps, each with a slight wedge."""
    phase, side = np.zeros((size, size)), size / unit
    for _ in range(int(rng.integers(5, 25))):
        dy, dx = _at(size, unit, *rng.uniform(0, side, 2))
        inside, radius = np.ones((size, size), bool), rng.uniform(2, 12)
        for turn in rng.uniform(0, 2 * np.pi) + np.arange(n := int(rng.integers(3, 7))) * 2 * np.pi / n:
            inside &= np.sin(turn) * dy + np.cos(turn) * dx < radius * rng.uniform(0.6, 1.0)
        phase += inside * (rng.uniform(0.2, 1.2) + rng.normal(0, 0.2) * (dy + dx) / radius)
    return ndimage.gaussian_filter(phase, 0.15 * unit, mode="wrap")


def foam(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Walls between cells of many sizes, thicker where three meet."""
    side = size / unit
    seeds = rng.uniform(0, size, (int(side**2 / rng.uniform(20, 250)) + 4, 2))
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), -1)
    away = cKDTree(seeds, boxsize=size).query(grid, k=3)[0] / unit
    width = rng.uniform(0.5, 1.6)
    walls = np.exp(-(((away[..., 1] - away[..., 0]) / width) ** 2)) + 0.5 * np.exp(
        -(((away[..., 2] - away[..., 0]) / width) ** 2)
    )
    return rng.uniform(0.3, 1.2) * ndimage.gaussian_filter(walls, 0.2 * unit, mode="wrap")


def _photograph(which: str) -> Draw:
    def draw(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
        import skimage
        from skimage.io import imread

        name = PHOTOGRAPHS[which][int(rng.integers(len(PHOTOGRAPHS[which])))]
        image = np.asarray(imread(Path(skimage.__file__).parent / "data" / name), float)
        image = image[..., :3].mean(-1) if image.ndim == 3 else image
        half = size // 2  # mirrored, so that it repeats
        finer = max(1.0, half / (min(image.shape) - 2), unit / 3 * rng.uniform(0.6, 1.4))
        image = ndimage.zoom(image, finer, order=1)
        y, x = (int(rng.integers(n - half + 1)) for n in image.shape)
        part = image[y : y + half, x : x + half]
        part = np.block([[part, part[:, ::-1]], [part[::-1], part[::-1, ::-1]]])
        part = ndimage.gaussian_filter(part, 0.15 * unit, mode="wrap")
        part = np.pad(part, ((0, size - part.shape[0]), (0, size - part.shape[1])), mode="wrap")
        return (part - part.mean()) / max(part.std(), 1e-9) * rng.uniform(0.15, 0.6)

    return draw


VALIDATION: dict[str, Draw] = {
    "red cells": red_cells, "fibres": fibres, "bacteria": bacteria, "tissue": tissue, "lenses": lenses,
    "adherent cells": adherent, "target": target, "photograph": _photograph("validation"),
}  # fmt: skip
TEST: dict[str, Draw] = {
    "yeast": yeast, "neurons": neurons, "crystals": crystals, "foam": foam, "photograph": _photograph("test"),
    "adherent cells": adherent, "red cells": red_cells, "tissue": tissue,
}  # fmt: skip

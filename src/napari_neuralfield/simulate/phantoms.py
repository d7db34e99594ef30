"""Samples for virtual microscopes, thin, absorbing and phase-shifting.

Each is drawn from `rng` on `shape` (y, x) pixels: transmissions minus 1 (sample, y, x), and masks of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from .spectra import filtered, frequency_grid, random_field

Phantom = Literal["cells", "texture", "star", "bars", "smear"]


def cell_phantom(shape: tuple[int, int], rng: np.random.Generator, count: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Discs that do not touch, each with its own pattern: transmissions minus 1, and masks, both (cell, y, x).

    The patterns are spokes, stripes and granules; amplitude and phase both vary.

    Parameters
    ----------
    shape : (y, x), pixels.
    rng : what they are drawn from.
    count : of the discs, at most.
    """
    rows, columns = np.indices(shape)
    smallest = min(shape)
    centres: list[tuple[float, float, float]] = []
    for _ in range(4000):
        r = rng.uniform(0.065, 0.09) * smallest
        y, x = rng.uniform(r + 2, shape[0] - r - 2), rng.uniform(r + 2, shape[1] - r - 2)
        if all(np.hypot(y - b, x - a) > r + s + 3 for b, a, s in centres):
            centres.append((y, x, r))
        if len(centres) == count:
            break
    cells, masks = [], []
    for number, (y, x, r) in enumerate(centres):
        dy, dx = rows - y, columns - x
        radius, angle = np.hypot(dy, dx), np.arctan2(dy, dx)
        disc = 1 / (1 + np.exp((radius - r) / 1.2))
        if number % 3 == 0:
            pattern = 0.5 + 0.5 * np.cos(rng.integers(8, 13) * angle) * (radius > 3)
        elif number % 3 == 1:
            turn = rng.uniform(0, np.pi)
            pattern = 0.5 + 0.5 * np.cos(2 * np.pi * (dy * np.sin(turn) + dx * np.cos(turn)) / rng.uniform(5, 9))
        else:
            pattern = np.zeros(shape)
            for _ in range(6):
                gy, gx = rng.normal(0, 0.45 * r, 2)
                pattern += rng.uniform(0.4, 1.0) * np.exp(
                    -((dy - gy) ** 2 + (dx - gx) ** 2) / (2 * rng.uniform(1.5, 3.5) ** 2)
                )
        amplitude = np.clip(1 - disc * (0.12 + 0.3 * pattern), 0.05, None)
        cells.append(amplitude * np.exp(1j * disc * (0.5 + 0.8 * pattern * rng.uniform(0.3, 1.0))) - 1)
        masks.append(radius < r + 2)
    return np.array(cells), np.array(masks)


def texture_phantom(
    shape: tuple[int, int], rng: np.random.Generator, *, finest: float = 3.0, border: int = 16
) -> tuple[np.ndarray, np.ndarray]:
    """A texture like tissue's, everywhere different and nowhere empty: transmission minus 1, and mask, both (1, y, x).

    Random fields whose spectrum falls with frequency; what absorbs more also tends to shift the phase more.

    Parameters
    ----------
    shape : (y, x), pixels.
    rng : what the fields are drawn from.
    finest : smallest period of the random fields, pixels; they repeat at the borders.
    border : pixels outside the mask on every side.
    """
    f = np.hypot(*frequency_grid(shape))
    fall = (f <= 1 / finest) / (f + 0.01) ** 1.2
    path, other = random_field(fall, rng), random_field(fall, rng)
    absorbed = 0.08 * (path + other)
    transmission = np.exp(absorbed.min() - absorbed + 0.45j * path)
    mask = np.zeros(shape, bool)
    mask[border : shape[0] - border, border : shape[1] - border] = True
    return transmission[None] - 1, mask[None]


def _star(shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A Siemens star with rings and dust."""
    spokes = 32
    y, x = np.indices(shape) - (np.array(shape)[:, None, None] / 2 + rng.uniform(-3, 3, (2, 1, 1)))
    radius, angle = np.hypot(y, x), np.arctan2(y, x) + rng.uniform(0, 2 * np.pi)
    rim = 0.46 * min(shape)
    rings = np.ones(shape)
    for at in (0.25, 0.5, 0.75):
        rings *= 1 - np.exp(-(((radius - at * rim) / 3) ** 2))
    # edges as soft as a pixel is wide, wherever the spokes are that wide
    gold = 1 / (1 + np.exp(-np.clip(np.sin(spokes * angle) * radius / spokes * 3, -50, 50)))
    gold = gold * rings / (1 + np.exp((radius - rim) / 0.8))
    for _ in range(max(4, shape[0] * shape[1] // 2000)):
        cy, cx = rng.uniform(-0.5, 0.5, 2) * shape
        gold = gold + 0.5 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * rng.uniform(1.2, 2.5) ** 2))
    transmission = (1 - 0.3 * np.clip(gold, 0, 1.5)) * np.exp(1j * 0.9 * gold)
    return transmission[None] - 1, np.ones((1, *shape), bool)


def _bars(shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A resolution target: three bars upright and three lying, again and again, 12 to 2 pixels wide."""
    metal = np.zeros(shape)
    y = 4
    while y < shape[0] - 12:
        tallest, x = 0, 4
        while x < shape[1] - 12:
            bar = int(rng.choice([2, 3, 4, 5, 6, 8, 10, 12]))
            for number in range(3):
                metal[y : y + 5 * bar, x + 2 * bar * number : x + 2 * bar * number + bar] = 1
                metal[y + 2 * bar * number : y + 2 * bar * number + bar, x + 6 * bar + 2 : x + 11 * bar + 2] = 1
            tallest, x = max(tallest, 5 * bar), x + 11 * bar + 6
        y += tallest + 4
    metal = filtered(metal, np.exp(-2 * (np.pi * 0.6 * np.hypot(*frequency_grid(shape))) ** 2)).real
    return ((1 - 0.5 * metal) * np.exp(0.6j * metal))[None] - 1, np.ones((1, *shape), bool)


def _smear(shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A blood smear, scattering weakly: pale discs, some overlap."""
    rows, columns = np.indices(shape)
    thickness = np.zeros(shape)
    for _ in range(max(6, shape[0] * shape[1] // 900)):
        cy, cx, r = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(8, 11)
        radius = np.hypot(rows - cy, columns - cx) / r
        thickness += (0.55 + 0.45 * np.clip(radius, 0, 1) ** 2) / (1 + np.exp(np.clip((radius - 1) * r / 0.8, -60, 60)))
    return np.exp((-0.06 + 0.35j) * thickness)[None] - 1, np.ones((1, *shape), bool)


PHANTOMS: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    "cells": cell_phantom,
    "texture": texture_phantom,
    "star": _star,
    "bars": _bars,
    "smear": _smear,
}

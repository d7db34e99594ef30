"""Samples for virtual microscopes, thin, absorbing and phase-shifting; and what a microscope can see of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

Phantom = Literal["cells", "texture", "star", "bars", "smear"]


def cell_phantom(shape: tuple[int, int], rng: np.random.Generator, count: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Discs that do not touch, each with its own pattern: transmissions minus 1, and masks, both (cell, y, x).

    The patterns are spokes, stripes and granules; amplitude and phase both vary.
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
    finest : smallest period of the random fields, pixels; they repeat at the borders.
    border : pixels outside the mask on every side.
    """
    f = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :])
    fall = (f <= 1 / finest) / (f + 0.01) ** 1.2

    def smooth() -> np.ndarray:
        field = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * fall).real
        return (field - field.mean()) / field.std()

    path, other = smooth(), smooth()
    absorbed = 0.08 * (path + other)
    transmission = np.exp(absorbed.min() - absorbed + 0.45j * path)
    mask = np.zeros(shape, bool)
    mask[border : shape[0] - border, border : shape[1] - border] = True
    return transmission[None] - 1, mask[None]


def star_phantom(
    shape: tuple[int, int], rng: np.random.Generator, *, spokes: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """A Siemens star with rings and dust: transmission minus 1, and mask, both (1, y, x)."""
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


def bars_phantom(shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A resolution target: three bars upright and three lying, again and again, 12 to 2 pixels wide.

    Transmission minus 1, and mask, both (1, y, x).
    """
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
    f = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :])
    metal = np.fft.ifft2(np.fft.fft2(metal) * np.exp(-2 * (np.pi * 0.6 * f) ** 2)).real
    return ((1 - 0.5 * metal) * np.exp(0.6j * metal))[None] - 1, np.ones((1, *shape), bool)


def smear_phantom(shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A blood smear, scattering weakly: pale discs, some overlap; transmission minus 1, and mask, both (1, y, x)."""
    rows, columns = np.indices(shape)
    thickness = np.zeros(shape)
    for _ in range(max(6, shape[0] * shape[1] // 900)):
        cy, cx, r = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(8, 11)
        radius = np.hypot(rows - cy, columns - cx) / r
        thickness += (0.55 + 0.45 * np.clip(radius, 0, 1) ** 2) / (1 + np.exp(np.clip((radius - 1) * r / 0.8, -60, 60)))
    return np.exp((-0.06 + 0.35j) * thickness)[None] - 1, np.ones((1, *shape), bool)


def low_pass(image: np.ndarray, pixel_um: float, cutoff: float) -> np.ndarray:
    """`image` without frequencies above `cutoff`, cycles/um."""
    fy = np.fft.fftfreq(image.shape[0], pixel_um)[:, None]
    fx = np.fft.fftfreq(image.shape[1], pixel_um)[None, :]
    return np.fft.ifft2(np.fft.fft2(image) * (fy**2 + fx**2 <= cutoff**2))


def seen(image: np.ndarray, pixel_um: float, light: np.ndarray, cutoff: float) -> np.ndarray:
    """`image` (y, x) without the frequencies that none of the waves `light` (led, 2) carries through the pupil.

    Parameters
    ----------
    light, cutoff : na / wavelength of each LED and of the objective, cycles/um.
    """
    fy = np.fft.fftfreq(image.shape[0], pixel_um)[:, None]
    fx = np.fft.fftfreq(image.shape[1], pixel_um)[None, :]
    passed = np.zeros(image.shape, bool)
    for y, x in light:
        passed |= (fy + y) ** 2 + (fx + x) ** 2 <= cutoff**2
    return np.fft.ifft2(np.fft.fft2(image) * passed)


PHANTOMS: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    "cells": cell_phantom,
    "texture": texture_phantom,
    "star": star_phantom,
    "bars": bars_phantom,
    "smear": smear_phantom,
}

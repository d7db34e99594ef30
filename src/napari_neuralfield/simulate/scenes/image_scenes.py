"""Scenes made of grey images: a piece of an image as the phase of a thin sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from .parts import power_noise
from .random_scenes import Scene, haze

CONTRAST = (0.08, 0.9)  # rad, deviation of the phase, least and most
BLENDED = 0.12  # share of the side over which opposite borders are blended, so that the scene repeats
FINEST = 0.6  # frame pixels under one pixel of the image, at least
COARSEST = 3.0


def image_scene(images: Sequence[np.ndarray], size: int, unit: int, rng: np.random.Generator) -> Scene:
    """A scene (phase, absorption), each (y, x), of a random piece of a random image; see `random_scene`.

    Parameters
    ----------
    images : grey (y, x), any unit.
    size : pixels per axis.
    unit : pixels of the scene per frame pixel.
    rng : what image and piece are drawn from.
    """
    image = images[int(rng.integers(len(images)))]
    border = int(BLENDED * size)
    side = size + border
    across = max(side / min(image.shape), min(unit * rng.uniform(FINEST, COARSEST), side / 16))  # per image pixel
    length = int(side / across)
    y, x = (int(rng.integers(0, n - length + 1)) for n in image.shape)
    piece = np.asarray(image[y : y + length, x : x + length], np.float32)
    places = (np.arange(side) + 0.5) / across - 0.5
    piece = ndimage.map_coordinates(piece, np.meshgrid(places, places, indexing="ij"), order=3, mode="nearest")
    phase = _repeating(_repeating(piece, border).T, border).T
    phase = phase - phase.mean()
    phase = phase / max(float(phase.std()), 1e-6) * np.exp(rng.uniform(*np.log(CONTRAST))) * rng.choice([-1, 1])
    if rng.random() < 0.3:
        phase = phase + rng.uniform(0, 0.1) * power_noise(size, unit, rng, 1.2, finest=0.5)
    phase = phase + haze(size, unit, rng)
    absorption = rng.uniform(0.0, 0.2) * phase
    return phase.astype(np.float32), absorption.astype(np.float32)


def _repeating(image: np.ndarray, border: int) -> np.ndarray:
    """(rows - border, x): the first rows blended with those behind the last."""
    share = ((np.arange(border) + 0.5) / border)[:, None]
    made = image[: len(image) - border].copy()
    made[:border] = share * made[:border] + (1 - share) * image[len(image) - border :]
    return made

"""Virtual bright-field microscopes: a thin sample through focus, undersampled by the camera, and its phase.

The physics is a plain Abbe sum written apart from `forward`, the samples are drawn apart from those that networks are
trained on, so that neither can hide an error of the other. What lies around the camera's field is simulated with it:
frames do not repeat at their borders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypedDict

import numpy as np
import scipy.fft

from ..data.acquisition import ThroughFocus
from ..registry import simulator
from . import cells as virtual_cells
from .patterns import textures
from .recording import Truth, recorded
from .spectra import frequency_grid

GUARD = 16  # camera pixels around the field; light from beyond does not reach it


class FocusOptics(TypedDict):
    """Wavelength of the light, NA of the objective and of the condenser."""

    wavelength_um: float
    objective_na: float
    condenser_na: float


@simulator("through-focus-confluent", sample="confluent")
@simulator("through-focus-textures", sample="textures")
@simulator("through-focus")
def through_focus(
    seed: int = 0,
    *,
    z_um: Sequence[float] = (-4.0, 0.0, 4.0),
    pixels: int = 128,
    upsampling: int = 4,
    wavelength_um: float = 0.53,
    objective_na: float = 0.4,
    condenser_na: float = 0.16,
    pixel_um: float = 2.6,
    noise: float = 0.0025,
    sample: str = "cells",
) -> tuple[ThroughFocus, Truth]:
    """Frames of a thin transparent sample at some depths.

    Parameters
    ----------
    seed : of everything random.
    z_um : distance of the sample from the focal plane in each frame.
    pixels, upsampling : of a frame along each side, and of the truth per frame pixel.
    wavelength_um, objective_na, condenser_na : of light, objective and illumination.
    pixel_um : of a frame, at the sample.
    noise : deviation of a frame's pixel; without a sample it is 1.
    sample : 'cells', 'textures' or 'confluent'.

    Returns
    -------
    The acquisition, and its truth: `phase_rad` (y, x) float32 on pixels of `pixel_um`; a frame's pixel is the mean
    over upsampling x upsampling of them, from the same corner on.
    """
    rng = np.random.default_rng(seed)
    fine = pixel_um / upsampling
    phase = SAMPLES[sample]((pixels + 2 * GUARD) * upsampling, fine, rng)
    optics = FocusOptics(wavelength_um=wavelength_um, objective_na=objective_na, condenser_na=condenser_na)
    light = passed(phase.shape, z_um, pixel_um=fine, **optics)
    frames = abbe_frames(np.exp(1j * phase), light, upsampling)[:, GUARD:-GUARD, GUARD:-GUARD]
    frames = (frames + rng.normal(0, noise, frames.shape)).astype(np.float32)
    title = f"simulated through focus, {sample}"
    acquisition = recorded(ThroughFocus, frames, title, pixel_um=pixel_um, z_um=np.array(z_um, float), **optics)
    inner = slice(GUARD * upsampling, -GUARD * upsampling)
    return acquisition, {"phase_rad": phase[inner, inner].astype(np.float32), "pixel_um": fine}


def protocol_field(seed: int = 0, pixels: int = 2048, pixel_um: float = 0.65) -> np.ndarray:
    """Phase (y, x), rad, float32, of a layer of large, smooth cells over a whole camera; it repeats at its borders.

    Imaged at many depths and coherences it gives the pairs of patches on which single-shot networks are compared.

    Parameters
    ----------
    seed : of everything random.
    pixels, pixel_um : of the camera along each side, at the sample.
    """
    rng = np.random.default_rng(seed)
    return virtual_cells.confluent(pixels, pixel_um, rng, radius_um=28.0, grainy=0.05).astype(np.float32)


def abbe_frames(transmission: np.ndarray, light: Iterable[tuple[float, np.ndarray]], binning: int) -> np.ndarray:
    """Noise-free frames (z, y, x): for every direction of the condenser's light what the objective passes, squared.

    Parameters
    ----------
    transmission : complex (Y, X); it repeats at its borders.
    light : what is `passed` from each direction.
    binning : pixels of the sample per frame pixel and axis.
    """
    spectrum = scipy.fft.fft2(transmission.astype(np.complex64))
    frames: np.ndarray = np.zeros((1, 1, 1), np.float32)
    for share, pupils in light:
        images = scipy.fft.ifft2(spectrum * pupils, overwrite_x=True)
        frames = frames + np.float32(share) * (images.real**2 + images.imag**2)
    depths, rows, columns = frames.shape
    return frames.reshape(depths, rows // binning, binning, columns // binning, binning).mean(axis=(2, 4))


def passed(
    shape: tuple[int, int],
    z_um: Sequence[float],
    *,
    wavelength_um: float,
    objective_na: float,
    condenser_na: float,
    pixel_um: float,
    rings: int = 3,
    per_ring: int = 12,
) -> Iterator[tuple[float, np.ndarray]]:
    """For `rings` * `per_ring` directions of light: its share, and the factor (z, y, x) on the sample's spectrum.

    Parameters
    ----------
    shape, pixel_um : of the sample's grid (y, x).
    z_um : distances of the sample from the focal plane.
    wavelength_um, objective_na, condenser_na : of light, objective and illumination.
    """
    fy, fx = frequency_grid(shape, pixel_um)
    depths = np.asarray(z_um, np.float64)[:, None, None]
    for direction, share in zip(*condenser(condenser_na, rings, per_ring), strict=True):
        oblique_y, oblique_x = direction / wavelength_um
        square = (fy + oblique_y) ** 2 + (fx + oblique_x) ** 2
        inside = square <= (objective_na / wavelength_um) ** 2
        axial = np.sqrt(np.maximum(1 / wavelength_um**2 - square, 0)) - 1 / wavelength_um
        angle = (2 * np.pi * depths * axial).astype(np.float32)
        yield float(share), inside * (np.cos(angle) + 1j * np.sin(angle))


def condenser(na: float, rings: int, per_ring: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions (direction, 2), NA, and shares of the light of an evenly lit disc: Gauss' rule over its area.

    Parameters
    ----------
    na : of the condenser; 0 gives one direction along the axis.
    rings, per_ring : how many rings, and directions on each.
    """
    if na <= 0:
        return np.zeros((1, 2)), np.ones(1)
    area, shares = np.polynomial.legendre.leggauss(rings)
    radii = na * np.sqrt((area + 1) / 2)
    turns = 2 * np.pi * (np.arange(per_ring)[None, :] + 0.5 * np.arange(rings)[:, None]) / per_ring
    directions = radii[:, None, None] * np.stack([np.sin(turns), np.cos(turns)], -1)
    return directions.reshape(-1, 2), np.repeat(shares / 2 / per_ring, per_ring)


def _cells(size: int, pixel_um: float, rng: np.random.Generator) -> np.ndarray:
    """Single cells over a slightly uneven ground."""
    cells = virtual_cells.random_cells(size * pixel_um, float(rng.uniform(0.18, 0.35)), rng)
    phase = virtual_cells.draw(cells, size, pixel_um, virtual_cells.grain(rng))
    return phase + 0.04 * virtual_cells.clouds(size, pixel_um, rng, (40.0, 300.0), 1.5)


def _textures(size: int, pixel_um: float, rng: np.random.Generator) -> np.ndarray:
    return textures(size, max(1, round(2.6 / pixel_um)), rng)


SAMPLES: dict[str, Callable[[int, float, np.random.Generator], np.ndarray]] = {
    "cells": _cells,
    "textures": _textures,
    "confluent": virtual_cells.confluent,
}

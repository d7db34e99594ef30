"""A plain TIFF stack of an LED board in any order of lighting, as somebody's camera program writes it."""

from __future__ import annotations

import numpy as np
import tifffile

from napari_neuralfield.optics.illumination import direction_cosines, grid_positions
from napari_neuralfield.optics.led_orders import lit_order
from napari_neuralfield.simulate.led_optics import led_frames

OPTICS = {"objective_na": 0.1, "wavelength_um": 0.532, "pixel_um": 1.6}
PITCH_MM, HEIGHT_MM = 4.0, 90.0


def board_frames(side=7, size=48, seed=0, **order):
    """Frames (frame, y, x) uint16 of a textured sample over a `side` x `side` board lit in an `order`."""
    rng = np.random.default_rng(seed)
    na = direction_cosines(grid_positions(side, side, PITCH_MM, lit_order(side, side, **order)), HEIGHT_MM, 0.0, 1.52)
    fine = 3 * size
    f = np.fft.fftfreq(fine)
    smooth = np.exp(-((np.hypot(f[:, None], f[None]) / 0.08) ** 2))
    texture = np.fft.ifft2(np.fft.fft2(rng.standard_normal((2, fine, fine))) * smooth).real
    texture /= np.abs(texture).max(axis=(1, 2), keepdims=True)
    sample = (1 - 0.2 * np.abs(texture[0])) * np.exp(1j * texture[1])
    frames = led_frames(sample[None] - 1, np.zeros(1), na, upsampling=3, **OPTICS)
    return rng.poisson(np.clip(2000 * np.asarray(frames), 0, None)).astype(np.uint16)


def write_stack(path, seed=0, **order):
    tifffile.imwrite(path, board_frames(seed=seed, **order), photometric="minisblack")
    return path

"""Virtual microscopes and phantoms with known truth.

`SIMULATORS[name](seed)` gives an acquisition and its truth. The physics here is written as one plain sum per LED on
the full fine grid, apart from the fast forward model, so that one can be checked against the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .acquisition import Acquisition, Draft

Truth = dict[str, Any]  # arrays and scalars, in the layout of the benchmark's truth files


def led_grid_na(count: int, pitch_mm: float, height_mm: float, limit_na: float) -> np.ndarray:
    """Direction cosines (led, 2) of a square LED board below the sample, inside `limit_na`, the centre first."""
    ticks = (np.arange(count) - count // 2) * pitch_mm
    y, x = (a.ravel() for a in np.meshgrid(ticks, ticks, indexing="ij"))
    na = np.stack([y, x], 1) / np.sqrt(y**2 + x**2 + height_mm**2)[:, None]
    radius = np.hypot(na[:, 0], na[:, 1])
    na = na[np.argsort(radius, kind="stable")]
    return na[np.sort(radius) <= limit_na]


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


def led_frames(
    layers: np.ndarray,
    z_um: np.ndarray,
    na: np.ndarray,
    *,
    objective_na: float,
    wavelength_um: float,
    pixel_um: float,
    upsampling: int,
    pupil: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Noise-free intensity (led, y, x) of thin `layers` (transmission minus 1, on fine pixels) at depths `z_um`.

    Each layer scatters once: field = 1 + sum of layers. The light's direction is exact: its whole bins roll the
    layers' spectra, the rest moves the pupil.
    """
    n_y, n_x = layers.shape[-2:]
    fine = pixel_um / upsampling
    size = np.array([n_y, n_x]) * fine
    spectra = np.fft.fft2(layers)
    fy, fx = np.fft.fftfreq(n_y, fine)[:, None], np.fft.fftfreq(n_x, fine)[None, :]
    frames = []
    for direction in na / wavelength_um:
        whole = np.round(direction * size).astype(int)
        rest = direction - whole / size
        py, px = np.broadcast_arrays(fy + rest[0], fx + rest[1])
        inside = py**2 + px**2 <= (objective_na / wavelength_um) ** 2
        axial = np.sqrt(1 / wavelength_um**2 - py[inside] ** 2 - px[inside] ** 2) - axial_of(direction, wavelength_um)
        rolled = np.roll(spectra, whole, axis=(-2, -1))[:, inside]  # (layer, bin)
        passed = (rolled * np.exp(2j * np.pi * np.asarray(z_um)[:, None] * axial)).sum(0)
        passed += np.where(direct_light(whole, (n_y, n_x))[inside], n_y * n_x, 0)
        if pupil is not None:
            passed = passed * pupil(py[inside], px[inside])
        image = np.zeros((n_y, n_x), complex)
        image[inside] = passed
        frames.append(np.abs(np.fft.ifft2(image))[::upsampling, ::upsampling] ** 2)
    return np.array(frames)


def direct_light(whole: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """True at the one bin (y, x) where the undisturbed light of a rolled spectrum lies."""
    mark = np.zeros(shape, bool)
    mark[whole[0] % shape[0], whole[1] % shape[1]] = True
    return mark


def axial_of(frequency: np.ndarray, wavelength_um: float) -> float:
    """Axial frequency of a wave with lateral `frequency` (y, x), cycles/um."""
    return float(np.sqrt(max(1 / wavelength_um**2 - (frequency**2).sum(), 0)))


def expose(intensity: np.ndarray, electrons: float, rng: np.random.Generator, read_noise: float = 0.0) -> np.ndarray:
    """Shot and read noise, float32; `electrons` is the well filled by intensity 1."""
    counts = rng.poisson(intensity * electrons) + rng.normal(0, read_noise, intensity.shape)
    return (counts / electrons).astype(np.float32)


def tilted_slide(
    seed: int = 0,
    *,
    pixels: int = 128,
    objective_na: float = 0.25,
    wavelength_um: float = 0.522,
    pixel_um: float = 0.345,
    led_limit_na: float = 0.236,
    tilt_um: float = 12.0,
    electrons: float = 8000.0,
) -> tuple[Acquisition, Truth]:
    """Cells on a slide tilted through z = -tilt..tilt um, seen by an LED array: frames and truth on 2x finer pixels."""
    rng = np.random.default_rng(seed)
    fine = 2 * pixels
    cells, masks = cell_phantom((fine, fine), rng)
    middle = np.array([np.argwhere(m).mean(0) for m in masks]) / fine - 0.5
    turn = rng.uniform(0, 2 * np.pi)
    along = middle @ np.array([np.sin(turn), np.cos(turn)])
    z = along / np.abs(along).max() * tilt_um
    na = led_grid_na(15, 4.0, 74.0, led_limit_na)
    intensity = led_frames(
        cells, z, na, objective_na=objective_na, wavelength_um=wavelength_um, pixel_um=pixel_um, upsampling=2
    )
    synthetic = (objective_na + np.hypot(na[:, 0], na[:, 1]).max()) / wavelength_um
    acquisition = Draft(
        "led_array",
        expose(intensity, electrons, rng),
        {
            "wavelength_um": wavelength_um,
            "objective_na": objective_na,
            "pixel_um": pixel_um,
            "illumination_na": na,
            "title": "simulated tilted slide",
        },
        "simulated tilted slide",
    ).complete()
    truth = {
        "object": low_pass(1 + cells.sum(0), pixel_um / 2, synthetic).astype(np.complex64),
        "cell_masks": masks,
        "cell_z_um": z,
        "pixel_um": pixel_um / 2,
    }
    return acquisition, truth


def low_pass(image: np.ndarray, pixel_um: float, cutoff: float) -> np.ndarray:
    """`image` without frequencies above `cutoff`, cycles/um."""
    fy = np.fft.fftfreq(image.shape[0], pixel_um)[:, None]
    fx = np.fft.fftfreq(image.shape[1], pixel_um)[None, :]
    return np.fft.ifft2(np.fft.fft2(image) * (fy**2 + fx**2 <= cutoff**2))


SIMULATORS: dict[str, Callable[[int], tuple[Acquisition, Truth]]] = {"tilted-slide": tilted_slide}

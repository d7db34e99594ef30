"""Virtual LED-pattern microscopes: two bright-field halves and three dark-field arcs of cells or textures.

The physics is a plain sum over LEDs, written apart from `forward`; the samples are drawn apart from those that networks
are trained on, so that neither can hide an error of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..data.acquisition import MultiplexedLed
from ..optics.patterns import halves_and_arcs
from ..registry import simulator
from .led_optics import Optics, Pupil, aberrated_pupil, axial_of, led_grid_na
from .recording import Truth, expose, recorded, zernike_truth
from .spectra import filtered, frequency_grid

Sample = Callable[[int, int, np.random.Generator], np.ndarray]
TALLEST_RAD = 6.0


@simulator("multiplexed-textures", sample="textures")
@simulator("multiplexed-cells")
def multiplexed(
    seed: int = 0,
    *,
    sample: str = "cells",
    pixels: int = 100,
    upsampling: int = 6,
    objective_na: float = 0.1,
    wavelength_um: float = 0.63,
    pixel_um: float = 1.625,
    led_limit_na: float = 0.41,
    axis_deg: float = 45.0,
    arcs_deg: Sequence[float] = (0.0, 120.0, 240.0),
    absorption: float = 0.06,
    astigmatism_rad: float = 0.25,
    z_um: float = 0.0,
    electrons: float = 6000.0,
) -> tuple[MultiplexedLed, Truth]:
    """Five LED patterns of a thin sample that repeats at its borders.

    Parameters
    ----------
    seed : of everything random.
    sample : 'cells' or 'textures'.
    pixels, upsampling : of a frame along each side, and of the truth per frame pixel.
    objective_na, wavelength_um, pixel_um : of objective and light, and of a frame at the sample.
    led_limit_na : the board ends there.
    axis_deg, arcs_deg : directions of the light of the first half disc and of the arcs, x right, y down.
    absorption : logarithm of the amplitude lost per radian of phase.
    astigmatism_rad : largest coefficient of either astigmatism, unit variance.
    z_um : distance of the sample from focus; the file does not give it.
    electrons : of a bright-field half without a sample.

    Returns
    -------
    The acquisition, and its truth: `phase_rad` (y, x), unwrapped, on pixels of `pixel_um`; its sample j lies at frame
    pixel j / upsampling. `absorption` (y, x) natural logarithm of amplitude, negative; `zernike_noll`, `zernike_rad`
    (term,); `z_um`.
    """
    rng = np.random.default_rng(seed)
    phase = SAMPLES[sample](pixels * upsampling, upsampling, rng)
    absorbed = absorption * (phase - phase.min())
    zernike = {noll: float(rng.uniform(-1, 1) * astigmatism_rad) for noll in (5, 6)}
    na = led_grid_na(17, 4.0, 67.5, led_limit_na)
    patterns = halves_and_arcs(na, objective_na, axis_deg, arcs_deg)
    transmission = np.exp(1j * phase - absorbed)
    optics = Optics(objective_na=objective_na, wavelength_um=wavelength_um, pixel_um=pixel_um)
    pupil = aberrated_pupil(zernike, objective_na / wavelength_um)
    intensity = pattern_frames(transmission, na, patterns, upsampling=upsampling, z_um=z_um, pupil=pupil, **optics)
    frames = expose(intensity / patterns[0].sum(), electrons, rng)
    title = f"simulated LED patterns, {sample}"
    acquisition = recorded(MultiplexedLed, frames, title, led_na=na, patterns=patterns, **optics)
    return acquisition, {
        "phase_rad": phase.astype(np.float32),
        "absorption": -absorbed.astype(np.float32),
        "pixel_um": pixel_um / upsampling,
        "z_um": z_um,
        **zernike_truth(zernike),
    }


def pattern_frames(
    transmission: np.ndarray,
    na: np.ndarray,
    patterns: np.ndarray,
    *,
    objective_na: float,
    wavelength_um: float,
    pixel_um: float,
    upsampling: int,
    z_um: float = 0.0,
    pupil: Pupil | None = None,
) -> np.ndarray:
    """Noise-free intensity (frame, y, x): for every LED what the objective passes, squared, times its brightness.

    Parameters
    ----------
    transmission : complex (Y, X) on pixels of pixel_um / upsampling; it repeats at its borders.
    na, patterns : directions (led, 2) and brightness (frame, led).
    objective_na, wavelength_um, pixel_um : of objective and light, and of a frame at the sample.
    z_um : distance of the sample from focus.
    pupil : the objective's, inside its aperture; 1 where None.
    """
    shape = (transmission.shape[0] // upsampling, transmission.shape[1] // upsampling)
    spectrum = np.fft.fft2(transmission) / upsampling**2
    fy, fx = (np.fft.fftfreq(n, pixel_um) for n in shape)
    cutoff = objective_na / wavelength_um
    if cutoff > 0.5 / pixel_um:
        raise ValueError("a frame pixel must sample the amplitude that the objective passes")
    bins = [np.rint(f * n * pixel_um).astype(int) for f, n in zip((fy, fx), shape, strict=True)]
    size = np.array(shape) * pixel_um
    frames = np.zeros((len(patterns), *shape))
    for direction, weight in zip(na / wavelength_um, patterns.T, strict=True):
        if not weight.any():
            continue
        whole = np.rint(direction * size).astype(int)
        py, px = np.meshgrid(fy + direction[0] - whole[0] / size[0], fx + direction[1] - whole[1] / size[1],
                             indexing="ij")  # fmt: skip
        passed = spectrum[np.ix_((bins[0] - whole[0]) % transmission.shape[0],
                                 (bins[1] - whole[1]) % transmission.shape[1])]  # fmt: skip
        inside = np.hypot(py, px) <= cutoff
        passed = np.where(inside, passed, 0)
        if z_um:
            axial = np.sqrt(np.maximum(1 / wavelength_um**2 - py**2 - px**2, 0)) - axial_of(direction, wavelength_um)
            passed = passed * np.exp(2j * np.pi * z_um * axial)
        if pupil is not None:
            passed[inside] *= pupil(py[inside], px[inside])
        frames += weight[:, None, None] * np.abs(np.fft.ifft2(passed)) ** 2
    return frames


def cells(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Phase (y, x), rad, of adherent cells: smooth bumpy blobs with a nucleus, nucleoli and granules.

    Parameters
    ----------
    size : pixels per axis.
    unit : of them per frame pixel, in which the sizes of things are meant.
    rng : what they are drawn from.
    """
    phase = np.zeros((size, size))
    for _ in range(int(rng.integers(5, 9))):
        centre, radius = rng.uniform(0, size, 2), rng.uniform(10, 17) * unit
        dy, dx = ((np.arange(size) - c + size / 2) % size - size / 2 for c in centre)
        turn, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.6)
        along = np.cos(turn) * dx[None, :] + np.sin(turn) * dy[:, None]
        aside = -np.sin(turn) * dx[None, :] + np.cos(turn) * dy[:, None]
        angle = np.arctan2(aside, along)
        edge = 1 + sum(rng.normal(0, 0.2 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4, 5))
        reach = np.hypot(along / stretch, aside * stretch**0.5) / (radius * np.maximum(edge, 0.3))
        body = np.clip(1 - reach**2, 0, None) ** 0.8
        cell = rng.uniform(1.2, 2.2) * body
        shift = rng.normal(0, 0.12, 2) * radius
        nucleus = np.hypot(along - shift[0], (aside - shift[1]) * rng.uniform(1.0, 1.3)) / (radius * 0.42)
        cell += rng.uniform(0.5, 1.0) * np.clip(1 - nucleus**4, 0, None)
        for _ in range(int(rng.integers(1, 4))):
            cell += _spot(along, aside, rng.normal(shift, 0.12 * radius), rng.uniform(0.6, 1.2) * unit, 0.9, rng=rng)
        for _ in range(int(rng.integers(20, 45))):
            at, width = rng.normal(0, 0.45 * radius, 2), rng.uniform(0.35, 0.8) * unit
            cell += _spot(along, aside, at, width, 1.1, rng=rng) * (reach < 0.95)
        phase += cell
    phase += 0.12 * _noise(size, unit, rng, 1.2) * (phase > 0.2) + 0.1 * _noise(size, unit, rng, 2.0)
    return TALLEST_RAD * np.tanh(phase / TALLEST_RAD)


def _spot(
    along: np.ndarray, aside: np.ndarray, at: np.ndarray, width: float, tallest: float, *, rng: np.random.Generator
) -> np.ndarray:
    height = rng.uniform(0.3, 1.0) * tallest
    return height * np.exp(-((along - at[0]) ** 2 + (aside - at[1]) ** 2) / (2 * width**2))


def textures(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Phase (y, x), rad, of overlapping plates with fine grain, everywhere different, like tissue or a photograph.

    Parameters
    ----------
    size, unit, rng : as in `cells`.
    """
    coarse, phase = _noise(size, unit, rng, 2.3), np.zeros((size, size))
    for level in np.sort(rng.normal(0, 0.8, 4)):
        phase += rng.uniform(0.3, 0.9) / (1 + np.exp(-(coarse - level) * rng.uniform(10, 60)))
    phase += 0.35 * _noise(size, unit, rng, 1.9) + 0.07 * _noise(size, unit, rng, 1.0)
    return phase


def _noise(size: int, unit: int, rng: np.random.Generator, fall: float) -> np.ndarray:
    """A random field of deviation 1 whose spectrum falls as frequency^-fall, down to half a frame pixel."""
    f = np.hypot(*frequency_grid((size, size))) * unit
    shape = np.where(f <= 1.0, (f + 0.01) ** -fall, 0)
    shape[0, 0] = 0
    field = filtered(rng.standard_normal((size, size)), shape).real
    return field / field.std()


SAMPLES: dict[str, Sample] = {"cells": cells, "textures": textures}

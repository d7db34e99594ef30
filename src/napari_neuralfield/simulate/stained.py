"""A stained slide under an LED microscope in three colours, whose objective and lamps are not the same in each.

Stains absorb by Beer and Lambert: the amplitude of colour c is 10^(-sum over stains of strength[c] * density / 2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ..data.acquisition import LedArray, ThroughFocus
from ..registry import simulator
from .led_optics import aberrated_pupil, led_frames, led_grid_na
from .phantoms import random_field
from .recording import Truth, expose, recorded
from .spectra import filtered, frequency_grid, low_pass
from .through_focus import GUARD, SAMPLES, FocusOptics, abbe_frames, passed

WAVELENGTHS_UM = (0.63, 0.53, 0.46)
GREEN_UM = WAVELENGTHS_UM[1]
HEMATOXYLIN, EOSIN = (0.65, 0.70, 0.29), (0.07, 0.99, 0.11)  # optical density in red, green and blue, of unit length
DENSEST = 1.3  # of either stain
PATH_UM = 0.16  # optical path of the densest tissue


def tissue(shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Densities of hematoxylin and eosin, and the optical path, um, of a section; each (y, x), and empty in places.

    Parameters
    ----------
    shape : (y, x), pixels; everything repeats at the borders.
    rng : what it is drawn from.
    """
    f = np.hypot(*frequency_grid(shape))
    coarse = random_field((f <= 0.02) / (f + 0.004) ** 1.5, rng)
    grain = random_field((f <= 0.2) / (f + 0.01) ** 1.1, rng)
    level = np.quantile(coarse, rng.uniform(0.3, 0.5))  # a third of the field or more is empty
    stroma = _soft((coarse - level) / 0.12)
    eosin = stroma * np.clip(0.45 + 0.16 * grain, 0.05, DENSEST)
    nuclei = np.zeros(shape)
    rows, columns = np.indices(shape)
    for y, x in rng.uniform(0, 1, (max(4, shape[0] * shape[1] // 700), 2)) * shape:
        if stroma[int(y), int(x)] < 0.5:
            continue
        long, short, turn = rng.uniform(6, 9), rng.uniform(3.5, 6), rng.uniform(0, np.pi)
        dy, dx = (np.mod(a - c + n / 2, n) - n / 2 for a, c, n in zip((rows, columns), (y, x), shape, strict=True))
        along, across = np.cos(turn) * dy + np.sin(turn) * dx, np.cos(turn) * dx - np.sin(turn) * dy
        radius = np.hypot(along / long, across / short)
        nuclei = np.maximum(nuclei, rng.uniform(0.7, 1.0) * _soft((1 - radius) * short / 1.2))
    chromatin = random_field((f <= 0.25) * (f > 0.04) / (f + 0.05), rng)
    hematoxylin = np.clip(nuclei * (0.9 + 0.2 * chromatin), 0, DENSEST) + 0.06 * stroma
    eosin = eosin * (1 - 0.6 * nuclei)
    return hematoxylin, eosin, PATH_UM * (0.6 * stroma * (1 + 0.15 * grain) + 0.5 * nuclei)


def transmission(
    section: tuple[np.ndarray, np.ndarray, np.ndarray], wavelengths_um: Sequence[float] = WAVELENGTHS_UM
) -> np.ndarray:
    """What a section of `tissue` transmits of each colour, complex (channel, y, x); `wavelengths_um` (channel,)."""
    hematoxylin, eosin, path = section
    found = []
    for number, wave in enumerate(wavelengths_um):
        density = HEMATOXYLIN[number] * hematoxylin + EOSIN[number] * eosin
        found.append(10 ** (-density / 2) * np.exp(2j * np.pi * path / wave))
    return np.array(found)


@simulator("stained-slide")
def stained_slide(
    seed: int = 0,
    *,
    pixels: int = 96,
    objective_na: float = 0.25,
    pixel_um: float = 0.4,
    led_limit_na: float = 0.3,
    chromatic_focus_um: float = 3.0,
    chromatic_shift_um: float = 0.6,
    zernike_rad: Mapping[int, float] = MappingProxyType({}),
    electrons: float = 6000.0,
) -> tuple[LedArray, Truth]:
    """A thin stained section in three LED colours, each with its own focus, shift and brightness.

    Parameters
    ----------
    seed : of everything random.
    pixels : of a frame, per axis; the truth has twice as many.
    objective_na, pixel_um : of the objective, and of a frame at the sample.
    led_limit_na : the board, of pitch 4 mm at 74 mm, ends there.
    chromatic_focus_um, chromatic_shift_um : the most by which red and blue lie beside green, along and across the axis.
    zernike_rad : Noll index -> coefficient of the unit-variance polynomial of the pupil in green, rad.
    electrons : the well filled by an empty place in the brightest colour.

    Returns
    -------
    The acquisition, and its truth: `object` complex (channel, y, x) on pixels of `pixel_um`, where green lies;
    `focus_um` (channel,) and `shift_um` (channel, 2) of each colour; `lamps` (channel,), their brightness.
    """
    rng = np.random.default_rng(seed)
    fine = (2 * pixels, 2 * pixels)
    samples = transmission(tissue(fine, rng))
    na = led_grid_na(15, 4.0, 74.0, led_limit_na)
    focus, shift, lamps = _chromatic(rng, chromatic_focus_um, chromatic_shift_um)
    frames, truth = [], []
    for number, wave in enumerate(WAVELENGTHS_UM):
        moved = filtered(samples[number] - 1, _ramp(fine, shift[number] / (pixel_um / 2)))
        light = led_frames(
            moved[None], focus[number : number + 1], na, objective_na=objective_na, wavelength_um=wave,
            pixel_um=pixel_um, upsampling=2,
            pupil=aberrated_pupil({n: rad * GREEN_UM / wave for n, rad in zernike_rad.items()}, objective_na / wave),
        )  # fmt: skip
        frames.append(expose(lamps[number] * light, electrons, rng))
        reach = (objective_na + np.hypot(*na.T).max()) / wave
        truth.append(low_pass(samples[number], pixel_um / 2, reach).astype(np.complex64))
    acquisition = recorded(
        LedArray,
        np.concatenate(frames),
        "simulated stained slide",
        illumination_na=np.tile(na, (3, 1)),
        channel=np.repeat(np.arange(3), len(na)),
        wavelengths_um=np.array(WAVELENGTHS_UM),
        objective_na=objective_na,
        pixel_um=pixel_um,
    )
    known = {"object": np.array(truth), "pixel_um": pixel_um / 2, "wavelengths_um": np.array(WAVELENGTHS_UM)}
    return acquisition, {**known, "focus_um": focus, "shift_um": shift, "lamps": lamps}


@simulator("through-focus-colour")
def through_focus_colour(
    seed: int = 0,
    *,
    z_um: Sequence[float] = (-4.0, 0.0, 4.0),
    pixels: int = 96,
    upsampling: int = 4,
    objective_na: float = 0.4,
    condenser_na: float = 0.16,
    pixel_um: float = 2.6,
    chromatic_focus_um: float = 1.5,
    chromatic_shift_um: float = 1.5,
    noise: float = 0.0025,
) -> tuple[ThroughFocus, Truth]:
    """Frames of a transparent sample at some depths in three colours, each with its own focus, shift and brightness.

    Parameters
    ----------
    seed : of everything random.
    z_um : distance of the sample from green's focal plane in each frame.
    pixels, upsampling : of a frame along each side, and of the truth per frame pixel.
    objective_na, condenser_na : of objective and illumination.
    pixel_um : of a frame, at the sample.
    chromatic_focus_um, chromatic_shift_um : the most by which red and blue lie beside green, along and across the axis.
    noise : deviation of a frame's pixel; without a sample it is 1 in the brightest colour.

    Returns
    -------
    The acquisition, and its truth: `phase_rad` (channel, y, x) float32 on pixels of `pixel_um`, where green lies;
    `focus_um`, `shift_um` and `lamps` as of `stained_slide`.
    """
    rng = np.random.default_rng(seed)
    fine = pixel_um / upsampling
    green = SAMPLES["cells"]((pixels + 2 * GUARD) * upsampling, fine, rng)
    focus, shift, lamps = _chromatic(rng, chromatic_focus_um, chromatic_shift_um)
    stack, phases = [], []
    for number, wave in enumerate(WAVELENGTHS_UM):
        phase = green * (GREEN_UM / wave)
        moved = filtered(np.exp(1j * phase), _ramp(phase.shape, shift[number] / fine))
        optics = FocusOptics(wavelength_um=wave, objective_na=objective_na, condenser_na=condenser_na)
        depths = np.asarray(z_um, float) + focus[number]
        light = passed(phase.shape, depths.tolist(), pixel_um=fine, **optics)
        frames = lamps[number] * abbe_frames(moved, light, upsampling)[:, GUARD:-GUARD, GUARD:-GUARD]
        stack.append((frames + rng.normal(0, noise, frames.shape)).astype(np.float32))
        inner = slice(GUARD * upsampling, -GUARD * upsampling)
        phases.append(phase[inner, inner].astype(np.float32))
    acquisition = recorded(
        ThroughFocus,
        np.concatenate(stack),
        "simulated through focus in colour",
        z_um=np.tile(np.asarray(z_um, float), 3),
        channel=np.repeat(np.arange(3), len(z_um)),
        wavelengths_um=np.array(WAVELENGTHS_UM),
        objective_na=objective_na,
        condenser_na=condenser_na,
        pixel_um=pixel_um,
    )
    known = {"phase_rad": np.array(phases), "pixel_um": fine, "wavelengths_um": np.array(WAVELENGTHS_UM)}
    return acquisition, {**known, "focus_um": focus, "shift_um": shift, "lamps": lamps}


def _chromatic(rng: np.random.Generator, focus_um: float, shift_um: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Focus (channel,), shift (channel, 2), um, of red, green and blue against green, and the brightness of lamps."""
    focus, shift = rng.uniform(-1, 1, 3) * focus_um, rng.uniform(-1, 1, (3, 2)) * shift_um
    focus[1], shift[1] = 0, 0
    lamps = rng.uniform(0.4, 1.0, 3)
    return focus, shift, lamps / lamps.max()


def _ramp(shape: tuple[int, ...], pixels: np.ndarray) -> np.ndarray:
    """What moves a periodic image of `shape` by (y, x) `pixels`: the factor on its spectrum."""
    fy, fx = frequency_grid(shape)
    return np.exp(-2j * np.pi * (fy * pixels[0] + fx * pixels[1]))


def _soft(inside: np.ndarray) -> np.ndarray:
    """A step from 0 to 1 where `inside` grows through 0."""
    return 1 / (1 + np.exp(-np.clip(inside, -30, 30)))

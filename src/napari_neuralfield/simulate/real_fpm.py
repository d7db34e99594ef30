"""The most common Fourier ptychographic microscope as it is: a 4x / 0.1 NA objective over an LED board, not idealised.

Each of `EFFECTS` may be left out. The light of an LED is a plane wave: over a field as small as this the sphere of a
near LED differs from LED to LED by hundredths of a radian, and what all share is a phase that no frame can tell.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

import numpy as np
from scipy import ndimage

from ..data.acquisition import LedArray
from ..optics.board import turn_matrix
from ..registry import simulator
from ..types import InputError
from .real_optics import RealPupil, Transmission, camera_frames, directions, lamp
from .recording import Truth, recorded, zernike_truth
from .scenes.random_scenes import cells, power_noise
from .spectra import seen

EFFECTS = {
    "border": "frames are cut from a larger scene",
    "rim": "the pupil's rim is soft, and elliptic by up to 1 %",
    "source": "LEDs are 0.25 mm wide",
    "band": "their light is 20 nm wide",
    "pixel": "camera pixels collect the light of their whole area",
    "board": "the board is turned, tilted, shifted and at another height",
    "gains": "LEDs differ in brightness by up to 12 %, and fade with the fourth power of the cosine",
    "camera": "shot and read noise, 12 bits, a pedestal, hot pixels, uneven and saturated ones",
    "ambient": "there is light besides the LEDs'",
    "dead": "one LED is dark, one is dim",
    "aberration": "the objective has aberrations and is out of focus",
}
SPREAD_RAD = {5: 0.16, 6: 0.16, 7: 0.11, 8: 0.11, 11: 0.09}  # rms of each Zernike coefficient
TALLEST_RAD = 2.5
DARK_EXPOSURE, DARK_FROM = 8.0, 1.4  # of the dark field, which begins there in units of the objective's NA
WELL, PER_COUNT, READ_NOISE, PEDESTAL, HIGHEST = 11000.0, 2.9, 2.2, 100.0, 4095  # electrons, then counts
UNEVEN, HOT = 0.01, 3e-4  # rms of the pixels' sensitivity, and share of hot pixels


@simulator("fpm-real-large", pixels=160, board_radius=6.6)
@simulator("fpm-real")
def fpm_real(
    seed: int = 0,
    *,
    without: Collection[str] = (),
    only: Collection[str] | None = None,
    pixels: int = 64,
    board_radius: float = 4.6,
    objective_na: float = 0.1,
    wavelength_um: float = 0.63,
    pixel_um: float = 1.625,
    upsampling: int = 4,
    pitch_mm: float = 4.0,
    height_mm: float = 76.0,
    turn_deg: float | None = None,
    z_um: float | None = None,
    aberrations: float = 1.0,
) -> tuple[LedArray, Truth]:
    """Cells under the microscope as it is; the acquisition says what its owner knows.

    The same seed draws the same effects, whichever others are left out.

    Parameters
    ----------
    seed : of everything random.
    without : of `EFFECTS`, those that are left out; or "all".
    only : those that are in; all where None.
    pixels : of a frame, per axis.
    board_radius : LEDs are lit that far from the middle, in units of the pitch.
    objective_na, wavelength_um, pixel_um : of objective and light, and of a frame at the sample.
    upsampling : pixels of the truth per frame pixel and axis; they must hold what the steepest LED shows.
    pitch_mm, height_mm : of the nominal board.
    turn_deg : of the real board, +x towards +y; 1 to 3 degrees of either sign where None.
    z_um : the sample's distance from focus; some 30 um where None.
    aberrations : factor on the aberrations that are drawn.

    Returns
    -------
    The acquisition, and its truth: `object` complex (y, x) on pixels of `pixel_um`, without the frequencies that no LED
    shows, `illumination_na` (led, 2), `led_mm` (led, 3), `gains` (led,), `bad_frames` (frame,), `zernike_noll`,
    `zernike_rad` (term,), `z_um`, `pupil_softness`, `pupil_fall`, `pupil_ellipticity`, `pupil_axis_rad`, `ambient`
    (share of the light of the first LED) and, where there is a camera, `hot_pixels` (y, x).

    Raises
    ------
    InputError : where `without` or `only` names no effect.
    """
    drawn = _Draws(seed, _chosen(without, only))
    border = max(16, pixels // 4)
    transmission, plain = _sample(drawn, pixels, border, upsampling, wavelength_um)
    border = border if "border" in drawn.effects else 0
    nominal, real = _board(drawn, board_radius, pitch_mm, height_mm, turn_deg)
    pupil = _pupil(drawn, RealPupil(objective_na, wavelength_um), z_um, aberrations)
    light = lamp(wavelength_um, 0.25 if "source" in drawn.effects else 0, 0.02 if "band" in drawn.effects else 0)
    intensity = camera_frames(
        transmission, real, light, pupil, pixel_um=pixel_um, upsampling=upsampling, border=border,
        integrates="pixel" in drawn.effects,
    )  # fmt: skip
    gains, bad = _brightness(drawn, real)
    ambient = drawn.of("ambient").uniform(0.0008, 0.002) if "ambient" in drawn.effects else 0.0
    far = np.hypot(*directions(nominal).T) > DARK_FROM * objective_na
    exposure = np.where(far, DARK_EXPOSURE, 1.0)
    frames, camera, hot = _exposed(drawn, intensity * gains[:, None, None] + ambient, exposure)
    acquisition = recorded(
        LedArray, frames, "simulated 4x objective", objective_na=objective_na, wavelength_um=wavelength_um,
        pixel_um=pixel_um, illumination_na=directions(nominal), led_height_mm=height_mm, exposure=exposure, **camera,
    )  # fmt: skip
    na, inside = directions(real), slice(border * upsampling, len(plain) - border * upsampling)
    passed = seen(plain, pixel_um / upsampling, na[gains > 0] / wavelength_um, objective_na / wavelength_um)
    truth = {
        "object": passed[inside, inside].astype(np.complex64),
        "pixel_um": pixel_um / upsampling,
        "illumination_na": na,
        "led_mm": real,
        "gains": gains,
        "bad_frames": bad,
        **zernike_truth(pupil.zernike_rad),
        "z_um": pupil.z_um,
        **{f"pupil_{n}": getattr(pupil, n) for n in ("softness", "fall", "ellipticity", "axis_rad")},
        "ambient": ambient,
    }
    return acquisition, truth | ({"hot_pixels": hot} if hot.any() else {})


@dataclasses.dataclass(frozen=True)
class _Draws:
    """What is in, and the random numbers of each effect, which do not depend on the others."""

    seed: int
    effects: frozenset[str]

    def of(self, name: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, ["sample", *EFFECTS].index(name)])


def _chosen(without: Collection[str], only: Collection[str] | None) -> frozenset[str]:
    for option, names in (("without", without), ("only", only or ())):
        odd = sorted(set(names) - {*EFFECTS, "all"})
        if odd:
            known = "; ".join(f"{name}: {what}" for name, what in EFFECTS.items())
            raise InputError(f"option --{option} is {', '.join(odd)}; choose all or some of {known}")
    inside = frozenset(EFFECTS if only is None or "all" in only else only)
    return frozenset() if "all" in without else inside - frozenset(without)


def _sample(
    drawn: _Draws, pixels: int, border: int, upsampling: int, wavelength_um: float
) -> tuple[Transmission, np.ndarray]:
    """Cells with dust among them: their transmission at any wavelength, and at the nominal one (y, x)."""
    rng, size = drawn.of("sample"), (pixels + 2 * border) * upsampling
    phase = cells(size, upsampling, rng) + cells(size, upsampling, rng)  # twice: a crowded slide
    phase *= min(1.0, TALLEST_RAD / max(float(phase.max()), 1e-6))
    dust = np.zeros((size, size))
    dust[tuple(rng.integers(0, size, (2, max(1, (pixels + 2 * border) ** 2 // 1500))))] = 1
    dust = ndimage.gaussian_filter(dust, 0.75 * upsampling, mode="wrap") * 2 * np.pi * (0.75 * upsampling) ** 2
    absorbed = 0.08 * phase + 0.6 * dust
    phase += 0.12 * power_noise(size, upsampling, rng, 0.6) + 0.2 * power_noise(size, upsampling, rng, 2.0, finest=20)
    if "border" not in drawn.effects:
        inner = slice(border * upsampling, size - border * upsampling)
        phase, absorbed = phase[inner, inner], absorbed[inner, inner]

    def at(wave: float) -> np.ndarray:
        return np.exp(1j * phase * (wavelength_um / wave) - absorbed)

    return at, at(wavelength_um)


def _board(
    drawn: _Draws, radius: float, pitch_mm: float, height_mm: float, turn_deg: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Places (led, 3) of the LEDs as noted and as they are, (y, x, distance below the sample), mm, the middle first."""
    reach = int(radius)
    y, x = (a.ravel() for a in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    order = np.argsort(np.hypot(y, x), kind="stable")
    chosen = order[np.hypot(y, x)[order] <= radius]
    nominal = np.stack([pitch_mm * y[chosen], pitch_mm * x[chosen], np.full(len(chosen), height_mm)], 1)
    if "board" not in drawn.effects:
        return nominal, nominal
    rng, real = drawn.of("board"), nominal.copy()
    turn = rng.choice([-1, 1]) * rng.uniform(1, 3)
    tilt = np.tan(np.deg2rad(rng.uniform(-1.2, 1.2, 2)))
    real[:, :2] = nominal[:, :2] @ turn_matrix(np.deg2rad(turn if turn_deg is None else turn_deg)).T
    real[:, 2] = height_mm * (1 + rng.choice([-1, 1]) * rng.uniform(0.015, 0.04)) + real[:, :2] @ tilt
    real[:, :2] += rng.uniform(-1.2, 1.2, 2) + rng.normal(0, 0.06, (len(real), 2))
    return nominal, real


def _pupil(drawn: _Draws, nominal: RealPupil, z_um: float | None, aberrations: float) -> RealPupil:
    changes: dict[str, Any] = {}
    if "rim" in drawn.effects:
        rng = drawn.of("rim")
        changes |= {"softness": 0.024, "fall": 0.15, "ellipticity": rng.uniform(0, 0.01)}
        changes["axis_rad"] = rng.uniform(0, np.pi)
    if "aberration" in drawn.effects:
        rng = drawn.of("aberration")
        changes["zernike_rad"] = {noll: aberrations * rng.normal(0, rms) for noll, rms in SPREAD_RAD.items()}
        changes["z_um"] = rng.normal(0, 25) if z_um is None else z_um
    return dataclasses.replace(nominal, **changes)


def _brightness(drawn: _Draws, places_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Light of each LED against the first one's (led,), and which are not as the rest."""
    gains, bad = np.ones(len(places_mm)), []
    if "gains" in drawn.effects:
        fall = (places_mm[:, 2] / np.linalg.norm(places_mm, axis=1)) ** 4
        gains = fall * drawn.of("gains").uniform(0.88, 1.12, len(gains))
        gains /= gains[0]
    if "dead" in drawn.effects:
        rng = drawn.of("dead")
        dark, dim = (int(i) for i in rng.choice(np.arange(min(10, len(gains) // 2), len(gains)), 2, replace=False))
        gains[dark], gains[dim] = 0, 0.55 * gains[dim]
        bad = sorted((dark, dim))
    return gains, np.array(bad, int)


def _exposed(drawn: _Draws, light: np.ndarray, exposure: np.ndarray) -> tuple[np.ndarray, dict[str, float], np.ndarray]:
    """Frames as the camera gives them, what its owner knows of it, and its hot pixels (y, x)."""
    collected = light * exposure[:, None, None]
    if "camera" not in drawn.effects:
        return collected.astype(np.float32), {}, np.zeros((0, 0), bool)
    rng, shape = drawn.of("camera"), light.shape[1:]
    full = 1.02 * WELL / np.quantile(light[:5], 0.9995)  # the brightest spots of the bright field overflow a little
    uneven = 1 + UNEVEN * rng.standard_normal(shape)
    electrons = rng.poisson(full * collected * uneven) + rng.normal(0, READ_NOISE, light.shape)
    counts = electrons / PER_COUNT + PEDESTAL
    hot = rng.random(shape) < HOT
    hot[tuple(rng.integers(0, shape))] = True
    counts[:, hot] += exposure[:, None] * rng.uniform(100, 900, int(hot.sum()))
    return np.clip(np.round(counts), 0, HIGHEST).astype(np.uint16), {"pedestal": PEDESTAL}, hot

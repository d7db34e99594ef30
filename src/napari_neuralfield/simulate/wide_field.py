"""A wide field under a near LED board: every place has its own directions of light and its own pupil."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ..data.acquisition import LedArray
from ..optics.pupil_field import PupilField
from ..optics.wide_field import seen_from
from ..registry import simulator
from .led_optics import Optics, aberrated_pupil, led_frames, led_grid_na
from .phantoms import PHANTOMS, Phantom
from .recording import Truth, expose, recorded
from .spectra import seen

CURVED: Mapping[tuple[int, str], float] = MappingProxyType(
    {(4, "square"): 14.0, (6, "astigmatism"): 7.0, (5, "astigmatism"): 7.0, (8, "x"): 1.2, (7, "y"): 1.2}
)


def curved_field(axis_um: np.ndarray, coefficients: Mapping[tuple[int, str], float] = CURVED) -> PupilField:
    """Aberrations of third order: defocus and astigmatism grow with the square of the distance, coma with the distance.

    Parameters
    ----------
    axis_um : the axis (y, x), um.
    coefficients : (Noll index, law) -> rad per mm^2 or mm. Laws: `square` r^2, `astigmatism` r^2 cos 2t or sin 2t by
        the parity of the index, `y` and `x`.
    """
    laws = {"square": {3: 1.0, 5: 1.0}, "y": {1: 1.0}, "x": {2: 1.0}}
    astigmatism = ({3: -1.0, 5: 1.0}, {4: 2.0})  # x^2 - y^2, 2 x y
    table = np.zeros((len(coefficients), 6))
    for row, ((noll, law), value) in enumerate(coefficients.items()):
        places = astigmatism[noll % 2] if law == "astigmatism" else laws[law]
        table[row, list(places)] = value * np.array(list(places.values()))
    return PupilField(tuple(noll for noll, _ in coefficients), table).moved(-np.asarray(axis_um))


@simulator("wide-field")
def wide_field(
    seed: int = 0,
    *,
    tiles: int = 3,
    pixels: int = 64,
    border: int = 0,
    objective_na: float = 0.1,
    wavelength_um: float = 0.522,
    pixel_um: float = 1.6,
    led_height_mm: float = 25.0,
    pitch_mm: float = 1.2,
    led_limit_na: float = 0.24,
    axis_off_um: float = 60.0,
    aberrated: bool = True,
    electrons: float = 8000.0,
    phantom: Phantom = "cells",
) -> tuple[LedArray, Truth]:
    """Tiles of a wide field side by side, each imaged with the directions and the pupil of its middle.

    Directions that change over a tile are a sphere of phase on the sample, which its `object` is without.

    Parameters
    ----------
    seed : of everything random.
    tiles, pixels : along each side, and of a tile's frame per axis.
    border : frame pixels around a tile from which light comes too, so that it does not repeat.
    objective_na, wavelength_um, pixel_um : of objective and light, and of a frame at the sample.
    led_height_mm, pitch_mm, led_limit_na : of the board, which ends at that NA.
    axis_off_um : how far the optical axis lies from the middle of the field, rms along y and along x.
    aberrated : whether the pupil varies, as `CURVED` says.
    electrons : the well filled by intensity 1.
    phantom : the sample.

    Returns
    -------
    The acquisition, its directions those at the optical axis, which it does not tell, and its truth: `object` complex
    (y, x) on pixels of `pixel_um`, `places_um` of the tiles' middles (tile, 2), `optical_axis_um`, `led_height_mm`,
    `illumination_na` (tile, led, 2), and `pupil_field`, a table.
    """
    rng = np.random.default_rng(seed)
    na = led_grid_na(15, pitch_mm, led_height_mm, led_limit_na)
    synthetic = (objective_na + 1.15 * np.hypot(*na.T).max()) / wavelength_um
    upsampling = max(2, int(np.ceil(2 * synthetic * pixel_um)))
    optics = Optics(objective_na=objective_na, wavelength_um=wavelength_um, pixel_um=pixel_um)
    cutoff, side = objective_na / wavelength_um, pixels + 2 * border
    axis = (tiles * pixels - 1) / 2 * pixel_um + axis_off_um * rng.normal(size=2)
    aberrations = curved_field(axis)
    near = _near(side, upsampling, pixel_um, bend=np.pi / (wavelength_um * 1000 * led_height_mm))
    stack = np.zeros((len(na), tiles * pixels, tiles * pixels), np.float32)
    places, directions = [], []
    whole = np.zeros((tiles * pixels * upsampling,) * 2, np.complex64)
    for row, column in np.ndindex(tiles, tiles):
        box = [slice(k * pixels, (k + 1) * pixels) for k in (row, column)]
        place = np.array([(b.start + (pixels - 1) / 2) * pixel_um for b in box])
        here = seen_from(na, led_height_mm, place - axis)
        terms = dict(zip(aberrations.noll, aberrations.at(*place), strict=True)) if aberrated else {}
        cells = PHANTOMS[phantom]((side * upsampling, side * upsampling), rng)[0].sum(0)
        light = led_frames(
            ((1 + cells) * near - 1)[None], np.zeros(1), here, upsampling=upsampling,
            pupil=aberrated_pupil(terms, cutoff), **optics,
        )  # fmt: skip
        inner = slice(border, border + pixels)
        stack[:, box[0], box[1]] = expose(light[:, inner, inner], electrons, rng)
        fine = slice(border * upsampling, (border + pixels) * upsampling)
        tile = seen(1 + cells, pixel_um / upsampling, here / wavelength_um, cutoff)
        whole[tuple(slice(b.start * upsampling, b.stop * upsampling) for b in box)] = tile[fine, fine]
        places.append(place)
        directions.append(here)
    acquisition = recorded(LedArray, stack, "simulated wide field", illumination_na=na, **optics)
    truth = {
        "object": whole,
        "pixel_um": pixel_um / upsampling,
        "places_um": np.array(places),
        "optical_axis_um": axis,
        "led_height_mm": led_height_mm,
        "illumination_na": np.array(directions),
        "pupil_field": aberrations.table if aberrated else np.zeros((1, 2)),
    }
    return acquisition, truth


def _near(side: int, upsampling: int, pixel_um: float, *, bend: float) -> np.ndarray:
    """Factor of the spherical wave of near LEDs, `bend` rad/um^2, about the middle of `side` frame pixels."""
    axis = (np.arange(side * upsampling) / upsampling - (side - 1) / 2) * pixel_um
    return np.asarray(np.exp(1j * bend * (axis[:, None] ** 2 + axis**2)))

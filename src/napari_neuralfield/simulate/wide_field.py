"""A wide field under a near LED board: every place has its own directions of light and its own pupil."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from scipy.fft import fft2, ifft2

from ..data.acquisition import LedArray
from ..optics.pupil_field import PupilField
from ..optics.wide_field import seen_from
from ..registry import simulator
from .led_optics import Optics, Pupil, aberrated_pupil, led_grid_na
from .phantoms import PHANTOMS, Phantom
from .recording import Truth, expose, recorded
from .spectra import seen

BORDER = 32  # frame pixels around a place from which light comes too
RIM_NA = 0.02  # LEDs so near to the rim of the pupil show what lies far off
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
    """A sample under a near board: every place sees the LEDs in other directions, through another pupil.

    Parameters
    ----------
    seed : of everything random.
    tiles, pixels : places along each side, and frame pixels from one to the next.
    objective_na, wavelength_um, pixel_um : of objective and light, and of a frame at the sample.
    led_height_mm, pitch_mm, led_limit_na : of the board, which ends at that NA.
    axis_off_um : how far the optical axis lies from the middle of the field, rms along y and along x.
    aberrated : whether the pupil varies, as `CURVED` says.
    electrons : the well filled by intensity 1.
    phantom : the sample.

    Returns
    -------
    The acquisition, its directions those at the optical axis, which it does not tell, and its truth: `object` complex
    (y, x) on pixels of `pixel_um`, without the sphere of phase that near light adds, `places_um` (place, 2),
    `optical_axis_um`, `led_height_mm`, `illumination_na` (place, led, 2), and `pupil_field`, a table.
    """
    rng = np.random.default_rng(seed)
    na = led_grid_na(15, pitch_mm, led_height_mm, led_limit_na)
    synthetic = (objective_na + 1.15 * np.hypot(*na.T).max()) / wavelength_um
    upsampling = max(2, int(np.ceil(2 * synthetic * pixel_um)))
    optics = Optics(objective_na=objective_na, wavelength_um=wavelength_um, pixel_um=pixel_um)
    side = tiles * pixels
    axis = (side - 1) / 2 * pixel_um + axis_off_um * rng.normal(size=2)
    aberrations = curved_field(axis)
    sample = 1 + PHANTOMS[phantom]((side * upsampling,) * 2, rng)[0].sum(0)
    board = NearBoard(na, led_height_mm, axis, aberrations if aberrated else None)
    light = light_of_places(sample, board, tiles, upsampling=upsampling, optics=optics)
    stack = np.stack([expose(frame[None], electrons, rng)[0] for frame in light])
    places = np.array([board.place(k, pixels, pixel_um) for k in np.ndindex(tiles, tiles)])
    directions = np.array([seen_from(na, led_height_mm, place - axis) for place in places])
    acquisition = recorded(LedArray, stack, "simulated wide field", illumination_na=na, **optics)
    cutoff = objective_na / wavelength_um
    truth = {
        "object": seen(sample, pixel_um / upsampling, na / wavelength_um, cutoff).astype(np.complex64),
        "pixel_um": pixel_um / upsampling,
        "places_um": places,
        "optical_axis_um": axis,
        "led_height_mm": led_height_mm,
        "illumination_na": directions,
        "pupil_field": aberrations.table if aberrated else np.zeros((1, 2)),
    }
    return acquisition, truth


@dataclasses.dataclass(frozen=True, eq=False)
class NearBoard:
    """A near board of LEDs and the pupil over the field.

    Parameters
    ----------
    na : directions (led, 2) on the axis.
    height_mm : of the board.
    axis_um : where the axis crosses the field, (y, x).
    pupils : over the field; None: without aberrations.
    """

    na: np.ndarray
    height_mm: float
    axis_um: np.ndarray
    pupils: PupilField | None

    def place(self, which: tuple[int, ...], pixels: int, pixel_um: float) -> np.ndarray:
        """(y, x) of a place, um, of those that lie so many `pixels` apart."""
        return (np.array(which) * pixels + (pixels - 1) / 2) * pixel_um


def light_of_places(
    sample: np.ndarray, board: NearBoard, places: int, *, upsampling: int, optics: Optics
) -> np.ndarray:
    """Frames (led, y, x) of a field: exact at the places of a grid, and mixed by their distances in between.

    Directions that change with the place are a sphere of phase on the sample, the same for all LEDs. Through the sharp
    rim of the pupil an LED near it shows what lies far off, so each place has images of the whole field of those; of
    the others one of what lies around.

    Parameters
    ----------
    sample : its transmission (y, x) on fine pixels, square; it repeats.
    board : of LEDs, and the pupil.
    places : along each side.
    upsampling : fine pixels to a frame's, along each side.
    optics : of objective, light and frames.
    """
    side = len(sample) // upsampling
    pixels, cutoff = side // places, optics["objective_na"] / optics["wavelength_um"]
    far = np.abs(np.hypot(*board.na.T) - optics["objective_na"]) < RIM_NA
    if side <= 2 * (pixels + BORDER):
        far[:] = True
    frames = np.zeros((len(board.na), side, side), np.float32)
    whole = (0, side), (0, side)
    spectrum = _lit(sample, whole, board, upsampling=upsampling, optics=optics)
    for which in itertools.product(range(-1, places + 1), repeat=2):  # the border lies between places, too
        place = board.place(which, pixels, optics["pixel_um"])
        terms = {} if board.pupils is None else dict(zip(board.pupils.noll, board.pupils.at(*place), strict=True))
        pupil = aberrated_pupil(terms, cutoff)
        change = (place - board.axis_um) / (1000 * board.height_mm)
        na = seen_from(board.na, board.height_mm, place - board.axis_um) - change  # the sphere has the rest
        (rows, share_y), (columns, share_x) = (_hat(k, pixels, places) for k in which)
        share, here = np.outer(share_y, share_x), np.s_[rows, columns]
        for led in np.flatnonzero(far):
            frames[led][here] += share * _image(spectrum, na[led], upsampling, pupil=pupil, optics=optics)[here]
        if far.all():
            continue
        around = [(part.start - BORDER, part.stop + BORDER) for part in (rows, columns)]
        near = _lit(sample, around, board, upsampling=upsampling, optics=optics)
        inner = np.s_[BORDER : BORDER + share.shape[0], BORDER : BORDER + share.shape[1]]
        for led in np.flatnonzero(~far):
            frames[led][here] += share * _image(near, na[led], upsampling, pupil=pupil, optics=optics)[inner]
    return frames


def _lit(
    sample: np.ndarray, ends: Sequence[tuple[int, int]], board: NearBoard, *, upsampling: int, optics: Optics
) -> np.ndarray:
    """Spectrum (y, x) of a piece of the sample in the light of the board.

    The piece lies from frame pixel to frame pixel, `ends` along y and x.
    """
    n, pixel = len(sample), optics["pixel_um"]
    bend = np.pi / (optics["wavelength_um"] * 1000 * board.height_mm)
    axes = [np.arange(low * upsampling, high * upsampling) for low, high in ends]
    away = [bend * (axis * pixel / upsampling - middle) ** 2 for axis, middle in zip(axes, board.axis_um, strict=True)]
    y, x = (np.exp(1j * phase) for phase in away)
    lit = (sample[np.ix_(*(axis % n for axis in axes))] * y[:, None] * x).astype(np.complex64)
    return np.asarray(fft2(lit, norm="forward"))


def _image(spectrum: np.ndarray, na: np.ndarray, upsampling: int, *, pupil: Pupil | None, optics: Optics) -> np.ndarray:
    """Intensity (y, x) on frame pixels of a piece with a `spectrum` from `_lit`, in light from the direction `na`."""
    cutoff = optics["objective_na"] / optics["wavelength_um"]
    shape = [n // upsampling for n in spectrum.shape]
    places, frequencies = [], []
    for n, direction in zip(shape, na / optics["wavelength_um"], strict=True):
        size = n * optics["pixel_um"]
        half = int(np.ceil(cutoff * size)) + 1
        bins = np.arange(-half, half + 1) - round(float(direction * size))
        places.append(bins)
        frequencies.append(bins / size + direction)
    fy, fx = np.broadcast_arrays(frequencies[0][:, None], frequencies[1])
    inside = fy**2 + fx**2 <= cutoff**2
    passed = spectrum[np.ix_(*(bins % n for n, bins in zip(spectrum.shape, places, strict=True)))] * inside
    if pupil is not None:
        passed[inside] *= pupil(fy[inside], fx[inside])
    image = np.zeros(shape, np.complex64)
    image[np.ix_(*(bins % n for n, bins in zip(shape, places, strict=True)))] = passed
    return np.abs(ifft2(image, norm="forward")) ** 2


def _hat(which: int, pixels: int, places: int) -> tuple[slice, np.ndarray]:
    """Pixels along an axis that a place has a share of, and its share: 1 at the place, 0 at the next."""
    middle = which * pixels + (pixels - 1) / 2
    share = np.maximum(1 - np.abs(np.arange(places * pixels) - middle) / pixels, 0)
    held = np.flatnonzero(share)
    part = slice(int(held[0]), int(held[-1]) + 1)
    return part, share[part]

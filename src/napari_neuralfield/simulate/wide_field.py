"""A wide field under a near LED board: every place has its own directions of light and its own pupil."""

from __future__ import annotations

import dataclasses
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

UM_PER_MM = 1000.0
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

    The wave of a near LED is a sphere. Through the sharp rim of the pupil an LED near it shows what lies far off, so of
    those each place has an image of the whole field; of the others one of what lies around, in directions of the place.

    Parameters
    ----------
    sample : its transmission (y, x) on fine pixels, square; it repeats.
    board : of LEDs, and the pupil.
    places : along each side.
    upsampling : fine pixels to a frame's, along each side.
    optics : of objective, light and frames.
    """
    side = len(sample) // upsampling
    pixels = side // places
    far = np.abs(np.hypot(*board.na.T) - optics["objective_na"]) < RIM_NA
    if side <= 2 * (pixels + BORDER):
        far[:] = True
    frames = np.zeros((len(board.na), side, side), np.float32)
    line = range(-1, places + 1)  # the border lies between places, too
    shown = [_Place(board, (row, column), pixels, places, optics=optics) for row in line for column in line]
    for led in np.flatnonzero(far):
        spectrum = _lit(sample, ((0, side), (0, side)), board, board.na[led], upsampling=upsampling, optics=optics)
        for here in shown:
            image = _image(spectrum, board.na[led], upsampling, pupil=here.pupil, optics=optics)
            frames[led][here.box] += here.share * image[here.box]
    for here in shown if not far.all() else []:
        around = [(part.start - BORDER, part.stop + BORDER) for part in here.box]
        spectrum = _lit(sample, around, board, None, upsampling=upsampling, optics=optics)
        inner = np.s_[BORDER : BORDER + here.share.shape[0], BORDER : BORDER + here.share.shape[1]]
        for led in np.flatnonzero(~far):
            image = _image(spectrum, here.na[led], upsampling, pupil=here.pupil, optics=optics)
            frames[led][here.box] += here.share * image[inner]
    return frames


class _Place:
    """One of the places of a grid: its pupil, its directions in the common sphere, and the pixels it has a share of."""

    def __init__(self, board: NearBoard, which: tuple[int, int], pixels: int, places: int, *, optics: Optics) -> None:
        place = board.place(which, pixels, optics["pixel_um"])
        terms = {} if board.pupils is None else dict(zip(board.pupils.noll, board.pupils.at(*place), strict=True))
        self.pupil = aberrated_pupil(terms, optics["objective_na"] / optics["wavelength_um"])
        away = place - board.axis_um
        self.na = seen_from(board.na, board.height_mm, away) - away / (UM_PER_MM * board.height_mm)
        (rows, share_y), (columns, share_x) = (_hat(k, pixels, places) for k in which)
        self.box, self.share = (rows, columns), np.outer(share_y, share_x)


def _lit(
    sample: np.ndarray,
    ends: Sequence[tuple[int, int]],
    board: NearBoard,
    na: np.ndarray | None,
    *,
    upsampling: int,
    optics: Optics,
) -> np.ndarray:
    """Spectrum (y, x) of a piece of the sample in the wave of an LED, but for its direction `na` on the axis.

    The piece lies from frame pixel to frame pixel, `ends` along y and x. Where `na` is None the wave is the parabola
    that all LEDs have in common.
    """
    axes = [np.arange(low * upsampling, high * upsampling) for low, high in ends]
    piece = sample[np.ix_(*(axis % len(sample) for axis in axes))]
    if np.isinf(board.height_mm):
        return np.asarray(fft2(piece.astype(np.complex64), norm="forward"))
    height = UM_PER_MM * board.height_mm
    pixel = optics["pixel_um"] / upsampling
    y, x = ((axis * pixel - middle) / height for axis, middle in zip(axes, board.axis_um, strict=True))
    y, x = y[:, None], x[None]
    if na is None:
        path = (y**2 + x**2) / 2
    else:
        q = -na / np.sqrt(1 - (na**2).sum())
        path = np.sqrt(1 + (q[0] - y) ** 2 + (q[1] - x) ** 2) - np.sqrt(1 + (q**2).sum()) - na[0] * y - na[1] * x
    lit = piece * np.exp((2j * np.pi * height / optics["wavelength_um"]) * path)
    return np.asarray(fft2(lit.astype(np.complex64), norm="forward"))


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

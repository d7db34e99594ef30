"""A field over which the pupil changes, as one that is seen through the pupil of its middle.

About the direction u of an LED the phase of a pupil is W(u + f) = W(u) + slope f + rest. The slope only moves the LED's
image. The rest is, for defocus and astigmatism, the same whatever u: a blur of the sample itself. So frames that are
moved back, place by place, are those of a sample that is a little blurred, through one pupil.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import map_coordinates, zoom

from ...data.acquisition import LedArray
from ...optics.grids import at_frequencies, centred_spectrum, frequencies, image_of
from ...optics.pupil import zernike
from ...optics.pupil_field import PupilField

NODES = 17  # along each side, where the pupil is asked for
STEP = 1e-3  # of the pupil's radius, over which a slope is taken
BLURS = (4, 5, 6)  # Noll: defocus and astigmatism
OPTICS = ("illumination_na", "objective_na", "wavelength_um", "pixel_um", "led_height_mm")


def moves(some: LedArray) -> np.ndarray:
    """How far a rad of each Zernike term moves the image of each LED of `some`, along y and x (led, 2, term), um."""
    cutoff = some.objective_na / some.wavelength_um
    u = np.asarray(some.illumination_na) / some.wavelength_um
    rim = (1 - 2 * STEP) * cutoff  # light of LEDs beyond passes here
    u = u * np.minimum(1, rim / np.maximum(np.hypot(*u.T), 1e-12))[:, None]
    steps = STEP * cutoff * np.eye(2)
    slopes = [[_values(n, u + s, cutoff) - _values(n, u - s, cutoff) for s in steps] for n in _field(some).noll]
    return np.asarray(np.array(slopes).transpose(2, 1, 0) / (2 * STEP * cutoff) / (2 * np.pi))


def moved_back(whole: LedArray) -> np.ndarray:
    """The frames (led, y, x) of a `whole` field as the pupil of its middle would show them, float32."""
    field, shape = _field(whole), whole.frame_shape
    y, x = (np.linspace(0, (n - 1) * whole.pixel_um, NODES) for n in shape)
    change, per_rad = field.at(y[:, None], x) - pupil_of_middle(whole), moves(whole)
    out = np.empty((whole.frame_count, *shape), np.float32)
    for led in range(whole.frame_count):
        by = np.moveaxis(change @ per_rad[led].T, -1, 0) / whole.pixel_um
        there = np.stack([zoom(part, [n / NODES for n in shape], order=1) for part in by])
        frame = np.asarray(whole.frames[led], np.float32)
        out[led] = map_coordinates(frame, np.indices(shape) - there, order=3, mode="nearest")
    return out


def pupil_of_middle(some: LedArray) -> np.ndarray:
    """Zernike coefficients (term,), rad, of the middle of the frames of `some`, whose file tells its pupil field."""
    return _field(some).at(*((np.array(some.frame_shape) - 1) / 2 * some.pixel_um))


def sharpened(image: np.ndarray, part: LedArray, change: np.ndarray, pixel_um: float) -> np.ndarray:
    """A piece of a sample without the blur that is another than the middle's.

    Parameters
    ----------
    image : complex (y, x).
    part : of the frames there, for its Zernike terms.
    change : of their coefficients against those of the middle of the field (term,), rad.
    pixel_um : of `image`.
    """
    cutoff = part.objective_na / part.wavelength_um
    y, x = (torch.from_numpy(frequencies(n, pixel_um)) for n in image.shape)
    y, x = torch.meshgrid(y, x, indexing="ij")
    nothing, blur = torch.zeros(1, dtype=y.dtype), torch.zeros_like(y)
    for noll, by in zip(_field(part).noll, change.tolist(), strict=True):
        if noll in BLURS:
            blur += by * (zernike(noll, y, x, cutoff) - zernike(noll, nothing, nothing, cutoff))
    spectrum = centred_spectrum(torch.from_numpy(image)) * torch.exp(-1j * blur)
    return np.asarray(image_of(spectrum).numpy())


def beyond(part: LedArray, shape: tuple[int, int], first_px: tuple[int, int]) -> LedArray:
    """The optics of a `part` on empty frames of a larger `shape` (y, x), where it begins at `first_px` (y, x)."""
    moved = np.array(first_px) * part.pixel_um
    known = {n: getattr(part, n) for n in OPTICS}
    for name in ("directions_at_um", "optical_axis_um"):
        if (place := getattr(part, name)) is not None:
            known[name] = np.asarray(place) + moved
    known["pupil_field"] = _field(part).moved(-moved).table
    known["pupil"] = at_frequencies(np.asarray(part.pupil), part.pixel_um, shape).astype(np.complex64)
    return LedArray(frames=np.broadcast_to(np.float32(0), (part.frame_count, *shape)), **known)


def through_middle(part: LedArray, change: np.ndarray) -> LedArray:
    """A `part` with the pupil of the middle of the field, from whose coefficients its own differ by `change` (rad)."""
    field = PupilField(_field(part).noll, change[:, None])
    own = field.pupil((0.0, 0.0), part.frame_shape, part.pixel_um, part.objective_na / part.wavelength_um)
    return part.replace(pupil=np.asarray(part.pupil) * own.conj())


def _field(some: LedArray) -> PupilField:
    return PupilField.of_table(np.asarray(some.pupil_field))


def _values(noll: int, u: np.ndarray, cutoff: float) -> np.ndarray:
    y, x = torch.from_numpy(u.T.copy())
    return zernike(noll, y, x, cutoff).numpy()

"""A field over which the pupil changes, as one that is seen through the pupil of its middle.

About the direction u of an LED the phase of a pupil is W(u + f) = W(u) + slope f + rest. The slope only moves the LED's
image. The rest is, for defocus and astigmatism, the same whatever u: a blur of the sample itself. So frames that are
moved back, place by place, are those of a sample that is a little blurred, through one pupil.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.ndimage import map_coordinates, zoom

from ...data.acquisition import LedArray
from ...optics.grids import centred_spectrum, frequencies, image_of
from ...optics.pupil import zernike
from ...optics.pupil_field import PupilField

NODES = 17  # along each side, where the pupil is asked for
STEP = 1e-3  # of the pupil's radius, over which a slope is taken
BLURS = (4, 5, 6)  # Noll: defocus and astigmatism


@dataclasses.dataclass(frozen=True, eq=False)
class OnePupil:
    """How far the frames of LEDs are moved, against what the pupil of the middle would do.

    Parameters
    ----------
    change : of each Zernike coefficient on a grid of nodes over the field (node, node, term), rad.
    slope : of each Zernike polynomial at each LED's direction, along y and x (led, 2, term), um.
    shape_px, pixel_um : of the frames, (y, x) and um.
    """

    change: np.ndarray
    slope: np.ndarray
    shape_px: tuple[int, int]
    pixel_um: float

    @classmethod
    def of(cls, whole: LedArray) -> OnePupil | None:
        """Of the frames of a `whole` field; None where its file does not say that the pupil changes."""
        if whole.pupil_field is None:
            return None
        field = PupilField.of_table(np.asarray(whole.pupil_field))
        ends = (np.array(whole.frame_shape) - 1) * whole.pixel_um
        y, x = (np.linspace(0, end, NODES) for end in ends)
        change = field.at(y[:, None], x) - field.at(*ends / 2)
        cutoff = whole.objective_na / whole.wavelength_um
        u = np.asarray(whole.illumination_na) / whole.wavelength_um
        u = u * np.minimum(1, (1 - 2 * STEP) * cutoff / np.maximum(np.hypot(*u.T), 1e-12))[:, None]  # light passes here
        steps = STEP * cutoff * np.eye(2)
        slope = [
            [(_values(noll, u + s, cutoff) - _values(noll, u - s, cutoff)) / (2 * STEP * cutoff) for s in steps]
            for noll in field.noll
        ]
        per_led = np.array(slope).transpose(2, 1, 0) / (2 * np.pi)
        return cls(change, per_led, whole.frame_shape, whole.pixel_um)

    def moved_back(self, frames: Iterator[np.ndarray] | Sequence[np.ndarray]) -> np.ndarray:
        """The `frames` (led, y, x) as the pupil of the middle would show them, float32."""
        return np.stack([self._at(frame, led, -1.0) for led, frame in enumerate(frames)])

    def moved(self, image: np.ndarray, led: int) -> np.ndarray:
        """An `image` (y, x) that the pupil of the middle gives of an `led`, where the changing pupil shows it."""
        return self._at(image, led, 1.0)

    def _at(self, image: np.ndarray, led: int, sign: float) -> np.ndarray:
        by = np.moveaxis(self.change @ self.slope[led].T, -1, 0) / self.pixel_um
        y, x = (zoom(part, [n / NODES for n in self.shape_px], order=1) for part in by)
        place = np.indices(self.shape_px, dtype=np.float32) + sign * np.stack([y, x]).astype(np.float32)
        return np.asarray(map_coordinates(image.astype(np.float32), place, order=3, mode="nearest"))


def pupil_of_middle(acquisition: LedArray) -> np.ndarray:
    """Zernike coefficients (term,) of the middle of the frames of an `acquisition` whose file tells its pupil field."""
    field = PupilField.of_table(np.asarray(acquisition.pupil_field))
    return field.at(*((np.array(acquisition.frame_shape) - 1) / 2 * acquisition.pixel_um))


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
    for noll, by in zip(np.asarray(part.pupil_field)[:, 0].astype(int).tolist(), change.tolist(), strict=True):
        if noll in BLURS:
            blur += by * (zernike(noll, y, x, cutoff) - zernike(noll, nothing, nothing, cutoff))
    spectrum = centred_spectrum(torch.from_numpy(image)) * torch.exp(-1j * blur)
    return np.asarray(image_of(spectrum).numpy())


def _values(noll: int, u: np.ndarray, cutoff: float) -> np.ndarray:
    y, x = torch.from_numpy(u.T.copy())
    return zernike(noll, y, x, cutoff).numpy()

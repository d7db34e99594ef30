"""What reaches the camera's pixels in a microscope that nobody idealised, one plain sum of intensities per LED.

An LED is a small square that emits a band of wavelengths; every point of it and every wavelength makes an image of its
own, and their intensities add.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import erfc

from .led_optics import aberrated_pupil
from .spectra import frequency_grid

Transmission = Callable[[float], np.ndarray]  # of a thin sample (y, x) at a wavelength, um


@dataclasses.dataclass(frozen=True)
class RealPupil:
    """A pupil whose rim may be soft and elliptic, behind a sample that may be out of focus.

    Parameters
    ----------
    objective_na, wavelength_um : nominal; the coefficients hold at that wavelength.
    softness : rms width of the rim, in units of the aperture's radius; 0 is hard.
    fall : of the amplitude from the middle to the rim, as the fourth power of the radius.
    ellipticity : one axis is longer, the other shorter by that share.
    axis_rad : direction of the shorter axis, +x towards +y.
    zernike_rad : Noll index -> coefficient of the unit-variance polynomial, rad.
    z_um : the sample's distance from focus.
    """

    objective_na: float
    wavelength_um: float
    softness: float = 0.0
    fall: float = 0.0
    ellipticity: float = 0.0
    axis_rad: float = 0.0
    zernike_rad: Mapping[int, float] = dataclasses.field(default_factory=dict)
    z_um: float = 0.0

    @property
    def reach(self) -> float:
        """Radius beyond which nothing passes, in units of the nominal aperture's."""
        return (1 + 4 * self.softness) / (1 - abs(self.ellipticity))

    def at(self, fy: np.ndarray, fx: np.ndarray, wavelength_um: float) -> np.ndarray:
        """Complex transmission at pupil frequencies `fy`, `fx`, cycles/um, for light of `wavelength_um`."""
        cutoff, c, s = self.objective_na / wavelength_um, math.cos(self.axis_rad), math.sin(self.axis_rad)
        along, across = (c * fx + s * fy) / cutoff, (c * fy - s * fx) / cutoff
        radius = np.hypot(along * (1 + self.ellipticity), across * (1 - self.ellipticity))
        passed = (radius <= 1).astype(complex)
        if self.softness:
            passed = 0.5 * erfc((radius - 1) / (math.sqrt(2) * self.softness)) * (1 - self.fall * radius**4) + 0j
        path = self.wavelength_um / wavelength_um  # an optical path is a smaller phase for longer waves
        aberrated = aberrated_pupil({noll: path * value for noll, value in self.zernike_rad.items()}, cutoff)
        if aberrated is not None:
            passed *= aberrated(fy, fx)
        axial = np.sqrt(1 / wavelength_um**2 - fy**2 - fx**2) - 1 / wavelength_um
        return passed * np.exp(2j * np.pi * self.z_um * axial)


@dataclasses.dataclass(frozen=True)
class Lamp:
    """What one LED emits: the sum of the shares of all points and wavelengths is 1.

    points_mm : on the board, from the LED's middle (point, 2). waves : wavelength, um, and share of each.
    """

    points_mm: np.ndarray
    waves: tuple[tuple[float, float], ...]


def lamp(wavelength_um: float, width_mm: float = 0.0, bandwidth_um: float = 0.0) -> Lamp:
    """An LED as few points and wavelengths: Gauss' quadrature of a square and of a normal distribution.

    Parameters
    ----------
    wavelength_um : middle of the band.
    width_mm : side of the emitting square.
    bandwidth_um : full width of the band at half its maximum.
    """
    half = width_mm / 2 / math.sqrt(3)
    points = np.array([(y, x) for y in (-half, half) for x in (-half, half)]) if half else np.zeros((1, 2))
    away = math.sqrt(3) * bandwidth_um / math.sqrt(8 * math.log(2))
    shares = ((-away, 1 / 6), (0.0, 2 / 3), (away, 1 / 6)) if away else ((0.0, 1.0),)
    return Lamp(points, tuple((wavelength_um + shift, share) for shift, share in shares))


def directions(places_mm: np.ndarray) -> np.ndarray:
    """Direction cosines (led, 2) of the light from LEDs at (y, x, distance below the sample), (led, 3)."""
    found: np.ndarray = -places_mm[:, :2] / np.linalg.norm(places_mm, axis=1, keepdims=True)
    return found


def camera_frames(
    transmission: Transmission,
    places_mm: np.ndarray,
    light: Lamp,
    pupil: RealPupil,
    *,
    pixel_um: float,
    upsampling: int,
    border: int = 0,
    integrates: bool = True,
) -> np.ndarray:
    """Noise-free intensity (led, y, x) on the camera's pixels, 1 where there is no sample.

    Parameters
    ----------
    transmission : of the sample, on fine pixels that repeat at their borders.
    places_mm : of the LEDs (led, 3).
    light, pupil : of each LED, and of the objective.
    pixel_um, upsampling : of a frame, and fine pixels in it per axis; the first fine pixel has the centre of a frame's.
    border : frame pixels of the sample on each side that the camera does not see.
    integrates : whether a pixel collects the light that falls on all of it, or that of its centre.
    """
    spectra = [np.fft.fft2(transmission(wave)) for wave, _ in light.waves]
    fine = spectra[0].shape[0]
    pixels = fine // upsampling
    window = _Window(2 * pixels, fine, pixels * pixel_um, pupil)  # twice the camera's pixels: they hold the intensity
    fy, fx = frequency_grid((2 * pixels, 2 * pixels), pixel_um / 2)
    collected = np.sinc(fy * pixel_um) * np.sinc(fx * pixel_um)
    inside = slice(2 * border, 2 * (pixels - border), 2)
    frames = []
    for place in places_mm:
        seen = np.zeros((2 * pixels, 2 * pixels))
        for na in directions(place + np.pad(light.points_mm, ((0, 0), (0, 1)))):
            for spectrum, (wave, share) in zip(spectra, light.waves, strict=True):
                seen += share / len(light.points_mm) * np.abs(window.image(spectrum, na, wave)) ** 2
        if integrates:
            seen = np.fft.ifft2(np.fft.fft2(seen) * collected).real
        frames.append(seen[inside, inside])
    return np.array(frames)


class _Window:
    """The part of a sample's spectrum that an objective passes, as an image on fewer pixels.

    Parameters
    ----------
    pixels, fine : of the image and of the sample, per axis.
    size_um : of both.
    pupil : of the objective.
    """

    def __init__(self, pixels: int, fine: int, size_um: float, pupil: RealPupil) -> None:
        self.pixels, self.fine, self.size_um, self.pupil = pixels, fine, size_um, pupil
        self.bins = np.round(np.fft.fftfreq(pixels, 1 / pixels)).astype(int)

    def image(self, spectrum: np.ndarray, na: np.ndarray, wavelength_um: float) -> np.ndarray:
        """Field (y, x) for light of direction `na` (2,); its whole bins move the `spectrum`, the rest the pupil.

        The pupil sees at frequency f the sample's frequency f - na / wavelength.
        """
        whole = np.round(na / wavelength_um * self.size_um).astype(int)
        rest = na / wavelength_um - whole / self.size_um
        fy, fx = self.bins[:, None] / self.size_um + rest[0], self.bins[None, :] / self.size_um + rest[1]
        reach = self.pupil.reach * self.pupil.objective_na / wavelength_um
        y, x = np.nonzero(fy**2 + fx**2 <= reach**2)
        passed = self.pupil.at(fy[y, 0], fx[0, x], wavelength_um)
        inside = np.zeros((self.pixels, self.pixels), complex)
        inside[y, x] = passed * spectrum[(self.bins[y] - whole[0]) % self.fine, (self.bins[x] - whole[1]) % self.fine]
        field: np.ndarray = np.fft.ifft2(inside) * (self.pixels / self.fine) ** 2
        return field

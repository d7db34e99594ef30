"""The physics of virtual LED microscopes: one plain sum per LED on the full fine grid.

It is written apart from `forward`, so that one can be checked against the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypedDict

import numpy as np

from .spectra import filtered, frequency_grid

Pupil = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of frequencies (fy, fx), cycles/um


class Optics(TypedDict):
    """NA of the objective, wavelength of the light, and pixel of a frame at the sample."""

    objective_na: float
    wavelength_um: float
    pixel_um: float


def led_grid_na(count: int, pitch_mm: float, height_mm: float, limit_na: float) -> np.ndarray:
    """Direction cosines (led, 2) of a square LED board below the sample, inside `limit_na`, the centre first.

    Parameters
    ----------
    count : LEDs along a side.
    pitch_mm, height_mm : distance between neighbours, and from the board to the sample.
    """
    ticks = (np.arange(count) - count // 2) * pitch_mm
    y, x = (a.ravel() for a in np.meshgrid(ticks, ticks, indexing="ij"))
    na = np.stack([y, x], 1) / np.sqrt(y**2 + x**2 + height_mm**2)[:, None]
    radius = np.hypot(na[:, 0], na[:, 1])
    na = na[np.argsort(radius, kind="stable")]
    return na[np.sort(radius) <= limit_na]


def led_fields(
    layers: np.ndarray,
    z_um: np.ndarray,
    na: np.ndarray,
    *,
    objective_na: float,
    wavelength_um: float,
    fine_um: float,
    pupil: Pupil | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each LED the image's field (y, x) on fine pixels, and the frequency (2,) that is left out of it.

    Each layer scatters once: field = 1 + sum of layers. The light's direction is exact: its whole bins roll the layers'
    spectra, the rest moves the pupil. The light itself is the field times exp(2 pi i rest . r).

    Parameters
    ----------
    layers, z_um : transmission minus 1 (layer, y, x) of thin layers, and their depths (layer,).
    na : directions of the light (led, 2).
    objective_na, wavelength_um : of objective and light.
    fine_um : pixel of the layers.
    pupil : the objective's, inside its aperture; 1 where None.
    """
    n_y, n_x = layers.shape[-2:]
    size = np.array([n_y, n_x]) * fine_um
    spectra = np.fft.fft2(layers)
    fy, fx = frequency_grid(layers.shape, fine_um)
    for direction in na / wavelength_um:
        whole = np.round(direction * size).astype(int)
        rest = direction - whole / size
        py, px = np.broadcast_arrays(fy + rest[0], fx + rest[1])
        inside = py**2 + px**2 <= (objective_na / wavelength_um) ** 2
        axial = np.sqrt(1 / wavelength_um**2 - py[inside] ** 2 - px[inside] ** 2) - axial_of(direction, wavelength_um)
        rolled = np.roll(spectra, whole, axis=(-2, -1))[:, inside]  # (layer, bin)
        passed = (rolled * np.exp(2j * np.pi * np.asarray(z_um)[:, None] * axial)).sum(0)
        direct = np.zeros((n_y, n_x))  # the undisturbed light lies in one bin of the rolled spectrum
        direct[whole[0] % n_y, whole[1] % n_x] = n_y * n_x
        passed += direct[inside]
        if pupil is not None:
            passed = passed * pupil(py[inside], px[inside])
        image = np.zeros((n_y, n_x), complex)
        image[inside] = passed
        yield np.fft.ifft2(image), rest


def led_frames(
    layers: np.ndarray,
    z_um: np.ndarray,
    na: np.ndarray,
    *,
    objective_na: float,
    wavelength_um: float,
    pixel_um: float,
    upsampling: int,
    pupil: Pupil | None = None,
) -> np.ndarray:
    """Noise-free intensity (led, y, x) of `led_fields`, one pixel in `upsampling` per axis.

    Parameters
    ----------
    layers, z_um, na, objective_na, wavelength_um, pupil : as there.
    pixel_um : of a frame, `upsampling` pixels of the layers.
    """
    fields = led_fields(
        layers, z_um, na, objective_na=objective_na, wavelength_um=wavelength_um, fine_um=pixel_um / upsampling,
        pupil=pupil,
    )  # fmt: skip
    return np.array([np.abs(field[::upsampling, ::upsampling]) ** 2 for field, _ in fields])


def coded_led_frames(
    layer: np.ndarray,
    surface: np.ndarray,
    na: np.ndarray,
    *,
    objective_na: float,
    wavelength_um: float,
    pixel_um: float,
    upsampling: int,
    distance_um: float,
    magnification: float = 1.0,
    border: int = 0,
    pupil: Pupil | None = None,
) -> np.ndarray:
    """Noise-free intensity (led, y, x) of a sensor behind a coded surface in the image plane.

    Parameters
    ----------
    layer, surface : transmission minus 1, and transmission, on fine pixels (y, x); both repeat at their borders.
    na : directions of the light (led, 2).
    objective_na, wavelength_um, pupil : as in `led_fields`.
    pixel_um : of a frame, `upsampling` fine pixels; the sensor averages over them.
    distance_um : from surface to sensor.
    magnification : of the camera: behind the surface a frequency f of the sample is f / magnification.
    border : fine pixels around the sensor from which light may come.
    """
    fine = pixel_um / upsampling
    fy, fx = frequency_grid(layer.shape, fine)
    rows, columns = ((n - 2 * border) // upsampling for n in layer.shape)
    frames = []
    for field, rest in led_fields(
        layer[None], np.zeros(1), na, objective_na=objective_na, wavelength_um=wavelength_um, fine_um=fine, pupil=pupil
    ):
        axial = 1 / wavelength_um**2 - ((fy + rest[0]) ** 2 + (fx + rest[1]) ** 2) / magnification**2
        kernel = np.where(axial > 0, np.exp(2j * np.pi * distance_um * np.sqrt(np.maximum(axial, 0))), 0)
        light = np.abs(filtered(field * surface, kernel)) ** 2
        light = light[border : border + rows * upsampling, border : border + columns * upsampling]
        frames.append(light.reshape(rows, upsampling, columns, upsampling).mean(axis=(1, 3)))
    return np.array(frames)


def axial_of(frequency: np.ndarray, wavelength_um: float) -> float:
    """Axial frequency of a wave of `wavelength_um` with lateral `frequency` (y, x), cycles/um."""
    return float(np.sqrt(max(1 / wavelength_um**2 - (frequency**2).sum(), 0)))


def aberrated_pupil(zernike_rad: Mapping[int, float], cutoff: float) -> Pupil | None:
    """exp(i sum of Zernike terms) at pupil frequencies (fy, fx), cycles/um; None without terms.

    Parameters
    ----------
    zernike_rad : Noll index -> coefficient of the unit-variance polynomial, rad.
    cutoff : NA / wavelength of the objective, cycles/um.
    """
    if not zernike_rad:
        return None
    import torch  # here: a sample without aberrations needs none, and it takes a second to import

    from ..optics.pupil import zernike

    def pupil(fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
        y, x = torch.from_numpy(np.array(fy)), torch.from_numpy(np.array(fx))
        phase = sum(value * zernike(noll, y, x, cutoff).numpy() for noll, value in zernike_rad.items())
        return np.exp(1j * phase)

    return pupil

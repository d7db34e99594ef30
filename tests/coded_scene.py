"""A small recording through a coded surface, noise-free, from the plain simulator."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_neuralfield.data.acquisition import Draft, LedArray
from napari_neuralfield.simulate.led_optics import aberrated_pupil, coded_led_frames

WAVELENGTH_UM, OBJECTIVE_NA, PIXEL_UM, SENSOR_UM, UPSAMPLING, TO_SENSOR_UM = 0.5, 0.2, 0.5, 2.0, 4, 160.0
FIVE_LEDS = np.array([[0.003, -0.004], [0.241, 0.011], [-0.237, 0.006], [0.008, 0.244], [0.012, -0.243]])


def coded_scene(
    shape: tuple[int, int] = (32, 28),
    na: np.ndarray = FIVE_LEDS,
    *,
    seed: int = 0,
    zernike_rad: dict[int, float] | None = None,
    gains: np.ndarray | None = None,
    **values: Any,
) -> tuple[LedArray, np.ndarray]:
    """Frames (led, y, x) of a thin sample through a random surface, and its transmission on fine pixels.

    The outer apertures share a quarter of their area with the middle one and less with each other.
    """
    rng = np.random.default_rng(seed)
    fine = PIXEL_UM / UPSAMPLING
    rows, columns = (n * UPSAMPLING for n in shape)
    f = np.hypot(np.fft.fftfreq(rows, fine)[:, None], np.fft.fftfreq(columns, fine)[None, :])
    noise = np.fft.fft2(rng.standard_normal((rows, columns)) + 1j * rng.standard_normal((rows, columns)))
    smooth = np.fft.ifft2(noise * (f < 0.9) / (f + 0.1))
    sample = 0.6 * smooth / np.abs(smooth).max()
    surface = np.exp(1.2j * np.fft.ifft2(noise[::-1] * (f < 1.5)).real) * rng.uniform(0.8, 1.0, (rows, columns))
    frames = coded_led_frames(
        sample, surface, na, objective_na=OBJECTIVE_NA, wavelength_um=WAVELENGTH_UM, pixel_um=PIXEL_UM,
        upsampling=UPSAMPLING, distance_um=TO_SENSOR_UM, magnification=SENSOR_UM / PIXEL_UM,
        pupil=aberrated_pupil(zernike_rad or {}, OBJECTIVE_NA / WAVELENGTH_UM),
    )  # fmt: skip
    if gains is not None:
        frames = frames * gains[:, None, None]
    given = {
        "wavelength_um": WAVELENGTH_UM, "objective_na": OBJECTIVE_NA, "pixel_um": PIXEL_UM, "illumination_na": na,
        "coded_surface": surface, "surface_to_sensor_um": TO_SENSOR_UM, "sensor_pixel_um": SENSOR_UM, **values,
    }  # fmt: skip
    acquisition = Draft("led_array", frames, given, "coded.acq.h5").complete()
    assert isinstance(acquisition, LedArray)
    return acquisition, 1 + sample

"""Spatially coded Fourier ptychography with known truth: an LED microscope with a coded surface in its image plane."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ..data.acquisition import LedArray
from ..registry import simulator
from .led_optics import Optics, aberrated_pupil, coded_led_frames, led_grid_na
from .phantoms import PHANTOMS, Phantom
from .recording import Truth, expose, recorded, zernike_truth
from .scan_optics import part, speckle
from .spectra import low_pass, seen


@simulator("coded-fpm")
def coded_fpm(
    seed: int = 0,
    *,
    pixels: int = 64,
    upsampling: int = 4,
    objective_na: float = 0.1,
    wavelength_um: float = 0.529,
    pixel_um: float = 0.8625,
    sensor_pixel_um: float = 3.45,
    surface_to_sensor_um: float = 400.0,
    led_pitch_mm: float = 13.5,
    led_limit_na: float = 0.22,
    electrons: float = 50000.0,
    phantom: Phantom = "cells",
    border: int = 0,
    surface_known: bool = True,
    jitter_na: float = 0.0,
    zernike_rad: Mapping[int, float] = MappingProxyType({}),
) -> tuple[LedArray, Truth]:
    """Few LEDs, whose apertures hardly overlap, and a coded surface in front of the camera that ties them together.

    Parameters
    ----------
    seed : of everything random.
    pixels : of a frame, per axis.
    upsampling : fine pixels per frame pixel and axis, of surface and truth.
    objective_na, wavelength_um, pixel_um : of objective and light, and of a frame at the sample.
    surface_to_sensor_um : in the space of the camera, which sees the sample sensor_pixel_um / pixel_um larger.
    led_pitch_mm, led_limit_na : of a square board 90 mm below the sample, and where it ends.
    electrons : of a pixel at intensity 1.
    phantom : the sample.
    border : fine pixels around the frame from which light may come; with 0 everything repeats at the borders.
    surface_known : whether the acquisition says it.
    jitter_na : rms of each LED's deviation from the acquisition's direction, along y and along x.
    zernike_rad : Noll index -> coefficient of the unit-variance polynomial, rad.

    Returns
    -------
    The acquisition, and its truth: `object` complex (y, x) on pixels of `pixel_um` from `origin_um` on, without the
    frequencies that no LED shows, `seen` (y, x), `coded_surface` (y, x), `illumination_na` (led, 2), `zernike_noll`,
    `zernike_rad` (term,).
    """
    rng = np.random.default_rng(seed)
    fine, window = pixel_um / upsampling, (pixels * upsampling, pixels * upsampling)
    room = (window[0] + 2 * border, window[1] + 2 * border)
    sample = low_pass(PHANTOMS[phantom](room, rng)[0].sum(0), 1.0, 0.4)
    surface = speckle(room, rng, grain=1.0, phase_rad=1.2, contrast=0.15)
    nominal = led_grid_na(9, led_pitch_mm, 90.0, led_limit_na)
    na = nominal + rng.normal(0, jitter_na, nominal.shape)
    cutoff = objective_na / wavelength_um
    optics = Optics(objective_na=objective_na, wavelength_um=wavelength_um, pixel_um=pixel_um)
    intensity = coded_led_frames(
        sample, surface, na, upsampling=upsampling, distance_um=surface_to_sensor_um, border=border,
        magnification=sensor_pixel_um / pixel_um, pupil=aberrated_pupil(zernike_rad, cutoff), **optics,
    )  # fmt: skip
    corner = np.array([border, border])
    surface = part(surface, corner, window).astype(np.complex64)
    acquisition = recorded(
        LedArray,
        expose(intensity, electrons, rng),
        "simulated spatially coded Fourier ptychography",
        illumination_na=nominal,
        coded_surface=surface if surface_known else None,
        surface_to_sensor_um=surface_to_sensor_um,
        sensor_pixel_um=sensor_pixel_um,
        **optics,
    )
    return acquisition, {
        "object": part(seen(1 + sample, fine, na / wavelength_um, cutoff), corner, window).astype(np.complex64),
        "pixel_um": fine,
        "origin_um": np.zeros(2),
        "seen": np.ones(window, bool),
        "coded_surface": surface,
        "illumination_na": na,
        **zernike_truth(zernike_rad),
    }

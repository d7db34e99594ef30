"""Virtual ptychographic microscopes with known truth: far field, near field, and lensless coded.

Every truth lies on the object array on which the acquisition is reconstructed: `object` complex (y, x), whose pixel
(0, 0) is at `origin_um` (y, x), with pixels of `pixel_um`; `seen` (y, x) is True where there was enough light to judge;
`positions_um` (frame, 2) are where the frames really were taken.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..data.acquisition import CodedPtychography, Ptychography
from ..registry import simulator
from .phantoms import PHANTOMS, Phantom
from .recording import Truth, expose, recorded
from .scan_optics import far_field_frames, focused_probe, free_space, near_frames, part, raster, speckle, spiral
from .spectra import low_pass

MARGIN = 4  # pixels of the object array around the outermost windows: forward.scan's


@simulator(  # the lens's central stop is not known
    "far-field-raster", path="raster", phantom="cells", overlap=0.5, spot=40.0, probe_error=0.0, probe_stop=0.0
)
@simulator("far-field")
def far_field(
    seed: int = 0,
    *,
    pixels: int = 96,
    frames: int = 100,
    path: Literal["spiral", "raster"] = "spiral",
    overlap: float = 0.7,
    spot: float = 50.0,
    stop: float = 0.3,
    modes: int = 1,
    counts: float = 1e6,
    phantom: Phantom = "star",
    position_error_px: float = 0.0,
    probe: Literal["none", "rough", "true"] = "rough",
    probe_error: float = -0.1,
    probe_stop: float | None = None,
    wavelength_um: float = 1.5e-4,
    distance_um: float = 2e6,
    detector_pixel_um: float = 55.0,
) -> tuple[Ptychography, Truth]:
    """X-rays through a zone plate, a sample moved across the spot, and a detector far away.

    Parameters
    ----------
    seed : of everything random.
    pixels : of a frame and of the probe, per axis.
    frames, path : how many, and the way that the sample takes.
    overlap : of neighbouring spots: 1 - step / spot.
    spot, stop, modes : of the true probe, see `scan_optics.focused_probe`.
    counts : of a frame without sample, and the probe's energy.
    phantom : the sample.
    position_error_px : the acquisition's positions are wrong by up to that much per axis.
    probe : what the acquisition says of the probe; the rough one has one mode and a spot of another size.
    probe_error : of the rough probe's spot, relative.
    probe_stop : the rough probe's `stop`; the true one where None.
    wavelength_um, distance_um, detector_pixel_um : of the light, from sample to detector, and of the detector.

    Returns
    -------
    The acquisition, and its truth, with `probe` (mode, y, x).
    """
    rng = np.random.default_rng(seed)
    pixel = wavelength_um * distance_um / (pixels * detector_pixel_um)
    points = {"spiral": spiral, "raster": raster}[path](frames, (1 - overlap) * spot)
    if path == "spiral":
        points = points + rng.uniform(0, 1, 2)
    world, corners = _world(points, (pixels, pixels), pixels, phantom, rng)
    beam = counts**0.5 * focused_probe(pixels, spot, modes=modes, stop=stop)
    rough = focused_probe(pixels, (1 + probe_error) * spot, stop=stop if probe_stop is None else probe_stop)
    guess = {"none": None, "true": beam, "rough": counts**0.5 * rough}[probe]
    nominal = corners + rng.uniform(-1, 1, corners.shape) * position_error_px
    acquisition = recorded(
        Ptychography,
        rng.poisson(far_field_frames(world, beam, corners)).astype(np.float32),
        f"simulated far-field {path} scan",
        geometry="far_field",
        wavelength_um=wavelength_um,
        detector_pixel_um=detector_pixel_um,
        distance_um=distance_um,
        object_pixel_um=pixel,
        positions_um=nominal * pixel,
        probe=None if guess is None else guess.astype(np.complex64),
    )
    light = (np.abs(beam) ** 2).sum(0)
    return acquisition, _truth(world, corners, nominal, light, pixel) | {"probe": beam.astype(np.complex64)}


@simulator("near-field")
def near_field(
    seed: int = 0,
    *,
    pixels: int = 128,
    frames: int = 24,
    spread: float = 14.0,
    counts: float = 2000.0,
    phantom: Phantom = "cells",
    magnification: float = 1.0,
    distance_um: float = 1500.0,
    wavelength_um: float = 1e-4,
    object_pixel_um: float = 0.1,
    border: int = 48,
    position_error_px: float = 0.0,
    probe: Literal["none", "true"] = "none",
) -> tuple[Ptychography, Truth]:
    """A sample moved in structured light (X-rays behind a diffuser), and a detector shortly behind.

    Parameters
    ----------
    seed : of everything random.
    pixels, frames : of a frame per axis, and how many.
    spread : the sample's largest displacement along each axis, pixels.
    counts : of a detector pixel without sample, on average.
    phantom : the sample.
    magnification : of the cone beam; 1 is a parallel one.
    distance_um : from sample to detector *as a parallel beam sees it*; the acquisition's is `magnification` larger.
    wavelength_um, object_pixel_um : of the light, and of a frame at the sample.
    border : pixels around the window from which light may come; frames do not repeat at their borders.
    position_error_px, probe : as in `far_field`.

    Returns
    -------
    The acquisition, and its truth, with `probe` (mode, y, x) and the acquisition's true `distance_um`.
    """
    rng = np.random.default_rng(seed)
    window = (pixels, pixels)
    world, corners = _world(rng.uniform(-spread, spread, (frames, 2)), window, border, phantom, rng)
    large = speckle((pixels + 2 * border, pixels + 2 * border), rng, grain=2.5, phase_rad=1.2, contrast=0.2)
    beam = part(large, np.array([border, border]), window)
    large = large * (counts / (np.abs(beam) ** 2).mean()) ** 0.5
    beam = part(large, np.array([border, border]), window)[None].astype(np.complex64)
    intensity = near_frames(
        world, large, corners, pixel_um=object_pixel_um, distance_um=distance_um, wavelength_um=wavelength_um,
        border=border,
    )  # fmt: skip
    nominal = corners + rng.uniform(-1, 1, corners.shape) * position_error_px
    acquisition = recorded(
        Ptychography,
        rng.poisson(intensity).astype(np.float32),
        "simulated near-field scan",
        geometry="near_field",
        wavelength_um=wavelength_um,
        detector_pixel_um=object_pixel_um * magnification,
        distance_um=distance_um * magnification,
        object_pixel_um=object_pixel_um,
        positions_um=nominal * object_pixel_um,
        probe=beam if probe == "true" else None,
    )
    truth = _truth(world, corners, nominal, np.ones(window), object_pixel_um)
    return acquisition, truth | {"probe": beam, "distance_um": distance_um * magnification}


@simulator("coded-surface-unknown", surface_known=False, phantom="smear", frames=100)
@simulator("coded-wrong-positions", position_error_px=3.0)
@simulator("coded")
def coded(
    seed: int = 0,
    *,
    pixels: int = 64,
    upsampling: int = 4,
    frames: int = 40,
    spread: float = 22.0,
    photons: float = 2000.0,
    phantom: Phantom = "cells",
    periodic: bool = True,
    border: int = 256,
    surface_known: bool = True,
    positions_known: bool = True,
    position_error_px: float = 0.0,
    distance_error: float = 0.0,
    wavelength_error: float = 0.0,
    gain_spread: float = 0.0,
    background: float = 0.0,
    wavelength_um: float = 0.405,
    sensor_pixel_um: float = 1.85,
    object_to_surface_um: float = 400.0,
    surface_to_sensor_um: float = 838.0,
) -> tuple[CodedPtychography, Truth]:
    """A lensless microscope: a coded surface on a sensor, a sample moved above it.

    Parameters
    ----------
    seed : of everything random.
    pixels, upsampling, frames : of the sensor per axis, fine pixels in each, and how many frames.
    spread : largest displacement along each axis, fine pixels.
    photons : of a sensor pixel at intensity 1.
    phantom : the sample.
    periodic, border : the fields repeat at the frame's borders, as on the bench's; else the world goes on around the
        frame and `border` fine pixels of it send light into it. (Light spreads by up to 0.4 distances here, so such
        frames want a `surface_to_sensor_um` well below their width.)
    surface_known, positions_known : whether the acquisition says them.
    position_error_px : the acquisition's positions are wrong by up to that much per axis, fine pixels.
    distance_error, wavelength_error : relative; the acquisition's surface_to_sensor_um and wavelength_um are that much
        too large.
    gain_spread : largest relative deviation of a frame's brightness.
    background : largest extra light of a frame, of intensity 1.
    wavelength_um, sensor_pixel_um, object_to_surface_um, surface_to_sensor_um : the true ones.

    Returns
    -------
    The acquisition, and its truth, with `coded_surface` (y, x), `gains` and `background` (frame,), `wavelength_um`,
    `object_to_surface_um`, `surface_to_sensor_um`.
    """
    rng = np.random.default_rng(seed)
    fine, window = sensor_pixel_um / upsampling, (pixels * upsampling, pixels * upsampling)
    around = 0 if periodic else border
    shifts = rng.uniform(-spread, spread, (frames, 2))
    if periodic:
        world, corners = 1 + PHANTOMS[phantom](window, rng)[0].sum(0), -shifts
        world = low_pass(world, 1.0, 0.4)
    else:
        world, corners = _world(-shifts, window, border, phantom, rng)
    surface = speckle((window[0] + 2 * around, window[1] + 2 * around), rng, grain=1.0, phase_rad=1.2, contrast=0.15)
    gains = 1 + gain_spread * rng.uniform(-1, 1, frames)
    extra = background * rng.uniform(0, 1, frames)
    intensity = near_frames(
        free_space(world, fine, object_to_surface_um, wavelength_um), surface, corners, pixel_um=fine,
        distance_um=surface_to_sensor_um, wavelength_um=wavelength_um, border=around, binning=upsampling,
    )  # fmt: skip
    intensity = gains[:, None, None] * intensity + extra[:, None, None]
    nominal = corners + rng.uniform(-1, 1, corners.shape) * position_error_px
    surface = part(surface, np.array([around, around]), window).astype(np.complex64)
    acquisition = recorded(
        CodedPtychography,
        expose(intensity, photons, rng),
        "simulated coded ptychography",
        wavelength_um=wavelength_um * (1 + wavelength_error),
        sensor_pixel_um=sensor_pixel_um,
        upsampling=upsampling,
        object_to_surface_um=object_to_surface_um,
        surface_to_sensor_um=surface_to_sensor_um * (1 + distance_error),
        positions_um=-nominal * fine if positions_known else None,
        coded_surface=surface if surface_known else None,
    )
    truth = _truth(world, corners, nominal, np.ones(window), fine)
    if periodic:
        truth |= {"object": world.astype(np.complex64), "origin_um": np.zeros(2), "seen": np.ones(window, bool)}
    return acquisition, truth | {
        "positions_um": -corners * fine,
        "coded_surface": surface,
        "gains": gains,
        "background": extra,
        "wavelength_um": wavelength_um,
        "object_to_surface_um": object_to_surface_um,
        "surface_to_sensor_um": surface_to_sensor_um,
    }


def _world(
    points: np.ndarray, window: tuple[int, int], border: int, phantom: Phantom, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A sample (y, x) that holds all windows and `border` pixels around them, and their corners (frame, 2) in it."""
    room = border + 2 * MARGIN
    corners = points - np.floor(points.min(0)) + room
    reach = np.ceil(corners.max(0)).astype(int) + room
    world = 1 + PHANTOMS[phantom]((int(window[0] + reach[0]), int(window[1] + reach[1])), rng)[0].sum(0)
    return low_pass(world, 1.0, 0.4), corners


def _truth(world: np.ndarray, corners: np.ndarray, nominal: np.ndarray, light: np.ndarray, pixel_um: float) -> Truth:
    """The part of `world` on the object array that the `nominal` corners make, and where the scan lit it."""
    reported = nominal * pixel_um / pixel_um  # rounded as a reader's division rounds it
    low = np.floor(reported.min(0)) - MARGIN
    reach = np.ceil(reported.max(0)) - low + MARGIN
    shape = (int(light.shape[0] + reach[0]), int(light.shape[1] + reach[1]))
    lit = np.zeros(shape)
    for y, x in np.clip(np.round(corners - low).astype(int), 0, reach.astype(int)):
        lit[y : y + light.shape[0], x : x + light.shape[1]] += light
    return {
        "object": part(world, low, shape).astype(np.complex64),
        "pixel_um": pixel_um,
        "origin_um": low * pixel_um,
        "seen": lit > 0.3 * lit.max(),
        "positions_um": corners * pixel_um,
    }

"""Virtual LED boards with known truth: a tilted slide, and a microscope that is not what its file says.

The physics is in `led_optics`, written plainly and apart from the fast forward models, so that one can be checked
against the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ..data.acquisition import LedArray
from ..optics.board import BoardPose
from ..registry import simulator
from .led_optics import Optics, aberrated_pupil, led_frames, led_grid_na
from .phantoms import PHANTOMS, Phantom, cell_phantom
from .recording import Truth, expose, recorded, zernike_truth
from .spectra import low_pass, seen


@simulator("tilted-slide")
def tilted_slide(
    seed: int = 0,
    *,
    pixels: int = 128,
    objective_na: float = 0.25,
    wavelength_um: float = 0.522,
    pixel_um: float = 0.345,
    led_limit_na: float = 0.236,
    tilt_um: float = 12.0,
    electrons: float = 8000.0,
) -> tuple[LedArray, Truth]:
    """Cells on a slide tilted through z = -tilt_um..tilt_um, seen by an LED array.

    Parameters
    ----------
    seed : of everything random.
    pixels : of a frame, per axis; the truth has twice as many.
    objective_na, wavelength_um, pixel_um : of objective and light, and of a frame at the sample.
    led_limit_na : the board, of pitch 4 mm at 74 mm, ends there.
    electrons : the well filled by intensity 1.

    Returns
    -------
    The acquisition, and its truth: `object` complex (y, x) on pixels of `pixel_um`, as if all cells were in focus,
    `cell_masks` (cell, y, x), `cell_z_um` (cell,).
    """
    rng = np.random.default_rng(seed)
    fine = 2 * pixels
    cells, masks = cell_phantom((fine, fine), rng)
    middle = np.array([np.argwhere(m).mean(0) for m in masks]) / fine - 0.5
    turn = rng.uniform(0, 2 * np.pi)
    along = middle @ np.array([np.sin(turn), np.cos(turn)])
    z = along / np.abs(along).max() * tilt_um
    na = led_grid_na(15, 4.0, 74.0, led_limit_na)
    optics = Optics(objective_na=objective_na, wavelength_um=wavelength_um, pixel_um=pixel_um)
    frames = expose(led_frames(cells, z, na, upsampling=2, **optics), electrons, rng)
    synthetic = (objective_na + np.hypot(na[:, 0], na[:, 1]).max()) / wavelength_um
    acquisition = recorded(LedArray, frames, "simulated tilted slide", illumination_na=na, **optics)
    truth = {
        "object": low_pass(1 + cells.sum(0), pixel_um / 2, synthetic).astype(np.complex64),
        "cell_masks": masks,
        "cell_z_um": z,
        "pixel_um": pixel_um / 2,
    }
    return acquisition, truth


@simulator("miscalibrated-texture", phantom="texture")
@simulator("miscalibrated-board")
def miscalibrated_board(
    seed: int = 0,
    *,
    pixels: int = 128,
    objective_na: float = 0.25,
    wavelength_um: float = 0.522,
    pixel_um: float = 0.345,
    upsampling: int = 2,
    led_height_mm: float = 74.0,
    led_limit_na: float = 0.324,
    pose: BoardPose = BoardPose(np.deg2rad(-2.0), (0.003, -0.004)),  # noqa: B008 - frozen
    jitter_na: float = 0.0015,
    gain_spread: float = 0.15,
    zernike_rad: Mapping[int, float] = MappingProxyType({5: -0.24, 6: 0.28, 7: -0.11, 8: -0.22}),
    z_um: float = -2.5,
    ambient: float = 0.002,
    electrons: float = 8000.0,
    read_noise: float = 3.0,
    phantom: Phantom = "cells",
    blocked: Sequence[int] = (),
    saturated: Sequence[int] = (),
    noise: Sequence[int] = (),
) -> tuple[LedArray, Truth]:
    """A flat sample under a microscope that is not what its file says: frames with nominal directions, and the truth.

    Parameters
    ----------
    seed : of everything random.
    pixels : of a frame, per axis.
    objective_na, wavelength_um, pixel_um : of objective and light, and of a frame at the sample.
    upsampling : pixels of the truth per frame pixel and axis; they must hold what the steepest LED shows.
    led_height_mm : of the nominal board, whose pitch is 4 mm.
    led_limit_na : the board ends there, in nominal directions; beyond `objective_na` it is dark field.
    pose : of the board, against the nominal one.
    jitter_na : rms of each LED's own deviation, NA along y and along x.
    gain_spread : largest relative deviation of an LED's brightness.
    zernike_rad : Noll index -> coefficient of the unit-variance polynomial, rad.
    z_um : the sample's distance from focus; the file does not give it.
    ambient : light that every frame holds besides its LED's, as a share of the brightest.
    electrons, read_noise : electrons of intensity 1, and rms electrons of the camera.
    phantom : the sample.
    blocked, saturated, noise : frames without their LED's light, overexposed, or with random pixels.

    Returns
    -------
    The acquisition, and its truth: `object` complex (y, x) on pixels of `pixel_um`, without the frequencies that no LED
    shows, `cell_masks` (cell, y, x), `cell_z_um` (cell,), `illumination_na` (led, 2), `gains` (led,), `zernike_noll`,
    `zernike_rad` (term,), `background` in the frames' unit, `bad_frames` (frame,), `turn_rad`, `shift` (2,) and
    `scale` of the board.
    """
    rng = np.random.default_rng(seed)
    cells, masks = PHANTOMS[phantom]((upsampling * pixels, upsampling * pixels), rng)
    sample = cells.sum(0)
    nominal = led_grid_na(15, 4.0, led_height_mm, led_limit_na)
    na = pose.place(nominal) + rng.normal(0, jitter_na, nominal.shape)
    gains = 1 + gain_spread * rng.uniform(-1, 1, len(na))
    gains /= gains.mean()
    optics = Optics(objective_na=objective_na, wavelength_um=wavelength_um, pixel_um=pixel_um)
    cutoff = objective_na / wavelength_um
    intensity = led_frames(
        sample[None], np.array([z_um]), na, upsampling=upsampling, pupil=aberrated_pupil(zernike_rad, cutoff), **optics
    )
    intensity *= gains[:, None, None]
    intensity[list(blocked)] = 0
    frames = expose(intensity + ambient, electrons, rng, read_noise)
    spoil(frames, rng, saturated, noise)
    acquisition = recorded(
        LedArray,
        frames,
        "simulated miscalibrated board",
        illumination_na=nominal,
        led_height_mm=led_height_mm,
        **optics,
    )
    truth = {
        "object": seen(1 + sample, pixel_um / upsampling, na / wavelength_um, cutoff).astype(np.complex64),
        "cell_masks": masks,
        "cell_z_um": np.full(len(masks), z_um),
        "pixel_um": pixel_um / upsampling,
        "illumination_na": na,
        "gains": gains,
        **zernike_truth(zernike_rad),
        "background": ambient,
        "bad_frames": np.array(sorted({*blocked, *saturated, *noise}), int),
        "turn_rad": pose.turn_rad,
        "shift": np.array(pose.shift),
        "scale": pose.scale,
    }
    return acquisition, truth


def spoil(frames: np.ndarray, rng: np.random.Generator, saturated: Sequence[int], noise: Sequence[int]) -> None:
    """Make some of `frames` (frame, y, x) useless, in place.

    Parameters
    ----------
    rng : what the order of pixels is drawn from.
    saturated : indices of frames in which all above the median is at full well, twice the usual brightest.
    noise : indices of frames whose pixels come in random order.
    """
    well = np.float32(2 * np.quantile(frames, 0.999))
    for i in saturated:
        frames[i] = np.minimum(frames[i] * (well / max(np.median(frames[i]), 1e-6)), well)
    for i in noise:
        frames[i] = rng.permutation(frames[i].ravel()).reshape(frames[i].shape)

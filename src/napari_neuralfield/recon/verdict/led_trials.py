"""What other readings of the microscope would make of a small part of the frames: short runs, LEDs held out."""

from __future__ import annotations

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...forward import fourier
from ...forward.led_grid import flat_spectra
from ...optics.board import BoardPose
from ...optics.illumination import ORIENTATIONS, orient
from ...types import InputError
from ..calibration.apply import central
from ..projection.solver import Solver, no_aberration
from .led_frames import LedMisfits, compare, middle

CROP = 64  # frame pixels along a side
MOST_LEDS = 80
STEPS = (1.0, 1.0, 0.5, 0.25, 0.125)
EVERY = 6  # LED is held out
RIM = 0.04  # of the NA on either side
LOWEST = 0.01  # misfit below which no reading is better
TURN_DEG, SHIFT, SCALE, DEPTH = 4.0, 0.08, 0.05, 1.0  # of trials: degrees, NA of the objective, share, depths of field
RIM_KNOWN = 0.05  # share of the NA: an aperture looked for so far out was found with the picture
SIZE = 0.08  # share, of trials of the pixel and the aperture


def small_part(acquisition: LedArray) -> LedArray:
    """The middle of the frames, of the MOST_LEDS LEDs nearest to the axis.

    LEDs at the rim of the NA, whose direct light a hard aperture passes or not, would rule a short run.
    """
    part = central(acquisition, CROP)
    radius = np.hypot(*np.asarray(part.illumination_na).T) / part.objective_na
    order = np.argsort(radius, kind="stable")
    order = order[np.abs(radius[order] - 1) > RIM]
    return part.subset(np.sort(order[:MOST_LEDS]))


def trial(acquisition: LedArray, margin: float, z_um: float, hold: bool = False) -> tuple[float, float]:
    """A short run: misfit of the LEDs that it used, and of those held out (0 where none were).

    Parameters
    ----------
    acquisition : from `small_part`, with a reading of the microscope.
    margin : share by which its aperture is wider than the nominal NA.
    z_um : depth of the sample.
    hold : leave every sixth LED out and predict it.
    """
    part = middle(acquisition, margin, CROP)
    plan, device = part.plan, torch.device("cpu")
    measured = fourier.measure(acquisition, plan)
    solver = Solver(plan, measured, np.array([z_um]), flat_spectra(plan, 1, device), no_aberration(plan, device))
    held = np.zeros(len(solver.order), bool)
    if hold:
        held[solver.order[3::EVERY]] = True
        solver.order = solver.order[~held[solver.order]]
    solver.run(STEPS)
    shown = torch.stack([solver.image(led)[0].abs() ** 2 for led in range(len(held))])
    found = compare(part, shown)
    return _misfit(found, ~held), _misfit(found, held) if hold else 0.0


def best_pupil(part: LedArray, margin: float, z_um: float) -> tuple[LedArray, float]:
    """The part with its pupil, or without where that serves a short run better, and the misfit of that run.

    A pupil that was found bin by bin on large frames may be too fine for the few bins of a small part.

    Parameters
    ----------
    part : from `small_part`. margin : share by which its aperture is wider. z_um : depth of the sample.
    """
    tried = [(part, trial(part, margin, z_um)[0])]
    if part.pupil is not None:
        clear = part.replace(pupil=None)
        tried.append((clear, trial(clear, margin, z_um)[0]))
    return min(tried, key=lambda pair: pair[1])


def _misfit(found: LedMisfits, leds: np.ndarray) -> float:
    """Mean over `leds` (led,), bool, of the share of a frame's structure that is not explained, at most 2 each."""
    excess = np.maximum(found.residual - found.noise, 0)[leds]
    signal = np.maximum(found.structure - found.noise, 0.1 * found.structure)[leds]
    return float(np.minimum(excess / np.maximum(signal, 1e-12), 2.0).mean()) if leds.any() else 0.0


def other_readings(part: LedArray, margin: float, z_um: float, own: float) -> dict[str, float]:
    """Misfit of a short run with the microscope read otherwise over `own`, that with the reading given, by name.

    Parameters
    ----------
    part : from `small_part`. margin : share by which its aperture is wider. z_um : depth of the sample.
    """
    na, floor = np.asarray(part.illumination_na), max(own, LOWEST)

    def misfit(one: LedArray, z: float) -> float:
        try:
            return trial(one, margin, z)[0]
        except InputError:  # the pixels are too coarse for such a reading
            return 2.0

    def best(*readings: tuple[LedArray, float]) -> float:
        return min(misfit(one, z) for one, z in readings) / floor

    def placed(*poses: BoardPose) -> float:
        return best(*((part.replace(illumination_na=pose.place(na)), z_um) for pose in poses))

    turn, shift, depth = np.deg2rad(TURN_DEG), SHIFT * part.objective_na, part.wavelength_um / part.objective_na**2
    factors = (1 + SIZE, 1 / (1 + SIZE))
    mounted = (part.replace(illumination_na=orient(na, matrix)) for _, matrix in ORIENTATIONS[2:])
    readings = {
        "if_turned": placed(BoardPose(turn_rad=turn), BoardPose(turn_rad=-turn)),
        "if_shifted": placed(*(BoardPose(shift=(y, x)) for y, x in ((shift, 0), (-shift, 0), (0, shift), (0, -shift)))),
        "if_resized": placed(BoardPose(scale=1 + SCALE), BoardPose(scale=1 - SCALE)),
        "if_moved_in_depth": best((part, z_um + DEPTH * depth), (part, z_um - DEPTH * depth)),
        "if_pixel_differs": best(*((part.replace(pixel_um=part.pixel_um * f), z_um) for f in factors)),
        "if_mounted_otherwise": best(*((one, z_um) for one in mounted)),
    }
    if margin < RIM_KNOWN:
        apertures = (part.replace(objective_na=part.objective_na * f) for f in factors)
        readings["if_aperture_differs"] = best(*((one, z_um) for one in apertures))
    return readings

"""Whether a microscope that was found explains frames it was not fitted to better than the one the file describes.

Some LEDs are withheld, of bright and of dark field. All others are reconstructed with each microscope, each free to
find pupil and gains as a reconstruction does afterwards; then the withheld frames are predicted.
"""

from __future__ import annotations

import copy

import numpy as np

from .quality import ring_edges, spread
from .solver import Calibrator
from .trial_microscope import TrialMicroscope

PASSES = (1.0, 1.0, 0.4)  # of each reconstruction
TRIAL_PASSES = (1.0, 1.0)  # of a short one, after a first without gains
EVERY = 5  # a trial withholds one LED of so many
RIM = 0.06  # of the NA: an LED so close to the pupil's rim tells little, for no hard rim is its pupil's


def withheld(na: np.ndarray, objective_na: float, usable: np.ndarray) -> np.ndarray:
    """Numbers of a tenth of the LEDs, of every ring of illumination NA, none at the pupil's rim (k,).

    Parameters
    ----------
    na, objective_na : directions (led, 2), and the NA that parts bright from dark field.
    usable : LEDs whose frames agree with the others (led,) bool.
    """
    radius = np.hypot(*na.T)
    good = np.flatnonzero(usable & (np.abs(radius / objective_na - 1) > RIM))
    if len(good) < 2:
        return good[:0]
    ring = np.digitize(radius[good], ring_edges(na[good], objective_na))
    return good[spread(na[good], ring, 0)]


def errors(calibrator: Calibrator, microscope: TrialMicroscope, held: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Relative squared amplitude error of each frame that is predicted (k,), each at its best brightness.

    Parameters
    ----------
    calibrator : the frames, and their noise; left as it is.
    microscope : to predict with.
    held : numbers of the frames to predict (k,).
    usable : LEDs whose frames take part (led,) bool.
    """
    trial = copy.copy(calibrator)
    trial.pupil_pixels = None
    trial.believe(microscope)
    solver = trial.solver()
    taking_part = np.setdiff1d(np.flatnonzero(usable), held)
    solver.order = solver.order[np.isin(solver.order, taking_part)]
    solver.run(PASSES[:1])
    solver.run(PASSES[1:], recover_pupil=True, recover_gain=True)
    trial.pupil_pixels, trial.spectrum = solver.aberration, solver.spectra[0]
    trial.microscope = microscope.changed(gain=trial.best_gains(held, solver.gain.double().numpy() ** 2))
    return trial.misfits(held) / trial.energies()[held]


def trial_error(calibrator: Calibrator, leds: np.ndarray) -> float:
    """Mean logarithm of the amplitude error of some of `leds` (n,), predicted by a short reconstruction of the others.

    What is not withheld cannot decide: the farther apart LEDs are taken to be, the less their frames contradict each
    other. `calibrator` begins with an empty object and keeps what was found.
    """
    held = leds[EVERY - 1 :: EVERY]
    held = held[calibrator.used[held]]
    others = np.setdiff1d(leds, held)
    gains = calibrator.recipe.learn_gains
    calibrator.sweep((1.0,), others)
    calibrator.sweep(TRIAL_PASSES, others, recover_gain=gains)
    m = calibrator.microscope
    if gains:
        calibrator.microscope = m.changed(gain=calibrator.best_gains(held, m.gain))
    relative = calibrator.misfits(held) / calibrator.energies()[held]
    return float(np.log(np.maximum(relative, 1e-12)).mean()) / 2

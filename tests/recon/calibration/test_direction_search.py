"""Single LEDs are found with the object known, and stay on their side of the objective's NA."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scene import OBJECTIVE_NA, WAVELENGTH_UM, board, scene

from napari_neuralfield.forward import fourier
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum
from napari_neuralfield.recon.calibration.direction_search import search_directions
from napari_neuralfield.recon.calibration.trial_microscope import Belief, TrialMicroscope
from napari_neuralfield.simulate.simulators import aberrated_pupil

NA = np.vstack([board(5), [[0.22, 0.06], [-0.05, -0.23], [0.2, -0.1]]])
SIDE = np.where(np.hypot(*NA.T) <= OBJECTIVE_NA, 1.0, -1.0)
Z_UM, TERMS = 3.0, {5: 0.3}
GAINS = np.random.default_rng(2).uniform(0.8, 1.2, len(NA))
BIN_NA = WAVELENGTH_UM / (48 * 0.4)


@pytest.fixture(scope="module")
def slide():
    pupil = aberrated_pupil(TERMS, OBJECTIVE_NA / WAVELENGTH_UM)
    return scene((48, 48), Z_UM, NA, gains=GAINS, pupil=pupil)


def search(
    slide, start: np.ndarray, leds: np.ndarray | None = None, *, times: int = 1, noise: np.ndarray | None = None,
    stride: int = 1, **options,
) -> np.ndarray:  # fmt: skip
    """Directions found from `start` (led, 2) with the true object and gains that are 3 % too high."""
    acquisition, sample = slide
    leds = np.arange(len(NA)) if leds is None else leds
    acquisition = acquisition.subset(leds)
    ones = np.ones(len(leds))
    noise = 1e-5 * ones if noise is None else noise
    given = {"board": start, "spread": 4e-3, "side": SIDE[leds], "reach_bins": 0.4, "rounds": 6, **options}
    for _ in range(times):
        microscope = TrialMicroscope(
            na=start, gain=1.03 * GAINS[leds], floor=0 * ones, noll=tuple(TERMS),
            coefficients=np.array(list(TERMS.values())), z_um=Z_UM, wavelength_um=WAVELENGTH_UM,
        )  # fmt: skip
        plan = microscope.plan(acquisition)
        measured = fourier.measure(acquisition, plan)
        exact = fit_spectrum(centred_spectrum(torch.from_numpy(sample)), plan.spectrum_shape) / measured.scale**0.5
        belief = Belief(
            microscope=microscope, plan=plan, spectrum=exact.to(torch.complex64), counts=measured.amplitude**2,
            noise=noise, stride=stride,
        )  # fmt: skip
        start = search_directions(belief, **given)
    return start


@pytest.mark.parametrize("stride", [1, 2])
def test_jittered_leds_are_found(slide, stride: int) -> None:
    """Off by 3e-3 along each axis, a tenth of a bin."""
    off = np.random.default_rng(0).normal(0, 3e-3, NA.shape)
    found = search(slide, NA + off, times=3, stride=stride)
    error = np.hypot(*(found - NA).T)
    assert np.sqrt((error**2).mean()) < 1e-3  # measured 6e-4, from 4.2e-3
    assert np.median(error) < 6e-4  # measured 3e-4; small steps of the misfit stop some LEDs early


def test_true_directions_are_left_in_peace(slide) -> None:
    assert np.abs(search(slide, NA) - NA).max() < 4e-4  # measured 2.3e-4


def test_the_search_stays_in_its_reach(slide) -> None:
    """Steps of 0.4, 0.2 and 0.1 bins are 0.7 at most."""
    away = NA + np.array([0.03, 0.0])
    moved = np.hypot(*(search(slide, away, rounds=3, spread=1.0) - away).T)
    assert moved.max() > 0.5 * BIN_NA
    assert moved.max() <= 0.7001 * BIN_NA


def test_frames_that_say_nothing_leave_it_to_the_board(slide) -> None:
    away = NA + np.array([3e-3, -2e-3])
    found = search(slide, away, board=NA, noise=np.full(len(NA), 1e9), side=np.zeros(len(NA)))
    assert np.abs(found - NA).max() < 0.02 * BIN_NA


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_an_led_stays_on_the_side_of_its_brightness(slide, side: float) -> None:
    """A start on either side of the NA: 1 lets it end inside, -1 outside, up to some 1e-4."""
    leds = np.array([22, 25, 26, 27])
    start = NA[leds] / np.hypot(*NA[leds].T)[:, None] * (OBJECTIVE_NA - side * 2e-3)
    options = {"side": np.full(4, side), "noise": np.full(4, 1e-3)}
    found = search(slide, start, leds, **options)
    assert (side * (np.hypot(*found.T) - OBJECTIVE_NA)).max() < 1e-3
    free = search(slide, start, leds, **{**options, "side": np.zeros(4)})
    assert (side * (np.hypot(*free.T) - OBJECTIVE_NA)).max() > 1e-3

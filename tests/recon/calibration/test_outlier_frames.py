"""Frames that disagree are told from frames that are merely dark, and why."""

from __future__ import annotations

import numpy as np
import torch

from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.recon.calibration.outlier_frames import UNLIKE, around, find_outlier_frames, reason, stand_out
from napari_neuralfield.recon.calibration.trial_microscope import TrialMicroscope

NA = np.stack([np.linspace(0, 0.35, 60), np.zeros(60)], axis=1)
OBJECTIVE_NA = 0.2


def errors(seed: int = 0) -> np.ndarray:
    """Usual ones: dark frames have larger errors, growing with the angle, 20 % up and down."""
    radius = np.hypot(*NA.T)
    usual = np.where(radius < OBJECTIVE_NA, 0.01 + 0.02 * radius, 0.08 + 0.1 * radius)
    return usual * np.exp(np.random.default_rng(seed).normal(0, 0.2, len(NA)))


def test_no_frame_stands_out_among_usual_ones() -> None:
    assert not any(stand_out(errors(seed), NA, OBJECTIVE_NA).any() for seed in range(20))


def test_frames_far_above_their_neighbours_stand_out_bright_or_dark() -> None:
    """A bright frame as bad as usual dark ones is among them."""
    bad = errors()
    bad[[5, 20, 50]] = 0.09, 0.1, 1.2
    assert np.flatnonzero(stand_out(bad, NA, OBJECTIVE_NA)).tolist() == [5, 20, 50]


def test_equal_errors_need_a_factor_of_two() -> None:
    """Where nothing scatters, the robust deviation is zero and says nothing."""
    even = np.full(60, 0.01)
    even[[7, 8]] = 0.019, 0.021
    assert np.flatnonzero(stand_out(even, NA, OBJECTIVE_NA)).tolist() == [8]


def test_the_neighbours_are_those_of_the_same_field_and_not_oneself() -> None:
    values = np.where(np.hypot(*NA.T) <= OBJECTIVE_NA, 1.0, 5.0)
    values[10] = 100.0
    assert np.array_equal(around(values, NA, OBJECTIVE_NA), np.where(np.hypot(*NA.T) <= OBJECTIVE_NA, 1.0, 5.0))
    alone = around(np.array([3.0, 1.0, 1.0]), np.array([[0.3, 0], [0, 0], [0, 0.1]]), OBJECTIVE_NA)
    assert alone.tolist() == [3, 1, 1]


def test_reasons_end_a_sentence() -> None:
    frame = np.random.default_rng(0).uniform(0, 1, (20, 20))
    full = np.minimum(frame, np.quantile(frame, 0.75))
    saturated = reason(full, 0.3, 0.01, 1.4, 0.99, UNLIKE)  # even where the rest of it is as it should be
    assert saturated.startswith("is saturated (25 % of its pixels hold its highest value, 0.7")
    blocked = reason(0 * frame, 0.9, 0.01, 0.0123, 0.0, UNLIKE)
    assert blocked == "has 1.2 % of its neighbours' light (its LED is blocked or has failed)"
    other = reason(frame, 0.31, 0.0123, 0.9, 0.1, UNLIKE)
    assert other == "shows another picture than all other frames predict (error 0.31, its neighbours 0.012)"


def test_a_frame_that_shows_what_it_should_is_no_suspect() -> None:
    """It stands out among neighbours that fit even better; or it is dim, which its gain tells."""
    frame = np.random.default_rng(0).uniform(0, 1, (20, 20))
    assert reason(frame, 0.02, 0.008, 1.0, UNLIKE, UNLIKE) == ""
    assert reason(frame, 0.02, 0.008, 0.05, 0.95, UNLIKE) == ""
    assert "blocked" not in reason(frame, 0.3, 0.01, 0.21, 0.0, UNLIKE)


def test_suspects_are_found_by_error_and_judged_by_correlation() -> None:
    """Of three frames that stand out, one resembles what it should be and one lies at the soft rim of the pupil."""
    picture = torch.rand((60, 16, 16), generator=torch.Generator().manual_seed(0)) + 0.2
    counts = picture.clone()
    at_rim = int(np.argmin(np.abs(NA[:, 0] - OBJECTIVE_NA)))
    noise = torch.rand((16, 16), generator=torch.Generator().manual_seed(1))
    counts[4] = noise + 0.2
    counts[at_rim] = counts[at_rim] + noise
    values = {"wavelength_um": 0.5, "objective_na": OBJECTIVE_NA, "pixel_um": 0.4, "illumination_na": NA}
    acquisition = Draft("led_array", counts.numpy(), values).complete()
    ones = np.ones(60)
    microscope = TrialMicroscope(
        na=NA, gain=ones, floor=0 * ones, noll=(), coefficients=np.zeros(0), z_um=0.0, wavelength_um=0.5
    )
    bad = errors()
    bad[[4, 12, at_rim]] = 0.2, 0.2, 1.5
    found = list(find_outlier_frames(acquisition, bad, microscope=microscope, counts=counts, predicted=picture))
    assert [outlier.frame for outlier in found] == [4]
    assert found[0].why.startswith("shows another picture than all other frames predict (error 0.2")

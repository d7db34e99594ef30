"""Losses: closed forms, smallest at the truth, what masks hide, finite gradients in the dark."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_neuralfield.compute import seed
from napari_neuralfield.recon.engine.losses import (
    LOSSES,
    amplitude_loss,
    gradient_loss,
    poisson_loss,
    roots_mislead,
    smooth_l1_loss,
)


def counts(value: float = 4.0, shape: tuple[int, int, int] = (2, 5, 6)) -> torch.Tensor:
    return torch.full(shape, value, dtype=torch.float64)


def random_counts(number: int) -> torch.Tensor:
    return 1 + 9 * torch.rand(2, 5, 6, dtype=torch.float64, generator=seed(number))


def test_values_of_uniform_frames() -> None:
    measured = torch.sqrt(counts(9.0))
    assert float(amplitude_loss(counts(4.0), measured)) == pytest.approx(1, rel=1e-4)
    assert float(smooth_l1_loss(counts(4.0), torch.sqrt(counts(6.25)))) == pytest.approx(0.5**2 / 2, rel=1e-4)
    assert float(smooth_l1_loss(counts(4.0), torch.sqrt(counts(25.0)))) == pytest.approx(3 - 0.5, rel=1e-4)
    assert float(poisson_loss(counts(4.0), measured)) == pytest.approx(4 - 9 - 9 * math.log(4 / 9), rel=1e-4)
    assert float(gradient_loss(counts(4.0), measured)) == pytest.approx(0, abs=1e-9)


def test_a_ramp_of_misfit_has_its_slope_as_gradient_loss() -> None:
    measured = 10 + torch.zeros(1, 6, 7, dtype=torch.float64)
    predicted = (measured + 0.5 * torch.arange(6)[:, None] + 0.25 * torch.arange(7)) ** 2
    assert float(gradient_loss(predicted, measured)) == pytest.approx(0.75, rel=1e-4)


@pytest.mark.parametrize("name", list(LOSSES))
def test_nothing_is_better_than_the_truth(name: str) -> None:
    truth, loss = random_counts(0), LOSSES[name]
    best = float(loss(truth, torch.sqrt(truth), None))
    assert best == pytest.approx(0, abs=1e-5)
    assert all(float(loss(random_counts(k), torch.sqrt(truth), None)) > best + 0.01 for k in (1, 2))


@pytest.mark.parametrize("name", list(LOSSES))
def test_pixels_that_are_not_good_say_nothing(name: str) -> None:
    good = torch.ones(5, 6, dtype=torch.bool)
    good[1, 2] = good[4] = False
    truth, predicted, loss = random_counts(0), random_counts(1), LOSSES[name]
    before = float(loss(predicted, torch.sqrt(truth), good))
    other = torch.where(good, predicted, 1e3 * predicted)
    assert float(loss(other, torch.sqrt(truth), good)) == pytest.approx(before)
    assert float(loss(predicted, torch.sqrt(truth), good | True)) == pytest.approx(
        float(loss(predicted, torch.sqrt(truth), None))
    )


@pytest.mark.parametrize("name", list(LOSSES))
def test_gradients_are_right_and_finite_in_the_dark(name: str) -> None:
    measured, loss = torch.sqrt(random_counts(0)), LOSSES[name]
    assert torch.autograd.gradcheck(lambda x: loss(x, measured, None), random_counts(1).requires_grad_())
    dark = counts(0.0).requires_grad_()
    for amplitude in (measured, torch.zeros_like(measured)):
        (gradient,) = torch.autograd.grad(loss(dark, amplitude, None), dark)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(("dark", "scale", "misled"), [(0.05, 1.0, True), (5.0, 1.0, False), (0.05, 0.1, False)])
def test_roots_mislead_where_single_quanta_are_counted(dark: float, scale: float, misled: bool) -> None:
    mean = np.full((50, 16, 16), dark)
    mean[:, 4:8, 4:8] = 40.0
    frames = torch.as_tensor(scale * np.random.default_rng(0).poisson(mean))  # scaled, they are no counts
    assert roots_mislead(frames.sqrt()) == misled
    bright = torch.zeros(16, 16, dtype=torch.bool)
    bright[4:8, 4:8] = True
    assert not roots_mislead(frames.sqrt(), bright)

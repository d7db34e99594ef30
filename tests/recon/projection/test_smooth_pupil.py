"""Zernike polynomials in the windows of LEDs against those evaluated where they belong."""

from __future__ import annotations

import numpy as np
import torch
from scene import scene

from napari_neuralfield.forward import fourier
from napari_neuralfield.optics.pupil import wavefront
from napari_neuralfield.recon.projection.smooth_pupil import SmoothPupil

NOLL = (4, 5, 8, 11)
VALUES = torch.tensor([0.9, -0.7, 0.5, 0.4])


def smooth_pupil() -> tuple[fourier.Windows, SmoothPupil]:
    plan = fourier.windows(scene((48, 41))[0])
    return plan, SmoothPupil(plan, torch.device("cpu"), NOLL)


def test_every_window_has_the_phase_at_its_exact_frequencies() -> None:
    plan, smooth = smooth_pupil()
    smooth.coefficients = VALUES
    fy, fx = fourier.pupil_frequencies(plan)
    exact = wavefront(NOLL, VALUES, fy, fx, plan.cutoff)
    inside = fy**2 + fx**2 <= plan.cutoff**2
    missed = torch.angle(smooth.factors() * torch.polar(torch.ones_like(exact), -exact))[inside]
    assert float(missed.abs().max()) < 5e-3


def test_a_wanted_phase_is_taken_as_far_as_it_is_smooth() -> None:
    plan, smooth = smooth_pupil()
    fy, fx = ((torch.arange(n) - n // 2) * step for n, step in zip(plan.box, plan.bin, strict=True))
    wanted = wavefront(NOLL, VALUES, fy[:, None], fx[None, :], plan.cutoff)
    inside = fy[:, None] ** 2 + fx**2 <= plan.cutoff**2
    smooth.improve(wanted + 0.1 * torch.randn(wanted.shape, generator=torch.Generator().manual_seed(0)), inside)
    assert np.allclose(smooth.coefficients, VALUES, atol=0.03)
    assert torch.allclose(smooth.in_bins().angle()[inside], torch.angle(torch.exp(1j * wanted))[inside], atol=0.15)

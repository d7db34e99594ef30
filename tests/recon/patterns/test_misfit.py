"""The fast gradient against autograd through the slow model, and the noise that frames betray."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pattern_scene import board, cells, seen_through

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.forward import multiplexed
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum
from napari_neuralfield.recon.patterns.misfit import PatternMisfit, frame_noise


def _at(rows: int, columns: int, model: PatternMisfit) -> tuple[torch.Tensor, ...]:
    rng = torch.Generator().manual_seed(2)
    phase = torch.from_numpy(cells((rows, columns), seed=4).astype(np.float32))
    rest = 0.05 * torch.rand(phase.shape, generator=rng)
    values = (phase, 0.1 * phase + rest, torch.tensor([0.1, -0.2, 0.3]), torch.tensor([0.0, 0.1, 0.0, -0.1, 0.05]))
    return tuple(v.requires_grad_(True) for v in values)


def _acquisition(rows: int = 20, columns: int = 24) -> MultiplexedLed:
    na, patterns = board()
    frames = seen_through(cells((6 * rows, 6 * columns), seed=1), na, patterns, electrons=2000, seed=3)
    return MultiplexedLed(
        frames=frames, wavelength_um=0.63, objective_na=0.1, pixel_um=1.6, led_na=na, patterns=patterns
    )


@pytest.mark.parametrize("border", [0, 6])
def test_gradient_is_that_of_the_plain_model(border: int) -> None:
    model = PatternMisfit(_acquisition(), border=border)
    at = phase, absorption, coefficients, gain = _at(*model.object_shape, model)
    spectrum = fit_spectrum(centred_spectrum(torch.polar(torch.exp(-absorption), phase)), model.plan.spectrum_shape)
    rows, columns = model.frame_shape
    total: torch.Tensor = torch.zeros(())
    light = []
    for frame, leds in enumerate(model.leds):
        pupil = (model.kernel[leds] * model.aberration(coefficients))[:, None]
        plain = multiplexed.predict(
            spectrum[None], pupil, model.plan.corner[leds], model.plan.image_shape, model.weight[frame, leds]
        )
        light.append(torch.exp(gain[frame]) * plain[0, :rows, :columns] + model.floor[frame])
        root = torch.sqrt(light[-1] + model.offset)
        total = total + (root - model.amplitude[frame]).square().sum() / (2 * model.variance)
    expected = torch.autograd.grad(total, at)
    with torch.no_grad():
        slopes = model.slopes(*at)
        seen = model.frames(*at)
    assert slopes.energy == pytest.approx(total.item(), rel=1e-4)
    for got, want in zip((slopes.phase, slopes.absorption, slopes.aberration, slopes.gain), expected, strict=True):
        assert torch.linalg.vector_norm(got - want) < 1e-4 * torch.linalg.vector_norm(want)
    torch.testing.assert_close(seen, torch.stack(light).detach(), rtol=1e-4, atol=1e-5)
    assert slopes.misfit.mean() == pytest.approx(2 * slopes.energy / seen.numel())


def test_noise_is_found_in_the_corners() -> None:
    """6,000 electrons and a reading noise of 5: both found within 15 %, from frames that hold an image."""
    na, patterns = board()
    clean = seen_through(cells((360, 360), seed=1), na, patterns)
    rng = np.random.default_rng(0)
    counts = rng.poisson(clean * 6000) + rng.normal(0, 5, clean.shape)
    found = frame_noise(counts / 6000, 1.6, 0.1, 0.63)
    assert found is not None
    assert found.gain * 6000 == pytest.approx(1, abs=0.15)
    assert np.sqrt(found.reading) * 6000 == pytest.approx(5, rel=0.15)
    assert frame_noise(counts, 3.0, 0.1, 0.63) is None

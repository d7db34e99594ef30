"""Heights matched to the frame: a ring's gain is found where the frame tells it, and stays 1 where noise hides it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_neuralfield.fields.super_resolved import SuperResolvedField
from napari_neuralfield.networks.srcnn import SuperResolutionCnn
from napari_neuralfield.recon.focus.frame_gain import RINGS, correction, ring_gains
from napari_neuralfield.recon.focus.network_inputs import Defocus
from napari_neuralfield.recon.training.focus_stream import image

DEFOCUS = Defocus(0.3, 0.0, 1.9)
SIZE = 64


def smooth_phase() -> torch.Tensor:
    """A random phase (Y, X), 0.3 rad, with waves of up to 0.25 cycles per frame pixel; it repeats at its borders."""
    n = 4 * SIZE
    f = 4 * torch.hypot(torch.fft.fftfreq(n)[:, None], torch.fft.fftfreq(n)[None])
    white = torch.randn(n, n, generator=torch.Generator().manual_seed(1))
    phase = torch.fft.ifft2(torch.fft.fft2(white) * torch.exp(-((f / 0.12) ** 2))).real
    return 0.3 * phase / phase.std()


def test_a_frame_tells_that_the_phase_is_too_strong() -> None:
    phase = smooth_phase()
    gains = ring_gains(image(0.9 * phase, DEFOCUS).numpy(), image(phase, DEFOCUS).numpy())
    assert gains.shape == (len(RINGS) - 1,)
    assert gains[2:] == pytest.approx(0.9, abs=0.015)
    change = correction(phase, gains, 4)
    binned = phase.reshape(SIZE, 4, SIZE, 4).mean((1, 3))
    inner = (slice(8, -8), slice(8, -8))
    slope = float((change * binned)[inner].sum() / binned[inner].square().sum())
    assert slope == pytest.approx(-0.1, abs=0.02)


def test_noise_changes_nothing() -> None:
    phase, noise = smooth_phase(), np.random.default_rng(0).normal(0, 0.3, (SIZE, SIZE))
    gains = ring_gains(1 + noise, image(phase, DEFOCUS).numpy())
    assert gains == pytest.approx(1.0, abs=0.02)


def test_a_field_adds_its_correction_between_frame_pixels_and_says_so_in_its_options() -> None:
    network = SuperResolutionCnn(inputs=4, outputs=2).eval()
    field = SuperResolvedField.of("srcnn", network, torch.zeros(4, 24, 20), 2.0)
    slope = torch.linspace(0, 1, 20).expand(24, 20)
    after = field.corrected_by(slope)
    y, x = field.extent.axes()
    added = (after.render(0.0, y, x) - field.render(0.0, y, x))[0]
    expected = np.interp(x, 2.0 * np.arange(20), np.linspace(0, 1, 20))
    assert added[40, 8:-8].numpy() == pytest.approx(expected[8:-8], abs=1e-5)
    again = SuperResolvedField(**after.options())
    again.load_state_dict(after.state_dict())
    assert torch.equal(again.render(0.0, y, x), after.render(0.0, y, x))

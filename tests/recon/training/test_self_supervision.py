"""The answer imaged again: the true phase explains the frames, others do not."""

from __future__ import annotations

import pytest
import torch
from training_scene import led_patterns

from napari_neuralfield import compute
from napari_neuralfield.networks.encoder import LocalConditionalNetwork
from napari_neuralfield.networks.plain_images import expanded
from napari_neuralfield.recon.patterns.network_inputs import CANONICAL, DARK_KNEE
from napari_neuralfield.recon.training.self_supervision import FINE, FrameMisfit
from napari_neuralfield.types import InputError


def test_the_true_phase_fits_best():
    acquisition, phase = led_patterns(48, seed=3)
    misfit = FrameMisfit(acquisition, 48, torch.device("cpu"))
    step = CANONICAL.upsampling // FINE
    truth = torch.from_numpy(phase)[::step, ::step]
    with torch.no_grad():
        best, less, none, turned = (
            float(misfit.compare(share * truth, misfit.channels)) for share in (1.0, 0.6, 0.0, -1.0)
        )
    assert best < less < none
    assert best < 0.5 * min(none, turned)  # measured 0.040, 0.149, 0.124


def test_gradients_reach_network_and_microscope():
    acquisition, _ = led_patterns(48)
    misfit = FrameMisfit(acquisition, 40, torch.device("cpu"))
    network = LocalConditionalNetwork(
        groups=((0, 1, 2, 3, 4, 5, 6),), channels=8, blocks=1, width=16, depth=2, outputs=2
    )
    misfit(network, compute.seed(0)).backward()
    assert misfit.ratio.grad is not None
    assert misfit.aberration_rad.grad is not None
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_the_dark_field_is_expanded_as_it_was_compressed():
    light = torch.tensor([-0.01, 0.0, 0.001, 0.3, 5.0])
    torch.testing.assert_close(
        expanded(2 * light / torch.sqrt(light.abs() + DARK_KNEE), DARK_KNEE), light, atol=1e-6, rtol=1e-5
    )


def test_a_patch_that_leaves_nothing_to_compare_is_refused():
    with pytest.raises(InputError, match="patch_px is 32; it must be smaller than the frames and larger than 32"):
        FrameMisfit(led_patterns(48)[0], 32, torch.device("cpu"))

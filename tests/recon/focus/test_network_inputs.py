"""What the single-frame networks are shown."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.recon.focus.network_inputs import (
    CHANNELS,
    CONTRAST_UNIT,
    UPSAMPLING,
    Defocus,
    best_frame,
    inputs_of,
    transfer,
)
from napari_neuralfield.recon.training.focus_stream import image

SIDE = 48  # frame pixels


def microscope(z_um: list[float], frames: np.ndarray | None = None, **values: float) -> ThroughFocus:
    optics = {"wavelength_um": 0.53, "objective_na": 0.4, "condenser_na": 0.16, "pixel_um": 2.6, **values}
    frames = np.ones((len(z_um), 40, 40), np.float32) if frames is None else frames
    return ThroughFocus(frames=frames, z_um=np.array(z_um), **optics)


@pytest.mark.parametrize("fresnel", [-0.6, -0.08, 0.31, 1.1])
@pytest.mark.parametrize("coherence", [0.0, 0.4])
@pytest.mark.parametrize(("ky", "kx"), [(0, 3), (7, 5), (12, 0)])
def test_transfer_is_the_contrast_of_a_weak_sinusoid(fresnel: float, coherence: float, ky: int, kx: int) -> None:
    defocus, weak = Defocus(fresnel, coherence * 1.96, 1.96), 0.01
    axis = 2 * math.pi * (torch.arange(SIDE * UPSAMPLING) - (UPSAMPLING - 1) / 2) / (SIDE * UPSAMPLING)
    frame = image(weak * torch.cos(ky * axis[:, None] + kx * axis[None, :]), defocus, points=60)
    found = 2 * float(torch.fft.fft2(frame.double())[ky, kx].real) / frame.numel() / weak
    expected = float(transfer(defocus, (SIDE, SIDE))[ky, kx])
    assert found == pytest.approx(expected, abs=0.02 * 2)  # of the largest contrast, 2


def test_a_weak_sample_is_told_right_side_up() -> None:
    """Above and below the focus the weak phase is the phase, though the frames are each other's negative."""
    axis = 2 * math.pi * torch.arange(SIDE * UPSAMPLING) / (SIDE * UPSAMPLING)
    phase = 0.05 * torch.cos(9 * axis[:, None]) * torch.cos(10 * axis[None, :])
    coarse = phase.reshape(SIDE, UPSAMPLING, SIDE, UPSAMPLING)[:, 1:3, :, 1:3].mean((1, 3))  # amid a frame's pixel
    frames = []
    for fresnel in (0.3, -0.3):
        defocus = Defocus(fresnel, 0.3, 1.96)
        frames.append(image(phase, defocus))
        given = inputs_of(frames[-1], defocus)
        inner = (slice(6, -6), slice(6, -6))
        slope = float((given[1][inner] * coarse[inner]).sum() / coarse[inner].square().sum())
        assert slope == pytest.approx(1.0, abs=0.05)
    assert torch.corrcoef(torch.stack([frames[0].flatten(), frames[1].flatten()]))[0, 1] < -0.9


def test_channels_are_free_of_units() -> None:
    torch.manual_seed(0)
    frame = 1 + 0.02 * torch.randn(40, 34)
    defocus = Defocus.of(microscope([4.0]), 0)
    scale = 2.6 / 0.53
    assert dataclasses.astuple(defocus) == pytest.approx((0.53 * 4 / 2.6**2, 0.16 * scale, 0.4 * scale))
    given = inputs_of(frame, defocus)
    assert given.shape == (len(CHANNELS), 40, 34)
    assert float(given[0].std()) == pytest.approx(0.02 / CONTRAST_UNIT, rel=0.1)
    assert torch.allclose(inputs_of(500 * frame, defocus), given, atol=1e-4)  # light is free
    scaled = Defocus.of(microscope([8.0], pixel_um=5.2, wavelength_um=1.06), 0)
    assert dataclasses.astuple(scaled) == pytest.approx(dataclasses.astuple(defocus))
    assert given[2:].flatten(1).std(1).max() == 0
    assert given[2, 0, 0] == pytest.approx(2 * defocus.fresnel)
    assert given[3, 0, 0] == pytest.approx(2 * defocus.fresnel * defocus.condenser)


@pytest.mark.parametrize(
    ("z_um", "best"),
    [([-4.0, 0.0, 4.0], 2), ([4.0, -4.0], 0), ([0.0, 1.0, 3.5, 40.0], 2), ([0.0], 0), ([-5.0, 0.1], 0)],
)
def test_the_best_frame_is_in_the_middle_of_what_is_known(z_um: list[float], best: int) -> None:
    assert best_frame(microscope(z_um)) == best

"""Depth and aberration by the bright-field frames of virtual microscopes, and by frames that cannot tell."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.data.geometry import depth_of_field_um
from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.recon.projection.pupil_start import find_defocus, start_pupil
from napari_neuralfield.simulate.simulators import miscalibrated_board

STRONG = {4: 1.2, 5: -1.1, 6: 0.8, 7: 0.6, 8: -0.4, 11: 0.3}  # rad; 4 pi from peak to valley


def microscope(seed: int, z_um: float = 0.0, zernike_rad: dict[int, float] | None = None) -> LedArray:
    return miscalibrated_board(
        seed, pixels=96, pose=BoardPose(0.0, (0.0, 0.0)), jitter_na=0.0, z_um=z_um, zernike_rad=zernike_rad or {},
        ambient=0.0, led_limit_na=0.25, phantom="texture",
    )[0]  # fmt: skip


@pytest.mark.parametrize(("seed", "depths_of_field"), [(0, -3.1), (1, 2.4), (2, 0.3)])
def test_a_sample_far_from_focus_is_found(seed: int, depths_of_field: float) -> None:
    field = depth_of_field_um(microscope(seed))
    z_um, clear = find_defocus(microscope(seed, depths_of_field * field))
    assert clear
    assert z_um == pytest.approx(depths_of_field * field, abs=0.05 * field)


def test_noise_has_no_depth_and_no_aberration() -> None:
    acquisition = microscope(0)
    frames = np.random.default_rng(0).poisson(200.0, acquisition.frames.shape).astype(np.float32)
    assert not find_defocus(acquisition.replace(frames=frames))[1]
    assert not start_pupil(acquisition.replace(frames=frames), 0.0).clear


def test_few_leds_tell_nothing() -> None:
    acquisition = microscope(0).subset(np.arange(3))
    assert not find_defocus(acquisition)[1]
    assert not start_pupil(acquisition, 0.0).clear


@pytest.mark.parametrize("seed", [0, 1])
def test_a_strong_aberration_is_found_from_a_flat_start(seed: int) -> None:
    start = start_pupil(microscope(seed, zernike_rad=STRONG), 0.0)
    missed = start.coefficients - np.array([STRONG.get(index, 0.0) for index in start.noll])
    assert start.clear
    assert float(np.linalg.norm(missed)) < 0.2
    assert start.trust > 0.2

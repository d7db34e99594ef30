"""A phase put under the microscope again: the truth, a part of it, the wrong sign, another sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from defocus_scene import NOISE, through_focus

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.recon.focus.report import REGION, DefocusReport, explain
from napari_neuralfield.types import InputError


@pytest.fixture(scope="module")
def scene() -> tuple[ThroughFocus, torch.Tensor]:
    acquisition, phase = through_focus(seed=3)
    return acquisition, torch.from_numpy(phase)


def _of(scene: tuple[ThroughFocus, torch.Tensor], share: float, **options: object) -> DefocusReport:
    return explain(scene[0], share * scene[1], [2], upsampling=4, **options)  # type: ignore[arg-type]


def test_the_truth_explains_its_frame(scene: tuple[ThroughFocus, torch.Tensor]) -> None:
    found = _of(scene, 1.0)
    assert found.level == "green"
    assert found.sentence.startswith("simulated again, the phase explains frame 2 down to the noise; slow phase")
    assert 0.8 < found.misfit < 1.3
    assert found.relative_amplitude_error == pytest.approx(NOISE / 2, rel=0.15)
    assert found.explained > 0.99
    assert found.regions.shape == (48 // REGION,) * 2
    assert found.shown.shape == found.difference.shape == (1, 48, 48)
    assert found.whole
    assert set(found.figures) == {"relative_amplitude_error", "misfit_over_noise", "contrast_explained"}


def test_half_the_phase_explains_a_part(scene: tuple[ThroughFocus, torch.Tensor]) -> None:
    found = _of(scene, 0.5)
    assert found.level == "amber"
    assert 0.5 < found.explained < 0.9
    assert "explains only" in found.sentence


def test_the_wrong_sign_is_told(scene: tuple[ThroughFocus, torch.Tensor]) -> None:
    found = _of(scene, -1.0)
    assert found.level == "red"
    assert found.mirrored > 0.8
    assert "other sign (-4 instead of +4 um)" in found.sentence


def test_another_sample_explains_nothing(scene: tuple[ThroughFocus, torch.Tensor]) -> None:
    other = torch.from_numpy(through_focus(seed=5)[1])
    found = explain(scene[0], other, upsampling=4)
    assert found.level == "red"
    assert "do not trust it before z_um" in found.sentence
    assert found.misfit > 50
    assert "frames 0, 1, 2" in found.sentence


def test_a_wrong_place_is_in_the_regions(scene: tuple[ThroughFocus, torch.Tensor]) -> None:
    phase = scene[1].clone()
    phase[80:100, 80:100] += 1
    regions = explain(scene[0], phase, [2], upsampling=4).regions
    assert np.unravel_index(regions.argmax(), regions.shape) == (1, 1)
    assert regions.max() > 5 * np.median(regions)


def test_a_phase_on_the_camera_s_pixels(scene: tuple[ThroughFocus, torch.Tensor]) -> None:
    coarse = torch.nn.functional.avg_pool2d(scene[1][None], 4)[0]
    found = explain(scene[0], coarse, [2])
    assert found.explained > 0.85


def test_a_frame_in_focus_says_nothing(scene: tuple[ThroughFocus, torch.Tensor]) -> None:
    with pytest.raises(InputError, match=r"lie in focus \(z_um 0\)"):
        explain(scene[0], scene[1], [1], upsampling=4)

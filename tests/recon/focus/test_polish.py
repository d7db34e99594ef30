"""Polish from defocused frames: a blurred or wavy start comes nearer to the truth, a wrong microscope is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from defocus_scene import psnr, slow_waves, through_focus
from scipy.ndimage import gaussian_filter

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.recon.focus.polish import PolishedPhase, polish_phase
from napari_neuralfield.types import InputError

Scene = tuple[ThroughFocus, np.ndarray]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return through_focus(seed=3)


def _last(acquisition: ThroughFocus, start: np.ndarray, **options: object) -> PolishedPhase:
    events = list(polish_phase(acquisition, torch.from_numpy(start), [2], **options))  # type: ignore[arg-type]
    result = events[-1]
    assert isinstance(result, PolishedPhase)
    assert events[0][:2] == (0, 20)  # type: ignore[index]
    assert [event[0] for event in events[:-1]] == list(range(len(events) - 1))  # type: ignore[index]
    return result


def test_a_blurred_start_becomes_sharp(scene: Scene) -> None:
    acquisition, truth = scene
    start = gaussian_filter(truth, 5)
    result = _last(acquisition, start)
    assert result.accepted
    assert result.misfit < 1.5
    assert result.error_after < 0.2 * result.error_before
    assert psnr(result.phase.numpy(), truth) > psnr(start, truth) + 2


def test_empty_places_tell_the_slow_part(scene: Scene) -> None:
    acquisition, truth = scene
    start = truth + slow_waves(len(truth), 0.1)
    with_background = psnr(_last(acquisition, start).phase.numpy(), truth)
    without = psnr(_last(acquisition, start, flat_background=False).phase.numpy(), truth)
    assert with_background > psnr(start, truth) + 2
    assert with_background > without + 2
    assert without > psnr(start, truth) - 0.3


def test_the_truth_stays(scene: Scene) -> None:
    acquisition, truth = scene
    assert psnr(_last(acquisition, truth).phase.numpy(), truth) > 32


def test_a_microscope_that_is_not_as_described_is_told(scene: Scene) -> None:
    acquisition, truth = scene
    dust = 1 + 0.3 * np.random.default_rng(0).random(acquisition.frame_shape, np.float32)
    wrong = acquisition.replace(frames=acquisition.intensity() * dust)
    result = _last(wrong, truth, noise=0.0025)
    assert not result.accepted
    assert result.error_after == result.error_before
    assert np.array_equal(result.phase.numpy(), truth)


def test_starts_that_cannot_be_polished(scene: Scene) -> None:
    acquisition, truth = scene
    with pytest.raises(InputError, match=r"has \(10, 10\) pixels; at upsampling 4 it must have \(192, 192\)"):
        next(polish_phase(acquisition, torch.zeros(10, 10)))
    with pytest.raises(InputError, match="not finite"):
        next(polish_phase(acquisition, torch.full((192, 192), float("nan"))))
    with pytest.raises(InputError, match="lie in focus"):
        next(polish_phase(acquisition, torch.from_numpy(truth), [1]))

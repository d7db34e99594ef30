"""Physics polish: a blurred phase becomes sharp, a wrong one is told, a field that does not repeat is closed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pattern_scene import board, cells, seen_through
from scipy.ndimage import gaussian_filter

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.data.borders import patterns_repeat
from napari_neuralfield.recon.patterns.polish import Improving, Polished, polish
from napari_neuralfield.recon.patterns.start import closed
from napari_neuralfield.types import InputError


@pytest.fixture(scope="module")
def scene() -> tuple[MultiplexedLed, np.ndarray]:
    na, patterns = board()
    phase = cells((288, 288), seed=1)
    frames = seen_through(phase, na, patterns, astigmatism=0.1, electrons=6000)
    acquisition = MultiplexedLed(
        frames=frames, wavelength_um=0.63, objective_na=0.1, pixel_um=1.6, led_na=na, patterns=patterns
    )
    return acquisition, phase


def _psnr(phase: np.ndarray, truth: np.ndarray, cut: int = 24) -> float:
    difference = (phase - truth)[cut:-cut, cut:-cut]
    return float(20 * np.log10(np.ptp(truth) / difference.std()))


def _last(acquisition: MultiplexedLed, start: np.ndarray, **options: object) -> Polished:
    events = list(polish(acquisition, torch.from_numpy(start.astype(np.float32)), **options))  # type: ignore[arg-type]
    assert all(isinstance(event, Improving) for event in events[:-1])
    assert events[-2].done == events[-2].total  # type: ignore[union-attr]
    result = events[-1]
    assert isinstance(result, Polished)
    return result


def test_a_blurred_phase_becomes_sharp(scene: tuple[MultiplexedLed, np.ndarray]) -> None:
    acquisition, truth = scene
    start = gaussian_filter(truth, 6, mode="wrap")
    result = _last(acquisition, start, steps=40)
    assert result.accepted
    assert _psnr(result.phase.numpy(), truth) > _psnr(start, truth) + 3
    assert result.misfit_after < 1.3 < result.misfit_before
    assert result.error_after < 0.5 * result.error_before
    assert result.aberration[6] == pytest.approx(0.1, abs=0.02)


def test_a_field_that_does_not_repeat(scene: tuple[MultiplexedLed, np.ndarray]) -> None:
    acquisition, truth = scene
    part = acquisition.crop(slice(4, 36), slice(6, 40))
    assert patterns_repeat(acquisition.intensity())
    assert not patterns_repeat(part.intensity())
    inside = truth[24:216, 36:240]
    start = gaussian_filter(truth, 6, mode="wrap")[24:216, 36:240]
    result = _last(part, start, steps=40)
    assert result.phase.shape == inside.shape
    assert result.accepted
    assert result.misfit_after < 0.2 * result.misfit_before


def test_closing_joins_both_ends() -> None:
    image = torch.arange(5.0)[:, None].expand(5, 3)
    wide = closed(image, (9, 3))
    torch.testing.assert_close(wide[:, 0], torch.tensor([0.0, 1, 2, 3, 4, 3.2, 2.4, 1.6, 0.8]))


def test_a_phase_that_does_not_fit_is_refused(scene: tuple[MultiplexedLed, np.ndarray]) -> None:
    acquisition, truth = scene
    with pytest.raises(InputError, match="6 per pixel of frames of \\(48, 48\\) are \\(288, 288\\)"):
        next(polish(acquisition, torch.from_numpy(truth[:-6])))
    with pytest.raises(InputError, match="not finite"):
        next(polish(acquisition, torch.full((288, 288), torch.nan)))

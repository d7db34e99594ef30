"""Five simulated frames to a phase by the shipped weights, and on by physics."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.fields.local_conditional import LocalConditionalField
from napari_neuralfield.fields.phase_map import PhaseMap
from napari_neuralfield.recon.patterns import polish_tiles
from napari_neuralfield.recon.patterns.neuph import NeuPhRecipe, neuph
from napari_neuralfield.recon.patterns.polish import Polished, polish
from napari_neuralfield.simulate.patterns import multiplexed
from napari_neuralfield.types import Done, InputError, Note, Preview, Progress, Result

Scene = tuple[MultiplexedLed, np.ndarray]


@pytest.fixture(scope="module")
def scene() -> Scene:
    acquisition, truth = multiplexed(0, pixels=48)
    return acquisition, np.asarray(truth["phase_rad"])


def finished(acquisition: MultiplexedLed, **options: Any) -> tuple[list[Any], Result]:
    *events, done = neuph(acquisition, NeuPhRecipe(**options))
    assert isinstance(done, Done)
    return events, done.result


def compared(result: Result, truth: np.ndarray) -> tuple[float, float]:
    """Correlation with the truth, and rms difference without the mean, rad."""
    phase = result.field.render(0.0, *result.field.extent.axes())[0].numpy()
    assert phase.shape == truth.shape
    error = phase - truth
    return float(np.corrcoef(phase.ravel(), truth.ravel())[0, 1]), float(error.std())


def test_the_shipped_network_sees_the_phase(scene: Scene) -> None:
    acquisition, truth = scene
    events, result = finished(acquisition)
    assert isinstance(result.field, LocalConditionalField)
    assert any(isinstance(event, Preview) for event in events)
    assert compared(result, truth)[0] > 0.9  # 0.97
    assert result.optics["kind"] == "multiplexed_led"
    assert result.optics["trust_level"] in ("green", "amber")
    assert result.optics["trust_sentence"] in [event.text for event in events if isinstance(event, Note)]
    assert result.calibration["resimulated"].shape == result.calibration["residual"].shape == (5, 48, 48)
    assert result.calibration["uncertainty_rad"].shape == (48, 48)
    assert 0 < result.calibration["uncertainty_rad"].mean() < 1
    assert result.figures["bright_field_correlation"] > 0.9
    assert 0 < result.figures["relative_amplitude_error"] < 0.1
    assert result.figures["cpu_seconds"] > 0
    assert "error_after_polish" not in result.figures


def test_polish_lowers_the_error(scene: Scene) -> None:
    acquisition, truth = scene
    _, plain = finished(acquisition)
    events, result = finished(acquisition, polish=True, polish_steps=40)
    assert isinstance(result.field, PhaseMap)
    correlation, error = compared(result, truth)
    before = compared(plain, truth)
    assert correlation > before[0]
    assert error < 0.95 * before[1]
    assert result.figures["error_after_polish"] < 0.6 * result.figures["error_before_polish"]
    assert result.figures["dark_field_correlation"] > plain.figures["dark_field_correlation"]
    assert result.calibration["absorption"].shape == (48, 48)
    notes = [event for event in events if isinstance(event, Note)]
    assert notes[0].text.startswith("the polish lowered the relative amplitude error from ")
    assert notes[0].level == "info"
    steps = [event for event in events if isinstance(event, Progress) and event.what == "steps of polish"]
    assert (steps[-1].done, steps[-1].total) == (40, 40)


def test_a_polish_that_does_not_help_is_left(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    acquisition, _ = scene
    monkeypatch.setattr(polish_tiles, "polish", _refused)
    events, result = finished(acquisition, polish=True, polish_steps=1)
    assert isinstance(result.field, LocalConditionalField)
    assert "absorption" not in result.calibration
    notes = [event for event in events if isinstance(event, Note)]
    assert notes[0].text.startswith("the polish was not accepted")
    assert notes[0].level == "warning"


def _refused(*given: Any, **options: Any) -> Any:
    for event in polish(*given, **options):
        yield dataclasses.replace(event, accepted=False) if isinstance(event, Polished) else event


def test_a_board_told_wrongly_is_not_trusted(scene: Scene) -> None:
    acquisition, _ = scene
    wrong = acquisition.replace(led_na=acquisition.led_na[:, ::-1] * (1, -1))
    events, result = finished(wrong)
    assert result.optics["trust_level"] != "green"
    assert any(isinstance(event, Note) and event.level == "warning" for event in events)


def test_mistakes(scene: Scene) -> None:
    acquisition, _ = scene
    with pytest.raises(InputError, match=r"its 4 frames are .*; neuph needs 5 patterns"):
        finished(acquisition.subset([0, 1, 2, 3]))
    with pytest.raises(InputError, match=r"none\.safetensors: there is no such file"):
        finished(acquisition, weights="none.safetensors")
    with pytest.raises(InputError, match=r"frames of 5 x 40 pixels are too small for NA 0\.1 .*; take a larger region"):
        finished(acquisition.crop(slice(0, 5), slice(0, 40)))
    frames = acquisition.intensity()
    frames[1, 3, 4] = np.nan
    with pytest.raises(InputError, match=r"frame 1 holds values that are not finite"):
        finished(acquisition.replace(frames=frames))

"""Trust: a right phase brings its frames back, a wrong one does not, and the sentence says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pattern_scene import board, cells, seen_through

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.recon.patterns.trust import Resimulated, compare, resimulate, statistics, verdict


@pytest.fixture(scope="module")
def scene() -> tuple[MultiplexedLed, np.ndarray]:
    na, patterns = board()
    phase = cells((240, 240), seed=1)
    frames = 100 * seen_through(phase, na, patterns, absorbed=0.2, astigmatism=0.2)
    acquisition = MultiplexedLed(
        frames=frames, wavelength_um=0.63, objective_na=0.1, pixel_um=1.6, led_na=na, patterns=patterns
    )
    return acquisition, phase.astype(np.float32)


def test_the_true_phase_brings_its_frames_back(scene: tuple[MultiplexedLed, np.ndarray]) -> None:
    acquisition, truth = scene
    seen = resimulate(acquisition, torch.from_numpy(truth), border=0)
    assert seen.dark.tolist() == [False, False, True, True, True]
    np.testing.assert_allclose(seen.frames, acquisition.intensity(), atol=1.0)
    assert seen.explained > 0.99
    assert seen.residual.max() < 0.1
    assert seen.absorbed == pytest.approx(0.2, abs=0.02)
    assert seen.aberration[6] == pytest.approx(0.2, abs=0.03)
    assert seen.missing == pytest.approx(1, abs=0.1)
    assert verdict(seen).level == "green"
    known = resimulate(
        acquisition, torch.from_numpy(truth), absorption=torch.from_numpy(0.2 * truth), aberration={6: 0.2}, border=0
    )
    assert known.aberration == {6: pytest.approx(0.2)}
    assert np.isnan(known.absorbed)
    assert known.residual.max() < 0.05


def test_a_wrong_phase_is_told(scene: tuple[MultiplexedLed, np.ndarray]) -> None:
    acquisition, truth = scene
    wrong = verdict(resimulate(acquisition, torch.from_numpy(-np.roll(truth, (120, 60), (0, 1))), border=0))
    assert wrong.level == "red"
    assert "do not trust it, and check NA, pixel, wavelength and the order of the patterns" in wrong.sentence
    assert len(wrong.details) == 5


def test_statistics_outside_the_training_are_named_farthest_first() -> None:
    rng = torch.Generator().manual_seed(0)
    inputs = torch.rand((7, 32, 32), generator=rng)
    found = statistics(inputs)
    assert found["correlation of the dark-field arcs"] == pytest.approx(0, abs=0.1)
    assert found["contrast of the bright field"] == pytest.approx(12**-0.5, rel=0.05)
    assert found["grain of the bright field"] == pytest.approx(2**0.5, rel=0.1)
    inside = {name: (value - 1, value + 1) for name, value in found.items()}
    assert compare(found, inside) == []
    odd = inside | {"strength of the DPC phase": (5.0, 6.0), "grain of the DPC phase": (-1.0, 0.0), "unknown": (0, 1)}
    sentences = compare(found, odd)
    assert len(sentences) == 2
    assert sentences[0] == (
        f"strength of the DPC phase {found['strength of the DPC phase']:.3g} is below the 5 to 6 of the training"
    )


def _seen(bright: float, dark: float, gain: float) -> Resimulated:
    empty = np.zeros((2, 1, 1), np.float32)
    dim = np.array([1.0, gain])
    return Resimulated(
        frames=empty, difference=empty, residual=np.array([0.1, 0.2]), correlation=np.array([bright, dark]),
        misfit=np.ones(2), gain=dim, dark=np.array([False, True]), absorbed=0.1, aberration={},
    )  # fmt: skip


def test_the_worst_answer_decides() -> None:
    good = _seen(0.9, 0.9, 1.1)
    assert verdict(good, [], 0.05).level == "green"
    assert verdict(good, [], 0.5).level == "amber"
    assert verdict(good, [], 1.2).level == "red"
    assert "an error larger than the phase's own deviation" in verdict(good, [], 1.2).sentence
    strange = verdict(good, ["grain 3 is above the 1 to 2 of the training", "more"], 0.05)
    assert strange.level == "amber"
    assert "grain 3 is above the 1 to 2 of the training and 1 more" in strange.sentence
    assert "only in part" in verdict(_seen(0.6, 0.9, 1)).sentence
    assert "3.0 times brighter" in verdict(_seen(0.9, 0.9, 3)).sentence
    assert verdict().level == "amber"
    assert "Nothing was checked" in verdict().sentence

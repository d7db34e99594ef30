"""What is said beside a phase: figures, layers that lie where they belong, a verdict."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.fields.phase_map import PhaseMap
from napari_neuralfield.networks.cards import Widening
from napari_neuralfield.recon.patterns import report as phase_report
from napari_neuralfield.recon.patterns.report import middle, report
from napari_neuralfield.simulate.patterns import multiplexed

UPSAMPLING = 3
Scene = tuple[MultiplexedLed, PhaseMap, dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def scene() -> Scene:
    acquisition, truth = multiplexed(0, pixels=48, astigmatism_rad=0.0)
    fine = {name: np.asarray(truth[name])[::2, ::2] for name in ("phase_rad", "absorption")}
    fine["absorption"] = -fine["absorption"]
    return (
        acquisition,
        PhaseMap.from_grid(torch.tensor(fine["phase_rad"]), 0.0, acquisition.pixel_um / UPSAMPLING),
        fine,
    )


def test_the_true_phase_is_trusted(scene: Scene) -> None:
    acquisition, field, fine = scene
    found = report(acquisition, field, UPSAMPLING)
    assert found.optics["trust_level"] == "green"
    assert found.optics["trust_sentence"].endswith("it can be trusted.")
    assert (found.optics["kind"], found.optics["frames"]) == ("multiplexed_led", 5)
    assert set(found.calibration) == {"resimulated", "residual"}
    assert all(value.shape == (5, 48, 48) for value in found.calibration.values())
    assert found.figures["relative_amplitude_error"] < 0.03
    assert found.figures["bright_field_correlation"] > 0.98
    given = report(acquisition, field, UPSAMPLING, absorption=fine["absorption"], aberration={5: 0.0})
    assert given.figures["relative_amplitude_error"] < 0.03


def test_a_wrong_phase_is_not(scene: Scene) -> None:
    acquisition, field, _ = scene
    moved = PhaseMap.from_grid(field.render(0.0, *field.extent.axes())[0].roll(40, 0), 0.0, field.extent.pixel_um)
    found = report(acquisition, moved, UPSAMPLING)
    assert found.optics["trust_level"] == "red"
    assert "do not trust it" in found.optics["trust_sentence"]


def test_the_networks_scale_is_widened_and_an_error_expected(scene: Scene) -> None:
    acquisition, field, fine = scene
    deviation = float(fine["phase_rad"].std())
    told = np.log(0.1 * deviation)
    sure = report(acquisition, field, UPSAMPLING, log_scale=torch.full((48, 48), told), widening=Widening(2.0))
    assert sure.calibration["uncertainty_rad"].shape == (48, 48)
    assert sure.calibration["uncertainty_rad"][0, 0] == pytest.approx(0.2 * deviation, rel=1e-2)
    assert "an error of 20% of the phase's own deviation is to be expected" in sure.optics["trust_details"]
    assert sure.verdict.level == "green"
    unsure = report(acquisition, field, UPSAMPLING, log_scale=torch.full((48, 48), told), widening=Widening(5.0))
    assert unsure.verdict.level == "amber"


def test_of_a_large_field_the_middle_is_looked_at(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    acquisition, field, fine = scene
    assert middle(acquisition) is None
    monkeypatch.setattr(phase_report, "LOOKED_AT", 24)
    assert middle(acquisition) == (slice(12, 36), slice(12, 36))
    seen: list[tuple[int, ...]] = []
    resimulate = phase_report.resimulate

    def noted(part: MultiplexedLed, phase: torch.Tensor, **options: object) -> object:
        seen.extend([part.frame_shape, tuple(phase.shape)])
        assert np.abs(phase.numpy() - fine["phase_rad"][36:108, 36:108]).max() < 1e-3
        return resimulate(part, phase, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(phase_report, "resimulate", noted)
    found = report(acquisition, field, UPSAMPLING, log_scale=torch.zeros(48, 48), absorption=fine["absorption"])
    assert seen == [(24, 24), (72, 72)]
    assert set(found.calibration) == {"uncertainty_rad"}
    assert found.figures["bright_field_correlation"] > 0.9

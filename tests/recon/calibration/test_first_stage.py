"""Calibration as the first stage of a reconstruction; ambient light and weight of dark frames."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from scene import board, relative_error, scene

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.forward import fourier
from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.recon.calibration import first_stage as module
from napari_neuralfield.recon.calibration.first_stage import what_was_found, without_ambient_light
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.calibration.result import Calibration, OutlierFrame
from napari_neuralfield.recon.engine.recipe import build, run
from napari_neuralfield.recon.projection.solver import Solver
from napari_neuralfield.simulate.simulators import miscalibrated_board
from napari_neuralfield.types import Done, Event, Note, Progress, Result

BOARD = np.vstack([board(3), [[0.231, 0.052], [-0.063, -0.242], [0.2, 0.2]]])  # three dark ones
QUICK: dict[str, Any] = {"calibration_steps": 3, "pupil_terms": 6}
SMALL: dict[str, Any] = {"check_orientation": False, "recover_pupil": False, "recover_gain": False, "half": False}


def events_of(acquisition: LedArray, name: str, **options: Any) -> list[Event]:
    return list(run(acquisition, build(name, options)))


def result_of(events: list[Event]) -> Result:
    last = events[-1]
    assert isinstance(last, Done)
    return last.result


@functools.cache
def recording() -> tuple[LedArray, dict[str, Any]]:
    return miscalibrated_board(pixels=64, led_limit_na=0.28)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def test_the_classical_reconstruction_calibrates_first() -> None:
    acquisition, truth = recording()
    events = events_of(acquisition, "fpm-sequential", calibrate=True, **QUICK)
    result, found = result_of(events), result_of(events).calibration
    assert set(found) == {"illumination_na", "gains", "pupil", "background"}
    assert rms(found["illumination_na"] - truth["illumination_na"]) < 0.002  # measured 0.0012; the file: 0.0063
    assert np.std(found["gains"] / truth["gains"]) < 0.02  # measured 0.005 of 0.081
    assert found["background"] == pytest.approx(truth["background"], rel=0.1)
    assert result.figures["sample_z_um"] == pytest.approx(-2.5, abs=0.3)
    assert result.figures["calibration_seconds"] > 0
    low, high = result.field.extent.z_um
    assert low == high == result.figures["sample_z_um"] == result.optics["sample_z_um"]
    sample = result.field.render([low], *result.field.extent.axes())[0].numpy()
    assert relative_error(sample, truth["object"]) < 0.02  # measured 0.004; as given it is 0.05
    totals = [e.total for e in events if isinstance(e, Progress)]
    assert totals[0] != totals[-1]  # two stages, each with its own progress


def test_the_neural_field_calibrates_first() -> None:
    acquisition, truth = recording()
    result = result_of(events_of(acquisition, "fpm-inr", calibrate=True, features=1, hidden=4, **QUICK))
    assert set(result.calibration) == {"illumination_na", "gains", "pupil", "background"}
    assert rms(result.calibration["illumination_na"] - truth["illumination_na"]) < 0.002
    assert result.field.extent.z_um[0] == result.figures["sample_z_um"] == pytest.approx(-2.5, abs=0.3)
    assert result.figures["relative_amplitude_error"] < 0.01  # measured 0.007


def calibration(given: LedArray, **changes: Any) -> Calibration:
    """A made-up calibration that moved the LEDs and found frames 2 and 5 to disagree."""
    moved = given.replace(illumination_na=np.asarray(given.illumination_na) + 0.001, **changes)
    ones = np.ones(given.frame_count)
    outlier_frames = (OutlierFrame(2, "is saturated"), OutlierFrame(5, "is dark"))
    figures, nominal = {"cpu_seconds": 1.5}, BoardPose()
    return Calibration(
        given, moved, "as given", nominal, ones, 3 * ones, {}, 0.0, 0.5, ones, ones, outlier_frames, (), figures
    )


@pytest.mark.parametrize("leave_out", [False, True])
def test_frames_that_disagree_are_named_and_left_out_on_request(
    monkeypatch: pytest.MonkeyPatch, leave_out: bool
) -> None:
    given, _ = scene((24, 24), na=BOARD)

    def found(acquisition: LedArray, recipe: CalibrationRecipe):
        yield Progress(1, 1, 0.1, "looking")
        return calibration(acquisition, sample_z_um=1.0)

    monkeypatch.setattr(module, "calibrate", found)
    events = events_of(given, "fpm-sequential", calibrate=True, leave_out=leave_out, passes=1)
    ending = "it is left out" if leave_out else "leave_out leaves it out"
    notes = [Note(f"frame {text}; {ending}", "warning") for text in ("2 is saturated", "5 is dark")]
    assert [e for e in events if isinstance(e, Note) and e.level == "warning"] == notes
    result = result_of(events)
    assert result.optics["frames"] == len(BOARD) - 2 * leave_out
    assert result.field.extent.z_um == (1.0, 1.0)
    assert np.allclose(result.calibration["illumination_na"], BOARD + 0.001)


def test_only_what_was_found_is_filed() -> None:
    given, _ = scene((24, 24), na=BOARD)
    few = what_was_found(calibration(given))
    assert set(few.arrays) == {"illumination_na", "gains", "background"}
    assert few.figures == {"calibration_seconds": 1.5}
    all_of_it = what_was_found(calibration(given, sample_z_um=2.0, pupil=np.ones((24, 24), complex)))
    assert all_of_it.arrays["pupil"].shape == (24, 24)
    assert all_of_it.figures["sample_z_um"] == 2.0


def with_light(level: float, **values: Any) -> tuple[LedArray, np.ndarray]:
    given, sample = scene((48, 48), na=BOARD, **values)
    return given.replace(frames=np.asarray(given.frames) + level), sample


def test_ambient_light_is_read_from_the_darkest_parts() -> None:
    given, _ = with_light(0.05)
    assert fourier.ambient_light(without_ambient_light(given)) == pytest.approx(0.05, abs=2e-3)
    bright = given.subset(np.arange(9))
    assert without_ambient_light(bright) is bright  # no dark field: nothing tells of it


def test_the_option_takes_ambient_light_out() -> None:
    given, sample = with_light(0.1)
    errors = {}
    for background in ("given", "darkest"):
        plain = {"z_um": 0.0, "background": background, "as_given": True}
        result = result_of(events_of(given, "fpm-sequential", **plain, **SMALL))
        seen = result.field.render([0.0], *result.field.extent.axes())[0].numpy()
        errors[background] = (relative_error(seen, sample), result.figures["relative_amplitude_error"])
    assert all(darkest < 0.5 * as_given for as_given, darkest in zip(*errors.values(), strict=True))


def solver_of(acquisition: LedArray, dark_weight: float) -> Solver:
    plan = fourier.windows(acquisition)
    generator = torch.Generator().manual_seed(0)
    spectra = torch.randn((1, *plan.spectrum_shape), dtype=torch.complex64, generator=generator)
    flat = torch.ones(plan.box, dtype=torch.complex64)
    solver = Solver(plan, fourier.measure(acquisition, plan), np.array([0.0]), spectra, flat)
    solver.dark_weight = dark_weight
    return solver


def test_dark_frames_take_the_share_of_a_step_that_they_are_given() -> None:
    given, _ = scene((24, 24), na=BOARD[[9]])
    start, changes = solver_of(given, 1.0).spectra.clone(), {}
    for weight in (0.0, 0.5, 1.0):
        solver = solver_of(given, weight)
        list(solver.sweep(1.0, False, False))
        changes[weight] = solver.spectra - start
    assert float(changes[0.0].abs().max()) == 0
    assert float(changes[1.0].abs().max()) > 0
    assert torch.allclose(changes[0.5], 0.5 * changes[1.0], atol=1e-7)


def test_without_weight_dark_frames_do_not_count() -> None:
    given, _ = scene((24, 24), na=BOARD)
    options = {"z_um": 0.0, **SMALL}
    found = result_of(events_of(given, "fpm-sequential", dark_weight=0.0, passes=3, stop_below=0.0, **options))
    other = np.asarray(given.frames).copy()
    other[9:] = other[9:, ::-1]
    twisted = given.replace(frames=other)
    same = result_of(events_of(twisted, "fpm-sequential", dark_weight=0.0, passes=3, stop_below=0.0, **options))
    one, two = (r.field.render([0.0], *r.field.extent.axes()) for r in (found, same))
    assert torch.equal(one, two)

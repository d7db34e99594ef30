"""A field fitted to the frames learns the microscope with it, and keeps what it learnt only where that helps."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from scene import OBJECTIVE_NA, WAVELENGTH_UM, board, scene

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.forward import fourier
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.engine.recipe import build, run
from napari_neuralfield.recon.fpm import fpm_inr
from napari_neuralfield.recon.fpm.learnt_microscope import corrections_of, taken_up
from napari_neuralfield.simulate.simulators import aberrated_pupil
from napari_neuralfield.types import Done, Note, Progress, Result

SHAPE = (32, 36)
NOTHING: dict[str, Any] = {
    "learn_board": False, "learn_directions": False, "learn_gains": False, "learn_background": "none",
    "learn_pupil": "none", "learn_z": False, "learn_wavelength": False,
}  # fmt: skip
SMALL: dict[str, Any] = {"z_um": 0.0, "steps": 150, "features": 4, "hidden": 8, "check_orientation": False}
DARK = np.vstack([board(3), [[0.231, 0.052], [-0.063, -0.242]]])


def fitted(acquisition: LedArray, **options: Any) -> Result:
    last = list(run(acquisition, build("fpm-inr", {**SMALL, **options}, "physics")))[-1]
    assert isinstance(last, Done)
    return last.result


def set_up(acquisition: LedArray, recipe: CalibrationRecipe):
    plan = fourier.windows(acquisition)
    measured = fourier.measure(acquisition, plan)
    return corrections_of(plan, measured, measured.gain, recipe), measured


def test_a_recipe_chooses_what_is_learnt_and_how_fast() -> None:
    acquisition, _ = scene((24, 24), na=DARK)
    every, measured = set_up(acquisition, CalibrationRecipe(learn_wavelength=True, learn_background="frame", z_step=4))
    assert set(every.learnt) == {name.removeprefix("learn_") for name in NOTHING} - {"z", "wavelength"} | {
        "z_um", "wavelength_um",
    }  # fmt: skip
    assert every.learnt["z_um"].step == pytest.approx(0.2)
    assert every.value("background").shape == (len(DARK),)
    assert every.noll == tuple(range(5, 16))  # defocus is the depth's
    assert set_up(acquisition, CalibrationRecipe(**NOTHING))[0].learnt == {}
    gain = torch.linspace(0.5, 1.5, len(DARK))
    known = corrections_of(every.plan, measured, gain, CalibrationRecipe())
    assert torch.allclose(known.gains(), gain)
    assert known.value("background").shape == (1,)


def test_bright_frames_alone_teach_no_ambient_light() -> None:
    acquisition, _ = scene((24, 24), na=board(3))
    assert "background" not in set_up(acquisition, CalibrationRecipe())[0].learnt


def test_what_was_learnt_is_taken_up_by_the_acquisition() -> None:
    """Its forward model is the one that was fitted, but for the hard edge of the aperture."""
    given, _ = scene((64, 64), na=DARK, sample_z_um=1.0)
    given = given.replace(frames=100 * np.asarray(given.frames))
    recipe = CalibrationRecipe(learn_background="frame", pupil_terms=5)
    corrections, measured = set_up(given, recipe)
    generator = torch.Generator().manual_seed(0)
    for name, size in {"directions": 5e-4, "gains": 0.2, "background": 0.003, "pupil": 0.2, "z_um": 2.0}.items():
        value = corrections.learnt[name].value
        value.data = size * torch.rand(value.shape, generator=generator)
    found = corrections.found()
    better, kept = taken_up(given, corrections, recipe, measured.scale)
    assert np.allclose(better.illumination_na, found["illumination_na"])
    assert np.allclose(np.asarray(better.exposure), found["gains"])
    assert np.allclose(fourier.ambient_light(better), found["floor"] * measured.scale)
    assert better.sample_z_um == pytest.approx(1.0 + found["z_um"])
    assert set(kept) == {"illumination_na", "gains", "pupil", "background"}
    before, plan, leds = corrections.plan, fourier.windows(better), np.arange(len(DARK))
    assert np.array_equal(plan.corner, before.corner)
    corrections.edge = 1e-6
    fitted_with = corrections.pupils(leds, torch.tensor(1.0), torch.ones(plan.box, dtype=torch.complex64)).detach()
    fitted_with = fitted_with / corrections.gains().detach()[:, None, None]
    said = fourier.pupils(plan, leds, torch.tensor([better.sample_z_um]))[:, 0]
    assert float((fitted_with - said).abs().max()) < 0.03  # measured 0.018: the phase between its bins


def test_a_wrong_depth_is_found() -> None:
    acquisition, _ = scene(SHAPE, 3.0)
    as_given = fitted(acquisition)
    options = {**SMALL, **NOTHING, "learn_z": True, "end_to_end": True}
    events = list(run(acquisition, build("fpm-inr", options, "physics")))
    found = events[-1].result
    low, high = found.field.extent.z_um
    assert low == high == pytest.approx(3.0, abs=0.3)
    names = "relative_amplitude_error"
    assert found.figures[names] < 0.3 * as_given.figures[names]  # measured 0.0045 and 0.022
    assert float(found.field.render([low], *found.field.extent.axes()).abs().mean()) > 0.5
    (said,) = (e for e in events if isinstance(e, Note))
    assert said.level == "info"
    before, after = map(float, re.search(r"is taken up: error ([\d.]+) before, ([\d.]+) after$", said.text).groups())
    assert after < before
    assert after == pytest.approx(found.figures[names], abs=1e-4)


@pytest.mark.parametrize(
    ("fit", "options", "remedy"),
    [
        ("distilled", {}, "add --polish N or --preset physics"),
        ("distilled", {"polish": 3}, ""),
        ("physics", {"steps": 0}, "give --steps 1 or more"),
        ("published", {}, "take --preset physics instead"),
    ],
)
def test_it_is_said_where_there_is_no_fit_to_learn_from(fit: str, options: dict[str, Any], remedy: str) -> None:
    notes = list(fpm_inr.nothing_to_learn_from(build("fpm-inr", {"fit": fit, "end_to_end": True, **options})))
    said = f"end_to_end does nothing without a fit of field and microscope to the frames; {remedy}"
    assert notes == ([Note(said, "warning")] if remedy else [])
    assert list(fpm_inr.nothing_to_learn_from(build("fpm-inr", {"fit": fit, **options}))) == []


def test_a_field_that_is_only_distilled_says_that_nothing_is_learnt() -> None:
    acquisition, _ = scene((24, 24), na=board(3))
    events = list(run(acquisition, build("fpm-inr", {"z_um": 0.0, "end_to_end": True, "check_orientation": False})))
    assert [e.level for e in events if isinstance(e, Note) and not e.text.startswith("the pupil")] == ["warning"]


def test_a_stack_moves_as_a_whole() -> None:
    acquisition, _ = scene(SHAPE, 3.0)
    found = fitted(acquisition, z_um=(-1.0, 1.0), **{**NOTHING, "learn_z": True}, end_to_end=True)
    low, high = found.field.extent.z_um
    assert high - low == pytest.approx(2.0)
    assert low > 1.0


def test_wrong_gains_are_found() -> None:
    gains = np.random.default_rng(0).uniform(0.7, 1.3, 25)
    acquisition, _ = scene(SHAPE, gains=gains)
    as_given = fitted(acquisition)
    found = fitted(acquisition, **{**NOTHING, "learn_gains": True}, end_to_end=True)
    assert np.abs(found.calibration["gains"] / (gains / gains.mean()) - 1).max() < 0.04  # measured 0.021
    assert np.array_equal(np.round(found.calibration["illumination_na"], 6), np.round(acquisition.illumination_na, 6))
    assert found.figures["relative_amplitude_error"] < 0.2 * as_given.figures["relative_amplitude_error"]


def test_an_aberration_lowers_the_error_when_it_is_learnt() -> None:
    aberration = aberrated_pupil({5: 0.5, 6: -0.4}, OBJECTIVE_NA / WAVELENGTH_UM)
    acquisition, _ = scene(SHAPE, pupil=aberration, strength=1.0)
    as_given = fitted(acquisition)
    found = fitted(acquisition, **{**NOTHING, "learn_pupil": "zernike", "pupil_terms": 3}, end_to_end=True)
    assert found.figures["relative_amplitude_error"] < 0.6 * as_given.figures["relative_amplitude_error"]


def test_what_does_not_help_is_not_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    acquisition, _ = scene(SHAPE, sample_z_um=1.0)

    def worse(acquisition, corrections, recipe, scale):
        moved = acquisition.replace(sample_z_um=acquisition.sample_z_um + 12.0)
        return moved, {"illumination_na": np.zeros((25, 2)), "gains": np.zeros(25)}

    monkeypatch.setattr(fpm_inr, "taken_up", worse)
    events = list(run(acquisition, build("fpm-inr", {**SMALL, "end_to_end": True, "steps": 60}, "physics")))
    result = events[-1].result
    (said,) = (e for e in events if isinstance(e, Note))
    assert said.level == "info"
    assert re.search(r"not taken up: the error would be 0\.\d{4}, without it 0\.\d{4}$", said.text)
    assert result.field.extent.z_um == (0.0, 0.0)
    assert result.calibration == {}
    monkeypatch.undo()
    without = fitted(acquisition, end_to_end=True, steps=0)
    assert without.field.extent.z_um == (0.0, 0.0)
    assert without.calibration == {}


def test_the_field_takes_shape_before_the_microscope_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    acquisition, _ = scene(SHAPE, 3.0)
    seen = []
    made = fpm_inr.corrections_of

    def watched(*arguments: Any):
        seen.append(made(*arguments))
        return seen[-1]

    monkeypatch.setattr(fpm_inr, "corrections_of", watched)
    recipe = build("fpm-inr", {**SMALL, "steps": 20, "end_to_end": True}, "physics")
    moved = []
    for event in run(acquisition, recipe):
        if isinstance(event, Progress):
            moved.append(max(float(item.value.detach().abs().max()) for item in seen[0].learnt.values()))
    assert moved[:6] == [0.0] * 6
    assert min(moved[6:]) > 0

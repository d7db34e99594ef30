"""Tiles with what lies around them: they agree with one piece."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield import InputError, LedArray, load_result, save_acquisition
from napari_neuralfield.app.wide import surroundings
from napari_neuralfield.app.wide.pieces import InProcess
from napari_neuralfield.app.wide.plan import Tiling, WidePlan, as_text, helps, planned, why_alone
from napari_neuralfield.app.wide.run import run_plan
from napari_neuralfield.app.wide.surroundings import _ramp
from napari_neuralfield.recon.fpm.sequential import SequentialRecipe
from napari_neuralfield.simulate.led_optics import Optics, led_frames, led_grid_na
from napari_neuralfield.simulate.spectra import seen
from napari_neuralfield.types import Done, Event, Note

SIDE, UP = 112, 2
OPTICS = Optics(objective_na=0.1, wavelength_um=0.522, pixel_um=1.6)
NA = led_grid_na(7, 1.2, 25.0, 0.15)


def scene(height_mm: float | None = None) -> tuple[LedArray, np.ndarray]:
    """A sample of clouds under a board at a height, and what a perfect microscope sees of it, on half the pixels."""
    rng = np.random.default_rng(3)
    far = np.hypot(*np.meshgrid(*[np.fft.fftfreq(SIDE * UP)] * 2))
    clouds = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE * UP,) * 2)) / (0.03 + far)).real
    sample = np.exp((0.4j - 0.1) * clouds / clouds.std())
    lit, told = sample, {}
    if height_mm is not None:
        middle = np.array([(SIDE - 1) / 2 * OPTICS["pixel_um"]] * 2)
        axis = np.arange(SIDE * UP) * OPTICS["pixel_um"] / UP - middle[0]
        bend = np.pi / (OPTICS["wavelength_um"] * 1000 * height_mm)
        lit = sample * np.exp(1j * bend * (axis[:, None] ** 2 + axis**2))
        told = {"led_height_mm": height_mm, "directions_at_um": middle}
    light = led_frames(lit[None] - 1, np.zeros(1), NA, upsampling=UP, **OPTICS)
    fine = OPTICS["pixel_um"] / UP
    truth = seen(sample, fine, NA / OPTICS["wavelength_um"], OPTICS["objective_na"] / OPTICS["wavelength_um"])
    return LedArray(frames=(1000 * light).astype(np.float32), illumination_na=NA, **OPTICS, **told), truth


@pytest.fixture(autouse=True)
def nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_neuralfield.recon.engine.judging.JUDGES", {})
    monkeypatch.setattr("napari_neuralfield.recon.engine.preparing.checks_of", lambda *_: [])


@pytest.fixture
def plan(tmp_path: Path) -> WidePlan:
    return plan_of(scene()[0], tmp_path)


def plan_of(acquisition: LedArray, tmp_path: Path) -> WidePlan:
    file = tmp_path / "wide.acq.h5"
    save_acquisition(file, acquisition)
    recipe = SequentialRecipe(
        z_um=0.0, passes=8, stop_below=0.0, recover_pupil=False, recover_gain=False, check_orientation=False
    )
    options = recipe.model_dump(mode="json")
    return planned(file, acquisition, (acquisition, (0.0, 0.0)), options, chosen={}, tiling=Tiling(64, 16))


def made(plan: WidePlan, output: Path) -> tuple[np.ndarray, list[Event]]:
    events = list(run_plan(plan, output, InProcess()))
    assert isinstance(events[-1], Done)
    y, x = (np.arange(SIDE * UP) * OPTICS["pixel_um"] / UP for _ in range(2))
    return load_result(output).field.render([0.0], y, x)[0].numpy(), events


def off(values: np.ndarray, truth: np.ndarray) -> float:
    """Relative difference away from the border, but for a complex factor."""
    inner = np.s_[16:-16, 16:-16]
    values, truth = values[inner], truth[inner]
    factor = np.vdot(values, truth) / np.vdot(values, values)
    return float(np.linalg.norm(factor * values - truth) / np.linalg.norm(truth))


def test_tiles_come_nearer_the_truth(plan: WidePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = scene()[1]
    assert helps(plan)
    found, _ = made(plan, tmp_path / "with.nfield")
    assert not (tmp_path / "with.nfield" / surroundings.NAME).exists()
    monkeypatch.setattr(surroundings, "helps", lambda plan: False)
    alone, _ = made(plan, tmp_path / "without.nfield")
    print(off(found, truth), off(alone, truth))
    assert off(found, truth) < 0.5 * off(alone, truth)


def test_tiles_under_a_near_board_have_no_sphere_of_phase(tmp_path: Path) -> None:
    acquisition, truth = scene(40.0)
    plan = plan_of(acquisition, tmp_path)
    assert max(np.hypot(*tile.directions_na) for tile in plan.tiles) > 5e-4
    found, events = made(plan, tmp_path / "near.nfield")
    assert not [event.text for event in events if isinstance(event, Note) and "without" in event.text]
    print(off(found, truth))
    assert off(found, truth) < 0.1


def test_what_cannot_be_seen_whole_is_made_without(
    plan: WidePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise InputError("a frame is broken")

    monkeypatch.setattr(surroundings, "_solved", fail)
    _, events = made(dataclasses.replace(plan, options={**plan.options, "passes": 1}), tmp_path / "out.nfield")
    assert any(isinstance(e, Note) and "without a look at the whole field: a frame is broken" in e.text for e in events)


@pytest.mark.parametrize("z_um", [None, [-5.0, 5.0]])
def test_stacks_are_left_as_they_are(plan: WidePlan, z_um: object) -> None:
    stack = dataclasses.replace(plan, options={**plan.options, "z_um": z_um})
    assert not helps(stack)
    assert "one depth" in why_alone(stack)


def test_the_plan_says_what_the_look_costs(plan: WidePlan) -> None:
    assert any("a coarse look at the whole field takes about" in line for line in as_text(plan))
    assert plan.look is not None
    assert dataclasses.replace(plan, look=None).digest == plan.digest


def test_a_tile_fades_only_where_it_has_a_neighbour() -> None:
    ramp = _ramp(12, 3, (False, True))
    assert (ramp[:9] == 1).all()
    assert (np.diff(ramp[8:]) < 0).all()
    assert ramp[-1] < 0.1

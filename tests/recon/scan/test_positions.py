"""Positions corrected from the frames."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scan_scene
import torch

from napari_neuralfield import build_recipe, reconstruct
from napari_neuralfield.compute import COMPLEX
from napari_neuralfield.forward.scan_problem import Problem, ScanState, first_state
from napari_neuralfield.optics.propagation import angular_spectrum, filtered
from napari_neuralfield.recon.scan.positions import (
    PositionCorrection,
    common_motion,
    moved,
    position_steps,
    pulls_of,
    slopes,
)
from napari_neuralfield.recon.scan.recipe import ScanRecipe
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.simulate import scans as simulate_scans
from napari_neuralfield.types import Done, Note

UNPADDED = {"pad": 0} if "pad" in ScanRecipe.model_fields else {}  # these near-field frames repeat at their borders


def known(kind: str) -> tuple[Problem, ScanState]:
    """A noise-free scan and its true state."""
    acquisition, truth = getattr(scan_scene, kind)()
    recipe = build_recipe("rpie", {"hold_out": 4, "borders": "periodic", **UNPADDED})
    problem = problem_of(acquisition, recipe)
    state, scan = first_state(problem, recipe.modes, recipe.seed_probe), problem.scan
    object_array = torch.as_tensor(truth, dtype=COMPLEX)
    if kind == "coded":
        away = angular_spectrum(scan.object_shape, scan.pixel_um, scan.to_object_um, scan.wavelength_um)
        object_array = filtered(object_array, away) * 1000**0.5
    state.object_array = object_array
    if kind != "coded":
        state.probe = torch.as_tensor(np.array(acquisition.probe), dtype=COMPLEX)  # not scaled to the frames' counts
    return problem, state


def test_slopes_of_a_wave_are_exact() -> None:
    y, x = torch.meshgrid(torch.arange(12.0), torch.arange(10.0), indexing="ij")
    angle = 2 * np.pi * (3 * y / 12 - 2 * x / 10)
    wave = torch.polar(torch.ones_like(angle), angle)
    down, right = slopes(wave)
    torch.testing.assert_close(down, 2j * np.pi * 3 / 12 * wave, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(right, -2j * np.pi * 2 / 10 * wave, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["far_field", "near_field", "coded"])
def test_one_step_finds_most_of_a_known_displacement(kind: str) -> None:
    problem, state = known(kind)
    wrong = torch.tensor([0.15, -0.1]) * torch.tensor([[1.0], [-1.0]]).repeat(problem.scan.frames // 2, 1)
    moved_away = ScanState(state.object_array, state.probe, state.position + wrong.double())
    every = torch.arange(problem.scan.frames)
    steps, worth, length = position_steps(problem, moved_away, every)
    misfit = pulls_of(problem, moved_away, every)[2]
    left = (steps + wrong).norm(dim=1) / wrong.norm(dim=1)
    assert float(left.median()) < 0.3  # measured: far 0.19, near 0.06, coded 0.01
    np.testing.assert_allclose(misfit.numpy(), problem.frame_misfit(moved_away, every)[0], rtol=1e-3)
    assert worth > 0.8  # measured: far 0.84, near and coded 0.98
    assert 0.15 < length < 0.2


def test_what_all_frames_ask_for_together_is_found_and_left_out_where_the_object_can_follow() -> None:
    random = torch.Generator().manual_seed(1)
    place, root = (torch.randn(shape, generator=random).double() for shape in ((20, 2), (20, 2, 2)))
    normal = root @ root.mT
    normal[3] = 0  # sees nothing
    affine = place @ torch.tensor([[0.02, 0.01], [-0.03, 0.04]]).double() + torch.tensor([0.3, -0.2]).double()
    found = common_motion(place, normal, (normal @ affine[:, :, None])[:, :, 0], True)
    torch.testing.assert_close(found, affine)
    same = torch.full((20, 2), 0.7).double()
    torch.testing.assert_close(common_motion(place, normal, (normal @ same[:, :, None])[:, :, 0], False), same)

    for kind, left in (("far_field", 0.25), ("near_field", 0.9)):  # measured: 0.10 and 0.98 of the scale is corrected
        problem, state = known(kind)
        away = 0.01 * (state.position - state.position.mean(0))
        wrong = ScanState(state.object_array, state.probe, state.position + away)
        steps, _, _ = position_steps(problem, wrong, torch.arange(problem.scan.frames))
        corrected = -float((steps * away).sum() / (away * away).sum())
        assert corrected < left if kind == "far_field" else corrected > left


def test_a_frame_that_sees_nothing_stays() -> None:
    problem, state = known("far_field")
    state.object_array = state.object_array.clone()
    y, x = torch.round(state.position[0]).long().tolist()
    state.object_array[y : y + problem.scan.window[0], x : x + problem.scan.window[1]] = 1
    steps, _, _ = position_steps(problem, state, torch.arange(problem.scan.frames))
    assert float(steps[0].norm()) < 0.01


def test_moves_keep_the_mean_of_the_used_frames_and_stay_on_the_canvas() -> None:
    problem, state = known("far_field")
    steps = torch.full_like(state.position, 0.4)
    torch.testing.assert_close(moved(problem, state.position, steps), state.position)
    steps[0] = 1e4
    corner = moved(problem, state.position, steps)
    room = torch.tensor(problem.scan.object_shape) - torch.tensor(problem.scan.window)
    assert (corner >= 0).all()
    assert (corner <= room).all()


def test_steps_that_last_while_the_canvas_sharpens_tell_wrong_positions() -> None:
    problem, state = known("far_field")
    blurred = ScanState(1 + 0.8 * (state.object_array - 1), state.probe, state.position)
    judge = PositionCorrection(None)
    judge.look(problem, blurred)
    assert not judge.decide(problem, state)
    wrong = 0.5 * torch.randn(state.position.shape, generator=torch.Generator().manual_seed(0)).double()
    judge = PositionCorrection(None)
    judge.look(problem, ScanState(blurred.object_array, state.probe, state.position + wrong))
    displaced = ScanState(state.object_array, state.probe, state.position + wrong)
    assert judge.decide(problem, displaced)
    off = judge.corrected(problem, displaced).position - state.position
    assert float((off - off.mean(0)).norm()) < 0.5 * float((wrong - wrong.mean(0)).norm())
    assert not PositionCorrection(None).decide(problem, displaced)  # without a look there is no telling


@pytest.mark.parametrize("wrong_px", [0.0, 1.5])
def test_positions_are_corrected_only_where_they_are_wrong(wrong_px: float) -> None:
    acquisition, truth = simulate_scans.far_field(pixels=48, frames=49, spot=24, position_error_px=wrong_px, counts=1e6)
    *events, done = reconstruct(acquisition, build_recipe("least-squares", {"passes": 20, "probe_search": False}))
    assert isinstance(done, Done)
    said = [event.text for event in events if isinstance(event, Note)]
    assert ("the frames ask for other positions: they are corrected" in said) == bool(wrong_px)
    assert not any("flickers" in text for text in said)
    off = (done.result.calibration["positions_um"] - truth["positions_um"]) / done.result.optics["pixel_um"]
    rms = float(np.sqrt(((off - off.mean(0)) ** 2).sum(1).mean()))
    assert rms < (0.9 if wrong_px else 1e-9)  # measured: 1.29 became 0.76


def test_positions_are_recovered_while_the_object_is_not_known() -> None:
    acquisition, truth = simulate_scans.far_field(pixels=48, frames=49, spot=24, position_error_px=1.5, probe="true")
    recipe = build_recipe("least-squares", {"passes": 24, "correct_positions": True})
    *_, done = reconstruct(acquisition, recipe)
    assert isinstance(done, Done)
    pixel = done.result.optics["pixel_um"]

    def error(positions: np.ndarray) -> float:
        off = (positions - truth["positions_um"]) / pixel
        return float(np.sqrt(((off - off.mean(0)) ** 2).sum(1).mean()))

    before, after = (error(done.result.calibration[name]) for name in ("nominal_positions_um", "positions_um"))
    assert before > 1.2
    assert after < 0.6  # measured: 0.47


def test_a_full_pixel_asks_for_no_other_position() -> None:
    """Where the light is at least as bright as the detector shows, nothing is missed."""
    problem, state = known("far_field")
    every, bright = torch.arange(problem.scan.frames), problem.measured.amplitude
    level = bright.flatten().quantile(0.97)
    clipped, blind = (
        dataclasses.replace(
            problem, measured=dataclasses.replace(problem.measured, amplitude=bright.clamp(max=level), full=full)
        )
        for full in (bright >= level, None)
    )
    assert float(pulls_of(clipped, state, every)[2].sum()) < 0.1 * float(pulls_of(blind, state, every)[2].sum())

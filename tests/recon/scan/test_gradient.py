"""The hand-written gradient of coded frames against autograd and against a step of the geometry."""

from __future__ import annotations

import pytest
import torch

from napari_neuralfield.forward.ptychography import predict
from napari_neuralfield.forward.scan_problem import Problem, ScanState, first_state
from napari_neuralfield.recon.scan.gradient import kernel_slope, low_pass, position_steps, pull_of
from napari_neuralfield.recon.scan.recipe import ScanRecipe
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.simulate.scans import coded


@pytest.fixture(scope="module")
def scene() -> tuple[Problem, ScanState]:
    acquisition, _ = coded(0, pixels=16, upsampling=2, frames=6, spread=5.0)
    recipe = ScanRecipe()
    problem = problem_of(acquisition, recipe)
    state = first_state(problem, recipe.modes, recipe.seed_probe)
    torch.manual_seed(0)
    state.object_array = state.object_array + 0.1 * torch.randn_like(state.object_array)
    return problem, state


def misfit(problem: Problem, object_array: torch.Tensor, probe: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    frames = torch.arange(6)
    counts = predict(object_array, probe[None], problem.scan, frames, place, problem.kernel)
    return ((torch.sqrt(counts) - problem.measured.amplitude) ** 2).sum()


def test_canvas_and_surface_pull_as_autograd_says(scene: tuple[Problem, ScanState]) -> None:
    problem, state = scene
    object_array, probe = (v.clone().requires_grad_() for v in (state.object_array, state.probe[0]))
    expected = torch.autograd.grad(misfit(problem, object_array, probe, state.position), (object_array, probe))
    found = pull_of(problem, state, torch.arange(6), solve_probe=True)
    share = problem.scan.binning**2 / 2  # autograd: twice the conjugate derivative, of means over binning^2 pixels
    assert found.probe is not None
    torch.testing.assert_close(found.object_array, expected[0] * share, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.probe, expected[1] * share, rtol=1e-3, atol=1e-4)
    whole = misfit(problem, state.object_array, state.probe[0], state.position)
    assert found.misfit == pytest.approx(float(whole), rel=1e-4)


def test_positions_and_distance_pull_as_a_small_step_says(scene: tuple[Problem, ScanState]) -> None:
    problem, state = scene
    slope = kernel_slope(problem.scan, "to_detector_um")
    found = pull_of(problem, state, torch.arange(6), positions=True, geometry=[slope])
    assert found.pull is not None
    place, expected = state.position.clone().requires_grad_(), []
    (slopes,) = torch.autograd.grad(misfit(problem, state.object_array, state.probe[0], place), place)
    torch.testing.assert_close(found.pull[:, :2], -slopes / 2, rtol=2e-2, atol=1e-3)
    for step in (1e-4, -1e-4):
        moved = problem.with_geometry(to_detector_um=problem.scan.to_detector_um * (1 + step))
        expected.append(float(misfit(moved, state.object_array, state.probe[0], state.position)))
    assert float(found.pull[:, 2].sum()) == pytest.approx(-(expected[0] - expected[1]) / 4e-4, rel=0.05)
    assert position_steps(found, largest=0.01).abs().max() <= 0.01


def test_low_pass_keeps_what_is_below(scene: tuple[Problem, ScanState]) -> None:
    mask = low_pass(scene[0].scan, 0.1)
    assert float(mask[0, 0]) == 1
    assert float(mask[0, 16]) == 0
    assert int(mask.sum()) == int((torch.fft.fftfreq(32)[:, None] ** 2 + torch.fft.fftfreq(32) ** 2 <= 0.01).sum())

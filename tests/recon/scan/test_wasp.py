"""The weighted average at the end of a pass."""

from __future__ import annotations

import pytest
import scan_scene
import torch

from napari_neuralfield import build_recipe
from napari_neuralfield.compute import COMPLEX
from napari_neuralfield.forward.ptychography import predict
from napari_neuralfield.forward.scan_problem import first_state
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.recon.scan.wasp import DIM, Averaging


@pytest.mark.parametrize("kind", ["far_field", "near_field", "coded"])
def test_an_answer_that_fits_all_frames_stays_where_it_is(kind: str) -> None:
    acquisition, _ = getattr(scan_scene, kind)()
    recipe = build_recipe("wasp", {"borders": "periodic", "update_probe": True})
    problem = problem_of(acquisition, recipe)
    state = first_state(problem, recipe.modes, recipe.seed_probe)
    state.object_array = state.object_array + 0.3 * torch.randn(
        problem.scan.object_shape, dtype=COMPLEX, generator=torch.Generator().manual_seed(0)
    )
    frames = predict(state.object_array, state.probe, problem.scan, problem.every, state.position, problem.kernel)
    problem.measured.amplitude.copy_(frames.sqrt())
    engine = Averaging(problem, state, recipe)
    with torch.no_grad():
        misfit = sum(float(misfit) for _, misfit in engine.sweep(problem.train.tolist(), True, 1.0))
    after = engine.waves.state()
    assert (misfit / problem.measured.energy()) ** 0.5 < 1e-4
    assert problem.error(after) < 1e-4
    torch.testing.assert_close(after.object_array, state.object_array, rtol=1e-3, atol=1e-3)


def test_what_has_little_of_the_brightest_light_moves_little_though_most_of_the_canvas_is_dark() -> None:
    acquisition, _ = scan_scene.near_field()
    recipe = build_recipe("wasp", {"update_probe": False})
    problem = problem_of(acquisition, recipe)
    state = first_state(problem, recipe.modes, recipe.seed_probe)
    y, x = (torch.linspace(-1, 1, n) for n in problem.scan.window)
    state.probe = state.probe * torch.exp(-12 * (y[:, None] ** 2 + x**2))
    engine = Averaging(problem, state, recipe)
    light = engine.waves.illumination(problem.train.tolist())
    engine._object_sum, engine._object_light = torch.ones_like(state.object_array), light
    engine._average(False)
    assert DIM * light.max() > light.mean()
    largest = (engine.waves.object_array - state.object_array).abs().max()
    torch.testing.assert_close(largest, 1 / (DIM * light.max()), rtol=1e-4, atol=1e-6)

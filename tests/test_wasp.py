"""The weighted average at the end of a pass."""

from __future__ import annotations

import pytest
import scan_scene
import torch

from napari_neuralfield import build_recipe
from napari_neuralfield.compute import COMPLEX
from napari_neuralfield.forward.ptychography import predict
from napari_neuralfield.recon.scan_setup import first_state, problem_of
from napari_neuralfield.recon.wasp import Averaging


@pytest.mark.parametrize("kind", ["far_field", "near_field", "coded"])
def test_an_answer_that_fits_all_frames_stays_where_it_is(kind: str) -> None:
    acquisition, _ = getattr(scan_scene, kind)()
    recipe = build_recipe("wasp", {"borders": "periodic", "update_probe": True})
    problem = problem_of(acquisition, recipe)
    state = first_state(problem, recipe)
    state.canvas = state.canvas + 0.3 * torch.randn(
        problem.scan.canvas, dtype=COMPLEX, generator=torch.Generator().manual_seed(0)
    )
    frames = predict(state.canvas, state.probe, problem.scan, problem.train, state.position, problem.kernel)
    problem.measured.amplitude.copy_(frames.sqrt())
    engine = Averaging(problem, state, recipe)
    with torch.no_grad():
        misfit = sum(float(misfit) for _, misfit in engine.sweep(problem.train.tolist(), True, 1.0))
    after = engine.waves.state()
    assert (misfit / problem.measured.energy()) ** 0.5 < 1e-4
    assert problem.error(after) < 1e-4
    torch.testing.assert_close(after.canvas, state.canvas, rtol=1e-3, atol=1e-3)

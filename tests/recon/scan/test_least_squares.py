"""The steps that a batch finds for itself."""

from __future__ import annotations

import scan_scene
import torch

from napari_neuralfield import build_recipe
from napari_neuralfield.forward.scan_problem import first_state
from napari_neuralfield.recon.scan.least_squares import Batches, best_steps
from napari_neuralfield.recon.scan.setup import problem_of


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def test_steps_solve_two_equations_per_frame() -> None:
    by_object, by_probe = random(3, 2, 16, 16, seed=0), random(3, 2, 16, 16, seed=1)
    steps = best_steps(by_object, by_probe, 0.7 * by_object - 0.2 * by_probe)
    torch.testing.assert_close(steps, torch.tensor([[0.7, -0.2]]).repeat(3, 1), atol=2e-3, rtol=0)


def test_every_noise_model_lowers_the_misfit_of_its_batch() -> None:
    for noise in ("amplitude", "poisson"):
        recipe = build_recipe("least-squares", {"noise": noise})
        problem = problem_of(scan_scene.far_field()[0], recipe)
        engine = Batches(problem, first_state(problem, recipe.modes, recipe.seed_probe), recipe)
        order = problem.train.tolist()
        with torch.no_grad():
            sums = [sum(float(misfit.sum()) for _, misfit in engine.sweep(order, False, 1.0)) for _ in range(6)]
        assert sums[-1] < 0.2 * sums[0]
        assert sums[-1] == min(sums)

"""What all classical engines share: schedule, settling, held-out frames, running out of memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import scan_scene
import torch

from napari_neuralfield import build_recipe, reconstruct
from napari_neuralfield.forward.scan_problem import first_state
from napari_neuralfield.optics.grids import intensity
from napari_neuralfield.recon.scan.exit_waves import ExitWaves
from napari_neuralfield.recon.scan.least_squares import Batches
from napari_neuralfield.recon.scan.passes import Schedule, Settling, centre, plan_of, solve_scan
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.types import Done, InputError, Note, Preview, Progress


def test_steps_shrink_in_the_last_passes() -> None:
    plan = Schedule(10, 5, build_recipe("rpie", {"last_step": 0.1}))
    assert [plan.step(n) for n in range(5)] == [1.0] * 5
    assert plan.step(9) == pytest.approx(0.1)
    assert all(plan.step(n) > plan.step(n + 1) for n in range(4, 9))


def test_held_out_frames_end_full_steps_first_and_then_everything() -> None:
    plan = Schedule(30, 15, build_recipe("rpie", {"patience": 2}))
    assert plan.judge(0, 0.5)
    assert not plan.judge(1, 0.6)
    assert not plan.judge(2, 0.6)
    assert plan.total == 3 + 15
    assert plan.step(3) < 1
    assert not plan.judge(3, 0.6)
    assert plan.total == 18
    for number in range(4, 10):
        assert not plan.judge(number, 0.6)
        assert plan.total == 18
    assert not plan.judge(10, 0.6)
    assert plan.total == 3 + 8  # half of the shrinking steps


def test_three_quarters_of_the_passes_are_planned_again() -> None:
    plan = Schedule(20, 10, build_recipe("rpie", {}))
    assert plan.sharp == 12
    plan.begin_again(11)
    assert plan.total == 27
    assert plan.step(16) == 1
    assert plan.step(26) == pytest.approx(0.1)
    plan = Schedule(10, 0, build_recipe("rpie", {}))
    assert plan.sharp == 6
    plan.begin_again(5)
    assert (plan.total, plan.step(12)) == (13, 1)


def test_known_surfaces_get_few_passes() -> None:
    problem = problem_of(scan_scene.coded()[0], build_recipe("rpie", {}))
    assert plan_of(problem, build_recipe("rpie", {})) == (20, 0)
    assert plan_of(problem, build_recipe("rpie", {"passes": 4, "settle": 0.5})) == (4, 2)
    problem = problem_of(scan_scene.far_field()[0], build_recipe("rpie", {}))
    assert plan_of(problem, build_recipe("rpie", {})) == (30, 15)


def test_settling_keeps_every_frame() -> None:
    acquisition, truth = scan_scene.far_field()
    recipe = build_recipe("rpie", {})
    problem = problem_of(acquisition, recipe)
    state = first_state(problem, recipe.modes, recipe.seed_probe)
    keeper = Settling(ExitWaves(problem, state))
    state.object_array = torch.nn.functional.pad(2j * torch.as_tensor(truth)[4:-4, 4:-4], (4, 4, 4, 4), value=1).to(
        torch.complex64
    )
    before = problem.error(state)
    middle = centre(intensity(state.probe).sum(0))
    state.object_array, state.probe = (
        torch.roll(state.object_array, (2, -1), (0, 1)),
        torch.roll(state.probe, (2, -1), (1, 2)),
    )
    normalised = keeper.normalised(state, True)
    assert problem.error(normalised) == pytest.approx(before, rel=1e-4)
    np.testing.assert_allclose(centre(intensity(normalised.probe).sum(0)), middle, atol=1e-2)
    assert 0.5 < float(normalised.object_array.abs().mean()) < 1.5
    assert keeper.normalised(state, False) is state


def test_the_state_that_predicts_held_out_frames_best_is_kept_and_said() -> None:
    acquisition, _ = scan_scene.coded()
    events = list(reconstruct(acquisition, build_recipe("epie", {"hold_out": 4, "borders": "periodic"})))
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "predicts the held-out frames best" in notes[-1]
    done = events[-1]
    assert isinstance(done, Done)
    assert done.result.figures["held_out_error"] < 0.1
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress[-1].done <= progress[-1].total
    assert any(isinstance(event, Preview) for event in events)


def test_running_out_of_memory_halves_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    acquisition, _ = scan_scene.far_field()
    recipe = build_recipe("least-squares", {"passes": 2, "batch": 8})
    problem = problem_of(acquisition, recipe)
    engine = Batches(problem, first_state(problem, recipe.modes, recipe.seed_probe), recipe)
    improve = engine.improve

    def scarce(part: list[int], *others: object) -> torch.Tensor:
        if len(part) > 2:
            raise MemoryError
        return improve(part, *others)

    monkeypatch.setattr(engine, "improve", scarce)
    with torch.no_grad():
        notes = [event.text for event in solve_scan(problem, recipe, engine) if isinstance(event, Note)]
    assert notes == ["the device ran out of memory; going on with fewer frames at once"] * 2
    assert engine.batch == 2


def test_a_runaway_is_told_in_a_sentence() -> None:
    class Runaway(Batches):
        def sweep(self, order: list[int], solve_probe: bool, step: float) -> Iterator[tuple[list[int], torch.Tensor]]:
            yield order, torch.full((len(order),), torch.nan)

    acquisition, _ = scan_scene.far_field()
    recipe = build_recipe("least-squares", {})
    problem = problem_of(acquisition, recipe)
    engine = Runaway(problem, first_state(problem, recipe.modes, recipe.seed_probe), recipe)
    with pytest.raises(InputError, match="run away from the frames; take smaller steps"):
        list(solve_scan(problem, recipe, engine))

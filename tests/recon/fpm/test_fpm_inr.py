import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scene import OBJECTIVE_NA, WAVELENGTH_UM, board, relative_error, scene

from napari_neuralfield.fields.plane_axis import PlaneAxisField
from napari_neuralfield.forward import fourier
from napari_neuralfield.recon.engine.readings import squares
from napari_neuralfield.recon.engine.recipe import build, run
from napari_neuralfield.recon.fpm import fpm_inr as module
from napari_neuralfield.recon.fpm.fpm_inr_published import fit_published, random_depths, uniform_depths
from napari_neuralfield.recon.fpm.per_slice import one_pass
from napari_neuralfield.recon.projection.solver import Solver
from napari_neuralfield.types import Done, Event, Note, Preview, Progress, Result

SHAPE = (32, 36)


def last(events: Iterator[Event]) -> tuple[Result, list[Event]]:
    seen = list(events)
    assert isinstance(seen[-1], Done)
    return seen[-1].result, seen


def test_the_distilled_field_is_the_classical_answer() -> None:
    acquisition, sample = scene(SHAPE)
    values = {"z_um": (-4.0, 4.0)}
    classical, _ = last(run(acquisition, build("fpm-sequential", {**values, "half": False})))
    result, events = last(run(acquisition, build("fpm-inr", values)))
    field = result.field
    assert isinstance(field, PlaneAxisField)
    y, x = field.extent.axes()
    wanted, found = (r.field.render([-3.0, 0.0, 2.2], y, x).numpy() for r in (classical, result))
    assert relative_error(found, wanted) < 5e-3
    assert relative_error(found[1], sample) < 0.09
    assert any(isinstance(e, Preview) for e in events)
    assert result.figures["relative_amplitude_error"] < 1.05 * classical.figures["relative_amplitude_error"] + 1e-3


def test_the_distance_from_the_classical_stack_is_told() -> None:
    acquisition, _ = scene(SHAPE)
    found = {}
    for features in (2, 16):
        result, _ = last(run(acquisition, build("fpm-inr", {"z_um": (-12.0, 12.0), "features": features})))
        found[features] = result.figures["distance_from_classical"]
    assert found[16] < 1e-3 < 1e-2 < found[2]


def test_physics_alone_finds_the_sample() -> None:
    acquisition, sample = scene(SHAPE)
    recipe = build("fpm-inr", {"z_um": (-2.0, 2.0), "steps": 150, "features": 4, "hidden": 8}, "physics")
    result, events = last(run(acquisition, recipe))
    losses = [e.loss for e in events if isinstance(e, Progress)]
    assert losses[-1] < 0.3 * losses[0]
    y, x = result.field.extent.axes()
    assert relative_error(result.field.render([0.0], y, x)[0].numpy(), sample) < 0.12


def test_out_of_memory_goes_on_with_fewer_leds(monkeypatch: pytest.MonkeyPatch) -> None:
    acquisition, _ = scene((24, 24), na=board(3))
    plain, calls = fourier.misfit, itertools.count()

    def greedy(*arguments: torch.Tensor) -> torch.Tensor:
        if next(calls) == 2:
            raise torch.OutOfMemoryError("no memory")
        return plain(*arguments)

    monkeypatch.setattr(fourier, "misfit", greedy)
    recipe = build("fpm-inr", {"z_um": 0.0, "steps": 5, "leds_per_step": 8}, "physics")
    _, events = last(run(acquisition, recipe))
    notes = [e.text for e in events if isinstance(e, Note)]
    assert notes == ["the device ran out of memory; going on with 4 frames a step"]
    assert [e.done for e in events if isinstance(e, Progress)] == [1, 2, 3, 4, 5]


def test_a_single_plane_keeps_pupil_and_gains() -> None:
    def astigmatic(fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
        return np.exp(1.2j * (fy**2 - fx**2) * (WAVELENGTH_UM / OBJECTIVE_NA) ** 2)

    acquisition, _ = scene(SHAPE, gains=np.linspace(0.8, 1.2, 25), pupil=astigmatic)
    result, _ = last(run(acquisition, build("fpm-inr", {"z_um": 0.0})))
    assert set(result.calibration) == {"pupil", "gains"}
    assert result.figures["relative_amplitude_error"] < 0.03
    assert result.field.extent.z_um == (0.0, 0.0)


def test_published_settings() -> None:
    recipe = build("fpm-inr", {}, "published")
    acquisition, _ = scene((32, 32), na=board(3))
    field = module.new_field(acquisition, recipe, np.array([-20.0, 20.0]), fourier.windows(acquisition), 5)
    assert field.plane_shape == (16, 16)  # a quarter of the output, which is twice the raw frame
    assert (field.features, field.hidden, field.depth_nodes) == (32, 32, 5)
    depths = uniform_depths(acquisition, -19.0, 19.0)
    assert len(depths) == 4  # about 0.8 x 0.5 / 0.2^2 = 10 um apart
    jittered = random_depths(depths, np.random.default_rng(0))
    assert len(jittered) == 2
    assert ((jittered > -19) & (jittered < 19)).all()


@pytest.mark.parametrize(
    ("preset", "range_um", "uniform", "random", "network"),
    [
        ("published", (-20.0, 20.0), np.arange(-20, 21, 5), 3, (32, 5)),
        ("published-thyroid", (-15.0, 15.0), np.arange(-15, 16, 6), 3, (24, 6)),
        ("notebook", (-19.0, 19.0), np.linspace(-19, 19, 4), 2, (32, 5)),
    ],
)
def test_depths_of_the_paper_and_of_its_notebook(
    preset: str, range_um: tuple[float, float], uniform: np.ndarray, random: int, network: tuple[int, int]
) -> None:
    recipe, (acquisition, _) = build("fpm-inr", {}, preset), scene((24, 24), na=board(3))
    depths = uniform_depths(acquisition, *range_um, recipe.sets)
    np.testing.assert_allclose(depths, uniform)
    drawn = random_depths(depths, np.random.default_rng(1), recipe.sets.random)
    cells = np.floor((drawn - depths[0]) / np.diff(depths)[0])
    assert len(set(cells)) == len(drawn) == random
    assert (recipe.features, recipe.depth_nodes) == network


def test_the_published_loop_runs_led_by_led(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_neuralfield.recon.fpm.fpm_inr_published.EPOCHS", 3)
    acquisition, _ = scene((24, 24), na=board(3))
    recipe = build("fpm-inr", {"z_um": (-5.0, 5.0)}, "published")
    field = module.new_field(acquisition, recipe, np.array([-5.0, 5.0]), fourier.windows(acquisition), 5)
    module.start_random(field, torch.Generator().manual_seed(0))
    before = field.parts[0].plane.detach().clone()
    progress = [e for e in fit_published(field, acquisition, 0, torch.device("cpu")) if isinstance(e, Progress)]
    assert [e.done for e in progress] == list(range(1, progress[0].total + 1))
    assert progress[0].total % 9 == 0
    assert not torch.equal(before, field.parts[0].plane)


def test_the_fast_solver_is_the_textbook_pass() -> None:
    """Without cropping, one full-step pass of both gives the same spectrum."""
    acquisition, _ = scene((30, 33), z_um=3.0, na=board(3))
    plan = fourier.windows(acquisition, crop=False)
    measured = fourier.measure(acquisition, plan)
    spectra = torch.zeros((1, *plan.spectrum_shape), dtype=torch.complex64)
    middle = [n // 2 for n in plan.spectrum_shape]
    spectra[0, middle[0], middle[1]] = 1
    big = torch.zeros((60, 66), dtype=torch.complex64)
    big[30, 33] = 1
    solver = Solver(plan, measured, np.array([3.0]), spectra, torch.ones(plan.box, dtype=torch.complex64))
    fast = sum(squares(list(solver.sweep(1.0, False, False))))
    textbook = one_pass(big, measured.amplitude, acquisition, 3.0, 1.0)
    rows, columns = plan.spectrum_shape
    window = big[30 - rows // 2 : 30 + rows // 2 + 1, 33 - columns // 2 : 33 + columns // 2 + 1]
    torch.testing.assert_close(spectra[0], window, rtol=1e-4, atol=1e-5)
    assert fast == pytest.approx(textbook, rel=1e-4)


def test_per_slice_agrees_with_the_fast_answer() -> None:
    acquisition, sample = scene((24, 24))
    result, _ = last(run(acquisition, build("fpm-per-slice", {"z_um": 0.0, "passes": 5})))
    y, x = result.field.extent.axes()
    assert relative_error(result.field.render([0.0], y, x)[0].numpy(), sample) < 0.09

"""The ptychographic iterative engines ePIE and rPIE, and what every classical engine must reach on small scans."""

from __future__ import annotations

import numpy as np
import pytest
import scan_scene
import torch
from solved import result_of as solved

from napari_neuralfield import build_recipe
from napari_neuralfield.forward.scan_problem import first_state
from napari_neuralfield.recon.scan.recipe import ScanRecipe
from napari_neuralfield.recon.scan.sequential import Momentum, Sequential, weight
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.simulate import scans as simulate_scans
from napari_neuralfield.types import Result

UNPADDED = {"pad": 0} if "pad" in ScanRecipe.model_fields else {}  # these near-field frames repeat at their borders
ENGINES = ("epie", "rpie", "wasp", "least-squares")


def image(result: Result) -> np.ndarray:
    return result.field.render([0.0], *result.field.extent.axes())[0].numpy()


def apart(found: np.ndarray, truth: np.ndarray, seen: np.ndarray) -> float:
    """Relative error where the scan put light, with one free complex factor and a free slope of the phase."""
    a, b = found * seen, truth * seen
    cross = a.conj() * b
    slopes = [np.angle((np.roll(cross, -1, axis) * cross.conj()).sum()) for axis in (0, 1)]
    y, x = np.indices(found.shape)
    a = a * np.exp(1j * (slopes[0] * y + slopes[1] * x))
    a = a * (a.conj() * b).sum() / (abs(a) ** 2).sum()
    return float(np.sqrt((abs(a - b) ** 2).sum() / (abs(b) ** 2).sum()))


@pytest.mark.parametrize("method", ENGINES)
def test_far_field_object_and_probe_are_found_together(method: str) -> None:
    acquisition, truth = simulate_scans.far_field(pixels=48, frames=49, spot=24, counts=1e7)
    result = solved(acquisition, method, passes=30)
    assert result.figures["relative_amplitude_error"] < 0.02  # measured: 0.008 to 0.013
    assert apart(image(result), truth["object"], truth["seen"]) < 0.05  # measured: 0.017 to 0.030
    assert result.calibration["probe"].shape == (1, 48, 48)


@pytest.mark.parametrize("method", ENGINES)
def test_near_field_object_in_a_known_probe(method: str) -> None:
    acquisition, truth = scan_scene.near_field()
    result = solved(acquisition, method, passes=30, update_probe=False, correct_positions=False, **UNPADDED)
    seen = np.zeros(truth.shape)
    seen[22:-22, 22:-22] = 1
    assert apart(image(result), truth, seen) < 0.2  # measured: 0.135 to 0.153; flat: 0.55


@pytest.mark.parametrize("method", ENGINES)
def test_coded_object_behind_a_known_surface(method: str) -> None:
    acquisition, truth = scan_scene.coded()
    result = solved(acquisition, method, borders="periodic", passes=60)
    assert result.figures["relative_amplitude_error"] < 0.01
    assert apart(image(result), truth, np.ones(truth.shape)) < 0.19  # measured: 0.159 to 0.161; flat: 0.56


def test_modes_explain_what_one_wave_cannot() -> None:
    acquisition, _ = simulate_scans.far_field(pixels=48, frames=49, spot=24, modes=3, counts=1e8)
    one, three = (solved(acquisition, "rpie", passes=30, modes=modes, correct_positions=False) for modes in (1, 3))
    assert three.figures["relative_amplitude_error"] < 0.85 * one.figures["relative_amplitude_error"]  # measured: 0.74
    light = (abs(three.calibration["probe"]) ** 2).sum((1, 2))
    assert (np.diff(light) < 0).all()
    np.testing.assert_allclose(three.calibration["mode_shares"], light / light.sum(), rtol=1e-4)
    assert three.figures["first_mode_share"] == pytest.approx(light[0] / light.sum(), rel=1e-4)


def test_the_modes_of_the_file_are_kept() -> None:
    """Unless others are asked for; a near field has one wave."""
    acquisition, _ = simulate_scans.far_field(pixels=32, frames=9, spot=16, modes=3, probe="true")
    options = {"passes": 1, "correct_positions": False}
    assert solved(acquisition, "rpie", **options).calibration["probe"].shape[0] == 3
    assert solved(acquisition, "rpie", modes=1, **options).calibration["probe"].shape[0] == 1
    assert solved(acquisition, "rpie", seed_probe=False, **options).calibration["probe"].shape[0] == 1
    near, truth = simulate_scans.near_field(pixels=32, frames=5, spread=6.0)
    two = near.replace(probe=np.repeat(truth["probe"], 2, axis=0))
    assert solved(two, "rpie", **options).calibration["probe"].shape[0] == 1


def test_one_visit_satisfies_a_frame_where_the_probe_is_flat() -> None:
    acquisition, _ = scan_scene.far_field()
    acquisition = acquisition.replace(
        probe=np.ones((1, 32, 32), np.complex64), positions_um=np.round(acquisition.positions_um, 1)
    )
    recipe = build_recipe("epie", {})
    problem = problem_of(acquisition, recipe)
    engine = Sequential(problem, first_state(problem, recipe.modes, recipe.seed_probe))
    engine.waves.object_array += 0.5 * torch.randn(
        problem.scan.object_shape, dtype=torch.complex64
    )  # every wave has a phase
    with torch.no_grad():
        [(_, before)] = engine.sweep([5], False, 1.0)
        [(_, after)] = engine.sweep([5], False, 1.0)
    assert float(after) < 1e-5 * float(before)


def test_weights_lie_between_each_pixel_and_the_peak() -> None:
    bright = torch.tensor([0.0, 1.0, 4.0])
    assert float(weight(bright, 1.0)) == 4.0
    torch.testing.assert_close(weight(bright, 0.25), torch.tensor([1.0, 1.75, 4.0]))


def test_momentum_carries_on() -> None:
    values, momentum = torch.zeros(1), Momentum(0.5)
    momentum.push(values)
    values += 1
    momentum.push(values)
    assert float(values) == 1.5
    values += 1
    momentum.push(values)
    assert float(values) == 1.5 + 1 + 0.5 * (0.5 * 1 + 1)

"""Iterated cosine transforms: closed forms in uneven light, where the iterations end, and options of before."""

import math

import numpy as np
import pytest

from napari_neuralfield import build_recipe
from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.recon.engine.recipe import load
from napari_neuralfield.recon.focus.transport.cosines import (
    cosine_frequencies,
    cosines,
    from_cosines,
    outflow,
    poisson,
    slopes,
)
from napari_neuralfield.recon.focus.transport.teague import light_and_slope
from napari_neuralfield.registry import METHODS
from napari_neuralfield.types import InputError, Note, Progress

ROWS, COLUMNS, WAVELENGTH_UM, PIXEL_UM = 64, 96, 0.5, 0.8
P, Q = np.pi / (ROWS * PIXEL_UM), np.pi / (COLUMNS * PIXEL_UM)
Y, X = PIXEL_UM * (np.arange(ROWS)[:, None] + 0.5), PIXEL_UM * (np.arange(COLUMNS)[None, :] + 0.5)


def uneven_world(contrast: float, z_um=(-1.5, 1.5)):
    """Two waves of phase in light that varies across them, and frames of the slope -div(I grad phase) / k."""
    phase = 0.6 * np.cos(3 * P * Y) * np.cos(2 * Q * X) + 0.3 * np.cos(2 * P * Y) * np.cos(5 * Q * X)
    along_y = -1.8 * P * np.sin(3 * P * Y) * np.cos(2 * Q * X) - 0.6 * P * np.sin(2 * P * Y) * np.cos(5 * Q * X)
    along_x = -1.2 * Q * np.cos(3 * P * Y) * np.sin(2 * Q * X) - 1.5 * Q * np.cos(2 * P * Y) * np.sin(5 * Q * X)
    laplace = -0.6 * (9 * P**2 + 4 * Q**2) * np.cos(3 * P * Y) * np.cos(2 * Q * X)
    laplace = laplace - 0.3 * (4 * P**2 + 25 * Q**2) * np.cos(2 * P * Y) * np.cos(5 * Q * X)
    light = 1 + contrast * np.cos(2 * P * Y) * np.cos(3 * Q * X)
    flow_y = -2 * contrast * P * np.sin(2 * P * Y) * np.cos(3 * Q * X) * along_y
    flow_x = -3 * contrast * Q * np.cos(2 * P * Y) * np.sin(3 * Q * X) * along_x
    slope = -(flow_y + flow_x + light * laplace) * WAVELENGTH_UM / (2 * np.pi)
    values = {"wavelength_um": WAVELENGTH_UM, "objective_na": 0.4, "condenser_na": 0.0, "pixel_um": PIXEL_UM}
    frames = np.stack([light + z * slope for z in z_um]).astype(np.float32)
    draft = Draft("through_focus", frames, {**values, "z_um": np.array(z_um, float)}, "stack.acq.h5")
    return draft.complete(), phase


def solved(acquisition, **options):
    recipe = build_recipe("tie-dct", {"upsampling": 1, **options}, preset="published")
    events = list(METHODS["tie-dct"].run(acquisition, recipe))
    return shown(events), events


def shown(events):
    field = events[-1].result.field
    phase = field.render(0.0, *field.extent.axes())[0].numpy()
    return phase - phase.mean()


def off(found, truth):
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


@pytest.mark.parametrize(("contrast", "single"), [(0.5, 0.036), (0.8, 0.15)])  # measured: 0.0358 and 0.152
def test_phase_in_uneven_light_is_found_where_a_single_step_is_wrong(contrast, single):
    acquisition, phase = uneven_world(contrast)
    once, _ = solved(acquisition, iterations=1)
    found, events = solved(acquisition)
    assert off(once, phase) == pytest.approx(single, rel=0.1)
    assert off(found, phase) < 0.01  # measured: 0.0001 and 0.0033
    assert events[-1].result.figures["slope_left"] < 1e-3
    left = [event.loss for event in events if isinstance(event, Progress)]
    assert left == sorted(left, reverse=True)


def test_even_light_needs_one_solution():
    acquisition, phase = uneven_world(0.0)
    found, events = solved(acquisition)
    assert off(found, phase) < 1e-3
    assert events[-1].result.figures["iterations"] == 1


def test_three_planes_give_the_slope_at_focus_and_two_on_one_side_that_between_them():
    z = np.array([-2.0, 1.0, 4.0])
    light, slope = light_and_slope((1 + 0.3 * z + 0.05 * z**2)[:, None, None], z)
    assert (light.item(), slope.item()) == pytest.approx((1, 0.3))
    light, slope = light_and_slope((1 + 0.3 * z[1:])[:, None, None], z[1:])
    assert (light.item(), slope.item()) == pytest.approx((1.3, 0.3))  # of the plane nearest to the focus


def test_slopes_are_those_of_a_wave_and_outflow_is_their_adjoint():
    phase = np.cos(3 * P * Y) * np.cos(2 * Q * X)
    along_y, along_x = slopes(cosines(phase))
    np.testing.assert_allclose(along_y, -3 * P * PIXEL_UM * np.sin(3 * P * Y) * np.cos(2 * Q * X), atol=1e-12)
    np.testing.assert_allclose(along_x, -2 * Q * PIXEL_UM * np.cos(3 * P * Y) * np.sin(2 * Q * X), atol=1e-12)
    rng = np.random.default_rng(0)
    spectrum, flow = rng.standard_normal((20, 24)), rng.standard_normal((2, 20, 24))
    assert np.vdot(slopes(spectrum), flow) == pytest.approx(-np.vdot(spectrum, outflow(flow)), rel=1e-12)
    laplace = -((2 * np.pi * cosine_frequencies((20, 24), 1.0)) ** 2)
    np.testing.assert_allclose(outflow(slopes(spectrum)), laplace * spectrum, atol=1e-12)
    spectrum[0, 0] = 0
    np.testing.assert_allclose(poisson(outflow(slopes(spectrum))), spectrum, atol=1e-12)
    assert from_cosines(spectrum).mean() == pytest.approx(0, abs=1e-12)


def test_noise_hides_slow_phase_and_the_cutoff_comes_from_it():
    acquisition, truth = uneven_world(0.3)
    noisy = acquisition.replace(
        frames=acquisition.frames + 0.01 * np.random.default_rng(0).standard_normal((2, ROWS, COLUMNS)).astype("f4")
    )
    recipe = build_recipe("tie-dct", {"upsampling": 1})
    events = list(METHODS["tie-dct"].run(noisy, recipe))
    filtered = shown(events)
    assert off(filtered, truth) < 0.5 * off(solved(noisy)[0], truth)
    assert any("noise" in event.text and "cycles/um" in event.text for event in events if isinstance(event, Note))
    assert math.isclose(events[-1].result.figures["planes"], 2)


@pytest.mark.parametrize(("option", "value"), [("edges", 0.1), ("kernel", "ctf")])
def test_options_of_the_method_that_was_called_so_before_are_named(option, value):
    with pytest.raises(InputError, match=f"has no option {option}; method tie-tv, which was called tie-dct before"):
        build_recipe("tie-dct", {option: value})


def test_a_recipe_file_of_the_method_that_was_called_so_before_is_read(tmp_path):
    file = tmp_path / "before.yaml"
    file.write_text("method: tie-dct\nedges: null\nkernel: ctf\niterations: 4\n")
    values = load(file)
    assert build_recipe(values["method"], values).method == "tie-tv"
    file.write_text("method: tie-dct\niterations: 4\n")
    assert load(file)["method"] == "tie-dct"

"""Nothing that is not finite leaves, whatever the method, and a runaway is stopped with its true cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import coded_scene
import numpy as np
import pytest
import torch
from test_testing import QUICK, SCENES

from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.fields.finite import wrong_in
from napari_neuralfield.fields.planes import PlanesField, planes_of_images
from napari_neuralfield.io import save_result
from napari_neuralfield.io.native.weights_file import save_weights
from napari_neuralfield.io.writers.images import save_planes
from napari_neuralfield.networks.pretrained import Weights
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.engine.preparing import prepared_run
from napari_neuralfield.registry import METHODS
from napari_neuralfield.types import Done, Event, Extent, InputError, Preview, Result, Verdict

Make = Callable[..., Acquisition]
SOUND = torch.ones((1, 8, 8), dtype=torch.complex64)


def field(images: torch.Tensor = SOUND) -> PlanesField:
    return planes_of_images(images, [0.0], Extent((0.0, 0.0), (8, 8), 1.0))


def run(acquisition: Acquisition, *events: Event, as_given: bool = False) -> list[Event]:
    def method(used: Acquisition, recipe: object) -> Iterator[Event]:
        yield from events

    return list(prepared_run(acquisition, None, "toy", as_given=as_given, method=method))


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (Result(field(torch.nan * SOUND)), r"of its numbers are NaN or infinite, in modes"),
        (Result(field(), calibration={"gains": np.array([1, np.nan])}), r"1 of its numbers .* in gains"),
        (Result(field(), calibration={"pupil": np.array([np.inf + 1j])}), r"1 of its numbers .* in pupil"),
        (Result(field(), figures={"relative_amplitude_error": np.nan}), r"relative_amplitude_error is nan"),
        (Result(field(), figures={"sample_z_um": np.inf}), r"sample_z_um is inf"),
    ],
)
def test_what_is_not_finite_is_refused_with_what_the_frames_say_of_it(
    led_array: Make, result: Result, said: str
) -> None:
    with pytest.raises(InputError, match=rf"the result of method toy is not finite \(.*{said}.*check what is said"):
        run(led_array(), Done(result))


def test_a_figure_that_cannot_be_had_is_left_out(led_array: Make) -> None:
    verdict = Verdict("green", "good", {"a": 1.0, "b": np.nan})
    *_, done = run(led_array(), Done(Result(field(), figures={"seconds": 1.0, "score": np.nan}, verdict=verdict)))
    assert isinstance(done, Done)
    assert done.result.figures == {"seconds": 1.0}


def test_a_runaway_is_stopped_at_its_first_preview(led_array: Make) -> None:
    with pytest.raises(InputError, match=r"method toy has run away \(.*modes\); check what is said of the microscope"):
        run(led_array(), Preview(field(torch.inf * SOUND), 0.0), Done(Result(field())))


@pytest.mark.parametrize("value", [1e30, 3e38, -1e30])
def test_a_pixel_that_is_no_light_is_named_where_frames_are_taken_as_given(led_array: Make, value: float) -> None:
    acquisition = with_pixel(led_array(), value)
    with pytest.raises(InputError, match=r"frame 2 holds .* in row 5, column 7, which is no light: half of the lit"):
        run(acquisition, Done(Result(field())), as_given=True)
    assert isinstance(run(acquisition, Done(Result(field())))[-1], Done)


def with_pixel(acquisition: Acquisition, value: float) -> Acquisition:
    frames = np.array(acquisition.frames, dtype=np.float32)
    frames[2, 5, 7] = value
    return acquisition.replace(frames=frames)


def test_an_empty_aperture_is_said_at_once(led_array: Make) -> None:
    with pytest.raises(InputError, match=r"objective_na is 1e-05, so small that no detail of a field of .* um passes"):
        run(led_array().replace(objective_na=1e-5), Done(Result(field())))


@pytest.mark.parametrize("name", [name for name in METHODS if not METHODS.package(name)])
def test_a_hot_pixel_of_1e30_ends_no_method_in_numbers_that_are_none(name: str) -> None:
    acquisition = coded_scene.coded_scene()[0] if name == "coded-fpm" else SCENES[METHODS[name].kinds[0]]()
    *_, done = reconstruct(with_pixel(acquisition, 1e30), build_recipe(name, {**QUICK.get(name, {}), "device": "cpu"}))
    assert isinstance(done, Done)
    assert not wrong_in(done.result.field)
    assert all(np.isfinite(value) for value in done.result.figures.values())


def test_files_of_numbers_that_are_none_are_not_written(tmp_path: Path) -> None:
    bad = Result(field(torch.nan * SOUND))
    with pytest.raises(InputError, match=r"a\.nfield: nothing is written, for the field is not finite"):
        save_result(tmp_path / "a.nfield", bad)
    planes = np.full((1, 4, 4), 1.0, np.float32)
    planes[0, 2, 1] = np.inf
    for ending in ("npy", "tif", "png", "ome.zarr"):
        with pytest.raises(InputError, match=r"nothing is written, for plane 0 holds values .* infinite in row 2"):
            save_planes(tmp_path / f"p.{ending}", planes, [0.0], 1.0, 1)
    with pytest.raises(InputError, match=r"w\.safetensors: nothing is written, for the training has run away"):
        save_weights(tmp_path / "w.safetensors", Weights({"a": torch.tensor([torch.nan])}, {}), half=False)
    assert not list(tmp_path.iterdir())

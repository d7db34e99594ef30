"""A time-lapse of stacks is never one stack: each method takes each time by itself, and one field holds them all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lapse_scene import alike, stacks

from napari_neuralfield.cli.commands import main
from napari_neuralfield.io import load_result, save_acquisition, save_result
from napari_neuralfield.recon import build_recipe, recommended, reconstruct
from napari_neuralfield.recon.focus import each_time
from napari_neuralfield.recon.focus.each_time import gathered
from napari_neuralfield.testing import check_field
from napari_neuralfield.types import Done, InputError, Note, Preview, Progress

FITTED = ("defocus-field", {"steps": 5})


def planes(field) -> np.ndarray:
    y, x = field.extent.axes()
    return np.stack([one.render(0.0, y, x)[0].numpy() for one in field.fields])


@pytest.mark.parametrize(
    ("method", "options", "least"),
    [
        ("tie-fft", {}, 0.6),
        ("tie-dct", {}, 0.5),  # measured: 0.556; its border is taken as it is
        ("tie-tv", {}, 0.6),
        ("srqpi", {}, 0.6),
        ("srcnn", {}, 0.5),
        (*FITTED, 0.5),
    ],
)
def test_three_pictures_stay_three(method, options, least):
    given, truths = stacks(3)
    events = list(reconstruct(given, build_recipe(method, options)))
    result = events[-1].result
    assert alike(planes(result.field), truths) > least  # slow phase is hardly seen in fields of 166 um
    assert alike(planes(result.field), np.roll(truths, 1, axis=0)) < 0.3
    assert (result.field.type_name, result.field.times_s) == ("time-series", [0.0, 30.0, 60.0])
    assert result.figures["times"] == 3
    steps = [event.done / event.total for event in events if isinstance(event, Progress)]
    assert steps == sorted(steps)
    previews = [event.field for event in events if isinstance(event, Preview)]
    assert [len(field.fields) for field in previews if field.type_name == "time-series"] == [1, 2, 3]
    assert previews[0].type_name != "time-series"  # before the first time is done
    assert "3 times of 3 frames each" in next(event.text for event in events if isinstance(event, Note))


def test_one_time_is_that_stack_alone():
    given, _ = stacks(3)
    chosen = list(reconstruct(given, build_recipe("tie-fft", {"time": 1})))[-1].result.field
    alone = list(reconstruct(given.subset([3, 4, 5]).replace(time_s=None), build_recipe("tie-fft")))[-1].result.field
    axes = alone.extent.axes()
    assert np.array_equal(chosen.render(0.0, *axes), alone.render(0.0, *axes))
    with pytest.raises(InputError, match="option time is 3 but the file holds times 0 to 2"):
        list(reconstruct(given, build_recipe("tie-fft", {"time": 3})))
    with pytest.raises(InputError, match="options frame and time are both given"):
        list(reconstruct(given, build_recipe("srqpi", {"time": 1, "frame": 0})))


def test_a_missing_plane_is_told_and_the_rest_is_used():
    given, truths = stacks(2)
    events = list(reconstruct(given.subset([0, 1, 2, 3, 5]), build_recipe("tie-fft")))
    notes = [event.text for event in events if isinstance(event, Note) and event.level == "warning"]
    assert "time 1 holds no frame at 0 um; what it has is used" in notes
    assert alike(planes(events[-1].result.field), truths) > 0.6


def test_a_field_that_memory_would_not_hold_is_refused(monkeypatch):
    monkeypatch.setattr(each_time, "LARGEST", 1000)
    with pytest.raises(InputError, match=r"a field of its 2 times would take .* GB; write them one after the other"):
        list(reconstruct(stacks(2)[0], build_recipe("tie-fft")))


def test_warnings_alike_are_said_once():
    said = gathered([(0, "explains 31% in frame 2"), (2, "explains 7.5% in frame 2"), (1, "check z_um")])
    assert said == ["times 0, 2, of time 0: explains 31% in frame 2", "time 1: check z_um"]


def test_the_field_is_kept_and_rendered_over_time(tmp_path: Path, capsys) -> None:
    given, truths = stacks(3)
    save_acquisition(tmp_path / "a.acq.h5", given)
    file = tmp_path / "a.nfield"
    assert main(["reconstruct", str(tmp_path / "a.acq.h5"), "--method", "tie-fft", "-o", str(file)]) == 0
    field = load_result(file).field
    assert alike(planes(field), truths) > 0.6
    for name, shape in (("all.npy", (3, 256, 256)), ("all.ome.zarr", None), ("all.tif", None)):
        assert main(["render", str(file), "-o", str(tmp_path / name)]) == 0
        assert "3 x 256 x 256 (t, y, x)" in capsys.readouterr().out
        if shape:
            assert np.array_equal(np.load(tmp_path / name), planes(field))
    assert main(["render", str(file), "--time", "2", "-o", str(tmp_path / "one.npy")]) == 0
    assert "1 x 256 x 256 (z, y, x)" in capsys.readouterr().out
    assert np.array_equal(np.load(tmp_path / "one.npy")[0], planes(field)[2])
    for options, sentence in (
        (["--time", "3"], "time 3 is not there; the field holds times 0 to 2"),
        (["--z-um", "0,1"], "give one depth, or a time with --time"),
    ):
        assert main(["render", str(file), *options, "-o", str(tmp_path / "b.npy")]) == 2
        assert sentence in capsys.readouterr().err


def test_it_is_a_field_like_others(tmp_path: Path) -> None:
    done = list(reconstruct(stacks(2)[0], build_recipe("tie-fft")))[-1]
    assert isinstance(done, Done)
    check_field(done.result.field)
    save_result(tmp_path / "a.nfield", done.result)
    assert load_result(tmp_path / "a.nfield").field.times_s == [0.0, 30.0]


def test_what_is_recommended_looks_at_one_time():
    given, _ = stacks(2)
    assert recommended(given)[0] == "focus-auto"
    assert recommended(given.replace(condenser_na=0.4))[0] == "tie-fft"
    drifting = given.replace(condenser_na=0.4, z_um=np.array([4.0, 4.1, 3.9, 4.0, 4.05, 4.1]), time_s=np.arange(6.0))
    assert recommended(drifting)[0] == "defocus-field"

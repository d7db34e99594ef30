"""Phase over time: only what is looked at is computed, drift and brightness are undone, an export is whole or none."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from lapse_scene import PIXEL, alike, drifting, phase_of, places, stacks, time_lapse

from napari_neuralfield.app import lapse_export, lapse_methods
from napari_neuralfield.app.arguments import frames as frames_wanted
from napari_neuralfield.app.lapse_corrections import Choices, Unwanted, drift_of, evenly_bright
from napari_neuralfield.app.lapse_export import export
from napari_neuralfield.app.lapse_methods import LapseMaker, over_time
from napari_neuralfield.app.time_lapse import FIELDS, TimeLapse, check_time_lapse
from napari_neuralfield.cli.commands import main
from napari_neuralfield.io import load_result, save_acquisition, save_result
from napari_neuralfield.optics.drift import Follower
from napari_neuralfield.recon.focus.tie import TieFftRecipe
from napari_neuralfield.types import InputError, Result


class Counting:
    """`phase_of` of one acquisition; `made` lists the frames, `rendered` the pixels of every call."""

    def __init__(self, acquisition):
        self.acquisition, self.made, self.rendered = acquisition, [], []

    def __call__(self, number):
        self.made.append(number)
        field = phase_of(self.acquisition, number)
        render = field.render

        def counted(z, y, x):
            self.rendered.append(len(y) * len(x))
            return render(z, y, x)

        field.render = counted
        return field


def test_only_what_is_looked_at_is_computed():
    given = time_lapse(9)
    counting = Counting(given)
    lapse = TimeLapse(given, counting)
    assert lapse.shape == (9, 64, 80)
    assert (lapse.dtype, lapse.ndim, len(lapse), lapse.size) == (np.float32, 3, 9, 9 * 64 * 80)
    counting.made.clear()
    view = lapse[:, 10:30:2, 40:50][4]  # cut first, frame last, as napari does
    assert counting.rendered == []
    assert view.shape == (10, 10)
    assert np.asarray(view) == pytest.approx(np.asarray(phase_of(given, 4).plane(0))[10:30:2, 40:50], abs=2e-3)
    assert counting.made == [4]
    assert counting.rendered == [100]
    np.asarray(lapse[4, 10:30:2, 40:50])
    assert counting.rendered == [100]  # remembered
    assert np.asarray(lapse[-1, ::-1, 5]) == pytest.approx(np.asarray(lapse[8])[::-1, 5], abs=1e-5)
    assert np.asarray(lapse[[2, 5], 3:4]).shape == (2, 1, 80)
    assert np.asarray(lapse[3, 4, 5]).shape == ()
    assert counting.made == [4, 8, 2, 5, 3]
    with pytest.raises(IndexError):
        lapse[9]
    with pytest.raises(InputError, match="frame 9 is not there; the time-lapse has frames 0 to 8"):
        lapse.field(9)


def test_few_frames_are_kept_and_threads_do_not_make_one_twice():
    given = time_lapse(12)
    counting = Counting(given)
    lapse = TimeLapse(given, counting)
    threads = [threading.Thread(target=lambda: np.asarray(lapse[3])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counting.made) == [0, 3]  # the first says how large the frames are
    np.asarray(lapse)
    assert len(lapse._fields) == FIELDS
    assert len(counting.made) == 12


def test_drift_is_found_to_a_fraction_of_a_pixel():
    moves = places(40)
    found = follow(drifting(moves))
    assert np.abs(found - moves).max() < 0.1  # px; measured 0.07
    far = np.array([[0.0, 0.0], [9.3, -14.6], [-3.2, 5.5]])
    assert follow(drifting(far)) == pytest.approx(far, abs=0.05)
    assert drift_of(time_lapse(40, frames=np.stack(drifting(moves)))).note == ""
    halves = [np.concatenate([a[:64], b[64:]]) for a, b in zip(drifting(moves), drifting(-moves), strict=True)]
    torn = drift_of(time_lapse(40, frames=np.stack(halves)))
    assert torn.apart_um == pytest.approx(2 * PIXEL * np.abs(moves).max(), rel=0.1)
    assert "parts of the picture move by up to" in torn.note


def follow(frames):
    follower = Follower()
    return np.array([follower.place(frame) for frame in frames])


def test_a_drifting_specimen_is_held_still_where_the_field_is_asked():
    moves = places(20)
    given = time_lapse(20, frames=np.stack(drifting(moves, noise=0.0)))
    held = LapseMaker(given, phase_of).lapse(Choices(drift=True))
    assert held.drift_um == pytest.approx(moves * PIXEL, abs=0.1 * PIXEL)
    still, free = held[:, 12:-12, 12:-12], LapseMaker(given, phase_of).lapse(Choices())[:, 12:-12, 12:-12]
    first = np.asarray(still[0])
    assert np.std(np.asarray(still[19]) - first) < 0.1 * np.std(np.asarray(free[19]) - first)
    assert np.isfinite(np.asarray(held[19])).all()  # beyond the border the last values go on
    moved_out = held.other(np.tile([0.0, 500.0], (20, 1)), None)
    assert np.ptp(np.asarray(moved_out[0]), axis=1) == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(Unwanted):
        drift_of(given, wanted=lambda: False)


def test_a_flickering_lamp_is_divided_out():
    given = time_lapse(5)
    lamp = np.array([1.0, 0.8, 1.3, 1.1, 0.9])
    flickering = time_lapse(5, frames=np.asarray(given.frames) * lamp[:, None, None].astype(np.float32))
    told = []
    even = evenly_bright(flickering, lambda done, total: told.append((done, total)))
    means = even.intensity().mean((1, 2))
    assert means == pytest.approx(np.full(5, means.mean()), rel=1e-5)
    assert told[-1] == (5, 5)
    dark = np.asarray(given.frames).copy()
    dark[3] = 0
    with pytest.raises(InputError, match=r"lapse\.tif: frame 3 has a mean of 0; brightness can only be made even"):
        evenly_bright(time_lapse(5, frames=dark))


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr", "a.npy"])
def test_an_export_is_the_whole_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setattr(lapse_export, "STRIP_PIXELS", 1000)
    given = time_lapse(6)
    lapse = LapseMaker(given, phase_of).lapse(Choices(um_per_rad=0.5))
    told = []
    assert export(lapse, tmp_path / name, [1, 3, 5], lambda *n: told.append(n), origin_um=(2.0, 3.0))
    assert told == [(1, 3), (2, 3), (3, 3)]
    wanted = np.asarray(lapse[1::2])
    if name == "a.npy":
        assert np.array_equal(np.load(tmp_path / name), wanted)
    elif name == "a.tif":
        with tifffile.TiffFile(tmp_path / name) as file:
            assert file.series[0].axes == "TYX"
            assert np.array_equal(file.asarray(), wanted)
            known = file.ome_metadata
        assert 'TimeIncrement="4.0"' in known
        assert 'TimeIncrementUnit="s"' in known
        assert 'DeltaT="6.0"' in known
        assert 'Name="height"' in known
        assert '<M K="unit">um</M>' in known
        assert f'PhysicalSizeX="{PIXEL / 2}"' in known
    else:
        group = zarr.open_group(tmp_path / name, mode="r")
        ome = group.attrs["ome"]
        (scales,) = ome["multiscales"]
        assert [axis["name"] for axis in scales["axes"]] == ["t", "c", "y", "x"]
        assert scales["axes"][0] == {"name": "t", "type": "time", "unit": "second"}
        scale, start = scales["datasets"][0]["coordinateTransformations"]
        assert scale["scale"] == [4.0, 1.0, PIXEL / 2, PIXEL / 2]
        assert start["translation"] == [2.0, 0.0, 2.0 - PIXEL / 4, 3.0 - PIXEL / 4]
        assert ome["omero"]["channels"][0]["label"] == "height"
        assert (group.attrs["unit"], group.attrs["time_s"]) == ("um", [2.0, 6.0, 10.0])
        assert np.array_equal(group["0"][:, 0], wanted)


def test_a_stopped_export_leaves_nothing_and_the_old_file_stays(tmp_path: Path):
    lapse = TimeLapse(time_lapse(6), lambda n: phase_of(time_lapse(6), n))
    done = []
    for name in ("a.tif", "a.ome.zarr"):
        assert not export(lapse, tmp_path / name, None, lambda n, of: done.append(n), stopped=lambda: len(done) >= 2)
        done.clear()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.tif").write_text("mine")
    assert not export(lapse, tmp_path / "a.tif", stopped=lambda: True)
    assert (tmp_path / "a.tif").read_text() == "mine"
    with pytest.raises(InputError, match=r"a time-lapse is written as \.ome\.zarr, \.tif"):
        export(lapse, tmp_path / "a.png")
    with pytest.raises(InputError, match="frame 7 is not there"):
        export(lapse, tmp_path / "a.tif", [0, 7])


def test_what_is_no_time_lapse_is_refused_in_a_sentence(led_array):
    with pytest.raises(InputError, match=r"lapse\.tif holds one frame; a time-lapse needs at least 2"):
        check_time_lapse(time_lapse(1))
    with pytest.raises(InputError, match=r"does not say when its 3 frames were taken; give time_s"):
        check_time_lapse(time_lapse(3).replace(time_s=None))
    with pytest.raises(InputError, match="is of kind led_array; a time-lapse is bright-field frames"):
        check_time_lapse(led_array())
    for text in ("0:11", "3:2", "4,12", "a:b", "-1:3", "0:4:0", "1,,2", "", "0:1:2:3", "5:5"):
        with pytest.raises(InputError, match=f"option --frames is {text}; it is A:B"):
            frames_wanted(text, 10)
    assert list(frames_wanted("2:8:3", 10)) == [2, 5]
    assert list(frames_wanted(":3", 10)) == [0, 1, 2]
    assert list(frames_wanted("7:", 10)) == [7, 8, 9]
    assert list(frames_wanted("9,0", 10)) == [9, 0]
    assert len(frames_wanted(None, 10)) == 10


@pytest.fixture
def lapse_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a time-lapse; the network is the stand-in."""
    monkeypatch.setattr(lapse_methods, "phase_maker", lambda recipe: phase_of)
    save_acquisition(tmp_path / "lapse.acq.h5", time_lapse(6))
    return tmp_path / "lapse.acq.h5"


def test_the_command_writes_frames_as_height(tmp_path: Path, lapse_file: Path, capsys: pytest.CaptureFixture[str]):
    target = tmp_path / "a.tif"
    options = ["--frames", "1:5:2", "--drift", "--brightness", "--height", "1.4,1.3", "-o", str(target)]
    assert main(["timelapse", str(lapse_file), *options]) == 0
    said = capsys.readouterr().out
    assert "2 x 64 x 80 (t, y, x) of height, um, in" in said
    assert "the specimen moved by up to" in said
    lapse = LapseMaker(time_lapse(6), phase_of).lapse(Choices(True, True, 0.53 / (2 * np.pi * 0.1)))
    assert tifffile.imread(target) == pytest.approx(np.asarray(lapse[1:5:2]), rel=1e-4)
    assert main(["timelapse", str(lapse_file), "-o", str(tmp_path / "b.ome.zarr")]) == 0
    assert "6 x 64 x 80 (t, y, x) of phase, rad, in" in capsys.readouterr().out


def test_the_command_refuses_in_one_sentence(tmp_path: Path, lapse_file: Path, capsys: pytest.CaptureFixture[str]):
    for options, sentence in (
        (["--height", "-o", "a.tif"], "sample_index and medium_index not known, so phase cannot be turned into height"),
        (["--frames", "0:7", "-o", "a.tif"], "option --frames is 0:7; it is A:B"),
        (["--method", "dpc", "-o", "a.tif"], "method 'dpc' does not make phase of frames out of focus"),
        (["-o", "a.png"], "output a.png must end in .ome.zarr"),
    ):
        assert main(["timelapse", str(lapse_file), *options]) == 2
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lapse.acq.h5"]


def test_a_method_that_compares_depths_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save_acquisition(tmp_path / "lapse.acq.h5", time_lapse(3))
    assert (
        main(["timelapse", str(tmp_path / "lapse.acq.h5"), "--method", "tie-fft", "-o", str(tmp_path / "a.tif")]) == 2
    )
    said = capsys.readouterr().err
    assert "time 0: " in said
    assert "there is one frame, at z_um 4; the transport of intensity compares frames at two or more depths" in said
    assert not (tmp_path / "a.tif").exists()


def test_of_stacks_every_time_is_one_phase(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    given, truths = stacks(3)
    save_acquisition(tmp_path / "stacks.acq.h5", given)
    (tmp_path / "few.yaml").write_text("steps: 5")
    few = ["--recipe", str(tmp_path / "few.yaml")]
    for method, options in (("tie-fft", []), ("defocus-field", ["--brightness", "--frames", "0:3", *few])):
        target = tmp_path / f"{method}.npy"
        assert (
            main(["timelapse", str(tmp_path / "stacks.acq.h5"), "--method", method, *options, "-o", str(target)]) == 0
        )
        assert f"method {method}, each of 3 times by itself" in capsys.readouterr().out
        found = np.load(target)
        assert len(found) == 3
        assert alike(found, truths) > 0.5  # measured 0.7
    assert main(["timelapse", str(tmp_path / "stacks.acq.h5"), "--frames", "0:4", "-o", str(tmp_path / "a.tif")]) == 2
    assert "of the 3 times 0 to 2" in capsys.readouterr().err
    lapse = LapseMaker(given, phase_of).lapse(Choices())
    assert (len(lapse), lapse.time_s.tolist()) == (3, [0.0, 30.0, 60.0])
    assert over_time(given, TieFftRecipe())
    assert not over_time(given, TieFftRecipe(time=1))
    assert not over_time(time_lapse(3), TieFftRecipe())
    one = given.subset([0, 1, 2])
    with pytest.raises(InputError, match=r"its 3 frames are of one time, a stack through focus; a time-lapse needs at"):
        check_time_lapse(one)


def test_a_field_is_rendered_as_height(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    field = phase_of(time_lapse(2), 1)
    phase = field.render(0.0, *field.extent.axes())[0].numpy()
    optics = {"wavelength_um": 0.53, "sample_index": 1.4, "medium_index": 1.3}
    save_result(tmp_path / "a.nfield", Result(field, optics=optics))
    target = tmp_path / "a.ome.zarr"
    assert main(["render", str(tmp_path / "a.nfield"), "--height", "-o", str(target)]) == 0
    assert "of height, um, in" in capsys.readouterr().out
    group = zarr.open_group(target, mode="r")
    assert (group.attrs["ome"]["omero"]["channels"][0]["label"], group.attrs["unit"]) == ("height", "um")
    assert group["0"][0, 0] == pytest.approx(phase * 0.53 / (2 * np.pi * 0.1), rel=1e-5)
    options = ["--height", "1.5,1.3", "-o", str(tmp_path / "b.npy")]
    assert main(["render", str(tmp_path / "a.nfield"), *options]) == 0
    assert np.load(tmp_path / "b.npy")[0] == pytest.approx(phase * 0.53 / (2 * np.pi * 0.2), rel=1e-5)
    save_result(tmp_path / "c.nfield", Result(field, optics={"wavelength_um": 0.53}))
    assert main(["render", str(tmp_path / "c.nfield"), "--height", "-o", str(tmp_path / "c.npy")]) == 2
    assert "give both refractive indices, sample first, such as --height 1.38,1.33" in capsys.readouterr().err
    assert load_result(tmp_path / "c.nfield").optics == {"wavelength_um": 0.53}

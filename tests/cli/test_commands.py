"""The command line as a user meets it: exit status, one line per mistake, and files that hold what was asked for."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import yaml

from napari_neuralfield import io, recon
from napari_neuralfield.cli import commands as cli
from napari_neuralfield.data.acquisition import Acquisition, LedArray
from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.calibration.result import Calibration, OutlierFrame
from napari_neuralfield.recon.engine.recipe import Method, Recipe, option
from napari_neuralfield.registry import FIELDS, METHODS, SIMULATORS
from napari_neuralfield.simulate.through_focus import through_focus
from napari_neuralfield.types import Done, Event, Extent, InputError, Note, Preview, Progress, Result


@FIELDS.register("ramp")
class RampField:
    """The value z + i y everywhere."""

    type_name = "ramp"
    complex_valued = True

    def __init__(self, *, extent: Extent | dict[str, Any]) -> None:
        self.extent = extent if isinstance(extent, Extent) else Extent.from_dict(extent)

    def query(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        z, y, x = torch.broadcast_tensors(*(torch.as_tensor(v, dtype=torch.float32) for v in (z_um, y_um, x_um)))
        return torch.complex(z, y) + 0 * x

    def render(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        z, y, x = (torch.as_tensor(np.asarray(v), dtype=torch.float32) for v in (z_um, y_um, x_um))
        return self.query(z[:, None, None], y[:, None], x)

    def options(self) -> dict[str, Any]:
        return {"extent": self.extent.to_dict()}

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"nothing": torch.zeros(1)}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        assert set(state) == {"nothing"}

    def parameters(self) -> list[torch.Tensor]:
        return []


class ToyRecipe(Recipe):
    z_um: tuple[float, float] = option((0.0, 0.0), "range of depths", unit="um")
    passes: int = option(2, "times through the data", ge=1, le=9)
    recover_pupil: bool = option(False, "find the pupil too")


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A method that ends at once; what happens at its last step can be set."""
    then: dict[str, Any] = {"raise": None, "recipe": None}

    def run(acquisition: Acquisition, recipe: ToyRecipe) -> Iterator[Event]:
        then["recipe"] = recipe
        extent = Extent(recipe.z_um, acquisition.frame_shape, acquisition.pixel_um)  # type: ignore[attr-defined]
        field = RampField(extent=extent)
        yield Note("the LED board looks turned", "warning")
        yield Progress(1, 2, 0.5, "passes")
        yield Preview(field, 0.0)
        if then["raise"] is not None:
            raise then["raise"]
        yield Done(Result(field, recipe.model_dump(mode="json"), figures={"relative_amplitude_error": 0.01234}))

    entry = Method("toy", "Does nothing, quickly.", ToyRecipe, ("led_array",), {"published": {"passes": 7}}, run)
    monkeypatch.setitem(METHODS._entries, "toy", entry)
    return then


@pytest.fixture
def frames(tmp_path: Path, led_array: Callable[..., Acquisition]) -> Path:
    path = tmp_path / "frames.acq.h5"
    io.save_acquisition(path, led_array())
    return path


def mistake(capsys: pytest.CaptureFixture[str], *typed: object) -> str:
    """The one line that a mistake gives; the exit status must be 2."""
    capsys.readouterr()
    assert cli.main([str(word) for word in typed]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_reconstruct_then_render(frames: Path, tmp_path: Path, toy: dict[str, Any], capsys: Any) -> None:
    out, image = tmp_path / "out.nfield", tmp_path / "out.npy"
    typed = ["reconstruct", str(frames), "--method", "toy", "--z-um", "-2,2", "--recover-pupil", "--seed", "5"]
    assert cli.main([*typed, "--preset", "published", "-o", str(out)]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("warning: verdict red: ")  # a toy's field is not of these frames; the status stays 0
    assert said.err.count("\n") == 1
    assert "warning: the LED board looks turned" in said.out
    assert "relative amplitude error 0.01234" in said.out
    assert "seconds" in said.out
    assert str(out) in said.out
    recipe = toy["recipe"]
    assert (recipe.z_um, recipe.recover_pupil, recipe.seed, recipe.passes) == ((-2.0, 2.0), True, 5, 7)
    assert cli.main(["info", str(out)]) == 0
    assert "verdict" in (told := capsys.readouterr().out)
    assert said.err.split("verdict ")[1].strip() in told

    region = "0.8,0,4,1.6"
    assert cli.main(["render", str(out), "--z-um", "-1,1.5", "--region-um", region, "-o", str(image)]) == 0
    planes = np.load(image)
    assert planes.dtype == np.complex64
    assert planes.shape == (2, 4, 2)
    y = np.broadcast_to((0.8 + 0.8 * np.arange(4))[None, :, None], planes.shape)
    np.testing.assert_allclose(planes.imag, y, rtol=1e-6)
    np.testing.assert_array_equal(planes.real[:, 0, 0], [-1.0, 1.5])


def test_a_recipe_file_is_overruled_by_what_is_typed(frames: Path, tmp_path: Path, toy: dict[str, Any]) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(yaml.safe_dump({"method": "toy", "passes": 3, "z_um": [1, 2]}))
    typed = ["reconstruct", str(frames), "--recipe", str(recipe), "--passes=4", "-o", str(tmp_path / "o.nfield")]
    assert cli.main(typed) == 0
    assert (toy["recipe"].passes, toy["recipe"].z_um) == (4, (1.0, 2.0))


def test_recommended_names_what_it_takes(
    frames: Path, tmp_path: Path, toy: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(recon, "recommended", lambda acquisition: ("toy", {"passes": 5, "z_um": (0, 3)}), raising=False)
    assert cli.main(["reconstruct", str(frames), "--passes", "6", "-o", str(tmp_path / "o.nfield")]) == 0
    assert "method toy, recommended for led_array" in capsys.readouterr().out
    assert (toy["recipe"].passes, toy["recipe"].z_um) == (6, (0.0, 3.0))


def test_mistakes_are_one_line_and_status_2(frames: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "o.nfield"
    run = ("reconstruct", frames, "--method", "toy", "-o", out)
    expected = {
        ("rendr",): "Unknown command .*rendr.*render",
        ("info",): "FILE requires an argument",
        ("info", "a", "--jsn"): "Unknown option.*--jsn",
        ("info", tmp_path / "no.h5"): r"no\.h5: there is no such file",
        ("methods", "nope"): "method 'nope' is not known; choose one of .*toy",
        (*run[:3], "nope", *run[4:]): "method 'nope' is not known; choose one of .*toy",
        (
            *run,
            "--sped",
            "3",
        ): "option 'sped' is not one of method toy; it has: z_um, passes, recover_pupil, as_given, device, seed",
        (*run, "--passes", "x"): "option --passes: 'x' is not a whole number",
        (*run, "--passes", "0"): "option passes of method toy is 0; it should be greater than or equal to 1",
        (*run, "--seed", "-1"): "option seed of method toy is -1",
        (*run, "--passes"): "option --passes has no value",
        (*run, "--preset", "p"): "preset 'p' is not one of method toy; it has: published",
        (*run, "--recipe", tmp_path / "no.yaml"): r"no\.yaml: there is no such file",
        (*run[:-1], tmp_path / "o.tif"): r"must end in \.nfield",
        (*run[:-1], tmp_path / "no" / "o.nfield"): "does not exist",
        ("render", frames, "--z-um", "0", "-o", tmp_path / "o.npy"): str(frames),
        ("render", frames, "--z-um", "0", "-o", tmp_path / "o.jpg"): r"must end in \.npy or \.tif",
        ("simulate", "nope", "-o", tmp_path / "o.acq.h5"): "simulation 'nope' is not known; choose one of .*tilted",
    }
    for typed, wanted in expected.items():
        line = mistake(capsys, *typed)
        assert re.search(wanted, line), f"{typed}: {line}"
    assert not out.exists()


def test_a_depth_outside_the_field_is_refused(frames: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "o.nfield"
    assert cli.main(["reconstruct", str(frames), "--method", "toy", "--z-um", "-2,2", "-o", str(out)]) == 0
    line = mistake(capsys, "render", out, "--z-um", "3", "-o", tmp_path / "o.npy")
    assert "option --z-um is 3; the field spans -2 to 2 um" in line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "somewhere"), "somewhere: no space is left"),
        (PermissionError(errno.EACCES, "Permission denied", "there"), "there: no permission"),
        (torch.OutOfMemoryError("CUDA out of memory"), r"memory ran out \(.* are free\); what helps: a smaller part"),
        (ZeroDivisionError("division by zero"), "unexpected ZeroDivisionError: .*NEURALFIELD_DEBUG=1"),
    ],
)
def test_what_the_machine_refuses_is_one_line_too(
    error: Exception, line: str, frames: Path, tmp_path: Path, toy: dict[str, Any], capsys: Any
) -> None:
    toy["raise"] = error
    said = mistake(capsys, "reconstruct", frames, "--method", "toy", "-o", tmp_path / "o.nfield")
    assert re.search(line, said)


def test_interrupting_keeps_the_newest_preview(frames: Path, tmp_path: Path, toy: dict[str, Any], capsys: Any) -> None:
    out, partial = tmp_path / "o.nfield", tmp_path / "o.partial.nfield"
    typed = ["reconstruct", str(frames), "--method", "toy", "--z-um", "1", "-o", str(out), "--overwrite"]
    assert cli.main(typed) == 0
    finished = out.read_bytes()
    toy["raise"] = KeyboardInterrupt()
    assert cli.main(typed) == 130
    assert f"saved in {partial}" in capsys.readouterr().err
    assert out.read_bytes() == finished
    kept = io.load_result(partial)
    assert "interrupted" in kept.title
    assert kept.field.extent.z_um == (1.0, 1.0)
    assert kept.recipe["method"] == "toy"
    assert kept.optics["objective_na"] == 0.2
    toy["raise"] = None
    assert cli.main(typed) == 0
    assert not partial.exists()


def test_a_file_that_happens_to_be_called_partial_stays(frames: Path, tmp_path: Path, toy: dict[str, Any]) -> None:
    out, own = tmp_path / "o.nfield", tmp_path / "o.partial.nfield"
    assert cli.main(["reconstruct", str(frames), "--method", "toy", "-o", str(own)]) == 0
    before = own.read_bytes()
    toy["raise"] = KeyboardInterrupt()
    assert cli.main(["reconstruct", str(frames), "--method", "toy", "-o", str(out)]) == 130
    assert "interrupted" in io.load_result(tmp_path / "o.partial.partial.nfield").title
    toy["raise"] = None
    assert cli.main(["reconstruct", str(frames), "--method", "toy", "-o", str(out)]) == 0
    assert own.read_bytes() == before
    assert not (tmp_path / "o.partial.partial.nfield").exists()


def test_outputs_that_exist_or_are_one_are_refused_before_the_work(frames: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "o.nfield"
    assert cli.main(["reconstruct", str(frames), "--method", "toy", "--z-um", "-2,2", "-o", str(out)]) == 0
    kept = {name: tmp_path / name for name in ("o.npy", "d.npy", "o.acq.h5", "t.h5", "r.png", "r.json", "w.png")}
    (tmp_path / "slide").mkdir()
    kept["demo"] = tmp_path / "slide" / "neural.nfield"
    for path in kept.values():
        path.write_text("my only copy")
    new, raw = tmp_path / "new.acq.h5", ("--z-um", "0")
    exists = "exists and would be replaced; add --overwrite, or choose another name"
    expected = {
        ("reconstruct", frames, "--method", "toy", "-o", out): exists,
        ("reconstruct", frames, "--orientations", kept["r.png"]): exists,
        ("render", out, *raw, "-o", kept["o.npy"]): exists,
        ("render", out, *raw, "--all-in-focus", "--depth-map", kept["d.npy"], "-o", tmp_path / "n.npy"): exists,
        ("render", out, *raw, "--all-in-focus", "--depth-map", tmp_path / "n.npy", "-o", tmp_path / "n.npy"): (
            r"n\.npy of --depth-map is also the output .*n\.npy; give each a name of its own"
        ),
        ("convert", frames, "-o", kept["o.acq.h5"]): exists,
        ("convert", frames, "-o", frames, "--overwrite"): "is the input .* which would be lost",
        ("import", frames, "-o", kept["o.acq.h5"]): exists,
        ("timelapse", frames, "-o", kept["o.npy"]): exists,
        ("calibrate", frames, "-o", kept["o.acq.h5"]): exists,
        ("calibrate", frames, "-o", new, "--report", kept["r.png"]): rf"r\.png {exists}",
        ("calibrate", frames, "-o", new, "--report", tmp_path / "r.json"): r"must end in \.png",
        ("simulate", "tilted-slide", "-o", kept["o.acq.h5"]): exists,
        ("simulate", "tilted-slide", "-o", new, "--truth", kept["t.h5"]): exists,
        ("simulate", "tilted-slide", "-o", new, "--truth", new): "is also the output",
        ("train", "neuph", "-o", tmp_path / "w.safetensors"): rf"w\.png {exists}",
        ("demo", "-o", tmp_path / "slide"): rf"neural\.nfield {exists}",
    }
    for typed, wanted in expected.items():
        assert re.search(wanted, line := mistake(capsys, *typed)), f"{typed}: {line}"
    kept["r.png"].unlink()
    line = mistake(capsys, "calibrate", frames, "-o", new, "--report", kept["r.png"])
    assert f"r.json {exists}" in line
    assert all(path.read_text() == "my only copy" for name, path in kept.items() if name != "r.png")
    assert not new.exists()


def test_a_result_that_cannot_be_written_is_saved_elsewhere(
    frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    out, write = tmp_path / "o.nfield", io.save_result

    def full(path: Path, result: Result) -> None:
        if Path(path) == out:
            raise InputError(f"{path}: the disk is full; free some space")
        write(path, result)

    monkeypatch.setattr(io, "save_result", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    line = mistake(capsys, "reconstruct", frames, "--method", "toy", "-o", out)
    assert "the disk is full" in line
    (copy,) = tmp_path.glob("neuralfield-*/o.nfield")
    assert f"the field is safe in {copy}" in line
    assert io.load_result(copy).field.type_name == "ramp"


@pytest.fixture
def calibrated(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A calibration that ends at once: every LED found 0.01 NA further down, frame 2 outlier."""
    seen: dict[str, Any] = {}

    def calibrate(acquisition: LedArray, recipe: CalibrationRecipe) -> Iterator[Event]:
        seen["recipe"] = recipe
        yield Progress(1, 2, 0.5, "board")
        yield Note("the board was turned")
        yield Note("height and z look alike", "warning")
        count, na = acquisition.frame_count, np.array(acquisition.illumination_na)
        return Calibration(
            acquisition, acquisition.replace(illumination_na=na + np.array([0.01, 0.0]), sample_z_um=0.0),
            "as given", BoardPose(0.02),
            np.ones(count), np.zeros(count), {6: 0.4}, 0.0, acquisition.wavelength_um,
            np.full(count, 0.2), np.full(count, 0.1), (OutlierFrame(2, "is saturated"),),
            ("height and z look alike", "said at the end only"),
        )  # fmt: skip

    monkeypatch.setattr("napari_neuralfield.recon.calibration.stages.calibrate", calibrate)
    return seen


def test_calibrate_says_what_it_found_and_writes_it(
    frames: Path, tmp_path: Path, calibrated: dict[str, Any], capsys: Any
) -> None:
    out, page, recipe = tmp_path / "out.acq.h5", tmp_path / "page.png", tmp_path / "r.yaml"
    recipe.write_text(yaml.safe_dump({"learn_gains": False, "calibration_steps": 3}))
    typed = ["calibrate", str(frames), "--recipe", str(recipe), "--seed", "5"]
    typed += ["--calibration-steps", "4", "--no-learn-z"]
    assert cli.main([*typed, "-o", str(out), "--report", str(page)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    for line in (
        "the board was turned",
        "LED board rotation                       1.15 deg clockwise in the picture",
        "astigmatism 0 deg +0.40 rad",
        "frame 2 is saturated; --leave-out leaves it out",
        "warning: height and z look alike",
        "warning: said at the end only",
        "LED intensity, ambient light",
        "half a turn of the board, with depth and phase reversed, fits the frames as well\n",
        "of processor time",
        f"the corrected acquisition is in {out}",
        f"the report is in {page}, its figures in {tmp_path / 'page.json'}",
    ):
        assert said.out.count(line) == 1, line
    assert re.search(r"Resolution \(full period, FRC\) +\d", said.out)
    used = calibrated["recipe"]
    assert (used.learn_gains, used.calibration_steps, used.learn_z, used.seed) == (False, 4, False, 5)
    moved = io.open_acquisition(out).illumination_na - io.open_acquisition(frames).illumination_na
    assert moved == pytest.approx(np.tile([0.01, 0.0], (9, 1)))
    assert json.loads((tmp_path / "page.json").read_text())["quality_after"]["resolution_um"] > 0
    assert page.stat().st_size > 10_000


def test_calibrate_leaves_outlier_frames_out_on_request(
    frames: Path, tmp_path: Path, calibrated: dict[str, Any], capsys: Any
) -> None:
    out = tmp_path / "out.acq.h5"
    assert cli.main(["calibrate", str(frames), "--leave-out", "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "without 1 outlier frame" in said
    assert "frame 2 is saturated; it is left out\n" in said
    kept = io.open_acquisition(out)
    np.testing.assert_array_equal(kept.intensity(), io.open_acquisition(frames).intensity()[[0, 1, *range(3, 9)]])
    assert calibrated["recipe"].leave_out is True


def test_mistakes_in_calibrate_are_one_line(frames: Path, tmp_path: Path, capsys: Any) -> None:
    run = ("calibrate", frames, "-o", tmp_path / "o.acq.h5")
    expected = {
        (*run, "--sped", "3"): "option 'sped' is not one of calibrate; it has: learn_board, .*seed",
        (*run, "--calibration-steps", "0"): "option calibration_steps of calibrate is 0; it should be greater",
        (*run, "--learn-background", "all"): "option --learn-background: 'all' is not one of none, common",
        (*run, "--calibration-steps"): "option --calibration-steps has no value",
        (*run, "--report", tmp_path / "r.pdf"): r"must end in \.png; write --report r\.png",
        (*run, "--report", tmp_path / "no" / "r.png"): "does not exist",
        (*run[:3], tmp_path / "o.nfield"): r"must end in \.acq\.h5; write -o o\.acq\.h5",
        ("calibrate", tmp_path / "no.h5", *run[2:]): r"no\.h5: there is no such file",
    }
    for typed, wanted in expected.items():
        line = mistake(capsys, *typed)
        assert re.search(wanted, line), f"{typed}: {line}"
    assert not (tmp_path / "o.acq.h5").exists()


def test_figures_of_a_calibrated_reconstruction_read_well(
    frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    plain = METHODS["toy"]

    def run(acquisition: Acquisition, recipe: ToyRecipe) -> Iterator[Event]:
        *_, done = plain.run(acquisition, recipe)
        figures = {**done.result.figures, "sample_z_um": -2.5, "calibration_seconds": 3.0}
        yield Done(dataclasses.replace(done.result, figures=figures))

    monkeypatch.setitem(METHODS._entries, "toy", dataclasses.replace(plain, run=run))
    out = tmp_path / "o.nfield"
    assert cli.main(["reconstruct", str(frames), "--method", "toy", "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "relative amplitude error 0.01234\nsample depth -2.5 um\nhalf a turn of the board, with" in said
    assert "calibration seconds" not in said
    assert cli.main(["info", str(out)]) == 0
    assert re.search(r"sample depth +-2\.5 um", capsys.readouterr().out)


def test_calibrate_does_not_write_over_its_input(frames: Path, tmp_path: Path, capsys: Any) -> None:
    before = frames.read_bytes()
    soft, hard = tmp_path / "soft.acq.h5", tmp_path / "hard.acq.h5"
    soft.symlink_to(frames)
    hard.hardlink_to(frames)
    for out in (frames, frames.parent / "." / frames.name, soft, hard):
        line = mistake(capsys, "calibrate", frames, "-o", out)
        assert f"output {out} is the input {frames}, which would be lost; choose another name" in line
    assert frames.read_bytes() == before


def test_a_calibration_that_cannot_be_written_is_kept(
    frames: Path, tmp_path: Path, calibrated: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    out, write = tmp_path / "o.acq.h5", io.save_acquisition

    def full(path: Path, acquisition: Acquisition) -> None:
        if Path(path) == out:
            raise InputError(f"{path}: the disk is full; free some space")
        write(path, acquisition)

    monkeypatch.setattr("napari_neuralfield.cli.calibrate.save_acquisition", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    line = mistake(capsys, "calibrate", frames, "-o", out)
    (copy,) = tmp_path.glob("neuralfield-*/o.acq.h5")
    assert f"the disk is full; free some space; until then the corrected acquisition is safe in {copy}" in line
    assert io.open_acquisition(copy).frame_count == 9


def test_info_of_frames_and_of_a_field(frames: Path, tmp_path: Path, capsys: Any) -> None:
    assert cli.main(["info", str(frames), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["frames"]["count"]) == ("led_array", 9)
    assert found["values"]["objective_na"] == 0.2
    assert found["values"]["illumination_na"]["shape"] == [9, 2]
    assert cli.main(["info", str(frames)]) == 0
    assert "9 of 32 x 32 pixels" in capsys.readouterr().out

    out = tmp_path / "o.nfield"
    assert cli.main(["reconstruct", str(frames), "--method", "toy", "--z-um", "-2,2", "-o", str(out)]) == 0
    capsys.readouterr()
    assert cli.main(["info", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["type"], found["extent"]["z_um"], found["bytes"]) == ("ramp", [-2.0, 2.0], out.stat().st_size)
    assert found["figures"]["relative_amplitude_error"] == 0.01234
    assert cli.main(["info", str(out)]) == 0
    assert "-2 to 2 um" in capsys.readouterr().out


def test_methods_tell_options_with_units(capsys: Any) -> None:
    assert cli.main(["methods", "--json"]) == 0
    toy = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}["toy"]
    assert (toy["kinds"], toy["summary"], list(toy["presets"])) == (
        ["led_array"],
        "Does nothing, quickly.",
        ["published"],
    )
    z = {o["name"]: o for o in toy["options"]}["z_um"]
    assert (z["flag"], z["unit"], z["default"]) == ("--z-um", "um", [0.0, 0.0])
    assert cli.main(["methods", "toy"]) == 0
    assert "times through the data (default 2, 1 to 9)" in capsys.readouterr().out
    assert cli.main(["methods", "calibrate"]) == 0
    assert "--learn-pupil" in capsys.readouterr().out


def test_convert_and_simulate(frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "copy.acq.h5"
    assert cli.main(["convert", str(frames), "-o", str(copy)]) == 0
    np.testing.assert_array_equal(io.open_acquisition(copy).intensity(), io.open_acquisition(frames).intensity())

    made, truth = tmp_path / "made.acq.h5", tmp_path / "made.h5"
    simulated = (io.open_acquisition(frames), {"object": np.ones((4, 4), complex), "pixel_um": 0.2})
    monkeypatch.setitem(SIMULATORS._entries, "tiny", lambda seed: simulated)
    assert cli.main(["simulate", "tiny", "-o", str(made), "--truth", str(truth), "--seed", "3"]) == 0
    assert io.open_acquisition(made).frame_count == 9
    with h5py.File(truth) as file:
        assert file["object"].dtype == np.complex128
        assert file.attrs["pixel_um"] == 0.2


def test_help_info_and_the_module_entry_need_no_torch(tmp_path: Path) -> None:
    frames = through_focus(0, pixels=32)[0]
    io.save_acquisition(tmp_path / "few.acq.h5", frames)
    code = "import sys; from napari_neuralfield.cli.commands import main; "
    code += "assert main(['reconstruct', '--help']) == main(['calibrate', '--help']) == 0; "
    code += f"assert main(['info', {str(tmp_path / 'few.acq.h5')!r}]) == 0; "
    code += "assert 'torch' not in sys.modules"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "--method" in run.stdout
    run = subprocess.run(
        [sys.executable, "-m", "napari_neuralfield", "nothing"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert run.returncode == 2
    assert run.stderr.startswith("neuralfield: Unknown command")
    assert run.stderr.count("\n") == 1

"""calibrate, timelapse, render and train: stopped at a turn and resumed, they end as if they had not been stopped."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from lapse_scene import drifting, places, stacks, time_lapse
from scene import scene
from stress.resume import ALIKE, difference
from training_scene import led_patterns

from napari_neuralfield import Extent, Result, compute, planes_of_images
from napari_neuralfield.app import in_focus
from napari_neuralfield.cli.commands import main
from napari_neuralfield.io import save_acquisition, save_result
from napari_neuralfield.recon.engine.checkpoint import Checkpoint
from napari_neuralfield.recon.training import focus_source, source

TINY = ("--pool", "8", "--batch", "2", "--half-precision", "no", "--steps", "8")
ENDINGS = {"calibrate": ".acq.h5", "timelapse": ".ome.zarr", "render": ".tif", "train": ".safetensors"}


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch):
    """Stop runs as a crash does, right after their checkpoint was written so many times; 0 for never."""
    left, write = [0], Checkpoint.write

    def written(self: Checkpoint) -> None:
        write(self)
        left[0] -= 1
        if left[0] == 0:
            raise ZeroDivisionError("crash")

    monkeypatch.setattr(Checkpoint, "write", written)
    monkeypatch.setattr(in_focus, "STRIP_PIXELS", 1000)
    monkeypatch.setattr(focus_source, "SCENE_PX", 32)
    monkeypatch.setattr(focus_source, "VALIDATION", 4)
    monkeypatch.setattr(source, "SCENE_PX", 40)
    monkeypatch.setattr(source, "VALIDATION", 4)
    return lambda turns: left.__setitem__(0, turns)


def field(path: Path) -> Path:
    """A field of three depths."""
    images = torch.randn(3, 48, 48, dtype=torch.complex64, generator=compute.seed(0))
    extent = Extent((0.0, 2.0), (48, 48), 1.0)
    save_result(path, Result(planes_of_images(images, [0.0, 1.0, 2.0], extent)))
    return path


def frames(path: Path, acquisition: object) -> str:
    save_acquisition(path, acquisition)  # type: ignore[arg-type]
    return str(path)


def typed(what: str, folder: Path) -> list[str]:
    """A command line but for its output."""
    if what == "calibrate":
        return ["calibrate", frames(folder / "a.acq.h5", scene()[0]), "--calibration-steps", "3"]
    if what == "timelapse":
        film = time_lapse(5, np.stack(drifting(places(5), 32)))
        return ["timelapse", frames(folder / "a.acq.h5", film), "--drift"]
    if what == "timelapse of stacks":
        return ["timelapse", frames(folder / "a.acq.h5", stacks(3)[0]), "--method", "tie-fft"]
    if what == "render":
        return ["render", str(field(folder / "a.nfield")), "--z-um", "0:2:0.4", "--pixel-um", "0.5"]
    if what == "render in focus":
        return ["render", str(field(folder / "a.nfield")), "--all-in-focus"]
    if what == "train with frames":
        pattern = frames(folder / "a.acq.h5", led_patterns()[0])
        return ["train", "neuph", *TINY, "--channels", "8", "--blocks", "1", "--frames", pattern, "--patch-px", "40"]
    return ["train", "srcnn", *TINY, "--patch-px", "32"]


@pytest.mark.parametrize(
    ("what", "turns"),
    [
        ("calibrate", 9), ("timelapse", 4), ("timelapse of stacks", 3), ("render", 3), ("render in focus", 2),
        ("train", 5), ("train with frames", 3),
    ],
)  # fmt: skip
def test_a_command_that_was_stopped_and_resumed_ends_as_one_that_was_not(tmp_path, stop_at, capsys, what, turns):
    command, ending = typed(what, tmp_path), ENDINGS[what.split()[0]]
    alone, stopped = tmp_path / f"alone{ending}", tmp_path / f"stopped{ending}"
    assert main([*command, "-o", str(alone)]) == 0
    stop_at(turns)
    assert main([*command, "-o", str(stopped), "--checkpoint-seconds", "0"]) == 2
    assert "the same command with --resume" in capsys.readouterr().err
    assert not stopped.exists()
    assert (tmp_path / f"{stopped.name}.checkpoint").exists()
    stop_at(1)  # once more, on the way
    assert main([*command, "-o", str(stopped), "--checkpoint-seconds", "0", "--resume"]) == 2
    stop_at(0)
    assert main([*command, "-o", str(stopped), "--resume"]) == 0
    assert difference(alone, stopped) <= ALIKE
    assert not [path for path in tmp_path.iterdir() if ".checkpoint" in path.name]


def test_what_is_resumed_otherwise_is_refused_by_the_name_of_what_differs(tmp_path, stop_at, capsys):
    command, out = typed("render", tmp_path), ["-o", str(tmp_path / "o.tif"), "--checkpoint-seconds", "0"]
    assert main([*command, *out, "--resume"]) == 2
    assert "o.tif.checkpoint: there is no unfinished run to go on from" in capsys.readouterr().err
    stop_at(2)
    assert main([*command, *out]) == 2
    capsys.readouterr()
    assert main([*command, *out, "--resume", "--height", "1.4,1.33"]) == 2
    assert "option height none and this one has 1.4,1.33" in capsys.readouterr().err
    made = tmp_path / "o.tif.checkpoint.made"
    made.write_bytes(b"another run's" + made.read_bytes())
    assert main([*command, *out, "--resume"]) == 2
    assert "o.tif.checkpoint.made: what the unfinished run had made cannot be read" in capsys.readouterr().err
    shutil.copy(tmp_path / "a.nfield", tmp_path / "b.nfield")
    assert main(["render", str(tmp_path / "b.nfield"), *command[2:], *out, "--resume"]) == 2
    assert "file a.nfield and this one has b.nfield" in capsys.readouterr().err

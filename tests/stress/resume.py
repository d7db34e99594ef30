"""Long commands killed at random moments and resumed: `python -m tests.stress.resume --count 10 --seed 0`.

Each is compared with an undisturbed run. Turns are counted by a file that every run adds to: "t" when a turn of a loop
or a stage is over, "s" when what is done is on the disk.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from lapse_scene import drifting, places, time_lapse
from scene import scene

from napari_neuralfield import Extent, Result, compute, planes_of_images
from napari_neuralfield.cli import commands as cli
from napari_neuralfield.io import save_acquisition, save_result
from napari_neuralfield.io.native.checkpoint_file import CheckpointFile, checkpoint_of
from napari_neuralfield.recon.engine.checkpoint import Checkpoint
from napari_neuralfield.recon.training import focus_source

KEEP = ("--checkpoint-seconds", "0.05")
TINY = ("--steps", "60", "--patch-px", "32", "--batch", "2", "--pool", "8")
PHYSICS = ("--preset", "physics", "--steps", "60")
AGAIN = 0.4  # chance that a run which goes on is killed as well
ALIKE = 1e-5


@dataclasses.dataclass
class Told:
    """What the kills of one command came to; `difference` is relative to the largest number."""

    command: str
    kills: int = 0
    resumed: int = 0
    redone: int = 0
    difference: float = 0.0

    def __str__(self) -> str:
        return f"{self.command:<12} {self.kills:>5} {self.resumed:>8} {self.redone:>12} {self.difference:>12.1e}"


def commands(folder: Path, seed: int) -> dict[str, tuple[list[str], str]]:
    """Name -> arguments but for the output, and the output's ending; the inputs are made in `folder`.

    Parameters
    ----------
    folder : for what the commands read.
    seed : of the samples.
    """
    frames, film, field = folder / "leds.acq.h5", folder / "film.acq.h5", folder / "planes.nfield"
    save_acquisition(frames, scene((64, 64), seed=seed)[0])
    save_acquisition(film, time_lapse(12, np.stack(drifting(places(12), 64))))
    images = torch.randn(5, 64, 64, dtype=torch.complex64, generator=compute.seed(seed))
    extent = Extent((0.0, 4.0), (64, 64), 1.0)
    save_result(field, Result(planes_of_images(images, [0.0, 1.0, 2.0, 3.0, 4.0], extent)))
    return {
        "reconstruct": (["reconstruct", str(frames), "--method", "fpm-inr", *PHYSICS], ".nfield"),
        "calibrate": (["calibrate", str(frames), "--region-px", "64", "--calibration-steps", "6"], ".acq.h5"),
        "timelapse": (["timelapse", str(film), "--drift"], ".ome.zarr"),
        "render": (["render", str(field), "--z-um", "0:4:0.2", "--pixel-um", "0.1"], ".tif"),
        "train": (["train", "srcnn", *TINY], ".safetensors"),
    }  # fmt: skip


def numbers_of(path: Path) -> dict[str, np.ndarray]:
    """Every array of a file of ours, by name."""
    if path.suffix in (".nfield", ".safetensors"):
        from safetensors.torch import load_file

        return {name: value.double().numpy() if not value.is_complex() else value.numpy()
                for name, value in load_file(path).items()}  # fmt: skip
    if path.suffix == ".h5":
        import h5py

        found: dict[str, np.ndarray] = {}

        def visit(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiuc":
                found[name] = item[()]

        with h5py.File(path) as file:
            file.visititems(visit)
            found.update({name: np.asarray(v) for name, v in file.attrs.items() if np.asarray(v).dtype.kind in "fi"})
        return found
    if path.suffix == ".zarr":
        import zarr

        return {name: np.asarray(array) for name, array in zarr.open_group(str(path), mode="r").arrays()}
    if path.suffix == ".npy":
        return {"": np.load(path)}
    import tifffile

    return {"": tifffile.imread(path)}


def difference(one: Path, other: Path) -> float:
    """Largest difference of two files' arrays, each relative to its largest number; infinite where they hold others."""
    first, second = numbers_of(one), numbers_of(other)
    if first.keys() != second.keys() or any(first[name].shape != second[name].shape for name in first):
        return float("inf")
    pairs = [(first[name], second[name]) for name in first if first[name].size]
    return max(float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-12)) for a, b in pairs)


class Runs:
    """Runs of one command, each a fork of this process, so that nothing is imported again.

    Parameters
    ----------
    typed : arguments but for the output.
    output : the file that is written.
    """

    def __init__(self, typed: list[str], output: Path) -> None:
        self.typed, self.output = typed, output
        self.turns, self.said = output.with_name("turns"), output.with_name("said")

    def start(self, resume: bool) -> int:
        """Begin, or go on; returns the child's number when its first turn is over, or all."""
        self.turns.write_bytes(b"")
        child = os.fork()
        if child == 0:
            said = os.open(self.said, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(said, 1)
            os.dup2(said, 2)
            more = ["--resume"] if resume else []
            os._exit(counted(self.turns, [*self.typed, "-o", str(self.output), *KEEP, *more]))
        while not self.turns.stat().st_size and not self.over(child):
            time.sleep(0.002)
        return child

    def over(self, child: int) -> bool:
        """Whether a child has ended; it is left to be waited for."""
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def undisturbed(self) -> float:
        """Run to the end; seconds from the first turn on."""
        child, began = self.start(False), time.monotonic()
        self.end(child)
        return time.monotonic() - began

    def end(self, child: int) -> None:
        """Wait for a child that should end well."""
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            raise RuntimeError(f"{' '.join(self.typed)} ended with {status}: {self.said.read_text()[-800:]}")

    def killed(self, child: int, after_s: float) -> int | None:
        """Kill a child after a time; the turns that were over and not yet kept, None where it had ended."""
        due = time.monotonic() + after_s
        while time.monotonic() < due and not self.over(child):
            time.sleep(0.002)
        if self.over(child):
            self.end(child)
            return None
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return len(self.turns.read_bytes().rpartition(b"s")[2])


def told_of(name: str, typed: list[str], ending: str, folder: Path, draw: random.Random, count: int) -> Told:
    """Kill and resume a command until it was killed `count` times.

    Parameters
    ----------
    name : of the command.
    typed, ending : its arguments, and the ending of what it writes.
    folder : for the outputs.
    draw : of the moments.
    count : of kills.
    """
    alone, told = Runs(typed, folder / "alone" / f"out{ending}"), Told(name)
    alone.output.parent.mkdir(parents=True)
    seconds = alone.undisturbed()
    while told.kills < count:
        runs = Runs(typed, folder / "killed" / f"out{ending}")
        shutil.rmtree(runs.output.parent, ignore_errors=True)
        runs.output.parent.mkdir()
        resume = False
        while True:
            run, kill = runs.start(resume), not resume or draw.random() < AGAIN
            redone = runs.killed(run, draw.uniform(0, seconds)) if kill and told.kills < count else runs.end(run)
            if redone is None:
                break
            told.kills, told.redone = told.kills + 1, max(told.redone, redone)
            resume = checkpoint_of(runs.output).exists()
            told.resumed += resume
        left = [path.name for path in runs.output.parent.iterdir() if path.name.startswith(f"{runs.output.name}.")]
        if left:
            raise RuntimeError(f"{name}: {', '.join(left)} is left although the output is whole")
        told.difference = max(told.difference, difference(alone.output, runs.output))
    return told


def counted(turns: Path, typed: list[str]) -> int:
    """The command line, its turns counted; the exit status.

    Parameters
    ----------
    turns : file that grows by a letter a turn.
    typed : the arguments.
    """
    noted = os.open(turns, os.O_WRONLY | os.O_APPEND)

    def noting(does: Callable[..., None], before: bytes, after: bytes) -> Callable[..., None]:
        def run(*arguments: object) -> None:
            os.write(noted, before)
            does(*arguments)
            os.write(noted, after)

        return run

    Checkpoint._look = noting(Checkpoint._look, b"t", b"")  # type: ignore[method-assign]
    CheckpointFile.save = noting(CheckpointFile.save, b"", b"s")  # type: ignore[method-assign]
    return cli.main(typed)


def main() -> int:
    torch.set_num_threads(1)
    focus_source.SCENE_PX, focus_source.VALIDATION = 32, 4
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--count", type=int, default=10, help="kills of each command")
    asked.add_argument("--seed", type=int, default=0, help="of samples and moments")
    asked.add_argument("--only", default="", help="commands, with commas; all where left out")
    given = asked.parse_args()
    print(f"{'command':<12} {'kills':>5} {'resumed':>8} {'turns redone':>12} {'difference':>12}")
    good = True
    with tempfile.TemporaryDirectory() as place:
        every, draw = commands(Path(place), given.seed), random.Random(given.seed)
        for name in [n for n in every if n in (given.only.split(",") if given.only else every)]:
            told = told_of(name, *every[name], Path(place) / name, draw, given.count)
            print(told, flush=True)
            good &= told.difference <= ALIKE
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

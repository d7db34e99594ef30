"""Ctrl-C, a failure and `--resume` at the command line, with a method that counts its turns."""

import signal
from collections.abc import Iterator
from typing import ClassVar

import pytest
import torch
from scene import scene

from napari_neuralfield import Done, Event, Extent, Progress, Recipe, Result, method, option, planes_of_images
from napari_neuralfield.cli.commands import main
from napari_neuralfield.io import load_result, save_acquisition
from napari_neuralfield.recon.engine import checkpoint
from napari_neuralfield.registry import METHODS


class CountingRecipe(Recipe):
    """Options of `counting`."""

    turns: int = option(10, "how many turns")


class Turns:
    """What happens at which turn."""

    done = 0
    at: ClassVar[dict[int, object]] = {}


def counting(acquisition: object, recipe: CountingRecipe) -> Iterator[Event]:
    """Adds one in every turn."""
    loop = checkpoint.loop("turns")
    number, value = loop.found or (0, torch.zeros(1, 8, 8))

    def now() -> tuple[int, torch.Tensor]:
        return number, value

    while number < recipe.turns:
        number, value = number + 1, value + 1
        Turns.done += 1
        happens = Turns.at.get(number)
        if happens is not None:
            happens()
        yield Progress(number, recipe.turns, float("nan"))
        loop.reached(now)
    yield Done(Result(planes_of_images(value.to(torch.complex64), [0.0], Extent((0.0, 0.0), (8, 8), 1.0))))


@pytest.fixture
def frames(tmp_path, monkeypatch):
    monkeypatch.setattr(Turns, "done", 0)
    monkeypatch.setattr(Turns, "at", {})
    method("counting", CountingRecipe, ("led_array",))(counting)
    save_acquisition(tmp_path / "a.acq.h5", scene()[0])
    yield tmp_path / "a.acq.h5"
    METHODS._entries.pop("counting")


def run(frames, *more: str) -> int:
    """`reconstruct --method counting` of these frames to o.nfield."""
    Turns.done = 0
    return main(["reconstruct", str(frames), "--method", "counting", "-o", str(frames.with_name("o.nfield")), *more])


def value(frames) -> float:
    field = load_result(frames.with_name("o.nfield")).field
    return float(field.render([0.0], torch.zeros(1), torch.zeros(1)).real)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_ends_after_the_turn_and_resume_goes_on(frames, capsys):
    Turns.at = {4: interrupt}
    assert run(frames) == 130
    assert Turns.done == 4
    assert "the same command with --resume" in capsys.readouterr().err
    Turns.at = {}
    assert run(frames, "--resume") == 0
    assert (Turns.done, round(value(frames), 2)) == (6, 10.0)
    assert not frames.with_name("o.nfield.checkpoint").exists()


def test_what_failed_goes_on_from_its_last_checkpoint(frames, capsys):
    def fails() -> None:
        raise ZeroDivisionError("oh")

    Turns.at = {7: fails}
    assert run(frames, "--checkpoint-seconds", "0") == 2
    assert "the same command with --resume" in capsys.readouterr().err
    Turns.at = {}
    assert run(frames, "--resume") == 0
    assert Turns.done == 4


def test_resume_is_refused_where_there_is_nothing_or_something_else(frames, capsys):
    assert run(frames, "--resume") == 2
    assert "o.nfield.checkpoint: there is no unfinished run" in capsys.readouterr().err
    Turns.at = {4: interrupt}
    assert run(frames) == 130
    capsys.readouterr()
    assert run(frames, "--resume", "--turns", "12") == 2
    assert "option turns 10 and this one has 12" in capsys.readouterr().err
    save_acquisition(frames, scene(seed=1)[0])
    assert run(frames, "--resume") == 2
    assert "frames and values" in capsys.readouterr().err


def test_a_checkpoint_interval_below_nothing_is_refused(frames, capsys):
    assert run(frames, "--checkpoint-seconds", "-1") == 2
    assert "--checkpoint-seconds is -1" in capsys.readouterr().err

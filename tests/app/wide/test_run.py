"""Runs in tiles: as one piece, gone on with after whatever ends them, and never half a field."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_neuralfield import (
    Done,
    Event,
    Extent,
    InputError,
    LedArray,
    Note,
    Preview,
    Progress,
    Recipe,
    Result,
    Verdict,
    load_result,
    method,
    open_acquisition,
    option,
    planes_of_images,
    save_acquisition,
)  # fmt: skip
from napari_neuralfield.app.wide import run as running
from napari_neuralfield.app.wide.executor import executor
from napari_neuralfield.app.wide.pieces import EndsAll, InProcess
from napari_neuralfield.app.wide.plan import Tiling, WidePlan, planned
from napari_neuralfield.app.wide.run import run_plan, unfinished_of
from napari_neuralfield.app.wide.tile import TileJob, TileMade, make_tile
from napari_neuralfield.fields.tiled import TiledField
from napari_neuralfield.registry import METHODS

SIDE = 80


class ToyRecipe(Recipe):
    method: str = "toy"
    strength: float = option(1.0, "factor")


def toy(acquisition: LedArray, recipe: ToyRecipe) -> Iterator[Event]:
    """Phase that follows the mean frame, with an offset that a seed decides."""
    mean = torch.from_numpy(acquisition.intensity().mean(0))
    offset = torch.rand(1, generator=torch.Generator().manual_seed(recipe.seed)) * 6
    image = recipe.strength * torch.polar(1 + 0.1 * mean, mean + offset)
    extent = Extent((0.0, 0.0), acquisition.frame_shape, acquisition.pixel_um)
    yield Progress(1, 2, 0.5)
    yield Note(f"offset {float(offset):.3f}")
    field = planes_of_images(image[None], [0.0], extent)
    yield Done(Result(field, recipe.model_dump(mode="json"), verdict=Verdict("green", "Good.")))


@pytest.fixture(autouse=True)
def toy_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_neuralfield.recon.engine.judging.JUDGES", {})
    monkeypatch.setattr("napari_neuralfield.recon.engine.preparing.checks_of", lambda *_: [])
    if "toy" not in METHODS:
        method("toy", ToyRecipe, kinds=("led_array",))(toy)


@pytest.fixture
def file(tmp_path: Path, led_array: Any) -> Path:
    path = tmp_path / "wide.acq.h5"
    save_acquisition(path, scene(led_array))
    return path


def scene(led_array: Any, seed: int = 0) -> LedArray:
    """Frames with something everywhere that lies nowhere else."""
    whole: LedArray = led_array(leds=3, size=SIDE, seed=seed)
    y, x = np.indices((SIDE, SIDE)) / SIDE
    return whole.replace(frames=np.asarray(whole.frames) * (0.5 + y**2 + 0.5 * x * np.sin(9 * x)).astype(np.float32))


def plan_of(file: Path, tile_px: int = 48, **options: object) -> WidePlan:
    whole = open_acquisition(file)
    recipe = ToyRecipe(**options).model_dump(mode="json")
    return planned(file, whole, (whole, (0.0, 0.0)), recipe, chosen={}, tiling=Tiling(tile_px, 16))


def finished(events: Generator[Event, None, Result]) -> tuple[Result, list[Event]]:
    heard: list[Event] = []
    try:
        while True:
            heard.append(next(events))
    except StopIteration as end:
        return end.value, heard


def seen(result: Result) -> np.ndarray:
    y, x = result.field.extent.axes()
    return result.field.render([0.0], y, x)[0].numpy()


def test_tiles_are_as_one_piece(file: Path, tmp_path: Path) -> None:
    result, heard = finished(run_plan(plan_of(file), tmp_path / "o.nfield", InProcess()))
    one, _ = finished(run_plan(plan_of(file, SIDE), tmp_path / "one.nfield", InProcess()))
    many, whole = seen(result), seen(one)
    many = many * np.exp(1j * np.angle(np.vdot(many, whole)))
    assert np.abs(many - whole).max() < 2e-3  # stored in half precision
    progress = [event for event in heard if isinstance(event, Progress)]
    assert (progress[-1].done, progress[-1].what) == (progress[-1].total, "4 of 4 tiles")
    assert any(isinstance(event, Preview) for event in heard)
    assert isinstance(heard[-1], Done)
    assert [n.text for n in heard if isinstance(n, Note) and "offset" in n.text] == [
        result.notes[0].partition(", such as ")[2].replace("r000c000", "tile r000c000", 1)
    ]
    assert result.verdict is not None
    assert str(result.verdict) == "green: All of 4 tiles are green."
    assert load_result(tmp_path / "o.nfield").field.extent.shape == (SIDE, SIDE)
    assert not unfinished_of(tmp_path / "o.nfield").exists()


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in [*sorted(folder.rglob("*.nfield")), folder / "index.json"]
    }


def test_an_interrupted_run_goes_on_and_ends_the_same(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counting(job: TileJob) -> Generator[Event, None, TileMade]:
        if len(made) == 3:
            made.append("")
            raise KeyboardInterrupt
        made.append(job.tile.name)
        return (yield from make_tile(job))

    monkeypatch.setattr(running, "make_tile", counting)
    output = tmp_path / "o.nfield"
    with pytest.raises(KeyboardInterrupt):
        finished(run_plan(plan_of(file), output, InProcess()))
    assert not output.exists()
    with pytest.raises(InputError, match=r"no index\.json"):
        load_result(unfinished_of(output))
    half = unfinished_of(output) / "tiles" / "r000c001.nfield"
    half.write_bytes(half.read_bytes()[:500])  # as a disk leaves it that lost its power
    _, heard = finished(run_plan(plan_of(file), output, InProcess()))
    assert "2 of 4 tiles are done already, in o.nfield.unfinished" in [n.text for n in heard if isinstance(n, Note)]
    assert len(made) == 4 + 2
    monkeypatch.setattr(running, "make_tile", make_tile)
    finished(run_plan(plan_of(file), tmp_path / "p.nfield", InProcess()))
    once, twice = (files_of(tmp_path / name) for name in ("p.nfield", "o.nfield"))
    once.pop("index.json")  # its notes name the tiles that this run has made
    twice.pop("index.json")
    assert once == twice
    assert np.abs(seen(load_result(output)) - seen(load_result(tmp_path / "p.nfield"))).max() < 1e-6


def test_tiles_of_another_plan_are_refused(file: Path, tmp_path: Path, led_array: Any) -> None:
    output = tmp_path / "o.nfield"
    events = run_plan(plan_of(file), output, InProcess())
    while not (unfinished_of(output) / "tiles" / "r000c000.nfield").exists():
        next(events)
    events.close()
    with pytest.raises(InputError, match=r"another plan: option strength was 1\.0 and is 2\.0 now; repeat"):
        next(run_plan(plan_of(file, strength=2.0), output, InProcess()))
    with pytest.raises(InputError, match="tile_px was 48 and is 80 now"):
        next(run_plan(plan_of(file, SIDE), output, InProcess()))
    older = plan_of(file)
    save_acquisition(file, scene(led_array, seed=1))
    with pytest.raises(InputError, match="the file has changed since"):
        next(run_plan(plan_of(file), output, InProcess()))
    with pytest.raises(EndsAll, match=r"wide\.acq\.h5: the file has changed since the run began"):
        finished(run_plan(older, output, InProcess()))


def poisoned(job: TileJob) -> Generator[Event, None, TileMade]:
    if job.tile.name == "r001c001":
        raise ValueError("poison")
    return (yield from make_tile(job))


def test_a_poisoned_tile_is_left_out(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "make_tile", poisoned)
    result, heard = finished(run_plan(plan_of(file), tmp_path / "o.nfield", InProcess()))
    assert "tile r001c001 is left out, after 2 tries: ValueError: poison" in [
        n.text for n in heard if isinstance(n, Note)
    ]
    assert result.verdict is not None
    assert str(result.verdict).startswith("amber: 1 tile is left out and 0 in the field.")
    values = np.abs(seen(load_result(tmp_path / "o.nfield")))
    assert values[-1, -1] == 0
    assert (values[:, :30] > 0).all()


def test_a_full_disk_ends_the_run_which_goes_on(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, written = os.fsync, []

    def full(handle: int) -> None:
        written.append(handle)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    output = tmp_path / "o.nfield"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(EndsAll, match=r"the disk is full; .*; the same command goes on"):
            finished(run_plan(plan_of(file), output, InProcess()))
    assert not output.exists()
    finished(run_plan(plan_of(file), output, InProcess()))
    finished(run_plan(plan_of(file), tmp_path / "p.nfield", InProcess()))
    assert np.array_equal(seen(load_result(output)), seen(load_result(tmp_path / "p.nfield")))


def killed_once(job: TileJob) -> Generator[Event, None, TileMade]:
    mark = Path(job.file).with_name("killed")
    if job.tile.name == "r000c000" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    method("toy", ToyRecipe, kinds=("led_array",))(toy) if "toy" not in METHODS else None
    return (yield from make_tile(job))


def test_a_killed_worker_changes_nothing(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(run_plan(plan_of(file, SIDE), tmp_path / "p.nfield", InProcess()))
    monkeypatch.setattr(running, "make_tile", killed_once)
    result, _ = finished(run_plan(plan_of(file, SIDE), tmp_path / "o.nfield", executor(workers=1)))
    assert (tmp_path / "killed").exists()
    assert np.abs(seen(result) - seen(load_result(tmp_path / "p.nfield"))).max() < 1e-6


def test_an_older_field_stays_until_the_new_one_is_whole(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.nfield"
    finished(run_plan(plan_of(file, SIDE), output, InProcess()))
    events = run_plan(plan_of(file), output, InProcess())
    next(events)
    assert len(load_result(output).field.tiles) == 1  # type: ignore[attr-defined]
    finished(events)
    assert len(load_result(output).field.tiles) == 4  # type: ignore[attr-defined]
    assert {p.name for p in tmp_path.iterdir()} == {"wide.acq.h5", "o.nfield"}


def test_a_run_of_many_tiles_ends_with_an_overview(tmp_path: Path, led_array: Any) -> None:
    path = tmp_path / "wide.acq.h5"
    save_acquisition(path, led_array(leds=2, size=104))
    whole = open_acquisition(path)
    recipe, tiling = ToyRecipe().model_dump(mode="json"), Tiling(32, 8)
    plan = planned(path, whole, (whole, (0.0, 0.0)), recipe, chosen={}, tiling=tiling)
    result, _ = finished(run_plan(plan, tmp_path / "o.nfield", InProcess()))
    field = result.field
    assert isinstance(field, TiledField)
    y, x = field.extent.axes(4 * field.extent.pixel_um)
    seen = field.render([0.0], y, x)
    assert (len(field.tiles), field.opened) == (16, 0)
    field.overview = None
    assert float((seen - field.render([0.0], y, x)).abs().max()) < 2e-3
    assert field.opened == 16

"""A run that was stopped and goes on ends as one that was left alone."""

import contextlib
import dataclasses
from collections.abc import Generator

import numpy as np
import pytest
import torch
from conftest import make_led_array

from napari_neuralfield import InputError, build_recipe, compute
from napari_neuralfield.fields.phase_map import PhaseMap
from napari_neuralfield.forward.scan_problem import ScanState
from napari_neuralfield.io.native.checkpoint_file import CheckpointFile, checkpoint_of
from napari_neuralfield.recon.engine import checkpoint
from napari_neuralfield.recon.engine.preparing import prepared_run
from napari_neuralfield.types import Done, Event, Note, Result


@dataclasses.dataclass
class Walk:
    """A walk at random whose turns and stages are counted."""

    turns: int = 0
    stages: int = 0

    def stage(self, value: float) -> Generator[Event, None, ScanState]:
        self.stages += 1
        yield Note("a stage")
        kept = torch.full((2, 2), value, dtype=torch.complex64)
        return ScanState(kept, kept[None], torch.zeros(3, 2))

    def run(self) -> Generator[Event, None, torch.Tensor]:
        """Two stages of one name, then a loop."""
        first = yield from checkpoint.once_from("start", self.stage(1.0))
        second = yield from checkpoint.once_from("start", self.stage(2.0))
        order, loop = compute.seed(0), checkpoint.loop("turns")
        number, value = 0, first.object_array + second.object_array
        if loop.found is not None:
            number, value = loop.found["number"], loop.found["value"]
            order.set_state(loop.found["order"])

        def now() -> dict[str, object]:
            return {"number": number, "value": value, "order": order.get_state()}

        while number < 10:
            value += torch.randn(2, 2, generator=order)
            number += 1
            self.turns += 1
            yield Note(f"turn {number}")
            loop.reached(now)
        return value


def _end(events: Generator[Event, None, torch.Tensor]) -> torch.Tensor:
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


def test_goes_on_where_it_was_stopped_and_ends_as_if_it_had_not_been(tmp_path):
    alone = _end(Walk().run())
    path, walk = checkpoint_of(tmp_path / "o.nfield"), Walk()
    kept = checkpoint.Checkpoint(CheckpointFile(path, {"option passes": 10}))
    with checkpoint.using(kept):
        events = walk.run()
        while next(events) != Note("turn 4"):
            pass
        kept.stop_soon()
        with pytest.raises(checkpoint.StoppedHere):
            next(events)
    assert walk.turns == 4
    walk = Walk()
    again = checkpoint.Checkpoint(CheckpointFile(path, {"option passes": 10}), resume=True)
    with checkpoint.using(again):
        ended = _end(walk.run())
    assert (walk.turns, walk.stages) == (6, 0)
    assert torch.equal(ended, alone)


def test_tensors_of_an_accelerator_are_kept_off_it(tmp_path):
    store, kept = CheckpointFile(tmp_path / "a.checkpoint", {}), checkpoint.OffDevice(torch.arange(3), "cpu")
    store.save({"x": [kept]})
    again = checkpoint.Checkpoint(store, resume=True)
    assert again.found("x")[0].tolist() == [0, 1, 2]


def test_a_full_disk_does_not_end_the_run(tmp_path, caplog):
    class Full:
        def save(self, parts):
            raise OSError("No space left on device")

    with checkpoint.using(checkpoint.Checkpoint(Full(), seconds=0)):
        _end(Walk().run())
    assert "how far the run is cannot be kept (OSError: No space left on device)" in caplog.text


def test_notes_said_before_are_in_the_result(tmp_path):
    path, recipe = tmp_path / "a.checkpoint", build_recipe("fpm-per-slice", {"z_um": 0.0, "passes": 3})
    acquisition = make_led_array()
    kept = checkpoint.Checkpoint(CheckpointFile(path, {}), seconds=0)
    with checkpoint.using(kept), contextlib.suppress(checkpoint.StoppedHere):
        for _ in prepared_run(acquisition, recipe, "a method", as_given=True, method=_talks):
            kept.stop_soon()
    with checkpoint.using(checkpoint.Checkpoint(CheckpointFile(path, {}), resume=True)):
        done = list(prepared_run(acquisition, recipe, "a method", as_given=True, method=_talks))[-1]
    assert done.result.notes[1:] == ("begun", "pass 0", "pass 1", "pass 2", "ended")


def _talks(acquisition, recipe):
    yield Note("begun")
    loop = checkpoint.loop("passes")
    for number in range(loop.found or 0, 3):
        yield Note(f"pass {number}")
        loop.reached(lambda: number + 1)  # noqa: B023
    yield Note("ended")
    yield Done(Result(PhaseMap.from_grid(torch.zeros(4, 4), 0.0, 1.0)))


def test_nothing_is_kept_before_it_is_time(tmp_path):
    kept = checkpoint.Checkpoint(CheckpointFile(tmp_path / "a.checkpoint", {}), seconds=60)
    with checkpoint.using(kept):
        _end(Walk().run())
    assert not list(tmp_path.iterdir())


def test_arrays_and_numbers_of_numpy_come_back(tmp_path):
    store = CheckpointFile(tmp_path / "a.checkpoint", {})
    kept = {"a": np.arange(3.0), "b": np.float64(2), "c": np.int64(3), "d": np.array(["LED"]), "e": np.zeros((0, 2))}
    store.save({"x": kept})
    back = store.load()["x"]
    assert (back["a"].tolist(), back["b"], back["c"]) == ([0, 1, 2], 2, 3)
    assert (back["d"][0], back["e"].shape) == ("LED", (0, 2))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p.unlink(), "no unfinished run"),
        (lambda p: p.write_bytes(b"rubbish"), "cannot be read"),
        (lambda p: torch.save({"of": "{}", "parts": {"x": print}}, p), "cannot be read|print"),
        (lambda p: CheckpointFile(p, {"option passes": 11}).save({}), "option passes 11 and this one has 10"),
    ],
)
def test_a_file_that_is_not_of_this_run_is_refused(tmp_path, change, said):
    store = CheckpointFile(tmp_path / "a.checkpoint", {"option passes": 10})
    store.save({})
    change(store.path)
    with pytest.raises(InputError, match=said) as error:
        store.load()
    assert str(store.path) in str(error.value)

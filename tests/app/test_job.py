from __future__ import annotations

import re
import threading
import time

import pytest
import torch
from toy import ToyField

from napari_neuralfield.app import job as job_module
from napari_neuralfield.app.job import Failed, Job, Stopped, Stopwatch, sentence
from napari_neuralfield.types import Done, InputError, Note, Preview, Progress, Result


def follow(events, **kw):
    """Run to the end: what was said."""
    said = []
    job = Job(events, said.append, **kw).start()
    assert job.join(10)
    return job, said


def steps(n, then=None, field=None):
    for i in range(n):
        yield Progress(i + 1, n, 0.5)
        if field is not None:
            yield Preview(field, 1.0)
    if then is not None:
        raise then


def test_events_come_in_order_and_the_result_is_kept():
    result = Result(ToyField())

    def events():
        yield from steps(3)
        yield Done(result)

    job, said = follow(events)
    assert [e.done for e in said[:3]] == [1, 2, 3]
    assert said[3] == Done(result)
    assert job.last is result
    assert not job.running


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InputError("pixel_um is 0; it must be larger"), "^pixel_um is 0"),
        (torch.OutOfMemoryError("CUDA out of memory"), "memory ran out .* are free.; what helps: a smaller region"),
        (RuntimeError("[enforce fail] not enough memory: you tried"), "memory ran out"),
        (ZeroDivisionError("division by zero"), r"unexpected error .*\(ZeroDivisionError: division by zero\)"),
        (SystemExit(3), "SystemExit"),
    ],
)
def test_whatever_goes_wrong_ends_in_failed_with_what_was_computed(error, text):
    field = ToyField()
    job, said = follow(lambda: steps(2, error, field))
    assert isinstance(said[-1], Failed)
    assert re.search(text, said[-1].text)
    assert said[-1].result is job.last
    assert job.last.field is field


def test_a_refusal_after_a_first_look_keeps_nothing():
    def refused():
        yield Preview(ToyField(), 0.0)
        raise InputError("frame 3 is dark")

    job, said = follow(refused)
    assert said[-1] == Failed("frame 3 is dark")
    assert job.last is None


def throw(text):
    raise RuntimeError(text)


def test_an_error_while_the_stream_is_made_is_said_too():
    _, said = follow(lambda: throw("no stream"))
    assert "no stream" in said[0].text
    assert said[0].result is None


def test_cancel_closes_the_generator_and_keeps_the_last_preview():
    closed, field = threading.Event(), ToyField()

    def endless():
        try:
            while True:
                time.sleep(0.005)
                yield Preview(field, 0.0)
        finally:
            closed.set()

    said = []
    job = Job(endless, said.append).start()
    while job.last is None:
        time.sleep(0.005)
    job.cancel()
    assert job.join(5)
    assert closed.is_set()
    assert said[-1] == Stopped(job.last)
    assert job.last.field is field


def test_pause_holds_and_resume_goes_on():
    said = []
    job = Job(slow(), said.append)
    job.pause()
    job.start()
    time.sleep(0.1)
    assert said == []
    assert job.paused
    assert job.seconds < 0.09
    job.resume()
    assert job.join(5)
    assert len(said) == 5


def slow():
    for i in range(5):
        time.sleep(0.01)
        yield Progress(i + 1, 5, 1.0)


def test_a_paused_job_can_be_cancelled():
    said = []
    job = Job(slow(), said.append)
    job.pause()
    job.start().cancel()
    assert job.join(5)
    assert said == [Stopped(None)]


def test_time_left_is_in_proportion_to_the_steps_left():
    gate = threading.Event()

    def events():
        time.sleep(0.1)
        yield Progress(1, 4, 1.0)
        gate.wait(5)

    said = []
    job = Job(events, said.append)
    assert job.seconds_left is None
    job.start()
    while not said:
        time.sleep(0.005)
    assert 0.25 < job.seconds_left < 1.0  # 3 steps of 0.1 s
    gate.set()
    assert job.join(5)


def test_checkpoints_are_written_at_intervals_and_at_the_end(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr("napari_neuralfield.io.save_result", lambda path, result: saved.append(path), raising=False)
    path = tmp_path / "a.nfield"
    follow(lambda: steps(3, field=ToyField()), checkpoint_path=path, checkpoint_seconds=0.0)
    assert saved.count(path) == 6  # after the first preview every event, and the end
    saved.clear()
    follow(lambda: steps(3, field=ToyField()), checkpoint_path=path, checkpoint_seconds=1e6)
    assert saved == [path]


def test_a_full_disk_is_noted_once_and_does_not_end_the_run(tmp_path, monkeypatch):
    def full(path, result):
        raise OSError("No space left on device")

    monkeypatch.setattr("napari_neuralfield.io.save_result", full, raising=False)
    _, said = follow(lambda: steps(3, field=ToyField()), checkpoint_path=tmp_path / "a.nfield", checkpoint_seconds=0.0)
    notes = [e for e in said if isinstance(e, Note)]
    assert len(notes) == 1
    assert "a.nfield: the checkpoint could not be written (No space left" in notes[0].text
    assert [e.done for e in said if isinstance(e, Progress)] == [1, 2, 3]


def test_a_listener_that_fails_does_not_end_the_run():
    seen = []

    def listener(event):
        seen.append(event)
        raise ValueError("the window is gone")

    job = Job(lambda: steps(3), listener).start()
    assert job.join(5)
    assert len(seen) == 3


def test_one_core_is_left_to_the_window_and_given_back(monkeypatch):
    before, inside = torch.get_num_threads(), []
    monkeypatch.setattr("os.cpu_count", lambda: before)

    def events():
        inside.append(torch.get_num_threads())
        yield Progress(1, 1, 1.0)

    follow(events)
    assert inside == [max(1, before - 1)]
    assert torch.get_num_threads() == before


def test_at_exit_running_jobs_are_cancelled():
    def endless():
        while True:
            time.sleep(0.01)
            yield Progress(1, 2, 1.0)

    said = []
    job = Job(endless, said.append).start()
    job_module._end_all()
    assert not job.running
    assert said[-1] == Stopped(None)


def test_a_stopwatch_adds_up():
    watch = Stopwatch()
    assert watch.seconds == 0
    for _ in range(2):
        watch.start()
        time.sleep(0.02)
        watch.stop()
    assert 0.03 < watch.seconds < 0.2


def test_an_error_without_text_still_makes_a_sentence():
    assert "KeyError: no further details" in sentence(KeyError())


def test_the_checkpoint_folder_lies_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(job_module.platformdirs, "user_cache_dir", lambda name: str(tmp_path / name))
    assert job_module.checkpoint_folder() == tmp_path / "napari-neuralfield" / "checkpoints"
    assert job_module.checkpoint_folder().is_dir()

"""A run that was stopped in the window is offered again where its file is open, and goes on where it was."""

from __future__ import annotations

import os
import time

import pytest
import torch
from window import docks_of

from napari_neuralfield.app.job import Job, Stopped, checkpoint_folder
from napari_neuralfield.types import Done, Progress
from napari_neuralfield.widgets.reconstruct.plan import plan_run
from napari_neuralfield.widgets.reconstruct.unfinished import Keeper, clean, unfinished_of

pytestmark = pytest.mark.usefixtures("errors")
OPTIONS = {"z_um": (-5.0, 5.0), "planes": 2, "passes": 20, "check_orientation": False}


def job_of(plan, unfinished=None, stop_at=0):
    """What the job of `plan` says, stopped after so many words of progress where that is not 0."""
    said, keeper = [], Keeper(plan, "cells", unfinished)

    def tell(event):
        said.append(event)
        if stop_at and sum(isinstance(one, Progress) for one in said) == stop_at:
            keeper.job.cancel()

    keeper.job = Job(keeper.events, tell, stop_soon=keeper.stop_soon)
    assert keeper.job.start().join(60)
    return said


def test_goes_on_with_the_same_frames_alone(draft):
    acquisition = draft.complete()
    plan = plan_run(acquisition, "fpm-per-slice", OPTIONS)
    alone = job_of(plan)[-1].result
    assert unfinished_of(acquisition) is None
    assert isinstance(job_of(plan, stop_at=15)[-1], Stopped)
    other = acquisition.replace(frames=acquisition.frames[::-1])
    assert unfinished_of(other) is None  # of the same title
    found = unfinished_of(acquisition)
    assert found.share == pytest.approx(15 / 40, abs=0.06)
    assert found.sentence.startswith("Go on with the run of cells, fpm-per-slice, of ")
    assert found.plan(acquisition).recipe == plan.recipe
    assert "had frames" in job_of(plan_run(other, "fpm-per-slice", OPTIONS), found)[-1].text
    said = job_of(found.plan(acquisition), found)
    assert isinstance(said[-1], Done)
    assert sum(isinstance(event, Progress) for event in said) < 30
    for name, value in alone.field.state_dict().items():
        assert torch.equal(said[-1].result.field.state_dict()[name], value)
    assert not [path for path in checkpoint_folder().iterdir() if path.suffix != ".nfield"]


def test_a_region_goes_on_as_a_region(draft):
    acquisition = draft.complete()
    job_of(plan_run(acquisition, "fpm-per-slice", OPTIONS, (slice(0, 40), slice(8, 48))), stop_at=5)
    plan = unfinished_of(acquisition).plan(acquisition)
    assert plan.region == [[0, 40], [8, 48]]
    assert plan.acquisition.frame_shape == (40, 40)


def test_old_ones_and_those_that_cannot_be_read_are_not_offered(draft):
    acquisition = draft.complete()
    job_of(plan_run(acquisition, "fpm-per-slice", OPTIONS), stop_at=5)
    for path in checkpoint_folder().iterdir():
        os.utime(path, (time.time() - 31 * 86400,) * 2)
    clean()
    assert not list(checkpoint_folder().iterdir())
    (checkpoint_folder() / "a.checkpoint").write_bytes(b"")
    (checkpoint_folder() / "a.json").write_text("{")
    assert unfinished_of(acquisition) is None


def test_the_dock_offers_it(viewer, qtbot, draft):
    _, dock, _ = docks_of(viewer, qtbot)
    dock._session.set_draft(draft)
    dock.form.choose_method("fpm-per-slice")
    dock.form.options.set_values({**OPTIONS, "passes": 60})
    assert not dock.form.unfinished.isVisible()
    dock.run()
    qtbot.waitUntil(lambda: dock.job.share > 0.1, timeout=60_000)
    dock.stop()
    qtbot.waitUntil(lambda: "fpm-per-slice" in dock.form.unfinished.text(), timeout=60_000)
    assert "stopped" in dock.form.state.text()
    dock.form.options.set_values({"passes": 3})  # whatever stands there now
    dock.form.go_on_button.click()
    assert not dock.form.unfinished.isVisible()
    qtbot.waitUntil(lambda: not dock._running, timeout=30_000)
    assert dock._session.shown.finished
    assert dock._session.shown.result.recipe["passes"] == 60
    assert unfinished_of(draft.complete()) is None

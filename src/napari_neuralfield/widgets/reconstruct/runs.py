"""The runs of one viewer: one at a time, the others wait. They belong to its window; docks come and go."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject, Signal

from ...app import lazy
from ...app.figures.wording import time_text
from ...app.job import Failed, Job, JobEvent, Stopped
from ...types import Done, Note, Preview, Progress, Result
from ..jobs.activity import Activity
from ..kit.front_door import PLUGIN
from ..kit.keys import bind_keys
from ..kit.parts import timer
from ..kit.preferences import preference
from ..kit.session import Shown, session_of
from ..kit.threads import Background, when_gone
from ..view.layers import LayerData
from ..view.phase_layers import beside_layers
from ..view.preview import PreviewLayers
from ..view.scan_layers import add_below, layers_of
from ..view.trust_facts import map_layers, outcome_text
from ..view.zoom_view import zoom_view_of
from .time_view import is_over_time
from .unfinished import Keeper

if TYPE_CHECKING:
    import napari

    from .plan import Plan, Values
    from .unfinished import Unfinished

MOST = 4000  # points of a curve that are kept


class Run:
    """One reconstruction and what is said of it.

    Parameters
    ----------
    plan : what is done; let go when it is done.
    title, sample : what its layers are called, and what it is a run of.
    unfinished : where it goes on, None for a beginning.
    values : of what it is a run of, as they are known at its start.
    """

    def __init__(
        self, plan: Plan, title: str, sample: str, unfinished: Unfinished | None = None, values: Values | None = None
    ) -> None:
        self.values = values
        self.plan: Plan | None = plan
        self.title, self.sample, self.unfinished = title, sample, unfinished
        self.over_time = is_over_time(plan)
        self.job: Job | None = None
        self.text, self.notes = "waiting", list[Note]()
        self.curve: list[tuple[int, float]] = []
        self.said: deque[Progress] = deque()  # by the job's thread, not yet drawn
        self.last: Progress | None = None
        self.waiting: Shown | None = None  # the newest preview not yet drawn
        self.lapse: Result | None = None  # of a time-lapse that has ended, which a dock shows frame by frame

    @property
    def paused(self) -> bool:
        return self.job is not None and self.job.paused

    def take(self) -> bool:
        """Put what was said into the curve; whether there was anything."""
        before = self.last
        while self.said:
            self.last = self.said.popleft()
            self.curve.append((self.last.done, self.last.loss))
        if len(self.curve) > MOST:
            self.curve = self.curve[::2]
        return self.last is not before


class Runs(QObject):
    """Starts runs, shows what they find in layers, and tells whoever listens."""

    begun = Signal()  # `current` is another one
    stepped = Signal()  # its curve has grown
    changed = Signal()  # its text, or what waits
    noted = Signal(object)
    ended = Signal(object)  # Done, Stopped or Failed

    def __init__(self, viewer: napari.Viewer, window: QObject | None = None) -> None:
        super().__init__(window)
        self._viewer, self._session = viewer, session_of(viewer)
        self._background = Background()
        self.preview = PreviewLayers(viewer, self._background, show_error, self._on_drawn)
        self.current: Run | None = None
        self.running = False
        self.queue: list[Run] = []
        self._bar: Activity | None = None
        self._early: list[JobEvent] | None = None  # what the job says while its run is still being shown to begin
        self._alone: tuple[Result, Plan, str] | None = None  # what was found, as long as nothing lies beside it
        self._tick = timer(self, 200, self._draw)
        self._soon = timer(self, 100, self._begin_next)
        holder = self.__dict__

        def cancel() -> None:
            if holder["current"] is not None and holder["current"].job is not None:
                holder["current"].job.cancel()

        when_gone(self, self._background.close, self.preview.close, cancel)

    # what is asked for

    def start(self, run: Run) -> None:
        """Begin a `run`, or let it wait until those before it have ended."""
        if self.running or self.queue:
            self.queue.append(run)
            self.changed.emit()
        else:
            self._begin(run)

    def remove(self, run: Run) -> None:
        """Take a `run` that waits out of the queue."""
        if run in self.queue:
            self.queue.remove(run)
            self.changed.emit()

    def pause_or_resume(self) -> None:
        job = None if self.current is None else self.current.job
        if job is None or not self.running:
            return
        job.resume() if job.paused else job.pause()
        self._say("paused; the step in hand is finished first" if job.paused else "running …")

    def stop(self) -> None:
        """Cancel; what was computed so far is kept and shown."""
        if self.current is not None and self.current.job is not None and self.running:
            self.current.job.cancel()
            self._say("stopping after the step in hand …")

    def left_alone(self) -> None:
        """A dock is gone: say where the run that goes on can be stopped."""
        if self.running and self.current is not None:
            show_info(f"{self.current.title} goes on; stop it in the activity dock or in a new Reconstruct dock")

    # from its beginning to its end

    def _begin(self, run: Run) -> None:
        assert run.plan is not None
        self.current, self.running, self._alone, self._early = run, True, None, []
        keeper = Keeper(run.plan, run.sample, run.unfinished)
        post, background = self._on_event, self._background

        def tell(event: JobEvent) -> None:  # in the job's thread; hundreds of steps a second must not reach the window
            run.said.append(event) if isinstance(event, Progress) else background.post(post, event)

        soon = keeper.stop_soon if run.plan.tiles is None else None
        run.job = keeper.job = Job(keeper.events, tell, describe=run.plan.describe, stop_soon=soon)
        run.job.start()  # what follows takes napari a while
        self.preview.begin(run.title)
        self._bar = Activity(run.title, self.stop)  # napari lets the window go on meanwhile
        self.begun.emit()
        self._say("starting …")
        self._tick.start()
        early, self._early = self._early, None
        for event in early:
            self._on_event(event)

    def _begin_next(self) -> None:
        """The next of the queue, when what the last one found is on the screen."""
        if self.preview.busy:
            return
        self._soon.stop()
        if self.queue and not self.running:
            self._begin(self.queue.pop(0))

    def _on_event(self, event: JobEvent) -> None:
        if self._early is not None:
            self._early.append(event)
            return
        run = self.current
        assert run is not None
        assert run.job is not None
        if isinstance(event, Preview):
            result = run.job.last if run.job.last is not None else Result(event.field)
            run.waiting = Shown(result, event.z_um, run.title, finished=False)
        elif isinstance(event, Note):
            run.notes.append(event)
            self.noted.emit(event)
        elif isinstance(event, Done):
            if run.over_time:
                run.lapse = event.result
            elif run.plan is not None:
                self._alone = (event.result, run.plan, run.title)
            self._end(event, outcome_text(event.result, run.job.seconds))
        elif isinstance(event, Stopped):
            self._end(event, "stopped" if event.result else "stopped before there was anything to show")
        elif isinstance(event, Failed):
            kept = ", what was found is kept" if event.result else ""
            self._end(event, f"ended by an error{kept}")
            show_error(event.text)

    def _end(self, event: Done | Stopped | Failed, text: str) -> None:
        run = self.current
        assert run is not None
        self.running = False
        self._tick.stop()
        last_z = None if run.waiting is None else run.waiting.z_um
        run.waiting = None
        self._draw_progress(run)
        run.over_time = run.over_time and isinstance(event, Done)  # what was found before is a picture like others
        if event.result is None or run.over_time:
            self.preview.abandon()
        if event.result is None:
            self._session.drop_unfinished()
        else:
            z = self._depth_of(event.result) if last_z is None else last_z
            self._show(Shown(event.result, z, run.title), text)
        run.job = None
        self._say(text)
        self.ended.emit(event)
        if not run.over_time:
            run.plan = None  # and the frames with it
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if not isinstance(event, Failed) and preference("runs", "notify", True):
            seen = not run.over_time or f"Reconstruct ({PLUGIN})" in self._viewer.window.dock_widgets
            show_info(f"{run.title}: {text}{'' if seen else '; open the Reconstruct dock to look at it'}")
        if self.queue:
            self._soon.start()

    def _say(self, text: str) -> None:
        if self.current is not None:
            self.current.text = text
        self.changed.emit()

    # what is seen

    def _draw(self) -> None:
        """Five times a second, however many events come: progress, curve and the newest preview."""
        run = self.current
        assert run is not None
        self._draw_progress(run)
        if run.waiting is not None and not self.preview.busy:
            shown, run.waiting = run.waiting, None
            self._show(shown)

    def _draw_progress(self, run: Run) -> None:
        if not run.take() or run.last is None or run.job is None:
            return
        self.stepped.emit()
        left = run.job.seconds_left
        parts = [run.last.what, "" if left is None else f"{time_text(left)} left"]
        if run.job.running and not run.job.paused:
            self._say(", ".join(part for part in parts if part) or "running …")
        if self._bar is not None:
            self._bar.move_to(run.job.share)

    def _show(self, shown: Shown, outcome: str = "") -> None:
        run, curve = self.current, list[tuple[float, float]]()
        if run is not None and outcome:
            curve = list(run.curve)
        if run is not None and run.plan is not None:
            shown = dataclasses.replace(shown, frames=run.plan.whole.frames, values=run.values)
        if run is not None and run.over_time and shown.finished:  # every frame is shown, not this one
            shown = dataclasses.replace(shown, over_time=True)
        else:
            self.preview.show(shown)
        self._session.set_shown(shown, curve, outcome)

    def _on_drawn(self) -> None:
        zoom_view_of(self._viewer).refresh()
        if self._alone is not None and layers_of(self._viewer, self._alone[0]):
            (result, plan, title), self._alone = self._alone, None
            self.preview.forget()
            self._add_beside(result, plan, title)

    def _add_beside(self, result: Result, plan: Plan, title: str) -> None:
        """What a phase is compared with, and where it is in doubt, as layers below it that are not seen at first."""
        if not lazy.beyond_pixels(result.field):
            return

        def work() -> list[LayerData]:
            return [*map_layers(result, title), *beside_layers(plan.acquisition, plan.offset_um, title)]

        self._background.run(work, lambda layers: add_below(self._viewer, layers, result), show_error)

    def _depth_of(self, result: Result) -> float:
        low, high = result.field.extent.z_um
        seen = self._session.shown.z_um if self._session.shown is not None else (low + high) / 2
        return min(max(seen, low), high)


def runs_of(viewer: napari.Viewer) -> Runs:
    """The runs of a viewer; made at the first call, gone with its window."""
    model = getattr(viewer, "__wrapped__", viewer)  # docks are handed a proxy of the viewer
    window = model.window._qt_window
    found = window.findChild(Runs)
    if found is None:
        found = Runs(model, window)
        bind_keys(model)
    return found

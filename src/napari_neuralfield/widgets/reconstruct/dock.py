"""Reconstruct dock: choose a method, run it, watch it, stop it, keep what it found."""

from __future__ import annotations

import dataclasses
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QWidget

from ...app import lazy
from ...app.job import Failed, Job, JobEvent, Stopped
from ...data.selection import region_slices
from ...types import Done, InputError, Note, Preview, Progress, Result
from ..kit.docks import offer_readers
from ..kit.next_step import NOTHING_OPEN
from ..kit.parts import timer
from ..kit.region import RegionTool
from ..kit.session import Shown, session_of
from ..kit.threads import Background, when_gone
from ..view.export import ask_path
from ..view.layers import LayerData
from ..view.phase_layers import beside_layers
from ..view.preview import PreviewLayers
from ..view.scan_layers import add_below, layers_of
from ..view.trust_facts import judged, map_layers
from ..view.wording import time_text
from ..view.zoom_view import zoom_view_of
from .form import ReconstructForm
from .height_choice import HeightView
from .plan import Library, Plan, load_library, plan_run, run_title
from .scan_view import ScanView
from .time_view import TimeView, is_over_time
from .trust_view import TrustView
from .unfinished import Keeper, Unfinished, clean, unfinished_of

if TYPE_CHECKING:
    import napari

    from ...data.acquisition import Draft


class ReconstructDock(QWidget):
    """From frames to a field. `napari_viewer` is given by napari."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer, self._session = napari_viewer, session_of(napari_viewer)
        self._background = Background()
        self.zoom = zoom_view_of(napari_viewer)
        self._preview = PreviewLayers(napari_viewer, self._background, self._say_error, self._on_drawn)
        self.region = RegionTool(napari_viewer)
        self.library: Library | None = None
        self.job: Job | None = None
        self._waiting: Shown | None = None  # the newest preview not yet drawn
        self._progress: deque[Progress] = deque()  # what the job's thread has said and is not yet drawn
        self._title, self._running = "", False
        self._plan: Plan | None = None
        self._unfinished: Unfinished | None = None  # run of what is open, that can go on
        self._alone: Result | None = None  # what was found, as long as nothing lies beside it
        self.form = ReconstructForm(self, self._session.settings)
        self.scan = ScanView(napari_viewer, self._session)
        self.trust = TrustView(napari_viewer, self._session)
        self.heights = HeightView(napari_viewer, self._session)
        self.time = TimeView(napari_viewer, str(self._session.settings.get("folder", "")))
        for part in (self.trust, self.scan, self.heights, self.time):
            self.form.below_plot.addWidget(part)
        self.scan.changed.connect(lambda: self.form.give_room(self.scan.facts is not None))
        self._connect()
        self._tick = timer(self, 200, self._draw)
        self._set_state("loading the methods …")
        self._background.run(load_library, self._loaded, self._not_loaded)

    def _connect(self) -> None:
        form = self.form
        form.run_button.clicked.connect(self.run)
        form.go_on_button.clicked.connect(self.go_on)
        form.discard_button.clicked.connect(self.discard)
        form.pause_button.clicked.connect(self.pause_or_resume)
        form.stop_button.clicked.connect(self.stop)
        form.save_button.clicked.connect(self._choose_save)
        form.depth_button.clicked.connect(self._open_depth)
        form.draw_region.clicked.connect(self.region.draw)
        form.clear_region.clicked.connect(self.region.clear)
        self._session.draft_changed.connect(self._on_draft)
        self._session.values_changed.connect(lambda _: form.show_error(""))
        holder = self.__dict__

        def cancel() -> None:
            if holder.get("job") is not None:
                holder["job"].cancel()

        when_gone(self, self._background.close, self._preview.close, cancel)

    # what can be chosen

    def _loaded(self, library: Library) -> None:
        self.library = library
        self.form.set_devices(library.devices)
        self._set_state("")
        self._on_draft(self._session.draft)
        offer_readers()
        self._background.run(clean, lambda _: None, lambda _: None)
        if library.problems:
            self.form.add_note("; ".join(library.problems), "warning")

    def _not_loaded(self, text: str) -> None:
        self._set_state("The methods could not be loaded; nothing can be reconstructed.")
        self._say_error(text)

    def _on_draft(self, draft: Draft | None) -> None:
        if self.library is None:
            return
        kind = "" if draft is None else draft.kind
        methods = {name: self.library.methods[name] for name in self.library.for_kind(kind)}
        self.form.set_methods(kind, methods, *self.library.recommended(draft))
        if not self._running:
            self.form.show_error("")
            self._set_state("" if draft is not None else NOTHING_OPEN)
            self._look_for_unfinished()

    def _look_for_unfinished(self) -> None:
        """Offer to go on with a run of what is open."""
        self._offer(None)
        try:
            acquisition = self._session.acquisition()
        except InputError:  # a value is missing still
            return

        def found(unfinished: Unfinished | None) -> None:
            if not self._running and acquisition.frames is self._session.acquisition().frames:
                self._offer(unfinished)

        self._background.run(lambda: unfinished_of(acquisition), found, lambda _: None)

    def _offer(self, unfinished: Unfinished | None) -> None:
        self._unfinished = unfinished
        self.form.offer("" if unfinished is None else unfinished.sentence)

    # a run

    def plan(self) -> Plan:
        """What Run would do now.

        Raises
        ------
        InputError : in a sentence that says what to change.
        """
        acquisition = self._session.acquisition()
        region, step = None, float(getattr(acquisition, "pixel_um", 1.0))
        if (corners := self.region.corners_um()) is not None:
            region = region_slices(corners, step, acquisition.frame_shape)
        return plan_run(acquisition, self.form.method, self.form.values(), region)

    def run(self) -> None:
        """Start; what is in the way is said in the dock."""
        try:
            plan = self.plan()
        except InputError as error:
            self._say_error(str(error))
            return
        self.form.remember()
        self._start(plan)

    def go_on(self) -> None:
        """Go on with the run that is offered, as it was."""
        unfinished = self._unfinished
        if unfinished is None or self._running:
            return
        try:
            plan = unfinished.plan(self._session.acquisition())
        except InputError as error:
            self._say_error(str(error))
            return
        self._start(plan, unfinished)

    def discard(self) -> None:
        """Never go on with the run that is offered."""
        if self._unfinished is not None:
            self._unfinished.discard()
        self._offer(None)

    def _start(self, plan: Plan, unfinished: Unfinished | None = None) -> None:
        assert self._session.draft is not None
        self._offer(None)
        self._title, self._running, self._plan = run_title(self._session.draft, plan), True, plan
        self.time.leave()
        self._preview.begin(self._title)
        progress = self._progress = deque[Progress]()
        self.form.plot.clear()
        keeper = Keeper(plan, self._title, unfinished)
        post, background = self._on_event, self._background

        def tell(event: JobEvent) -> None:  # in the job's thread; hundreds of steps a second must not reach the window
            progress.append(event) if isinstance(event, Progress) else background.post(post, event)

        self.job = keeper.job = Job(keeper.events, tell, describe=plan.describe, stop_soon=keeper.stop_soon)
        self.job.start()
        self._set_state("starting …")
        self._tick.start()

    def pause_or_resume(self) -> None:
        if self.job is None or not self._running:
            return
        self.job.resume() if self.job.paused else self.job.pause()
        self._set_state("paused; the step in hand is finished first" if self.job.paused else "running …")

    def stop(self) -> None:
        """Cancel; what was computed so far is kept and shown."""
        if self.job is not None and self._running:
            self.job.cancel()
            self._set_state("stopping after the step in hand …")

    def _on_event(self, event: JobEvent) -> None:
        if isinstance(event, Preview):
            assert self.job is not None
            result = self.job.last if self.job.last is not None else Result(event.field)
            self._waiting = Shown(result, event.z_um, self._title, finished=False)
        elif isinstance(event, Note):
            self.form.add_note(event.text, event.level)
        elif isinstance(event, Done):
            assert self.job is not None
            self._end(event.result, _figures(event.result, self.job.seconds))
            self._alone = event.result
            if is_over_time(self._plan):
                assert self._plan is not None
                self._alone = None
                self.time.begin(self._plan, self._title)
                self.form.replace_note("every frame is made when it is looked at")
            if self.trust.facts is not None:  # once is enough
                self.form.take_back(self.trust.facts.sentence)
        elif isinstance(event, Stopped):
            self._end(event.result, "stopped" if event.result else "stopped before there was anything to show")
            self._look_for_unfinished()
        elif isinstance(event, Failed):
            self._end(event.result, "ended by an error" + (", what was found is kept" if event.result else ""))
            self._say_error(event.text)
            self._look_for_unfinished()

    def _draw_progress(self) -> None:
        event = None
        while self._progress:
            event = self._progress.popleft()
            self.form.plot.add(event.done, event.loss)
        if event is None or self.job is None:
            return
        self.form.plot.draw()
        self.form.bar.show_progress(event.done, event.total)
        left = self.job.seconds_left
        parts = [event.what, "" if left is None else f"{time_text(left)} left"]
        if self.job.running and not self.job.paused:
            self._set_state(", ".join(p for p in parts if p) or "running …")

    def _draw(self) -> None:
        """Five times a second, however many events come: progress, curve and the newest preview."""
        self._draw_progress()
        if self._waiting is not None and not self._preview.busy:
            shown, self._waiting = self._waiting, None
            self._show(shown)

    def _show(self, shown: Shown) -> None:
        if is_over_time(self._plan):  # every frame is shown, not this one
            shown = dataclasses.replace(shown, over_time=True)
        else:
            self._preview.show(shown)
        self._session.set_shown(shown)

    def _end(self, result: Result | None, text: str) -> None:
        self._running = False
        self._tick.stop()
        last_z = self._waiting.z_um if self._waiting is not None else None
        self._waiting = None
        self._draw_progress()
        if result is None or is_over_time(self._plan):
            self._preview.abandon()
        if result is not None:
            z = last_z if last_z is not None else self._depth_of(result)
            self._show(Shown(result, z, self._title))
        self._set_state(text)

    def _on_drawn(self) -> None:
        self.zoom.refresh()
        result = self._alone
        if result is not None and layers_of(self._viewer, result):
            self._alone = None
            self._add_beside(result)

    def _add_beside(self, result: Result) -> None:
        """What a phase is compared with, and where it is in doubt, as layers below it that are not seen at first."""
        plan, title = self._plan, self._title
        if plan is None or not lazy.beyond_pixels(result.field):
            return

        def work() -> list[LayerData]:
            return [*map_layers(result, title), *beside_layers(plan.acquisition, plan.offset_um, title)]

        self._background.run(work, lambda layers: add_below(self._viewer, layers, result), self._say_error)

    def _depth_of(self, result: Result) -> float:
        low, high = result.field.extent.z_um
        seen = self._session.shown.z_um if self._session.shown is not None else (low + high) / 2
        return min(max(seen, low), high)

    # what was found

    def _choose_save(self) -> None:
        proposed = f"{self._session.settings.get('folder', '')}/{self._title}.nfield"
        path = ask_path(self, "Save the field", proposed, {"Field (*.nfield)": ".nfield"})
        if path is not None:
            self.save(path)

    def save(self, path: Path) -> None:
        """Write the field on show, in the background."""
        shown = self._session.shown
        if shown is None:
            return
        path = path if path.suffix == ".nfield" else path.with_name(path.name + ".nfield")

        def work() -> Path:
            from ...io import save_result

            save_result(path, shown.result)
            return path

        self._background.run(work, lambda saved: show_info(f"saved {saved}"), self._say_error)

    def _open_depth(self) -> None:
        from ..kit.docks import open_docks

        open_docks(self._viewer, "Depth")

    def _say_error(self, text: str) -> None:
        self.form.show_error(text)
        show_error(text)

    def _set_state(self, text: str) -> None:
        running, ready = self._running, self.library is not None and self._session.draft is not None
        paused = self.job is not None and self.job.paused
        shown = self._session.shown
        flat = shown is not None and lazy.beyond_pixels(shown.result.field)
        self.form.set_state(text, running=running, paused=paused, ready=ready, found=shown is not None, flat=flat)


def _figures(result: Result, seconds: float) -> str:
    error = result.figures.get("relative_amplitude_error")
    text = f"done in {time_text(result.figures.get('seconds', seconds))}"
    return text if error is None else f"{text}, relative amplitude error {error:.4f} ({judged(result)})"

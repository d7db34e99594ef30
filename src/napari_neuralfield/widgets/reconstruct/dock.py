"""Reconstruct dock: choose a method, run it, watch it, stop it, keep what it found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QWidget

from ...app import lazy
from ...app.job import Failed, Job, Stopped
from ...data.selection import Slices, region_slices
from ...types import Done, InputError, Note
from ..kit.docks import offer_readers, open_docks
from ..kit.next_step import NOTHING_OPEN
from ..kit.parts import say
from ..kit.region import Corners, RegionTool
from ..kit.session import session_of
from ..kit.threads import Background, EndsWhenClosed, listen, when_gone
from ..view.export import ask_path
from ..view.layers import title_of
from ..view.zoom_view import zoom_view_of
from ..volume.volume_view import volume_view_of
from .choice import MethodChoice
from .fields import FieldChooser
from .form import ReconstructForm
from .height_choice import HeightView
from .naming import run_title
from .on_top import OnTop
from .plan import Library, Plan, Values, load_library, plan_run
from .runs import Run, runs_of
from .scan_view import ScanView
from .several import Several
from .tile_choice import TileChoice
from .time_view import TimeView
from .trust_view import TrustView
from .unfinished import Unfinished, clean, unfinished_of

if TYPE_CHECKING:
    import napari

    from ...data.acquisition import Acquisition, Draft


class ReconstructDock(QWidget):
    """From frames to a field. `napari_viewer` is given by napari."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer, self._session = napari_viewer, session_of(napari_viewer)
        self._background = Background()
        self.zoom, self.volume = zoom_view_of(napari_viewer), volume_view_of(napari_viewer)
        self.runs = runs_of(napari_viewer)
        self.region = RegionTool(napari_viewer, self._session)
        self.library: Library | None = None
        self._drawn = 0  # points of the curve
        self._unfinished: Unfinished | None = None  # run of what is open, that can go on
        self.form = ReconstructForm(self, self._session.settings)
        self.scan = ScanView(napari_viewer, self._session)
        self.trust = TrustView(napari_viewer, self._session)
        self.heights = HeightView(napari_viewer, self._session)
        self.time = TimeView(napari_viewer, str(self._session.settings.get("folder", "")))
        self.choice = MethodChoice(self.form, self._session)
        self.fields = FieldChooser(self._session, self.form, OnTop(napari_viewer))
        for part in (self.fields, self.trust, self.scan, self.heights, self.time):
            self.form.below_plot.addWidget(part)
        self.tiles = TileChoice(self._session, self.runs)
        self.form.put_below_region(self.tiles)
        self.several = Several(self, self.runs)
        self.form.below_plot.addWidget(self.several)
        self.scan.changed.connect(lambda: self.form.give_room(self.scan.facts is not None))
        self._connect()
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
        listen(self, self._session.draft_changed, self._on_draft)
        listen(self, self._session.values_changed, self._on_value)
        listen(self, self._session.remark_changed, self._on_field)
        self.fields.changed.connect(self._on_field)
        runs = self.runs
        runs.begun.connect(self._on_begun)
        runs.stepped.connect(self._on_step)
        runs.changed.connect(self._on_changed)
        runs.noted.connect(self._on_note)
        runs.ended.connect(self._on_ended)
        when_gone(self, self._background.close)
        EndsWhenClosed(self).closed.connect(runs.left_alone)

    def _on_value(self, name: str) -> None:
        self.choice.follow_values(name)

    # what can be chosen

    def _loaded(self, library: Library) -> None:
        self.library = self.choice.library = library
        self.form.set_devices(library.devices)
        self._on_draft(self._session.draft)
        if self._running:
            self._on_begun()
        else:
            self._show_time_lapse()
        offer_readers()
        self._background.run(clean, lambda _: None, lambda _: None)
        if library.problems:
            self.form.add_note("; ".join(library.problems), "warning")

    def _not_loaded(self, text: str) -> None:
        self._set_state("The methods could not be loaded; nothing can be reconstructed.")
        self._say_error(text)

    def _on_draft(self, draft: Draft | None) -> None:
        self.choice.follow_draft(draft)
        if self.library is not None and not self._running:
            self.form.show_error("")
            self._on_field()
            self._look_for_unfinished()

    def _on_field(self, remark: str = "") -> None:
        """What is selected is another field, other frames, or none of ours."""
        self.time.follow(self._session.shown)
        if not self._running and self.library is not None:
            self._set_state(self.fields.outcome if self._session.draft else NOTHING_OPEN)

    def _look_for_unfinished(self) -> None:
        """Offer to go on with a run of what is open."""
        self._offer(None)
        asked = self._session.draft
        try:
            acquisition = self._session.acquisition()
        except InputError:  # a value is missing still
            return

        def found(unfinished: Unfinished | None) -> None:
            now = self._session.draft
            if not self._running and asked is not None and now is not None and now.frames is asked.frames:
                self._offer(unfinished)

        self._background.run(lambda: unfinished_of(acquisition), found, lambda _: None)

    def _offer(self, unfinished: Unfinished | None) -> None:
        self._unfinished = unfinished
        self.form.offer("" if unfinished is None else unfinished.sentence)

    # a run

    def plan(self, corners_um: Corners | None = None, draft: Draft | None = None) -> Plan:
        """What Run would do now.

        Parameters
        ----------
        corners_um : of the region (y0, x0, y1, x1), um; the one that is drawn where None.
        draft : of another file, taken whole; what is open where None.

        Raises
        ------
        InputError : in a sentence that says what to change.
        """
        if draft is not None:
            return plan_run(draft.complete(), self.form.method, self.form.values())
        acquisition = self._session.acquisition()
        plan = plan_run(acquisition, self.form.method, self.form.values(), self._slices(acquisition, corners_um))
        return self.tiles.of(plan, single=corners_um is None)

    def plan_with(self, method: str) -> Plan:
        """The run of a `method` with the options it is usually started with."""
        acquisition, (best, values) = self._session.acquisition(), self._recommended(self._session.draft)
        device = {"device": self.form.values()["device"]}
        usual = values if method == best else {}
        return plan_run(acquisition, method, {**usual, **device}, self._slices(acquisition))

    def methods(self) -> list[str]:
        """Those that take what is open."""
        draft = self._session.draft
        return [] if self.library is None or draft is None else self.library.for_kind(draft.kind)

    def _recommended(self, draft: Draft | None) -> tuple[str, Values]:
        return ("", {}) if self.library is None else self.library.recommended(draft)

    def _slices(self, acquisition: Acquisition, corners_um: Corners | None = None) -> Slices | None:
        corners = self.region.corners_um() if corners_um is None else corners_um
        if corners is None:
            return None
        return region_slices(corners, float(getattr(acquisition, "pixel_um", 1.0)), acquisition.frame_shape)

    def run(self) -> None:
        """Start; what is in the way is said in the dock."""
        try:
            plan = self.plan()
        except InputError as error:
            self._say_error(str(error))
            return
        self.form.remember()
        self.add(plan)

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
        self.add(plan, unfinished=unfinished)

    def discard(self) -> None:
        """Never go on with the run that is offered."""
        if self._unfinished is not None:
            self._unfinished.discard()
        self._offer(None)

    def add(self, plan: Plan, draft: Draft | None = None, unfinished: Unfinished | None = None) -> None:
        """Begin a run, or let it wait until those before it have ended.

        Parameters
        ----------
        plan : of it.
        draft : what it is a run of; what is open where None.
        unfinished : the run that it goes on with.
        """
        draft = self._session.draft if draft is None else draft
        assert draft is not None
        best, values = self._recommended(draft)
        title = run_title(draft, plan, values if plan.recipe.method == best else None)
        self.runs.start(Run(plan, title, title_of(draft), unfinished, draft.derived()))

    def pause_or_resume(self) -> None:
        self.runs.pause_or_resume()

    def stop(self) -> None:
        """Cancel; what was computed so far is kept and shown."""
        self.runs.stop()

    @property
    def job(self) -> Job | None:
        """That of the run that goes on."""
        return None if self.runs.current is None else self.runs.current.job

    @property
    def _running(self) -> bool:
        return self.runs.running

    def _on_begun(self) -> None:
        """A run has begun, or the dock comes to one."""
        run = self.runs.current
        if run is None:
            return
        self._offer(None)
        self.time.leave()
        self.form.clear_run()
        self._drawn = 0
        self._on_step()
        for note in run.notes:
            self._on_note(note)
        self._on_changed()

    def _on_step(self) -> None:
        run = self.runs.current
        if run is None or run.last is None:
            return
        if len(run.curve) < self._drawn:  # it was thinned out
            self.form.plot.clear()
            self._drawn = 0
        for step, loss in run.curve[self._drawn :]:
            self.form.plot.add(step, loss)
        self._drawn = len(run.curve)
        self.form.plot.draw()
        self.form.bar.show_progress(run.last.done, run.last.total)

    def _on_changed(self) -> None:
        self._set_state("" if self.runs.current is None else self.runs.current.text)

    def _on_note(self, note: Note) -> None:
        self.form.add_note(note.text, note.level)

    def _on_ended(self, event: Done | Stopped | Failed) -> None:
        if isinstance(event, Done):
            self._show_time_lapse()
            if self.trust.facts is not None:  # once is enough
                self.form.take_back(self.trust.facts.sentence)
            return
        if isinstance(event, Failed):
            self.form.show_error(event.text)
        self._look_for_unfinished()

    def _show_time_lapse(self) -> None:
        """Of the last run, which may have ended while no dock was open."""
        run = self.runs.current
        if run is None or run.lapse is None or self._session.found(run.lapse) is None:
            return
        if run.plan is not None:
            self.time.begin(run.plan, run.title, run.lapse)
            self.time.follow(self._session.shown)
            self.form.replace_note("every frame is made when it is looked at")

    # what was found

    def _choose_save(self) -> None:
        title = "field" if self._session.shown is None else self._session.shown.title
        proposed = f"{self._session.settings.get('folder', '')}/{title}.nfield"
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
        open_docks(self._viewer, "Depth")

    def _say_error(self, text: str) -> None:
        self.form.show_error(text)
        show_error(self.form.in_words(text))

    def _set_state(self, text: str) -> None:
        running, remark = self._running, self._session.remark
        ready = self.library is not None and self._session.draft is not None and not remark
        say(self.form.remark, remark)
        paused = self.runs.current is not None and self.runs.current.paused
        shown = self._session.shown
        flat = shown is not None and lazy.beyond_pixels(shown.result.field)
        self.form.set_state(text, running=running, paused=paused, ready=ready, found=shown is not None, flat=flat)

"""The import assistant: from frames and what their user knows to an acquisition, without a file written by hand."""

from __future__ import annotations

import dataclasses
import html
from typing import TYPE_CHECKING, cast

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QSplitter, QVBoxLayout, QWidget

from ...app.importing.looking import PlaneLook, looks
from ...app.importing.orders import BoardFinding
from ...data.acquisition import quantities
from ...data.derived import DERIVING
from ...io.sidecar.finding import VALUES_FROM
from ..kit.docks import open_docks
from ..kit.parts import BAD, GOOD, QUIET, WARN, Place, button, column, label, scrolling, timer
from ..kit.session import session_of
from ..kit.threads import Background, Latest, when_gone
from ..view.layers import LayerData, acquisition_layers
from .ending import Ending
from .kind_form import KindForm
from .kinds import KindPictures
from .plane_table import PlaneTable
from .plots import Plots
from .sources import FramesSource
from .work import OF_ALL, ImportAnswer, answer, first_draft, judge_board, remember, remembered

if TYPE_CHECKING:
    import napari

    from ...data.acquisition import Draft

SIZE = 1220, 680
CHOOSING = ("files", "planes")  # what a sidecar says of which planes are taken
CHOOSE = "What do the frames show? Choose the picture of your microscope."


class ImportAssistant(QDialog):
    """Asks for what a recording does not say, and shows at once what follows from the answers."""

    def __init__(self, viewer: napari.Viewer, source: FramesSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._viewer, self._source, self.task = viewer, source, source.task
        self._draft: Draft | None = None
        self._known = ""  # kind that file or sidecar say
        self._frame_names: tuple[str, ...] = ()
        self._means: dict[int, float] = {}
        self._looking, self._round = True, 0  # at planes; looks of earlier rounds are dropped
        self._chosen = {name: self.task.values[name] for name in CHOOSING if name in self.task.values}
        self.answer: ImportAnswer | None = None
        self.finding: BoardFinding | None = None
        self.form: KindForm | None = None
        self._turn = 0  # of what is said; answers to earlier turns are dropped
        self._background = Background()
        self._drafts: Latest[tuple[int, ImportAnswer]] = Latest(self._background, self._answered, self._failed)
        self._boards: Latest[tuple[int, BoardFinding | None]] = Latest(self._background, self._judged, self._failed)
        self._delay = timer(self, 200, self._ask, once=True)
        self._build()
        when_gone(self, self._background.close, self._drafts.close, self._boards.close)
        self._begin()

    # the window

    def _build(self) -> None:
        self.setWindowTitle(f"Import {self.task.recording.name}")
        self.resize(*SIZE)
        self.title, self.message = label(), label()
        self.ending = Ending(self.task)
        self.open_button, self.cancel_button = self.ending.open_button, self.ending.cancel_button
        self.open_button.clicked.connect(lambda: self.finish())
        self.cancel_button.clicked.connect(lambda: self.reject())
        self.ending.last_button.clicked.connect(lambda: self._as_last_time())
        self.ending.problem.connect(self._failed)
        self.kinds = KindPictures()
        self.kinds.chosen.connect(self.choose_kind)
        self._form_place = Place()
        left = QWidget()
        column(left, self._form_place)
        self.plots = Plots()
        self.finding_text = label()
        self.use_button = button("Use that", self._use_finding, "put the order that fits better into the fields")
        self.planes = PlaneTable()
        self.planes.changed.connect(self._on_planes)
        self.planes.marked.connect(self._on_marked)
        self.planes.problem.connect(lambda text: self._say(text))
        self.planes.typed.connect(lambda: None if self.form is None else self.form.take_typed(self.planes.taken))
        self._middle = middle = QWidget()
        column(middle, self.plots, self.finding_text, self.use_button, QWidget())
        self.finding_text.hide()
        self.use_button.hide()
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(scrolling(left))
        split.addWidget(middle)
        split.addWidget(self.planes)
        split.setSizes([420, 440, 360])
        split.setChildrenCollapsible(False)
        outer = QVBoxLayout(self)
        outer.addWidget(self.title)
        outer.addWidget(self.kinds)
        outer.addWidget(split, 1)
        outer.addWidget(self.message)
        outer.addWidget(self.ending)

    def _say(self, text: str, colour: str = WARN) -> None:
        self.message.setStyleSheet(f"color: {colour};")
        self.message.setText(text)

    # the frames

    def _begin(self) -> None:
        self._say(f"Reading {self.task.recording.name} …", QUIET)
        task = self.task
        self._background.run(lambda: first_draft(task), self._begun, self._failed)

    def _begun(self, found: tuple[Draft, bool]) -> None:
        """The frames are there: show what they are, look at each, and go on with the kind."""
        draft, known = found
        shape = " × ".join(str(n) for n in draft.frames.shape)
        told = [note for note in draft.notes if self.task.there or not note.startswith(VALUES_FROM)]
        notes = "".join(f"<br><i>{html.escape(note)}</i>" for note in told)
        of = "" if any(self._source.said in note for note in told) else f"<br>{html.escape(self._source.said)}"
        name = html.escape(self.task.recording.name.removesuffix(".layer"))
        self.title.setText(f"<b>{name}</b>: {shape} (plane, y, x){of}{notes}")
        self._say(CHOOSE, WARN)
        self._look(draft)
        if known:
            self._known = draft.kind
            self.choose_kind(draft.kind)

    def _look(self, draft: Draft) -> None:
        """Show the planes of a draft, and look at each."""
        self._draft, self._frame_names, self._means = draft, draft.frame_names, {}
        self.planes.begin(int(draft.frames.shape[0]), draft.frame_names)
        self._round, self._looking = self._round + 1, True
        background, frames, turn = self._background, draft.frames, self._round

        def work() -> None:
            for look in looks(frames):
                if background.closed or turn != self._round:
                    return
                background.post(self._looked, turn, look)

        background.run(work, lambda _: self._looked_at_all(turn), self._failed)

    def _looked(self, turn: int, look: PlaneLook) -> None:
        if turn == self._round:
            self._means |= look.means
            self.planes.show_looks(look.pictures, self._means)
            self._show_plot()

    def _looked_at_all(self, turn: int) -> None:
        if turn == self._round:
            self._looking = False
            self._show_plot()
            self._ask()

    @property
    def light(self) -> np.ndarray | None:
        """Brightness of the planes that are taken, in their order; None before all were looked at."""
        if self._looking or any(n not in self._means for n in self.planes.taken):
            return None
        return np.array([self._means[n] for n in self.planes.taken])

    # what the user says

    def choose_kind(self, kind: str) -> None:
        """Ask for what a `kind` of recording needs."""
        if self._draft is None or (self.form is not None and self.form.kind == kind):
            return
        self.kinds.show_chosen(kind)
        known = {*quantities(kind), *DERIVING.get(kind, ()), *OF_ALL}
        for name in [name for name in self.task.values if name not in known]:
            del self.task.values[name]
        if kind != self._known or "kind" in self.task.values:
            self.task.values["kind"] = kind
        self.form = KindForm(kind, self.task)
        for name, number in self._source.suggested.items():
            if name in self.form.rows.editors and name not in self.task.values and name not in self._draft.values:
                self.task.values[name] = number
                self.form.sources[name] = self._source.origin
        self.form.changed.connect(self._on_form)
        self.form.begin(self._draft, self.task.values)
        self._form_place.put(self.form)
        self.planes.take_values(self.form.planes)
        self.ending.last_button.setVisible(bool(remembered(session_of(self._viewer).settings, kind)))
        self._on_form()

    def _on_form(self) -> None:
        self._turn += 1
        self.ending.allow(None)
        self.finding = None
        self._show_finding()
        self._show_plot()
        self._delay.start()

    def _on_planes(self, taken: list[int]) -> None:
        """Planes were moved or left out: images of a folder by their names, planes of a stack by their numbers."""
        names = self._frame_names
        whole = taken == list(range(len(self.planes.planes)))
        by_name = self.task.recording.is_dir() and len(names) == len(self.planes.planes)
        for key in CHOOSING:
            self.task.values.pop(key, None)
        self.task.values |= self._chosen  # as it was before
        if not whole and by_name:
            self.task.values["files"] = [names[n] for n in taken]
        elif not whole:
            before = cast("list[int]", self._chosen.get("planes", range(len(self.planes.planes))))
            self.task.values["planes"] = [before[n] for n in taken]
        if self.form is not None and self.form.planes.typed:
            self.form.take_typed(taken)
        self._on_form()

    def _on_marked(self, rows: list[int]) -> None:
        taken = {number: at for at, number in enumerate(self.planes.taken)}
        frames = [taken[self.planes.planes[at]] for at in rows if self.planes.planes[at] in taken]
        self.plots.mark(frames)

    # what follows

    def _ask(self) -> None:
        if self.form is None:
            return
        task = dataclasses.replace(self.task, values=dict(self.task.values))
        means = {at: self._means[n] for at, n in enumerate(self.planes.taken) if n in self._means}
        turn = self._turn
        self._drafts.submit(lambda: (turn, answer(task, means)))

    def _answered(self, told: tuple[int, ImportAnswer]) -> None:
        turn, found = told
        if self.form is None or turn != self._turn:
            return
        self.answer = found
        if found.draft is not None:
            self._take_planes(found.draft)
            self.form.rows.show_known(found.draft, self.task.values, self.form.sources)
            self.form.planes.learn(found.draft, self.task.values)
            self.planes.show_rows(found.rows)
        self._show_plot()
        problem = self.form.problem or self._count_problem() or found.problem
        labels = [self.form.label_of(name) for name in found.missing]
        if not problem and labels:
            problem = f"Still needed: {', '.join(labels)}."
        self._say(problem or "Everything needed is known.", WARN if problem else GOOD)
        self.ending.allow(None if problem else found.draft)
        self._judge()

    def _take_planes(self, draft: Draft) -> None:
        """Begin with the planes anew where the kind sorts them by depth, or leaves some out."""
        names = tuple(self._frame_names[n] for n in self.planes.taken) if self._frame_names else ()
        if draft.frame_names != names or int(draft.frames.shape[0]) != len(self.planes.taken):
            self._chosen = {name: self.task.values[name] for name in CHOOSING if name in self.task.values}
            self._look(draft)

    def _as_last_time(self) -> None:
        """Put in the numbers that were said of the last recording of this kind."""
        if self.form is None:
            return
        kind = self.form.kind
        self.task.values |= remembered(session_of(self._viewer).settings, kind)
        self.form = None
        self.choose_kind(kind)

    def _count_problem(self) -> str:
        na = None if self.form is None or self.form.kind != "led_array" else self.form.directions()
        count = len(self.planes.taken)
        draft = None if self.answer is None else self.answer.draft
        told = None if draft is None else draft.values.get("illumination_na")
        named = told is not None and len(np.asarray(told)) == count  # the names of the images say which were lit
        if na is None or len(na) == count or named:
            return ""
        return f"The board has {len(na)} LEDs, but {count} planes are taken: correct it, or leave planes out."

    def _show_plot(self) -> None:
        if self.form is not None:
            draft = None if self.answer is None else self.answer.draft
            self.plots.show_typed(
                self.form, draft if draft is None or draft.kind == self.form.kind else None, self.light
            )

    def _judge(self) -> None:
        """Ask the frames whether the board fits, once everything is known."""
        draft, light = (None if self.answer is None else self.answer.draft), self.light
        leds = self.task.values.get("leds")
        if draft is None or light is None or not self.open_button.isEnabled() or not isinstance(leds, dict):
            return
        task = dataclasses.replace(self.task, values=dict(self.task.values))
        turn = self._turn
        self._boards.submit(lambda: (turn, judge_board(draft, light, leds, task)))

    def _judged(self, told: tuple[int, BoardFinding | None]) -> None:
        if told[0] == self._turn:
            self.finding = told[1]
            self._show_finding()

    def _show_finding(self) -> None:
        found = self.finding
        self.finding_text.setVisible(found is not None)
        self.use_button.setVisible(found is not None and found.leds is not None)
        if found is not None:
            self.finding_text.setStyleSheet(f"color: {GOOD if found.good else WARN};")
            self.finding_text.setText(found.text)
            if not found.good:
                self._say("Everything needed is known, but the frames do not fit this board.")

    def _use_finding(self) -> None:
        if self.form is not None and self.finding is not None and self.finding.leds is not None:
            self.form.take_board(self.finding.leds)

    def _failed(self, text: str) -> None:
        self._say(text, BAD)

    # the end

    def finish(self) -> None:
        """Write the sidecar where that is wanted, show the frames, and go on to Reconstruct."""
        draft = None if self.answer is None else self.answer.draft
        if draft is None:
            return
        if not self.ending.write():
            return
        remember(session_of(self._viewer).settings, draft.kind, self.task.values)
        self.ending.allow(None)
        self._background.run(lambda: acquisition_layers(draft), self._show_layers, self._failed)

    def _show_layers(self, layers: list[LayerData]) -> None:
        if (layer := self._source.layer) is not None and layer in self._viewer.layers:
            layer.visible = False
        for data, meta, _ in layers:
            self._viewer.add_image(data, **meta)
        open_docks(self._viewer, "Acquisition", "Reconstruct", "Depth", front="Reconstruct")
        self._viewer.reset_view()
        self.accept()

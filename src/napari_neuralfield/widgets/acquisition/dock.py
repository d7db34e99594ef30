"""Acquisition dock: open a file, see and complete its numbers, read what the checks say, save it."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QCheckBox, QFileDialog, QVBoxLayout, QWidget

from ...app.figures.calibration_figures import nominal_na
from ...data.acquisition import quantities
from ...io.sidecar.finding import KindMissing
from ...types import InputError
from ..calibration.panel import CalibratePanel
from ..importing.opening import IMPORT_TIP, choose_source, import_files
from ..importing.saving import save_recording
from ..kit.forms import caption
from ..kit.next_step import SAMPLES, ReconstructNext
from ..kit.parts import BAD, GOOD, INFO, QUIET, WARN, WIDTH, Place, button, flow, label, say, scrolling, timer
from ..kit.plots import PupilPlot
from ..kit.session import session_of
from ..kit.threads import Background, EndsWhenClosed, listen
from ..view.export import ask_path
from ..view.first_picture import show_first, turn_to
from ..view.layers import acquisition_layers, title_of
from .form import QuantityForm
from .orientation import OrientationPanel

if TYPE_CHECKING:
    import napari
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from ...checks.seen.frames import Check
    from ...data.acquisition import Draft
    from ...recon.calibration.result import Calibration
    from ..view.layers import LayerData

FILES = "Acquisitions (*.acq.h5 *.h5 *.hdf5 *.mat *.cxi *.npz *.npz.bz2 *.npy *.tif *.tiff *.yaml);;All files (*)"
COLOURS = {"ok": GOOD, "info": INFO, "warning": WARN, "error": BAD}
KIND_NAMES = {
    "led_array": "LED array (Fourier ptychography)",
    "multiplexed_led": "multiplexed LEDs",
    "coded_ptychography": "coded ptychography (lensless)",
    "ptychography": "ptychography (far or near field)",
    "through_focus": "bright field through focus",
}


def check_lines(checks: list[Check]) -> str:
    """Checks as rich text: a coloured dot and a sentence each."""
    rows = [
        f"<tr><td style='color:{COLOURS.get(c.level, QUIET)}; padding-right:6px'>●</td>"
        f"<td style='padding-bottom:4px'>{html.escape(c.text)}</td></tr>"
        for c in checks
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


class AcquisitionDock(QWidget):
    """What was measured. `napari_viewer` is given by napari."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer, self._session = napari_viewer, session_of(napari_viewer)
        self._background = Background()
        self.form: QuantityForm | None = None
        self._checked = 0  # the newest round of checks; answers to older ones are dropped
        self._build()
        self.setAcceptDrops(True)
        self._delay = timer(self, 300, self._run_checks, once=True)
        listen(self, self._session.draft_changed, self._on_draft)
        listen(self, self._session.values_changed, self._on_value)
        listen(self, self._session.resized, self._on_resized)
        listen(self, self._session.remark_changed, self._on_remark)
        EndsWhenClosed(self).closed.connect(self._left_alone)
        self.calibrate.changed.connect(lambda: self._show_pupils(self._session.draft))
        self.destroyed.connect(self._background.close)
        self._on_draft(self._session.draft)
        self._on_remark(self._session.remark)

    def _build(self) -> None:
        self.open_button = button("Open file…", self._choose_file, "frames of any format we read")
        self.folder_button = button("Open folder…", self._choose_folder, "one image a frame, with what describes them")
        self.save_button = button("Save as .acq.h5…", self._choose_save, "frames and values in one file of ours")
        self.import_button = button("Import…", lambda: choose_source(self._viewer, self), IMPORT_TIP)
        buttons = flow(self.open_button, self.folder_button, self.import_button, self.save_button)
        self.follow_links = QCheckBox("Follow links to other folders")
        self.follow_links.setToolTip("Read files too that the opened one, or its sidecar, names outside of its folder.")
        self.title, self.problem, self.checks = label(), label(colour=WARN), label()
        self.remark = label(colour=WARN)
        self.plot, self.plot_text = PupilPlot(), label(colour=QUIET)
        self.calibrate = CalibratePanel(self._viewer, self._session)
        self.orientation = OrientationPanel(self._viewer, self._session)
        self._form_place = Place()
        self.next_button = ReconstructNext(self._viewer, self._session)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(6, 4, 8, 6)
        above = (buttons, self.follow_links, self.remark, self.title, self._form_place)
        for part in (*above, self.plot, self.plot_text, self.calibrate, self.orientation, self.checks):
            layout.addLayout(part) if not isinstance(part, QWidget) else layout.addWidget(part)
        layout.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scrolling(content))
        outer.addWidget(self.problem)  # below, so that no line moves while one types
        self.problem.setContentsMargins(6, 2, 8, 4)
        outer.addWidget(self.next_button)
        self.setMinimumWidth(WIDTH)

    def _left_alone(self) -> None:
        for jobs in (self.calibrate.jobs, self.orientation.jobs):
            jobs.left_alone()

    # files

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and (data := event.mimeData()) is not None and data.hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        if event is not None and (data := event.mimeData()) is not None:
            self.open(Path(data.urls()[0].toLocalFile()))

    def _choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open an acquisition", self._folder(), FILES)
        if name:
            self.open(Path(name))

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open a folder of frames", self._folder())
        if name:
            self.open(Path(name))

    def _folder(self) -> str:
        return str(self._session.settings.get("folder", ""))

    def open(self, path: Path) -> None:
        """Read a file or folder in the background and show its frames."""
        self._session.settings.set("folder", str(path.parent))
        self._set_busy(f"Reading {path.name} …")
        follow = self.follow_links.isChecked()

        def work() -> list[LayerData]:
            from ...io import open_draft

            try:
                return acquisition_layers(open_draft(path, follow))
            except KindMissing:  # whatever else it says, the assistant asks for it
                return []

        self._background.run(work, lambda layers: self._opened(layers, path), self._open_failed)

    def _opened(self, layers: list[LayerData], path: Path) -> None:
        self._set_busy("")
        if not layers:
            import_files(self._viewer, path)
        for data, meta, _ in layers:
            self._viewer.add_image(data, **meta)  # the session adopts what its metadata holds
        if self._session.draft is not None:
            show_first(self._viewer, self._session.draft)

    def _open_failed(self, text: str) -> None:
        self._set_busy("")
        self._say(text)
        show_error(text)

    def _set_busy(self, text: str) -> None:
        self._say(text)
        self.open_button.setEnabled(not text)
        self.folder_button.setEnabled(not text)

    def _say(self, text: str, colour: str = WARN) -> None:
        self.problem.setStyleSheet(f"color: {colour};")
        say(self.problem, text)

    def _choose_save(self) -> None:
        path = ask_path(self, "Save the acquisition", self._folder(), {"Acquisition (*.acq.h5)": ".acq.h5"})
        if path is not None:
            self.save(path)

    def save(self, path: Path) -> None:
        """Write the completed acquisition in the background."""
        if not path.name.endswith(".acq.h5"):
            path = path.with_name(path.name.removesuffix(".h5") + ".acq.h5")
        try:
            acquisition = self._session.acquisition()
        except InputError as error:
            show_error(str(error))
            return
        save_recording(self._background, path, lambda: acquisition)

    # values

    def _on_draft(self, draft: Draft | None) -> None:
        self.save_button.setEnabled(draft is not None)
        self._say("")
        self.checks.setText("")
        self._delay.stop()
        self._checked += 1  # what is still being checked is of another file
        if draft is None:
            self.title.setText(f"Open a file or a folder of frames, drop one here or on the viewer, or try {SAMPLES}.")
            self.plot.hide()
            self.plot_text.setText("")
        self._fill(draft)
        if draft is not None:
            turn_to(self._viewer, draft)
            self._on_value("title")

    def _fill(self, draft: Draft | None) -> None:
        """Title and form of a draft."""
        self.form = None
        self._form_place.put(None)
        if draft is None:
            return
        shape = " × ".join(str(n) for n in draft.frames.shape)
        notes = "".join(f"<br><i>{html.escape(note)}</i>" for note in draft.notes)
        kind = KIND_NAMES.get(draft.kind, draft.kind)
        self.title.setText(f"<b>{html.escape(title_of(draft))}</b><br>{kind}, {shape} (frame, y, x){notes}")
        self.form = QuantityForm(self._session, draft)
        self.form.problem.connect(self._say)
        self._form_place.put(self.form)

    def _on_value(self, name: str) -> None:
        draft = self._session.draft
        if draft is None or self.form is None:
            return
        if not name:  # several at once, arrays that had no line perhaps
            self._fill(draft)
        self.form.mark(draft)
        self._show_pupils(draft)
        self._delay.start()

    def _on_remark(self, text: str) -> None:
        say(self.remark, text)

    def _on_resized(self, times: float) -> None:
        """Keep what is seen of the frames on the screen."""
        camera = self._viewer.scene.camera
        camera.center = tuple(times * at for at in camera.center)
        camera.zoom /= times

    def _show_pupils(self, draft: Draft | None) -> None:
        if draft is None:
            return
        values = draft.values
        na = values.get("illumination_na", values.get("led_na"))
        aperture = values.get("objective_na")
        self.plot.setVisible(na is not None and isinstance(aperture, int | float))
        self.plot_text.setText("")
        if na is None or not isinstance(aperture, int | float):
            return
        if self.calibrate.calibration is None:
            synthetic = self.plot.show_pupils(na, float(aperture))
            self.plot_text.setText(
                f"Objective NA {aperture:.3g} (blue), synthetic NA {synthetic:.3g} (orange), "
                f"{len(na)} LEDs (green: centres of their pupils, grey)."
            )
        else:
            self.plot.show_pupils(na, float(aperture))  # the moves are drawn into it
            self.plot_text.setText(self._show_moves(self.calibrate.calibration, float(aperture)))

    def _show_moves(self, calibration: Calibration, objective_na: float) -> str:
        """Draw where a calibration found the LEDs; returns the caption."""
        outlier_frames = [outlier.frame for outlier in calibration.outlier_frames]
        found = calibration.corrected.illumination_na
        times = self.plot.show_moves(nominal_na(calibration), found, outlier_frames, objective_na)
        longer = f", moves drawn {times} times as long as they are" if times > 1 else ""
        odd = " Red: frames that disagree with all others." if outlier_frames else ""
        return (
            f"Objective NA {objective_na:.3g} (blue), {len(found)} LEDs: "
            f"as the file gives them (green) and as found (pink){longer}.{odd}"
        )

    # checks

    def _run_checks(self) -> None:
        draft = self._session.draft
        if draft is None:
            return
        missing = draft.missing()
        try:
            acquisition = draft.complete()
        except InputError as error:
            known = quantities(draft.kind)
            names = ", ".join(caption(known[name].label, known[name].unit) for name in missing)
            text = f"Still needed (framed in orange): {names}." if missing else str(error)
            self._say(text.removeprefix(f"{draft.source}: "), WARN if missing else BAD)
            self.checks.setText("")
            return
        self._say("")
        self.checks.setText("Checking …")
        self._checked += 1
        turn = self._checked

        def work() -> tuple[int, list[Check]]:
            from ...checks.findings import check

            return turn, list(check(acquisition))

        self._background.run(work, self._show_checks, lambda text: self.checks.setText(html.escape(text)))

    def _show_checks(self, answer: tuple[int, list[Check]]) -> None:
        turn, checks = answer
        if turn == self._checked:
            self.checks.setText(check_lines(checks))

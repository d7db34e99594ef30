"""A time-lapse in the Reconstruct dock: held still, evenly bright, as height, exported; frames come as one looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QCheckBox, QProgressBar, QWidget

from ...app.lapse_corrections import Choices, Unwanted
from ...app.lapse_export import export
from ...app.lapse_methods import LapseMaker, over_time
from ...app.time_lapse import TimeLapse, check_time_lapse
from ..kit.parts import QUIET, WARN, button, column, label, row
from ..kit.session import Shown
from ..kit.shown import ours_of, result_of
from ..kit.threads import Background, Latest, when_gone
from ..view.export import ask_path
from ..view.time_layer import TimeLayer
from .height_choice import HeightChoice
from .plan import Plan, Values

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

    from ...types import Result

FILTERS = {"OME-Zarr (*.ome.zarr)": ".ome.zarr", "OME-TIFF (*.ome.tif)": ".ome.tif"}


def is_over_time(plan: Plan | None) -> bool:
    """Whether what is run is shown frame by frame under the time slider."""
    return plan is not None and over_time(plan.acquisition, plan.recipe)


class TimeView(QWidget):
    """Seen only while a time-lapse is on show."""

    def __init__(self, viewer: napari.Viewer, folder: str = "") -> None:
        super().__init__()
        self._viewer, self._folder = viewer, folder
        self._background = Background()
        self._making = Latest(self._background, self._made, self._say_error)
        self._maker: LapseMaker | None = None
        self._title, self._offset, self._stop = "", (0.0, 0.0), False
        self.lapse: TimeLapse | None = None
        self.film: TimeLayer | None = None
        self._again: Layer | None = None  # a layer that a closed dock has left
        self._make_parts()
        holder = self.__dict__
        when_gone(self, lambda: holder.update(_stop=True), self._background.close, self._making.close)
        self.hide()

    def _make_parts(self) -> None:
        self.where, self.note = label(colour=QUIET), label(colour=WARN)
        self.heights, self.bar = HeightChoice(), QProgressBar()
        self.note.hide()
        self.drift, self.brightness = QCheckBox("Hold still"), QCheckBox("Even brightness")
        self.drift.setToolTip("find how far the specimen drifts from frame to frame, and undo it")
        self.brightness.setToolTip("make every frame as bright as the mean of all before its phase is found")
        self.export_button = button("Export…", self._choose_export, "the whole time-lapse, OME-Zarr or OME-TIFF")
        self.cancel_button = button("Cancel", self.cancel, "stop the export; nothing of it is left")
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(10)
        ticks, whole = row(self.drift, self.brightness), row(self.export_button, self.cancel_button)
        parts = (self.where, ticks, self.note, self.heights, self.bar, whole)
        column(self, *parts)
        for tick in (self.drift, self.brightness):
            tick.toggled.connect(lambda _: self._make())
        self.heights.changed.connect(self._make)
        self._set_exporting(False)

    # what is shown

    @property
    def busy(self) -> bool:
        """Whether a correction is measured or a frame computed."""
        return self._making.busy or (self.film is not None and self.film.busy)

    @property
    def choices(self) -> Choices:
        return Choices(self.drift.isChecked(), self.brightness.isChecked(), self.heights.um_per_rad)

    def begin(self, plan: Plan, title: str, result: Result | None = None) -> None:
        """Show the time-lapse of a run; the layer of an earlier one stays as it is.

        Parameters
        ----------
        plan, title : of the run, after which its layer is named.
        result : of the run, whose layer a dock that is closed may have left.
        """
        acquisition = check_time_lapse(plan.acquisition)
        left = [layer for layer in self._viewer.layers if result is not None and _shows(layer, result)]
        self._again = left[-1] if left else None
        self.begin_with(LapseMaker(acquisition, plan.recipe), acquisition.values(), title, plan.offset_um)

    def begin_with(self, maker: LapseMaker, optics: Values, title: str, offset_um: tuple[float, float]) -> None:
        """Show a time-lapse.

        Parameters
        ----------
        maker : of its frames.
        optics : values of the acquisition, refractive indices and wavelength (um) where they are known.
        title : what its layer's name begins with.
        offset_um : (y, x) of its first pixel in the viewer.
        """
        self._leave_film()
        self._maker, self._title, self._offset = maker, title, offset_um
        self.heights.set_optics(optics)
        self.show()
        self._make()

    def leave(self) -> None:
        """Something else is on show."""
        self._again = None
        self._leave_film()

    def _leave_film(self) -> None:
        if self.film is not None:
            self.film.close()
        self.film, self.lapse, self._maker = None, None, None
        self.hide()

    def follow(self, shown: Shown | None) -> None:
        """Be seen only while the time-lapse is what is on show."""
        self.setVisible(self._maker is not None and shown is not None and shown.over_time)

    def _make(self) -> None:
        """The time-lapse under what is ticked now; measured in the background, the newest wish counts."""
        maker, choices = self._maker, self.choices
        if maker is None:
            return
        self.where.setText("reading the frames …" if choices.drift or choices.brightness else "…")
        post, show = self._background.post, self._show_progress

        def work() -> tuple[LapseMaker, TimeLapse] | None:
            try:
                made = maker.lapse(choices, lambda *n: post(show, *n), lambda: not self._making.overtaken)
            except Unwanted:
                return None
            return maker, made

        self._making.submit(work)

    def _made(self, found: tuple[LapseMaker, TimeLapse] | None) -> None:
        if found is None or found[0] is not self._maker:
            return
        self._show_progress(0, 0)
        self.lapse = found[1]
        if self.film is None:
            self.film = TimeLayer(
                self._viewer,
                self._title,
                self._offset,
                looked=self._looked,
                failed=self._say_error,
                parent=self,
                again=self._again,
            )
        self.film.show(self.lapse)
        drift = found[0].drift
        self.note.setText(drift.note if drift is not None and self.drift.isChecked() else "")
        self.note.setVisible(bool(self.note.text()))

    def _looked(self, number: int, under_way: bool) -> None:
        if self.lapse is None:
            return
        time_s = self.lapse.time_s[number]
        state = ", computing …" if under_way else ""
        self.where.setText(f"frame {number} (0 to {len(self.lapse) - 1}), {time_s:g} s{state}")

    def _show_progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done)
        self.bar.setVisible(0 < done < total)

    # the whole as a file

    def _choose_export(self) -> None:
        path = ask_path(self, "Export the time-lapse", f"{self._folder}/{self._title}", FILTERS)
        if path is not None:
            self.export(path)

    def export(self, path: Path) -> None:
        """Write every frame as it is corrected now, in the background."""
        lapse, offset, holder = self.lapse, self._offset, self.__dict__
        if lapse is None or self.exporting:
            return
        holder["_stop"] = False
        self._set_exporting(True)
        post, show = self._background.post, self._show_progress

        def work() -> bool:
            return export(
                lapse, path, on_progress=lambda *n: post(show, *n), stopped=lambda: bool(holder.get("_stop")),
                origin_um=offset,
            )  # fmt: skip

        def done(written: bool) -> None:
            self._set_exporting(False)
            show_info(f"saved {path}" if written else f"the export was cancelled; there is no {path.name}")

        self._background.run(work, done, self._say_error)

    def cancel(self) -> None:
        self.__dict__["_stop"] = True

    @property
    def exporting(self) -> bool:
        return self.cancel_button.isEnabled()

    def _set_exporting(self, on: bool) -> None:
        self.export_button.setEnabled(not on)
        self.export_button.setText("Exporting …" if on else "Export…")
        self.cancel_button.setEnabled(on)
        self._show_progress(0, 0)

    def _say_error(self, text: str) -> None:
        self._set_exporting(False)
        self.where.setText(text)
        show_error(text)


def _shows(layer: Layer, result: Result) -> bool:
    """Whether a layer is the time-lapse of this `result`."""
    ours = ours_of(layer)
    return "lapse" in ours and result_of(ours) is result

"""The controls of the Reconstruct dock; they decide nothing."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from ...types import InputError
from ..kit.forms import OptionForm
from ..kit.next_step import lead_on
from ..kit.parts import (
    BAD,
    QUIET,
    WARN,
    WIDTH,
    Bar,
    Place,
    Snug,
    below_scrolled,
    button,
    column,
    form_layout,
    label,
    pretty,
    row,
    say,
    stays,
)
from ..kit.plots import LossPlot
from ..kit.settings import Settings
from .plan import WHOLE_FRAME_KINDS, differs, of_one_specimen

if TYPE_CHECKING:
    from ...recon.engine.recipe import OptionInfo

OWN, LAST, FIELD = "defaults", "last used", "of this field"  # of the preset box


class ReconstructForm:
    """Builds its widgets into `parent` and remembers choices per method in `settings`."""

    def __init__(self, parent: QWidget, settings: Settings) -> None:
        self._settings, self._kind = settings, ""
        self._methods: Mapping[str, Any] = {}
        self._recommended: tuple[str, Mapping[str, Any]] = ("", {})
        self._presets: dict[str, Mapping[str, Any]] = {}  # of the method chosen
        self._infos: dict[str, OptionInfo] = {}  # of its options
        self._of_field: tuple[str, Mapping[str, Any]] = ("", {})  # method and recipe of the field on show
        self.running = False
        self.options_shown: Callable[[], object] = lambda: None  # called when options are shown anew
        self.options: OptionForm | None = None
        self._make()
        self._lay_out(parent)
        self.method_box.currentIndexChanged.connect(self._on_method)
        self.preset_box.currentTextChanged.connect(self._on_preset)

    def _make(self) -> None:
        self.method_box, self.preset_box, self.device_box = QComboBox(), QComboBox(), QComboBox()
        self.method_box.setToolTip("how the frames become a field; the first suits what is open best")
        self.preset_box.setToolTip("options as the method has them, as another preset or as they were used last")
        self.device_box.setToolTip("where it is computed: a graphics card where there is one, or the processor")
        self.summary, self.state, self.notes, self.error = label(colour=QUIET), label(), label(), label(colour=BAD)
        self.draw_region = button("Draw region", tip="draw a rectangle in the viewer; only that part is reconstructed")
        self.clear_region = button("Whole frame", tip="take the rectangle away")
        self.run_button = button("Run", tip="reconstruct with this method and these options")
        self.pause_button = button("Pause", tip="hold after the step in hand, or go on")
        self.stop_button = button("Stop", tip="end after the step in hand; what was found so far is kept")
        self.save_button = button("Save .nfield…", tip="keep the field that is on show as a file, to open it again")
        self.depth_button = button("Look at any depth", tip="open the Depth dock: slide, choose what is shown, export")
        self.bar, self.plot = Bar(), LossPlot()
        self.unfinished, self.go_on_button, self.discard_button = label(), button("Go on"), button("Discard")
        self.remark = label(colour=WARN)
        self.go_on_button.setToolTip("take the interrupted run up where it was")
        self.discard_button.setToolTip("forget the interrupted run")

    def _lay_out(self, parent: QWidget) -> None:
        top = QWidget()
        form = form_layout(top)
        form.addRow("Method", self.method_box)
        form.addRow("", self.summary)
        form.addRow("Preset", self.preset_box)
        form.addRow("Device", self.device_box)
        self.region = row(self.draw_region, self.clear_region)
        form.addRow("Region", self.region)
        self._top = form
        self._option_place = Place()
        outer = below_scrolled(parent, top, self._option_place)
        controls = row(self.run_button, self.pause_button, self.stop_button)
        keep = row(self.save_button, self.depth_button)
        self._offer = QWidget()
        offer = QVBoxLayout(self._offer)
        offer.setContentsMargins(0, 0, 0, 0)
        for part in (self.unfinished, row(self.go_on_button, self.discard_button)):
            offer.addWidget(part)
        self.offer("")
        found, self.below_plot = QWidget(), QVBoxLayout()
        told = (self.remark, self._offer, self.state, self.error, self.notes, self.plot, self.below_plot)
        column(found, *told)
        outer.addWidget(Snug(found))
        for part in (stays(self.bar), controls, keep):  # the lowest: words and curves above them come and go
            outer.addWidget(part)
        parent.setMinimumWidth(WIDTH)

    def put_below_region(self, widget: QWidget) -> None:
        self._top.addRow("", widget)

    # choices

    def set_devices(self, devices: list[str]) -> None:
        self.device_box.addItem(f"auto: {devices[0]}" if devices else "auto", "auto")
        for name in devices:
            self.device_box.addItem(name, name)
        self.device_box.setCurrentIndex(max(0, self.device_box.findData(str(self._settings.get("device", "auto")))))

    def set_methods(
        self, kind: str, methods: Mapping[str, Any], best: str = "", values: Mapping[str, Any] | None = None
    ) -> None:
        """Offer `methods` by name for acquisitions of `kind`, with `best` and its option `values` chosen."""
        self._kind, self._methods, self._recommended = kind, methods, (best, values or {})
        self._top.setRowVisible(self.region, kind not in WHOLE_FRAME_KINDS)
        self._of_field = ("", {})
        self.method_box.blockSignals(True)
        self.method_box.clear()
        for name in sorted(methods, key=lambda n: n != best):
            self.method_box.addItem(self._called(name), name)
        self.method_box.setCurrentIndex(0 if methods else -1)
        self.method_box.blockSignals(False)
        self._on_method()

    def set_recommended(self, best: str, values: Mapping[str, Any]) -> None:
        """What is recommended is `best` with its option `values` now; it is chosen where the last one was."""
        if (best, values) == self._recommended:
            return
        if self.method_box.currentData() in (None, self._recommended[0]) and self._untouched:
            self.set_methods(self._kind, self._methods, best, values)
            return
        self._recommended = best, values
        for at in range(self.method_box.count()):
            self.method_box.setItemText(at, self._called(self.method_box.itemData(at)))

    @property
    def _untouched(self) -> bool:
        """Whether the options are those of the method, and none has been typed."""
        try:
            return self.options is None or self.options.values() == self._presets.get(OWN)
        except InputError:
            return False

    def _called(self, name: str) -> str:
        return f"{name} (recommended)" if name == self._recommended[0] else name

    def show_recipe(self, recipe: Mapping[str, Any]) -> None:
        """Choose method and options of the field on show, where this method is offered; those of none where empty."""
        name = str(recipe.get("method", ""))
        before, self._of_field = self._of_field, (name, recipe) if name in self._methods else ("", {})
        if self._of_field != before:
            self.method_box.blockSignals(True)
            self.choose_method(self._of_field[0] or self._recommended[0])
            self.method_box.blockSignals(False)
            self._on_method()

    def choose_method(self, name: str) -> None:
        self.method_box.setCurrentIndex(self.method_box.findData(name))

    @property
    def method(self) -> str:
        """Raises InputError where no method can be chosen."""
        if not self.method_box.currentData():
            kind = f" for kind {self._kind}" if self._kind else "; open an acquisition first"
            raise InputError(f"there is no method{kind}")
        return str(self.method_box.currentData())

    def values(self) -> dict[str, Any]:
        """Options that differ from the method's defaults, the device with them."""
        chosen = {} if self.options is None else self.options.values()
        return {**chosen, "device": self.device_box.currentData() or "auto"}

    def remember(self) -> None:
        values = self.values()
        self._settings.set("device", values.pop("device"))
        of_any = {k: v for k, v in values.items() if not of_one_specimen(self._infos[k])}
        self._settings.set(f"options.{self.method}", of_any)

    def _on_method(self) -> None:
        name = self.method_box.currentData()
        self.options = None
        self._option_place.put(None)
        self.preset_box.blockSignals(True)
        self.preset_box.clear()
        if name in self._methods:
            from ...recon.engine.recipe import options

            method = self._methods[name]
            self.summary.setText(method.summary)
            infos = [info for info in options(name) if info.name != "device"]
            self._infos = {info.name: info for info in infos}
            usual = {info.name: info.default for info in infos}
            own = self._recommended[1] if name == self._recommended[0] else {}
            self._presets = {
                preset: {k: v for k, v in values.items() if k not in usual or usual[k] != v}
                for preset, values in {OWN: own, **method.presets}.items()
            }
            chosen = self._add_own_presets(name)
            self.preset_box.addItems(list(self._presets))
            self.preset_box.setCurrentText(chosen)
            self.options = OptionForm(infos)
            self._option_place.put(self.options)
            self._on_preset(chosen)
        else:
            self.summary.setText("no method takes this kind of acquisition yet" if self._kind else "")
        self.preset_box.blockSignals(False)

    def _add_own_presets(self, name: str) -> str:
        """Add what was used last, and what the field on show was found with, of the method `name`; the one to choose.

        Options that belong to one specimen are those of the last run only where that field is on show.
        """
        last = self._settings.get(f"options.{name}")
        if isinstance(last, dict):
            last = {k: v for k, v in last.items() if k in self._infos and not of_one_specimen(self._infos[k])}
        wanted = [(LAST, last)]
        if name == self._of_field[0]:
            recipe = self._of_field[1]
            own = {k: recipe[k] for k, info in self._infos.items() if k in recipe and differs(recipe[k], info)}
            wanted.append((FIELD, own))
        chosen = OWN
        for preset, values in wanted:
            chosen = next((known for known, own in self._presets.items() if values in (None, own)), preset)
            if chosen == preset:
                self._presets[preset] = values
        return chosen

    def _on_preset(self, name: str) -> None:
        if self.options is not None:
            self.options.set_values(self._presets.get(name, {}))
            self.options_shown()

    def show_automatic(self, values: Mapping[str, str]) -> None:
        """Say what options left open come to now, by name."""
        if self.options is not None:
            self.options.show_automatic(values)

    # state

    def offer(self, text: str) -> None:
        """Offer to go on with what `text` says; nothing where it is empty."""
        self.unfinished.setText(text)
        self._offer.setVisible(bool(text))

    def give_room(self, needed: bool) -> None:
        """A lower curve while something else is to be seen below it."""
        self.plot.setFixedHeight(120 if needed else 150)

    def add_note(self, text: str, level: str) -> None:
        """Say `text`, in the colour of its `level` (info or warning)."""
        colour = WARN if level == "warning" else QUIET
        self.notes.setText(f"<span style='color:{colour}'>{html.escape(text)}</span>")

    def clear_run(self) -> None:
        """Nothing is known yet of the run that begins."""
        self.plot.clear()
        self.notes.setText("")

    def replace_note(self, text: str) -> None:
        """Say this instead, unless there is a warning."""
        if WARN not in self.notes.text():
            self.add_note(text, "info")

    def take_back(self, text: str) -> None:
        """The note is said elsewhere now."""
        if html.escape(text) in self.notes.text():
            self.notes.setText("")

    def show_error(self, text: str) -> None:
        say(self.error, self.in_words(text))

    def in_words(self, text: str) -> str:
        """A sentence with the options called as they are here, and lengths in µm."""
        editors = {} if self.options is None else self.options.editors

        def called(found: re.Match[str]) -> str:
            editor = editors.get(found[1])
            return found[0] if editor is None else f"option {editor.label.partition(' [')[0]}"

        return pretty(re.sub(r"\boption (\w+)", called, text))

    def set_state(
        self, text: str, *, running: bool, paused: bool, ready: bool, found: bool, flat: bool = False
    ) -> None:
        """Enable what can be done now and say what goes on.

        Parameters
        ----------
        text : what goes on.
        running, paused : of the run.
        ready : whether one could start.
        found : whether there is a field; `flat` is one without depth.
        """
        say(self.state, text)
        self.running = running
        self.run_button.setEnabled(ready and not running)
        self.pause_button.setEnabled(running)
        self.pause_button.setText("Resume" if paused else "Pause")
        self.stop_button.setEnabled(running)
        self.save_button.setEnabled(found)
        lead_on(self.run_button, ready and not running and not found)
        lead_on(self.depth_button, found and not running)
        self.depth_button.setEnabled(found)
        flat = flat or self._kind in WHOLE_FRAME_KINDS
        self.depth_button.setText("Look at the field" if flat else "Look at any depth")
        self.plot.setVisible(bool(self.plot.points[0]))  # some methods know no error as they go
        self.bar.setVisible(running)
        if running:
            self.show_error("")

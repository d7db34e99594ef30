"""The controls of the Reconstruct dock; they decide nothing."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from ...types import InputError
from ..kit.forms import OptionForm
from ..kit.next_step import lead_on
from ..kit.parts import BAD, QUIET, WARN, Bar, Place, below_scrolled, button, form_layout, label, row, say
from ..kit.plots import LossPlot
from ..kit.settings import Settings
from .plan import WHOLE_FRAME_KINDS

OWN, LAST = "defaults", "last used"  # of the preset box


class ReconstructForm:
    """Builds its widgets into `parent` and remembers choices per method in `settings`."""

    def __init__(self, parent: QWidget, settings: Settings) -> None:
        self._settings, self._kind = settings, ""
        self._methods: Mapping[str, Any] = {}
        self._recommended: tuple[str, Mapping[str, Any]] = ("", {})
        self._presets: dict[str, Mapping[str, Any]] = {}  # of the method chosen
        self.options: OptionForm | None = None
        self._make()
        self._lay_out(parent)
        self.method_box.currentIndexChanged.connect(self._on_method)
        self.preset_box.currentTextChanged.connect(self._on_preset)

    def _make(self) -> None:
        self.method_box, self.preset_box, self.device_box = QComboBox(), QComboBox(), QComboBox()
        self.summary, self.state, self.notes, self.error = label(colour=QUIET), label(), label(), label(colour=BAD)
        self.draw_region = button("Draw region", tip="draw a rectangle in the viewer; only that part is reconstructed")
        self.clear_region = button("Whole frame", tip="take the rectangle away")
        self.run_button, self.pause_button, self.stop_button = (button(text) for text in ("Run", "Pause", "Stop"))
        self.save_button, self.depth_button = button("Save .nfield…"), button("Look at any depth")
        self.bar, self.plot = Bar(), LossPlot()
        self.unfinished, self.go_on_button, self.discard_button = label(), button("Go on"), button("Discard")

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
        for part in (self._offer, controls, self.bar, self.state, self.error, self.notes, self.plot):
            outer.addWidget(part)
        self.below_plot = QVBoxLayout()
        outer.addLayout(self.below_plot)
        outer.addWidget(keep)
        parent.setMinimumWidth(340)

    # choices

    def set_devices(self, devices: list[str]) -> None:
        self.device_box.addItems(["auto", *devices])
        self.device_box.setCurrentText(str(self._settings.get("device", "auto")))

    def set_methods(
        self, kind: str, methods: Mapping[str, Any], best: str = "", values: Mapping[str, Any] | None = None
    ) -> None:
        """Offer `methods` by name for acquisitions of `kind`, with `best` and its option `values` chosen."""
        self._kind, self._methods, self._recommended = kind, methods, (best, values or {})
        self._top.setRowVisible(self.region, kind not in WHOLE_FRAME_KINDS)
        self.method_box.blockSignals(True)
        self.method_box.clear()
        for name in sorted(methods, key=lambda n: n != best):
            self.method_box.addItem(f"{name} (recommended)" if name == best else name, name)
        self.method_box.setCurrentIndex(0 if methods else -1)
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
        return {**chosen, "device": self.device_box.currentText() or "auto"}

    def remember(self) -> None:
        values = self.values()
        self._settings.set("device", values.pop("device"))
        self._settings.set(f"options.{self.method}", values)

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
            usual = {info.name: info.default for info in infos}
            own = self._recommended[1] if name == self._recommended[0] else {}
            self._presets = {
                preset: {k: v for k, v in values.items() if k not in usual or usual[k] != v}
                for preset, values in {OWN: own, **method.presets}.items()
            }
            last = self._settings.get(f"options.{name}")
            chosen = next((preset for preset, values in self._presets.items() if last in (None, values)), LAST)
            if chosen == LAST:
                self._presets[LAST] = last
            self.preset_box.addItems(list(self._presets))
            self.preset_box.setCurrentText(chosen)
            self.options = OptionForm(infos)
            self._option_place.put(self.options)
            self._on_preset(chosen)
        else:
            self.summary.setText("no method takes this kind of acquisition yet" if self._kind else "")
        self.preset_box.blockSignals(False)

    def _on_preset(self, name: str) -> None:
        if self.options is not None:
            self.options.set_values(self._presets.get(name, {}))

    # state

    def offer(self, text: str) -> None:
        """Offer to go on with what `text` says; nothing where it is empty."""
        self.unfinished.setText(text)
        self._offer.setVisible(bool(text))

    def give_room(self, needed: bool) -> None:
        """A lower curve while something else is to be seen below it."""
        self.plot.setFixedHeight(120 if needed else 200)

    def add_note(self, text: str, level: str) -> None:
        """Say `text`, in the colour of its `level` (info or warning)."""
        colour = WARN if level == "warning" else QUIET
        self.notes.setText(f"<span style='color:{colour}'>{html.escape(text)}</span>")

    def replace_note(self, text: str) -> None:
        """Say this instead, unless there is a warning."""
        if WARN not in self.notes.text():
            self.add_note(text, "info")

    def take_back(self, text: str) -> None:
        """The note is said elsewhere now."""
        if html.escape(text) in self.notes.text():
            self.notes.setText("")

    def show_error(self, text: str) -> None:
        say(self.error, text)

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
        if not running and not ready:
            self.notes.setText("")

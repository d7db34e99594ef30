"""The controls of the Train dock; they decide nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QFileDialog, QLineEdit, QWidget

from ...types import InputError
from ..kit.forms import OptionForm
from ..kit.parts import BAD, GOOD, QUIET, WIDTH, Bar, Place, below_scrolled, button, form_layout, label, row, say, stays
from ..kit.plots import TrainingPlot
from .work import ANY, FINISHED, FRAMES, HALF, LIKE, NEW, SHIPPED, microscopes, options_shown

if TYPE_CHECKING:
    from ...recon.training.networks import Training

PATHS = {  # options that name a folder or a file
    "pairs": {"mode": "d"}, "images": {"mode": "d"}, "stack": {"mode": "r", "filter": "Acquisitions (*.acq.h5)"},
}  # fmt: skip
ENDING = "Weights (*.safetensors)"
TIPS = {
    "multiplexed_led": (
        "A network for the LED board of the acquisition that is open, on scenes that look like its frames; with its "
        "frames, the network's answer for them is also imaged again and held against them."
    ),
    "through_focus": (
        "A network for the defocus, the apertures and the noise of the acquisition that is open, and for no others."
    ),
}
GOES_ON = ("minutes", "learning_rate")  # options whose usual values differ where finished weights go on


class TrainForm:
    """Builds its widgets into `parent`."""

    def __init__(self, parent: QWidget) -> None:
        self._parent = parent
        self.options: OptionForm | None = None
        self.training: Training | None = None  # of the network that is chosen
        self._trainings: Mapping[str, Training] = {}
        self._usual: Mapping[str, object] = {}  # of fine-tuning
        self.network, self.begin, self.microscope = QComboBox(), QComboBox(), QComboBox()
        self.begin.addItems([NEW, SHIPPED, FINISHED, HALF])
        self.network.setToolTip("what is trained")
        self.begin.setToolTip("the weights that training starts from")
        self.microscope.addItems([ANY, LIKE, FRAMES])
        for box in (self.network, self.begin, self.microscope):  # their longest text would widen the dock
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(12)
        self.path, self.target = QLineEdit(), QLineEdit()
        self.may_replace = ""
        self.run_button = button("Train", tip="train this network on simulated scenes; the weights are saved below")
        self.stop_button = button("Stop", tip="end after the step in hand; what was learnt so far is saved")
        self.use_button = button("Use in Reconstruct", tip="choose these weights in the Reconstruct dock")
        self.summary, self.state = label(colour=QUIET), label()
        self.seen, self.error = label(colour=GOOD), label(colour=BAD)
        self.bar, self.plot = Bar(), TrainingPlot()
        self._lay_out(parent)
        self.begin.currentTextChanged.connect(self._on_begin)
        self.network.currentTextChanged.connect(self._on_network)
        self._on_begin()

    def _lay_out(self, parent: QWidget) -> None:
        top = QWidget()
        self._top = form = form_layout(top)
        self._path = row(self.path, button("Choose…", self._choose_path, "a file of weights to go on from"))
        form.addRow("Network", self.network)
        form.addRow("", self.summary)
        form.addRow("Begin with", self.begin)
        form.addRow("File", self._path)
        form.addRow("Train for", self.microscope)
        form.addRow("Save as", row(self.target, button("Choose…", self._choose_target, "where the weights go")))
        self._option_place = Place()
        outer = below_scrolled(parent, top, self._option_place)
        controls = row(self.run_button, self.stop_button)
        for part in (self.state, self.error, self.seen, self.plot, self.use_button, stays(self.bar), controls):
            outer.addWidget(part)
        parent.setMinimumWidth(WIDTH)

    def set_trainings(self, trainings: Mapping[str, Training], usual: Mapping[str, object]) -> None:
        """Offer `trainings` by name; `usual` are the options that differ where finished weights go on."""
        self._usual, self._trainings = usual, trainings
        self.network.addItems(list(trainings))

    def choose_for(self, kind: str) -> None:
        """The first network that takes this kind of acquisition; the one that is chosen where none does."""
        fits = [name for name, training in self._trainings.items() if training.kind == kind]
        if fits and self.training is not None and self.training.kind != kind:
            self.network.setCurrentText(fits[0])

    def _on_network(self, name: str) -> None:
        """The options of another network, in place of those of the last."""
        self.training = training = self._trainings[name]
        self.summary.setText(training.summary)
        before = self.microscope.currentText()
        self.microscope.clear()
        self.microscope.addItems(microscopes(training))
        self.microscope.setCurrentText(before)
        self.microscope.setToolTip(TIPS[training.kind])
        self.options = OptionForm(options_shown(training), PATHS)
        self._option_place.put(self.options)
        self._on_begin()

    def values(self) -> dict[str, object]:
        """Options that were chosen; of an interrupted training none, it has its own.

        Raises
        ------
        InputError : naming the option whose value cannot be used.
        """
        if self.options is None or self.begin.currentText() == HALF:
            return {}
        chosen = self.options.values()
        if self.begin.currentText() != NEW:  # their usual values are not those of the recipe
            for name in GOES_ON:
                chosen[name] = self.options.editors[name].value
                if chosen[name] is None:
                    raise InputError(f"option {name} is empty; it needs a value")
        return chosen

    def _on_begin(self) -> None:
        begin = self.begin.currentText()
        self._top.setRowVisible(self._path, begin in (FINISHED, HALF))
        if self.options is not None and self.training is not None:
            self.options.setVisible(begin != HALF)
            for name in self.training.kept:
                self.options.editors[name].enabled = begin == NEW
            known = {name: self._usual[name] for name in GOES_ON if name in self._usual}
            self.options.set_values(known if begin in (SHIPPED, FINISHED) else {})

    def _choose_path(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self._parent, "Weights to go on from", self.path.text(), ENDING)
        if name:
            self.path.setText(name)
            if self.begin.currentText() == HALF:
                self.target.setText(name.replace(".partial.safetensors", ".safetensors"))

    def _choose_target(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self._parent, "Save the weights", self.target.text(), ENDING)
        if name:
            self.target.setText(name if Path(name).suffix else f"{name}.safetensors")
            self.may_replace = name  # the dialog has asked, for the name as it was typed there

    # state

    def show_error(self, text: str) -> None:
        say(self.error, text)

    def show_seen(self, text: str) -> None:
        say(self.seen, text)

    def set_state(self, text: str, *, running: bool, ready: bool, found: bool) -> None:
        """Enable what can be done now, and say what goes on.

        Parameters
        ----------
        text : what goes on.
        running : a training is under way.
        ready : one can be started.
        found : there are weights to use.
        """
        say(self.state, text)
        self.run_button.setEnabled(ready and not running)
        self.stop_button.setEnabled(running)
        self.bar.setVisible(running)
        self.plot.setVisible(bool(self.plot.points[0]))
        self.use_button.setVisible(found and not running)
        if running:
            self.show_error("")

"""Height in place of phase: a tick and two refractive indices; for one plane of phase, a layer above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QLabel, QWidget

from ...app import lazy
from ...app.height_units import INDICES, um_per_rad
from ...types import InputError
from ..kit.one_unit import own_units
from ..kit.parts import BAD, column, label, row
from ..kit.session import KEY, Session, Shown
from ..kit.threads import listen
from ..view.layers import contrast, set_limits
from ..view.scan_layers import layers_of
from .plan import Values

if TYPE_CHECKING:
    import napari

UNKNOWN, MOST = 0.0, 5.0  # what a box shows as a question mark, and the largest index


class HeightChoice(QWidget):
    """A tick and the two indices; `changed` says that `um_per_rad` is another."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tick, self.error = QCheckBox("Height [µm]"), label(colour=BAD)
        self.tick.setToolTip("thickness of the sample in place of its phase, from both refractive indices")
        self.boxes = (QDoubleSpinBox(), QDoubleSpinBox())
        for box, name in zip(self.boxes, ("sample", "medium"), strict=True):
            box.setDecimals(4)
            box.setRange(UNKNOWN, MOST)
            box.setSpecialValueText("?")
            box.setSingleStep(0.005)
            box.setKeyboardTracking(False)
            box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
            box.setToolTip(f"refractive index of the {name}")
            box.valueChanged.connect(self._on_typed)
        self._wavelength_um = 0.0
        self._indices = row(QLabel("n sample"), self.boxes[0], QLabel("n medium"), self.boxes[1])
        column(self, self.tick, self._indices, self.error)
        self._indices.hide()
        self.error.hide()
        self.tick.toggled.connect(self._on_ticked)

    def set_optics(self, optics: Values) -> None:
        """The indices that an acquisition knows; the others are to be typed. The tick goes."""
        self._wavelength_um = float(optics.get("wavelength_um") or 0.0)
        self.tick.blockSignals(True)
        self.tick.setChecked(False)
        self.tick.blockSignals(False)
        for box, name in zip(self.boxes, INDICES, strict=True):  # with no tick they change nothing
            box.setValue(float(optics.get(name) or UNKNOWN))
        self.tick.setEnabled(self._wavelength_um > 0)
        self._indices.hide()
        self._say("")

    @property
    def um_per_rad(self) -> float | None:
        """Height of one radian, um; None where phase is wanted, or the indices make no height."""
        if not self.tick.isChecked():
            return None
        sample, medium = (box.value() for box in self.boxes)
        if UNKNOWN in (sample, medium):
            self._say("type the refractive index of the sample, and of the medium around it")
            return None
        try:
            return um_per_rad({"wavelength_um": self._wavelength_um}, f"{sample:g},{medium:g}", "the field")
        except InputError as error:
            self._say(str(error))
            return None

    def _on_ticked(self, on: bool) -> None:
        self._say("")
        self._indices.setVisible(on)
        self.changed.emit()

    def _on_typed(self, value: float) -> None:
        self._say("")
        if self.tick.isChecked():
            self.changed.emit()

    def _say(self, text: str) -> None:
        self.error.setText(text)
        self.error.setVisible(bool(text))


class HeightView(QWidget):
    """Seen only while one plane of phase is on show; ticked, a layer of heights lies above the phase."""

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self._viewer = viewer
        self._shown: Shown | None = None
        self.choice = HeightChoice()
        column(self, self.choice)
        self.choice.changed.connect(self._apply)
        listen(self, session.shown_changed, self._on_shown)
        self._on_shown(session.shown)

    def _on_shown(self, shown: Shown | None) -> None:
        if shown is not None and self._shown is not None and shown.result is self._shown.result:
            return
        self._shown = shown
        flat = shown is not None and shown.finished and not shown.over_time and lazy.beyond_pixels(shown.result.field)
        self.setVisible(flat and bool(shown is not None and shown.result.optics.get("wavelength_um")))
        if shown is not None:
            self.choice.set_optics(shown.result.optics)

    def _apply(self) -> None:
        """Put the layer of heights where it is wanted, with the indices as they are; take it away where not."""
        if self._shown is None:
            return
        ours = reversed(layers_of(self._viewer, self._shown.result))  # of several of a quantity the lowest
        found = {layer.metadata[KEY].get("quantity"): layer for layer in ours}
        phase, height = found.get("phase"), found.get("height")
        factor = self.choice.um_per_rad
        if height is not None:
            self._viewer.layers.remove(height)
        if factor is None or phase is None:
            if phase is not None:
                phase.visible = True
            return
        image = np.asarray(phase.data, dtype=np.float32) * np.float32(factor)
        about = {**phase.metadata[KEY], "quantity": "height", "um_per_rad": factor}
        added = self._viewer.add_image(
            image, name=f"{self._shown.title} height", scale=phase.scale, translate=phase.translate,
            units=own_units(phase), colormap="gray", metadata={KEY: about},
        )  # fmt: skip
        set_limits(added, contrast(image, "phase"))
        phase.visible = False

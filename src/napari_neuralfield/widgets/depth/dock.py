"""Depth dock: slide through depth; only what is on the screen is computed, in a thread of its own."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QWidget

from ...app import lazy
from ...app.figures.wording import extent_text
from ...types import Field
from ..kit.parts import timer
from ..kit.session import KEY, Shown, session_of
from ..kit.threads import Background, EndsWhenClosed, Latest, listen, when_gone
from ..view.depth_view import Pace, Picture, View, bounce, plane_count, render, same_axes, screen_events, view_of, whole
from ..view.export import FILTERS, ask_path, export
from ..view.layers import Axes, ImageSlot, colormap_of, contrast, placed
from ..view.ways import COLOURS, OF_ALL_DEPTHS, drawn, ways
from ..view.zoom_view import FINEST, zoom_view_of
from ..volume.volume_view import volume_view_of
from .all_depths import AllDepths
from .form import DepthForm

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event


class DepthDock(QWidget):
    """A field at any depth. `napari_viewer` is given by napari."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer, self._session = napari_viewer, session_of(napari_viewer)
        self._background = Background()
        self._latest = Latest(self._background, self._put, self._say_error)
        self._slot, self._pace = ImageSlot(napari_viewer), Pace()
        self._sharp = AllDepths(self._background, self._say_plane, self._found_focus, self._say_error)
        self.zoom, self.volume = zoom_view_of(napari_viewer), volume_view_of(napari_viewer)
        self._set_for: object = None  # extent and kind of the field that slider and boxes are set for
        self._last: Picture | None = None
        self._step = 0.0
        self._exporting: list[bool] = []  # of an export that goes on: False once it is to stop
        self.form = DepthForm(self)
        self._make_timers()
        self._connect()
        self._on_shown(self._session.shown)

    def _make_timers(self) -> None:
        self._settle = timer(self, 180, self._sharpen, once=True)  # after a move: the same at full resolution
        self._camera = timer(self, 40, self._on_camera, once=True)
        self._play = timer(self, 50, self._advance)

    def _connect(self) -> None:
        form = self.form
        form.slider.valueChanged.connect(self._on_slider)
        form.quantity.currentTextChanged.connect(self._on_quantity)
        form.play.toggled.connect(self._toggle_play)
        form.contrast.clicked.connect(self.auto_contrast)
        form.add_plane.clicked.connect(self.add_plane)
        form.compare.toggled.connect(self.zoom.compare)
        form.planes.valueChanged.connect(lambda _: self._request())
        form.stop.clicked.connect(self.stop)
        form.export.clicked.connect(self._choose_export)
        listen(self, self._session.shown_changed, self._on_shown)
        for event in screen_events(self._viewer):
            listen(self, event, self._camera_moved)
        EndsWhenClosed(self)
        when_gone(self, self._sharp.stop, self._background.close, self._latest.close)

    # the field

    def _on_shown(self, shown: Shown | None) -> None:
        self.form.set_enabled(shown is not None)
        if shown is None:
            self.form.play.setChecked(False)
            self._set_for = None
            if self._slot.alive and "view_of" not in self._slot.layer.metadata[KEY]:  # of a run that has found nothing
                self._slot.remove()
            self.form.state.setText("Reconstruct, or drop a .nfield file on the viewer.")
            return
        extent, closer = shown.result.field.extent, lazy.beyond_pixels(shown.result.field)
        if (kind := (extent, ways(shown.result.field), closer)) != self._set_for:
            self._set_for = kind
            self.form.set_range(*extent.z_um, shown.z_um)
            self.form.set_quantities(ways(shown.result.field))
            self.form.planes.setValue(plane_count(shown.result))
            other = "Beside other methods" if "condenser_na" in shown.result.optics else "Beside DPC"
            self.form.set_closer(closer, other)
            self._last = None
        finer = ", finer where you zoom in" if closer and not lazy.on_grid(shown.result.field) else ""
        self.form.state.setText(f"{shown.title}: {extent_text(extent)}{finer if shown.finished else ', still running'}")
        if self._slot.alive:
            self._request()

    @property
    def z_um(self) -> float:
        return float(self.form.slider.value())

    # looking

    def _on_quantity(self, quantity: str) -> None:
        self.form.show_legend(quantity == COLOURS)
        self._request()

    def _on_slider(self) -> None:
        self._slot.come_up()
        self._request(draft=True)
        self._settle.start()

    def _camera_moved(self, event: Event | None = None) -> None:
        if self._slot.alive:
            self._camera.start()

    def _on_camera(self) -> None:
        if self._slot.alive:
            self._request(draft=True)
            self._settle.start()

    def _sharpen(self) -> None:
        """Full resolution once the drafts are through; it must not overtake one."""
        self._settle.start() if self._latest.busy else self._request()

    def _request(self, draft: bool = False) -> None:
        """Ask for the visible box at the slider's depth; a draft may be coarser so that it comes in time."""
        shown = self._session.shown
        if shown is None:
            return
        field, z, quantity = shown.result.field, self.z_um, self.form.quantity.currentText()
        view = self._view(field)
        axes = lazy.visible_axes(field.extent, view.box_um, view.screen_pixel_um, view.finest)
        if axes is None or quantity not in ways(field):
            return
        if quantity in OF_ALL_DEPTHS:
            if not draft:
                self._show_focus(field, quantity)
            return
        coarse = self._pace.coarseness(axes[0].size * axes[1].size) if draft else 1.0
        if not draft and self._last is not None and self._same(self._last, field, z, quantity, axes):
            return
        wanted = None if draft else lambda: not self._latest.overtaken
        draw = partial(render, field, z, quantity, view, coarse=coarse, wanted=wanted)
        self._latest.submit(lambda: (shown, draw()))

    def _view(self, field: Field) -> View:
        """What is on the screen; all of the field where that cannot be said."""
        seen = view_of(self._viewer, self) if len(self._viewer.layers) else None
        return dataclasses.replace(seen or whole(field), finest=1.0 if field.complex_valued else FINEST)

    def _same(self, last: Picture, field: Field, z: float, quantity: str, axes: Axes) -> bool:
        shown_now = last.field is field and last.z_um == z and last.quantity == quantity
        return shown_now and self._slot.alive and same_axes(last.axes, axes)

    def _put(self, found: tuple[Shown, Picture | None]) -> None:
        (of, picture), shown = found, self._session.shown
        if picture is None or shown is None or (shown.finished and shown.result is not of.result):
            return  # of a field that is no longer looked at
        if picture.seconds > 0:
            self._pace.learn(picture.image.size, picture.seconds)
        new = self._last is None or self._last.quantity != picture.quantity or not self._slot.alive
        self._last = picture
        low, high = picture.field.extent.z_um
        place = picture.quantity if picture.quantity in OF_ALL_DEPTHS else "at any depth"
        name = f"{of.title} {place if low < high else 'on the screen'}"
        seen = {"view_of": of.result, "title": of.title} if of.finished else {}
        self._slot.show(
            name, picture.image, picture.axes, picture.quantity,
            metadata={"z_um": picture.z_um, "quantity": picture.quantity, "field": picture.field, **seen},
            follow=False,
        )  # fmt: skip
        if new and not self._slot.layer.rgb:
            self._slot.layer.colormap = colormap_of(picture.field, picture.quantity)
            self._slot.rescale(picture.image, picture.quantity)

    def _title(self) -> str:
        shown = self._session.shown
        return "field" if shown is None else shown.title

    def auto_contrast(self) -> None:
        if self._slot.alive and self._last is not None and self._session.shown is not None:
            self._slot.rescale(self._last.image, self._last.quantity)
        else:
            self.zoom.auto_contrast()

    def _toggle_play(self, on: bool) -> None:
        low, high = self.form.slider.minimum(), self.form.slider.maximum()
        self._step = (high - low) / 60
        self._play.start() if on and high > low else self._play.stop()

    def _advance(self) -> None:
        if not self._latest.busy:
            low, high = self.form.slider.minimum(), self.form.slider.maximum()
            z, self._step = bounce(self.z_um, self._step, low, high)
            self.form.slider.setValue(z)

    # keeping

    def _depths(self) -> np.ndarray:
        return np.linspace(self.form.slider.minimum(), self.form.slider.maximum(), self.form.planes.value())

    def add_plane(self) -> None:
        """The whole plane at the slider's depth and native resolution as a layer of its own."""
        shown = self._session.shown
        if shown is None:
            return
        field, z, quantity = shown.result.field, self.z_um, self.form.quantity.currentText()
        closer = self.zoom.picture
        on_screen = closer is not None and closer.field is field  # of what has no end of pixels, those that are seen
        axes = closer.axes if closer is not None and on_screen else field.extent.axes()

        ours = {KEY: {"result": shown.result, "z_um": z, "title": shown.title, "quantity": quantity}}

        def add(image: np.ndarray) -> None:
            where = quantity if quantity in OF_ALL_DEPTHS else f"{quantity}, z {z:.2f} µm"
            self._viewer.add_image(
                image, name=f"{shown.title} {where}", contrast_limits=contrast(image, quantity), metadata=ours,
                colormap=colormap_of(field, quantity), rgb=image.ndim == 3, **placed(*axes),
            )  # fmt: skip

        if quantity not in OF_ALL_DEPTHS:
            self._background.run(lambda: drawn(lazy.evaluate(field, z, *axes)[0], quantity), add, self._say_error)
        elif (found := self._sharp.picture(field, quantity, self.form.planes.value())) is not None:
            add(found.image)

    # all depths at once

    def _show_focus(self, field: Field, quantity: str) -> None:
        """What is in focus anywhere, or its depths; looked for where it is not known yet and the run has ended."""
        shown, picture = self._session.shown, self._sharp.picture(field, quantity, self.form.planes.value())
        if picture is not None and shown is not None:
            if picture is not self._last or not self._slot.alive:
                self._put((shown, picture))
        elif shown is not None and shown.finished and not self._exporting:
            self.form.set_busy("all in focus …")
            self._sharp.find(field, self._depths())

    def _say_plane(self, done: int, total: int) -> None:
        if self.form.busy:
            self.form.set_busy(f"{'export' if self._exporting else 'all in focus'}: plane {done} of {total}")

    def _found_focus(self) -> None:
        self._rest()
        self._request()

    def _rest(self) -> None:
        """Nothing goes on any more."""
        self.form.set_busy("")
        self._exporting = []
        if self._session.shown is not None:
            shown = self._session.shown
            self.form.state.setText(f"{shown.title}: {extent_text(shown.result.field.extent)}")

    def stop(self) -> None:
        """End the export, or the search for what is in focus."""
        for at in range(len(self._exporting)):
            self._exporting[at] = False
        if self._sharp.busy:
            self._sharp.stop()
            self._rest()
            self.form.quantity.setCurrentIndex(0)  # or the next look would begin it again

    def _choose_export(self) -> None:
        folder = self._session.settings.get("folder", "")
        path = ask_path(self, "Export", f"{folder}/{self._title()}", FILTERS)
        if path is not None:
            self.export(path)

    def export(self, path: Path) -> None:
        """Write planes over the range (OME-TIFF, OME-Zarr) or the plane at the slider (PNG), in the background."""
        shown = self._session.shown
        if shown is None or self.form.busy:
            return
        field, z, quantity, depths = shown.result.field, self.z_um, self.form.quantity.currentText(), self._depths()
        wanted = self._exporting = [True]
        self.form.set_busy("export …")
        background, said = self._background, self._say_plane

        def report(done: int, total: int) -> bool:
            background.post(said, done, total)
            return wanted[0]

        def done(saved: Path | None) -> None:
            self._rest()
            show_info("the export was stopped; nothing of it is left" if saved is None else f"saved {saved}")

        self._background.run(lambda: export(path, field, quantity, z, depths, report=report), done, self._say_error)

    def _say_error(self, text: str) -> None:
        self._rest()
        self.form.state.setText(text)
        show_error(text)

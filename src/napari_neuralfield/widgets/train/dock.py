"""Train dock: make weights for a network, or fine-tune those there are; watch, stop, go on later, use them."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QWidget

from ...app.figures.wording import time_text
from ...io.native.outputs import partial_of
from ...types import Event, InputError, Note, Progress
from ..kit.parts import timer
from ..kit.session import session_of
from ..kit.threads import Background, EndsWhenClosed, listen, when_gone
from .form import TrainForm
from .work import ANY, HALF, Wish, called, load_trainings, picture_layers, train

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

    from ...data.acquisition import Draft
    from ...recon.training.networks import Training
    from ...recon.training.trainer import Trained, Validation
    from ...types import Event
    from .work import Trainings

NAME = "weights.safetensors"


class TrainDock(QWidget):
    """From scenes to weights. `napari_viewer` is given by napari."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer, self._session = napari_viewer, session_of(napari_viewer)
        self._background = Background()
        self._progress = deque[Progress]()  # what the training has said and is not yet drawn
        self._stop: threading.Event | None = None  # of the training under way
        self._began = (0.0, 0)  # clock and step when the first progress came
        self._layers: dict[str, Image] = {}
        self.last: Trained | None = None
        self._training: Training | None = None  # under way, or the last; its target and the pixel of its frames, um
        self._target, self._pixel_um = Path(), None
        self.form = TrainForm(self)
        self.form.target.setText(str(Path(self._session.settings.get("folder", "") or Path.home()) / NAME))
        self.form.network.currentTextChanged.connect(lambda: self._on_draft(self._session.draft))
        self.form.run_button.clicked.connect(self.run)
        self.form.stop_button.clicked.connect(self.stop)
        self.form.use_button.clicked.connect(self.use)
        listen(self, self._session.draft_changed, self._on_draft)
        self._tick, self._use_soon = timer(self, 200, self._draw), timer(self, 100, self.use, once=True)
        self._close_with_the_dock()
        self._loaded = False
        self._on_draft(self._session.draft)
        self._set_state("loading …")
        self._background.run(load_trainings, self._on_loaded, self._say_error)

    def _close_with_the_dock(self) -> None:
        holder = self.__dict__

        def stop() -> None:
            if holder.get("_stop") is not None:
                holder["_stop"].set()

        when_gone(self, self._background.close, stop)
        EndsWhenClosed(self)

    def _on_loaded(self, found: Trainings) -> None:
        self.form.set_trainings(*found)
        self._loaded = True
        self.form.choose_for(getattr(self._session.draft, "kind", ""))
        self._on_draft(self._session.draft)
        self._set_state("")

    def _on_draft(self, draft: Draft | None) -> None:
        training = self.form.training
        fits = draft is not None and training is not None and draft.kind == training.kind
        self.form.microscope.setEnabled(fits)
        if not fits:
            self.form.microscope.setCurrentText(ANY)

    @property
    def running(self) -> bool:
        return self._stop is not None

    # a training

    def wish(self) -> Wish:
        """What Train would do now.

        Raises
        ------
        InputError : in a sentence that says what to change.
        """
        form, microscope = self.form, self.form.microscope.currentText()
        if not form.target.text():
            raise InputError("there is no name for the weights; write one at Save as")
        return Wish(
            network=form.network.currentText(), values=form.values(), begin=form.begin.currentText(),
            path=form.path.text(), microscope=microscope,
            acquisition=self._session.acquisition() if microscope != ANY else None, target=Path(form.target.text()),
            replace=form.target.text() == form.may_replace,
        )  # fmt: skip

    def run(self) -> None:
        """Start; what is in the way is said in the dock."""
        if self.running:
            return
        try:
            wish = self.wish()
        except InputError as error:
            self._say_error(str(error))
            return
        self._session.settings.set("folder", str(wish.target.parent))
        self.form.plot.clear()
        self.form.show_seen("")
        self._training, self._pixel_um = self.form.training, getattr(wish.acquisition, "pixel_um", None)
        self._target, self._began, self.last = wish.target, (0.0, 0), None
        progress = self._progress = deque[Progress]()
        stop = self._stop = threading.Event()
        background, post = self._background, self._on_event

        def tell(event: Event | Validation) -> None:  # in the training's thread
            progress.append(event) if isinstance(event, Progress) else background.post(post, event)

        background.run(lambda: train(wish, tell, stop.is_set), self._end, self._fail)
        self._set_state("making the first scenes …")
        self._tick.start()

    def stop(self) -> None:
        """End after the step in hand; what was trained is kept and can be gone on from."""
        if self._stop is not None:
            self._stop.set()
            self._set_state("stopping after the step in hand …")

    def _on_event(self, event: Event | Validation) -> None:
        if isinstance(event, Note):
            self._set_state(event.text)
        elif not isinstance(event, Event):
            self._show_seen(event)

    def _show_seen(self, seen: Validation) -> None:
        self.form.plot.add_seen(seen.steps, seen.error_rad)
        self.form.show_seen(
            f"scenes kept aside, after {seen.steps} steps: error {seen.error_rad:.3f} rad, "
            f"correlation {seen.correlation:.3f}"
        )
        assert self._training is not None
        layers, first = self._viewer.layers, False
        for data, meta in picture_layers(seen, self._training, self._pixel_um):
            layer = self._layers.get(meta["name"])
            if layer is not None and layer in layers:
                if layer.data.shape == data.shape:
                    layer.data, layer.contrast_limits = data, meta["contrast_limits"]
                    continue
                layers.remove(layer)
            self._layers[meta["name"]] = self._viewer.add_image(data, **meta)
            first = True
        if first:
            self._viewer.reset_view()

    def _draw(self) -> None:
        """Five times a second, however many steps there are."""
        event = None
        while self._progress:
            event = self._progress.popleft()
            self.form.plot.add(event.done, event.loss)
        if event is None or self._stop is None:
            return
        self.form.plot.draw()
        self.form.bar.show_progress(event.done, event.total)
        if self._began == (0.0, 0):
            self._began = time.monotonic(), event.done
        if not self._stop.is_set():
            self._set_state(f"step {event.done} of about {event.total}{self._left(event)}")

    def _left(self, event: Progress) -> str:
        passed, steps = time.monotonic() - self._began[0], event.done - self._began[1]
        return f", {time_text(passed / steps * (event.total - event.done))} left" if steps > 1 else ""

    def _end(self, last: Trained | None) -> None:
        self._draw()
        self._stop, self.last = None, last
        self._tick.stop()
        if last is None:
            self._set_state("stopped before there was anything to keep")
        elif last.finished:
            self._set_state(f"done after {last.weights.header['steps']} steps; the weights are in {self._target}")
        else:
            half = partial_of(self._target)
            self._set_state(f"stopped; to go on, begin with {HALF}: {half}")
            self.form.path.setText(str(half))

    def _fail(self, text: str) -> None:
        self._stop = None
        self._tick.stop()
        self._set_state("")
        self._say_error(text)

    def use(self) -> None:
        """Choose these weights in the Reconstruct dock."""
        from ..kit.docks import PLUGIN, open_docks

        open_docks(self._viewer, "Reconstruct")
        dock = self._viewer.window.dock_widgets[f"Reconstruct ({PLUGIN})"]
        training = self._training
        if training is None:
            return
        if not hasattr(dock, "form"):  # it is being imported
            self._use_soon.start()
            return
        name = training.name
        dock.form.choose_method(name)
        if dock.form.method_box.currentData() == name and dock.form.options is not None:
            dock.form.options.set_values({"weights": str(self._target)})
        else:
            self._say_error(f"open {called(training.kind)} first; then these weights can be used")

    def _say_error(self, text: str) -> None:
        self.form.show_error(text)
        show_error(text)

    def _set_state(self, text: str) -> None:
        self.form.set_state(text, running=self.running, ready=self._loaded, found=self.last is not None)

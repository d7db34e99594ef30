"""What the three docks of one viewer share: the acquisition being set up and the field being looked at."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING

from psygnal import Signal

from ...types import InputError, Result
from .settings import Settings
from .theme import follow
from .units import name_units

if TYPE_CHECKING:
    import napari
    from napari.components import LayerList
    from napari.layers import Layer
    from napari.utils.events import Event

    from ...data.acquisition import Acquisition, Draft
    from ...data.frames import Frames

KEY = "neuralfield"  # of the metadata of the layers that belong to us


@dataclasses.dataclass(frozen=True)
class Shown:
    """A field on show, at the depth where it was first seen.

    `finished` is False while its run goes on; `over_time` says that it is one frame of a time-lapse that is seen.
    """

    result: Result
    z_um: float
    title: str
    finished: bool = True
    over_time: bool = False


class Session:
    """The state of one viewer, without any window. Its signals come in the thread of whoever calls."""

    draft_changed = Signal(object)  # another file, or none
    values_changed = Signal(str)  # a value of the same file; "" where several have changed, or the frames
    shown_changed = Signal(object)

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.draft: Draft | None = None
        self.shown: Shown | None = None

    def set_draft(self, draft: Draft | None) -> None:
        if draft is not self.draft:
            self.draft = draft
            self.draft_changed.emit(draft)

    def set_value(self, name: str, value: object) -> None:
        """Change the value `name` of the draft to `value`; None takes it away."""
        if self.draft is None:
            return
        kept = {k: v for k, v in self.draft.values.items() if k != name}
        self.draft = dataclasses.replace(self.draft, values=kept if value is None else {**kept, name: value})
        self.values_changed.emit(name)

    def set_values(self, values: Mapping[str, object], frames: Frames | None = None) -> None:
        """Change several `values` of the draft at once; None takes one away. With `frames`, the frames too."""
        if self.draft is None:
            return
        kept = {k: v for k, v in {**self.draft.values, **values}.items() if v is not None}
        stack = self.draft.frames if frames is None else frames
        self.draft = dataclasses.replace(self.draft, values=kept, frames=stack)
        self.values_changed.emit("")

    def acquisition(self) -> Acquisition:
        """The checked acquisition of the draft.

        Raises
        ------
        InputError : where nothing is open, or a value is missing or breaks its rule.
        """
        if self.draft is None:
            raise InputError("no acquisition is open; open a file in the Acquisition dock or drop one on the viewer")
        return self.draft.complete()

    def set_shown(self, shown: Shown) -> None:
        self.shown = shown
        self.shown_changed.emit(shown)

    def adopt(self, layer: Layer) -> None:
        """Take up what a layer of ours carries in its metadata; other layers are left alone."""
        ours = layer.metadata.get(KEY)
        if not isinstance(ours, dict):
            return
        if "draft" in ours:
            self.set_draft(ours["draft"])
        if "result" in ours and (self.shown is None or self.shown.result is not ours["result"]):
            self.set_shown(Shown(ours["result"], float(ours["z_um"]), str(ours.get("title", "field"))))

    def watch(self, layers: LayerList) -> Session:
        """Adopt the layers there are and those that come."""
        layers.events.inserted.connect(self._on_inserted)
        for layer in layers:
            self.adopt(layer)
        return self

    def _on_inserted(self, event: Event) -> None:
        self.adopt(event.value)


OUR_FILES = "*.acq.h5"
_SESSIONS: dict[int, Session] = {}


def session_of(viewer: napari.Viewer) -> Session:
    """The one session of a viewer; made at the first call."""
    model = getattr(viewer, "__wrapped__", viewer)  # docks are handed a proxy of the viewer
    if id(model) not in _SESSIONS:
        read_our_files_without_asking()
        _SESSIONS[id(model)] = Session().watch(viewer.layers)
        follow(model)
        name_units(model, KEY)
        weakref.finalize(model, _SESSIONS.pop, id(model), None)
    return _SESSIONS[id(model)]


def read_our_files_without_asking() -> None:
    """Prefer our reader for our own file ending, which napari's own `*.h5` reader claims too; a user's choice stays."""
    from napari.settings import get_settings

    plugins = get_settings().plugins
    if OUR_FILES not in plugins.extension2reader:
        plugins.extension2reader = {**plugins.extension2reader, OUR_FILES: "napari-neuralfield"}

"""What the docks of one viewer share: which acquisition and which field they tell of. It is what is selected there."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from ...memory import keep_little
from ...types import InputError, Result
from .front_door import open_front_door
from .one_unit import OneUnit, give_back, own_units
from .outdated import changed_since, marked
from .settings import Settings
from .shown import (
    KEY,
    PLACE,
    WAITS_FOR,
    FieldRecord,
    Shown,
    first_frames,
    is_picture,
    ours_of,
    result_of,
    same,
    title_of,
)
from .theme import follow
from .units import name_units

if TYPE_CHECKING:
    import napari
    from napari.components import LayerList
    from napari.layers import Layer
    from napari.utils.events import Event

    from ...data.acquisition import Acquisition, Draft
    from ...data.frames import Frames


class Session:
    """The state of one viewer, without any window. Its signals come in the thread of whoever calls.

    What is selected or added last is what it holds. A layer of ours that shows neither frames nor a whole field, and
    what a user draws on top, changes nothing; a picture of somebody else takes nothing away, but `remark` says so.
    """

    draft_changed = Signal(object)  # another file, or none
    values_changed = Signal(str)  # a value of the same file; "" where several have changed, or the frames
    shown_changed = Signal(object)  # another field, or none
    fields_changed = Signal()  # one has come, or gone
    remark_changed = Signal(str)
    resized = Signal(float)  # how many times larger the frames are in the viewer, now that their pixel is another

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.draft: Draft | None = None
        self.shown: Shown | None = None
        self.fields: list[FieldRecord] = []
        self.one_unit: OneUnit | None = None  # of its viewer
        self.remark = ""  # why what is selected is not what the docks hold; nothing can be run then
        self._layers: weakref.ref[LayerList] | None = None
        self._stranger = self._gone = ""  # names of the picture selected, and of the frames removed last

    # what is open

    def set_draft(self, draft: Draft | None) -> None:
        """Open `draft`, with the newest field of its frames that is there."""
        known = [*(found.shown for found in self.fields), *([] if self.shown is None else [self.shown])]
        of_it = [shown for shown in known if draft is not None and self._draft_of(shown) is draft]
        kept = next((shown for shown in of_it if shown is self.shown), None)
        self._hold(draft, kept or (of_it[-1] if of_it else None))

    def set_shown(self, shown: Shown, curve: Sequence[tuple[float, float]] = (), outcome: str = "") -> None:
        """Show what a run has found. While it goes on that waits, where somebody looks at something else.

        Parameters
        ----------
        shown : the field.
        curve, outcome : of the run, (step, error), and how it ended; nothing while it goes on.
        """
        if shown.frames is None and self.draft is not None:
            shown = dataclasses.replace(shown, frames=self.draft.frames)
        if not shown.finished:
            if not self._looks_elsewhere(shown):
                self._hold(self.draft, shown)
            return
        self._stranger = ""
        self._add(shown)
        found = self.found(shown.result)
        if found is not None and outcome:
            found.curve, found.outcome, found.fresh = list(curve), outcome, True
        self._hold(self._draft_of(shown) or self.draft, shown)

    def drop_unfinished(self) -> None:
        """A run has ended without anything: back to the newest field of the open frames."""
        if self.shown is not None and not self.shown.finished:
            made = [found.shown for found in self.fields if self.made_of_open(found.shown)]
            self._hold(self.draft, made[-1] if made else None)

    def show_again(self, found: FieldRecord) -> None:
        """Go back to a field, and to the frames that it was made of; its picture comes on top."""
        self._stranger = ""
        self._hold(self._draft_of(found.shown) or self.draft, found.shown)
        layers = None if self._layers is None else self._layers()
        mine = [one for one in self._every_layer() if result_of(ours_of(one)) is found.shown.result]
        if layers is not None and mine:  # the selection says the same
            layer = next((one for one in reversed(mine) if one.visible), mine[-1])
            layer.visible = True
            layers.move(layers.index(layer), len(layers))
            layers.selection.active = layer

    def found(self, result: Result) -> FieldRecord | None:
        """What is known of a `result` in the viewer."""
        return next((found for found in self.fields if found.shown.result is result), None)

    def made_of_open(self, shown: Shown) -> bool:
        """Whether the field on show, `shown`, was made of the frames that are open."""
        return self.draft is not None and self._draft_of(shown) is self.draft

    def outdated(self, shown: Shown) -> str:
        """What has changed of its acquisition since `shown` was made, a sentence; empty where nothing has."""
        draft = self._draft_of(shown)
        if draft is None or shown.values is None or not shown.finished:
            return ""
        return changed_since(shown.values, draft, shown.result.calibration)

    def frames_key(self) -> Frames | None:
        """The frames that are open as the file gave them, to know what belongs to them."""
        if self.draft is None:
            return None
        return next((first_frames(ours) for _, ours in self._mine()), self.draft.frames)

    def has(self, frames: Frames) -> bool:
        """Whether there is a layer of these `frames`, as the file gave them, still."""
        return any(first_frames(ours_of(layer)) is frames for layer in self._every_layer())

    def unit(self) -> str:
        """Of lengths in the viewer: 'um', 'pixel' as long as that of the open frames is not known."""
        return next((own_units(layer)[-1] for layer, _ in self._mine()), "um")

    def _mine(self) -> list[tuple[Layer, dict[str, Any]]]:
        """Layers of the open frames, with what we have written there."""
        every = [(layer, ours_of(layer)) for layer in self._every_layer()]
        return [(layer, ours) for layer, ours in every if self.draft is not None and ours.get("draft") is self.draft]

    def _looks_elsewhere(self, shown: Shown) -> bool:
        layers = None if self._layers is None else self._layers()
        active = None if layers is None else layers.selection.active
        elsewhere = self.draft is not None and not self.made_of_open(shown)
        return bool(self._stranger) or elsewhere or (active is not None and "result" in ours_of(active))

    def _hold(self, draft: Draft | None, shown: Shown | None) -> None:
        other, another = draft is not self.draft, shown is not self.shown
        self.draft, self.shown = draft, shown
        if draft is not None:
            self._gone = ""
        if other:
            self.draft_changed.emit(draft)
        if another:
            self.shown_changed.emit(shown)
        self._say_remark()

    def _add(self, shown: Shown) -> None:
        found = self.found(shown.result)
        if found is None:
            self.fields.append(FieldRecord(shown))
        else:
            found.shown = shown
        self.fields_changed.emit()

    def _draft_of(self, shown: Shown) -> Draft | None:
        """The open draft of the frames that a field was made of."""
        frames = shown.frames
        if frames is None:
            return None
        for ours in map(ours_of, self._every_layer()):
            draft: Draft | None = ours.get("draft")
            if draft is not None and any(known is frames for known in (draft.frames, *ours.get("earlier", ()))):
                return draft
        return self.draft if self.draft is not None and self.draft.frames is frames else None  # it has no layer

    # values

    def set_value(self, name: str, value: object) -> None:
        """Change the value `name` of the draft to `value`; None takes it away."""
        self._put({name: value}, None, name)

    def set_values(self, values: Mapping[str, object], frames: Frames | None = None) -> None:
        """Change several `values` of the draft at once; None takes one away. With `frames`, the frames too."""
        self._put(values, frames, "")

    def _put(self, values: Mapping[str, object], frames: Frames | None, told: str) -> None:
        before = self.draft
        if before is None:
            return
        kept = {k: v for k, v in {**before.values, **values}.items() if v is not None}
        stack = before.frames if frames is None else frames
        self.draft = dataclasses.replace(before, values=kept, frames=stack)
        self._tell_layers(before, self.draft)
        if self.one_unit is not None:
            self.one_unit.review()
        for layer in self._every_layer():
            found = None if (result := result_of(ours_of(layer))) is None else self.found(result)
            if found is not None and found.shown.values is not None:
                layer.name = marked(layer.name, bool(self.outdated(found.shown)))
        self.values_changed.emit(told)

    def _tell_layers(self, before: Draft, now: Draft) -> None:
        """The layer of the frames knows what was typed, and lies where that puts it."""
        for layer in self._every_layer():
            ours = ours_of(layer)
            if ours.get("draft") is not before:
                continue
            ours["draft"] = now
            if now.frames is not before.frames:
                ours["earlier"] = [*ours.get("earlier", ()), before.frames]
            old = float(layer.scale[-1])
            give_back(layer)
            for key, value in ours[PLACE](now).items() if PLACE in ours else ():
                if not same(getattr(layer, key), value):
                    setattr(layer, key, value)
            if float(layer.scale[-1]) != old:
                self.resized.emit(float(layer.scale[-1]) / old)

    def acquisition(self) -> Acquisition:
        """The checked acquisition of the draft.

        Raises
        ------
        InputError : where nothing is open, or is read still, or a value is missing or breaks its rule.
        """
        awaited = next((ours[WAITS_FOR] for ours in map(ours_of, self._every_layer()) if WAITS_FOR in ours), "")
        if self.draft is None and awaited:
            raise InputError(f"{awaited} is still being read; run it when its frames are there")
        if self.draft is None:
            raise InputError("no acquisition is open; open a file in the Acquisition dock or drop one on the viewer")
        return self.draft.complete()

    # the layers of the viewer

    def adopt(self, layer: Layer) -> None:
        """Take up what a layer that was added or selected shows."""
        ours = ours_of(layer)
        result = result_of(ours)
        if "draft" in ours:
            self._stranger = ""
            self.set_draft(ours["draft"])
        elif result is not None:
            found = self.found(result)
            if found is None:
                self._add(Shown(result, float(ours["z_um"]), str(ours.get("title", "field"))))
                found = self.fields[-1]
            self._stranger = ""
            self._hold(self._draft_of(found.shown) or self.draft, found.shown)
        elif KEY not in layer.metadata and is_picture(layer):
            self._stranger = layer.name
        self._say_remark()

    def watch(self, layers: LayerList) -> Session:
        """Adopt the layers there are, those that come, and whichever is selected."""
        self._layers = weakref.ref(layers)
        layers.events.inserted.connect(self._on_inserted)
        layers.events.removed.connect(self._on_removed)
        layers.selection.events.active.connect(self._on_active)
        for layer in layers:
            self.adopt(layer)
        return self

    def _every_layer(self) -> Iterator[Layer]:
        layers = None if self._layers is None else self._layers()
        return iter(() if layers is None else tuple(layers))

    def _on_inserted(self, event: Event) -> None:
        ours = ours_of(event.value)
        if "lapse" in ours and self.shown is not None and self.shown.over_time:
            ours["view_of"] = self.shown.result
        self.adopt(event.value)

    def _on_active(self, event: Event) -> None:
        if event.value is not None:
            self.adopt(event.value)

    def _on_removed(self, event: Event) -> None:
        """What no layer shows any more is let go: frames, fields, and somebody else's picture."""
        ours, left = ours_of(event.value), [ours_of(layer) for layer in self._every_layer()]
        draft, shown, result = self.draft, self.shown, result_of(ours)
        mine: object = ours.get("draft")
        if event.value.name == self._stranger:
            self._stranger = ""
        if draft is not None and mine is draft and not any(one.get("draft") is mine for one in left):
            self._gone, draft = title_of(draft), None
        found = None if result is None else self.found(result)
        if found is not None and not any(result_of(one) is result for one in left):
            self.fields = [one for one in self.fields if one is not found]
            shown = None if shown is found.shown else shown
            self.fields_changed.emit()
        self._hold(draft, shown)

    def _say_remark(self) -> None:
        remark = self._remark()
        if remark != self.remark:
            self.remark = remark
            self.remark_changed.emit(remark)

    def _remark(self) -> str:
        held = "" if self.draft is None else title_of(self.draft)
        shown = self.shown if self.shown is not None and self.shown.finished else None
        if self._stranger and (held or shown is not None):
            about = held or (shown.title if shown is not None else "")
            return (
                f"The layer selected, {self._stranger}, is no acquisition. These docks still hold {about}: select one "
                "of its layers to go on with it."
            )
        if shown is not None and not self.made_of_open(shown):
            instead = f"; the acquisition open is {held}. Select its frames to reconstruct it" if held else ""
            return f"The frames of {shown.title} are not open{instead}."
        return f"The frames of {self._gone} have been removed." if self._gone and not held else ""


_SESSIONS: dict[int, Session] = {}


def session_of(viewer: napari.Viewer) -> Session:
    """The one session of a viewer; made at the first call."""
    model = getattr(viewer, "__wrapped__", viewer)  # docks are handed a proxy of the viewer
    if id(model) not in _SESSIONS:
        open_front_door()
        keep_little()
        _SESSIONS[id(model)] = Session().watch(viewer.layers)
        follow(model)
        name_units(model, KEY)
        _SESSIONS[id(model)].one_unit = OneUnit(model)
        weakref.finalize(model, _SESSIONS.pop, id(model), None)
    return _SESSIONS[id(model)]

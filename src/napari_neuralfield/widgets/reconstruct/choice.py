"""The method and options on offer follow what is open, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...types import InputError
from ..kit.session import Session
from .automatic import automatic
from .form import ReconstructForm
from .plan import Library, Values

if TYPE_CHECKING:
    from ...data.acquisition import Draft
    from ...data.frames import Frames


class MethodChoice:
    """Keeps the methods of a form those of what is open in a session, once there is a `library` of them."""

    def __init__(self, form: ReconstructForm, session: Session) -> None:
        self._form, self._session = form, session
        self.library: Library | None = None
        self._of: Frames | None = None  # whose options are in the form
        self._left: list[tuple[Frames, str, Values]] = []  # what was chosen for others, the newest last
        form.options_shown = self._watch

    def follow_draft(self, draft: Draft | None) -> None:
        """Offer what there is for another file."""
        if self.library is None:
            return
        self._leave()
        kind, shown = "" if draft is None else draft.kind, self._session.shown
        methods = {name: self.library.methods[name] for name in self.library.for_kind(kind)}
        self._form.set_methods(kind, methods, *self.library.recommended(draft))
        if shown is not None and shown.finished and self._session.made_of_open(shown):
            self._form.show_recipe(shown.result.recipe)
            return
        for frames, name, values in self._left:
            if frames is self._of and name in methods and self._form.options is not None:
                self._form.choose_method(name)
                self._form.options.set_values(values)
                self.show_automatic()

    def _leave(self) -> None:
        """Remember what is chosen for the frames that are left."""
        before, self._of = self._of, self._session.frames_key()
        if before is None or self._form.options is None:
            return
        try:
            chosen = before, self._form.method, self._form.values()
        except InputError:  # what cannot be used need not come back
            return
        others = [*(one for one in self._left if one[0] is not before), chosen]
        self._left = [one for one in others if self._session.has(one[0])]

    def follow_values(self, name: str = "") -> None:
        """What is recommended, and what is automatic, after a value is another."""
        self._form.show_error("")
        if self.library is not None:
            self._form.set_recommended(*self.library.recommended(self._session.draft))
            self.show_automatic()

    def show_automatic(self, value: object = None) -> None:
        """Say what the options that are left open come to."""
        if self._form.options is not None and self._form.options.filling:
            return
        try:
            method, chosen = self._form.method, self._form.values()
            self._form.show_automatic(automatic(self._session.acquisition(), method, chosen))
        except InputError:  # something is missing still, or is no value
            self._form.show_automatic({})

    def _watch(self) -> None:
        for editor in () if self._form.options is None else self._form.options.editors.values():
            editor.changed.connect(self.show_automatic, unique=True)
        self.show_automatic()

"""The method and options on offer follow what is open, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...types import InputError
from ..kit.session import Session
from .automatic import automatic
from .form import ReconstructForm
from .plan import Library

if TYPE_CHECKING:
    from ...data.acquisition import Draft


class MethodChoice:
    """Keeps the methods of a form those of what is open in a session, once there is a `library` of them."""

    def __init__(self, form: ReconstructForm, session: Session) -> None:
        self._form, self._session = form, session
        self.library: Library | None = None
        form.options_shown = self._watch

    def follow_draft(self, draft: Draft | None) -> None:
        """Offer what there is for another file."""
        if self.library is None:
            return
        kind, shown = "" if draft is None else draft.kind, self._session.shown
        methods = {name: self.library.methods[name] for name in self.library.for_kind(kind)}
        self._form.set_methods(kind, methods, *self.library.recommended(draft))
        if shown is not None and shown.finished and self._session.made_of_open(shown):
            self._form.show_recipe(shown.result.recipe)

    def follow_values(self, name: str = "") -> None:
        """What is recommended, and what is automatic, after a value is another."""
        self._form.show_error("")
        if self.library is not None:
            self._form.set_recommended(*self.library.recommended(self._session.draft))
            self.show_automatic()

    def show_automatic(self, value: object = None) -> None:
        """Say what the options that are left open come to."""
        try:
            method, chosen = self._form.method, self._form.values()
            self._form.show_automatic(automatic(self._session.acquisition(), method, chosen))
        except InputError:  # something is missing still, or is no value
            self._form.show_automatic({})

    def _watch(self) -> None:
        depths = None if self._form.options is None else self._form.options.editors.get("z_um")
        if depths is not None:
            depths.changed.connect(self.show_automatic)
        self.show_automatic()

"""What the options of a method that are left open come to with what is open, as the form says it. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...types import InputError

if TYPE_CHECKING:
    from ...data.acquisition import Acquisition
    from .plan import Values


def automatic(acquisition: Acquisition, method: str, chosen: Values) -> dict[str, str]:
    """Name of an option -> what it is where it is left empty; those that only a run can tell are not there.

    Parameters
    ----------
    acquisition : what is open.
    method : its name.
    chosen : options that are not left empty.
    """
    from ...recon.engine.recipe import build

    try:
        known = build(method, chosen).automatic(acquisition.colours()[0])
    except InputError:  # what was typed is refused when it is run
        return {}
    return {name: text for name, value in known.items() if (text := _said(value))}


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " to ".join(map(_said, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)

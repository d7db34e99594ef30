"""What a field was made of, against what is known now: a value typed since makes it outdated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ...data.acquisition import Draft

MARK = " (outdated)"  # behind the name of a layer


def changed_since(made: Mapping[str, Any], draft: Draft, found: Mapping[str, Any]) -> str:
    """A sentence on values that have changed since; empty where none has.

    Parameters
    ----------
    made : values that the field was made of.
    draft : as it is now.
    found : with the field; a value that was taken over from there makes nothing outdated.
    """
    from ...data.acquisition import quantities

    now, said = draft.derived(), list[str]()
    for name, quantity in quantities(draft.kind).items():
        before, value = made.get(name), now.get(name)
        if _same(before, value) or (value is not None and _same(found.get(name), value)):
            continue
        unit = f" {quantity.unit}" if quantity.unit else ""
        number = isinstance(value, int | float | str)
        to = f"{value:.5g}{unit}" if isinstance(value, float) else f"{value}{unit}"
        said.append(f"{quantity.label} was changed{f' to {to}' if number else ''}")
    return f"Made before {' and '.join(said)}; run it again." if said else ""


def marked(name: str, outdated: bool) -> str:
    """The `name` of a layer with its mark where it is `outdated`, else without."""
    plain = name.removesuffix(MARK)
    return plain + MARK if outdated else plain


def _same(one: object, other: object) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.array_equal(np.asarray(one), np.asarray(other)))

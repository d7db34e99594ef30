"""Files whose variables carry the acquisition's own names, or that a sidecar's `variables` translates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...data.acquisition import KINDS, quantities
from ...data.derived import DERIVING
from ...types import InputError
from ..sidecar import sidecar

FRAMES = "frames"


def names_in(path: Path, held: Collection[str]) -> dict[str, str]:
    """The acquisition's name -> the name in the file, of everything that `held` and the sidecar's `variables` give.

    `held` : names in the file, `path`.

    Raises
    ------
    InputError : where `variables` is not a mapping or names what the file does not hold.
    """
    beside = sidecar.find(path)
    given = {} if beside is None else sidecar.load(beside).get(sidecar.VARIABLES, {})
    if not isinstance(given, Mapping):
        raise InputError(f"{beside}: variables is {given!r}; it must be a mapping such as frames: data")
    for name, theirs in given.items():
        if theirs not in held:
            raise InputError(
                f"{beside}: variables calls {name} {theirs!r}, but {path.name} holds {', '.join(sorted(held))}"
            )
    return {**{name: name for name in held}, **{str(name): str(theirs) for name, theirs in given.items()}}


def kind_of(path: Path, names: Collection[str], said: str | None) -> str:
    """The kind that the file or its sidecar says, else the only kind that has all these values.

    Parameters
    ----------
    path : of the file.
    names : of the acquisition's values in it, of `names_in`.
    said : kind that the file itself states, if it does.

    Raises
    ------
    InputError : where there is none, or several.
    """
    beside = sidecar.find(path)
    given = {} if beside is None else sidecar.load(beside)
    if beside is not None and "kind" in given:
        return sidecar.kind_of(given, beside)
    if said is not None:
        if said in KINDS:
            return said
        raise InputError(f"{path}: kind is {said!r}; it must be one of {', '.join(KINDS)}")
    every = {name for kind in KINDS for name in _known(kind)}
    ours = {name for name in (*names, *given) if name in every}
    fitting = [kind for kind in KINDS if ours <= set(_known(kind))]
    if len(fitting) == 1:
        return fitting[0]
    raise InputError(
        f"{path}: kind is missing and does not follow from {', '.join(sorted(ours)) or 'the names in the file'}; name "
        f"it in the sidecar {sidecar.candidates(path)[0].name} as one of {', '.join(KINDS)}"
    )


def _known(kind: str) -> list[str]:
    return [*quantities(kind), *DERIVING.get(kind, ())]


def values_of(kind: str, names: Mapping[str, str], array: Callable[[str], np.ndarray]) -> dict[str, Any]:
    """Every value of the kind that the file holds, scalars as numbers and lists as (frame,).

    Parameters
    ----------
    kind : of acquisition.
    names : the acquisition's name -> the name in the file, of `names_in`.
    array : gives what the file holds under a name.
    """
    known = quantities(kind)
    found: dict[str, object] = {}
    for name in _known(kind):
        if name not in names:
            continue
        value = np.asarray(array(names[name]))
        shape = known[name].shape if name in known else ("frame", 2) if name.startswith("positions") else ()
        if shape == () and value.size == 1:
            value = value.reshape(())[()]
        elif len(shape) == 1:
            value = value.reshape(-1)
        found[name] = str(value) if name in known and known[name].choices else value
    return found

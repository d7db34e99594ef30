"""Files whose variables carry the acquisition's own names, or that a sidecar's `variables` translates."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...data.acquisition import KINDS, quantities
from ...data.derived import DERIVING, IN_PIXELS, settle_energy
from ...types import InputError
from ..native.stored_units import converted, number
from ..sidecar import scan_grid, sidecar

FRAMES = "frames"
AXES = {"y": "positions_y_um", "x": "positions_x_um"}  # short names in `variables`
EXTRA = (FRAMES, "title", "kind", *sidecar.BY_AXIS)


@dataclasses.dataclass(frozen=True)
class Variable:
    """What a value of the acquisition is called in a file, and the unit of its numbers; '' where that is ours."""

    name: str
    unit: str = ""


def variables(path: Path) -> dict[str, Variable]:
    """The acquisition's name -> what the `variables` of the sidecar of `path` call it.

    Raises
    ------
    InputError : where `variables` is not a mapping, or names no value of any kind.
    """
    beside = sidecar.find(path)
    given = {} if beside is None else sidecar.load(beside).get(sidecar.VARIABLES) or {}
    if not isinstance(given, Mapping):
        raise InputError(f"{beside}: variables is {given!r}; it must be a mapping such as frames: data")
    every = [*EXTRA, *AXES, *dict.fromkeys(name for kind in KINDS for name in known(kind))]
    found: dict[str, Variable] = {}
    for ours, theirs in given.items():
        if ours not in every:
            close = difflib.get_close_matches(str(ours), every, 1, 0.5)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(every)}"
            raise InputError(f"{beside}: variables names {ours}, which is no value of an acquisition; {hint}")
        if isinstance(theirs, Mapping) and "name" in theirs and set(theirs) <= {"name", "unit"}:
            found[AXES.get(str(ours), str(ours))] = Variable(str(theirs["name"]), str(theirs.get("unit") or ""))
        elif isinstance(theirs, str | int):
            found[AXES.get(str(ours), str(ours))] = Variable(str(theirs))
        else:
            raise InputError(
                f"{beside}: variables calls {ours} {theirs!r}; it must be a name in the file or {{name: NAME, unit: m}}"
            )
    return found


def told(path: Path) -> bool:
    """Whether the sidecar of `path` names the frames in it, so that no layout has to be known."""
    return isinstance(given := sidecar.beside(path).get(sidecar.VARIABLES), Mapping) and FRAMES in given


def names_in(path: Path, held: Collection[str], has: Callable[[str], bool] = lambda name: False) -> dict[str, Variable]:
    """The acquisition's name -> the name in the file, of everything that `held` and the sidecar's `variables` give.

    Parameters
    ----------
    path : the file.
    held : names in it.
    has : whether it holds something of another name, inside one of those.

    Raises
    ------
    InputError : where `variables` names what the file does not hold.
    """
    given = variables(path)
    for ours, theirs in given.items():
        if theirs.name not in held and not has(theirs.name):
            close = difflib.get_close_matches(theirs.name, held, 1, 0.6)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise InputError(
                f"{sidecar.find(path)}: variables calls {ours} {theirs.name!r}, but {path.name} holds "
                f"{', '.join(sorted(held))}{hint}"
            )
    return {**{name: Variable(name) for name in held}, **given}


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
    every = {name for kind in KINDS for name in known(kind)}
    ours = {name for name in (*names, *given) if name in every}
    fitting = [kind for kind in KINDS if ours <= set(known(kind))]
    if len(fitting) == 1:
        return fitting[0]
    raise InputError(
        f"{path}: kind is missing and does not follow from {', '.join(sorted(ours)) or 'the names in the file'}; name "
        f"it in the sidecar {sidecar.candidates(path)[0].name} as one of {', '.join(KINDS)}"
    )


def known(kind: str) -> list[str]:
    """Names of what an acquisition of a kind may be given by."""
    return [*quantities(kind), *DERIVING.get(kind, ())]


def values_of(
    kind: str,
    names: Mapping[str, Variable],
    array: Callable[[str], np.ndarray],
    count: int,
    where: Path,
    units: Callable[[str], str] = lambda name: "",
) -> dict[str, Any]:
    """Every value of the kind that the file holds, in our units: scalars as numbers and lists as (frame,).

    Parameters
    ----------
    kind : of acquisition.
    names : the acquisition's name -> the name in the file, of `names_in`.
    array : gives what the file holds under a name.
    count : of frames.
    where : the file, for errors.
    units : the unit that the file gives for what it holds under a name.

    Raises
    ------
    InputError : where a value has another shape or unit than it can have.
    """
    found: dict[str, Any] = {}
    for name in (*known(kind), *sidecar.BY_AXIS):
        if name in names:
            theirs = names[name]
            value = np.asarray(array(theirs.name))
            shown = f"{where}: {theirs.name}"
            name, value = converted(name, value, theirs.unit or units(theirs.name), shown)
            found[name] = _shaped(kind, name, value, count, shown)
    for (y, x), whole in sidecar.PAIRS.items():
        if y in found and x in found:
            found[whole] = scan_grid.paired(found.pop(y), found.pop(x), str(where))
        for axis in (y, x):
            if found.pop(axis, None) is not None:
                raise InputError(f"{where}: {axis} is given without the other axis; give {y} and {x}")
    settle_energy(found)
    return found


def _shaped(kind: str, name: str, value: np.ndarray, count: int, shown: str) -> object:
    quantity = quantities(kind)
    if name in quantity and quantity[name].choices:
        return str(value.reshape(-1)[0]) if value.size == 1 else str(value)
    if name in ("positions_um", IN_PIXELS):
        return scan_grid.oriented(value, count, shown)[0]
    shape = quantity[name].shape if name in quantity else ()
    if value.dtype.kind in "OSU":
        raise InputError(f"{shown} is text, but {name} is numbers; name another one")
    if name in sidecar.BY_AXIS or len(shape) == 1:
        return value.reshape(-1)
    if shape == ():
        one = number(value)
        if one is None and value.size != 1:
            raise InputError(f"{shown} has shape {value.shape}; {name} is one number, so name another one")
        return value.reshape(-1)[0] if one is None else one
    return value

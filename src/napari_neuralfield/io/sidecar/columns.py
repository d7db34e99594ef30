"""The columns of a table that hold a value: found by their titles, or named in the sidecar.

`exposure: log.csv` finds a column called exposure; `{table: log.csv, column: texp, unit: ms}` says which it is, and
`{table: motors.txt, y: samy, x: samx, unit: mm}` does so for positions and directions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...data.typed_values import LENGTHS, TIMES
from ...types import InputError
from ..native import links
from .tables import Table, read_table

PIXELS = ("px", "pixel", "pixels")
LENGTH_NAMES = {**LENGTHS, "micron": "1", "microns": "1", "meter": "1e6", "metre": "1e6"}
UNITS = {**{name.lower(): factor for name, factor in LENGTH_NAMES.items()}, **dict.fromkeys(PIXELS, "1")}
TITLE = re.compile(r"(?P<base>.*?)[ _]*(?:[\[(/][ ]*(?P<inside>[^\])]+?)[ ]*[\])]?|_(?P<after>[a-zµμå]+))?")
WORDS = r"(?:sample|sam|stage|piezo|motor|mot|pos(?:itions?)?|scan|coord(?:inate)?|translation|[np])"
AXIS = re.compile(rf"(?:(?:{WORDS}|na)[ _.-]*)*(?P<axis>[yx]|ver(?:tical)?|hor(?:i[sz]ontal)?)(?:[ _.-]*{WORDS})*")
CALLED = {
    "z_um": r"(?:.*[ _.-])?(?:sam|motor_?)?(?:d?z|depth|defocus|focus)",
    "time_s": r"t|time|times|timestamp|seconds|epoch|elapsed(?:[ _]time)?",
    "exposure": r"exp(?:osure)?s?(?:[ _]?times?)?|t_?exp|integration(?:[ _]?time)?|count(?:ing)?[ _]?time",
    "channel": r"channels?|colou?rs?",
}
TIME_UNITS = {**TIMES, "us": "1e-6", "sec": "1", "seconds": "1"}
SPEC = ("table", "column", "y", "x", "unit")


def title_and_unit(title: str) -> tuple[str, str]:
    """What a column is called and its unit, both in small letters: `motor_x(um)` is ('motor_x', 'um')."""
    found = TITLE.fullmatch(title.strip().lower())
    assert found is not None
    after = found["after"] or ""
    if after and after not in UNITS and after not in TIME_UNITS:
        return title.strip().lower(), ""
    return found["base"].strip(), found["inside"] or after


def read(value: str | Mapping[str, object], sidecar: Path) -> tuple[Path, Table, Mapping[str, object]]:
    """The file, the table in it, and how its columns are named.

    Parameters
    ----------
    value : name of a table, or a mapping with the keys of SPEC.
    sidecar : the file that names it.
    """
    spec = {"table": value} if isinstance(value, str) else value
    unknown = [str(key) for key in spec if key not in SPEC]
    if unknown or not isinstance(spec["table"], str):
        raise InputError(
            f"{sidecar}: the table is given by {', '.join(map(str, spec))}; known are {', '.join(SPEC)}, such as "
            "{table: motors.txt, y: samy, x: samx, unit: mm}"
        )
    path = links.named(spec["table"], sidecar)
    return path, read_table(path), spec


def one(value: str | Mapping[str, object], name: str, unit: str, sidecar: Path) -> tuple[Table, np.ndarray]:
    """The table, and its column (row,) that holds a value, in the value's unit.

    Parameters
    ----------
    value : see `read`.
    name : of the value, such as `z_um`.
    unit : of the value; a title in another unit of its kind is converted.
    sidecar : the file that names the table.

    Raises
    ------
    InputError : where no column, or more than one, is called so.
    """
    path, table, spec = read(value, sidecar)
    if "column" in spec:
        at = _chosen(table, spec["column"], path, "column")
    elif table.numbers.shape[1] == 1:
        at = 0
    else:
        base = title_and_unit(name)[0]
        called = re.compile(f"{re.escape(base)}|{CALLED.get(name, re.escape(base))}")
        fitting = [n for n, title in enumerate(table.titles) if called.fullmatch(title_and_unit(title)[0])]
        exact = [n for n in fitting if title_and_unit(table.titles[n])[0] == base]
        fitting = exact if len(exact) == 1 else fitting
        if len(fitting) != 1:
            raise InputError(
                f"{path}: {_listed(table)}, {'several' if fitting else 'none'} of which "
                f"{'are' if fitting else 'is'} called {base}; say which in the sidecar: "
                f"{name}: {{table: {path.name}, column: TITLE OR NUMBER FROM 0}}"
            )
        at = fitting[0]
    said = str(spec.get("unit") or (title_and_unit(table.titles[at])[1] if table.titles else ""))
    return table, table.numbers[:, at] * _factor(said, unit, path)


def pair(value: str | Mapping[str, object], name: str, sidecar: Path) -> tuple[Table, np.ndarray, str]:
    """The table, its columns of y and x (row, 2), and their unit ('' where none is said).

    Parameters
    ----------
    value : see `read`.
    name : of the value, for the sentence.
    sidecar : the file that names the table.

    Raises
    ------
    InputError : where the columns are not one y and one x of the same unit.
    """
    path, table, spec = read(value, sidecar)
    if "y" in spec and "x" in spec:
        found = {axis: (_chosen(table, spec[axis], path, axis), "") for axis in "yx"}
        if table.titles:
            found = {axis: (at, title_and_unit(table.titles[at])[1]) for axis, (at, _) in found.items()}
    elif not table.titles and table.numbers.shape[1] == 2:
        found = {"y": (0, ""), "x": (1, "")}
    else:
        found = _axes(table, name, path)
    (row, unit), (column, other) = found["y"], found["x"]
    if "unit" in spec:
        unit = other = str(spec["unit"]).lower()
        if unit not in UNITS:
            raise InputError(f"{sidecar}: unit is {unit!r}; it must be one of {', '.join(UNITS)}")
    if unit != other:
        raise InputError(f"{path}: y is in {unit or 'no unit'} but x in {other or 'no unit'}; give both in one unit")
    return table, table.numbers[:, [row, column]], unit


def _axes(table: Table, name: str, path: Path) -> dict[str, tuple[int, str]]:
    """Axis -> (column, unit) by the titles: plain y and x first, then what motors and stages are called."""
    remedy = f"{name}: {{table: {path.name}, y: TITLE OR NUMBER FROM 0, x: ..., unit: um}}"
    if not table.titles:
        raise InputError(
            f"{path}: the table has {table.numbers.shape[1]} columns without titles; {name} are two, y and x, so name "
            f"the columns in the first line, such as y_um,x_um, or say which they are in the sidecar: {remedy}"
        )
    plain: dict[str, list[tuple[int, str]]] = {"y": [], "x": []}
    motors: dict[str, list[tuple[int, str]]] = {"y": [], "x": []}
    for number, title in enumerate(table.titles):
        base, unit = title_and_unit(title)
        match = AXIS.fullmatch(base)
        if match is None or (unit and unit not in UNITS):
            continue
        axis = {"v": "y", "h": "x"}.get(match["axis"][0], match["axis"][0])
        (plain if base in "yx" else motors)[axis].append((number, unit))
    every = plain if all(plain.values()) else {axis: plain[axis] or motors[axis] for axis in "yx"}
    for axis, columns in every.items():
        if len(columns) > 1:
            called = ", ".join(table.titles[at] for at, _ in columns)
            raise InputError(f"{path}: two columns are called {axis} ({called}); say which in the sidecar: {remedy}")
    if not all(every.values()):
        raise InputError(
            f"{path}: {_listed(table)}; {name} need one of y and one of x with a known unit (um, nm, mm, m, px), such "
            f"as y_um,x_um; or say which they are in the sidecar: {remedy}"
        )
    return {axis: columns[0] for axis, columns in every.items()}


def _chosen(table: Table, said: object, path: Path, key: str) -> int:
    """The column called or numbered so."""
    if isinstance(said, int) and 0 <= said < table.numbers.shape[1]:
        return said
    text = str(said).strip().lower()
    for names in ([t.lower() for t in table.titles], [title_and_unit(t)[0] for t in table.titles]):
        if names.count(text) == 1:
            return names.index(text)
    raise InputError(f"{path}: {key} is {said!r}, but {_listed(table)}; name one of them, or its number from 0")


def _listed(table: Table) -> str:
    if not table.titles:
        return f"the table has {table.numbers.shape[1]} columns without titles"
    return f"the columns are {', '.join(title or '(count)' for title in table.titles)}"


def _factor(said: str, unit: str, path: Path) -> float:
    """From the unit that a table says to that of a value; 1 where either is none that can be converted."""
    for family in (LENGTH_NAMES, TIME_UNITS):
        if unit in family and said:
            if said not in family:
                raise InputError(f"{path}: the column is in {said}; it must be in {', '.join(family)}")
            return float(family[said]) / float(family[unit])
    return 1.0

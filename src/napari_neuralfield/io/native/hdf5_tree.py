"""Finding things in HDF5 files of any make: by path, by pattern, through links, and by looking round."""

from __future__ import annotations

import difflib
import fnmatch
import itertools
import re
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from ...types import InputError
from .hdf5_frames import stored

MOST_NODES, MOST_OF_ONE, MOST_SECONDS, MOST_LISTED = 10_000, 300, 1.5, 8
ASTRAY = (KeyError, OSError, RuntimeError)  # what a link that leads nowhere, or round in a circle, raises


def item(file: h5py.Group, name: str, path: Path) -> h5py.Group | h5py.Dataset:
    """The group or dataset of a name, `a/b` or, as MATLAB writes structs, `a.b`.

    Parameters
    ----------
    file : opened.
    name : in it.
    path : the file, for errors.

    Raises
    ------
    InputError : where there is none, naming close ones, or where a link leads nowhere.
    """
    here, parts = file, [part for part in name.split("/") if part]
    if len(parts) == 1 and not _linked(file, parts[0]):
        parts = name.split(".")
    for number, part in enumerate(parts):
        if not isinstance(here, h5py.Group) or not _linked(here, part):
            raise InputError(f"{path}: there is no {name}; {_instead(file, here, name, parts[number])}")
        try:
            here = here[part]
        except ASTRAY:
            raise InputError(f"{path}: {_broken(here, part, path)}") from None
    return here


def items(file: h5py.Group, pattern: str, path: Path) -> list[h5py.Dataset]:
    """Every dataset of a name with `*` in it, in natural order; that of a plain name.

    Parameters
    ----------
    file : opened.
    pattern : such as `chunks/*/data`.
    path : the file, for errors.

    Raises
    ------
    InputError : where there is none, or the name is that of a group.
    """
    if "*" not in pattern:
        found = item(file, pattern, path)
        if isinstance(found, h5py.Dataset):
            return [found]
        if not isinstance(found, h5py.Group):
            raise InputError(f"{path}: {pattern} is a type, not a dataset; name another one")
        names = ", ".join(itertools.islice(found, MOST_LISTED)) or "nothing"
        raise InputError(f"{path}: {pattern} is a group; name one of what it holds: {names}")
    fitting = list(_matching(file, [part for part in pattern.split("/") if part], ""))
    datasets = [found for name in fitting if isinstance(found := item(file, name, path), h5py.Dataset)]
    if not datasets:
        raise InputError(f"{path}: nothing is called {pattern}; {_instead(file, file, pattern, pattern)}")
    return datasets


def has(file: h5py.Group, pattern: str) -> bool:
    """Whether there is anything of a name in `file`, a link that leads nowhere too; `*` in `pattern` stands for any."""
    group, _, attribute = pattern.partition("@")
    for name in _matching(file, [part for part in group.split("/") if part], "", MOST_OF_ONE):
        if not attribute or attribute in getattr(reached(file, name or "/"), "attrs", ()):
            return True
    return False


def first(file: h5py.Group, pattern: str) -> str | None:
    """The first name, in natural order, that `pattern` fits in `file`; None without one."""
    group, at, attribute = pattern.partition("@")
    for name in _matching(file, [part for part in group.split("/") if part], "", MOST_OF_ONE):
        if has(file, name + at + attribute):
            return name + at + attribute
    return None


def value(file: h5py.Group, name: str, path: Path) -> tuple[np.ndarray, str]:
    """What is kept under a name, `group@attribute` for an attribute, and the unit that its `units` names.

    Parameters
    ----------
    file : opened.
    name : in it; with `*`, everything that it fits, one behind another.
    path : the file, for errors.

    Raises
    ------
    InputError : where there is none, or what is there are no values.
    """
    group, at, attribute = name.partition("@")
    if at:
        held = item(file, group or "/", path) if group else file
        if attribute not in held.attrs:
            raise InputError(f"{path}: {group or '/'} has no attribute {attribute}; it has {_some(list(held.attrs))}")
        return np.asarray(held.attrs[attribute]), ""
    found = items(file, name, path)
    unit = found[0].attrs.get("units", found[0].attrs.get("unit", ""))
    arrays = [_numbers(dataset, path) for dataset in found]
    try:
        return (arrays[0] if len(arrays) == 1 else np.concatenate([np.atleast_1d(a) for a in arrays])), _text(unit)
    except ValueError:
        raise InputError(f"{path}: what is called {name} differs in shape; name one of them") from None


def cells(dataset: h5py.Dataset) -> list[h5py.Dataset] | None:
    """What the references in `dataset`, as MATLAB keeps cell and struct arrays, lead to; None where it has none."""
    if h5py.check_ref_dtype(dataset.dtype) is not h5py.Reference:
        return None
    return [dataset.file[reference] for reference in np.ravel(dataset[()]) if reference]


def _numbers(dataset: h5py.Dataset, path: Path) -> np.ndarray:
    parts = cells(dataset)
    if parts is not None:
        return np.array([np.squeeze(stored(part, (), path)) for part in parts])
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return np.asarray(dataset.asstr(errors="replace")[()], dtype=str)
    found = stored(dataset, (), path)
    if found.dtype.names and set(found.dtype.names) in ({"real", "imag"}, {"r", "i"}):
        real, imaginary = sorted(found.dtype.names, reverse=True)
        return found[real] + 1j * found[imaginary]
    return found


def stacks(file: h5py.Group) -> tuple[list[h5py.Dataset], bool]:
    """Datasets of numbers that may be frames, the likeliest first, and whether everything was looked at.

    Groups are looked at breadth first, and no link that leads out of `file`: `MOST_NODES` of them at most, and the
    first `MOST_OF_ONE` members of each.
    """
    found: list[h5py.Dataset] = []
    seen, waiting = set(), deque([file])
    end, count, whole = time.monotonic() + MOST_SECONDS, 0, True
    while waiting:
        group = waiting.popleft()
        whole = whole and len(group) <= MOST_OF_ONE
        for name in itertools.islice(group, MOST_OF_ONE):
            count += 1
            if count > MOST_NODES or time.monotonic() > end:
                return _likeliest(found), False
            if group.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
                continue
            node = reached(group, name)
            if isinstance(node, h5py.Dataset):
                if node.ndim in (3, 4, 5) and (node.dtype.kind in "uifc" or node.dtype.names):
                    found.append(node)
            elif isinstance(node, h5py.Group) and (key := h5py.h5o.get_info(node.id).addr) not in seen:
                seen.add(key)
                waiting.append(node)
    return _likeliest(found), whole


def _likeliest(found: list[h5py.Dataset]) -> list[h5py.Dataset]:
    return sorted(found, key=lambda dataset: -dataset.size)


def listed(file: h5py.Group) -> str:
    """What may be frames in `file`, in words: at most `MOST_LISTED` names with their shapes."""
    return in_words(*stacks(file))


def in_words(found: list[h5py.Dataset], whole: bool) -> str:
    """Names and shapes of `found` datasets, and whether the `whole` file was looked at."""
    words = ", ".join(f"{d.name.lstrip('/')} {tuple(d.shape)}" for d in found[:MOST_LISTED])
    more = f" and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
    rest = "" if whole else " (of its very many parts the first were looked at)"
    return f"what may be frames in it is {words}{more}{rest}" if words else f"it holds no stack of 3 to 5 axes{rest}"


def _linked(group: h5py.Group, name: str) -> bool:
    try:
        return bool(name) and group.id.links.exists(name.encode())
    except (KeyError, RuntimeError, ValueError):
        return False


def _matching(group: object, parts: list[str], before: str, most: int | None = None) -> Iterator[str]:
    """Names that fit, in natural order; of a `*` those among the first `most` members."""
    if not parts:
        yield before.lstrip("/")
        return
    if not isinstance(group, h5py.Group):
        return
    names = [parts[0]] if _linked(group, parts[0]) else []
    if "*" in parts[0]:
        names = sorted((n for n in itertools.islice(group, most) if fnmatch.fnmatchcase(n, parts[0])), key=_natural)
    for name in names:
        below = reached(group, name) if len(parts) > 1 else None
        yield from _matching(below, parts[1:], f"{before}/{name}", most)


def reached(group: h5py.Group, name: str) -> object:
    """What `name` in `group` leads to; None where to nothing, or where it may not be followed."""
    try:
        return group[name]
    except (*ASTRAY, InputError):
        return None


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]


def _broken(group: h5py.Group, name: str, path: Path) -> str:
    """What is wrong with a link that leads nowhere."""
    whole = f"{group.name.rstrip('/')}/{name}"
    if group.id.links.get_info(name.encode()).type == h5py.h5l.TYPE_EXTERNAL:
        file, inside = (_text(part) for part in group.id.links.get_val(name.encode()))
        there = path.parent / file
        if not there.exists():
            return f"{whole} is in another file, {file}, which is not there; put it beside this one"
        return f"{whole} is in another file, {there}, which does not hold {inside}"
    target = _text(group.id.links.get_val(name.encode()))
    return f"{whole} is a link to {target}, which is not there"


def _instead(file: h5py.Group, here: object, name: str, part: str) -> str:
    """Close names where there are, else what may be frames."""
    if isinstance(here, h5py.Group):
        names = list(itertools.islice(here, 2000))
        if close := difflib.get_close_matches(part, names, 3, 0.6):
            before = "" if here.name == "/" else f"{here.name.lstrip('/')}/"
            return f"did you mean {' or '.join(before + n for n in close)}?"
        if here.name != "/" and names:
            return f"{here.name.lstrip('/')} holds {_some(names)}"
        if names and len(names) <= MOST_LISTED:
            return f"the file holds {_some(names)}"
    return listed(file)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return (", ".join(names[:MOST_LISTED]) or "nothing") + more


def _text(value: object) -> str:
    """Text of an attribute, also of one that holds an array of one."""
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

"""Where the sidecar of a recording is: beside it under its name, `NAME.yaml`, or inside a folder as `acquisition.yaml`.

`.yml`, `.json`, capitals and the whole name of the file do too; one of nearly the right name is named, not read.
"""

from __future__ import annotations

import contextlib
import contextvars
import difflib
import os
import types
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...data.acquisition import KINDS, quantities
from ...data.derived import DERIVING
from ...types import InputError
from .yaml_file import read_yaml

OWN_FILE = ".acq.h5"
ENDINGS = (".ome.tiff", ".ome.tif", ".ome.zarr", ".zarr", ".npz.bz2")
COLOUR_FILES = "colours"  # in a sidecar: a file for each colour
FORMATS = (".yaml", ".yml", ".json")
INSIDE = ("acquisition", "metadata")  # what a sidecar in a folder is called
VALUES_FROM = "values from"  # how the note on a sidecar that is read begins
NEAR = 0.6  # likeness of two names, as difflib measures it
SHOWN = 3
NONE: Mapping[Path, dict[str, object]] = types.MappingProxyType({})
_unwritten: contextvars.ContextVar[Mapping[Path, dict[str, object]]] = contextvars.ContextVar("unwritten", default=NONE)


class KindMissing(InputError):
    """Nothing says what kind of recording a file is."""


@contextlib.contextmanager
def unwritten(sidecar: Path, given: dict[str, object]) -> Iterator[None]:
    """Within the block a sidecar is read that is not on the disk yet, or as it will be.

    Parameters
    ----------
    sidecar : its path, one of `candidates`.
    given : what it will hold.
    """
    token = _unwritten.set({**_unwritten.get(), sidecar: given})
    try:
        yield
    finally:
        _unwritten.reset(token)


def find(path: Path) -> Path | None:
    """The sidecar of a file or folder; None without one. A recipe file of the same name is not taken for it."""
    return next(iter(_found(_named(path))), None)


def beside(path: Path) -> dict[str, object]:
    """What the sidecar of a file or folder holds; nothing without one."""
    found = find(path)
    return {} if found is None else load(found)


def candidates(path: Path) -> list[Path]:
    """What a sidecar should be called, the first choice first."""
    path = _named(path)
    whole = path.with_name(f"{path.name}.yaml")
    if path.is_dir():
        stem = path.name[: -len(_ending(path))] if _ending(path) in ENDINGS else path.name
        return [path / f"{INSIDE[0]}.yaml", path.with_name(f"{stem}.yaml")]
    if path.name.lower().endswith(OWN_FILE):
        return [whole]
    return [path.with_name(f"{path.name.removesuffix(_ending(path))}.yaml"), whole]


def possible_names(path: Path) -> list[Path]:
    """Every path that the sidecar of a file or folder may have."""
    first = candidates(path)
    if path.is_dir():
        inside = [path / f"{name}.yaml" for name in (*INSIDE, path.name)]
        first = [*first, *inside, path.with_name(f"{path.name}.yaml")]
    elif len(first) > 1:
        first = [*first, path.with_suffix(".yaml")]  # X.ome.yaml of X.ome.tif
    names = [wanted.with_suffix(ending) for ending in FORMATS for wanted in first]
    store = next((parent for parent in path.parents if parent.suffix.lower() == ".zarr"), None)
    return names if store is None else [*names, *possible_names(store)]


def load(path: Path) -> dict[str, object]:
    """The mapping in a YAML or JSON file.

    Raises
    ------
    InputError : where the file cannot be read or is not a mapping.
    """
    if path in _unwritten.get():
        return dict(_unwritten.get()[path])
    values = read_yaml(path)
    if isinstance(values, dict) and all(isinstance(key, str) for key in values):
        return dict(values)
    found = "empty" if values is None else "a list" if isinstance(values, list) else repr(values)[:40]
    if isinstance(values, dict):
        found = f"a mapping of {next(key for key in values if not isinstance(key, str))!r}, which is no name"
    raise InputError(
        f"{path}: a sidecar is a YAML mapping of name: value, such as wavelength_um: 0.522, but this is {found}"
    )


def unread(path: Path) -> str:
    """What to say of sidecars that are not read: of nearly the right name, or of a second right one; else ''."""
    path = _named(path)
    if path.name.lower().endswith(OWN_FILE):
        return ""
    found = _found(path)
    if found:
        return f"{found[1].name} is not read, as {found[0].name} is" if found[1:] else ""
    near = _near(path)
    if not near:
        return ""
    names = ", ".join(p.name for p in near[:SHOWN])
    wanted = " or ".join(dict.fromkeys(c.name for c in candidates(path) if c.parent == near[0].parent))
    return f"{names} {'are' if near[1:] else 'is'} not read: the sidecar would have to be called {wanted}"


def _named(path: Path) -> Path:
    """The path with a name of its own, where it is `.` or ends in `..`."""
    return path.resolve() if path.name in ("", "..") else path


def _ending(path: Path) -> str:
    return next((path.name[-len(e) :] for e in ENDINGS if path.name.lower().endswith(e)), path.suffix)


def _found(path: Path) -> list[Path]:
    """Sidecars that are there, the one that counts first."""
    folders: dict[Path, dict[str, Path]] = {}
    found: list[Path] = []
    for wanted in possible_names(path):
        known = folders.setdefault(wanted.parent, {})
        if not known:
            known.update(_entries(wanted.parent))
        there = wanted if wanted in _unwritten.get() else known.get(wanted.name, known.get(wanted.name.lower()))
        if there is None or there in found or (there in (path, path.resolve()) and not _lists_colours(path)):
            continue
        if there in _unwritten.get() or (there.is_file() and _is_sidecar(there)):
            found.append(there)
    return found


def _lists_colours(path: Path) -> bool:
    """Whether this is no recording but names one for each colour, and says itself what they share."""
    try:
        return path.suffix.lower() in FORMATS[:2] and COLOUR_FILES in load(path)
    except InputError:
        return False


def _entries(folder: Path) -> dict[str, Path]:
    """The files of a folder by their names, and by their names in small letters where no other is called so."""
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    listed = [name for name in names if name.lower().endswith(FORMATS)]
    return {**{name.lower(): folder / name for name in listed}, **{name: folder / name for name in listed}}


def _is_sidecar(path: Path) -> bool:
    """No recipe; and by its content where its name alone does not say so, as other programs write such files too."""
    if path.suffix.lower() != ".json" and path.stem.lower() != INSIDE[1]:
        return "method" not in load(path)
    return _ours(path)


def _ours(path: Path) -> bool:
    """Whether a file holds values of an acquisition and is no recipe."""
    try:
        values = load(path)
    except InputError:
        return False
    known = {name for kind in KINDS for name in (*quantities(kind), *DERIVING.get(kind, ()))} | {"leds"}
    return "method" not in values and (values.get("kind") in KINDS or bool(set(values) & known))


def _near(path: Path) -> list[Path]:
    """Sidecars of nearly the right name, or of any name where there is no other recording, that nothing else claims."""
    possible = {wanted.name.lower() for wanted in possible_names(path)}
    found = []
    for folder in [path, path.parent] if path.is_dir() else [path.parent]:
        names = os.listdir(folder) if os.access(folder, os.R_OK) else []
        stems = {name.split(".")[0].lower() for name in names if not name.lower().endswith(FORMATS)}
        for name in sorted(names):
            stem = name.split(".")[0].lower()
            if not name.lower().endswith(FORMATS) or name.lower() in possible or name.startswith("."):
                continue
            own = path.name.split(".")[0].lower()
            alike = difflib.SequenceMatcher(None, stem, own).ratio() >= NEAR or folder == path
            if alike and (stem not in stems or stem == own) and _ours(folder / name):
                found.append(folder / name)
    return found

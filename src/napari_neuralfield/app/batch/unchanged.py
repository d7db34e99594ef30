"""Whether a recording is what it was: names, sizes and times of its files and of its sidecars."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...io.sidecar.finding import possible_names


def state_of(path: Path) -> str:
    """16 hexadecimal digits that change with any file of the recording at `path`; empty where there is none."""
    files = [*_files(path), *(each for each in possible_names(path) if each.is_file())]
    said = []
    for file in dict.fromkeys(files):
        try:
            found = file.stat()
        except OSError:  # it went away in this moment
            return ""
        said.append((str(file), found.st_size, found.st_mtime_ns))
    return _digest(said) if said else ""


def state_of_recipe(values: Mapping[str, object]) -> str:
    """16 hexadecimal digits of the `values` of a recipe, whatever their order."""
    return _digest(sorted((name, repr(value)) for name, value in values.items()))


def youngest_s(path: Path) -> float:
    """When the youngest file of the recording at `path` was written, seconds since 1970; 0 where there is none."""
    try:
        return max((file.stat().st_mtime for file in _files(path)), default=0.0)
    except OSError:
        return 0.0


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(each for each in path.rglob("*") if each.is_file())
    elif path.is_file():
        yield path


def _digest(said: object) -> str:
    return hashlib.blake2b(json.dumps(said).encode(), digest_size=8).hexdigest()

"""What the result of each recording is called: by the recording, and by its folders where two would be alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

ENDINGS = (".acq.h5", ".ome.tiff", ".ome.tif", ".ome.zarr", ".npz.bz2")
LONGEST = 120  # characters of a name


def named(sources: Sequence[Path], taken: Mapping[Path, str]) -> dict[Path, str]:
    """A name for each of the `sources`, no two alike, also where capitals do not count.

    Parameters
    ----------
    sources : absolute paths, no two alike.
    taken : names that sources of earlier runs have; they keep them.
    """
    found = {source: taken[source] for source in sources if source in taken}
    used = {name.casefold() for name in taken.values()}
    left = [source for source in sources if source not in found]
    twins = Counter((source.parent, _stem(source).casefold()) for source in left)
    deepest = max((len(source.parts) for source in left), default=0)
    folders = 0
    while left:
        wished = {}
        for source in left:
            own = source.name if twins[source.parent, _stem(source).casefold()] > 1 else _stem(source)
            wished[source] = _name(source, own, folders)
        count = Counter(name.casefold() for name in wished.values())
        for source, name in wished.items():
            if name.casefold() not in used and (count[name.casefold()] == 1 or folders > deepest):
                found[source] = name
                used.add(name.casefold())
        left = [source for source in left if source not in found]
        folders += 1
    return {source: found[source] for source in sources}


def _stem(source: Path) -> str:
    ending = next((e for e in ENDINGS if source.name.lower().endswith(e)), source.suffix)
    return source.name[: len(source.name) - len(ending)] or source.name


def _name(source: Path, own: str, folders: int) -> str:
    """The `own` name after those of `folders` above it, and a number where there are not so many.

    An image inside of a Zarr store begins with the name of the store.
    """
    above = [_stem(Path(part)) if part.lower().endswith(".zarr") else part for part in source.parts[1:-1]]
    store = next((n for n, part in enumerate(source.parts[1:-1]) if part.lower().endswith(".zarr")), len(above))
    first = store - folders
    parts = [*above[max(0, first) :], own] + [str(1 - first)] * (first < 0)
    return re.sub(r"[^\w.+-]+", "-", "_".join(parts))[-LONGEST:].lstrip(".-") or "recording"

"""Whether a file or folder that napari is given is a recording of ours; decided by names first, as most are not."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ...types import InputError

EXCLUSIVE = (".mat", ".cxi", ".npz.bz2", ".acq.h5", ".nfield")  # formats that our manifest alone claims
HDF5 = (".h5", ".hdf5", ".hdf")
KEYED = (*HDF5, ".npz")  # formats whose keys say what they hold
BESIDE = (".yaml", ".yml", ".json")
SAYS = 65536  # characters of a sidecar that are looked at
NAMED = re.compile(r"""(?:^|[{,])[\s"']*(\w+)["']?\s*:\s*["']?(\w*)""", re.MULTILINE)  # name: first word


def is_exclusive(path: str) -> bool:
    return path.lower().endswith(EXCLUSIVE)


def is_hdf5(path: str) -> bool:
    return path.lower().endswith(HDF5)


def is_ours(path: Path) -> bool:
    """Whether a sidecar of ours is there, or keys or numbers that say what was measured.

    A sidecar of ours names a kind, or a length in um or an NA, so that one with a fault is still read, and said.
    """
    if not path.exists() or path.name.lower().endswith(BESIDE):
        return False
    if _has_sidecar(path):
        return True
    ending = path.suffix.lower()
    if path.is_file() and ending == ".npy":
        return _are_published_differences(path)
    return path.is_file() and ending in KEYED and _can_be_read(path)


def _has_sidecar(path: Path) -> bool:
    """Nothing is imported as long as no file of such a name is there."""
    stem = path.name.split(".")[0].lower()
    folders = [path, path.parent] if path.is_dir() else [path.parent]
    names = [(folder, name) for folder in folders for name in _listed(folder) if name.lower().endswith(BESIDE)]
    if not any(folder == path or name.lower().split(".")[0] == stem for folder, name in names):
        return False
    from ...io.sidecar.finding import possible_names

    wanted = {(each.parent, each.name.lower()) for each in possible_names(path)}
    return any((folder, name.lower()) in wanted and _speaks(folder / name) for folder, name in names)


def _speaks(sidecar: Path) -> bool:
    """Whether its text names what we know, in YAML or JSON, well-formed or not; a recipe is none."""
    try:
        with sidecar.open(encoding="utf-8", errors="replace") as file:
            text = file.read(SAYS)
    except OSError:
        return False
    from ...data.acquisition import KINDS, quantities

    told = dict(NAMED.findall(text))
    known = {name for kind in KINDS for name in quantities(kind) if name.endswith(("_um", "_na"))}
    return "method" not in told and (told.get("kind") in KINDS or bool(known & set(told)))


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _are_published_differences(path: Path) -> bool:
    """Whether it is what NeuPh keeps, five or six differences whose first row is zero; others need a sidecar."""
    import numpy as np

    from ...data.differences import are_differences

    try:
        stack = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return False
    some = stack.ndim == 3 and stack.shape[0] in (5, 6) and stack.dtype.kind in "uif"
    return bool(some and are_differences(np.asarray(stack[:5])))


def _can_be_read(path: Path) -> bool:
    from ...io import open_draft

    try:
        open_draft(path)
    except InputError:
        return False
    return True

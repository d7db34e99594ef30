"""How a dataset is kept: compressed by filters that HDF5 may lack, or in other files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ...types import InputError
from .hdf5_file import places

FILTERS = {
    32000: "LZF", 32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "ZFP", 32015: "Zstandard", 32017: "SZ",
    32018: "FCIDECOMP", 32024: "SZ3", 32026: "Blosc2", 307: "bzip2",
}  # fmt: skip
PLUGIN = "hdf5plugin"


def decoded(dataset: h5py.Dataset, key: Any, path: str | Path) -> np.ndarray:
    """What a dataset holds, with the filters of the package hdf5plugin where HDF5 itself lacks the one that it needs.

    Parameters
    ----------
    dataset : open.
    key : what it is indexed with.
    path : the file, for errors.

    Raises
    ------
    InputError : where the filter is in neither.
    OSError : where the file is damaged.
    """
    try:
        return np.asarray(dataset[key])
    except OSError:
        lacking = list(_lacking(dataset))
        if not lacking:
            raise
    try:
        import hdf5plugin  # noqa: F401, registers its filters
    except ImportError:
        raise InputError(
            f"{path}: {dataset.name} is compressed by {' and '.join(lacking)}, which the package {PLUGIN} reads; "
            f"install it: pip install {PLUGIN}"
        ) from None
    if lacking := list(_lacking(dataset)):
        raise InputError(
            f"{path}: {dataset.name} is compressed by {' and '.join(lacking)}, which neither HDF5 nor {PLUGIN} reads; "
            "save it again with gzip"
        )
    return np.asarray(dataset[key])


def _lacking(dataset: h5py.Dataset) -> Iterator[str]:
    """Names of the filters that are not there."""
    plan = dataset.id.get_create_plist()
    for number in range(plan.get_nfilters()):
        code, _, _, name = plan.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            said = name.decode("utf-8", "replace").split(";")[0].strip()
            yield f"{FILTERS.get(code) or said or 'a filter'} (HDF5 filter {code})"


def home(dataset: h5py.Dataset, path: Path) -> Path:
    """The file that a dataset lies in, which a link may make another than `path`.

    Raises
    ------
    InputError : where it is put together from files of which one is not there.
    """
    here = Path(_text(dataset.file.filename)).absolute()
    if dataset.is_virtual:
        for source in dataset.virtual_sources():
            name = source.file_name
            if name != "." and not any(places(name, here)):
                raise InputError(
                    f"{path}: {dataset.name} is put together from several files, of which {name} is not there; put it "
                    f"into {here.parent}"
                )
    return path.absolute() if path.exists() and here.exists() and here.samefile(path) else here


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name

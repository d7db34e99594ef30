"""Opening HDF5 so that whoever writes it can go on, and following what it names in other files only where that is safe.

Groups look at every link before HDF5 does: one into another file is checked by `links`, and so are the files that
virtual datasets are put together from and those that hold raw numbers.
"""

from __future__ import annotations

import contextlib
import glob
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import h5py

from ...types import InputError
from . import links
from .reading import reachable, regular
from .true_cause import why_unreadable

try:
    import fcntl
except ImportError:  # Windows has none, and no such locks
    fcntl = None  # type: ignore[assignment]

MOST_LINKS = 16  # behind one another, as HDF5 itself counts
MOST_DEEP = 4  # virtual datasets of virtual datasets
WRITING = ("already open for write", "consistency flags", "file is already open")
BLOCKS = re.compile(r"%\d*b")


class _Checked:
    """Links are looked at before they are followed."""

    def __getitem__(self, name: object) -> object:
        return _got(self, name, super().__getitem__)  # type: ignore[misc]

    def get(self, name: object, default: object = None, **how: object) -> object:
        """What a name leads to, `default` where to nothing; see h5py for `how` its link or class is asked for."""
        if how:
            return super().get(name, default, **how)  # type: ignore[misc]
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        return _is_refused(self, name) or super().__contains__(name)  # type: ignore[misc]


class CheckedGroup(_Checked, h5py.Group):
    """A group of a checked file."""


class CheckedFile(_Checked, h5py.File):
    """A file whose links are looked at before they are followed."""


def opened(path: str | Path, cache_bytes: int | None = None) -> CheckedFile:
    """An HDF5 file for reading, which another program may go on writing.

    Parameters
    ----------
    path : of the file.
    cache_bytes : memory for chunks that were read; HDF5's own where None.

    Raises
    ------
    InputError : where it is missing, not readable, cut short, not HDF5, or kept for itself by the program that writes.
    """
    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401  the filters of compressed detectors, such as bitshuffle
    try:
        with reachable(path):
            return _unlocked(CheckedFile(path, "r", rdcc_nbytes=cache_bytes))
    except OSError as error:
        text = str(error).lower()
        if "unable to lock" in text:
            return CheckedFile(path, "r", rdcc_nbytes=cache_bytes, locking=False)
        if any(words in text for words in WRITING):
            return _while_written(path, cache_bytes)
        if "truncated" in text or "eof" in text:
            raise InputError(f"{path}: the file is cut short; copy or record it again") from None
        said = why_unreadable(path) or "this is not an HDF5 file or it is damaged; copy or record it again"
        raise InputError(f"{path}: {said}") from None


def _unlocked(file: CheckedFile) -> CheckedFile:
    """The file without HDF5's lock, which would keep other programs from writing on.

    It is opened as HDF5 usually does: this program could not open it once more, with `locking=False` here alone.
    """
    if fcntl is not None:
        with contextlib.suppress(OSError, RuntimeError, NotImplementedError):
            fcntl.flock(file.id.get_vfd_handle(), fcntl.LOCK_UN)
    return file


def _while_written(path: str | Path, cache_bytes: int | None) -> CheckedFile:
    """A file that is marked as being written, by a program that lets others read meanwhile (SWMR)."""
    try:
        return CheckedFile(path, "r", rdcc_nbytes=cache_bytes, locking=False, swmr=True)
    except OSError:
        raise InputError(
            f"{path}: a program is writing it, or broke off while it did; close that program, or free the file with "
            f"h5clear -s {Path(path).name}"
        ) from None


def _got(group: h5py.Group, name: object, plain: object) -> object:
    """What `name` in a group leads to, by its method `plain`, once every link on the way was looked at."""
    if isinstance(name, str | bytes):
        _check_links(group, name.decode() if isinstance(name, bytes) else name, MOST_LINKS)
    try:
        found = plain(name)  # type: ignore[operator]
    except KeyError as error:
        if "file prefix" not in str(error):
            raise
        found = h5py.Dataset(h5py.h5d.open(group.id, str(name).encode(), _beside_file()))  # open already, as below
    if isinstance(found, h5py.Group):
        return CheckedGroup(found.id)
    return _checked_dataset(found) if isinstance(found, h5py.Dataset) else found


def _is_refused(group: h5py.Group, name: object) -> bool:
    """Whether something is there that may not be followed; looking whether it is there would open it."""
    try:
        _check_links(group, str(name), MOST_LINKS)
    except InputError:
        return True
    return False


def _check_links(group: h5py.Group, name: str, most: int) -> None:
    """Walk along a name; a link into another file must be followed there, whatever soft links led to it."""
    here: object = CheckedGroup(group.file["/"].id if name.startswith("/") else group.id)
    for part in (part for part in name.split("/") if part not in ("", ".")):
        if not isinstance(here, h5py.Group) or not here.id.links.exists(part.encode()):
            return
        kind = here.id.links.get_info(part.encode()).type
        if kind == h5py.h5l.TYPE_EXTERNAL:
            file, _ = here.id.links.get_val(part.encode())
            _check_file(file.decode("utf-8", "surrogateescape"), _file_of(here))
        elif kind == h5py.h5l.TYPE_SOFT and most > 0:
            target = here.id.links.get_val(part.encode()).decode("utf-8", "surrogateescape")
            _check_links(here, posixpath.normpath(target) if ".." not in target else target, most - 1)
        try:
            here = h5py.Group.__getitem__(CheckedGroup(here.id), part)
        except (KeyError, OSError, RuntimeError):
            return


def _checked_dataset(dataset: h5py.Dataset, deep: int = 0) -> h5py.Dataset:
    """The dataset, where the files that hold its numbers may be read; raw ones are looked for beside the file."""
    if dataset.external:
        here = _file_of(dataset)
        for name, _, _ in dataset.external:
            _check_file(name, here)
            regular(here.parent / name)
        file, own = dataset.file, dataset.name
        dataset.id._close()  # HDF5 opens it in one way at a time
        return h5py.Dataset(h5py.h5d.open(file.id, own.encode(), _beside_file()))
    if dataset.is_virtual and deep < MOST_DEEP:
        for file, name in sorted({(s.file_name, s.dset_name) for s in dataset.virtual_sources()}):
            for path in _check_file(file, _file_of(dataset)) if file != "." else ():
                with opened(path) as other, contextlib.suppress(KeyError):
                    _check_links(other, name, MOST_LINKS)
                    found = h5py.Group.__getitem__(other, name)
                    if isinstance(found, h5py.Dataset):
                        _checked_dataset(found, deep + 1)
    return dataset


def _beside_file() -> h5py.h5p.PropDAID:
    """Raw numbers lie in the folder of the file that names them, not where the program was started."""
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_efile_prefix(b"${ORIGIN}")
    return access


def _check_file(name: str, here: Path) -> list[Path]:
    """The files of that name where HDF5 looks for them from the file `here`, which must all be followed there."""
    found = list(places(name, here))
    for path in found or [here.parent / name]:
        links.check(path, here)
        if found:
            regular(path)
    return found


def places(name: str, here: Path) -> Iterator[Path]:
    """Files that HDF5 may take for one called `name` in the file `here`: under that name, and beside `here`."""
    for path in dict.fromkeys((here.parent / name, here.parent / Path(name).name, Path(name).absolute())):
        if not BLOCKS.search(str(path)):
            if path.exists() or path.is_symlink():
                yield path
                return
        elif several := glob.glob(BLOCKS.sub("*", glob.escape(str(path)))):
            yield from map(Path, sorted(several))
            return


def _file_of(item: h5py.Group | h5py.Dataset) -> Path:
    name = item.file.filename
    return Path(name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name).absolute()

"""NumPy archives (`.npz`, `.npz.bz2`): the acquisition's own names, or a far-field scan as tike keeps it."""

from __future__ import annotations

import bz2
import dataclasses
import functools
import io
from pathlib import Path

import numpy as np

from ...data.acquisition import Draft
from ...registry import READERS
from ...types import InputError
from ..described import named
from ..native.hdf5_frames import Key
from ..native.reading import explained
from ..sidecar import layout, sidecar

ENDINGS = (".npz", ".npz.bz2")
SCAN = ("data", "scan")
UNITLESS = {
    "geometry": "far_field", "object_pixel_um": 1.0, "detector_pixel_um": 1.0, "wavelength_um": 1e-3,
}  # fmt: skip


@READERS.register("numpy_archive")
class NumpyArchiveReader:
    """Arrays by name; `data` and `scan` (pixels) without any size are a far-field scan in units of its own pixel."""

    reads = "NumPy archives (.npz, .npz.bz2) with frames or with data and scan"

    def supports(self, path: Path) -> bool:
        return path.name.lower().endswith(ENDINGS)

    def read(self, path: Path) -> Draft:
        """Frames (kept once read, since the file is compressed as a whole) and the values under known names."""
        held = arrays(path)
        names = named.names_in(path, list(held))
        if named.FRAMES not in names:
            if all(name in held for name in SCAN):
                return _scan(path, held)
            raise InputError(
                f"{path}: the file holds {', '.join(sorted(held)) or 'nothing'}; it must hold frames (frame, y, x), or "
                "data and scan, or name the frames in its sidecar as variables: {frames: NAME}"
            )
        name = names[named.FRAMES].name
        said = str(held["kind"]) if "kind" in held else None
        kind = named.kind_of(path, names, said)
        array = ArchiveArray(path.absolute(), name, held[name].shape, held[name].dtype)
        frames = layout.arranged(array, sidecar.beside(path), kind, f"{path}: {name}")
        values = named.values_of(kind, names, held.__getitem__, frames.shape[0], path)
        if "title" in held:
            values["title"] = str(held["title"])
        return Draft(kind, frames, values, str(path))


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of an archive, kept for the last one read."""
    with explained(path, "this is not a NumPy archive or it is cut short"):
        return _arrays(path.absolute(), path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _arrays(path: Path, written_ns: int) -> dict[str, np.ndarray]:
    whole: Path | io.BytesIO = path
    if path.suffix.lower() == ".bz2":
        with bz2.open(path) as file:
            whole = io.BytesIO(file.read())
    with np.load(whole, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@dataclasses.dataclass(frozen=True)
class ArchiveArray:
    """An array in an archive, read again where it was pickled to."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def __getitem__(self, key: Key) -> np.ndarray:
        return np.array(arrays(self.path)[self.name][key])


def _scan(path: Path, held: dict[str, np.ndarray]) -> Draft:
    """`data` (1, frame, y, x), `scan` (1, frame, 2) px of the window's corner, `probe` (..., mode, y, x)."""
    array = ArchiveArray(path.absolute(), SCAN[0], held[SCAN[0]].shape, held[SCAN[0]].dtype)
    frames = layout.arranged(array, sidecar.beside(path), "ptychography", f"{path}: {SCAN[0]}")
    cornered = zero_at_corner(held[SCAN[0]].reshape(frames.shape))
    scan = np.asarray(held[SCAN[1]], dtype=float)
    scan = scan.reshape(scan.shape[-2:]) if scan.size == 2 * frames.shape[0] else scan
    values: dict[str, object] = {"positions_px": scan}
    frames = dataclasses.replace(frames, cornered=cornered)
    draft = Draft("ptychography", frames, values, str(path))
    draft.assume(
        "the file gives positions in pixels and no sizes: one object pixel is taken as 1 um, in the far field; give "
        "object_pixel_um, or wavelength_um, distance_um and detector_pixel_um, in a sidecar for true sizes",
        **UNITLESS,
    )
    if cornered:
        draft.notes.append("the frames have their zero frequency at the corner; it is moved to the centre")
    if "probe" in held and held["probe"].ndim >= 2:
        probe = held["probe"]
        probe = probe.reshape(-1, *probe.shape[-3:])[0] if probe.ndim > 3 else probe
        values["probe"] = probe
    return draft


def zero_at_corner(stack: np.ndarray) -> bool:
    """Whether far-field light lies at the corners of a `stack` (frame, y, x) rather than in its middle."""
    mean = stack[:: max(1, len(stack) // 32)].mean(axis=0, dtype=float)
    rows, columns = mean.shape
    middle = float(mean[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4].sum())
    turned = np.roll(mean, (rows // 2, columns // 2), axis=(0, 1))
    return float(turned[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4].sum()) > middle

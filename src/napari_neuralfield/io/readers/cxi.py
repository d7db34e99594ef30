"""CXI files (`.cxi`) of ptychography, as the Coherent X-ray Imaging Data Bank defines them (version 1.6).

Lengths are metres, energies joules, and a mask is 0 where a pixel is good. `translation` is where the specimen was:
the beam met it at minus that vector, which is laid out along the detector's axes, `basis_vectors`.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ...data.acquisition import Draft
from ...registry import READERS
from ...types import InputError
from ..native.hdf5_frames import HDF5Array, opened, stored
from ..sidecar import layout, sidecar
from . import named
from .geometry_from_frames import assume_geometry

# where things are in an entry
DETECTOR = "instrument_1/detector_1"
SOURCE = "instrument_1/source_1"
BEAM = "instrument_1/beam_1"  # of NeXus, where the source's energy is that of the ring
TRANSLATION = "sample_1/geometry_1/translation"
TRANSLATIONS = (TRANSLATION, "sample_1/geometry/translation", f"{DETECTOR}/translation", "data_1/translation")
BACKGROUND = f"{DETECTOR}/data_dark"
TITLE = "title"
RESULTS = ("image_1", "image_2")
OBJECT, PROBE = "object", "probe"  # titles of the images
OWN = "neuralfield"  # a group of our own: attributes geometry and object_pixel_um, dataset exposure

PLANCK_TIMES_LIGHT = 1.98644586e-25  # joule metre
CXI_AXES = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])  # rows go down, columns to the right as the beam sees it


@READERS.register("cxi")
class CxiReader:
    """The first entry's first detector; what CXI has no name for (near or far field, magnification) is looked for."""

    reads = "ptychography in CXI files (.cxi)"

    def supports(self, path: Path) -> bool:
        return path.suffix.lower() == ".cxi" and not named.told(path)

    def read(self, path: Path) -> Draft:
        """Frames (lazy) and geometry; near or far field from the frames, where the file does not say."""
        with opened(path) as file:
            entry = _entry(file, path)
            frames = _frames(entry, path)
            values: dict[str, object] = {**_lengths(entry, path), **_arrays(entry, path), **_own(entry, path)}
            values["positions_um"], notes = _positions(entry, path)
            if isinstance(entry.get(TITLE), h5py.Dataset):
                values["title"] = str(entry[TITLE].asstr()[()])
        draft = Draft("ptychography", frames, values, str(path), notes)
        if "geometry" not in values:
            assume_geometry(draft)
        return draft


def _entry(file: h5py.File, path: Path) -> h5py.Group:
    names = sorted(name for name, item in file.items() if name.startswith("entry") and isinstance(item, h5py.Group))
    if not names:
        raise InputError(f"{path}: there is no group entry_1; a CXI file keeps a recording there")
    return file[names[0]]


def _found(entry: h5py.Group, *names: str) -> h5py.Dataset | None:
    return next((entry[name] for name in names if isinstance(entry.get(name), h5py.Dataset)), None)


def _frames(entry: h5py.Group, path: Path) -> layout.ArrangedFrames:
    data = _found(entry, f"{DETECTOR}/data", "data_1/data", "image_1/data")
    if data is None:
        raise InputError(f"{path}: there is no {entry.name}/{DETECTOR}/data; it must hold the frames as (frame, y, x)")
    return layout.arranged(HDF5Array.of(data, path), sidecar.beside(path), "ptychography", f"{path}: {data.name}")


def _lengths(entry: h5py.Group, path: Path) -> dict[str, float]:
    """Wavelength, distance and detector pixel, um, as far as they are there."""
    found: dict[str, float] = {}
    wavelength, energy = _number(entry, f"{SOURCE}/wavelength", path), _number(entry, f"{BEAM}/energy", path)
    energy = _number(entry, f"{SOURCE}/energy", path) if energy is None else energy
    if wavelength is None and energy:
        wavelength = PLANCK_TIMES_LIGHT / energy
    if wavelength is not None:
        found["wavelength_um"] = 1e6 * wavelength
    distance = _number(entry, f"{DETECTOR}/distance", path)
    if distance is not None:
        found["distance_um"] = 1e6 * distance
    pixels = [_number(entry, f"{DETECTOR}/{axis}_pixel_size", path) for axis in "yx"]
    basis = _basis(entry, path)
    if None in pixels and basis is not None:
        pixels = [float(n) for n in np.linalg.norm(basis, axis=1)]
    if pixels[0] is not None and pixels[1] is not None:
        if abs(pixels[0] / pixels[1] - 1) > 1e-3:
            raise InputError(
                f"{path}: detector pixels are {1e6 * pixels[0]:g} x {1e6 * pixels[1]:g} um (y, x); they must be "
                "square, so bin or resample the frames"
            )
        found["detector_pixel_um"] = 1e6 * pixels[0]
    return found


def _number(entry: h5py.Group, name: str, path: Path) -> float | None:
    """A number, or numbers per frame that are all alike; single precision is read as the decimal it stands for."""
    dataset = _found(entry, name)
    if dataset is None:
        return None
    values = stored(dataset, (), path).reshape(-1)
    if values.size == 0 or values.dtype.kind not in "iuf" or np.ptp(values) > 1e-4 * abs(values[0]):
        raise InputError(f"{path}: {dataset.name} holds {values[:3]}; it must be one number, the same for all frames")
    return float(str(values[0]))


def _basis(entry: h5py.Group, path: Path) -> np.ndarray | None:
    """Steps along a frame's rows' direction and its columns': (2, 3) as y step, x step; m."""
    dataset = _found(entry, f"{DETECTOR}/basis_vectors")
    if dataset is None:
        return None
    basis = stored(dataset, (), path).astype(float)
    basis = basis[0] if basis.ndim == 3 else basis
    basis = basis.T if basis.shape == (3, 2) else basis
    if basis.shape != (2, 3) or not np.linalg.norm(basis, axis=1).all():
        raise InputError(f"{path}: {dataset.name} has shape {dataset.shape}; it must be two vectors of three numbers")
    return basis


def _positions(entry: h5py.Group, path: Path) -> tuple[np.ndarray | None, list[str]]:
    """Windows on the object (frame, 2), um."""
    dataset = _found(entry, *TRANSLATIONS)
    if dataset is None:
        return None, ["there is no translation in the file; give positions_um in a sidecar"]
    moved = stored(dataset, (), path).astype(float)
    moved = moved.reshape(-1, moved.shape[-1]) if moved.ndim > 2 else moved  # by the rows of a raster
    if moved.ndim != 2 or moved.shape[1] not in (2, 3):
        raise InputError(f"{path}: {dataset.name} has shape {moved.shape}; it must be (frame, 3) as x, y, z in metres")
    basis = _basis(entry, path)
    axes = CXI_AXES if basis is None else basis / np.linalg.norm(basis, axis=1, keepdims=True)
    width = moved.shape[1]
    notes = []
    if width == 3 and np.ptp(moved[:, 2]) > 0.05 * max(np.ptp(moved[:, 0]), np.ptp(moved[:, 1])):
        notes.append("the specimen moved along the beam too; that part of the translation is not used")
    return -1e6 * moved @ axes[:, :width].T, notes


def _arrays(entry: h5py.Group, path: Path) -> dict[str, np.ndarray]:
    """Mask, background and a probe that was saved before."""
    found: dict[str, np.ndarray] = {}
    mask = _found(entry, f"{DETECTOR}/mask")
    if mask is not None:
        bad = stored(mask, (), path) != 0
        bad = bad.any(axis=0) if bad.ndim == 3 else bad
        if bad.any():
            found["mask"] = ~bad
    dark = _found(entry, BACKGROUND)
    if dark is not None:
        dark_frame = stored(dark, (), path)
        found["background"] = dark_frame.mean(axis=0) if dark_frame.ndim == 3 else dark_frame
    for group in RESULTS:
        probe = _found(entry, f"{group}/data")
        title = _found(entry, f"{group}/{TITLE}")
        if probe is not None and title is not None and title.asstr()[()] == PROBE:
            found["probe"] = stored(probe, (), path)
    return found


def _own(entry: h5py.Group, path: Path) -> dict[str, object]:
    """What this program writes beside CXI's own names."""
    own = entry.get(OWN)
    if not isinstance(own, h5py.Group):
        return {}
    return {**dict(own.attrs), **{name: stored(item, (), path) for name, item in own.items()}}

"""PtyLab HDF5 files of conventional ptychography: `ptychogram` (frame, y, x), `encoder` (frame, 2) in metres."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ...data.acquisition import Draft
from ...registry import READERS
from ...types import InputError
from ..native import hdf5_tree
from ..native.hdf5_frames import HDF5Frames, opened, stored
from . import named
from .geometry_from_frames import assume_geometry

NEEDED = ("ptychogram", "encoder")
LENGTHS = {"wavelength_um": "wavelength", "distance_um": "zo", "detector_pixel_um": "dxd"}
FAR = ("fraunhofer", "fresnel")  # Fresnel differs by a phase that stays with the probe
NEAR = ("asp", "scaledasp")


@READERS.register("ptylab")
class PtyLabReader:
    """The encoder's rows are (y, x) and count pixels of the object from the middle of the scan."""

    reads = "PtyLab files (.hdf5 with ptychogram and encoder)"

    def supports(self, path: Path) -> bool:
        if path.suffix.lower() not in (".h5", ".hdf5") or not path.is_file() or not h5py.is_hdf5(path):
            return False
        if named.told(path):
            return False
        with opened(path) as file:
            fourier = hdf5_tree.has(file, "zled") and not hdf5_tree.has(file, "zo")  # of hdf5_layouts
            return not fourier and all(isinstance(hdf5_tree.reached(file, name), h5py.Dataset) for name in NEEDED)

    def read(self, path: Path) -> Draft:
        """Frames (lazy) and geometry; far field where nothing else is said or seen."""
        with opened(path) as file:
            frames = HDF5Frames.of(file["ptychogram"], path)
            values: dict[str, object] = {
                name: 1e6 * _number(file, key, path) for name, key in LENGTHS.items() if key in file
            }
            values["positions_um"] = 1e6 * _encoder(file, path)
            notes = [
                f"{name} in the file is not used" for name in ("spectralDensity", "theta", "orientation")
                if name in file and np.any(stored(file[name], (), path))
            ]  # fmt: skip
            propagator = _text(file, "propagatorType")
            opening = 1e6 * _number(file, "entrancePupilDiameter", path) if "entrancePupilDiameter" in file else 0.0
        draft = Draft("ptychography", frames, values, str(path), notes)
        _settle_geometry(draft, propagator)
        _add_probe(draft, opening)
        return draft


def _number(file: h5py.File, name: str, path: Path) -> float:
    values = stored(file[name], (), path).reshape(-1)
    if values.size != 1 or values.dtype.kind not in "iuf":
        raise InputError(f"{path}: {name} has shape {file[name].shape}; it must be a single number in metres")
    return float(values[0])


def _text(file: h5py.File, name: str) -> str:
    value = file[name][()] if isinstance(file.get(name), h5py.Dataset) else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _encoder(file: h5py.File, path: Path) -> np.ndarray:
    encoder = stored(file["encoder"], (), path).astype(float)
    frames = file["ptychogram"].shape[0]
    if encoder.shape == (2, frames) and frames != 2:
        encoder = encoder.T
    if encoder.shape != (frames, 2):
        raise InputError(
            f"{path}: encoder has shape {encoder.shape} and ptychogram {frames} frames; encoder must be (frame, 2)"
        )
    return encoder


def _settle_geometry(draft: Draft, propagator: str) -> None:
    """What the propagator says, else what the frames show."""
    name = propagator.lower()
    if name in FAR:
        draft.assumed = {"geometry": "far_field"}
    elif name in NEAR and "detector_pixel_um" in draft.values:
        draft.assumed = {"geometry": "near_field", "object_pixel_um": draft.values["detector_pixel_um"]}
        if name != "asp":
            draft.notes.append(f"propagator {propagator}: a pixel at the specimen is taken to be the detector's")
    else:
        assume_geometry(draft)


def _add_probe(draft: Draft, diameter_um: float) -> None:
    """A disc as wide as the entrance pupil, with a soft edge of a pixel; none where it does not fit the window."""
    pixel = draft.derived().get("object_pixel_um")
    rows, columns = draft.frames.shape[1:]
    if not pixel or not 0 < diameter_um < 0.9 * pixel * min(rows, columns):
        return
    y, x = (pixel * (np.arange(n) - n // 2) for n in (rows, columns))
    radius = np.hypot(y[:, None], x[None, :])
    disc = np.clip((diameter_um / 2 - radius) / pixel + 0.5, 0, 1)
    draft.values["probe"] = disc[None].astype(np.complex64)
    draft.notes.append(f"the probe to start from is a disc of {diameter_um:.4g} um, the file's entrancePupilDiameter")

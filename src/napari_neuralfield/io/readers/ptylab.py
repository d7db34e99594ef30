"""PtyLab HDF5 files of conventional ptychography: `ptychogram` (frame, y, x), `encoder` (frame, 2) in metres."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import numpy as np

from ...data.acquisition import Draft
from ...data.derived import Values
from ...registry import READERS
from ...types import InputError
from ..described import named
from ..described.beam_optics import BeamOptics
from ..described.geometry_from_frames import GeometryFromFrames
from ..described.si_units import Lengths
from ..native import hdf5_tree
from ..native.hdf5_frames import HDF5Frames, opened, stored
from ..native.reading import real_numbers

NEEDED = ("ptychogram", "encoder")
LENGTHS = {"detector_pixel_um": "dxd", "distance_um": "zo", "wavelength_um": "wavelength"}
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
            said = _lengths(file, path)
            values: dict[str, object] = {**said.values, "positions_um": 1e6 * _encoder(file, path)}
            notes = said.notes + [
                f"{name} in the file is not used" for name in ("spectralDensity", "theta", "orientation")
                if name in file and np.any(stored(file[name], (), path))
            ]  # fmt: skip
            propagator = _text(file, "propagatorType")
            opening = 1e6 * _number(file, "entrancePupilDiameter", path) if "entrancePupilDiameter" in file else 0.0
        draft = Draft("ptychography", frames, values, str(path), notes, doubts=said.doubts)
        described = {"probe_diameter_um": opening} if opening > 0 else {}
        as_ptylab = AsPtyLab(frames, propagator)
        draft.assuming = BeamOptics(frames, described, "entrancePupilDiameter", as_ptylab)
        return draft


def _lengths(file: h5py.File, path: Path) -> Lengths:
    """Wavelength, distance and detector pixel, as far as they are there."""
    said = Lengths()
    for name, key in LENGTHS.items():
        if key in file:
            said.take(name, _number(file, key, path), key)
    return said


def _number(file: h5py.File, name: str, path: Path) -> float:
    values = stored(file[name], (), path).reshape(-1)
    if values.size != 1 or values.dtype.kind not in "iuf":
        raise InputError(f"{path}: {name} has shape {file[name].shape}; it must be a single number in metres")
    return float(values[0])


def _text(file: h5py.File, name: str) -> str:
    value = file[name][()] if isinstance(file.get(name), h5py.Dataset) else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _encoder(file: h5py.File, path: Path) -> np.ndarray:
    encoder = real_numbers(stored(file["encoder"], (), path), path, "encoder")
    frames = file["ptychogram"].shape[0]
    if encoder.shape == (2, frames) and frames != 2:
        encoder = encoder.T
    if encoder.shape != (frames, 2):
        raise InputError(
            f"{path}: encoder has shape {encoder.shape} and ptychogram {frames} frames; encoder must be (frame, 2)"
        )
    return encoder


@dataclasses.dataclass
class AsPtyLab:
    """What to assume of a file: the geometry of its `propagator`, else what the `frames` show."""

    frames: HDF5Frames
    propagator: str

    def __post_init__(self) -> None:
        self._from_frames = GeometryFromFrames(self.frames)

    def __call__(self, given: Values) -> tuple[Values, str]:
        """Assumed values by name, and the notes on them, from the values that are `given`."""
        name, detector = self.propagator.lower(), given.get("detector_pixel_um")
        if "geometry" in given:
            return {"geometry": given["geometry"]}, ""
        if name in FAR:
            return {"geometry": "far_field"}, f"far field by the file's propagator, {self.propagator}"
        if name not in NEAR or detector is None:
            return self._from_frames(given)
        note = f"near field by the file's propagator, {self.propagator}"
        scaled = "; a pixel at the specimen is taken to be the detector's" if name != "asp" else ""
        return {"geometry": "near_field", "object_pixel_um": detector}, f"{note}{scaled}"

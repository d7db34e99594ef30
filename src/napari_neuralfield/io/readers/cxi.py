"""CXI files (`.cxi`) of ptychography, as the Coherent X-ray Imaging Data Bank defines them (version 1.6).

Lengths are metres, energies joules, and a mask is 0 where a pixel is good. `translation` is where the specimen was:
the beam met it at minus that vector, which is laid out along the detector's axes, `basis_vectors`.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ...data.acquisition import Draft
from ...data.frames import Frames
from ...registry import READERS
from ...types import InputError
from ..described import named
from ..described.beam_optics import BeamOptics, lens_in
from ..described.cxi_lengths import DETECTOR, basis, lengths
from ..described.cxi_lengths import found as _found
from ..described.pixel_mask import good_by_bits, remark, right_way_round
from ..native.hdf5_frames import HDF5Array, opened, stored
from ..native.reading import real_numbers
from ..sidecar import layout, sidecar

# where things are in an entry
TRANSLATION = "sample_1/geometry_1/translation"
TRANSLATIONS = (TRANSLATION, "sample_1/geometry/translation", f"{DETECTOR}/translation", "data_1/translation")
ILLUMINATIONS = ("instrument_1/source_1/illumination", "instrument_1/source_1/probe")  # where no result is
INSTRUMENT = "instrument_1"
BACKGROUND = f"{DETECTOR}/data_dark"
TITLE = "title"
RESULTS = ("image_1", "image_2")
OBJECT, PROBE = "object", "probe"  # titles of the images
OWN = "neuralfield"  # a group of our own: attributes geometry and object_pixel_um, dataset exposure

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
            said = lengths(entry, path)
            values: dict[str, object] = {**said.values, **_arrays(entry, path), **_own(entry, path)}
            masks, on_masks = _masks(entry, path, frames)
            values["positions_um"], on_positions = _positions(entry, path)
            values |= masks
            lens, called, on_lens = _lens(entry, path)
            if isinstance(entry.get(TITLE), h5py.Dataset):
                values["title"] = str(entry[TITLE].asstr()[()])
        notes = [*said.notes, *on_masks, *on_positions, *on_lens]
        draft = Draft("ptychography", frames, values, str(path), notes, doubts=said.doubts)
        draft.assuming = BeamOptics(frames, lens, called)
        return draft


def _entry(file: h5py.File, path: Path) -> h5py.Group:
    names = sorted(name for name, item in file.items() if name.startswith("entry") and isinstance(item, h5py.Group))
    if not names:
        raise InputError(f"{path}: there is no group entry_1; a CXI file keeps a recording there")
    return file[names[0]]


def _frames(entry: h5py.Group, path: Path) -> layout.ArrangedFrames:
    data = _found(entry, f"{DETECTOR}/data", "data_1/data", "image_1/data")
    if data is None:
        raise InputError(f"{path}: there is no {entry.name}/{DETECTOR}/data; it must hold the frames as (frame, y, x)")
    return layout.arranged(HDF5Array.of(data, path), sidecar.beside(path), "ptychography", f"{path}: {data.name}")


def _positions(entry: h5py.Group, path: Path) -> tuple[np.ndarray | None, list[str]]:
    """Windows on the object (frame, 2), um."""
    dataset = _found(entry, *TRANSLATIONS)
    if dataset is None:
        return None, ["there is no translation in the file; give positions_um in a sidecar"]
    moved = real_numbers(stored(dataset, (), path), path, str(dataset.name))
    moved = moved.reshape(-1, moved.shape[-1]) if moved.ndim > 2 else moved  # by the rows of a raster
    if moved.ndim != 2 or moved.shape[1] not in (2, 3):
        raise InputError(f"{path}: {dataset.name} has shape {moved.shape}; it must be (frame, 3) as x, y, z in metres")
    steps = basis(entry, path)
    axes = CXI_AXES if steps is None else steps / np.linalg.norm(steps, axis=1, keepdims=True)
    width = moved.shape[1]
    notes = []
    if width == 3 and np.ptp(moved[:, 2]) > 0.05 * max(np.ptp(moved[:, 0]), np.ptp(moved[:, 1])):
        notes.append("the specimen moved along the beam too; that part of the translation is not used")
    return -1e6 * moved @ axes[:, :width].T, notes


def _arrays(entry: h5py.Group, path: Path) -> dict[str, np.ndarray]:
    """Background and a probe that was saved before."""
    found: dict[str, np.ndarray] = {}
    dark = _found(entry, BACKGROUND)
    if dark is not None:
        dark_frame = stored(dark, (), path)
        found["background"] = dark_frame.mean(axis=0) if dark_frame.ndim == 3 else dark_frame
    for group in RESULTS:
        probe = _found(entry, f"{group}/data")
        title = _found(entry, f"{group}/{TITLE}")
        if probe is not None and title is not None and title.asstr()[()] == PROBE:
            found["probe"] = stored(probe, (), path)
    start = _found(entry, *ILLUMINATIONS)
    frame = _found(entry, f"{DETECTOR}/data", "data_1/data")
    if "probe" in found or start is None or frame is None or start.dtype.kind != "c" or start.ndim > 3:
        return found
    return found | ({"probe": stored(start, (), path)} if start.shape[-2:] == frame.shape[-2:] else {})


def _lens(entry: h5py.Group, path: Path) -> tuple[dict[str, float], str, list[str]]:
    """See `lens_in`."""
    instrument = entry.get(INSTRUMENT)
    return lens_in(instrument, path, si=True) if isinstance(instrument, h5py.Group) else ({}, "", [])


def _masks(entry: h5py.Group, path: Path, frames: Frames) -> tuple[dict[str, np.ndarray], list[str]]:
    """The mask of all frames or of each, where one is needed, and what is to be said of it."""
    dataset = _found(entry, f"{DETECTOR}/mask", "data_1/mask")
    if dataset is None:
        return {}, []
    size = dataset.shape[-2:]
    count = int(np.prod(dataset.shape[:-2]))
    each, bits, ones = np.empty((count, *size), bool), 0, True
    for number in range(count):  # one by one: a mask of each frame may be larger than memory
        values = stored(dataset, np.unravel_index(number, dataset.shape[:-2]), path)
        each[number], said = good_by_bits(values)
        bits, ones = bits | said, ones and bool(np.isin(values, (0, 1)).all())
    notes = [remark(bits)] if bits else []
    if (each == each[0]).all():
        good, turned = right_way_round(each[0], frames) if ones else (each[0], "")
        return ({} if good.all() else {"mask": good}), notes + [turned] * bool(turned)
    _, turned = right_way_round(np.asarray(each.all(axis=0)), frames) if ones else (each, "")
    return {"frame_mask": ~each if turned else each}, notes + [turned] * bool(turned)


def _own(entry: h5py.Group, path: Path) -> dict[str, object]:
    """What this program writes beside CXI's own names."""
    own = entry.get(OWN)
    if not isinstance(own, h5py.Group):
        return {}
    return {**dict(own.attrs), **{name: stored(item, (), path) for name, item in own.items()}}

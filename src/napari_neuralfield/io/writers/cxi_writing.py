"""Write ptychography as CXI: frames, corrected positions, and what was reconstructed from them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ...data.acquisition import Acquisition, Ptychography
from ...data.frames import good_pixels
from ...types import InputError, Result
from ..described.cxi_lengths import DETECTOR, SOURCE
from ..described.si_units import PLANCK_TIMES_LIGHT
from ..native.atomic import writing
from ..native.hdf5_writing import hdf5_for_writing, write_frames
from ..readers.cxi import (
    BACKGROUND,
    CXI_AXES,
    OBJECT,
    OWN,
    PROBE,
    RESULTS,
    TITLE,
    TRANSLATION,
)

ENDING = ".cxi"
VERSION = 160


def save_cxi(path: str | Path, acquisition: Acquisition, result: Result | None = None) -> None:
    """Write a far-field or near-field acquisition as CXI, frame by frame; the reader gives it back as it was.

    Parameters
    ----------
    path : ends in .cxi.
    acquisition : of kind ptychography.
    result : a reconstruction of `acquisition`: its positions take the place of the measured ones, its object and
        probe become `image_1` and `image_2`.

    Raises
    ------
    InputError : where the kind is another, `result` belongs to other frames, or the file cannot be written.
    """
    if not str(path).lower().endswith(ENDING):
        raise InputError(f"{path}: a CXI file ends in {ENDING}; name it so")
    if not isinstance(acquisition, Ptychography):
        raise InputError(
            f"{path}: CXI holds far-field and near-field ptychography, and this is {acquisition.kind}; "
            "write an .acq.h5 file instead"
        )
    found = {} if result is None else result.calibration
    positions = np.asarray(found.get("positions_um", acquisition.positions_um), dtype=float)
    if positions.shape != acquisition.positions_um.shape:
        raise InputError(
            f"{path}: the result has positions for {len(positions)} frames but the acquisition holds "
            f"{acquisition.frame_count}; give the result of these frames"
        )
    probe = found.get("probe", acquisition.probe)
    with writing(path) as temporary, hdf5_for_writing(temporary) as file:
        file["cxi_version"], file["number_of_entries"] = VERSION, 1
        entry = file.create_group("entry_1")
        _write_geometry(entry, acquisition, positions)
        _write_frames(entry, acquisition)
        if result is not None:
            _write_image(entry, RESULTS[0], OBJECT, _object_of(result), acquisition.object_pixel_um)
        if probe is not None:
            _write_image(entry, RESULTS[1], PROBE, np.asarray(probe), acquisition.object_pixel_um)


def _write_geometry(entry: h5py.Group, acquisition: Ptychography, positions_um: np.ndarray) -> None:
    """Lengths in metres and joules, under CXI's names; what it has no name for in a group of our own."""
    wavelength, pixel = 1e-6 * acquisition.wavelength_um, 1e-6 * acquisition.detector_pixel_um
    entry[f"{SOURCE}/wavelength"] = wavelength
    entry[f"{SOURCE}/energy"] = PLANCK_TIMES_LIGHT / wavelength
    entry[f"{DETECTOR}/distance"] = 1e-6 * acquisition.distance_um
    entry[f"{DETECTOR}/x_pixel_size"] = entry[f"{DETECTOR}/y_pixel_size"] = pixel
    entry[f"{DETECTOR}/basis_vectors"] = (pixel * CXI_AXES).T  # (3, 2), as most programs write it
    entry[TRANSLATION] = -1e-6 * positions_um @ CXI_AXES
    if acquisition.title:
        entry[TITLE] = acquisition.title
    own = entry.create_group(OWN)
    own.attrs["geometry"] = acquisition.geometry
    own.attrs["object_pixel_um"] = acquisition.object_pixel_um
    if acquisition.exposure is not None:
        own["exposure"] = acquisition.exposure


def _write_frames(entry: h5py.Group, acquisition: Ptychography) -> None:
    write_frames(entry, f"{DETECTOR}/data", acquisition.frames)
    _write_mask(entry, acquisition)
    if acquisition.background is not None:
        entry[BACKGROUND] = acquisition.background
    data = entry.create_group("data_1")
    data["data"] = h5py.SoftLink(f"{entry.name}/{DETECTOR}/data")
    data["translation"] = h5py.SoftLink(f"{entry.name}/{TRANSLATION}")


def _write_mask(entry: h5py.Group, acquisition: Ptychography) -> None:
    """One mask for all frames, or one of each, frame by frame."""
    each = acquisition.frame_mask
    if each is None:
        good = good_pixels(acquisition)
        bad = np.zeros(acquisition.frame_shape, bool) if good is None else ~good
        entry[f"{DETECTOR}/mask"] = bad.astype(np.uint32)
        return
    shape, chunk = each.shape, (1, *acquisition.frame_shape)
    written = entry.create_dataset(f"{DETECTOR}/mask", shape, np.uint32, chunks=chunk, compression="gzip", shuffle=True)
    for number in range(len(each)):
        good = good_pixels(acquisition, slice(number, number + 1))
        assert good is not None
        written[number] = ~good[0]


def _object_of(result: Result) -> np.ndarray:
    """The reconstructed object on its native grid, complex64 (y, x)."""
    y, x = result.field.extent.axes()
    plane = result.field.render([result.field.extent.z_um[0]], y, x)[0].detach().cpu().numpy()
    return plane if np.iscomplexobj(plane) else np.exp(1j * plane).astype(np.complex64)


def _write_image(entry: h5py.Group, name: str, title: str, image: np.ndarray, pixel_um: float) -> None:
    group = entry.create_group(name)
    group["data"] = image.astype(np.complex64)
    group["data_space"], group["data_type"] = "real", "complex amplitude"
    group["is_fft_shifted"] = 0
    group["image_size"] = 1e-6 * pixel_um * np.array([*image.shape[-2:][::-1], 0.0])
    group[TITLE] = title

"""Lengths and axes of a CXI file: wavelength, distance, detector pixel, and how the detector lies."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ...types import InputError
from ..native.hdf5_frames import stored
from ..native.reading import real_numbers
from .si_units import Lengths, photon_wavelength_um, said_unit

DETECTOR = "instrument_1/detector_1"
SOURCE = "instrument_1/source_1"
BEAM = "instrument_1/beam_1"  # of NeXus, where the source's energy is that of the ring


def found(entry: h5py.Group, *names: str) -> h5py.Dataset | None:
    """The first of the datasets of these `names` that there is in `entry`."""
    return next((entry[name] for name in names if isinstance(entry.get(name), h5py.Dataset)), None)


def lengths(entry: h5py.Group, path: Path) -> Lengths:
    """Wavelength, distance and detector pixel of an `entry` of the file `path`."""
    seen = Lengths()
    pixels = [_number(entry, f"{DETECTOR}/{axis}_pixel_size", path) for axis in "yx"]
    steps = basis(entry, path)
    if None in pixels and steps is not None:
        pixels = [(float(n), "basis_vectors", False) for n in np.linalg.norm(steps, axis=1)]
    if pixels[0] is not None and pixels[1] is not None:
        (y, _, _), (x, _, _) = pixels[0], pixels[1]
        if abs(y / x - 1) > 1e-3:
            raise InputError(
                f"{path}: detector pixels are {1e6 * y:g} x {1e6 * x:g} um (y, x); they must be square, so bin or "
                "resample the frames"
            )
        seen.take("detector_pixel_um", *pixels[0])
    distance = _number(entry, f"{DETECTOR}/distance", path) or _from_corner(entry, path)
    if distance is not None:
        seen.take("distance_um", *distance)
    wavelength = _number(entry, f"{SOURCE}/wavelength", path)
    energy = _number(entry, f"{BEAM}/energy", path) or _number(entry, f"{SOURCE}/energy", path)
    if wavelength is not None:
        seen.take("wavelength_um", *wavelength)
    elif energy is not None and energy[0] > 0:
        seen.put("wavelength_um", *photon_wavelength_um(energy[0]))
    return seen


def _number(entry: h5py.Group, name: str, path: Path) -> tuple[float, str, bool] | None:
    """A number, what it is called, and whether its unit is said; the same in all frames where there is one of each.

    Single precision is read as the decimal that it stands for.
    """
    dataset = found(entry, name)
    if dataset is None:
        return None
    values = stored(dataset, (), path).reshape(-1)
    if values.size == 0 or values.dtype.kind not in "iuf" or np.ptp(values) > 1e-4 * abs(values[0]):
        raise InputError(f"{path}: {dataset.name} holds {values[:3]}; it must be one number, the same for all frames")
    unit = said_unit(dataset)
    return float(str(values[0])) * (unit or 1.0), name.rpartition("/")[2], unit is not None


def _from_corner(entry: h5py.Group, path: Path) -> tuple[float, str, bool] | None:
    """The distance along the beam of the detector's corner; None where the corner is not given or in the sample."""
    dataset = found(entry, f"{DETECTOR}/corner_position", f"{DETECTOR}/corner_positions")
    if dataset is None or dataset.shape[-1:] != (3,):
        return None
    along = stored(dataset, (), path).reshape(-1, 3)[:, 2]
    if not np.isfinite(along).all() or not along[0] or np.ptp(along) > 1e-4 * abs(along[0]):
        return None
    unit = said_unit(dataset)
    return abs(float(str(along[0]))) * (unit or 1.0), "corner_position", unit is not None


def basis(entry: h5py.Group, path: Path) -> np.ndarray | None:
    """Steps along a frame's rows' direction and its columns': (2, 3) as y step, x step; m.

    Of an `entry` of the file `path`; None where it does not say.
    """
    dataset = found(entry, f"{DETECTOR}/basis_vectors")
    if dataset is None:
        return None
    steps = real_numbers(stored(dataset, (), path), path, str(dataset.name))
    steps = steps[0] if steps.ndim == 3 else steps
    steps = steps.T if steps.shape == (3, 2) else steps
    if steps.shape != (2, 3) or not np.linalg.norm(steps, axis=1).all():
        raise InputError(f"{path}: {dataset.name} has shape {dataset.shape}; it must be two vectors of three numbers")
    return steps

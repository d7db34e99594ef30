"""MATLAB files: FPM-INR (`I_low`), University of Connecticut (`imlow_HDR`), or the acquisition's own names.

A sidecar's `variables` translates other names into these.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import h5py
import numpy as np

from ...data.acquisition import Draft
from ...data.frames import Frames
from ...optics.illumination import UCONN_HEIGHT_MM, uconn_board
from ...registry import READERS
from ...types import InputError
from ..native.hdf5_frames import HDF5Frames, Key, WholeFrames, opened, stored
from ..native.reading import explained
from . import named

_CLASSES = {"single": "f4", "double": "f8", "logical": "u1"}
_BOARD_LEDS = 225
_DAMAGED = "this is not a MATLAB file or it is cut short"


@READERS.register("matlab")
class MatlabReader:
    """`.mat` of versions 5 and 7.3; the wavelength is not in FPM-INR files and stays open."""

    reads = "MATLAB files (.mat with I_low, imlow_HDR or frames)"

    def supports(self, path: Path) -> bool:
        return path.suffix.lower() == ".mat"

    def read(self, path: Path) -> Draft:
        """Frames (lazy) and geometry from the variables of either publication."""
        file = _Hdf5Mat(path) if h5py.is_hdf5(path) else _Mat(path)
        if "I_low" in file.shapes:
            return _fpm_inr(file)
        if "imlow_HDR" in file.shapes:
            return _uconn(file)
        if (draft := _own_names(file)) is not None:
            return draft
        raise InputError(
            f"{path}: the file holds {', '.join(sorted(file.shapes)) or 'nothing'}; it must hold I_low (FPM-INR) or "
            "imlow_HDR (University of Connecticut) as (y, x, led), or frames (y, x, frame), or name the frames in its "
            "sidecar as variables: {frames: NAME}"
        )


def _fpm_inr(file: _Mat) -> Draft:
    values: dict[str, object] = {}
    if "na_calib" in file.shapes:
        calibrated = file.array("na_calib")
        if calibrated.ndim != 2 or calibrated.shape[1] != 2:
            raise InputError(f"{file.path}: na_calib has shape {calibrated.shape}; it must be (led, 2) as NAx, NAy")
        values["illumination_na"] = calibrated[:, ::-1].astype(float)
    if {"dpix_c", "mag"} <= set(file.shapes):
        magnification = file.number("mag")
        if not magnification > 0:
            raise InputError(f"{file.path}: mag is {magnification:g}; the magnification must be larger than 0")
        values["pixel_um"] = file.number("dpix_c") / magnification
    if "na_cal" in file.shapes:
        values["objective_na"] = file.number("na_cal")
    return Draft("led_array", file.frames("I_low"), values, str(file.path))


def _uconn(file: _Mat) -> Draft:
    """2x objective of NA 0.1, 1.845 um at the sample, the board of `illumination.uconn_board`; amplitudes."""
    frames = file.frames("imlow_HDR")
    leds = int(frames.shape[0])
    if leds > _BOARD_LEDS:
        raise InputError(f"{file.path}: imlow_HDR holds {leds} frames; this board has {_BOARD_LEDS} LEDs")
    theta, xint, yint = (file.number(name) if name in file.shapes else 0.0 for name in ("theta", "xint", "yint"))
    values: dict[str, object] = {
        "objective_na": 0.1,
        "pixel_um": 1.845,
        "illumination_na": uconn_board(theta, xint, yint, leds),
        "led_height_mm": UCONN_HEIGHT_MM,
    }
    for name, key in (("wavelength_um", "wlength"), ("sample_z_um", "z")):
        if key in file.shapes:
            values[name] = 1e6 * file.number(key)
    notes = ["imlow_HDR holds amplitudes; its square is taken as the intensity"]
    if "aberration" in file.shapes and np.prod(file.shapes["aberration"]) > 1:
        notes.append("the pupil in 'aberration' is not used; it can be recovered from the frames")
    return Draft("led_array", SquaredFrames(frames), values, str(file.path), notes)


def _own_names(file: _Mat) -> Draft | None:
    """The draft of an opened file with `frames` (y, x, frame) in it; None without.

    `probe` may be (y, x) or (y, x, mode).
    """
    names = named.names_in(file.path, list(file.shapes))
    if named.FRAMES not in names:
        return None
    said = _text(file.array("kind")) if "kind" in file.shapes else None
    kind = named.kind_of(file.path, names, said)
    values = named.values_of(kind, names, lambda name: _plain(file.array(name)))
    if "probe" in values and np.ndim(values["probe"]) == 3:
        values["probe"] = np.moveaxis(values["probe"], -1, 0)
    if "title" in file.shapes:
        values["title"] = _text(file.array("title"))
    return Draft(kind, file.frames(names[named.FRAMES]), values, str(file.path))


def _plain(value: np.ndarray) -> np.ndarray:
    """Text, which version 7.3 keeps as codes of letters, and complex numbers, which it keeps as pairs."""
    if value.dtype.names and set(value.dtype.names) == {"real", "imag"}:
        return value["real"] + 1j * value["imag"]
    if value.dtype == np.uint16 and value.ndim == 2 and 1 in value.shape and value.size > 1:
        return np.array(_text(value))
    return value


def _text(value: np.ndarray) -> str:
    return "".join(map(chr, value.reshape(-1))) if value.dtype.kind == "u" else "".join(map(str, value.reshape(-1)))


class _Mat:
    """Variables of a version 5 file by name, in MATLAB's axes."""

    def __init__(self, path: Path) -> None:
        import scipy.io

        self.path = path
        with explained(path, _DAMAGED):
            listed = scipy.io.whosmat(str(path))
        self.shapes: dict[str, tuple[int, ...]] = {name: tuple(shape) for name, shape, _ in listed}
        self._classes = {name: kind for name, _, kind in listed}

    def array(self, name: str) -> np.ndarray:
        return _variable(self.path, name)

    def number(self, name: str) -> float:
        value = self.array(name)
        if value.size != 1 or value.dtype.kind not in "biuf":
            raise InputError(f"{self.path}: {name} has shape {value.shape}; it must be a single number")
        return float(value.reshape(()))

    def frames(self, name: str) -> Frames:
        shape = self._stack_shape(name)
        try:
            dtype = np.dtype(_CLASSES.get(self._classes[name], self._classes[name]))
        except TypeError:
            raise InputError(f"{self.path}: {name} is of class {self._classes[name]}; frames are numbers") from None
        return WholeFrames(self.path.absolute(), shape, dtype, functools.partial(_stack, name=name))

    def _stack_shape(self, name: str) -> tuple[int, int, int]:
        shape = self.shapes[name]
        if len(shape) != 3:
            raise InputError(f"{self.path}: {name} has shape {shape}; it must be (y, x, led)")
        return shape[2], shape[0], shape[1]


class _Hdf5Mat(_Mat):
    """Version 7.3 is HDF5 with every axis order reversed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with opened(path) as file:
            self.shapes = {n: d.shape[::-1] for n, d in file.items() if isinstance(d, h5py.Dataset)}

    def array(self, name: str) -> np.ndarray:
        with opened(self.path) as file:
            return stored(file[name], (), self.path).T

    def frames(self, name: str) -> HDF5Frames:
        self._stack_shape(name)
        with opened(self.path) as file:
            return HDF5Frames.of(file[name], self.path, reversed_axes=True)


def _variable(path: Path, name: str) -> np.ndarray:
    """A variable in the type it is stored in: `mat_dtype` would drop the imaginary part of complex ones."""
    import scipy.io

    with explained(path, _DAMAGED):
        return np.asarray(scipy.io.loadmat(str(path), variable_names=[name])[name])


def _stack(path: Path, name: str) -> np.ndarray:
    """The frames of a version 5 file, which are compressed as a whole and so are kept once read."""
    return _stack_once(path, name, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _stack_once(path: Path, name: str, written_ns: int) -> np.ndarray:
    return np.moveaxis(_variable(path, name), -1, 0)


@dataclasses.dataclass(frozen=True)
class SquaredFrames:
    """Intensities of a stack that holds amplitudes."""

    frames: Frames

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.frames.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.promote_types(self.frames.dtype, np.float32)

    def __getitem__(self, key: Key) -> np.ndarray:
        return np.square(np.asarray(self.frames[key]).astype(self.dtype))

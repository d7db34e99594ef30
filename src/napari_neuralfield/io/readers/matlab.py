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
from ...optics.illumination import UCONN_HEIGHT_MM, uconn_board
from ...registry import READERS
from ...types import InputError
from ..described import named
from ..described.hdf5_stacks import joined
from ..native import hdf5_tree
from ..native.hdf5_frames import HDF5Array, WholeFrames, opened
from ..native.reading import explained, real_numbers
from ..sidecar import layout, sidecar
from . import matlab_tags

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
            "sidecar as variables: {frames: NAME}, those in a struct as STRUCT.NAME"
        )


def _fpm_inr(file: _Mat) -> Draft:
    values: dict[str, object] = {}
    if "na_calib" in file.shapes:
        calibrated = file.array("na_calib")
        if calibrated.ndim != 2 or calibrated.shape[1] != 2:
            raise InputError(f"{file.path}: na_calib has shape {calibrated.shape}; it must be (led, 2) as NAx, NAy")
        values["illumination_na"] = real_numbers(calibrated[:, ::-1], file.path, "na_calib")
    if {"dpix_c", "mag"} <= set(file.shapes):
        magnification = file.number("mag")
        if not magnification > 0:
            raise InputError(f"{file.path}: mag is {magnification:g}; the magnification must be larger than 0")
        values["pixel_um"] = file.number("dpix_c") / magnification
    if "na_cal" in file.shapes:
        values["objective_na"] = file.number("na_cal")
    return Draft("led_array", file.frames("I_low", "led_array"), values, str(file.path))


def _uconn(file: _Mat) -> Draft:
    """2x objective of NA 0.1, 1.845 um at the sample, the board of `illumination.uconn_board`; amplitudes."""
    frames = dataclasses.replace(file.frames("imlow_HDR", "led_array"), amplitudes=True)
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
        notes.append(_take_pupil(file, values, (int(frames.shape[1]), int(frames.shape[2]))))
    return Draft("led_array", frames, values, str(file.path), notes)


def _take_pupil(file: _Mat, values: dict[str, object], shape: tuple[int, int]) -> str:
    """The pupil in `aberration`, put among `values` where it lies on the grid of frames of `shape`; what is said of it.

    The publication's pupil holds the defocus too, and its axis lies between the bins (n - 1) / 2 of an even grid.
    """
    pupil = file.array("aberration")
    if pupil.shape != shape or not np.iscomplexobj(pupil):
        return (
            f"the pupil in 'aberration' is not used: it is {'x'.join(map(str, pupil.shape))} {pupil.dtype} and must be "
            f"complex on the frames' {shape[0]}x{shape[1]}; it can be recovered from the frames"
        )
    for axis, n in enumerate(shape):
        if n % 2 == 0:
            pupil = (pupil + np.roll(pupil, 1, axis)) / 2
    values["pupil"], values["sample_z_um"] = pupil.astype(np.complex64), 0.0
    return "the pupil in 'aberration' is used; it holds the defocus, so the sample's depth is 0"


def _own_names(file: _Mat) -> Draft | None:
    """The draft of an opened file with `frames` (y, x, frame) in it; None without.

    `probe` may be (y, x) or (y, x, mode).
    """
    names = named.names_in(file.path, list(file.shapes), file.has)
    if named.FRAMES not in names:
        return None
    said = _text(file.array("kind")) if "kind" in file.shapes else None
    kind = named.kind_of(file.path, names, said)
    frames = file.frames(names[named.FRAMES].name, kind)
    values = named.values_of(kind, names, lambda name: _plain(file.array(name)), frames.shape[0], file.path)
    if "probe" in values and np.ndim(values["probe"]) == 3:
        values["probe"] = np.moveaxis(values["probe"], -1, 0)
    if "title" in file.shapes:
        values["title"] = _text(file.array("title"))
    return Draft(kind, frames, values, str(file.path))


def _plain(value: np.ndarray) -> np.ndarray:
    """Text, which version 7.3 keeps as codes of letters."""
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
            matlab_tags.check(path)
            listed = scipy.io.whosmat(str(path))
        self.shapes: dict[str, tuple[int, ...]] = {name: tuple(shape) for name, shape, _ in listed}
        self._classes = {name: kind for name, _, kind in listed}

    def array(self, name: str) -> np.ndarray:
        return _variable(self.path, name)

    def number(self, name: str) -> float:
        value = self.array(name)
        if value.size != 1 or value.dtype.kind not in "biuf":
            raise InputError(f"{self.path}: {name} has shape {value.shape}; it must be a single number")
        if not np.isfinite(value).all():
            raise InputError(f"{self.path}: {name} is {float(value.reshape(())):g}; it must be a number")
        return float(value.reshape(()))

    def has(self, name: str) -> bool:
        """Whether there is something inside a struct, as `a.b`."""
        try:
            return self.array(name).dtype.names is None
        except InputError:
            return False

    def frames(self, name: str, kind: str) -> layout.ArrangedFrames:
        """Those under a name, for a `kind` of acquisition."""
        array, axes = self._stack(name)
        given = sidecar.beside(self.path)
        if len(array.shape) != 3 and "axes" not in given and name in ("I_low", "imlow_HDR"):
            raise InputError(f"{self.path}: {name} has shape {tuple(array.shape)}; it must be (y, x, led)")
        return layout.arranged(array, given, kind, f"{self.path}: {name}", axes)

    def _stack(self, name: str) -> tuple[layout.Stored, str]:
        """What is stored under a name, in MATLAB's axes, and which are those of three."""
        if name not in self.shapes or self._classes[name] == "cell":
            value = self.array(name)
            shape, dtype = value.shape, value.dtype
        else:
            shape, kind = self.shapes[name], self._classes[name]
            try:
                dtype = np.dtype(_CLASSES.get(kind, kind))
            except TypeError:
                raise InputError(f"{self.path}: {name} is of class {kind}; frames are numbers") from None
        return WholeFrames(self.path.absolute(), shape, dtype, functools.partial(_whole, name=name)), "yxn"


class _Hdf5Mat(_Mat):
    """Version 7.3 is HDF5 with every axis order reversed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with opened(path) as file, explained(path, _DAMAGED):
            self.shapes = {n: d.shape[::-1] for n, d in file.items() if isinstance(d, h5py.Dataset)}
            self.shapes |= {n: () for n, d in file.items() if isinstance(d, h5py.Group) and not n.startswith("#")}

    def array(self, name: str) -> np.ndarray:
        with opened(self.path) as file, explained(self.path, _DAMAGED):
            return hdf5_tree.value(file, name, self.path)[0].T

    def has(self, name: str) -> bool:
        with opened(self.path) as file, explained(self.path, _DAMAGED):
            return hdf5_tree.has(file, name) or hdf5_tree.has(file, name.replace(".", "/"))

    def _stack(self, name: str) -> tuple[layout.Stored, str]:
        with opened(self.path) as file, explained(self.path, _DAMAGED):
            dataset = hdf5_tree.items(file, name, self.path)[0]
            parts = hdf5_tree.cells(dataset)
            if parts is None:
                return _Reversed(HDF5Array.of(dataset, self.path)), "yxn"
            return joined(parts, "xy", self.path, name), "nyx"


@dataclasses.dataclass(frozen=True)
class _Reversed:
    """A dataset in MATLAB's order of axes."""

    array: HDF5Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape[::-1]

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    def __getitem__(self, key: tuple[int | slice, ...]) -> np.ndarray:
        return self.array[key[::-1]].T


def _variable(path: Path, name: str) -> np.ndarray:
    """A variable, or `a.b` in a struct, in the type it is stored in: `mat_dtype` would drop imaginary parts."""
    import scipy.io

    whole, *inside = name.split(".")
    with explained(path, _DAMAGED):
        value = scipy.io.loadmat(str(path), variable_names=[whole]).get(whole)
    for part in inside:
        if value is None or value.dtype.names is None or part not in value.dtype.names:
            fields = None if value is None else value.dtype.names
            held = f"holds {', '.join(fields)}" if fields else "is no struct"
            raise InputError(f"{path}: there is no {name}; {name.removesuffix(part).rstrip('.')} {held}")
        value = _unpacked(value[part])
    if value is None:
        raise InputError(f"{path}: there is no {name}; look for its name with whosmat")
    return np.asarray(_unpacked(value))


def _unpacked(value: np.ndarray) -> np.ndarray:
    """The one thing in a cell or struct array, or many of one shape, the last axis counting them."""
    if value.dtype != object:
        return value
    parts = [np.squeeze(part) for part in value.reshape(-1)]
    if len(parts) == 1:
        return np.asarray(value.reshape(-1)[0])
    alike = len({np.shape(part) for part in parts}) == 1
    return np.stack(parts, axis=-1) if parts and alike else value


def _whole(path: Path, name: str) -> np.ndarray:
    """What a version 5 file holds under a name, which is compressed as a whole and so is kept once read."""
    return _whole_once(path, name, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _whole_once(path: Path, name: str, written_ns: int) -> np.ndarray:
    return _variable(path, name)

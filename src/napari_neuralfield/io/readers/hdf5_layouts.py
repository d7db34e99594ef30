"""What programs call things in their HDF5 files. Another layout is another entry in `LAYOUTS`.

Where a dataset has an attribute `units` it counts; `Value.unit` is for those that have none. A `*` stands for any name.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np

from ...data.acquisition import Draft
from ...optics.illumination import direction_cosines
from ...types import InputError
from ..described.beam_optics import BeamOptics, lens_in
from ..native import hdf5_tree
from ..native.hdf5_frames import opened
from ..native.reading import real_numbers
from ..native.stored_units import converted, inverse_length, number, plain
from ..sidecar import layout, scan_grid
from .numpy_archive import UNITLESS, zero_at_corner


@dataclasses.dataclass(frozen=True)
class Value:
    """Where a value may be, the first that is there counts, and the unit of one without an attribute `units`."""

    names: tuple[str, ...]
    unit: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hdf5Layout:
    """How one program lays out its files.

    Parameters
    ----------
    called : in sentences.
    kind : of acquisition; '' where the sidecar has to say it.
    frames : where they may be; the first that is there counts.
    marks : what must be there besides.
    values : by the acquisition's names.
    axes : of three stored axes, as `sidecar.layout` has them.
    many : the frames of everything that a `*` fits are behind one another; otherwise the first is taken.
    finish : adds to a draft what a table cannot say.
    """

    called: str
    kind: str
    frames: tuple[str, ...]
    marks: tuple[str, ...] = ()
    values: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    axes: str = "nyx"
    many: bool = False
    finish: Callable[[Draft, h5py.File, str], None] | None = None

    def frames_in(self, file: h5py.Group) -> str | None:
        """Name, or pattern where `many`, of the frames in an opened `file` of this layout; None for another one."""
        if not all(hdf5_tree.has(file, mark) for mark in self.marks):
            return None
        return self._name(file, self.frames)

    def names_in(self, file: h5py.Group) -> dict[str, tuple[str, str]]:
        """The acquisition's name -> what is in an opened `file`, and its unit."""
        found = {ours: (self._name(file, value.names), value.unit) for ours, value in self.values.items()}
        return {ours: (name, unit) for ours, (name, unit) in found.items() if name is not None}

    def _name(self, file: h5py.Group, patterns: tuple[str, ...]) -> str | None:
        found = ((pattern, hdf5_tree.first(file, pattern)) for pattern in patterns)
        return next(((pattern if self.many else name) for pattern, name in found if name is not None), None)


def _led_board(draft: Draft, file: h5py.File, frames: str) -> None:
    """PtyLab's encoder counts the LEDs' places on the board, (y, x); their light travels away from them.

    Its object's spectrum is an inverse transform, with patches at -encoder / distance, so a wave from an LED at +y
    runs towards -y, as on a board seen through the sample. `info` compares that with the frames.
    """
    path = Path(draft.source)
    encoder, height = (real_numbers(hdf5_tree.value(file, n, path)[0], path, n) for n in ("encoder", "zled"))
    if height.size != 1 or not height.all():
        raise InputError(f"{path}: zled has shape {height.shape}; it must be one number of metres other than 0")
    leds, _ = scan_grid.oriented(encoder, int(draft.frames.shape[0]), f"{path}: encoder")
    draft.values["led_height_mm"] = height_mm = 1e3 * abs(float(height.reshape(())))
    draft.values["illumination_na"] = direction_cosines(1e3 * leds, height_mm)
    draft.notes.append("directions of light follow from encoder, as (y, x) on the LED board, and zled")
    if all(hdf5_tree.has(file, name) for name in ("dxd", "magnification")):
        detector, times = (number(hdf5_tree.value(file, name, path)[0]) for name in ("dxd", "magnification"))
        if detector is None or not times or times < 0:
            raise InputError(f"{path}: dxd and magnification must each be one number larger than 0")
        draft.values["pixel_um"] = 1e6 * detector / times


def _ptypy(draft: Draft, file: h5py.File, frames: str) -> None:
    """Weights are 0 where a pixel is bad; whether the field is near or far is not in the file."""
    names = [name for name in ("chunks/*/weights", "meta/weight2d", "info/weight2d") if hdf5_tree.has(file, name)]
    for name in names:
        good = _good(file, name, draft)
        if good is not None and not good.all():
            draft.values["mask" if good.ndim == 2 else "frame_mask"] = good
        if good is not None:
            break


def _good(file: h5py.File, name: str, draft: Draft) -> np.ndarray | None:
    """Where weights are above 0: (y, x) if they are so in all frames, else (frame, y, x); None for other things."""
    shape = tuple(int(n) for n in draft.frames.shape)
    common: np.ndarray | None = None
    each: list[np.ndarray] = []
    datasets = hdf5_tree.items(file, name, Path(draft.source))
    if datasets[0].shape == shape[1:]:
        return np.asarray(datasets[0][()]) > 0
    if any(d.ndim != 3 or d.shape[1:] != shape[1:] for d in datasets) or sum(len(d) for d in datasets) != shape[0]:
        return None
    for dataset in datasets:
        for frame in range(len(dataset)):
            good = np.asarray(dataset[frame]) > 0
            if common is not None and not each and not np.array_equal(good, common):
                each = [common] * (sum(len(d) for d in datasets[: datasets.index(dataset)]) + frame)
            if common is None:
                common = good
            elif each:
                each.append(good)
    return np.array(each) if each else common


def _ptychoshelves(draft: Draft, file: h5py.File, frames: str) -> None:
    """Positions count pixels of the object, (y, x); the zero frequency is at the corner; bad pixels are (y, x)."""
    draft.assume(
        "the file gives positions in pixels and no sizes: one object pixel is taken as 1 um, in the far field; give "
        "object_pixel_um, or wavelength_um, distance_um and detector_pixel_um, in a sidecar for true sizes",
        **UNITLESS,
    )
    rows, columns = (int(n) for n in draft.frames.shape[1:])
    some = np.stack([draft.frames[i] for i in range(0, draft.frames.shape[0], max(1, draft.frames.shape[0] // 32))])
    cornered = zero_at_corner(some)
    if cornered and isinstance(draft.frames, layout.ArrangedFrames):
        draft.frames = dataclasses.replace(draft.frames, cornered=True)
        draft.notes.append("the frames have their zero frequency at the corner; it is moved to the centre")
    if hdf5_tree.has(file, "detector/n0/bad_pixels"):
        bad = np.asarray(hdf5_tree.value(file, "detector/n0/bad_pixels", Path(draft.source))[0], dtype=int)
        good = np.ones((rows, columns), dtype=bool)
        if bad.ndim == 2 and bad.shape[1] == 2 and (bad >= 0).all() and (bad < (rows, columns)).all():
            good[bad[:, 0], bad[:, 1]] = False
            turned = np.roll(good, (rows // 2, columns // 2), axis=(0, 1)) if cornered else good
            draft.values["mask"] = turned
    others = len(list(file["measurement"])) - 1
    if others > 0:
        draft.notes.append(f"{frames} is the first of {others + 1} scans in the file; the others are left out")


def _fold_slice(draft: Draft, file: h5py.File, frames: str) -> None:
    """Positions lie in a file of their own, `data_roi0_para.hdf5` beside `data_roi0_dp.hdf5`: metres, or Å."""
    path = Path(draft.source)
    beside = path.with_name(path.name.replace("_dp.", "_para."))
    draft.remedies["positions_um"] = scan_grid.ASK
    draft.notes.append(
        "dp is read as PtychoShelves does, the last axis of the file as rows; axes: nyx in a sidecar turns that"
    )
    if "_dp." not in path.name or not beside.exists():
        return
    with opened(beside) as other:
        if not all(hdf5_tree.has(other, name) for name in ("ppY", "ppX")):
            return
        y, x = (hdf5_tree.value(other, name, beside)[0] for name in ("ppY", "ppX"))
        positions = -scan_grid.paired(y, x, str(beside))
    unit = "m" if np.ptp(positions, axis=0).max() < 1e-2 else "Å"
    draft.values["positions_um"] = positions * (1e6 if unit == "m" else 1e-4)
    draft.notes.append(f"positions from {beside.name}, taken to be in {unit} for their size")


def _datacube(draft: Draft, file: h5py.File, frames: str) -> None:
    """Scan step and pixel of a 4D-STEM recording, from py4DSTEM's calibration or the dimensions beside the data."""
    step, step_unit, pixel, pixel_unit = _calibration(file, frames, Path(draft.source))
    pixels = min(int(n) for n in draft.frames.shape[1:])
    draft.values.setdefault("geometry", "far_field")
    _semi_angle(draft, file)
    if step is not None and plain(step_unit) not in ("", "px") and isinstance(draft.frames, layout.ArrangedFrames):
        where = f"{draft.source}: the step of the scan"
        _, step_um = converted("positions_um", np.array([step]), step_unit, where)
        if (raster := draft.frames.raster) is not None:
            grid = {"rows": raster[0], "columns": raster[1], "step_um": float(step_um[0])}
            scan_grid.place(draft, grid, raster, Path(draft.source))
            draft.notes.append(f"scan positions from the file's step of {step:g} {step_unit}")
    if pixel is None:
        return
    per_um = inverse_length(pixel_unit)
    if per_um is not None:
        draft.values["object_pixel_um"] = 1 / (pixels * pixel * per_um)
    elif plain(pixel_unit) in ("rad", "mrad"):
        angle = pixel * (1e-3 if plain(pixel_unit) == "mrad" else 1.0)
        draft.values.update(distance_um=1e6, detector_pixel_um=1e6 * angle)
        draft.notes.append(f"a pixel spans {pixel:g} {pixel_unit}, for which the camera length is called 1 m")
    draft.remedies["wavelength_um"] = "give acceleration_voltage_kv (or wavelength_um in um)"


def _semi_angle(draft: Draft, file: h5py.File) -> None:
    """The half angle of the electrons' cone, which py4DSTEM keeps in mrad."""
    for place in ("*/metadatabundle", "*/metadata/*", "*/metadata", "*"):
        for group, between in itertools.product(("calibration", "microscope"), "/@"):
            name = hdf5_tree.first(file, f"{place}/{group}{between}{SEMI_ANGLE}")
            angle = None if name is None else number(hdf5_tree.value(file, name, Path(draft.source))[0])
            if angle is not None and angle > 0:
                said = {"probe_semi_angle_mrad": angle}
                draft.assuming = BeamOptics(draft.frames, said, SEMI_ANGLE)
                return


def _calibration(file: h5py.File, frames: str, path: Path) -> tuple[float | None, str, float | None, str]:
    """Step of the scan and its unit, pixel of the diffraction pattern and its unit."""
    above = frames.rpartition("/")[0]
    root = above.rpartition("/")[0]
    homes = [f"{root}/metadatabundle/calibration", f"{root}/calibration", "4DSTEM_experiment/metadata/*/calibration",
             "4DSTEM_experiment/metadata/calibration"]  # fmt: skip
    found: list[float | str | None] = []
    for letter, dims in (("R", ("dim0", "dim1")), ("Q", ("dim2", "dim3"))):
        size, unit = None, ""
        for home in homes:
            for between in ("/", "@"):
                name = hdf5_tree.first(file, f"{home}{between}{letter}_pixel_size")
                if name is not None and size is None:
                    size = number(hdf5_tree.value(file, name, path)[0])
                    units = name.replace("_size", "_units")
                    unit = _text(hdf5_tree.value(file, units, path)[0]) if hdf5_tree.has(file, units) else ""
        if size is None or plain(unit) == "px":
            counted = dims if hdf5_tree.has(file, f"{above}/dim0") else tuple(f"dim{int(d[3]) + 1}" for d in dims)
            size, unit = _spacing(file, f"{above}/{counted[0]}", path)
        found += [size, unit]
    return found[0], str(found[1]), found[2], str(found[3])  # type: ignore[return-value]


def _spacing(file: h5py.File, name: str, path: Path) -> tuple[float | None, str]:
    """Of a dimension that is evenly spaced, and its unit."""
    if not hdf5_tree.has(file, name):
        return None, ""
    values, unit = hdf5_tree.value(file, name, path)
    values = np.ravel(values)
    if len(values) < 2 or values.dtype.kind not in "iuf" or not unit or plain(unit) == "px":
        return None, ""
    return float(values[1] - values[0]), unit


def _text(value: np.ndarray) -> str:
    first = np.ravel(value)[0] if np.size(value) else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


def _nexus(draft: Draft, file: h5py.File, frames: str) -> None:
    """NeXus masks are 0 where a pixel is good; they belong to the detector that the frames come from."""
    instrument = hdf5_tree.first(file, "entry*/instrument")
    if draft.kind == "ptychography" and instrument is not None and isinstance(file[instrument], h5py.Group):
        lens, called, notes = lens_in(file[instrument], Path(draft.source))
        draft.notes += notes
        draft.assuming = BeamOptics(draft.frames, lens, called)
    for name in ("entry*/instrument/detector*/pixel_mask", "entry*/instrument/detector*/detectorSpecific/pixel_mask"):
        found = hdf5_tree.first(file, name)
        bad = None if found is None else hdf5_tree.value(file, found, Path(draft.source))[0]
        if bad is not None and bad.shape == tuple(draft.frames.shape[1:]) and (bad != 0).any():
            if draft.kind == "ptychography":
                draft.values["mask"] = bad == 0
            return


METRE = "m"
SEMI_ANGLE = "convergence_semiangle_mrad"
LAYOUTS = (
    Hdf5Layout(
        called="PtyLab's Fourier ptychography",
        kind="led_array",
        frames=("ptychogram",),
        marks=("encoder", "zled"),
        values={"wavelength_um": Value(("wavelength",), METRE), "objective_na": Value(("NA",))},
        finish=_led_board,
    ),
    Hdf5Layout(
        called="ptypy",
        kind="ptychography",
        frames=("chunks/*/data",),
        marks=("meta",),
        values={
            "positions_um": Value(("chunks/*/positions",), METRE),
            "energy_kev": Value(("meta/energy", "info/energy"), "keV"),
            "distance_um": Value(("meta/distance", "info/distance"), METRE),
            "detector_pixel_um": Value(("meta/psize", "info/psize"), METRE),
        },
        many=True,
        finish=_ptypy,
    ),
    Hdf5Layout(
        called="PtychoShelves",
        kind="ptychography",
        frames=("measurement/n0/data",),
        values={"positions_px": Value(("measurement/n0/positions",))},
        finish=_ptychoshelves,
    ),
    Hdf5Layout(called="fold_slice", kind="ptychography", frames=("dp",), axes="nxy", finish=_fold_slice),
    Hdf5Layout(
        called="py4DSTEM",
        kind="ptychography",
        frames=(
            "4DSTEM_experiment/data/datacubes/*/data",
            "4DSTEM_experiment/data/datacubes/*/datacube",
            "*/datacube/data",
            "*/data/datacubes/*/data",
        ),
        values={"acceleration_voltage_kv": Value(("*/metadatabundle/calibration/voltage",), "V")},
        finish=_datacube,
    ),
    Hdf5Layout(
        called="EMD",
        kind="ptychography",
        frames=("data/*/data", "*/*/data"),
        marks=("*/*@emd_group_type",),
        finish=_datacube,
    ),
    Hdf5Layout(
        called="NeXus",
        kind="",
        frames=(
            "entry*/instrument/detector*/data",
            "entry*/data/data",
            "entry*/data/data_*",
        ),
        values={
            "energy_ev": Value(
                ("entry*/instrument/beam/incident_energy", "entry*/sample/beam/incident_energy",
                 "entry*/instrument/monochromator/energy"), "eV",
            ),
            "wavelength_um": Value(
                ("entry*/instrument/beam/incident_wavelength", "entry*/sample/beam/incident_wavelength",
                 "entry*/instrument/monochromator/wavelength"), "Å",
            ),
            "distance_um": Value(
                ("entry*/instrument/detector*/distance", "entry*/instrument/detector*/detector_distance"), METRE
            ),
            "detector_pixel_um": Value(("entry*/instrument/detector*/x_pixel_size",), METRE),
        },
        many=True,
        finish=_nexus,
    ),
)  # fmt: skip

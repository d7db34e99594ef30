"""A field against the truth behind its frames: in focus, depth by depth and time by time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import h5py
import numpy as np

from ..data.colours import named_colour
from ..fields.colour import ColourField
from ..io.native.hdf5_file import opened
from ..io.native.reading import explained
from ..recon.engine.image_scores import FREE, Compared, Free, aligned, figures, fourier_share
from ..types import Field, InputError, Options, Result
from .lazy import evaluate

if TYPE_CHECKING:
    from ..fields.time_series import TimeSeries

BORDERS = {"scale": 16, "curvature": 64, "shift": 16}  # pixels of the truth that do not count, by what is free
PHASE_BORDER = 24  # the same of a truth that is a phase
RIM = 8  # the shorter side over the widest border
OTHER_SIZE = 1.25  # a truth that is larger or smaller by more belongs to other frames
BRIGHT = 0.99  # share of the truth's pixels below the amplitude that counts as full, where light is not told


@dataclasses.dataclass(frozen=True)
class TruthFile:
    """What a truth file holds.

    path : of the file. images : complex object, or phase, rad (time, y, x). pixel_um : um. origin_um : (y, x) of pixel
    (0, 0), um; None: as the frames lie. cells : (cell, y, x) bool and their depths (cell,), um; None: none is named.
    seen : True where the frames tell anything (y, x). near_leds : the waves are spherical. waves_um : of a truth in
    several colours, one image each.
    """

    path: Path
    images: np.ndarray
    pixel_um: float
    origin_um: tuple[float, float] | None
    cells: tuple[np.ndarray, np.ndarray] | None
    seen: np.ndarray | None
    near_leds: bool
    waves_um: tuple[float, ...] = ()

    @property
    def is_phase(self) -> bool:
        return not np.iscomplexobj(self.images)

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.images.shape[1]), int(self.images.shape[2])


def read_truth(path: Path) -> TruthFile:
    """The truth of `neuralfield simulate KIND --truth T.h5`, or of a file with the same names.

    Raises
    ------
    InputError : where the file cannot be read, or holds neither `object` nor `phase_rad`.
    """
    with explained(path, "this is not an HDF5 file with the truth behind frames"), opened(path) as file:
        known = {name: np.asarray(value[()]) for name, value in file.items() if isinstance(value, h5py.Dataset)}
        known |= {name: np.asarray(value) for name, value in file.attrs.items()}
    name = next((n for n in ("object", "phase_rad") if n in known and known[n].ndim in (2, 3)), None)
    if name is None or "pixel_um" not in known:
        wanted = "object (y, x) or phase_rad (y, x), and pixel_um"
        names = ", ".join(sorted(known)[:12]) or "nothing"
        raise InputError(f"{path}: it holds {names}; a truth holds {wanted}, as simulate --truth writes it")
    images = known[name].astype(np.complex128 if name == "object" else np.float64)
    origin = known.get("origin_um")
    cells = (
        (known["cell_masks"].astype(bool), known["cell_z_um"]) if {"cell_masks", "cell_z_um"} <= set(known) else None
    )
    return TruthFile(
        path,
        images if images.ndim == 3 else images[None],
        pixel_um=float(known["pixel_um"]),
        origin_um=None if origin is None else (float(origin[0]), float(origin[1])),
        cells=cells,
        seen=known["seen"].astype(bool) if "seen" in known else None,
        near_leds="led_mm" in known,
        waves_um=tuple(known["wavelengths_um"].tolist()) if "wavelengths_um" in known else (),
    )


def score(
    result: Result,
    truth: TruthFile,
    where: str,
    *,
    free: Free | None = None,
    z_um: float | None = None,
    time: int | None = None,
) -> dict[str, Any]:
    """Figures of a field, JSON-ready: of each depth (or time), their mean, and of all pixels together.

    Parameters
    ----------
    result, truth : the field, and what it should be.
    where : the field's file, for errors.
    free : what is not told by frames; None: as the truth says.
    z_um : depth of the plane that is compared, um, where the truth names no depths; None: 0, or the field's own.
    time : number of the time, where there are several; None: all.

    Raises
    ------
    InputError : where the truth is that of other frames, or the field is not finite.
    """
    truth, colour = _one_colour(truth, result)
    chosen: Free = free or ("curvature" if truth.near_leds else "shift" if truth.seen is not None else "scale")
    rows: list[tuple[dict[str, float], list[_Judged]]] = []
    for number, field in _times(result.field, truth, where, time):
        for depth, masks in _depths(field, truth, chosen, z_um, where):
            parts = list(_parts(field, truth, result.optics, chosen, (number, depth, masks)))
            rows.append(({**_place(result.field, number), "z_um": depth}, parts))
    every, inner = [part for _, parts in rows for part in parts], _inner(truth, chosen)
    told = [{**place, **_figures(parts, every), **_shares(parts[0], inner)} for place, parts in rows]
    names = [name for name in told[0] if name not in ("z_um", "time", "time_s", "pixels")]
    mean = {name: float(np.mean([row[name] for row in told])) for name in names}
    return {
        "field": where,
        "truth": str(truth.path) + colour,
        "shape": list(truth.shape),
        "pixel_um": truth.pixel_um,
        "free": FREE[chosen] if every[0].amplitude else "a constant phase is free",
        "planes": told,
        "mean": mean,
        "all": {name: value for name, value in {**mean, **_figures(every, every)}.items() if name != "pixels"},
    }


def _one_colour(truth: TruthFile, result: Result) -> tuple[TruthFile, str]:
    """Of a truth in colours that of the field's, of a field in colours the middle one; and how that is said."""
    if len(truth.waves_um) < 2 or len(truth.waves_um) != len(truth.images):
        return truth, ""
    field = result.field
    if isinstance(field, ColourField):
        wave = float(field.wavelengths_um[field.middle])
    else:
        wave = float(result.optics.get("wavelength_um") or truth.waves_um[0])
    number = int(np.argmin(np.abs(np.array(truth.waves_um) - wave)))
    said = f", the colour {named_colour(truth.waves_um[number])} alone"
    return dataclasses.replace(truth, images=truth.images[number][None], waves_um=()), said


@dataclasses.dataclass(frozen=True)
class _Judged:
    """A region of a plane: its amplitude, where there is one, and phase beside the truth's; errors as powers."""

    phase: Compared
    amplitude: Compared | None
    misfit: float
    power: float


def _times(field: Field, truth: TruthFile, where: str, time: int | None) -> Iterator[tuple[int, Field]]:
    series = cast("TimeSeries", field).fields if field.type_name == "time-series" else [field]
    count = len(truth.images)
    if time is not None and not 0 <= time < count:
        raise InputError(f"option --time is {time}; {truth.path} holds times 0 to {count - 1}")
    if time is not None:
        yield time, series[time] if len(series) == count else series[0]
    elif len(series) != count:
        raise InputError(
            f"{where} and {truth.path} differ in their number of times, {len(series)} and {count}; choose one with "
            "--time, or take the truth of these frames"
        )
    else:
        yield from enumerate(series)


def _place(field: Field, number: int) -> dict[str, float]:
    times: Sequence[float] = getattr(field, "times_s", ())
    return {"time": number, "time_s": times[number]} if len(times) > number else {}


def _depths(
    field: Field, truth: TruthFile, free: Free, z_um: float | None, where: str
) -> list[tuple[float, list[np.ndarray]]]:
    """Each depth that is compared, and the regions in which: the cells that lie there, or all but the border."""
    low, high = field.extent.z_um
    if truth.cells is not None:
        masks, depths = truth.cells[0], np.round(truth.cells[1], 4)
        found = [(float(z), [masks[n] for n in np.flatnonzero(depths == z)]) for z in np.unique(depths)]
    elif truth.seen is not None:
        found = [(low if z_um is None and low == high else z_um or 0.0, [truth.seen])]
    else:
        inner = np.zeros(truth.shape, bool)
        inner[_inner(truth, free)] = True
        found = [(low if z_um is None and low == high else z_um or 0.0, [inner])]
    slack = 1e-3 * max(high - low, 1e-3)
    outside = [z for z, _ in found if low != high and not low - slack <= z <= high + slack]
    if outside:
        raise InputError(
            f"{where}: the truth has something at {outside[0]:g} um, but the field spans {low:g} to {high:g} um; "
            "reconstruct those depths, or name the depth to compare with --z-um"
        )
    return found


def _inner(truth: TruthFile, free: Free) -> tuple[slice, slice]:
    """All but a border, where an image may be worse."""
    border = PHASE_BORDER if truth.is_phase else BORDERS[free]
    border = min(border, min(truth.shape) // RIM)
    rows, columns = truth.shape
    return slice(border, rows - border), slice(border, columns - border)


def _parts(
    field: Field, truth: TruthFile, optics: Options, free: Free, at: tuple[int, float, list[np.ndarray]]
) -> Iterator[_Judged]:
    number, depth, masks = at
    y, x = _axes(field, truth, optics, np.logical_or.reduce(masks))
    plane, target = evaluate(field, depth, y, x)[0], truth.images[number]
    for mask in masks:
        phase_alone = truth.is_phase or not field.complex_valued
        yield _phases(plane, target, mask) if phase_alone else _both(plane, target, mask, free)


def _axes(field: Field, truth: TruthFile, optics: Options, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres of the truth, um; the field must hold those that are `used` (y, x)."""
    pixel, extent = truth.pixel_um, field.extent
    first = truth.origin_um
    if first is None:
        # a frame through focus is the mean over finer pixels, all others lie at its pixels' centres
        camera = float(optics.get("pixel_um", pixel)) if "condenser_na" in optics else pixel
        first = ((pixel - camera) / 2,) * 2
    axes = first[0] + pixel * np.arange(truth.shape[0]), first[1] + pixel * np.arange(truth.shape[1])
    sizes = [n * pixel for n in truth.shape]
    odd = any(not 1 / OTHER_SIZE <= a / b <= OTHER_SIZE for a, b in zip(sizes, extent.size_um, strict=True))
    for dim, axis in enumerate(axes):
        rows = axis[used.any(1 - dim)]
        low = extent.origin_um[dim] - extent.pixel_um / 2
        high = low + extent.size_um[dim]
        odd = odd or rows.min() < low - extent.pixel_um or rows.max() > high + extent.pixel_um
    if odd:
        raise InputError(
            f"{truth.path}: the truth is {sizes[0]:.4g} x {sizes[1]:.4g} um large (y, x), but the field "
            f"{extent.size_um[0]:.4g} x {extent.size_um[1]:.4g} um; take the truth behind the frames of this field"
        )
    return axes


def _both(plane: np.ndarray, target: np.ndarray, mask: np.ndarray, free: Free) -> _Judged:
    """Amplitude and phase of a complex plane beside a complex truth, both (y, x)."""
    found = aligned(plane, target, mask, free)
    turned = target * np.exp(-1j * np.angle(target[mask].mean()))
    phase = np.angle(turned)
    error = np.angle(found * target.conj())
    full = float(np.quantile(np.abs(target[mask]), BRIGHT)) if free == "curvature" else 1.0
    amplitude = np.abs(found)
    if free == "curvature":  # a factor of its own, as twins and curvature leave the amplitude alone
        amplitude = amplitude * (amplitude * np.abs(target))[mask].sum() / (amplitude**2)[mask].sum()
    return _Judged(
        Compared(phase + error, phase, mask, float(np.ptp(phase[mask]))),
        Compared(amplitude, np.abs(target), mask, full),
        misfit=float((np.abs(found - target)[mask] ** 2).sum()),
        power=float((np.abs(target)[mask] ** 2).sum()),
    )


def _phases(plane: np.ndarray, target: np.ndarray, mask: np.ndarray) -> _Judged:
    """Phase beside phase (y, x), rad, a constant taken out; where one of them is an angle, so is their difference."""
    if not np.isfinite(plane[mask]).all():
        raise InputError("the field is not finite where it is compared with the truth; reconstruct it")
    if np.iscomplexobj(plane) or np.iscomplexobj(target):
        given, wanted = (np.angle(one) if np.iscomplexobj(one) else one for one in (plane, target))
        error = np.angle(np.exp(1j * (given - wanted)))
        error = np.angle(np.exp(1j * (error - np.angle(np.exp(1j * error[mask]).mean()))))
    else:
        wanted, error = target, plane - target
    error = error - error[mask].mean()
    return _Judged(Compared(wanted + error, wanted, mask, float(np.ptp(wanted[mask]))), None, 0.0, 0.0)


def _figures(parts: Sequence[_Judged], every: Sequence[_Judged]) -> dict[str, float]:
    """Figures of regions together; the range of the phase is that of all regions."""
    span = max(part.phase.span for part in every)
    phases = [dataclasses.replace(part.phase, span=span) for part in parts]
    found = {"pixels": float(sum(int(part.phase.where.sum()) for part in parts))}
    amplitudes = [part.amplitude for part in parts if part.amplitude is not None]
    if amplitudes:
        found |= _named("amplitude", amplitudes)
    found |= _named("phase", phases)
    if amplitudes:
        misfit, power = (sum(getattr(part, name) for part in parts) for name in ("misfit", "power"))
        found["relative_error"] = float((misfit / power) ** 0.5)
    return found


def _named(name: str, pairs: Sequence[Compared]) -> dict[str, float]:
    known = figures(pairs)
    kept = {n: known[n] for n in ("psnr_db", "ssim", "mse")} | ({"rmse_rad": known["rmse"]} if name == "phase" else {})
    return {f"{name}_{n}": value for n, value in kept.items()}


def _shares(part: _Judged, inner: tuple[slice, slice]) -> dict[str, float]:
    """FM of the image and of the truth, all but their border."""
    pairs = {"phase": part.phase} | ({} if part.amplitude is None else {"amplitude": part.amplitude})
    return {
        f"{name}_{fm}": fourier_share(np.nan_to_num(image[inner]))
        for name, pair in sorted(pairs.items())
        for fm, image in (("fm", pair.found), ("fm_truth", pair.truth))
    }

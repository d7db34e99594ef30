"""What goes wrong with scans, one fault at a time: wrong numbers beside the frames, and spoiled frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_neuralfield.data.acquisition import CodedPtychography, Ptychography
from napari_neuralfield.simulate.scan_optics import speckle

from ..scan_worlds import beam

Scanned = Ptychography | CodedPtychography
Spoil = Callable[[Scanned, np.random.Generator], Scanned]
FULL = 255  # of 8 bits


def _pixel(scan: Scanned) -> float:
    return scan.sensor_pixel_um / scan.upsampling if isinstance(scan, CodedPtychography) else scan.object_pixel_um


def _places(change: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]) -> Spoil:
    """A fault of the positions (frame, 2), um, about their mean, given the pixel."""

    def spoil(scan: Scanned, rng: np.random.Generator) -> Scanned:
        place = np.asarray(scan.positions_um, dtype=float)
        middle = place.mean(0)
        return scan.replace(positions_um=middle + change(place - middle, _pixel(scan), rng))

    return spoil


def _light(change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Spoil:
    """A fault of the frames (frame, y, x)."""

    def spoil(scan: Scanned, rng: np.random.Generator) -> Scanned:
        return scan.replace(frames=change(np.array(scan.frames, np.float32), rng).astype(np.float32))

    return spoil


def _factor(rng: np.random.Generator, least: float, most: float) -> float:
    return float((1 + rng.uniform(least, most)) ** rng.choice([-1, 1]))


def _wrong_pixel(scan: Scanned, rng: np.random.Generator) -> Scanned:
    factor = _factor(rng, 0.06, 0.35)
    name = "sensor_pixel_um" if isinstance(scan, CodedPtychography) else "object_pixel_um"
    return scan.replace(**{name: getattr(scan, name) * factor})


def _wrong_length(name: str) -> Spoil:
    """Of wavelength or distance; in the far field the object's pixel follows."""

    def spoil(scan: Scanned, rng: np.random.Generator) -> Scanned:
        factor = _factor(rng, 0.08, 0.6)
        if isinstance(scan, CodedPtychography):
            coded_name = "surface_to_sensor_um" if name == "distance_um" else name
            return scan.replace(**{coded_name: getattr(scan, coded_name) * factor})
        changes = {name: getattr(scan, name) * factor}
        if scan.geometry == "far_field":
            changes["object_pixel_um"] = scan.object_pixel_um * factor
        return scan.replace(**changes)

    return spoil


def _wrong_probe(scan: Scanned, rng: np.random.Generator) -> Scanned:
    """Of the opposite defocus, another size, or no probe at all but a speckle."""
    n = scan.frame_shape[0]
    counts = float(np.mean(np.asarray(scan.frames).sum((1, 2))))
    spot = rng.uniform(0.15, 0.6) * n
    world = {"side": n, "radius": rng.uniform(0.1, 0.35), "stop": 0.0, "sign": int(rng.choice([-1, 1])), "spot": spot}
    probe = beam(world | {"waves": 0.0, "blur": 0.0}, rng)
    if rng.random() < 0.3:
        probe = probe * speckle((n, n), rng, grain=2.0, phase_rad=2.0, contrast=0.2)
    return scan.replace(probe=(counts**0.5 * probe / np.linalg.norm(probe)).astype(np.complex64))


def _wrong_geometry(scan: Scanned, rng: np.random.Generator) -> Scanned:
    if isinstance(scan, CodedPtychography):
        surface = np.asarray(scan.coded_surface)
        return scan.replace(coded_surface=np.roll(surface, tuple(rng.integers(5, 30, 2)), (0, 1)))
    other = "near_field" if scan.geometry == "far_field" else "far_field"
    changes: dict[str, object] = {"geometry": other}
    if other == "near_field":
        changes |= {"distance_um": scan.distance_um * scan.object_pixel_um / scan.detector_pixel_um}
    else:
        changes |= {"distance_um": scan.object_pixel_um**2 * scan.frame_shape[0] / scan.wavelength_um}
    return scan.replace(probe=None, **changes)


def _rolled(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    moves = np.cumsum(rng.normal(0, rng.uniform(0.3, 2), (len(frames), 2)), axis=0).round().astype(int)
    return np.array([np.roll(f, tuple(m), (0, 1)) for f, m in zip(frames, moves, strict=True)])


def _mixed(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    kind = rng.integers(3)
    if kind == 0:
        return np.roll(frames, int(rng.integers(1, 4)), axis=0)
    some = np.sort(rng.choice(len(frames), int(rng.uniform(0.3, 0.8) * len(frames)), replace=False))
    order = np.arange(len(frames))
    order[some] = some[::-1] if kind == 1 else rng.permutation(some)
    return frames[order]


def _dead(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    dead = rng.random(len(frames)) < rng.uniform(0.1, 0.4)
    frames[dead] = rng.poisson(0.02 * frames.mean(), frames[dead].shape)
    return frames


def _bad_pixels(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    share = rng.uniform(0.1, 0.4)
    n = frames.shape[1]
    bad = np.zeros(frames.shape[1:], bool)
    while bad.mean() < share:
        y, x, h, w = rng.integers(0, n), rng.integers(0, n), rng.integers(1, n // 4), rng.integers(1, n // 4)
        bad[y : y + h, x : x + w] = True
    frames[:, bad] = rng.choice([0.0, 1.0]) * frames.max() * 0.3
    return frames


def _speckle(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Frames that belong to no object: of the right mean, and grainy."""
    mean = frames.mean(0)
    return rng.poisson(mean * rng.exponential(1, frames.shape)).astype(np.float32)


def _turned(place: np.ndarray, pixel: float, rng: np.random.Generator) -> np.ndarray:
    angle = np.deg2rad(rng.uniform(4, 60)) * rng.choice([-1, 1])
    return place @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _drift(place: np.ndarray, pixel: float, rng: np.random.Generator) -> np.ndarray:
    time = np.linspace(-1, 1, len(place))[:, None]
    return place + pixel * (time * rng.normal(0, 6, 2) + time**2 * rng.normal(0, 4, 2))


def _serpentine(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every second line was recorded backwards, but the positions run all lines one way."""
    return frames[_lines(len(frames), lambda number, line: line[::-1] if number % 2 else line)]


def _lines_exchanged(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every two lines of a raster in the place of each other."""
    width = int(np.ceil(len(frames) ** 0.5))
    last = len(frames) // width - 1
    return frames[
        _lines(len(frames), lambda k, line: line if k == last and not k % 2 else line + (1 - k % 2 * 2) * width)
    ]


def _lines(count: int, change: Callable[[int, np.ndarray], np.ndarray]) -> np.ndarray:
    """Order of `count` frames of a raster whose lines are changed, each by its number."""
    width = int(np.ceil(count**0.5))
    whole = count // width * width
    lines = [change(k, np.arange(k * width, (k + 1) * width)) for k in range(whole // width)]
    return np.concatenate([*lines, np.arange(whole, count)])


def _moved(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All frames off the middle of the detector, dark where nothing was recorded."""
    moves = rng.integers(2, frames.shape[1] // 8, 2) * rng.choice([-1, 1], 2)
    moved = np.roll(frames, tuple(moves), (1, 2))
    for axis, move in enumerate(moves, 1):
        empty = slice(0, move) if move > 0 else slice(move, None)
        moved[(slice(None),) * axis + (empty,)] = 0
    return moved


def _binned(scan: Scanned, rng: np.random.Generator) -> Scanned:
    """Frames of half as many pixels, of which the owner says nothing; the object's pixel as of detector pixels that
    are taken to be as small as before."""
    frames = np.asarray(scan.frames, np.float32)
    rows, columns = (n // 2 for n in frames.shape[1:])
    frames = frames[:, : 2 * rows, : 2 * columns].reshape(len(frames), rows, 2, columns, 2).sum((2, 4))
    if isinstance(scan, CodedPtychography):
        surface = np.asarray(scan.coded_surface)
        return scan.replace(frames=frames, coded_surface=surface[: surface.shape[0] // 2, : surface.shape[1] // 2])
    pixel = scan.object_pixel_um * (2 if scan.geometry == "far_field" else 1)
    return scan.replace(frames=frames, object_pixel_um=pixel, probe=None)


def _pixel_by_two(scan: Scanned, rng: np.random.Generator) -> Scanned:
    name = "sensor_pixel_um" if isinstance(scan, CodedPtychography) else "object_pixel_um"
    return scan.replace(**{name: getattr(scan, name) * float(rng.choice([0.5, 2.0]))})


def _compressed(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures of the frames for the eye: logarithms or square roots."""
    return np.log1p(frames) if rng.random() < 0.7 else np.sqrt(frames)


def _half_dark(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The shutter was shut for every second frame, or for a half of the scan."""
    count = len(frames)
    dark = np.arange(count) % 2 == 1 if rng.random() < 0.5 else np.arange(count) >= count // 2
    frames[dark] = rng.poisson(0.02 * frames.mean(), frames[dark].shape)
    return frames


FAULTS: dict[str, Spoil] = {
    "wrong pixel": _wrong_pixel,
    "wrong wavelength": _wrong_length("wavelength_um"),
    "wrong distance": _wrong_length("distance_um"),
    "positions turned": _places(_turned),
    "positions mirrored": _places(lambda place, pixel, rng: place * (rng.permutation([1, -1]))),
    "axes exchanged": _places(lambda place, pixel, rng: place[:, ::-1]),
    "positions scaled": _places(lambda place, pixel, rng: place * _factor(rng, 0.05, 0.4)),
    "positions shuffled": _places(lambda place, pixel, rng: rng.permutation(place)),
    "position errors": _places(lambda place, pixel, rng: place + pixel * rng.normal(0, rng.uniform(1, 6), place.shape)),
    "drift": _places(_drift),
    "frames mixed": _light(_mixed),
    "wrong probe": _wrong_probe,
    "dead frames": _light(_dead),
    "saturation": _light(lambda frames, rng: np.minimum(frames, np.quantile(frames, rng.uniform(0.9, 0.995)))),
    "background": _light(lambda frames, rng: frames + rng.poisson(frames.mean() * rng.uniform(0.02, 1), frames.shape)),
    "wrong geometry": _wrong_geometry,
    "frames off centre": _light(_rolled),
    "overlap": lambda scan, rng: scan,
    "bad pixels": _light(_bad_pixels),
    "noise": _light(_speckle),
    "few counts": lambda scan, rng: scan,
    "raster": lambda scan, rng: scan,
    "lines run both ways": _light(_serpentine),
    "lines exchanged": _light(_lines_exchanged),
    "frames transposed": _light(lambda frames, rng: frames.swapaxes(1, 2).copy()),
    "detector off centre": _light(_moved),
    "half the frames dark": _light(_half_dark),
    "binned twice": _binned,
    "pixel wrong by two": _pixel_by_two,
    "frames compressed": _light(_compressed),
    "8 bits": _light(lambda frames, rng: np.minimum(frames, FULL)),
}
SPOT = ("wrong probe", "overlap", "raster", "lines run both ways", "lines exchanged", "8 bits")  # of far-field scans

"""Random scans with known truth, small enough that an answer takes seconds, and one fault in half of them.

Three of five are far-field scans of `bench.scan_worlds` (half of them blind), the others near-field and coded ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from napari_neuralfield.data.acquisition import CodedPtychography, Ptychography
from napari_neuralfield.simulate.scan_optics import speckle
from napari_neuralfield.simulate.scans import coded, near_field

from ..scan_truth import fitted, without_slow
from ..scan_worlds import beam, drawn, made

Scanned = Ptychography | CodedPtychography
Spoil = Callable[[Scanned, np.random.Generator], Scanned]
FIRST = 40_000  # seed of the worlds' own: none that was used elsewhere


def recorded(seed: int, fault: str) -> tuple[Scanned, dict[str, Any]]:
    """The scan of a world and its truth.

    Parameters
    ----------
    seed : of the world. fault : one of FAULTS, or '' for none.
    """
    rng = np.random.default_rng([50, seed])
    kind = "far" if fault in ("wrong probe", "overlap", "raster") else str(rng.choice(["far"] * 3 + ["near", "coded"]))
    acquisition, truth = {"far": _far, "near": _near, "coded": _coded}[kind](seed, fault, rng)
    return (FAULTS[fault](acquisition, rng) if fault else acquisition), truth


def error(result: Any, truth: Mapping[str, Any]) -> float:
    """Error of the complex object over the structure of the true one, what is slow left out; a flat one has 1."""
    target, pixel = truth["object"].astype(complex), truth["pixel_um"]
    y, x = (o + pixel * np.arange(n) for o, n in zip(truth["origin_um"], target.shape, strict=True))
    found = result.field.render([0.0], y, x)[0].detach().cpu().numpy().astype(complex)
    flat = without_slow(target, np.ones_like(target), truth["seen"])
    return fitted(found, target, truth["seen"])[0].get("fine", np.inf) / max(flat, 1e-9)


def _far(seed: int, fault: str, rng: np.random.Generator) -> tuple[Scanned, dict[str, Any]]:
    world: dict[str, Any] = {
        "side": 64, "frames": int(rng.integers(36, 64)), "counts": float(10 ** rng.uniform(3.7, 6)),
        "overlap": float(rng.uniform(0.6, 0.8)), "strength": float(rng.uniform(1, 2)),
    }  # fmt: skip
    world["spot"] = float(rng.uniform(0.25, 0.5) * 64)
    if fault == "few counts":
        world["counts"] = float(10 ** rng.uniform(1.3, 2.7))
    elif fault == "overlap":
        world["overlap"] = float(rng.uniform(-0.1, 0.35))
    elif fault == "raster":
        world |= {"path": "raster", "overlap": float(rng.uniform(0.2, 0.5)), "frames": 49}
    acquisition, truth, _ = made(FIRST + seed, **world)
    if rng.random() < 0.5:  # a probe of the right kind is given
        known = drawn(FIRST + seed) | world | {"waves": 0.0, "blur": 0.0}
        given = beam(known | {"spot": known["spot"] * rng.uniform(0.85, 1.15)}, rng)
        acquisition = acquisition.replace(probe=(known["counts"] ** 0.5 * given).astype(np.complex64))
    return acquisition, truth


def _near(seed: int, fault: str, rng: np.random.Generator) -> tuple[Scanned, dict[str, Any]]:
    counts = 10 ** (rng.uniform(-1.5, 0) if fault == "few counts" else rng.uniform(2, 4))
    return near_field(
        FIRST + seed, pixels=64, frames=int(rng.integers(16, 30)), spread=10.0, counts=counts, border=24,
        phantom=str(rng.choice(["cells", "texture", "star"])), distance_um=float(rng.uniform(600, 2000)),
    )  # fmt: skip


def _coded(seed: int, fault: str, rng: np.random.Generator) -> tuple[Scanned, dict[str, Any]]:
    photons = 10 ** (rng.uniform(-1, 0.5) if fault == "few counts" else rng.uniform(2.5, 4))
    return coded(
        FIRST + seed, pixels=24, upsampling=3, frames=int(rng.integers(20, 40)), spread=16.0, photons=photons,
        phantom=str(rng.choice(["cells", "texture", "star"])),
    )  # fmt: skip


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
}

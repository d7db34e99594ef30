"""Stage scans with planted places, put together again; errors over random worlds: `python -m bench.stitching`.

A world is a grid of fields that overlap by about a sixth. The stage has an error of its own at each place, turns and
scales its steps, and each field has its own offset and tilt of phase, its own gain, and noise.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import map_coordinates

from napari_neuralfield import Extent, Result, planes_of_images
from napari_neuralfield.app.stitching.stitch import stitch
from napari_neuralfield.app.wide.differences import difference
from napari_neuralfield.io import save_result

PIXEL = 0.5  # um


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """A stage scan.

    Parameters
    ----------
    files, table : fields, and what the stage says.
    places_px : (field, 2), true ones.
    turn_rad, scale : of the stage's steps.
    sample : (y, x) complex; place (0, 0) lies `margin` pixels from its first one.
    """

    files: list[Path]
    table: Path
    places_px: np.ndarray
    turn_rad: float
    scale: float
    sample: np.ndarray
    margin: int


def scene(rng: np.random.Generator, shape: tuple[int, int], finest: float = 0.2) -> np.ndarray:
    """A complex sample (y, x): blobs of texture, empty in between.

    Parameters
    ----------
    rng : of everything random.
    shape : of the sample.
    finest : cycles per pixel.
    """

    def texture(coarse: float, fine: float) -> np.ndarray:
        f = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1]))
        noise = np.fft.fft2(rng.standard_normal(shape))
        made = np.fft.ifft2(noise * (f > coarse) * (f < fine) / np.maximum(f, coarse)).real
        return np.asarray(made / made.std())

    where = 1 / (1 + np.exp(-6 * texture(0.004, 0.02)))
    phase, absorbed = where * (0.6 + 0.5 * texture(0.02, finest)), where * (0.2 + 0.1 * texture(0.02, finest))
    return np.asarray(np.exp(1j * phase - np.maximum(absorbed, 0)))


def world(folder: Path, seed: int, grid: tuple[int, int] = (3, 3), side: int = 160, noise: float = 0.03) -> World:
    """Fields in a folder, and what is true of them.

    Parameters
    ----------
    folder : to write to.
    seed : of everything random.
    grid : fields along y and x.
    side : of a field, px.
    noise : of each field, over the light.
    """
    rng = np.random.default_rng(seed)
    step, margin = round(side * 0.83), 24
    turn, scale = np.radians(rng.uniform(-2, 2)), 1 + rng.uniform(-0.01, 0.01)
    sample = scene(rng, (step * (grid[0] - 1) + side + 2 * margin, step * (grid[1] - 1) + side + 2 * margin))
    nominal = np.array([(r * step, c * step) for r in range(grid[0]) for c in range(grid[1])], dtype=float)
    turned = (nominal[:, 0] + 1j * nominal[:, 1] - _middle(nominal)) * scale * np.exp(1j * turn) + _middle(nominal)
    true = np.stack([turned.real, turned.imag], 1) + rng.normal(0, 3, nominal.shape)
    files = []
    y, x = np.mgrid[:side, :side].astype(float)
    for n, place in enumerate(true):
        at = [y + place[0] + margin, x + place[1] + margin]
        image = map_coordinates(sample.real, at, order=5) + 1j * map_coordinates(sample.imag, at, order=5)
        tilt = rng.uniform(-0.6, 0.6, 2) / side
        image = image * rng.uniform(0.9, 1.1) * np.exp(1j * (rng.uniform(-3, 3) + tilt[0] * y + tilt[1] * x))
        image = image + noise * (rng.standard_normal(y.shape) + 1j * rng.standard_normal(y.shape)) / 2**0.5
        field = planes_of_images(
            torch.from_numpy(image[None]).to(torch.complex64), [0.0], Extent((0, 0), y.shape, PIXEL)
        )
        files.append(folder / f"f{n:03d}.nfield")
        save_result(files[-1], Result(field))
    table = folder / "stage.csv"
    rows = [f"{f.name},{p[0] * PIXEL:.4f},{p[1] * PIXEL:.4f}" for f, p in zip(files, nominal, strict=True)]
    table.write_text("\n".join(["file,y_um,x_um", *rows]) + "\n")
    return World(files, table, true, turn, scale, sample, margin)


def _middle(places: np.ndarray) -> complex:
    return complex(*places.mean(0))


def errors_px(result: Result, true: World) -> np.ndarray:
    """Distance of each field from its true place, px (field,), when their means lie on each other.

    Parameters
    ----------
    result : of the world stitched.
    true : the world.
    """
    found = _found(result)
    return np.asarray(np.linalg.norm(found - found.mean(0) - true.places_px + true.places_px.mean(0), axis=1))


def picture_error(result: Result, true: World) -> float:
    """Root mean square of the whole field less the sample, over the light, best offset, tilt and gain of all taken out.

    Parameters
    ----------
    result : of the world stitched.
    true : the world.
    """
    field, inner = result.field, 12
    y, x = (axis[inner:-inner] for axis in field.extent.axes())
    values = field.render([0.0], y, x)[0].numpy()
    shift = true.places_px.mean(0) - _found(result).mean(0) + true.margin
    at = np.meshgrid(y / PIXEL + shift[0], x / PIXEL + shift[1], indexing="ij")
    sample = map_coordinates(true.sample.real, at, order=5) + 1j * map_coordinates(true.sample.imag, at, order=5)
    seen = field.covered(y, x)
    plane = difference((0, 1), ((values * seen)[None], (sample * seen)[None]), y, x)
    assert plane is not None
    tilt = (
        plane.plane[0] + plane.plane[1] * (y - plane.middle_um[0])[:, None] + plane.plane[2] * (x - plane.middle_um[1])
    )
    left = values * np.exp(-1j * tilt - plane.log_gain) - sample
    return float(np.sqrt((np.abs(left[seen]) ** 2).mean() / (np.abs(sample[seen]) ** 2).mean()))


def _found(result: Result) -> np.ndarray:
    return np.array([tile.extent.origin_um for tile in result.field.tiles]) / PIXEL


def stitched(true: World) -> Result:
    """The field of all.

    Parameters
    ----------
    true : the world.
    """
    events = stitch(true.files, true.table)
    try:
        while True:
            next(events)
    except StopIteration as end:
        found: Result = end.value
        return found


if __name__ == "__main__":
    print("world  rms px  largest px  turn error deg  scale error  picture error  CPU s")
    every = []
    for seed in range(int(sys.argv[1]) if sys.argv[1:] else 20):
        with tempfile.TemporaryDirectory() as name:
            true = world(Path(name), seed)
            start = time.process_time()
            result = stitched(true)
            seconds = time.process_time() - start
            off, picture = errors_px(result, true), picture_error(result, true)
        every.append(off)
        turned = np.degrees(result.figures["stage_turn_rad"] - true.turn_rad)
        longer = result.figures["stage_scale"] - true.scale
        figures = f"{np.sqrt((off**2).mean()):6.3f}  {off.max():10.3f}  {turned:14.3f}  {longer:11.5f}"
        print(f"{seed:5d}  {figures}  {picture:13.4f}  {seconds:5.1f}", flush=True)
    every_px = np.concatenate(every)
    print(f"all: rms {np.sqrt((every_px**2).mean()):.3f} px, largest {every_px.max():.3f} px")

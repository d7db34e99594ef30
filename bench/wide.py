"""Wide fields in tiles: `python -m bench.wide seam|corners|told|workers|overhead [SIDE [TILE [OVERLAP]]]`, in a folder.

seam      one microscope, frames of SIDE pixels: tiles against one piece, and a picture of the difference
corners   a pupil that changes by a wave from corner to corner, LED directions by 0.02 NA: corners against the middle
told      `simulate wide-field`, seeds 0 to SIDE - 1, its board and pupil told: tiles against the truth, and the light
workers   wall time with one and with two processes
overhead  a single tile against the ordinary way
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from scipy.ndimage import gaussian_filter

from napari_neuralfield import load_result, save_acquisition
from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.optics.pupil_field import PupilField
from napari_neuralfield.simulate.led_optics import Optics, led_frames, led_grid_na
from napari_neuralfield.simulate.phantoms import PHANTOMS
from napari_neuralfield.simulate.recording import expose, recorded
from napari_neuralfield.simulate.spectra import seen
from napari_neuralfield.simulate.wide_field import NearBoard, light_of_places, wide_field

FOLDER = Path(os.environ.get("WIDE_FOLDER", "wide"))
SEED = int(os.environ.get("WIDE_SEED", "0"))  # of the sample; choose another folder with it
UP, PIXEL, NA, WAVE = 3, 1.6, 0.1, 0.522
OPTICS = Optics(objective_na=NA, wavelength_um=WAVE, pixel_um=PIXEL)
SLOW = 8  # frame pixels: over so many and more a phase is told badly by any frame
PATCH = 128  # pixels from one pupil to the next
SPAN = int(os.environ.get("WIDE_SPAN", "0"))  # frame pixels over which pupil and directions change so much, if more
ELECTRONS = 20000.0
METHOD = (
    "--method", "fpm-sequential", "--z-um", "0", "--no-check-orientation", "--no-recover-pupil", "--no-recover-gain",
    "--momentum", "0.7", "--stop-below", "0",
)  # fmt: skip


def sample(side: int, seed: int = 0) -> np.ndarray:
    """Transmission minus 1 of cells on fine pixels (y, x)."""
    blocks = max(1, side // 128)
    rng = np.random.default_rng(seed)
    size = side * UP // blocks
    rows = [[PHANTOMS["cells"]((size, size), rng)[0].sum(0) for _ in range(blocks)] for _ in range(blocks)]
    return np.block(rows)


def constant(side: int) -> Path:
    """One microscope for the whole field."""
    path = FOLDER / f"constant{side}.acq.h5"
    if not path.exists():
        na, cells = led_grid_na(15, 1.2, 25.0, 0.24), sample(side, SEED)
        light = led_frames(cells[None], np.zeros(1), na, upsampling=UP, **OPTICS)
        _save(path, light, na, cells, {})
    return path


def varying(side: int) -> Path:
    """A pupil that changes by a wave of astigmatism and defocus from corner to corner, directions by 0.02 NA."""
    path = FOLDER / f"varying{side}.acq.h5"
    if path.exists():
        return path
    na, cells = led_grid_na(15, 1.2, 25.0, 0.24), sample(side, SEED)
    span_mm = max(side, SPAN) * PIXEL / 1000
    height = span_mm * np.sqrt(2) / 0.02
    middle = np.array([(side - 1) / 2 * PIXEL] * 2)
    slope = 2 * np.pi / (2 * span_mm) / np.sqrt(2)  # of each term, rad/mm along y and x: a wave along the diagonal
    field = PupilField((5, 6), np.array([[0, slope, slope], [0, slope, -slope]])).moved(-middle)
    told = {"led_height_mm": height, "optical_axis_um": middle, "directions_at_um": middle, "pupil_field": field.table}
    board = NearBoard(na, height, middle, field)
    _save(path, light_of_places(1 + cells, board, side // PATCH, upsampling=UP, optics=OPTICS), na, cells, told)
    return path


def _save(path: Path, light: np.ndarray, na: np.ndarray, cells: np.ndarray, told: dict[str, object]) -> None:
    rng = np.random.default_rng(1)
    counts = np.stack([expose(frame[None], ELECTRONS, rng)[0] for frame in light])
    acquisition = recorded(LedArray, counts, "wide field", illumination_na=na, **OPTICS).replace(**told)
    save_acquisition(path, acquisition)
    truth = seen(1 + cells, PIXEL / UP, na / WAVE, NA / WAVE).astype(np.complex64)
    with h5py.File(path.with_name(f"{path.name}.truth.h5"), "w") as file:
        file["object"] = truth


def run(path: Path, output: str, *more: str) -> float:
    """Reconstruct by the command line; the seconds it took on the clock."""
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "napari_neuralfield",
        "reconstruct",
        str(path),
        *METHOD,
        "-o",
        str(FOLDER / output),
    ]
    subprocess.run([*command, "--overwrite", *more], check=True)
    return time.perf_counter() - started


def plane(name: str) -> np.ndarray:
    """The field (y, x) on its own grid."""
    field = load_result(FOLDER / name).field
    y, x = field.extent.axes()
    return np.concatenate([field.render([0.0], part, x)[0].cpu().numpy() for part in np.array_split(y, 8)])


def aligned(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Values times the complex factor, and the plane of phase, that bring them nearest to a truth.

    The plane is that of least squares: one from step to step would be what the two borders say.
    """
    y, x = (np.linspace(-1, 1, n) for n in values.shape)
    for _ in range(5):
        product = truth * np.conj(values)
        product = product * np.exp(-1j * np.angle(product.sum()))
        weight, phase = np.abs(product), np.angle(product)
        slope_y = np.vdot(weight * y[:, None], phase) / np.vdot(weight, np.broadcast_to(y[:, None] ** 2, phase.shape))
        slope_x = np.vdot(weight * x, phase) / np.vdot(weight, np.broadcast_to(x**2, phase.shape))
        values = values * np.exp(1j * (slope_y * y[:, None] + slope_x * x))
    return values * (np.vdot(values, truth) / np.vdot(values, values))


def psnr(values: np.ndarray, truth: np.ndarray) -> float:
    """Of a complex field, dB, against the largest amplitude of the truth."""
    return float(10 * np.log10(np.abs(truth).max() ** 2 / (np.abs(values - truth) ** 2).mean()))


def picture(difference: np.ndarray, name: str, top: float) -> None:
    """The size of a difference as a grey picture, white at `top`."""
    from PIL import Image

    step = max(1, max(difference.shape) // 1024)
    Image.fromarray((255 * np.clip(np.abs(difference[::step, ::step]) / top, 0, 1)).astype(np.uint8)).save(
        FOLDER / name
    )


def seam(side: int, tile: int, overlap: int) -> None:
    path = constant(side)
    if not (FOLDER / f"one{side}.nfield").exists():
        run(path, f"one{side}.nfield")
    name = f"tiles{side}_{tile}_{overlap}.nfield"
    run(path, name, "--tile-px", str(tile), "--overlap-px", str(overlap))
    one, many = plane(f"one{side}.nfield"), plane(name)
    many = aligned(many, one)
    with h5py.File(path.with_name(f"{path.name}.truth.h5")) as file:
        truth = file["object"][()]
    plan = json.loads((FOLDER / name / "plan.json").read_text())
    shared = np.zeros(one.shape, int)
    for each in plan["tiles"]:
        y0, x0, y1, x1 = (UP * n for n in each["box_px"])
        shared[y0:y1, x0:x1] += 1
    inner = np.zeros(one.shape, bool)
    inner[UP * 16 : -UP * 16, UP * 16 : -UP * 16] = True  # the frame's own border is another matter: it repeats
    for where, mask in (("overlaps", (shared > 1) & inner), ("elsewhere", (shared == 1) & inner)):
        print(f"{side} {tile} {overlap}: tiles against one piece, {where}: {psnr(many[mask], one[mask]):.2f} dB")
    ratio = many * np.conj(one)
    slow = gaussian_filter(ratio.real, SLOW * UP) + 1j * gaussian_filter(ratio.imag, SLOW * UP)
    fast = many * np.exp(-1j * np.angle(slow))
    for where, mask in (("overlaps", (shared > 1) & inner), ("elsewhere", (shared == 1) & inner)):
        print(f"  without phase that is slow over {SLOW} pixels, {where}: {psnr(fast[mask], one[mask]):.2f} dB")
    step = np.abs(np.angle(ratio[1:] * np.conj(ratio[:-1])))
    lines = sorted({UP * each["core_px"][0] for each in plan["tiles"]} - {0})
    at, usual = np.median(step[lines]), np.median(step)
    print(f"  step of the phase difference across the {len(lines)} borders: {at:.2e} rad, anywhere: {usual:.2e} rad")
    for what, values in (("one piece", one), ("tiles", many)):
        print(f"  {what} against the truth: {psnr(aligned(values, truth)[inner], truth[inner]):.2f} dB")
    picture(many - one, f"difference{side}_{tile}_{overlap}.png", 0.05)


def corners(side: int, tile: int, overlap: int) -> None:
    path, name = varying(side), f"varying{side}_{tile}.nfield"
    seconds = run(path, name, "--tile-px", str(tile), "--overlap-px", str(overlap), "--workers", "2")
    with h5py.File(path.with_name(f"{path.name}.truth.h5")) as file:
        truth = file["object"][()]
    found, n, part = plane(name), side * UP, UP * 256
    rim = UP * 24
    starts = [(a, b) for a in (rim, n - part - rim) for b in (rim, n - part - rim)]
    values = []
    for label, (a, b) in zip(
        ("corner", "corner", "corner", "corner", "middle"), [*starts, ((n - part) // 2,) * 2], strict=True
    ):
        box = np.s_[a : a + part, b : b + part]
        values.append(psnr(aligned(found[box], truth[box]), truth[box]))
        print(f"{side}: {label} {values[-1]:.2f} dB")
    whole = np.s_[rim:-rim, rim:-rim]
    print(f"{side}: whole {psnr(aligned(found[whole], truth[whole]), truth[whole]):.2f} dB, {seconds:.0f} s")
    picture(aligned(found[whole], truth[whole]) - truth[whole], f"corners{side}_{tile}.png", 0.1)


def told(seeds: int, tile: int, overlap: int) -> None:
    for seed in range(seeds):
        acquisition, truth = wide_field(seed)
        axis = {"led_height_mm": truth["led_height_mm"], "optical_axis_um": truth["optical_axis_um"]}
        known = {**axis, "directions_at_um": truth["optical_axis_um"], "pupil_field": truth["pupil_field"]}
        name, wanted = f"told{seed}.nfield", truth["object"]
        path = FOLDER / f"told{seed}.acq.h5"
        path.unlink(missing_ok=True)
        save_acquisition(path, acquisition.replace(**known))
        run(path, name, "--tile-px", str(tile), "--overlap-px", str(overlap))
        inner = np.s_[8 * UP : -8 * UP, 8 * UP : -8 * UP]
        level = load_result(FOLDER / name).verdict.level
        print(f"seed {seed}: {psnr(aligned(plane(name)[inner], wanted[inner]), wanted[inner]):.2f} dB, {level}")


def workers(side: int, tile: int, overlap: int) -> None:
    path = constant(side)
    took = [
        run(path, "w.nfield", "--tile-px", str(tile), "--overlap-px", str(overlap), "--workers", str(n)) for n in (1, 2)
    ]
    print(f"{side} {tile}: one worker {took[0]:.1f} s, two {took[1]:.1f} s: {took[1] / took[0]:.2f}")
    print(f"the machine's load was {os.getloadavg()[0]:.1f}: a figure for a quiet one")


def overhead(side: int, tile: int, overlap: int) -> None:
    path = constant(side)
    pairs = [(run(path, "p.nfield"), run(path, "t.nfield", "--tile-px", str(side))) for _ in range(3)]
    plain, tiled = np.median(pairs, 0)
    print(f"{side}: one piece {plain:.2f} s, one tile {tiled:.2f} s: {100 * (tiled / plain - 1):+.1f} %")


def main(argv: Sequence[str]) -> None:
    """What to run, and the sizes."""
    FOLDER.mkdir(exist_ok=True)
    sizes = [*map(int, argv[1:]), *(512, 256, 32)[len(argv) - 1 :]]
    {"seam": seam, "corners": corners, "told": told, "workers": workers, "overhead": overhead}[argv[0]](*sizes)


if __name__ == "__main__":
    main(sys.argv[1:])

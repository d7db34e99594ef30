"""What a whole slide takes, from what tiles cost here: `python -m bench.slide_plan`; `--measure` makes the tiles anew.

Measured: tiles on one core, each in a process of its own. Assumed, and to be given: how many cores a card is worth,
what storage moves, and prices. docs/whole_slides.md explains the tables.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from napari_neuralfield.app.wide.differences import difference
from napari_neuralfield.data.acquisition import Acquisition, LedArray
from napari_neuralfield.io import load_result, open_acquisition, save_acquisition, save_result
from napari_neuralfield.recon.engine import preparing
from napari_neuralfield.recon.engine.recipe import build, run
from napari_neuralfield.simulate.led_optics import led_frames, led_grid_na
from napari_neuralfield.simulate.phantoms import PHANTOMS
from napari_neuralfield.types import Done, Result

from .cases import OUT

KEPT = OUT / "slide_plan.json"
OPTICS = {"objective_na": 0.1, "wavelength_um": 0.522, "pixel_um": 1.6}
LIMIT_NA, UPSAMPLING = 0.3, 4
DEPTHS = 41
PLAIN = {"calibrate": False, "board": "given", "check_orientation": False}
OVERLAP, CHUNK, SCREEN = 32, 256, (1080, 1920)  # frame pixels; pixels; pixels (y, x)
Row = dict[str, float]
MEASURED: list[Row] = [  # on one core of an AMD EPYC that others used too, November 2026
    {
        "side": 256, "leds": 89, "depths": 1, "object_side": 768, "seconds": 9.39, "verdict": 2.97, "writing":
        0.03, "start_mb": 317.3, "peak_mb": 794.8, "frames_mb": 1.97, "field_mb": 1.2,
    },
    {
        "side": 256, "leds": 89, "depths": 41, "object_side": 768, "seconds": 41.3, "verdict": 2.83,
        "writing": 0.15, "start_mb": 317.5, "peak_mb": 1763.9, "frames_mb": 1.97, "field_mb": 46.1, "opening":
        0.015, "showing": 0.007, "joining": 0.035,
    },
    {
        "side": 256, "leds": 197, "depths": 41, "object_side": 768, "seconds": 94.4, "verdict": 3.94,
        "writing": 0.12, "start_mb": 317.4, "peak_mb": 3984.3, "frames_mb": 4.67, "field_mb": 45.4,
    },
    {
        "side": 512, "leds": 89, "depths": 41, "object_side": 1536, "seconds": 330.5, "verdict": 4.38,
        "writing": 1.18, "start_mb": 317.3, "peak_mb": 7399.4, "frames_mb": 5.65, "field_mb": 184.3,
    },
]  # fmt: skip
TILES = [(256, 89, 1), (256, 89, DEPTHS), (256, 197, DEPTHS), (512, 89, DEPTHS)]


def tile(side: int, leds: int) -> LedArray:
    """A tile as a camera sees it.

    Parameters
    ----------
    side : frame pixels along each side.
    leds : how many: 89 or 197, all within a circle of the board.
    """
    rng = np.random.default_rng(0)
    reach = {89: 26**0.5, 197: 8.0}[leds]
    pitch = LIMIT_NA / np.sqrt(1 - LIMIT_NA**2) * 50 / reach
    na = led_grid_na(17, pitch, 50.0, LIMIT_NA + 1e-6)
    assert len(na) == leds, len(na)
    cells = PHANTOMS["cells"]((UPSAMPLING * side,) * 2, rng)[0].sum(0)
    light = led_frames(cells[None], np.zeros(1), na, upsampling=UPSAMPLING, **OPTICS)
    frames = rng.poisson(8000 * light).astype(np.uint16)
    return LedArray(frames=frames, illumination_na=na, title="tile", **OPTICS)


def measure(file: Path, depths: int) -> Row:
    """Seconds of processor time, peak memory and bytes of one tile; to be run in a process of its own.

    Parameters
    ----------
    file : the tile's frames.
    depths : planes; 1 is the plane in focus.
    """
    acquisition, half = open_acquisition(file), depths // 2
    options = {"z_um": (-half, half), "planes": depths} if depths > 1 else {"z_um": 0.0}
    recipe = build("fpm-sequential", {**PLAIN, **options})
    judging = []

    def judged(result: Result, frames: Acquisition) -> Result:
        start = time.process_time()
        found = preparing_judged(result, frames)
        judging.append(time.process_time() - start)
        return found

    preparing_judged, preparing.judged = preparing.judged, judged
    ready, start, wall = _peak_mb(), time.process_time(), time.perf_counter()
    *_, done = run(acquisition, recipe)
    seconds, passed = time.process_time() - start, time.perf_counter() - wall
    assert isinstance(done, Done)
    peak = _peak_mb()
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "tile.nfield"
        start = time.process_time()
        save_result(result, done.result)
        writing, size = time.process_time() - start, result.stat().st_size
        looking = looked_at(result)
    return {
        "side": acquisition.frame_shape[0], "leds": acquisition.frame_count, "depths": depths,
        "object_side": done.result.field.extent.shape[0], "seconds": seconds, "verdict": sum(judging), "wall": passed,
        "writing": writing, "start_mb": ready, "peak_mb": peak, "frames_mb": file.stat().st_size / 2**20,
        "field_mb": size / 2**20, **looking,
    }  # fmt: skip


def looked_at(file: Path) -> Row:
    """Seconds of processor time to open a tile, to show all of it at one depth, and to join it to a neighbour.

    Parameters
    ----------
    file : its field.
    """
    start = time.process_time()
    field = load_result(file).field
    opened = time.process_time()
    y, x = field.extent.axes()
    depth = float(np.mean(field.extent.z_um))
    field.render([depth], y, x)
    shown = time.process_time()
    strip = np.arange(OVERLAP * 0.6) * OPTICS["pixel_um"]
    along, depths = np.arange(y[0], y[-1], OPTICS["pixel_um"]), np.linspace(*field.extent.z_um, 5)[1:-1]
    values = [field.render(depths, strip, along).numpy() for _ in range(2)]
    difference((0, 1), (values[0], values[1]), strip, along)
    return {"opening": opened - start, "showing": shown - opened, "joining": time.process_time() - shown}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured() -> list[Row]:
    """Every tile of TILES, one after the other."""
    found = []
    OUT.mkdir(exist_ok=True)
    for side, leds, depths in TILES:
        file = OUT / f"tile-{side}-{leds}.acq.h5"
        if not file.exists():
            _alone("--make", str(file), str(side), str(leds))
        found.append(json.loads(_alone("--one", str(file), str(depths))))
        print(json.dumps(found[-1]), flush=True)
        KEPT.write_text(json.dumps(found, indent=1))
    return found


def _alone(*arguments: str) -> str:
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bench.slide_plan", *arguments]
    return subprocess.run(command, env=one, check=True, capture_output=True, text=True).stdout


@dataclasses.dataclass(frozen=True)
class Slide:
    """What is wanted.

    Parameters
    ----------
    pixels : of the field along a side.
    leds, depths : frames and planes.
    tile : the measured one whose cost is scaled; its overlap is OVERLAP frame pixels.
    """

    pixels: int
    leds: int
    depths: int
    tile: Row

    @property
    def tiles(self) -> int:
        """How many."""
        fine = self.tile["object_side"] / self.tile["side"]
        return math.ceil(self.pixels / fine / (self.tile["side"] - OVERLAP)) ** 2

    @property
    def work(self) -> float:
        """LEDs and depths, over those of the measured tile: what its seconds grow with."""
        return self.leds * self.depths / (self.tile["leds"] * self.tile["depths"])

    @property
    def core_s(self) -> float:
        """Seconds of one core for a tile."""
        return (self.tile["seconds"] - self.tile["verdict"]) * self.work + self.tile["verdict"] + self.tile["writing"]

    @property
    def raw_bytes(self) -> float:
        """Of the frames that a tile reads, 2 bytes a pixel."""
        return 2.0 * self.leds * self.tile["side"] ** 2

    @property
    def field_bytes(self) -> float:
        """Of the field of a tile."""
        return self.tile["field_mb"] * 2**20 * self.depths / self.tile["depths"]

    @property
    def frames_bytes(self) -> float:
        """Of all frames, without overlaps."""
        return 2.0 * self.leds * (self.pixels * self.tile["side"] / self.tile["object_side"]) ** 2


def table_of_cost(slide: Slide, given: argparse.Namespace) -> list[str]:
    """Rows of Markdown, a row for each machine.

    Parameters
    ----------
    slide : what is wanted.
    given : cores that a card is worth, GB/s of storage, prices of an hour.
    """
    core_s = slide.tiles * slide.core_s
    moved = slide.tiles * (slide.raw_bytes + slide.field_bytes)
    storage = moved / (given.storage_gb_s * 1e9)
    machines = [(f"{n} core{'s' * (n > 1)}", n, given.core_hour) for n in (1, 200)]
    machines += [(f"{n} card{'s' * (n > 1)}", n * given.card_cores, given.card_hour) for n in (1, 8, 64)]
    rows = ["| on | computing | reading and writing | whole run | bottleneck | money |", "|---|---|---|---|---|---|"]
    for name, worth, price in machines:
        computing, count = core_s / worth, int(name.split()[0])
        whole = max(computing, storage)
        limit = "computing" if computing >= storage else "storage"
        money = f"{whole / 3600 * count * price:,.0f}"
        rows.append(f"| {name} | {_time(computing)} | {_time(storage)} | {_time(whole)} | {limit} | {money} |")
    return rows


def table_of_bytes(slide: Slide) -> list[str]:
    """Rows of Markdown: what lies on disk, and what a viewer asks for.

    Parameters
    ----------
    slide : what is wanted.
    """
    fine = slide.tile["object_side"] / slide.tile["side"]
    core = (slide.tile["side"] - OVERLAP) * fine
    screen = math.prod(math.ceil(n / core) + 1 for n in SCREEN)
    chunks = math.prod(math.ceil(n / CHUNK) + 1 for n in SCREEN)
    phase, whole, a_tile = 4.0 * slide.pixels**2 * 4 / 3, slide.tiles * slide.field_bytes, _bytes(slide.field_bytes)
    sent = f"a screen of {SCREEN[1]} x {SCREEN[0]}: {chunks} chunks of {CHUNK} x {CHUNK}, float32, sent"
    return [
        "| what | bytes |", "|---|---|",
        f"| frames, {slide.leds} of 2 bytes a pixel, without what they share | {_bytes(slide.frames_bytes)} |",
        f"| the field: {slide.tiles:,} tiles of {a_tile} | {_bytes(whole)} |",
        f"| phase of one depth as OME-Zarr (float32, with its pyramid) | {_bytes(phase)} |",
        f"| phase of all {slide.depths} depths as OME-Zarr | {_bytes(phase * slide.depths)} |",
        f"| memory of a worker | {_bytes(slide.tile['peak_mb'] * 2**20)} |",
        f"| {sent} | {_bytes(chunks * CHUNK**2 * 4.0)} |",
        f"| the {screen} tiles below it, read when first seen | {_bytes(screen * slide.field_bytes)} |",
    ]  # fmt: skip


def table_of_tiles(found: list[Row]) -> list[str]:
    """Rows of Markdown: what was measured.

    Parameters
    ----------
    found : of each tile.
    """
    rows = [
        "| frame pixels | LEDs | depths | core s | ns per pixel, LED, depth | memory | field | open, show, join |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        each = 1e9 * (row["seconds"] - row["verdict"]) / (row["side"] ** 2 * row["leds"] * row["depths"])
        looked = ", ".join(f"{row[name]:.3f} s" for name in ("opening", "showing", "joining") if name in row)
        size = f"{row['side']:.0f} x {row['side']:.0f}"
        rows.append(
            f"| {size} | {row['leds']:.0f} | {row['depths']:.0f} | {row['seconds']:.0f} | "
            f"{each:.0f} | {row['peak_mb'] / 1024:.1f} GB | {row['field_mb']:.0f} MB | {looked} |"
        )
    return rows


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            break
        count, unit = count / 1000, {"B": "kB", "kB": "MB", "MB": "GB", "GB": "TB"}[unit]
    return f"{count:.3g} {unit}"


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--measure", action="store_true", help="make the tiles anew")
    for name, value, what in (
        ("--pixels", 100_000, "of the field along a side"),
        ("--leds", 200, "frames"),
        ("--depths", DEPTHS, "planes"),
        ("--tile-px", 256, "frame pixels of a tile along a side"),
        ("--card-cores", 100, "cores that a card is worth: assumed, not measured"),
        ("--storage-gb-s", 2.0, "what the storage reads and writes in all"),
        ("--core-hour", 0.04, "price of an hour of one core"),
        ("--card-hour", 3.0, "price of an hour of one card"),
    ):
        options.add_argument(name, type=type(value), default=value, help=what)
    given = options.parse_args()
    found = measured() if given.measure else MEASURED
    tile = max((r for r in found if r["side"] == given.tile_px and r["depths"] > 1), key=lambda r: r["leds"])
    slide = Slide(given.pixels, given.leds, given.depths, tile)
    for title, rows in (
        ("tiles, measured", table_of_tiles(found)),
        ("bytes", table_of_bytes(slide)),
        ("time and money", table_of_cost(slide, given)),
    ):
        print(f"\n{title}\n", *rows, sep="\n")
    pairs, each = 2 * slide.tiles, max(row.get("joining", 0.0) for row in found)
    print(f"\njoining {pairs:,} overlaps, one after the other: {_time(pairs * each)} of one core")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        save_acquisition(sys.argv[2], tile(int(sys.argv[3]), int(sys.argv[4])))
    elif sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        main()

"""Joining the overlaps of a run in tiles, here and in processes: `python -m bench.joining [ROWS [SIDE [WORKERS]]]`.

ROWS x ROWS tiles of noise, SIDE pixels, nine depths, each with a phase of its own; what is found is held against it.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import torch

from napari_neuralfield import Extent, Result, planes_of_images, save_result
from napari_neuralfield.app.wide.cost import Cost
from napari_neuralfield.app.wide.executor import executor
from napari_neuralfield.app.wide.mosaic import looked_at, overlaps, placed_tiles, reconciled
from napari_neuralfield.app.wide.pieces import Ended, Piece
from napari_neuralfield.app.wide.plan import PlannedTile, WidePlan
from napari_neuralfield.data.tiles import even_tiles
from napari_neuralfield.io.results.tiled_folder import tile_file

FOLDER = Path(os.environ.get("JOINING_FOLDER", "joining"))
DEPTHS, PIXEL = np.linspace(-8, 8, 9), 0.5


def made(rows: int, side: int) -> tuple[WidePlan, np.ndarray]:
    """Tiles on disk, their plan, and the phase of each, rad."""
    overlap = side // 8
    whole = rows * (side - overlap) + overlap
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    noise = torch.nn.functional.avg_pool2d(torch.randn(2, whole + 4, whole + 4, generator=generator), 5, 1)
    picture = torch.polar(1 + 0.5 * noise[0], noise[1])
    phases, tiles = [], []
    for row, line in enumerate(even_tiles((whole, whole), side, overlap)):
        for column, tile in enumerate(line):
            (y, x), core = tile.padded, tile.core
            name, phase = f"r{row:03d}c{column:03d}", float(rng.uniform(-3, 3))
            own = Extent((-8.0, 8.0), (side, side), PIXEL, (y.start * PIXEL, x.start * PIXEL))
            part = picture[y, x] * np.exp(-1j * phase)
            stack = part.to(torch.complex64).expand(len(DEPTHS), -1, -1)
            save_result(tile_file(FOLDER, name), Result(planes_of_images(stack, list(DEPTHS), own)))
            phases.append(phase)
            box, middle = (y.start, x.start, y.stop, x.stop), (core[0].start, core[1].start, core[0].stop, core[1].stop)
            tiles.append(PlannedTile(name, box, middle, 0, (0.0, 0.0)))
    plan = WidePlan(
        file="", content={}, chosen={}, options={}, tile_px=side, overlap_px=overlap, shape_px=(whole, whole),
        pixel_um=PIXEL, origin_um=(0.0, 0.0), tiles=tuple(tiles), cost=Cost(1.0, 1.0, 1.0),
    )  # fmt: skip
    return plan, np.array(phases)


def main(argv: list[str]) -> None:
    rows, side, workers = [*map(int, argv), *(8, 192, 2)[len(argv) :]]
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "tiles").mkdir(parents=True)
    plan, phases = made(rows, side)
    tiles = placed_tiles(plan, FOLDER, {})
    print(f"{len(tiles)} tiles of {side} pixels; the machine's load is {os.getloadavg()[0]:.1f}")
    for number in (None, workers):
        pieces = [Piece(f"{n}", looked_at, (some,)) for n, some in enumerate(overlaps(plan, tiles))]
        with executor(number).kept() as where:  # as after the tiles were made: the processes are there
            list(where.run([Piece(f"ready {n}", looked_at, (overlaps(plan, tiles[:2])[0],)) for n in range(workers)]))
            began, cpu = time.perf_counter(), time.process_time()
            ends = [one for one in where.run(pieces) if isinstance(one, Ended)]
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        found = [one for end in ends for one in end.outcome]  # type: ignore[attr-defined]
        given = np.array([tile.correction.phase_rad for tile in reconciled(tiles, found)])
        off = np.angle(np.exp(1j * (given - phases)) * np.exp(-1j * (given - phases)[0]))
        what = "in this process" if number is None else f"in {number} processes"
        print(
            f"{what}: {wall:.2f} s ({cpu:.2f} CPU s here), {len(found)} overlaps, phases off by {np.ptp(off):.1e} rad"
        )
    shutil.rmtree(FOLDER)


if __name__ == "__main__":
    main(sys.argv[1:])

"""A slide of many tiles seen as a whole, with its overview and without: `python -m bench.overview [ROWS [SIDE]]`.

Tiles of one noise, SIDE pixels, five depths, ROWS x ROWS of them; the whole on 1000 pixels, and what is open then.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import torch

from napari_neuralfield import Extent, Result, load_result, planes_of_images, save_result
from napari_neuralfield.fields.tiled import PlacedTile, TiledField
from napari_neuralfield.io.results import overview_files
from napari_neuralfield.io.results.tiled_folder import bytes_of, open_tile, tile_file, write_index

FOLDER = Path(os.environ.get("OVERVIEW_FOLDER", "overview"))
DEPTHS, OVERLAP, SCREEN = [-4.0, -2.0, 0.0, 2.0, 4.0], 32, 1000


def slide(rows: int, side: int) -> tuple[Path, TiledField]:
    """A folder of tiles, without its index."""
    folder = FOLDER / f"slide{rows}_{side}.nfield"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tiles").mkdir(parents=True)
    noise = torch.randn(len(DEPTHS), side, side, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    own = Extent((DEPTHS[0], DEPTHS[-1]), (side, side), 0.5)
    save_result(FOLDER / "tile.nfield", Result(planes_of_images(1 + 0.3 * noise, DEPTHS, own)))
    step, tiles = (side - OVERLAP) * 0.5, []
    for row, column in np.ndindex(rows, rows):
        file = tile_file(folder, f"r{row:03d}c{column:03d}")
        shutil.copyfile(FOLDER / "tile.nfield", file)
        y, x = row * step, column * step
        extent, rim = Extent(own.z_um, own.shape, 0.5, (y, x)), OVERLAP * 0.25
        core = y + rim, x + rim, y + side * 0.5 - rim, x + side * 0.5 - rim
        tiles.append(PlacedTile(file.stem, extent, core, lambda file=file: open_tile(file)))
    whole = (side - OVERLAP) * rows + OVERLAP
    return folder, TiledField(extent=Extent(own.z_um, (whole, whole), 0.5), tiles=tiles)


def looked(folder: Path, what: str) -> np.ndarray:
    """The whole on a screen: seconds and tiles for a first depth, and for the next one."""
    field = load_result(folder).field
    pixel = field.extent.pixel_um * 2 ** np.ceil(np.log2(field.extent.shape[0] / SCREEN))
    y, x = field.extent.axes(pixel)
    for z in (0.0, 1.1):
        wall, cpu = time.perf_counter(), time.process_time()
        values = field.render([z], y, x)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(
            f"{what}, {len(y)} x {len(x)} pixels at {z} um: {wall:.3f} s ({cpu:.3f} CPU s), {field.opened} tiles open"
        )
    return values.numpy()


def main(argv: list[str]) -> None:
    rows, side = [*map(int, argv), *(20, 256)[len(argv) :]]
    folder, field = slide(rows, side)
    write_index(folder, Result(field))
    print(f"{rows * rows} tiles, {bytes_of(folder) / 1e6:.0f} MB; the machine's load is {os.getloadavg()[0]:.1f}")
    without = looked(folder, "without overview")
    cpu = time.process_time()
    write_index(folder, Result(field), overview_files.write(folder, field))
    sizes = json.loads((folder / "index.json").read_text())["overview"]["levels"]
    size = sum(level["bytes"] for level in sizes) / 1e6
    print(f"the overview: {time.process_time() - cpu:.1f} CPU s, {size:.0f} MB in {len(sizes)} levels")
    seen = looked(folder, "with overview")
    print(f"largest difference {np.abs(seen - without).max():.1e} of values near {np.abs(without).mean():.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:])

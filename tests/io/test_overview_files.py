"""Where tiles are many, the whole is seen without opening them: as they would show it."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiled_scene import PIXEL, Opening

from napari_neuralfield.data.tiles import Tile, TilePlan
from napari_neuralfield.fields.phase_map import PhaseMap
from napari_neuralfield.fields.planes import PlanesField
from napari_neuralfield.fields.tiled import PlacedTile, TileCorrection, TiledField
from napari_neuralfield.io import load_result, save_result
from napari_neuralfield.io.results.tiled_folder import bytes_of
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum, image_of
from napari_neuralfield.types import Extent, InputError, Result

WHOLE, PERIOD = (Extent((-4.0, 4.0), (side, side), PIXEL, (10.0, -7.0)) for side in (320, 64))
DEPTHS = [-4.0, 1.3, 4.0]


def pictures() -> torch.Tensor:
    """One period of two planes of noise near 1, of every detail that the pixels can hold (z, y, x)."""
    noise = torch.randn(2, *PERIOD.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    return 1 + 0.3 * noise


def tiled() -> TiledField:
    """Twenty-five tiles, each a window on a whole that repeats, with planted corrections."""
    whole, found, rng = pictures(), [], np.random.default_rng(1)
    support = torch.ones(PERIOD.shape, dtype=torch.bool)
    for n, tile in enumerate(TilePlan(WHOLE.shape, (64, 64), 8)):
        change = TileCorrection(float(rng.uniform(-3, 3)), gain=float(rng.uniform(0.7, 1.4)))
        spectra = centred_spectrum(whole / (change.gain * np.exp(1j * change.phase_rad)))
        extent, core = placed_at(tile)
        field = PlanesField.from_spectra(spectra, [-4.0, 4.0], extent, support, half=False, period=PERIOD)
        found.append(PlacedTile(f"t{n:02d}", extent, core, Opening(field), change))
    return TiledField(extent=WHOLE, tiles=found)


def placed_at(tile: Tile) -> tuple[Extent, tuple[float, float, float, float]]:
    (y0, x0), (rows, columns), (down, across) = WHOLE.origin_um, tile.padded, tile.core
    extent = Extent(
        WHOLE.z_um, (rows.stop - rows.start, columns.stop - columns.start), PIXEL,
        (y0 + rows.start * PIXEL, x0 + columns.start * PIXEL),
    )  # fmt: skip
    ends = (y0, down.start), (x0, across.start), (y0, down.stop), (x0, across.stop)
    a, b, c, d = (origin + PIXEL * place for origin, place in ends)
    return extent, (a, b, c, d)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("overview") / "slide.nfield"
    save_result(folder, Result(tiled(), title="slide"))
    return folder


def worst(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max())


def test_the_whole_is_seen_without_a_tile_as_the_tiles_would_show_it(kept: Path) -> None:
    """And as one piece without what its pixels cannot show: nothing is folded back from finer detail."""
    field, tiles = load_result(kept).field, tiled()
    assert isinstance(field, TiledField)
    y, x = WHOLE.axes(8 * PIXEL)
    seen = field.render(DEPTHS, y, x)
    assert field.opened == 0
    assert worst(seen, tiles.render(DEPTHS, y, x)) < 1e-3  # half precision
    free = image_of(fit_spectrum(centred_spectrum(pictures()), (8, 8))).repeat(1, 5, 5)
    assert worst(seen[[0, 2]], free) < 3e-3
    assert float((pictures()[:, ::8, ::8] - free[:, :8, :8]).abs().mean()) > 0.2  # what points alone would show
    overview = pickle.loads(pickle.dumps(copy.deepcopy(field.overview)))
    assert all(isinstance(picture.values, np.memmap) for picture in overview.levels)  # seen, not copied
    part = overview.render(np.zeros(1), y[3:9], x[7:30])
    assert worst(part, tiles.render([0.0], y[3:9], x[7:30])) < 1e-3


def test_between_its_pixels_and_beyond_it_is_smooth_and_never_coarser_than_asked(kept: Path) -> None:
    field = load_result(kept).field
    assert isinstance(field, TiledField)
    y, x = WHOLE.axes(10 * PIXEL)
    between, tiles = field.render([0.0], y, x), tiled().render([0.0], y, x)
    assert float((between - tiles).abs().square().mean().sqrt() / tiles.std()) < 0.5  # of noise; a sample less
    for pixel in (32, 64):
        y, x = WHOLE.axes(pixel * PIXEL)
        assert worst(field.render([0.0], y, x), torch.ones(())) < 0.2
    assert field.opened == 0
    y, x = (axis[:4] for axis in WHOLE.axes(3.9 * PIXEL))
    field.render([0.0], y, x)
    assert field.opened == 1


def test_phases_alone_are_averaged_as_the_tiles_average_them(tmp_path: Path) -> None:
    phase = (30 + np.sin(np.arange(320) / 5)[:, None] * np.cos(np.arange(320) / 7))[None]
    tiles = []
    for n, tile in enumerate(TilePlan(WHOLE.shape, (64, 64), 8)):
        extent, core = placed_at(tile)
        field = PhaseMap.from_grid(phase[(slice(None), *tile.padded)], [0.0], PIXEL, extent.origin_um)
        tiles.append(PlacedTile(f"t{n:02d}", field.extent, core, Opening(field)))
    whole = TiledField(extent=dataclasses.replace(WHOLE, z_um=(0.0, 0.0)), tiles=tiles, complex_valued=False)
    save_result(tmp_path / "p.nfield", Result(whole))
    field = load_result(tmp_path / "p.nfield").field
    axes = WHOLE.axes(8 * PIXEL)
    assert worst(field.render([0.0], *axes), whole.render([0.0], *axes)) < 1e-5
    assert isinstance(field, TiledField)
    assert field.opened == 0


def test_it_is_copied_bounded_and_not_needed(kept: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin.nfield"
    save_result(twin, load_result(kept))
    assert sorted(p.name for p in (twin / "overview").iterdir()) == ["4.npy", "8.npy"]
    assert (twin / "overview" / "4.npy").read_bytes() == (kept / "overview" / "4.npy").read_bytes()
    assert (twin / "index.json").read_bytes() == (kept / "index.json").read_bytes()
    assert sum(p.stat().st_size for p in (twin / "overview").iterdir()) < 0.1 * bytes_of(twin)
    file = twin / "overview" / "8.npy"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(InputError, match=r"8\.npy: this is not the picture that the index .* or remove overview"):
        load_result(twin)
    shutil.rmtree(twin / "overview")
    field = load_result(twin).field
    assert isinstance(field, TiledField)
    assert field.overview is None
    y, x = WHOLE.axes(8 * PIXEL)
    assert worst(field.render([0.0], y, x), load_result(kept).field.render([0.0], y, x)) < 1e-3

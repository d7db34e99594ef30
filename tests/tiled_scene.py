"""A field cut into overlapping tiles, each with a phase, a slope and a brightness of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from napari_neuralfield.data.tiles import TilePlan
from napari_neuralfield.fields.planes import PlanesField
from napari_neuralfield.fields.tiled import PlacedTile, TileCorrection, TiledField
from napari_neuralfield.optics.grids import centred_spectrum
from napari_neuralfield.types import Extent, Verdict

PIXEL = 0.5
WHOLE = Extent((-4.0, 4.0), (96, 128), PIXEL, (10.0, -7.0))


def images() -> torch.Tensor:
    """Two smooth planes (z, y, x) near 1."""
    spectra = torch.zeros(2, *WHOLE.shape, dtype=torch.complex64)
    low = torch.randn(2, 21, 21, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    spectra[:, 38:59, 54:75] = 0.01 * low * WHOLE.shape[0]
    spectra[:, 48, 64] = (WHOLE.shape[0] * WHOLE.shape[1]) ** 0.5
    return torch.fft.ifft2(torch.fft.ifftshift(spectra, dim=(-2, -1)), norm="ortho")


def planes(extent: Extent, pictures: torch.Tensor) -> PlanesField:
    """Planes at -4 and 4 um that repeat over the whole and show a part of it."""
    spectra = centred_spectrum(pictures)
    support = torch.ones(spectra.shape[-2:], dtype=torch.bool)
    return PlanesField.from_spectra(spectra, [-4.0, 4.0], extent, support, half=False, period=WHOLE)


def one_piece() -> PlanesField:
    return planes(WHOLE, images())


def distorted(correction: TileCorrection, middle: tuple[float, float]) -> torch.Tensor:
    """The whole (z, y, x) as a tile sees it, whose `correction` is about its `middle`, um."""
    y, x = WHOLE.axes()
    tilt = correction.tilt_rad_per_um
    slope = tilt[0] * (y[:, None] - middle[0]) + tilt[1] * (x - middle[1])
    change = correction.gain * np.exp(1j * (correction.phase_rad + slope))
    return images() / torch.from_numpy(change).to(torch.complex64)


def whole_turns(rng: np.random.Generator) -> tuple[float, float]:
    """Slopes (y, x), rad/um, that fit into the whole without a jump."""
    y, x = (2 * np.pi * int(rng.integers(-2, 3)) / size for size in WHOLE.size_um)
    return y, x


def tiles(margin: int = 8) -> list[PlacedTile]:
    """Twelve tiles, 3 x 4, with planted corrections."""
    rng, found = np.random.default_rng(1), []
    for n, tile in enumerate(TilePlan(WHOLE.shape, (32, 32), margin)):
        rows, columns = tile.padded
        origin = (WHOLE.origin_um[0] + rows.start * PIXEL, WHOLE.origin_um[1] + columns.start * PIXEL)
        extent = Extent(WHOLE.z_um, (rows.stop - rows.start, columns.stop - columns.start), PIXEL, origin)
        (top, bottom), (left, right) = ((s.start, s.stop) for s in tile.core)
        y0, y1 = (WHOLE.origin_um[0] + PIXEL * v for v in (top, bottom))
        x0, x1 = (WHOLE.origin_um[1] + PIXEL * v for v in (left, right))
        change = TileCorrection(float(rng.uniform(-3, 3)), whole_turns(rng), float(rng.uniform(0.7, 1.4)))
        field = planes(extent, distorted(change, ((y0 + y1) / 2, (x0 + x1) / 2)))
        found.append(
            PlacedTile(f"r{n // 4}c{n % 4}", extent, (y0, x0, y1, x1), Opening(field), change, Verdict("green", "good"))
        )
    return found


def tiled(**options: object) -> TiledField:
    return TiledField(extent=WHOLE, tiles=tiles(), **options)  # type: ignore[arg-type]


class Opening:
    """Gives a field and counts how often it was asked."""

    def __init__(self, field: Any) -> None:
        self.field, self.times = field, 0

    def __call__(self) -> Any:
        self.times += 1
        return self.field


class Waves:
    """Three waves and a depth, exact anywhere, as a tile with a `correction` about its `middle`, um, sees them."""

    type_name, complex_valued = "waves-of-a-tile", True

    def __init__(self, extent: Extent = WHOLE, change: TileCorrection | None = None, middle: tuple = (0, 0)) -> None:
        self.extent, self.change, self.middle = extent, change or TileCorrection(), middle

    def render(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
        return self.query(np.asarray(z)[:, None, None], np.asarray(y)[:, None], x)

    def query(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
        value = 1 + 0.2 * np.exp(1j * (y + 0.3 * x)) + 0.1 * np.exp(1j * (2 * x - y + z)) + 0.3 * np.sin(x / 9) * z / 4
        tilt = self.change.tilt_rad_per_um
        slope = tilt[0] * (y - self.middle[0]) + tilt[1] * (x - self.middle[1])
        value = value / (self.change.gain * np.exp(1j * (self.change.phase_rad + slope)))
        return torch.from_numpy(value).to(torch.complex64)

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {}


def tiled_waves() -> TiledField:
    """The waves in twelve tiles, with slopes of any size."""
    rng, found = np.random.default_rng(2), []
    for tile in tiles():
        change = TileCorrection(2.0, (float(rng.normal()), float(rng.normal())), float(rng.uniform(0.5, 2)))
        y0, x0, y1, x1 = tile.core_um
        field = Waves(tile.extent, change, ((y0 + y1) / 2, (x0 + x1) / 2))
        found.append(PlacedTile(tile.name, tile.extent, tile.core_um, Opening(field), change))
    return TiledField(extent=WHOLE, tiles=found)


class Counted:
    """A large field, one value everywhere, that notes the shape of whatever is rendered."""

    type_name, complex_valued = "counted", True

    def __init__(self, side: int = 8192) -> None:
        self.extent = Extent((-10.0, 10.0), (side, side), 0.5, (3.0, 4.0))
        self.seen: list[tuple[int, int, int]] = []

    def render(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
        self.seen.append((len(z), len(y), len(x)))
        return torch.ones((len(z), len(y), len(x)), dtype=torch.complex64)

    @property
    def pixels(self) -> int:
        return sum(int(np.prod(shape)) for shape in self.seen)

"""Adherent cells of virtual bright-field microscopes: each a few merged balls, so that it can crawl and divide.

Drawn apart from `random_scenes`, on which networks are trained, so that a network cannot know them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
import scipy.fft
import scipy.ndimage
from scipy.spatial import cKDTree

TALLEST_RAD = 3.6
TEXTURE_UM = 256.0  # period of the grain that all cells of a field share
TEXTURE_PIXELS = 512
PINCHED = 0.75  # radii between the middle of a dividing cell and its halves when they part
HALF = 0.75  # radius of a half, in those of the whole


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell in its own coordinates, turned by `turn` about `centre`; lengths in um, (y, x).

    Parameters
    ----------
    balls : (ball, 3), y, x and radius in units of `radius`.
    ripples : (ripple, 5), wave vector in 1/um, its angle, and the displacement that it gives the outline.
    nucleus : y, x, radius and rad.
    granules : (granule, 4), y, x, width and rad.
    grain : share of the height that varies; `grain_at` is where in the field's texture the cell lies.
    rounding : from 0, spread, to 1, drawn up into a sphere.
    split : radii by which the sphere is pulled apart into two.
    """

    centre: tuple[float, float]
    turn: float
    radius: float
    height: float
    steepness: float
    balls: np.ndarray
    ripples: np.ndarray
    nucleus: tuple[float, float, float, float]
    granules: np.ndarray
    grain: float
    grain_at: tuple[float, float]
    rounding: float = 0.0
    split: float = 0.0

    @property
    def reach_um(self) -> float:
        """No part of the cell lies farther from its centre."""
        balls = self.shape()
        far = (np.hypot(balls[:, 0], balls[:, 1]) + 1.6 * balls[:, 2]).max() * self.radius
        return float(far + np.hypot(*self.ripples[:, 3:].T).sum())

    def shape(self) -> np.ndarray:
        """The balls (ball, 3), as `rounding` and `split` move them."""
        spread = self.balls.copy()
        spread[:, :2] *= 1 - self.rounding
        spread[:, 2] += self.rounding * (_merged(len(spread)) - spread[:, 2])
        if not self.split:
            return spread
        apart = np.repeat(spread, 2, axis=0)
        apart[:, 1] += np.tile([-1.0, 1.0], len(spread)) * self.split
        part = min(self.split / PINCHED, 1.0)
        apart[:, 2] = (1 - part) * _merged(len(apart)) + part * HALF * _merged(len(spread))
        return apart

    def phase(self, y: np.ndarray, x: np.ndarray, texture: np.ndarray) -> np.ndarray:
        """Phase (y, x), rad, at distances `y` (y, 1) and `x` (1, x) from the centre, um; `texture` is `grain`'s."""
        cos, sin = math.cos(self.turn), math.sin(self.turn)
        own_y = cos * y - sin * x
        own_x = sin * y + cos * x
        bent_y, bent_x = own_y.copy(), own_x.copy()
        for ky, kx, angle, dy, dx in self.ripples.tolist():
            wave = (1 - 0.8 * self.rounding) * np.sin(ky * own_y + kx * own_x + angle)
            bent_y += dy * wave
            bent_x += dx * wave
        potential = np.full(own_y.shape, 1e-12, own_y.dtype)
        for at_y, at_x, size in (self.shape() * self.radius).tolist():
            potential += np.exp(-((bent_y - at_y) ** 2 + (bent_x - at_x) ** 2) / size**2)
        inside = _soft(1 + np.log(potential), 0.1) ** self.steepness
        edge = np.clip(2 * inside, 0, 1)
        found = self.height * (1 + 0.7 * self.rounding) * inside
        found *= 1 + self.grain * _sampled(texture, own_y + self.grain_at[0], own_x + self.grain_at[1])
        at_y, at_x, size, tall = self.nucleus
        flat = np.exp(-((((own_y - at_y) ** 2 + (own_x - at_x) ** 2) / size**2) ** 2))
        found += tall * (1 - self.rounding) * flat * edge
        for at_y, at_x, size, tall in self.granules.tolist():
            found += tall * (1 - self.rounding) * edge * np.exp(-((own_y - at_y) ** 2 + (own_x - at_x) ** 2) / size**2)
        return found


def _merged(count: int) -> float:
    """Radius of each of `count` balls in one place that together reach 0.85."""
    return 0.85 / float(np.sqrt(1 + np.log(count)))


def _soft(value: np.ndarray, width: float) -> np.ndarray:
    """max(value, 0) with a rounded corner."""
    return width * np.logaddexp(np.float32(0), value / width)


def _sampled(texture: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    scale = len(texture) / TEXTURE_UM
    return scipy.ndimage.map_coordinates(texture, [y * scale, x * scale], order=1, mode="grid-wrap")


def random_cell(centre: tuple[float, float], radius: float, rng: np.random.Generator) -> Cell:
    """A spread cell: two to five balls along a bent line.

    Parameters
    ----------
    centre, radius : (y, x) and typical reach, um.
    rng : what it is drawn from.
    """
    count = int(rng.integers(2, 6))
    along = np.linspace(-0.5, 0.5, count) * rng.uniform(0.6, 2.6)
    aside = rng.normal(0, 0.5) * along**2 + rng.normal(0, 0.22, count)
    widths = rng.uniform(0.4, 0.95, count) * (1 - rng.uniform(0, 0.6) * np.abs(along))
    balls = np.stack([aside, along, np.maximum(widths, 0.25)], 1)
    balls[:, :2] -= balls[:, :2].mean(0)
    finer = np.array([1.0, 1.0, 2.0, 3.0])[:, None]
    ripples = np.column_stack([
        rng.normal(0, 2.0, (4, 2)) * finer / radius, rng.uniform(0, 2 * np.pi, 4),
        rng.normal(0, 0.07, (4, 2)) * radius / finer,
    ])  # fmt: skip
    middle = (balls[count // 2, :2] + rng.normal(0, 0.08, 2)) * radius
    many = int(rng.integers(0, 16))
    granules = np.column_stack([
        rng.normal(0, 0.4 * radius, (many, 2)), rng.uniform(0.7, 1.8, many), rng.uniform(0.1, 0.5, many)
    ])  # fmt: skip
    return Cell(
        centre=centre,
        turn=float(rng.uniform(0, 2 * np.pi)),
        radius=radius,
        height=float(rng.uniform(0.5, 2.4)),
        steepness=float(rng.uniform(0.4, 1.0)),
        balls=balls,
        ripples=ripples,
        nucleus=(*middle.tolist(), radius * float(rng.uniform(0.25, 0.42)), float(rng.uniform(0.15, 0.7))),
        granules=granules,
        grain=float(rng.uniform(0.04, 0.2)),
        grain_at=tuple(rng.uniform(0, TEXTURE_UM, 2).tolist()),
    )


def random_cells(side_um: float, cover: float, rng: np.random.Generator, radius_um: float = 11.0) -> list[Cell]:
    """Cells strewn over a square field, about `cover` of its area, few on top of each other.

    Parameters
    ----------
    side_um : of the field.
    cover : share of the area.
    rng : what they are drawn from.
    radius_um : typical, of a cell.
    """
    cells: list[Cell] = []
    filled, tries = 0.0, 0
    while filled < cover * side_um**2 and tries < 10_000:
        tries += 1
        centre, radius = rng.uniform(0, side_um, 2), radius_um * float(np.exp(rng.uniform(-0.7, 0.6)))
        gaps = [np.hypot(*_nearest(centre - np.array(c.centre), side_um)) / (c.radius + radius) for c in cells]
        if gaps and min(gaps) < rng.uniform(0.3, 1.0):
            continue
        cells.append(random_cell((float(centre[0]), float(centre[1])), radius, rng))
        filled += 2.2 * radius**2
    return cells


def _nearest(offset: np.ndarray, side_um: float) -> np.ndarray:
    return (offset + side_um / 2) % side_um - side_um / 2


def draw(cells: Iterable[Cell], size: int, pixel_um: float, texture: np.ndarray) -> np.ndarray:
    """Phase (y, x), rad, of cells on a square field that goes on at its other side; float32.

    Parameters
    ----------
    size, pixel_um : pixels per axis, and of what size.
    texture : `grain`'s (y, x).
    """
    phase = np.zeros((size, size), np.float32)
    for cell in cells:
        half = min(int(np.ceil(cell.reach_um / pixel_um)), size // 2 - 1)
        axes = []
        for at in cell.centre:
            indices = np.arange(-half, half + 1) + round(at / pixel_um)
            axes.append((indices % size, (indices * pixel_um - at).astype(np.float32)))
        (rows, y), (columns, x) = axes
        phase[np.ix_(rows, columns)] += cell.phase(y[:, None], x[None, :], texture)
    return TALLEST_RAD * np.tanh(phase / TALLEST_RAD)


def grain(rng: np.random.Generator) -> np.ndarray:
    """The texture (y, x) that cells share, deviation 1, of periods from about 2 to 20 um; it repeats."""
    return clouds(TEXTURE_PIXELS, TEXTURE_UM / TEXTURE_PIXELS, rng, (2.2, 20.0), 1.4).astype(np.float32)


def clouds(
    size: int, pixel_um: float, rng: np.random.Generator, periods_um: tuple[float, float], fall: float
) -> np.ndarray:
    """Noise (y, x) of mean 0 and deviation 1 between two periods, its amplitude as frequency^-fall; it repeats.

    Parameters
    ----------
    size, pixel_um : pixels per axis, and of what size.
    rng : what it is drawn from.
    periods_um : shortest and longest.
    """
    f = np.hypot(scipy.fft.fftfreq(size, pixel_um)[:, None], scipy.fft.rfftfreq(size, pixel_um)[None, :])
    shortest, longest = periods_um
    weight = np.exp(-((f * shortest) ** 4)) * (1 - np.exp(-((f * longest) ** 4))) / (f + 1 / longest) ** fall
    made = scipy.fft.irfft2(scipy.fft.rfft2(rng.standard_normal((size, size))) * weight, s=(size, size))
    return (made - made.mean()) / made.std()


def confluent(
    size: int, pixel_um: float, rng: np.random.Generator, radius_um: float = 13.0, grainy: float = 0.12
) -> np.ndarray:
    """Phase (y, x), rad, of a layer of cells that touch each other, with nuclei; it repeats at its borders.

    Where a cell ends is told by the nearest of irregular seeds, so its outline is that of its neighbours.

    Parameters
    ----------
    size, pixel_um : pixels per axis, and of what size.
    rng : what it is drawn from.
    radius_um : typical, of a cell.
    grainy : relative deviation of the fine grain.
    """
    step = 2 if size % 2 == 0 else 1
    coarse, side = size // step, size * pixel_um
    axis = np.arange(coarse) * pixel_um * step
    bent = [clouds(coarse, pixel_um * step, rng, (12.0, 60.0), 1.5) * 2.5 for _ in range(2)]
    points = np.stack([axis[:, None] + bent[0], axis[None, :] + bent[1]], -1) % side
    count = max(4, round((side / (1.7 * radius_um)) ** 2))
    seeds = _apart(count, side, rng)
    (first, second), (owner, _) = (np.moveaxis(a, -1, 0) for a in cKDTree(seeds, boxsize=side).query(points, k=2))
    within = (second - first) / (second + first)
    low, high = 0.25, rng.uniform(0.7, 2.2, count)[owner]
    phase = low + (high - low) * (1 - np.exp(-((within / rng.uniform(0.25, 0.6, count)[owner]) ** 1.5)))
    size_um, tall = radius_um * rng.uniform(0.3, 0.5, count)[owner], rng.uniform(0.3, 1.0, count)[owner]
    phase += tall * np.exp(-((first / size_um) ** 4))
    phase = scipy.ndimage.gaussian_filter(phase, 1.0 / (pixel_um * step), mode="wrap")
    phase = scipy.ndimage.zoom(phase, step, order=3, mode="grid-wrap", grid_mode=True)
    phase *= 1 + grainy * clouds(size, pixel_um, rng, (2.5, 20.0), 1.5)
    return TALLEST_RAD * np.tanh(phase / TALLEST_RAD)


def _apart(count: int, side_um: float, rng: np.random.Generator) -> np.ndarray:
    """Points (point, 2) over a square, each somewhere in a cell of its own of a square grid."""
    ticks = int(np.ceil(np.sqrt(count)))
    grid = np.moveaxis(np.mgrid[:ticks, :ticks], 0, -1).reshape(-1, 2)
    chosen = grid[rng.permutation(len(grid))[:count]] + rng.uniform(0.05, 0.95, (count, 2))
    return chosen * side_um / ticks % side_um

"""A virtual bright-field microscope that watches cells crawl, turn, grow and divide, one defocused frame at a time."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..data.acquisition import ThroughFocus
from ..registry import simulator
from . import cells as virtual_cells
from .cells import HALF, PINCHED, Cell
from .recording import Truth, recorded
from .through_focus import GUARD, FocusOptics, abbe_frames, passed

ROUNDING, PULLING = 8, 8  # frames that a dividing cell takes to draw itself up, and to pinch in two


@dataclasses.dataclass
class Life:
    """What a cell does: speed (y, x) in um and spin in rad per frame, the frames of its birth and division, if any."""

    cell: Cell
    speed: np.ndarray
    spin: float
    growth: float
    divides: int | None = None
    born: int | None = None


@simulator("time-lapse")
def time_lapse(
    seed: int = 0,
    *,
    frames: int = 100,
    pixels: int = 96,
    upsampling: int = 4,
    z_um: float = 4.0,
    frame_interval_s: float = 120.0,
    wavelength_um: float = 0.53,
    objective_na: float = 0.4,
    condenser_na: float = 0.16,
    pixel_um: float = 2.6,
    noise: float = 0.0025,
    drift_um: float = 0.12,
    flicker: float = 0.02,
    keep_truth: bool = True,
) -> tuple[ThroughFocus, Truth]:
    """Frames of living cells, all at one depth, while stage and lamp are not quite steady.

    Parameters
    ----------
    seed : of everything random.
    frames, frame_interval_s : how many, and the time between them.
    pixels, upsampling : of a frame along each side, and of the truth per frame pixel.
    z_um : distance of the cells from the focal plane.
    wavelength_um, objective_na, condenser_na, pixel_um : of light, objective, illumination, and a frame at the sample.
    noise : deviation of a frame's pixel; without cells it is 1.
    drift_um : deviation of the stage's step from frame to frame, along y and along x.
    flicker : deviation of the lamp, which wanders slowly and flickers by a quarter of that.
    keep_truth : whether the truth holds `phase_rad`, 2 bytes for every fine pixel and frame.

    Returns
    -------
    The acquisition, and its truth: `phase_rad` (time, y, x) float16 on pixels of `pixel_um`, as the camera saw it, with
    its drift; `drift_px` (time, 2), shift of the cells in frame pixels since the first frame; `brightness` (time,),
    by which the frames were multiplied; `cell_count` (time,) over the field and its surroundings.
    """
    rng = np.random.default_rng(seed)
    fine, size = pixel_um / upsampling, (pixels + 2 * GUARD) * upsampling
    texture = virtual_cells.grain(rng)
    lives = [_life(cell, frames, rng) for cell in virtual_cells.random_cells(size * fine, 0.2, rng, 13.0)]
    ground = 0.04 * virtual_cells.clouds(size, fine, rng, (40.0, 300.0), 1.5)
    drift = np.cumsum(_wander(frames, rng) * drift_um, axis=0)
    drift -= drift[0]
    brightness = 1 + flicker * (_wander(frames, rng)[:, 0] + 0.25 * rng.standard_normal(frames))
    seen = np.empty((frames, pixels, pixels), np.float32)
    truth = np.empty((frames if keep_truth else 0, pixels * upsampling, pixels * upsampling), np.float16)
    inner, counts = slice(GUARD * upsampling, -GUARD * upsampling), []
    optics = FocusOptics(wavelength_um=wavelength_um, objective_na=objective_na, condenser_na=condenser_na)
    light = list(passed((size, size), [z_um], pixel_um=fine, rings=2, per_ring=8, **optics))
    for number in range(frames):
        lives = [grown for life in lives for grown in _next(life, number, rng)]
        counts.append(len(lives))
        moved = [dataclasses.replace(life.cell, centre=_shifted(life.cell, drift[number])) for life in lives]
        phase = virtual_cells.draw(moved, size, fine, texture) + ground
        image = abbe_frames(np.exp(1j * phase), light, upsampling)[0, GUARD:-GUARD, GUARD:-GUARD]
        seen[number] = brightness[number] * image + rng.normal(0, noise, image.shape)
        if keep_truth:
            truth[number] = phase[inner, inner]
    z, times = np.full(frames, z_um), np.arange(frames) * frame_interval_s
    acquisition = recorded(
        ThroughFocus, seen, "simulated time-lapse", pixel_um=pixel_um, z_um=z, time_s=times, **optics
    )
    found: Truth = {
        "pixel_um": fine, "drift_px": drift / pixel_um, "brightness": brightness, "cell_count": np.array(counts)
    }  # fmt: skip
    return acquisition, found | ({"phase_rad": truth} if keep_truth else {})


def _wander(count: int, rng: np.random.Generator) -> np.ndarray:
    """A slow random walk that is drawn back to 0: (step, 2), deviation about 1."""
    found, now = np.zeros((count, 2)), rng.standard_normal(2)
    for step in range(count):
        found[step] = now
        now = 0.92 * now + np.sqrt(1 - 0.92**2) * rng.standard_normal(2)
    return found


def _life(cell: Cell, frames: int, rng: np.random.Generator) -> Life:
    speed = rng.normal(0, 0.35, 2)
    divides = int(rng.integers(5, max(6, frames - 5))) if rng.random() < 0.35 else None
    return Life(cell, speed, float(rng.normal(0, 0.008)), float(rng.uniform(0.0005, 0.002)), divides)


def _next(life: Life, number: int, rng: np.random.Generator) -> list[Life]:
    """The cell in frame `number`; two where it has just divided."""
    cell = life.cell
    if life.divides is not None and number >= life.divides + ROUNDING + PULLING:
        return _daughters(life, number, rng)
    life.speed = 0.95 * life.speed + rng.normal(0, 0.11, 2)
    rounding, split = _stage(life, number)
    ripples = cell.ripples.copy()
    ripples[:, 2] += 0.05
    life.cell = dataclasses.replace(
        cell, centre=_shifted(cell, life.speed * (1 - rounding)), turn=cell.turn + life.spin * (1 - rounding),
        radius=cell.radius * (1 + life.growth * (1 - rounding)), ripples=ripples, rounding=rounding, split=split,
    )  # fmt: skip
    return [life]


def _stage(life: Life, number: int) -> tuple[float, float]:
    """How far a cell is drawn up, and pulled apart."""
    rounding = split = 0.0
    if life.born is not None:
        rounding = 1 - _eased((number - life.born) / (2 * ROUNDING))
    if life.divides is not None:
        rounding = max(rounding, _eased((number - life.divides) / ROUNDING))
        split = PINCHED * _eased((number - life.divides - ROUNDING) / PULLING)
    return rounding, split


def _eased(part: float) -> float:
    part = min(max(part, 0.0), 1.0)
    return part * part * (3 - 2 * part)


def _daughters(life: Life, number: int, rng: np.random.Generator) -> list[Life]:
    mother, found = life.cell, []
    for side in (-1, 1):
        apart = side * PINCHED * mother.radius * np.array([-np.sin(mother.turn), np.cos(mother.turn)])
        child = virtual_cells.random_cell(_shifted(mother, apart), mother.radius * HALF, rng)
        child = dataclasses.replace(child, height=mother.height, steepness=mother.steepness, rounding=1.0)
        spin = float(rng.normal(0, 0.008))
        found.append(Life(child, speed=side * 0.02 * apart, spin=spin, growth=life.growth, born=number))
    return found


def _shifted(cell: Cell, by_um: np.ndarray) -> tuple[float, float]:
    return float(cell.centre[0] + by_um[0]), float(cell.centre[1] + by_um[1])

"""How good a reconstruction is, judged by the frames alone.

Two halves of the LEDs, each reconstructed for itself, agree up to the resolution; frames that a reconstruction never
saw must still follow from it. Neither can be flattered by fitting noise, as the plain misfit can.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

import numpy as np
import torch

from ... import compute
from ...data.acquisition import LedArray
from ...forward import fourier
from ...forward.led_grid import flat_spectra, support
from ...optics.illumination import synthetic_na
from ...optics.pupil import TINY
from ...types import Event, InputError, Progress
from ..engine.readings import squares
from ..projection.solver import Solver, no_aberration
from .ring_correlation import ring_correlation

STEPS = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.25, 0.125, 0.0625)  # of each pass over the LEDs
FEWEST_LEDS = 8
RING_LEDS = 6  # a ring of illumination NA has at least so many LEDs where it can
HELD_OUT_OF = 10


@dataclasses.dataclass(frozen=True)
class Quality:
    """Figures without a truth.

    Parameters
    ----------
    frequency : centre of each ring of spatial frequency, cycles/um (ring,).
    correlation : Fourier ring correlation of the fields from two halves of the LEDs (ring,).
    half_bit : the half-bit threshold of each ring (ring,).
    resolution_um : full period where the correlation falls below the threshold for good, at best that of the
        synthetic aperture; infinite where the halves agree nowhere.
    first_half : the LEDs of one half (led,), bool.
    ring_na : edges of the rings of illumination NA (n + 1,).
    ring_error : relative amplitude error of the frames used in each ring, NaN where there is none (n,).
    held_out : frames that were not used for the last two figures (k,).
    held_out_error : relative amplitude error of those, predicted from all others.
    held_out_ring_error : the same by ring (n,).
    """

    frequency: np.ndarray
    correlation: np.ndarray
    half_bit: np.ndarray
    resolution_um: float
    first_half: np.ndarray
    ring_na: np.ndarray
    ring_error: np.ndarray
    held_out: np.ndarray
    held_out_error: float
    held_out_ring_error: np.ndarray


def assess(
    acquisition: LedArray, device: str = "auto", seed: int = 0, *, same_as: Quality | None = None
) -> Generator[Event, None, Quality]:
    """Reconstruct from two halves of the LEDs and without a tenth of them, and compare.

    One plane at the sample's depth, 0 where that is unknown; of a thick sample that is what a single plane can tell.
    Every reconstruction solves for the pupil and the LEDs' brightness from what the file gives on, as `fpm-sequential`
    does, so that a calibrated and a nominal file have the same freedom; a held-out frame has its own best brightness.

    Parameters
    ----------
    acquisition : frames of single LEDs.
    device : auto, cpu, or a graphics card.
    seed : of the choice of the held-out frames.
    same_as : take the same halves and the same held-out frames as that assessment did, to compare the two.

    Raises
    ------
    InputError : for fewer than 8 frames.
    """
    count = acquisition.frame_count
    if count < FEWEST_LEDS:
        raise InputError(
            f"{acquisition.source or 'the acquisition'} has {count} frames; two halves can only be compared "
            f"from {FEWEST_LEDS} on, so record more LEDs"
        )
    na = np.asarray(acquisition.illumination_na)
    edges = ring_edges(na, acquisition.objective_na)
    ring = np.clip(np.digitize(np.hypot(*na.T), edges) - 1, 0, len(edges) - 2)
    if same_as is None:
        half, held_out = checkerboard(na), spread(na, ring, seed)
    else:
        half, held_out = same_as.first_half, same_as.held_out
    used = np.setdiff1d(np.arange(count), held_out)
    task = _Task(acquisition, compute.device(device), total=len(STEPS) * (count + len(used)))
    one = yield from task.solve(np.flatnonzero(half))
    two = yield from task.solve(np.flatnonzero(~half))
    seen = support(one.plan) & support(two.plan)
    rings = ring_correlation(one.spectra[0], two.spectra[0], task.plan.bin, seen)
    others = yield from task.solve(used)
    misfit, energy = task.errors(others, used, held_out)
    finest = acquisition.wavelength_um / synthetic_na(na, acquisition.objective_na)
    return Quality(
        frequency=rings.frequency,
        correlation=rings.correlation,
        half_bit=rings.half_bit,
        resolution_um=max(rings.resolution_um, finest),
        first_half=half,
        ring_na=edges,
        ring_error=_by_ring(misfit, energy, ring, used, len(edges) - 1),
        held_out=held_out,
        held_out_error=float(np.sqrt(misfit[held_out].sum() / energy[held_out].sum())),
        held_out_ring_error=_by_ring(misfit, energy, ring, held_out, len(edges) - 1),
    )


class _Task:
    """The frames, and reconstructions from some of them on one common grid."""

    def __init__(self, acquisition: LedArray, device: torch.device, total: int) -> None:
        self.plan = fourier.windows(acquisition)
        self.measured = fourier.measure(acquisition, self.plan, device)
        self.device = device
        self.depth = np.array([acquisition.sample_z_um or 0.0])
        self.done, self.total = 0, total

    def solver(self, chosen: np.ndarray, spectra: torch.Tensor, aberration: torch.Tensor) -> Solver:
        """Of the LEDs `chosen` only, on the grid of all."""
        plan = dataclasses.replace(self.plan, corner=self.plan.corner[chosen], remainder=self.plan.remainder[chosen])
        every = self.measured
        part = dataclasses.replace(
            every, amplitude=every.amplitude[chosen], gain=every.gain[chosen], floor=every.floor[chosen]
        )
        return Solver(plan, part, self.depth, spectra, aberration)

    def solve(self, chosen: np.ndarray) -> Generator[Event, None, Solver]:
        solver = self.solver(chosen, flat_spectra(self.plan, 1, self.device), no_aberration(self.plan, self.device))
        for number, step in enumerate(STEPS):
            misfit = sum(squares(list(solver.sweep(step, number > 0, number > 0))))
            self.done += len(chosen)
            yield Progress(self.done, self.total, (misfit / solver.total) ** 0.5, "quality")
        return solver

    def errors(self, solver: Solver, used: np.ndarray, held_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Squared misfit and energy (led,) of the frames `used` by `solver`, and of those it predicts."""
        unseen = self.solver(held_out, solver.spectra, solver.aberration)
        misfit, energy = np.zeros(len(self.measured.gain)), np.zeros(len(self.measured.gain))
        for part, chosen in ((solver, used), (unseen, held_out)):
            for place, led in enumerate(chosen.tolist()):
                light, measured, floor = part.image(place).abs()[0] ** 2, part.amplitude[place], part.floor[place]
                gain = _best_gain(light, measured, floor) if part is unseen else part.gain[place]
                misfit[led] = float(((torch.sqrt(gain**2 * light + floor) - measured) ** 2).sum())
                energy[led] = float((measured**2).sum())
        return misfit, energy


def _best_gain(light: torch.Tensor, measured: torch.Tensor, floor: torch.Tensor) -> torch.Tensor:
    """The amplitude gain that carries `light` (y, x) closest to the `measured` amplitude, by Gauss-Newton steps."""
    gain = torch.sqrt(((measured**2).mean() - floor).clamp(min=0) / light.mean().clamp(min=1e-12))
    for _ in range(4):
        model = torch.sqrt(gain**2 * light + floor + TINY)
        slope = gain * light / model
        gain = gain + (slope * (measured - model)).sum() / (slope**2).sum().clamp(min=1e-12)
    return gain


def checkerboard(na: np.ndarray) -> np.ndarray:
    """Two halves of a board, (led,) bool: neighbours in different ones, so that both cover the aperture evenly.

    The LEDs repel each other as exp(-d^2 / 2 s^2), s their spacing. The lowest mode of that alternates, on a square
    board as a checkerboard; then LEDs change sides as long as that parts neighbours.
    """
    from scipy.sparse.linalg import eigsh  # here, because scipy takes long to import

    distance = np.hypot(*(na[:, None] - na[None]).T)
    np.fill_diagonal(distance, np.inf)
    spacing = np.median(distance.min(1))
    force = np.exp(-0.5 * (distance / max(float(spacing), 1e-9)) ** 2)
    start = np.random.default_rng(0).standard_normal(len(na))
    side = np.where(eigsh(force, k=1, which="SA", v0=start)[1][:, 0] > 0, 1.0, -1.0)
    for _ in range(10 * len(na)):
        push = side * (force @ side)
        if push.max() <= 1e-9:
            break
        side[int(push.argmax())] *= -1
    return side == side[int(np.hypot(*na.T).argmin())]


def spread(na: np.ndarray, ring: np.ndarray, seed: int) -> np.ndarray:
    """A tenth of the LEDs at random, sorted: at least one of every ring, never the most central one.

    Parameters
    ----------
    na : directions (led, 2).
    ring : number of each LED's ring of illumination NA (led,).
    seed : of the choice.
    """
    random = np.random.default_rng(seed)
    central = int(np.hypot(*na.T).argmin())
    chosen: list[int] = []
    for number in np.unique(ring):
        members = np.setdiff1d(np.flatnonzero(ring == number), [central])
        count = min(len(members), max(1, round(len(members) / HELD_OUT_OF)))
        chosen.extend(random.choice(members, count, replace=False).tolist())
    return np.sort(np.array(chosen, dtype=int))


def ring_edges(na: np.ndarray, objective_na: float) -> np.ndarray:
    """Edges of rings of illumination NA (n + 1,), each half of `objective_na` wide.

    A ring of few LEDs, of those with directions `na` (led, 2), joins its neighbour, save across the objective's NA.
    """
    radius, step = np.hypot(*na.T), objective_na / 2
    kept = [0.0]
    last = max(1, int(np.ceil(radius.max() / step)))
    for number in range(1, last):
        edge = objective_na if number == 2 else number * step
        if number == 2 or min(((radius >= kept[-1]) & (radius < edge)).sum(), (radius >= edge).sum()) >= RING_LEDS:
            kept.append(edge)
    return np.array([*kept, last * step])


def _by_ring(misfit: np.ndarray, energy: np.ndarray, ring: np.ndarray, chosen: np.ndarray, count: int) -> np.ndarray:
    above, below = (np.bincount(ring[chosen], v[chosen], minlength=count) for v in (misfit, energy))
    return np.sqrt(np.divide(above, below, out=np.full(count, np.nan), where=below > 0))

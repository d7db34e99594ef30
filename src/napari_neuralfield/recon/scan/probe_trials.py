"""Probes to try in the far field, and quick trials of them: a few passes of rPIE judged by frames left out.

The mean frame's root is the modulus of the probe's spectrum. Its phase is that of a focus seen at a distance d,
exp(-i pi wavelength d |f|^2), and of a lens's aberrations; or a probe is given, and may have been kept in another
orientation or conjugated.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import torch

from ...compute import COMPLEX
from ...data.acquisition import Ptychography
from ...forward.ptychography import from_detector
from ...forward.scan import Scan
from ...forward.scan_problem import Problem, ScanState, first_state
from ...optics.grids import intensity, to_centre
from ...optics.propagation import frequency_axis
from .orientation_trials import cut_patterns
from .recipe import ScanRecipe
from .sequential import Sequential
from .setup import problem_of

PASSES = 4  # of each trial
MORE = 12  # of the best trials
HELD = 5  # every fifth frame is left out of the trials
FRAMES = 60  # used for each trial
SIDE = 128  # pixels of the middle of larger frames: the same window in larger pixels
RATIO = 1.35  # between two curvatures tried; the misfit falls within a factor 1.5 of the right one
QUANTUM = 0.25  # variance of the root of a count
SAME = 0.97  # correlation of probes that need no second trial
NEAR = 1.08  # between two distances at which a given probe's focus is looked for
OFF_CENTRE = 1.0  # detector pixels, for light that is worth a look
TERMS = ("astigmatism", "astigmatism at 45 deg", "coma along y", "coma along x", "spherical aberration")
AS_GIVEN = "as given"
TURNS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    AS_GIVEN: lambda probe: probe,
    "conjugated": lambda probe: probe.conj().resolve_conj(),
    "turned by 180 deg": lambda probe: _flipped(probe, -2, -1),
    "turned by 180 deg and conjugated": lambda probe: _flipped(probe, -2, -1).conj().resolve_conj(),
    "upside down": lambda probe: _flipped(probe, -2),
    "left for right": lambda probe: _flipped(probe, -1),
    "with rows for columns": lambda probe: _transposed(probe),
    "with rows for columns and conjugated": lambda probe: _transposed(probe).conj().resolve_conj(),
}


@dataclasses.dataclass(frozen=True)
class ProbeStart:
    """A probe to start from: the mean frame bent, or the given one.

    away_um : how far its focus lies before the sample; how much farther than the given probe's.
    waves : of the aberrations TERMS, rms, of the mean frame.
    turn : of TURNS, for the given probe; empty for the mean frame.
    moved_px : of the given probe's light on the detector, (y, x) pixels.
    """

    away_um: float = 0.0
    waves: tuple[float, ...] = ()
    turn: str = ""
    moved_px: tuple[float, float] = (0.0, 0.0)

    def probe(self, problem: Problem) -> torch.Tensor:
        """(mode, y, x), with the counts, for the window of `problem`."""
        if not self.turn:
            return bent_probe(problem, self.away_um, self.waves)
        given = refocused(TURNS[self.turn](first_state(problem, None).probe), problem.scan, self.away_um)
        return given * _ramp(self.moved_px, problem.scan.window, given.device) if any(self.moved_px) else given


def bent(start: ProbeStart, term: int, by: float) -> ProbeStart:
    """`start` with `by` waves more of the aberration `term` of TERMS; the last one is the distance, changed by half."""
    if term == len(TERMS):
        return dataclasses.replace(start, away_um=start.away_um * (1 + by / 2))
    waves = list(start.waves or (0.0,) * len(TERMS))
    waves[term] = round(waves[term] + by, 6)
    return dataclasses.replace(start, waves=tuple(waves))


def trials_of(acquisition: Ptychography, recipe: ScanRecipe) -> Problem:
    """A small problem for trials: frames near the middle of the scan, the middle of large ones, a fifth left out.

    `recipe` says on which device; positions are taken as they run.
    """
    some = _part(acquisition)
    left_out = HELD if some.frame_count >= 4 * HELD else 0
    return problem_of(some, ScanRecipe(device=recipe.device, seed=recipe.seed, hold_out=left_out))


@torch.no_grad()
def trial(
    problem: Problem, probe: torch.Tensor, seed: int, passes: int = PASSES, *, kept: bool = False
) -> tuple[float, ScanState]:
    """How well a few passes of rPIE predict frames left out, relative amplitude error, and where they end.

    The error is infinite where they run away.

    Parameters
    ----------
    problem : whose held frames are predicted; those used where it holds none.
    probe : to start from (mode, y, x).
    seed : of the order of the frames.
    passes : how many.
    kept : the probe stays as it is.
    """
    state = first_state(problem, 1, False)
    state.probe = probe
    engine = Sequential(problem, state, object_alpha=0.8)
    for _ in engine.few_passes(problem.train, passes, seed, not kept):
        pass
    end = engine.waves.state()
    error = problem.error(end, judges(problem))
    return (error if math.isfinite(error) else math.inf), end


def judges(problem: Problem) -> torch.Tensor | None:
    """The frames left out; None, which stands for those used, where there are none."""
    return problem.held if len(problem.held) else None


def noise_of(problem: Problem) -> float:
    """The error that counted photons alone would leave in the frames that judge."""
    frames = problem.train if judges(problem) is None else problem.held
    counts = problem.measured.amplitude[frames].square()
    return float((counts.clamp(max=QUANTUM).sum() / counts.sum().clamp(min=1e-30)).sqrt())


def bent_probe(problem: Problem, defocus_um: float, waves: tuple[float, ...] = ()) -> torch.Tensor:
    """The mean frame as a probe whose focus lies `defocus_um` before the sample: (1, y, x), with the counts.

    Parameters
    ----------
    problem : a far-field scan.
    defocus_um : negative behind it.
    waves : of the aberrations TERMS, rms over the lit disc.
    """
    scan, mean = problem.scan, problem.measured.mean_counts(problem.train)
    off = _far_off(_middle(mean))
    angle = -math.pi * scan.wavelength_um * defocus_um * _square(scan, off)
    if any(waves):
        y, x = (
            (frequency_axis(n, 1.0, scan.device) - away / n) / lit_radius(problem)
            for n, away in zip(scan.window, off, strict=True)
        )
        angle = angle + 2 * math.pi * _aberration(y[:, None], x[None, :], waves)
    wave = torch.polar(mean.sqrt().double(), angle).to(COMPLEX)
    return to_centre(from_detector(wave, None))[None]


def _aberration(y: torch.Tensor, x: torch.Tensor, waves: tuple[float, ...]) -> torch.Tensor:
    """Path in wavelengths at (y, x) of a disc of radius 1, as `waves` say of each term; outside as at its edge."""
    over = torch.hypot(y, x).clamp(min=1.0)
    y, x = y / over, x / over
    square = y**2 + x**2
    terms = (
        6**0.5 * (x**2 - y**2), 24**0.5 * x * y, 8**0.5 * (3 * square - 2) * y, 8**0.5 * (3 * square - 2) * x,
        5**0.5 * (6 * square**2 - 6 * square + 1),
    )  # fmt: skip
    return sum((w * t for w, t in zip(waves, terms, strict=True)), torch.zeros_like(square)).double()


def lit_radius(problem: Problem) -> float:
    """Radius of an evenly lit disc as wide as the mean frame, cycles per pixel of the object."""
    mean = problem.measured.mean_counts(problem.train)
    lit = float(mean.sum() ** 2 / mean.square().sum().clamp(min=1e-30))
    return math.sqrt(lit / math.pi) / min(problem.scan.window)


def refocused(probe: torch.Tensor, scan: Scan, by_um: float) -> torch.Tensor:
    """A `probe` (mode, y, x) on the pixels of `scan` with its focus `by_um` farther before the sample."""
    if not by_um:
        return probe
    angle = -math.pi * scan.wavelength_um * by_um * _square(scan)
    return torch.fft.ifft2(torch.fft.fft2(probe) * torch.polar(torch.ones_like(angle), angle).to(COMPLEX))


def off_centre(problem: Problem) -> tuple[float, float]:
    """How far the frames' light lies from the given probe's on the detector, (y, x) pixels; 0 where it hardly does."""
    given = torch.fft.fft2(first_state(problem, None).probe).abs().square().sum(0)
    pairs = zip(_middle(problem.measured.mean_counts(problem.train)), _middle(given), given.shape, strict=True)
    return _far_off([(here - there + n / 2) % n - n / 2 for here, there, n in pairs])


def _middle(light: torch.Tensor) -> list[float]:
    """Of `light` (y, x) in the order of `torch.fft`, pixels from the frequency 0, by its first harmonics."""
    found = []
    for axis, n in enumerate(light.shape):
        turn = 2 * math.pi / n * torch.arange(n, device=light.device, dtype=torch.float64)
        along = light.double().sum(1 - axis)
        found.append(
            n / (2 * math.pi) * math.atan2(float((along * turn.sin()).sum()), float((along * turn.cos()).sum()))
        )
    return found


def _far_off(middle: list[float]) -> tuple[float, float]:
    y, x = middle
    return (round(y, 2), round(x, 2)) if math.hypot(y, x) > OFF_CENTRE else (0.0, 0.0)


def _ramp(moved_px: tuple[float, float], shape: tuple[int, int], device: torch.device) -> torch.Tensor:
    """Phase (y, x) over a probe of `shape` that moves its light on the detector by (y, x) pixels."""
    turns = [
        moved / n * torch.arange(n, device=device, dtype=torch.float64)
        for moved, n in zip(moved_px, shape, strict=True)
    ]
    angle = 2 * math.pi * (turns[0][:, None] + turns[1][None, :])
    return torch.polar(torch.ones_like(angle), angle).to(COMPLEX)


def _square(scan: Scan, off_px: tuple[float, float] = (0.0, 0.0)) -> torch.Tensor:
    """Of the frequency, about one that lies `off_px` (y, x) detector pixels from 0."""
    y, x = (
        frequency_axis(n, scan.pixel_um, scan.device) - off / (n * scan.pixel_um)
        for n, off in zip(scan.window, off_px, strict=True)
    )
    return (y[:, None] ** 2 + x[None, :] ** 2).double()


def focus_of(probe: torch.Tensor, problem: Problem) -> float:
    """How far before the sample the focus of a `probe` (mode, y, x) lies, um: where its first mode is smallest."""
    least, most = reach(problem)
    count = max(2, math.ceil(math.log(most / least) / math.log(NEAR)))
    far = np.geomspace(least, most, count)
    tried = distance_of(problem, np.concatenate([-far[::-1], [0.0], far]))

    def sharp(away: float) -> float:
        return float(intensity(refocused(probe[:1], problem.scan, -away)).square().sum())

    return max(map(float, tried), key=sharp)


def reach(problem: Problem) -> tuple[float, float]:
    """Curvatures of a spot hardly wider than in focus, and of one as wide as the window; see `distance_of`."""
    radius, side = lit_radius(problem), min(problem.scan.window)
    least = 0.5 / (4 * radius**2)
    return least, max(1.2 * side / (4 * radius), 1.01 * least)


def distance_of(problem: Problem, curvature: np.ndarray) -> np.ndarray:
    """The spectrum's phase 2 pi `curvature` |f|^2, f in cycles per pixel of `problem`, as a distance, um."""
    return -2 * problem.scan.pixel_um**2 / problem.scan.wavelength_um * curvature


def distances(problem: Problem) -> np.ndarray:
    """Distances to try, um, 0 among them: from a spot hardly wider than in focus to one as wide as the window."""
    least, most = reach(problem)
    count = max(2, 1 + math.ceil(math.log(most / least) / math.log(RATIO)))
    curvature = np.geomspace(least, most, count)
    return distance_of(problem, np.concatenate([-curvature[::-1], [0.0], curvature]))


def turns(problem: Problem) -> list[str]:
    """Those of TURNS that make another probe of the given one of `problem`."""
    given = first_state(problem, None).probe[:1]
    seen: list[torch.Tensor] = []
    names: list[str] = []
    for name, turn in TURNS.items():
        if "rows" in name and given.shape[-2] != given.shape[-1]:
            continue
        probe = turn(given)
        if all(_alike(probe, other) < SAME for other in seen):
            seen.append(probe)
            names.append(name)
    return names


def _alike(a: torch.Tensor, b: torch.Tensor) -> float:
    """Correlation of two probes (1, y, x) wherever they lie."""
    cross = torch.fft.ifft2(torch.fft.fft2(a) * torch.fft.fft2(b).conj()).abs().max()
    return float(cross / (a.abs().square().sum() * b.abs().square().sum()).sqrt().clamp(min=1e-30))


def _flipped(probe: torch.Tensor, *axes: int) -> torch.Tensor:
    return torch.roll(probe.flip(axes), tuple(1 - probe.shape[axis] % 2 for axis in axes), axes)


def _transposed(probe: torch.Tensor) -> torch.Tensor:
    return probe.transpose(-2, -1).contiguous()


def _part(acquisition: Ptychography) -> Ptychography:
    """Frames near the middle of the scan, and the middle of large ones."""
    if max(acquisition.frame_shape) > SIDE:
        starts = [max(0, n // 2 - SIDE // 2) for n in acquisition.frame_shape]
        y, x = (slice(low, low + min(n, SIDE)) for low, n in zip(starts, acquisition.frame_shape, strict=True))
        acquisition = cut_patterns(acquisition, y, x)
    if acquisition.frame_count <= FRAMES:
        return acquisition
    place = np.asarray(acquisition.positions_um)
    away = np.abs(place - (place.min(axis=0) + place.max(axis=0)) / 2).max(axis=1)
    return acquisition.subset(np.sort(np.argsort(away, kind="stable")[:FRAMES]))

"""Whether the frames of bright-field half discs are those that the patterns say.

Two opposite halves show a weak phase with opposite signs and absorption with the same one (Tian, Waller, Opt. Express
23, 11394 (2015), eqs. 4 to 8): less what all frames have in common they anticorrelate, whatever the patterns are
called. The difference of two such frames has no light at the frequencies along their dividing line, and the differences
of two pairs must tell of one and the same phase, which says which pair lies along which axis, and with which sign
against the other pair. The sign of all together the frames cannot tell.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from ..data.acquisition import MultiplexedLed
from ..optics.patterns import ON_THE_LINE, PatternName, turn_from

LARGEST = 256  # pixels along a side that are looked at
SMALLEST = 32
BAND = (0.2, 1.6)  # of NA / wavelength: slow light and noise lie outside
MOST_HALVES = 8
OPPOSITE_DEG = 30.0
OPPOSED = -0.45  # correlation of frames that clearly are opposite; noise alone makes -1 / 3 of four
CLEARLY = 0.3  # of the correlation, by which the better pairing must be lower
TELLS = 0.8  # share of the differences that one phase must explain
BETTER = 0.2  # of that share, by which another order of the pairs must explain more
ALIKE = 0.02  # of that share: orders that explain nearly as much are as good
TURNS_DEG = tuple(15.0 * step for step in range(12))


@dataclasses.dataclass(frozen=True)
class FoundHalves:
    """What the frames of half discs say.

    frames : numbers of the frames of half discs (n,); angles_deg : as the patterns say (n,).
    given, paired : correlation of opposite frames as given and of those that belong together, the weakest pair.
    pairs : numbers of the frames that belong together.
    better_deg : angles that fit (n,); None where the given ones do, or where several fit.
    explained : share of the differences that one phase explains, as given and with `better_deg`.
    """

    frames: list[int]
    angles_deg: list[float]
    given: float
    paired: float
    pairs: list[tuple[int, int]]
    better_deg: list[float] | None
    explained: tuple[float, float]

    @property
    def wrong(self) -> bool:
        """Whether frames that the patterns call opposite are not."""
        return self.paired < OPPOSED and self.paired < self.given - CLEARLY


def find_halves(acquisition: MultiplexedLed, names: list[PatternName]) -> FoundHalves | None:
    """What the frames of half discs say; None where there are fewer than two pairs, or they show too little.

    Parameters
    ----------
    acquisition : its frames and LEDs.
    names : what each pattern is.
    """
    frames = [i for i, name in enumerate(names) if name.kind == "half"]
    angles = [names[i].angle_deg for i in frames]
    given = _opposites(angles)
    if not 4 <= len(frames) <= MOST_HALVES or given is None or min(acquisition.frame_shape) < SMALLEST:
        return None
    spectra, fy, fx = _spectra(acquisition, frames)
    alike = _correlations(spectra)
    pairing = min(_pairings(list(range(len(frames)))), key=lambda pairs: sum(alike[pair] for pair in pairs))
    worst = max(alike[pair] for pair in pairing)
    if worst > OPPOSED:
        return None
    differences = np.stack([spectra[i] - spectra[j] for i, j in pairing])
    tried = {}
    for turn in TURNS_DEG:
        transfer = [_transfer(acquisition, frames, angle + turn, fy, fx) for angle in angles]
        for order in _orders(len(angles), given, pairing):
            expected = np.stack([transfer[order[i]] - transfer[order[j]] for i, j in pairing])
            tried[turn, order] = _explained(differences, expected)
    as_given = tried.get((0.0, tuple(range(len(angles)))), 0.0)
    best = max(tried.values())
    turn, order = min((key for key in tried if tried[key] > best - ALIKE), key=_effort)
    turned = best > TELLS and best > as_given + BETTER
    return FoundHalves(
        frames=frames,
        angles_deg=angles,
        given=max(alike[pair] for pair in given),
        paired=worst,
        pairs=[(frames[i], frames[j]) for i, j in pairing],
        better_deg=[(angles[i] + turn) % 360 for i in order] if turned else None,
        explained=(as_given, best),
    )


def _effort(reading: tuple[float, tuple[int, ...]]) -> tuple[float, float, int]:
    """How far a turn and an order are from what is given: whole quarter turns before others, few frames before many."""
    turn, order = reading
    return turn % 45, min(turn % 180, -turn % 180), sum(i != k for k, i in enumerate(order))


def _opposites(angles: list[float]) -> list[tuple[int, int]] | None:
    """Which of `angles` (n,), degrees, are opposite; None where one has no opposite or several."""
    pairs = [(i, j) for i, j in itertools.combinations(range(len(angles)), 2)
             if abs(turn_from(angles[i], angles[j] + 180)) < OPPOSITE_DEG]  # fmt: skip
    used = sorted(itertools.chain.from_iterable(pairs))
    return pairs if used == list(range(len(angles))) else None


def _pairings(left: list[int]) -> Iterator[list[tuple[int, int]]]:
    """Every way to put the numbers `left` into pairs."""
    if not left:
        yield []
        return
    first, *rest = left
    for other in rest:
        for pairs in _pairings([n for n in rest if n != other]):
            yield [(first, other), *pairs]


def _orders(count: int, opposite: list[tuple[int, int]], pairing: list[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """Which given pattern each of `count` frames may really have, where the frames of `pairing` are opposite."""
    for axes in itertools.permutations(opposite):
        for flips in itertools.product((False, True), repeat=len(axes)):
            order = [0] * count
            for (i, j), (one, other), flip in zip(pairing, axes, flips, strict=True):
                order[i], order[j] = (other, one) if flip else (one, other)
            yield tuple(order)


def _spectra(acquisition: MultiplexedLed, frames: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spectra (n, frequency) of the frames over their slow light, in the band that tells, and the frequencies."""
    y, x = (slice((n - m) // 2, (n - m) // 2 + m) for n, m in
            ((n, min(n, LARGEST)) for n in acquisition.frame_shape))  # fmt: skip
    stack = acquisition.intensity(np.array(frames), (y, x)).astype(float)
    cutoff = acquisition.objective_na / acquisition.wavelength_um
    fy, fx = (np.fft.fftfreq(n, acquisition.pixel_um) for n in stack.shape[1:])
    radius = np.hypot(fy[:, None], fx[None, :]) / cutoff
    slow = np.fft.ifft2(np.fft.fft2(stack) * np.exp(-((radius / (BAND[0] / 2)) ** 2))).real
    even = stack / np.maximum(slow, 0.2 * stack.mean(axis=(1, 2), keepdims=True) + 1e-30) - 1
    window = np.outer(*(np.hanning(n) for n in stack.shape[1:]))
    band = (radius > BAND[0]) & (radius < BAND[1]) & ((fy[:, None] > 0) | ((fy[:, None] == 0) & (fx[None, :] > 0)))
    grid = np.meshgrid(fy, fx, indexing="ij")
    return np.fft.fft2(even * window)[:, band], grid[0][band], grid[1][band]


def _correlations(spectra: np.ndarray) -> np.ndarray:
    """Correlation of every two frames (n, n), less what all have in common."""
    own = spectra - spectra.mean(axis=0)
    products = (own @ own.conj().T).real
    size = np.sqrt(np.maximum(np.diag(products), 1e-300))
    found: np.ndarray = products / np.outer(size, size)
    return found


def _transfer(
    acquisition: MultiplexedLed, frames: list[int], angle_deg: float, fy: np.ndarray, fx: np.ndarray
) -> np.ndarray:
    """Transfer of weak phase to the intensity under a half towards an angle (frequency,), over the imaginary unit.

    The half is of all LEDs that light the `frames`.
    """
    towards = np.deg2rad(angle_deg)
    side = acquisition.led_na @ (np.sin(towards), np.cos(towards))
    half = np.where(np.abs(side) <= ON_THE_LINE, 0.5, (side > 0).astype(float))
    weights, cutoff = (
        acquisition.patterns[frames].max(axis=0) * half,
        acquisition.objective_na / acquisition.wavelength_um,
    )
    found = np.zeros(fy.shape)
    for led in np.flatnonzero(weights):
        sy, sx = acquisition.led_na[led] / acquisition.wavelength_um
        above, below = (np.hypot(fy + sign * sy, fx + sign * sx) <= cutoff for sign in (1, -1))
        found += weights[led] * (above.astype(float) - below)
    return found / max(weights.sum(), 1e-30)


def _explained(differences: np.ndarray, expected: np.ndarray) -> float:
    """Share of the `differences` of pairs (pair, frequency) that one phase explains, by its `expected` transfer."""
    power = np.maximum((expected**2).sum(axis=0), 1e-3)
    told = np.abs((expected * differences).sum(axis=0)) ** 2 / power
    return float(told.sum() / (np.abs(differences) ** 2).sum())

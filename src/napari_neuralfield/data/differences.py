"""Intensities from frames that were stored as vertical differences with part of their steps lost.

The released frames of NeuPh (H. Wang et al., Adv. Photon. Nexus 3, 056005, 2024) hold, for the intensity I of a column,

    D[0] = 0,   D[y] = I[y] - I[y - 1]                          where that is positive or I[y - 1] <= I[y - 2],
                D[y] = min(I[y] - I[y - 2], 0)                  where I[y] < I[y - 1] > I[y - 2],

as the numbers themselves tell: in dark background their statistics are those of white noise treated so. Behind a
rise, D < 0 is the step plus the rise, which is taken off again; D = 0 is a step between 0 and minus the rise, one pixel
in seven, which is lost. A column is therefore known in pieces. Their offsets are found together, by sparse least
squares: neighbouring columns bend as little as the known pixels around them do, each lost step lies within its bounds,
and parts of the picture where no frame shows anything are level.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

ROUNDS = 4
NEARBY = 1.5  # pixels over which the usual size of steps is averaged
# Chosen on simulated cells, where the error is 5 to 12 % of the frames' spread.
SLOPE, LEVEL, ROBUST, LOOSE, FIRM = 0.03, 0.1, 0.1, 6.0, 360.0
QUIET_WINDOW, QUIET_SHARE, QUIET_RATIO = 7, 0.12, 2.2
FEWEST_QUIET = 0.01  # of all pixels
DARKEST = 0.05


def are_differences(stack: np.ndarray) -> bool:
    """Whether frames (frame, y, x) are vertical differences: nothing in the first row, both signs below."""
    return bool(stack.shape[1] > 2 and not stack[:, 0].any() and (stack < 0).any() and (stack > 0).any())


def intensities(differences: np.ndarray, bright: np.ndarray) -> np.ndarray:
    """Intensities (frame, y, x) float32 of lossy differences; bright-field background 1, dark-field background 0.

    Parameters
    ----------
    differences : (frame, y, x) in one unit.
    bright : (frame,) True for bright field. How much light there is in its background no difference tells: it is
        taken so that the darkest point is 5 % of it. Dark field stays in the unit of the bright field.
    """
    quiet = quiet_pixels(differences)
    found = np.array([integrated(frame, quiet) for frame in np.asarray(differences, dtype=float)])
    found -= np.median(found[:, quiet], axis=1)[:, None, None]
    bright = np.asarray(bright, dtype=bool)
    if bright.any():
        background = -np.quantile(found[bright], 1e-4) / (1 - DARKEST)
        found[bright] += background
        found /= background
    return np.maximum(found, 0).astype(np.float32)


def quiet_pixels(differences: np.ndarray) -> np.ndarray:
    """(y, x) True where all frames change little, compared with the quietest eighth of each that changes at all."""
    from scipy.ndimage import uniform_filter

    loudest = np.zeros(differences.shape[1:])
    for frame in differences:
        change = np.sqrt(np.maximum(uniform_filter(np.square(frame, dtype=float), QUIET_WINDOW), 0))
        changing = change[change > 0]  # a dead part of a frame is no measure for the rest
        if changing.size:
            loudest = np.maximum(loudest, change / np.quantile(changing, QUIET_SHARE))
    return loudest <= max(QUIET_RATIO, np.quantile(loudest, FEWEST_QUIET))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pieces:
    """A frame as pieces of columns: `height` (y, x) but for one offset per piece, `piece` (y, x) its number.

    `upper` is the piece above each lost step (the one below has the next number), `rise` what the step may undo.
    """

    steps: np.ndarray
    known: np.ndarray
    height: np.ndarray
    piece: np.ndarray
    upper: np.ndarray
    rise: np.ndarray

    @classmethod
    def of(cls, differences: np.ndarray) -> Pieces:
        before = np.zeros_like(differences)
        before[1:] = differences[:-1]
        risen = before > 0
        steps = np.where((differences < 0) & risen, differences - before, differences)
        lost = (differences == 0) & risen
        own = np.cumsum(lost, axis=0)
        piece = own + np.concatenate([[0], np.cumsum(own[-1] + 1)[:-1]])
        known = ~lost
        known[0] = False
        height = np.cumsum(steps, axis=0)
        return cls(steps=steps, known=known, height=height, piece=piece, upper=piece[lost] - 1, rise=before[lost])

    @property
    def count(self) -> int:
        return int(self.piece.max()) + 1


@dataclasses.dataclass
class Relation:
    """Sums that should be 0: height plus coefficients times the offsets of `pieces`, weighted by 1 / variance."""

    pieces: list[np.ndarray]
    coefficients: tuple[float, ...]
    height: np.ndarray
    weight: np.ndarray
    trust: np.ndarray | float = 1.0

    def left(self, offset: np.ndarray) -> np.ndarray:
        """What the sums come to."""
        return self.height + sum(c * offset[p] for p, c in zip(self.pieces, self.coefficients, strict=True))


def integrated(differences: np.ndarray, quiet: np.ndarray) -> np.ndarray:
    """One frame (y, x) of lossy differences as intensity, but for a constant; `quiet` (y, x) pixels are level."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import spsolve

    parts = Pieces.of(differences)
    noise = 1.48 * float(np.median(np.abs(parts.steps[parts.known & quiet]))) if quiet.any() else 0.0
    noise = max(noise, 1e-6 * float(np.abs(parts.steps).max(initial=0)), 1e-30)
    relations = list(_relations(parts, noise))
    level = (parts.piece[quiet], parts.height[quiet], np.full(int(quiet.sum()), LEVEL / noise**2))
    upper, lower, rise = parts.upper, parts.upper + 1, np.maximum(parts.rise, 1e-3 * noise)
    pull, target = 12 / rise**2, -rise / 2
    offset = np.zeros(parts.count)
    for _ in range(ROUNDS):
        rows, columns, values = [], [], []
        right = np.zeros(parts.count)
        terms = [(r.pieces, r.coefficients, r.height, r.weight * r.trust) for r in relations]
        terms += [([lower, upper], (1.0, -1.0), -target, pull), ([level[0]], (1.0,), level[1], level[2])]
        for pieces, coefficients, height, weight in terms:
            for one, c in zip(pieces, coefficients, strict=True):
                right -= np.bincount(one, c * weight * height, parts.count)
                for other, k in zip(pieces, coefficients, strict=True):
                    rows.append(one)
                    columns.append(other)
                    values.append(c * k * weight)
        places = (np.concatenate(rows), np.concatenate(columns))
        normal = coo_matrix((np.concatenate(values), places), shape=(parts.count, parts.count)).tocsc()
        normal.setdiag(normal.diagonal() + 1e-9 * normal.diagonal().max())  # a frame without quiet parts has no level
        offset = spsolve(normal, right, permc_spec="MMD_AT_PLUS_A")
        for r in relations:
            r.trust = 1 / np.sqrt(1 + r.left(offset) ** 2 * r.weight / ROBUST)
        step = offset[lower] - offset[upper]
        outside = (step > 0) | (step < -rise)
        pull = np.where(outside, FIRM, LOOSE) / rise**2
        target = np.where(outside, np.clip(step, -rise, 0), -rise / 2)
    return parts.height + offset[parts.piece]


def _relations(parts: Pieces, noise: float) -> Iterator[Relation]:
    """Between neighbouring columns: slopes and bends; down a column: bends over lost steps."""
    steps, known, height, piece = parts.steps, parts.known, parts.height, parts.piece
    slope = _usual(steps**2, known, noise)
    bends, both = np.zeros_like(steps), known.copy()
    bends[1:] = steps[1:] - steps[:-1]
    both[1:] &= known[:-1]
    bend = _usual(bends**2, both, noise)
    yield _relation([piece[:, :-1], piece[:, 1:]], (-1.0, 1.0), height[:, 1:] - height[:, :-1],
                    (slope[:, :-1] + slope[:, 1:]) / (2 * SLOPE))  # fmt: skip
    across = np.diff(height, 2, axis=1)
    yield _relation([piece[:, :-2], piece[:, 1:-1], piece[:, 2:]], (1.0, -2.0, 1.0), across, bend[:, 1:-1])
    torn = piece[2:] != piece[:-2]
    down = [p[torn] for p in (piece[:-2], piece[1:-1], piece[2:])]
    yield _relation(down, (1.0, -2.0, 1.0), np.diff(height, 2, axis=0)[torn], bend[1:-1][torn])


def _relation(
    pieces: list[np.ndarray], coefficients: tuple[float, ...], height: np.ndarray, variance: np.ndarray
) -> Relation:
    return Relation([p.ravel() for p in pieces], coefficients, height.ravel(), 1 / variance.ravel())


def _usual(square: np.ndarray, known: np.ndarray, noise: float) -> np.ndarray:
    """Mean of the known squares around each pixel, never below a quarter of the noise's."""
    from scipy.ndimage import gaussian_filter

    held = np.maximum(gaussian_filter(known.astype(float), NEARBY), 1e-3)
    return gaussian_filter(np.where(known, square, 0.0), NEARBY) / held + (noise / 2) ** 2

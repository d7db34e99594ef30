"""Where all fields lie, by robust least squares over what neighbours share, and what the stage got wrong.

The stage is taken for one that turns and scales all its steps alike, plus an error of each place. Fields that no
overlap ties to the others lie where the stage, so corrected, says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from .neighbours import Overlap

ROUNDS = 20  # of reweighting
CUT_PX = 1.0  # disagreement from which on an overlap counts much less (Cauchy)
HELD = 1e-6  # of the usual weight: how strongly the stage holds each field
ASIDE_PX = 3.0  # disagreement from which on an overlap is called wrong


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """Where fields lie.

    Parameters
    ----------
    places_um : (field, 2), um.
    turn_rad, scale : of the stage's steps; the turn is from y towards x.
    errors_um : (field, 2), what is left of the stage's places when turn and scale are taken out.
    wrong : (overlap,), True for those that contradict the others.
    """

    places_um: np.ndarray
    turn_rad: float
    scale: float
    errors_um: np.ndarray
    wrong: np.ndarray


def layout(nominal_um: np.ndarray, overlaps: Sequence[Overlap], pixel_um: float) -> Layout:
    """The places that fit the overlaps best.

    Parameters
    ----------
    nominal_um : where the stage says that the fields lie (field, 2), um.
    overlaps : of pairs.
    pixel_um : the unit of disagreement.
    """
    pairs = np.array([(o.first, o.second) for o in overlaps], dtype=int).reshape(-1, 2)
    steps = np.array([o.step_um for o in overlaps], dtype=float).reshape(-1, 2)
    weight = np.array([o.pixels * max(o.likeness, 0) ** 2 for o in overlaps], dtype=float)
    turned = _similarity(_complex(nominal_um[pairs[:, 1]] - nominal_um[pairs[:, 0]]), _complex(steps), weight)
    middle = nominal_um.mean(0)
    stage = _pair(turned * _complex(nominal_um - middle)) + middle
    places, wrong = stage, np.zeros(len(pairs), bool)
    if len(pairs):
        cut, largest = CUT_PX * pixel_um, float(np.linalg.norm(steps, axis=1).max())
        for n in range(ROUNDS):
            off = np.linalg.norm(steps - places[pairs[:, 1]] + places[pairs[:, 0]], axis=1)
            here = max(cut, largest * 0.5**n)  # from forgiving to strict: a far start is no outlier
            places = _solved(pairs, steps, weight / (1 + (off / here) ** 2), stage)
        off = np.linalg.norm(steps - places[pairs[:, 1]] + places[pairs[:, 0]], axis=1)
        wrong = off > ASIDE_PX * pixel_um
    errors = places - stage
    errors = errors - errors.mean(0)
    return Layout(places, float(np.angle(turned)), float(abs(turned)), errors, wrong)


def _similarity(nominal: np.ndarray, found: np.ndarray, weight: np.ndarray) -> complex:
    """The complex factor that best takes nominal steps to found ones, as y + i x; 1 where there are too few."""
    if len(nominal) < 2 or not (weight * np.abs(nominal) ** 2).sum() > 0:
        return 1.0 + 0j
    counted, factor = weight, 1.0 + 0j
    for n in range(ROUNDS):
        factor = complex((counted * np.conj(nominal) * found).sum() / (counted * np.abs(nominal) ** 2).sum())
        off = np.abs(found - factor * nominal)
        usual = max(float(np.median(off)), 1e-9)
        counted = weight / (1 + (off / (3 * usual)) ** 2) if n < ROUNDS - 1 else counted
    return factor


def _solved(pairs: np.ndarray, steps: np.ndarray, weight: np.ndarray, stage: np.ndarray) -> np.ndarray:
    count, n = len(stage), len(pairs)
    rows = np.repeat(np.arange(n), 2)
    signs = np.tile([-1.0, 1.0], n)
    joins = sparse.csr_array((signs, (rows, pairs.ravel())), shape=(n, count))
    counted = sparse.diags_array(weight)
    held = HELD * max(float(np.median(weight)), 1e-12)
    normal = (joins.T @ counted @ joins + held * sparse.eye_array(count)).tocsc()
    wanted = joins.T @ (weight[:, None] * steps) + held * stage
    return np.stack([spsolve(normal, wanted[:, axis]) for axis in (0, 1)], 1)


def _complex(places: np.ndarray) -> np.ndarray:
    return np.asarray(places[..., 0] + 1j * places[..., 1])


def _pair(numbers: np.ndarray) -> np.ndarray:
    return np.stack([numbers.real, numbers.imag], -1)

"""One phase and one brightness for all tiles, by weighted least squares over their overlaps.

No frame tells the phase offset of a tile, and its tilt and gain hang on what of the sample lies in it. Between
neighbours i and j the corrections a + t . (r - c) must bridge the plane d that `differences` finds:
a_j + t_j . (r - c_j) - a_i - t_i . (r - c_i) = d(r), and the logarithms of the gains likewise. Each pair counts by the
information of its plane, less where the others contradict it. What all tiles share no overlap tells: the mean of all
phases, tilts and logarithms of gains is 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from scipy.sparse.linalg import spsolve

from ...fields.tiled import TileCorrection
from .differences import Difference

ROUNDS = 6  # of reweighting
CUT = 3.0  # times the usual contradiction, from which on a pair counts much less (Cauchy)
RIDGE = 1e-9  # of the usual information: holds what no overlap tells near 0


def corrections(differences: Sequence[Difference], centres_um: np.ndarray) -> list[TileCorrection]:
    """What brings every tile in line with its neighbours; none where a tile has no neighbour.

    Parameters
    ----------
    differences : of the pairs that overlap.
    centres_um : (y, x) of the middle of each tile's core (tile, 2), um: its phase and its tilt are about there.
    """
    count = len(centres_um)
    if not differences:
        return [TileCorrection() for _ in range(count)]
    pairs = np.array([(d.first, d.second) for d in differences])
    planes = np.array([d.plane for d in differences])
    tilts = _solved(pairs, planes[:, 1:], np.array([_of_tilt(d.information) for d in differences]), count)
    offsets = _offsets(differences, tilts, centres_um)
    planes[:, 0] += 2 * np.pi * np.round((offsets - planes[:, 0]) / (2 * np.pi)) * [d.periodic for d in differences]
    arms = np.array([[d.middle_um - centres_um[n] for n in (d.first, d.second)] for d in differences])
    found = _solved(pairs, planes, np.array([d.information for d in differences]), count, arms)
    logs = np.array([[d.log_gain] for d in differences])
    light = np.array([[[d.information[0, 0] * d.spread_rad**2]] for d in differences])
    gains = _solved(pairs, logs, light, count)[:, 0]
    _, group = connected_components(_graph(pairs, np.ones(len(pairs)), count), directed=False)
    for some in (group == n for n in range(group.max() + 1)):
        shared = found[some, 1:].mean(0)
        found[some, 1:] -= shared
        found[some, 0] -= centres_um[some] @ shared
        found[some, 0] -= found[some, 0].mean()
        gains[some] -= gains[some].mean()
    return [
        TileCorrection(float(a), (float(ty), float(tx)), float(np.exp(g)))
        for (a, ty, tx), g in zip(found, gains, strict=True)
    ]


def _of_tilt(information: np.ndarray) -> np.ndarray:
    """Of the tilt (2, 2), whatever the offset."""
    cross = information[1:, :1]
    return np.asarray(information[1:, 1:] - cross @ cross.T / max(float(information[0, 0]), 1e-30))


def _offsets(differences: Sequence[Difference], tilts: np.ndarray, centres_um: np.ndarray) -> np.ndarray:
    """About what each pair's offset would be without turns of 2 pi (pair,): along the surest pairs, given the tilts."""
    pairs = np.array([(d.first, d.second) for d in differences])
    lever = np.array(
        [
            tilts[j] @ (d.middle_um - centres_um[j]) - tilts[i] @ (d.middle_um - centres_um[i])
            for (i, j), d in zip(pairs, differences, strict=True)
        ]
    )
    steps = np.array([d.plane[0] for d in differences]) - lever  # a_j - a_i
    cost = 1 / np.array([max(float(d.information[0, 0]), 1e-12) for d in differences])
    tree = minimum_spanning_tree(_graph(pairs, cost / cost.min(), len(centres_um)))
    step_of = {(i, j): s for (i, j), s in zip(pairs.tolist(), steps, strict=True)}
    step_of |= {(j, i): -s for (i, j), s in step_of.items()}
    phase = np.full(len(centres_um), np.nan)
    for start in range(len(phase)):
        if np.isnan(phase[start]):
            phase[start] = 0.0
            order, parents = breadth_first_order(tree, start, directed=False)
            for tile in order[1:]:
                phase[tile] = phase[parents[tile]] + step_of[int(parents[tile]), int(tile)]
    return np.asarray(phase[pairs[:, 1]] - phase[pairs[:, 0]] + lever)


def _graph(pairs: np.ndarray, weight: np.ndarray, count: int) -> sparse.csr_array:
    return sparse.csr_array((weight, (pairs[:, 0], pairs[:, 1])), shape=(count, count))


def _solved(
    pairs: np.ndarray, steps: np.ndarray, information: np.ndarray, count: int, arms: np.ndarray | None = None
) -> np.ndarray:
    """Values of each tile (tile, n) whose steps over the pairs are nearest to those found; pairs at odds count less.

    Parameters
    ----------
    pairs : numbers of the tiles (pair, 2).
    steps : value of the second less that of the first (pair, n).
    information : of each step (pair, n, n).
    count : of tiles.
    arms : (pair, 2, (y, x)), um, from the middle of each tile to where a plane is told; None: values, no planes.
    """
    size = steps.shape[1]
    turns = np.tile(np.eye(size), (len(pairs), 2, 1, 1))
    if arms is not None:
        turns[:, :, 0, 1:] = arms
    ends = np.concatenate([-turns[:, 0], turns[:, 1]], axis=2)  # (pair, n, 2 n)
    places = (size * pairs[:, :, None] + np.arange(size)).reshape(len(pairs), 2 * size)
    rows = np.repeat(places[:, :, None], 2 * size, 2)
    weight, values = np.ones(len(pairs)), np.zeros(size * count)
    for _ in range(ROUNDS):
        counted = information * weight[:, None, None]
        blocks = np.einsum("pki,pkl,plj->pij", ends, counted, ends)
        normal = sparse.coo_array(
            (blocks.ravel(), (rows.ravel(), rows.transpose(0, 2, 1).ravel())), shape=(size * count, size * count)
        ).tocsc()
        diagonal = normal.diagonal()
        usual = np.array([np.median(diagonal[n::size][diagonal[n::size] > 0]) for n in range(size)])
        held = normal + sparse.diags_array(np.tile(RIDGE * usual, count))
        wanted = np.zeros(size * count)
        np.add.at(wanted, places, np.einsum("pki,pkl,pl->pi", ends, counted, steps))
        values = spsolve(held.tocsc(), wanted)
        left = steps - np.einsum("pki,pi->pk", ends, values[places])
        odds = np.sqrt(np.einsum("pk,pkl,pl->p", left, information, left))
        weight = 1 / (1 + (odds / (CUT * max(float(np.median(odds)), 1e-9))) ** 2)
    return np.asarray(values.reshape(count, size))

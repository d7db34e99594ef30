"""An LED board as a flat, rigid thing: how it is turned, shifted and scaled against what the file says.

A direction `na` seen on a board one unit of length away lies at q = -na / sqrt(1 - |na|^2), (y, x) in units of the
board's height. There a turn, a shift and a change of size are linear: q' = scale * R(turn) q + shift. The height and
the pitch of a board only appear as their ratio, `scale`.
"""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class BoardPose:
    """Where a board really is, against its nominal place.

    Parameters
    ----------
    turn_rad : turn about the optical axis, +x towards +y.
    shift : (y, x), units of the board's height; times the height in mm it is mm.
    scale : size of the board as seen from the sample: real pitch / height over nominal pitch / height.
    """

    turn_rad: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0

    @property
    def vector(self) -> np.ndarray:
        """(turn, shift y, shift x, scale) as an array (4,)."""
        return np.array([self.turn_rad, *self.shift, self.scale])

    @classmethod
    def of(cls, vector: np.ndarray) -> BoardPose:
        turn, y, x, scale = (float(v) for v in vector)
        return cls(turn, (y, x), scale)

    def place(self, na: np.ndarray) -> np.ndarray:
        """Directions (led, 2) of the nominal directions `na` (led, 2) on the board as it really is."""
        return to_na(self.scale * positions(na) @ turn_matrix(self.turn_rad).T + np.array(self.shift))

    def then(self, other: BoardPose) -> BoardPose:
        """This pose, and `other` on top of it."""
        moved = other.scale * turn_matrix(other.turn_rad) @ np.array(self.shift) + np.array(other.shift)
        shift = (float(moved[0]), float(moved[1]))
        return BoardPose(self.turn_rad + other.turn_rad, shift, self.scale * other.scale)

    def jacobian(self, na: np.ndarray) -> np.ndarray:
        """Derivative (led, 2, 4) of `place(na)` by (turn, shift y, shift x, scale)."""
        nominal = positions(na)
        turned = nominal @ turn_matrix(self.turn_rad).T
        quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])
        moved = np.zeros((len(nominal), 2, 4))
        moved[:, :, 0] = self.scale * turned @ quarter.T
        moved[:, 0, 1] = moved[:, 1, 2] = 1.0
        moved[:, :, 3] = turned
        q = self.scale * turned + np.array(self.shift)
        root = np.sqrt(1 + (q**2).sum(1))[:, None, None]
        slope = -(np.eye(2) / root - q[:, :, None] * q[:, None, :] / root**3)
        found: np.ndarray = slope @ moved
        return found


def positions(na: np.ndarray) -> np.ndarray:
    """Place (led, 2) on the board of each direction, (y, x) in units of the board's height."""
    na = np.asarray(na, dtype=float)
    return -na / np.sqrt(1 - (na**2).sum(1, keepdims=True))


def to_na(q: np.ndarray) -> np.ndarray:
    """Directions (led, 2) of places `q` (led, 2) on a board one unit away."""
    return -q / np.sqrt(1 + (q**2).sum(1, keepdims=True))


def turn_matrix(turn_rad: float) -> np.ndarray:
    """Turns (y, x) by `turn_rad`, +x towards +y."""
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    return np.array([[c, s], [-s, c]])


def fit_pose(nominal: np.ndarray, found: np.ndarray, weight: np.ndarray | None = None) -> BoardPose:
    """The pose that carries directions `nominal` (led, 2) closest to `found` (led, 2), weighted by `weight` (led,).

    A similarity in the plane of the board, by linear least squares in its height's units.
    """
    a, b = positions(nominal), positions(found)
    w = np.ones(len(a)) if weight is None else np.asarray(weight, dtype=float)
    w = w / w.sum()
    mean_a, mean_b = w @ a, w @ b
    a, b = a - mean_a, b - mean_b
    along = float((w[:, None] * a * b).sum())
    across = float((w * (a[:, 1] * b[:, 0] - a[:, 0] * b[:, 1])).sum())
    turn = float(np.arctan2(across, along))
    scale = float(np.hypot(along, across) / (w[:, None] * a**2).sum())
    shift = mean_b - scale * turn_matrix(turn) @ mean_a
    return BoardPose(turn, (float(shift[0]), float(shift[1])), scale)

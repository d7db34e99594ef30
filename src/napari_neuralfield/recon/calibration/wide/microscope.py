"""A microscope over a wide field: one board seen from many places, one pupil that changes smoothly from place to place.

A board of LEDs that is a rigid thing has five numbers, whatever the place: turn, shift and size as a `BoardPose` at the
middle of the field, and one over its height, by which the shift changes with the place. Depth and Zernike terms are
polynomials of the place. A few dozen numbers describe what would be hundreds, region by region.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ....optics.board import BoardPose
from ....optics.pupil_field import monomials, order_told

BOARD = ("turn", "shift_y", "shift_x", "scale", "slope")
UNIT = np.array([1.0, 1.0, 1.0, 1.0, 1e-5])  # of each; 1 / um for the slope, a board 100 mm away


@dataclasses.dataclass(frozen=True, eq=False)
class FieldPlaces:
    """Where regions lie.

    Parameters
    ----------
    um : middle (y, x) of each region (region, 2), um.
    middle_um : (y, x) of the field, um.
    """

    um: np.ndarray
    middle_um: np.ndarray

    @property
    def away(self) -> np.ndarray:
        """From the middle of the field (region, 2), um."""
        return self.um - self.middle_um

    @property
    def basis(self) -> np.ndarray:
        """Monomials of the places (region, monomial), of an order that they tell, about 1 in size."""
        scaled = self.away / max(float(np.abs(self.away).max()), 1e-9)
        return monomials(scaled, order_told(scaled, 2))


@dataclasses.dataclass(frozen=True, eq=False)
class WideMicroscope:
    """What is believed.

    Parameters
    ----------
    first : directions of the LEDs (led, 2) as the file has them, in their order and orientation.
    nominal : the same, each LED where it was found; the board moves them.
    places : of the regions.
    board : turn, shift and scale at the middle of the field, and the slope, in `UNIT` (5,).
    noll : Zernike terms.
    coefficients : of each term's monomials (term, monomial), rad. depth : of the depth's (monomial,), um.
    """

    first: np.ndarray
    nominal: np.ndarray
    places: FieldPlaces
    board: np.ndarray
    noll: tuple[int, ...]
    coefficients: np.ndarray
    depth: np.ndarray

    @classmethod
    def plain(cls, first: np.ndarray, places: FieldPlaces, noll: tuple[int, ...], per_um: float) -> WideMicroscope:
        """Of a board as the file has it, `per_um` one over its height, without aberration or depth."""
        count = places.basis.shape[1]
        board = np.append(BoardPose().vector, per_um) / UNIT
        zernike, depth = np.zeros((len(noll), count)), np.zeros(count)
        return cls(first, first, places, board=board, noll=noll, coefficients=zernike, depth=depth)

    def changed(self, **values: object) -> WideMicroscope:
        return dataclasses.replace(self, **values)  # type: ignore[arg-type]

    def on_board(self, first: np.ndarray, pose: BoardPose) -> WideMicroscope:
        """With other directions of the file (led, 2) and another `pose` of the board at the middle."""
        return self.changed(first=first, nominal=first, board=np.append(pose.vector / UNIT[:4], self.board[4]))

    def half_turned(self) -> WideMicroscope:
        """With the board half a turn further, at the same height: in spectra all is as before at the middle."""
        pose = self.pose(np.zeros(2))
        shift = (-pose.shift[0], -pose.shift[1])
        return self.on_board(-self.first, BoardPose(pose.turn_rad, shift, pose.scale))

    def with_pupil(self, zernike: np.ndarray, z_um: np.ndarray) -> WideMicroscope:
        """The smooth field nearest to terms (region, term), rad, and depths (region,), um, that regions have."""
        found = np.linalg.lstsq(self.places.basis, np.column_stack([zernike, z_um]), rcond=None)[0]
        return self.changed(coefficients=found[:, :-1].T, depth=found[:, -1])

    @property
    def per_um(self) -> float:
        """One over the height of the board."""
        return float(self.board[4] * UNIT[4])

    def pose(self, away_um: np.ndarray) -> BoardPose:
        """Of the board as it is seen from a place `away_um` (y, x) from the middle."""
        vector = self.board[:4].copy()
        vector[1:3] -= away_um * self.per_um
        return BoardPose.of(vector)

    def na(self, region: int) -> np.ndarray:
        """Directions (led, 2) at a region."""
        return self.pose(self.places.away[region]).place(self.nominal)

    def by_board(self, region: int) -> np.ndarray:
        """Derivative (led, 2, 5) of `na` by `board`."""
        away = self.places.away[region]
        jacobian = self.pose(away).jacobian(self.nominal)
        slope = -(jacobian[:, :, 1:3] @ away) * UNIT[4]
        return np.concatenate([jacobian, slope[:, :, None]], axis=2)

    def zernike(self) -> np.ndarray:
        """Coefficients at each region (region, term), rad."""
        found: np.ndarray = self.places.basis @ self.coefficients.T
        return found

    def z_um(self) -> np.ndarray:
        """Depth of the sample at each region (region,)."""
        found: np.ndarray = self.places.basis @ self.depth
        return found

    @property
    def numbers(self) -> np.ndarray:
        """All of it in one row."""
        return np.concatenate([self.board, self.coefficients.ravel(), self.depth])

    def of_numbers(self, numbers: np.ndarray) -> WideMicroscope:
        """The same with other `numbers`."""
        split = len(BOARD) + self.coefficients.size
        terms = numbers[len(BOARD) : split].reshape(self.coefficients.shape)
        return self.changed(board=numbers[: len(BOARD)], coefficients=terms, depth=numbers[split:])

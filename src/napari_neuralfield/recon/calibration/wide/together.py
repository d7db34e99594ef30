"""Regions of a wide field that share one microscope: each has its own object, all ask for one common step.

The frames of a region do not repeat, and what crosses its border pulls at every LED's direction by a share of a bin. In
single regions that is as much as the field changes; the few numbers that all regions have in common bear it well.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ....optics.board import positions, to_na, turn_matrix
from ..direction_search import search_directions
from ..gauss_newton import DAMPING, Reduced, eliminated, shared_by
from ..recipe import CalibrationRecipe
from ..solver import Calibrator
from .microscope import BOARD, UNIT, WideMicroscope

REWEIGHTED = 6
AHEAD = 0.7  # share of the last step that the next one goes on with: the objects follow slowly


@dataclasses.dataclass(eq=False)
class JointRegions:
    """Regions, and what is believed of their common microscope.

    Parameters
    ----------
    calibrators : one for each region.
    microscope : that all share.
    recipe : what is learnt.
    height_told : the height of the board is known and held.

    Attributes
    ----------
    ahead : the last step, all numbers of the microscope in a row.
    """

    calibrators: list[Calibrator]
    microscope: WideMicroscope
    recipe: CalibrationRecipe
    height_told: bool
    ahead: np.ndarray | None = None

    def __iter__(self) -> Iterator[Calibrator]:
        return iter(self.calibrators)

    def state(self) -> dict[str, object]:
        """All that the next step depends on."""
        return {
            "microscope": self.microscope,
            "ahead": self.ahead,
            "regions": [one.state() for one in self],
        }

    def take_up(self, state: dict[str, object]) -> None:
        """Go on from a `state`."""
        self.microscope, self.ahead = state["microscope"], state["ahead"]  # type: ignore[assignment]
        for one, kept in zip(self, state["regions"], strict=True):  # type: ignore[call-overload]
            one.take_up(kept)

    def believe(self, microscope: WideMicroscope, begin: bool = False) -> None:
        """Take up a `microscope`; `begin` again with empty objects."""
        self.microscope, self.ahead = microscope, None if begin else self.ahead
        zernike, z_um = microscope.zernike(), microscope.z_um()
        for region, one in enumerate(self):
            own = one.nominal if begin else one.microscope
            changed = own.changed(na=microscope.na(region), coefficients=zernike[region], z_um=float(z_um[region]))
            if begin:
                one.believe(changed)
            else:
                one.change(changed)

    def sweep(self, steps: tuple[float, ...], recover_gain: bool = False) -> None:
        """Passes over the frames of every region; see `Calibrator.sweep`."""
        for one in self:
            one.sweep(steps, recover_gain=recover_gain)

    def sort_out(self) -> None:
        """Leave out the frames that stand out in a region; see `Calibrator.sort_out`."""
        for one in self:
            one.sort_out()

    def error(self) -> float:
        """Relative amplitude error of the frames that take part, of all regions."""
        noise = sum(float(one.noise[one.used].sum()) for one in self)
        return (noise / sum(float(one.energies()[one.used].sum()) for one in self)) ** 0.5

    def step(self, stride: int, step_bins: float) -> float:
        """One Gauss-Newton step of the common microscope, of gains and of ambient light; the rms change, NA.

        Parameters
        ----------
        stride, step_bins : as for `Calibrator.equations`.
        """
        before = self.microscope
        parts = [self._reduced(region, stride, step_bins) for region in range(len(self.calibrators))]
        ways = [self._ways(part, region) for region, part in enumerate(parts)]
        matrix = sum(way.T @ part.curvature @ way for way, part in zip(ways, parts, strict=True))
        right = sum(way.T @ part.right for way, part in zip(ways, parts, strict=True))
        step = _solved(np.asarray(matrix), np.asarray(right), self._free(len(np.asarray(right))))
        step = self._limited(step)
        count = len(before.numbers)
        ahead = step[:count] + (0 if self.ahead is None else AHEAD * self.ahead)
        self.ahead = ahead
        for one, part, way in zip(self, parts, ways, strict=True):
            self._light(one, part, way @ step)
        self._common_gains()
        self.believe(before.of_numbers(before.numbers + ahead))
        moved = [self.microscope.na(region) - before.na(region) for region in range(len(self.calibrators))]
        return float(np.sqrt((np.array(moved) ** 2).sum(2).mean()))

    def _reduced(self, region: int, stride: int, step_bins: float) -> Reduced:
        equations = self.calibrators[region].equations(stride, step_bins)
        return eliminated(shared_by(equations, ("na_y", "na_x"), self.microscope.by_board(region), BOARD))

    def _ways(self, part: Reduced, region: int) -> np.ndarray:
        """How the shared parameters of a region follow from all unknowns: (shared, unknown).

        The unknowns are the numbers of the microscope, the wavelength, and the ambient light of each region.
        """
        microscope, names = self.microscope, part.equations.shared
        basis, terms = microscope.places.basis[region], len(microscope.noll)
        start = len(BOARD) + terms * len(basis)
        unknowns = start + len(basis) + 1 + len(self.calibrators)
        way = np.zeros((len(names), unknowns))
        for row, name in enumerate(names):
            if name in BOARD:
                way[row, BOARD.index(name)] = 1
            elif name == "z_um":
                way[row, start : start + len(basis)] = basis
            elif name == "wavelength_um":
                way[row, start + len(basis)] = 1
            elif name == "floor":
                way[row, start + len(basis) + 1 + region] = 1
            else:
                term = len(BOARD) + microscope.noll.index(int(name.removeprefix("zernike_"))) * len(basis)
                way[row, term : term + len(basis)] = basis
        return way

    def _free(self, count: int) -> np.ndarray:
        """Which of so many unknowns may change (unknown,) bool."""
        free = np.ones(count, bool)
        free[: len(BOARD)] = self.recipe.learn_board
        free[4] &= not self.height_told
        return free

    def _limited(self, step: np.ndarray) -> np.ndarray:
        """`step`, none of whose parts is larger than its option allows."""
        microscope, recipe, step = self.microscope, self.recipe, step.copy()
        count = len(BOARD)
        regions = range(len(self.calibrators))
        moved = max(float(np.abs(microscope.by_board(region) @ step[:count]).max()) for region in regions)
        step[:count] *= min(1.0, recipe.board_step / max(moved, 1e-12))
        basis, terms = microscope.places.basis, microscope.coefficients.size
        pupil, depth = slice(count, count + terms), slice(count + terms, count + terms + basis.shape[1])
        if terms:
            largest = float(np.abs(step[pupil].reshape(-1, basis.shape[1]) @ basis.T).max())
            step[pupil] *= min(1.0, recipe.pupil_step / max(largest, 1e-12))
        step[depth] *= min(1.0, recipe.z_step / max(float(np.abs(basis @ step[depth]).max()), 1e-12))
        wave = depth.stop
        step[wave] = np.clip(step[wave], -recipe.wavelength_step, recipe.wavelength_step)
        step[wave + 1 :] = np.clip(step[wave + 1 :], -recipe.background_step, recipe.background_step)
        return step

    def _light(self, one: Calibrator, part: Reduced, shared: np.ndarray) -> None:
        """Gains, ambient light and wavelength of a region, where its shared parameters do `shared` (s,)."""
        own, names, m = part.own(shared), part.equations.own, one.microscope
        by_name = dict(zip(part.equations.shared, shared, strict=True))
        gain, floor = m.gain, m.floor
        if self.recipe.learn_gains:
            most = self.recipe.gain_step
            gain = gain * np.exp(np.clip(own[:, names.index("gain")], -most, most))
        if "floor" in by_name:
            floor = np.maximum(floor + by_name["floor"], 0)
        elif "floor" in names:
            most = self.recipe.background_step
            floor = np.maximum(floor + np.clip(own[:, names.index("floor")], -most, most), 0)
        wave = m.wavelength_um + float(by_name.get("wavelength_um", 0.0))
        one.change(m.changed(gain=gain, floor=floor, wavelength_um=wave))

    def _common_gains(self) -> None:
        """The brightness of each LED is that of the middle of all regions which do not contradict it."""
        if not self.recipe.learn_gains:
            return
        logs = np.array([np.log(one.microscope.gain) for one in self])
        sure = np.array([one.trusted() for one in self])
        sure |= ~sure.any(0)
        gain = np.exp(np.nanmedian(np.where(sure, logs, np.nan), axis=0))
        for one in self:
            one.change(one.microscope.changed(gain=gain))

    def _searched(self, reach_bins: float, stride: int) -> tuple[np.ndarray, np.ndarray]:
        """How far each region finds each LED from where it was on the board (region, led, 2), and who is sure.

        Sure are the frames that take part (region, led), bool.
        """
        moved, sure = [], []
        for region, one in enumerate(self):
            board = self.microscope.na(region)
            spread, side = self.recipe.direction_prior, one.side
            found = search_directions(
                one.belief(stride), board=board, spread=spread, side=side, reach_bins=reach_bins, rounds=2
            )
            moved.append(positions(found) - positions(board))
            sure.append(one.trusted())
        return np.array(moved), np.array(sure)

    def search_board(self, reach_bins: float, stride: int) -> None:
        """Look for every LED in every region, and move the common board to where they are.

        A direction's misfit has a sharp bottom, which a Gauss-Newton step only creeps to.

        Parameters
        ----------
        reach_bins, stride : as for `Calibrator.step_leds`.
        """
        if not self.recipe.learn_board:
            return
        before, free = self.microscope, 4 if self.height_told else 5
        moved, sure = self._searched(reach_bins, stride)
        ways = np.array([self._on_board(region) for region in range(len(moved))])[..., :free]
        weight = sure.astype(float)
        for _ in range(REWEIGHTED):  # an LED that goes its own way counts less
            rows = ways * np.sqrt(weight)[..., None, None]
            aims = moved * np.sqrt(weight)[..., None]
            step = np.linalg.lstsq(rows.reshape(-1, free), aims.reshape(-1), rcond=None)[0]
            left = np.sqrt(((moved - ways @ step) ** 2).sum(2))
            usual = float(np.median(left[sure])) if sure.any() else 1.0
            weight = sure / (1 + (left / max(2 * usual, 1e-9)) ** 2)
        board = before.board.copy()
        board[:free] += step
        self.believe(before.changed(board=board))

    def _on_board(self, region: int) -> np.ndarray:
        """Derivative of the LEDs' places on the board, as a region sees it, by `board` (led, 2, 5)."""
        microscope = self.microscope
        turn, _, _, scale = microscope.board[:4]
        q = positions(microscope.nominal) @ turn_matrix(turn).T
        way = np.zeros((len(q), 2, 5))
        way[:, 0, 0], way[:, 1, 0] = scale * q[:, 1], -scale * q[:, 0]
        way[:, 0, 1] = way[:, 1, 2] = 1
        way[:, :, 3] = q
        way[:, :, 4] = -microscope.places.away[region] * UNIT[4]
        return way

    def step_leds(self, reach_bins: float, stride: int) -> None:
        """Look for every LED by itself, all regions together.

        Parameters
        ----------
        reach_bins, stride : as for `Calibrator.step_leds`.
        """
        before = self.microscope
        moved, sure = self._searched(reach_bins, stride)
        told = sure[:, :, None]
        usual = np.nanmedian(np.where(told | ~told.any(0), moved, np.nan), axis=0)
        pose = before.pose(np.zeros(2))
        nominal = positions(before.nominal) + usual @ turn_matrix(pose.turn_rad) / pose.scale
        self.believe(before.changed(nominal=to_na(nominal)))

    def leanings(self, stride: int) -> np.ndarray:
        """What shift of the board each region by itself would rather have (region, 2), NA."""
        found = []
        for region in range(len(self.calibrators)):
            part = self._reduced(region, stride, 0.3)
            shift = [BOARD.index("shift_y"), BOARD.index("shift_x")]
            matrix = part.curvature[np.ix_(shift, shift)]
            found.append(np.linalg.solve(matrix + DAMPING * np.diag(np.diag(matrix)), part.right[shift]))
        return np.array(found)


def _solved(matrix: np.ndarray, right: np.ndarray, free: np.ndarray) -> np.ndarray:
    """What the free unknowns do (unknown,), scaled and damped; those of which nothing tells stay."""
    size = np.sqrt(np.maximum(np.diag(matrix), 0))
    which = np.flatnonzero(free & (size > 0))
    scaled = matrix[np.ix_(which, which)] / np.outer(size[which], size[which])
    step = np.zeros(len(right))
    step[which] = np.linalg.solve(scaled + DAMPING * np.eye(len(which)), right[which] / size[which]) / size[which]
    return np.where(np.isfinite(step), step, 0.0)

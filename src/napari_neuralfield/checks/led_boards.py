"""Whether an LED board lies where its directions say, told by what its frames show of each LED.

Two things tell: frames are bright where their LED lies inside the objective's NA, and the circles in the spectra of
bright frames lie about their LEDs' directions. Both are put together as a likelihood, so that another pose of the
board or another order of its LEDs is believed only where it explains the frames far better, and well by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ..data.acquisition import LedArray
from ..optics.board import BoardPose
from .circles import FrameCircles, bright_circles, brightness_gap
from .led_orders import Reading, readings

RIM = 0.05, 0.05  # of the NA: how far from its rim an LED may lie on the wrong side, and how fast doubt grows beyond
MOST_DOUBT = 6.0  # about one frame: its LED may be dead
TURNS = np.deg2rad([-45.0, -36.0, -27.0, -18.0, -9.0, 9.0, 18.0, 27.0, 36.0])
FARTHEST = np.deg2rad(50)
LOOKED_INTO = 2  # of those turns
STEPS = np.array([0.05, 0.05, 0.05, 0.04])  # rad, NA, NA, factor
CLEARLY = 25.0  # natural logarithm of the likelihood ratio that another reading must win
SIMPLER = 10.0  # of another order, which is rather believed than a shift that happens to look like it
SIGNAL = 0.15  # agreement of circles below which nothing is said
MATCHED = 0.9  # share of the frames that must be bright or dark as a reading says
EXPLAINED, CONTRADICTED = 0.85, 0.7  # share of the bright frames that fit what is named, and that fit nothing
SURE = 0.25  # agreement below which another place of the board is not named
FEWEST_FOR_SIZE = 8  # bright frames
LIKELY, BRIGHTER = np.log(1.25), 0.02  # sizes that circles may name alone; share of frames that others must set right
CLOSER = 0.1  # agreement that another size must win
TURNED_DEG, SHIFTED, SCALED = 3.0, 0.15, 0.18  # degrees, NA, share: smaller errors do no visible harm


@dataclasses.dataclass(frozen=True)
class FoundBoard:
    """How the frames would have the board, where that is clear and differs from what is said.

    reading : another order or mounting; None where the given one fits.
    pose : turn, shift and scale of the board; identity where there is another reading.
    matched : share of the frames that are bright or dark as their LED's direction says, as given and as found.
    agreement : of the circles in the bright frames' spectra, as given and as found.
    fits : False where neither the given directions nor any that were tried explain the frames.
    """

    reading: Reading | None = None
    pose: BoardPose = BoardPose()  # noqa: RUF009 - frozen
    matched: tuple[float, float] = (1.0, 1.0)
    agreement: tuple[float, float] = (0.0, 0.0)
    fits: bool = True

    @property
    def moved(self) -> bool:
        """Whether the board is in another place, in the order given."""
        return self.reading is None and self.pose != BoardPose()


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Brightness of frames and circles in their spectra.

    shown : numbers of the frames looked at (n,); bright : which of them are bright field (n,), None where unclear.
    circles : of bright frames. objective_na : of the microscope.
    """

    shown: np.ndarray
    bright: np.ndarray | None
    circles: FrameCircles
    objective_na: float

    def likelihood(self, na: np.ndarray) -> float:
        """Natural logarithm of the likelihood of directions `na` (frame, 2), a constant left out."""
        fit = self.circles.evidence(self.agreement(na), 0.0)
        if self.bright is None:
            return fit
        doubt = np.maximum(self._beyond(na) - RIM[0], 0) / RIM[1]
        return fit - float(np.minimum(doubt**2 / 2, MOST_DOUBT).sum())

    def agreement(self, na: np.ndarray) -> float:
        return self.circles.agreement(na[self.circles.frames] / self.objective_na)

    def matched(self, na: np.ndarray) -> float:
        """Share of frames as bright or dark as directions `na` (frame, 2) say; LEDs near the rim may be either."""
        return 1.0 if self.bright is None else float((self._beyond(na) < 2 * RIM[0]).mean())

    def explained(self, na: np.ndarray) -> float:
        """Share of the bright frames whose circles fit directions `na` (frame, 2)."""
        return self.circles.explained(na[self.circles.frames] / self.objective_na)

    def _beyond(self, na: np.ndarray) -> np.ndarray:
        assert self.bright is not None
        return (np.hypot(*na[self.shown].T) / self.objective_na - 1) * np.where(self.bright, 1, -1)


def evidence(acquisition: LedArray, shown: np.ndarray, means: np.ndarray) -> Evidence | None:
    """What the frames tell of their LEDs; None where they tell too little.

    Parameters
    ----------
    acquisition : its frames are read, its directions are not, unless no frame is clearly darker than others.
    shown : numbers of frames (n,).
    means : their brightness at equal exposure (n,), any unit.
    """
    finite = np.isfinite(means)
    shown, means = shown[finite], means[finite]
    if len(means) < 5 or not means.max() > 0:
        return None
    level = brightness_gap(means)
    inside = np.hypot(*acquisition.illumination_na[shown].T) <= acquisition.objective_na
    bright = None if level is None else means > level
    circles = bright_circles(acquisition, shown[inside if bright is None else bright])
    return None if circles is None else Evidence(shown, bright, circles, acquisition.objective_na)


def find_board(acquisition: LedArray, shown: np.ndarray, means: np.ndarray) -> FoundBoard | None:
    """Where the frames would have the board; None where they do not tell.

    Parameters
    ----------
    acquisition, shown, means : as in `evidence`.
    """
    told = evidence(acquisition, shown, means)
    if told is None:
        return None
    na = acquisition.illumination_na
    pose, fit = likeliest_pose(told, na)
    tried = [(told.likelihood(other.na), other) for other in readings(na)]
    best, reading = max(tried, key=lambda pair: pair[0], default=(-np.inf, None))
    moved = fit > told.likelihood(na) + CLEARLY and is_moved(pose, told.objective_na)
    if best > fit + (-SIMPLER if moved else CLEARLY):
        return _judged(told, na, BoardPose(), reading)
    return _judged(told, na, _plain(told, na, _turned(told, na, (pose, fit))), None)


def _plain(told: Evidence, na: np.ndarray, pose: BoardPose) -> BoardPose:
    """`pose` without the shift, or the size, that the frames do not clearly ask for: then what is said holds."""
    for changes in ({"shift": (0.0, 0.0), "scale": 1.0}, {"scale": 1.0}, {"shift": (0.0, 0.0)}):
        plain = dataclasses.replace(pose, **changes)
        if told.likelihood(plain.place(na)) > told.likelihood(pose.place(na)) - CLEARLY:
            return plain
    return pose


def _turned(told: Evidence, na: np.ndarray, near: tuple[BoardPose, float]) -> BoardPose:
    """The likeliest pose, `near` the given one or with a larger turn; the larger only where it is clearly better."""
    starts = [BoardPose(float(turn)) for turn in TURNS]
    likeliest = sorted(starts, key=lambda start: told.likelihood(start.place(na)))[-LOOKED_INTO:]
    pose, fit = max((likeliest_pose(told, na, start) for start in likeliest), key=lambda pair: pair[1])
    return pose if fit > near[1] + CLEARLY and abs(pose.turn_rad) <= FARTHEST else near[0]


def _judged(told: Evidence, na: np.ndarray, pose: BoardPose, reading: Reading | None) -> FoundBoard | None:
    better = pose.place(na) if reading is None else reading.na
    agreement = told.agreement(na), told.agreement(better)
    matched = told.matched(na), told.matched(better)
    if agreement[1] < SIGNAL:
        return None if matched[0] >= MATCHED else FoundBoard(matched=matched, agreement=agreement, fits=False)
    explained = told.explained(better)
    if reading is not None and matched[1] >= MATCHED and explained >= EXPLAINED:
        return FoundBoard(reading, matched=matched, agreement=agreement)
    if reading is not None or matched[1] < MATCHED or explained < CONTRADICTED:
        return FoundBoard(matched=matched, agreement=agreement, fits=False)
    sized = len(told.circles.frames) >= FEWEST_FOR_SIZE and agreement[1] > agreement[0] + CLOSER
    sized &= told.bright is not None  # without dark frames the circles alone tell it, which are up to 20 % too large
    sized &= (
        abs(np.log(pose.scale)) < LIKELY or matched[1] > matched[0] + BRIGHTER
    )  # much more shows in which are bright
    pose = pose if sized else dataclasses.replace(pose, scale=1.0)
    gained = told.likelihood(pose.place(na)) - told.likelihood(na)
    if gained > CLEARLY and agreement[1] > SURE and is_moved(pose, told.objective_na):
        return FoundBoard(pose=pose, matched=matched, agreement=agreement)
    return FoundBoard(matched=matched, agreement=agreement)


def is_moved(pose: BoardPose, objective_na: float) -> bool:
    """Whether a pose is so far from the given one that a reconstruction suffers.

    Parameters
    ----------
    pose : of the board.
    objective_na : a shift is compared with it.
    """
    return (
        abs(np.rad2deg(pose.turn_rad)) > TURNED_DEG
        or np.hypot(*pose.shift) > SHIFTED * objective_na
        or abs(np.log(pose.scale)) > SCALED
    )


def likeliest_pose(told: Evidence, na: np.ndarray, start: BoardPose = BoardPose()) -> tuple[BoardPose, float]:  # noqa: B008
    """The likeliest pose of a board with nominal directions `na` (frame, 2), and the logarithm of its likelihood.

    Parameters
    ----------
    told : what the frames tell.
    na : nominal directions (frame, 2).
    start : where to look from, downhill.
    """
    unit = STEPS * (1, told.objective_na, told.objective_na, 1)

    def cost(step: np.ndarray) -> float:
        return -told.likelihood(BoardPose.of(start.vector + step * unit).place(na))

    step, least = downhill(cost)
    return BoardPose.of(start.vector + step * unit), -least


def downhill(cost: Callable[[np.ndarray], float], reach: float = 2.0, least: float = 0.04) -> tuple[np.ndarray, float]:
    """Where `cost` of four numbers is least, and its value: the better of both ways along each, ever shorter.

    Parameters
    ----------
    cost : of four numbers (4,).
    reach, least : first and last length of a step along each.
    """
    best = np.zeros(4)
    lowest = cost(best)
    while reach > least:
        before = best
        for axis in range(4):
            for way in (reach, -reach):
                tried = best + way * np.eye(4)[axis]
                value = cost(tried)
                if value < lowest:
                    best, lowest = tried, value
                    break
        if best is before:
            reach /= 2
    return best, lowest

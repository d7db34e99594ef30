"""A board turned by any angle, mirrored, or lit in another order: where calibration starts from then.

The same evidence as in `checks.led_boards`, which frames are bright and where the circles in their spectra lie, is
asked of every turn of the board and of every usual order of its LEDs. Half a turn cannot be told from it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial

import numpy as np

from ...checks.board_findings import light
from ...checks.led_boards import CLEARLY, CLOSER, EXPLAINED, MATCHED, SURE, Evidence, evidence, likeliest_pose
from ...checks.led_orders import Reading, readings
from ...data.acquisition import LedArray
from ...optics.board import BoardPose
from ...optics.illumination import ORIENTATIONS, orient
from ..engine import checkpoint
from .board_from_spectra import first_guess
from .solver import Calibrator

TURNED_DEG = 8.0  # a board turned further is said to be
TURNS = np.deg2rad(np.arange(-36.0, 46.0, 9.0))  # with quarter turns and half turns, all the way round
LOOKED_INTO = 3  # of the likeliest starts
LIKELIEST_ORDERS = 3  # tried at every turn where the given order seems to fit
NEAR = 0.15  # of the NA: starts so close, rms, lead to the same end
TRUSTED = 0.9  # share of the frames that decide: a few bad ones must not
HALF_TURN_TOLD = 0.8  # of the misfit that half a turn more must leave to be told from none
ROUGHLY = 0.8  # share of the frames as bright as another order says, for it to be tried at every turn


@dataclasses.dataclass(frozen=True)
class BoardStart:
    """How the frames would have a board that is not as the file says.

    orientation : index in ORIENTATIONS. directions : nominal ones in that orientation and order (led, 2).
    pose : of the board against them. said : what differs, to follow 'the frames show'.
    """

    orientation: int
    directions: np.ndarray
    pose: BoardPose
    said: str


@dataclasses.dataclass(frozen=True)
class Mounted:
    """How a board is mounted and lit.

    orientation : name in ORIENTATIONS. directions : nominal ones in that orientation and order (led, 2).
    pose : of the board against them. said : what is not as the file says, empty where all is.
    unsure : what goes on with that sentence where half a turn more fits as well.
    """

    orientation: str
    directions: np.ndarray
    pose: BoardPose
    said: str = ""
    unsure: str = ""


def mounted(calibrator: Calibrator, check: bool) -> Mounted:
    """Orientation, order and pose of the board, as far as the bright frames' spectra and the dark frames tell.

    Parameters
    ----------
    calibrator : the frames; left with some other belief.
    check : whether axes and order may differ from what the file says.
    """
    region = calibrator.acquisition
    nominal = np.asarray(region.illumination_na)
    orientation, matrix, pose = first_guess(region, check)
    directions = orient(nominal, matrix)
    look = partial(better_start, region, pose.place(directions))
    better = checkpoint.once("board", look) if check else None
    found = ""
    if better is not None:
        directions, orientation = better.directions, ORIENTATIONS[better.orientation][0]
        _, _, rest = first_guess(region.replace(illumination_na=better.pose.place(directions)), False)
        pose, found = better.pose.then(rest), f"the frames show {better.said}"
    pose = refined(region, directions, pose)
    turn = np.rad2deg(pose.turn_rad)
    if np.array_equal(directions, nominal) and abs(turn) <= TURNED_DEG:
        return Mounted(orientation, directions, pose)
    turned = f", and the board turned by {turn:.0f} deg" if abs(turn) > TURNED_DEG else ""
    said = found or f"the LED directions are taken {orientation}{turned}"
    other = ORIENTATIONS[half_turn([name for name, _ in ORIENTATIONS].index(orientation))][0]
    known = half_turn_told(calibrator, pose.place(directions))
    unsure = f"; half a turn more ({other}) fits as well, with the phase and the depth reversed"
    if known:
        orientation, directions = other, -directions
        pose = BoardPose(pose.turn_rad, (-pose.shift[0], -pose.shift[1]), pose.scale)
        said += ", half a turn further, which the depth or pupil of the file tells"
    return Mounted(orientation, directions, pose, said, unsure if known is None else "")


def better_start(acquisition: LedArray, present: np.ndarray) -> BoardStart | None:
    """A start that the frames of an `acquisition` clearly prefer to the directions `present` (led, 2), or None.

    One near `present`, or near its half turn, is none: from there calibration finds its way.
    """
    told = _told(acquisition)
    if told is None:
        return None
    na = np.asarray(acquisition.illumination_na)
    fits = told.matched(present) >= MATCHED and told.agreement(present) >= SURE
    starts = [*_turned(na), *_reordered(told, na, LIKELIEST_ORDERS if fits else None)]
    rough = sorted(starts, key=lambda s: told.likelihood(s.pose.place(s.directions)))[-LOOKED_INTO:]
    best, fit = None, told.likelihood(present) + CLEARLY
    for start in rough:
        pose, value = likeliest_pose(told, start.directions, start.pose)
        placed = pose.place(start.directions)
        near = min(_apart(placed, present), _apart(placed, -present)) < NEAR * told.objective_na
        if value > fit and not near and told.matched(placed) >= MATCHED and _sure(told, placed, present, start.said):
            best, fit = dataclasses.replace(start, pose=pose), value
    return best and dataclasses.replace(best, said=_said(best))


def refined(acquisition: LedArray, directions: np.ndarray, pose: BoardPose) -> BoardPose:
    """`pose` of a board with nominal `directions` (led, 2), made likelier where the frames of an `acquisition` tell."""
    told = _told(acquisition)
    return pose if told is None else likeliest_pose(told, directions, pose)[0]


def _sure(told: Evidence, na: np.ndarray, present: np.ndarray, order: str) -> bool:
    """Whether directions `na` (led, 2) fit well by themselves, another `order` also far better than `present` ones."""
    agreement = told.agreement(na)
    if not order:
        return agreement >= SURE
    return agreement >= max(SURE, told.agreement(present) + CLOSER) and told.explained(na) >= EXPLAINED


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """Of two sets of directions (led, 2), rms of their differences."""
    return float(np.sqrt(((one - other) ** 2).sum(axis=1).mean()))


def _told(acquisition: LedArray) -> Evidence | None:
    shown = np.arange(acquisition.frame_count)
    means = np.array([float(np.mean(np.asarray(acquisition.frames[int(k)]), dtype=float)) for k in shown])
    if not np.isfinite(means).all():
        return None
    return evidence(acquisition, shown, light(acquisition, shown, means))


def _turned(na: np.ndarray) -> Iterator[BoardStart]:
    for k in range(0, len(ORIENTATIONS), 2):  # every second one is half a turn more
        for turn in TURNS:
            yield BoardStart(k, orient(na, ORIENTATIONS[k][1]), BoardPose(float(turn)), "")


def _reordered(told: Evidence, na: np.ndarray, most: int | None) -> Iterator[BoardStart]:
    """Other orders at every turn; only the `most` that are likeliest unturned where that is given."""
    mounted = [orient(na, matrix) for _, matrix in ORIENTATIONS]  # which `_turned` has
    orders = [
        reading
        for reading in readings(na)
        if told.matched(reading.na) >= ROUGHLY and not any(np.allclose(reading.na, other) for other in mounted)
    ]
    if most is not None:
        orders = sorted(orders, key=lambda reading: -told.likelihood(reading.na))[:most]
    for reading in orders:
        for turn in TURNS:
            yield BoardStart(0, reading.na, BoardPose(float(turn)), _words(reading))


def _words(reading: Reading) -> str:
    return f"LEDs lit in {'' if reading.said.startswith(('the ', 'order')) else 'the '}{reading.said}"


def _said(start: BoardStart) -> str:
    turn = np.rad2deg(start.pose.turn_rad)
    words = [start.said] if start.said else []
    if start.orientation:
        words.append(f"LED directions {ORIENTATIONS[start.orientation][0]}")
    if abs(turn) > 1 or not words:
        words.append(f"a board turned by {turn:.0f} deg (from x, right, towards y, down)")
    return " and ".join(words)


def half_turn(index: int) -> int:
    """Of the orientation `index` of ORIENTATIONS, the one half a turn further."""
    return index + 1 if index % 2 == 0 else index - 1


def half_turn_told(calibrator: Calibrator, na: np.ndarray) -> bool | None:
    """Whether a known depth or pupil asks for half a turn more than directions `na` (led, 2); None where none tells."""
    known = calibrator.acquisition
    if not known.sample_z_um and known.pupil is None:
        return None  # half a turn, with phase and depth reversed, is the same to any frames
    misfit = []
    for sign in (1, -1):
        calibrator.believe(calibrator.nominal.changed(na=sign * na))
        calibrator.sweep((1.0,))
        calibrator.sweep((1.0, 0.5), recover_gain=calibrator.recipe.learn_gains)
        misfit.append(float(np.sort(calibrator.misfits())[: round(TRUSTED * len(na))].sum()))
    ratio = misfit[1] / misfit[0]
    return None if HALF_TURN_TOLD < ratio < 1 / HALF_TURN_TOLD else ratio < 1

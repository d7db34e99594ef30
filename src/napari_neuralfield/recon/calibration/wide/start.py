"""Where a wide field's board may be, before any object is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.optimize import minimize

from ....data.acquisition import LedArray
from ....types import Event
from ...engine import checkpoint
from ..board_from_spectra import Circles, circles
from ..held_out import trial_error
from .microscope import UNIT, WideMicroscope
from .together import JointRegions

NEAR = 70  # LEDs near the axis that the trials look at
SCALES = (0.94, 0.96, 0.98, 1.0, 1.02, 1.04), (0.98, 0.99, 1.0, 1.01, 1.02)  # the circles are some per cent off
TYPICAL = np.array([0.05, 0.01, 0.01, 0.02, 0.02 / 1000 / UNIT[4]])  # change of turn, shift, scale and slope
FEWEST_BRIGHT = 4
CLEARER = 5e-4  # lower misfit, a share of the spectra, that half a turn more must have to be believed
FIRST = 0.5  # of that, the first steps


def by_circles(
    regions: Sequence[LedArray], microscope: WideMicroscope, height_told: bool
) -> tuple[WideMicroscope, bool]:
    """`microscope`, its board where the spectra of bright frames show it, and whether it really is half a turn further.

    One place cannot tell those two: its circles lie about plus and minus the directions. From place to place only one
    of them moves with the directions.

    Parameters
    ----------
    regions : frames of each region.
    microscope : to begin with.
    height_told : the height is held.
    """
    seen = [circles(region) for region in regions]
    if max(one.bright.sum() for one in seen) < FEWEST_BRIGHT:
        return microscope, False
    free = 4 if height_told else 5
    (own, here), (other, there) = (_descent(seen, start, free) for start in (microscope, microscope.half_turned()))
    if here.per_um < 0:  # downhill to the other one
        own, here = np.inf, microscope
    turned = other < own - CLEARER and there.per_um > 0
    return (there.half_turned() if turned else here), turned


def _descent(seen: Sequence[Circles], microscope: WideMicroscope, free: int) -> tuple[float, WideMicroscope]:
    """Least misfit of the circles downhill from a microscope, `free` numbers of its board moving, and what is there."""
    start = microscope.board.copy()
    if free == 5:
        start[4] = TYPICAL[4]

    def at(step: np.ndarray) -> WideMicroscope:
        board = start.copy()
        board[:free] += step * TYPICAL[:free]
        return microscope.changed(board=board)

    def misfit(step: np.ndarray) -> float:
        tried = at(step)
        return sum(one.misfit(tried.na(region)) for region, one in enumerate(seen)) / len(seen)

    corners = np.vstack([np.zeros(free), FIRST * np.eye(free)])
    options = {"initial_simplex": corners, "xatol": 1e-3, "fatol": 1e-7, "maxiter": 400}
    answer = minimize(misfit, corners[0], method="Nelder-Mead", options=options)
    return float(answer.fun), at(answer.x)


def try_sizes(together: JointRegions) -> Iterator[Event]:
    """Take up the size of the board whose short reconstructions predict withheld frames best; an event a trial."""
    from ....types import Progress

    near = np.argsort(np.hypot(*together.microscope.nominal.T), kind="stable")[:NEAR]
    count = sum(len(some) for some in SCALES)
    done = 0
    for scales in SCALES:
        base, errors = together.microscope, []
        for scale in scales:
            together.believe(_sized(base, scale), begin=True)
            tried = [checkpoint.once("trial", lambda one=one: trial_error(one, near)) for one in together]  # type: ignore[misc]
            errors.append(float(np.mean(tried)))
            done += 1
            yield Progress(done, count, float(np.exp(min(errors))), "looking for the board")
        together.believe(_sized(base, scales[int(np.argmin(errors))]), begin=True)


def _sized(microscope: WideMicroscope, factor: float) -> WideMicroscope:
    board = microscope.board.copy()
    board[3] *= factor
    return microscope.changed(board=board)

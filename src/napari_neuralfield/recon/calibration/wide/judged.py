"""What of a wide field's calibration is taken: withheld frames of all regions decide."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np

from ...engine import checkpoint
from ..acceptance import ALL, BOARD, CLEARLY, FEWEST, NOTHING, SAID, SINGLE, change
from ..held_out import errors, withheld
from ..trial_microscope import TrialMicroscope
from .microscope import WideMicroscope
from .together import JointRegions


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """The microscope that explains withheld frames best.

    Parameters
    ----------
    what : ALL, BOARD (no single LEDs) or NOTHING (as the file says).
    microscope : as it is taken.
    error_before, error_after : relative amplitude error of withheld frames in each region (region,), with the file's
        microscope and with this one; empty where no frames could be withheld.
    """

    what: str
    microscope: WideMicroscope
    error_before: np.ndarray
    error_after: np.ndarray

    @property
    def said(self) -> str:
        """Why not all was taken, a sentence; empty where all was."""
        return f"{SAID[self.what]}: withheld frames agree best with that" if SAID[self.what] else ""


def judged(
    together: JointRegions, given: WideMicroscope, board: WideMicroscope, single: WideMicroscope | None
) -> Judged:
    """The best of three; `together` is left with it.

    Parameters
    ----------
    together : the regions, with what was found.
    given : as the file says.
    board : with the LEDs where a rigid board has them; single : each where it was found, None if not looked for.
    """
    regions = together.calibrators
    rim = regions[0].acquisition.objective_na
    usable = [one.used for one in regions]
    held = withheld(board.na(len(regions) // 2), rim, np.mean(usable, axis=0) > 0.5)
    candidates = {ALL: single, BOARD: board, NOTHING: given}
    if len(held) < FEWEST:
        what = ALL if single is not None else BOARD
        return _taken(together, Judged(what, single or board, np.zeros(0), np.zeros(0)))
    found = {
        name: np.array([
            checkpoint.once("withheld", partial(errors, one, _of(together, wide, k, name), held, one.used))
            for k, one in enumerate(regions)
        ])
        for name, wide in candidates.items() if wide is not None
    }  # fmt: skip
    before = found[NOTHING]
    bright = [np.hypot(*board.na(k)[held].T) <= rim for k in range(len(regions))]
    scores = {NOTHING: -CLEARLY}
    for name in (BOARD, ALL):
        if name in found:
            changes = [change(was, now, mask) for was, now, mask in zip(before, found[name], bright, strict=True)]
            scores[name] = float(np.mean(changes)) + SINGLE * (name == ALL)
    best = min(scores, key=lambda name: scores[name])
    wide = candidates[best]
    assert wide is not None
    return _taken(together, Judged(best, wide, *(np.sqrt(found[name].mean(1)) for name in (NOTHING, best))))


def _of(together: JointRegions, wide: WideMicroscope, region: int, name: str) -> TrialMicroscope:
    """What a microscope over the field is in a region, its light as found, or as the file has it."""
    one = together.calibrators[region]
    light = one.nominal if name == NOTHING else one.without_bias()
    terms, z_um = wide.zernike()[region], float(wide.z_um()[region])
    return light.changed(na=wide.na(region), coefficients=terms, z_um=z_um)


def _taken(together: JointRegions, found: Judged) -> Judged:
    together.believe(found.microscope)
    return found

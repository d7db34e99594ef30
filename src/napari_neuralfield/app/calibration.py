"""A calibration judged and taken up."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..recon.calibration.quality import Quality
    from ..recon.calibration.result import Calibration
    from ..types import Event


def assess_both(
    calibration: Calibration, leave_out: bool, device: str, seed: int = 0
) -> Generator[Event, None, tuple[Quality, Quality]]:
    """Quality of the nominal and of the corrected acquisition, judged by the same frames.

    Parameters
    ----------
    calibration : what was found.
    leave_out : judge without the outlier frames.
    device : 'auto', 'cpu', 'cuda', ...
    seed : of the choice of the frames that are held out.
    """
    from ..recon.calibration.quality import assess
    from ..recon.engine import checkpoint

    given = calibration.given
    if leave_out and calibration.outlier_frames:
        given = given.subset(calibration.kept_frames)
    before = yield from checkpoint.once_from("given", assess(given, device, seed))
    after = assess(calibration.acquisition(leave_out), device, seed, same_as=before)
    return before, (yield from checkpoint.once_from("corrected", after))

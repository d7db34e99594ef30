"""How far the positions that were found are from those given, as a whole: the scale of the picture hangs on it."""

from __future__ import annotations

import numpy as np

from ...types import Result
from .scan_frames import Scanned


def positions_as_a_whole(acquisition: Scanned, result: Result) -> dict[str, float]:
    """How many times as far apart the positions found are; nothing where none were found.

    Parameters
    ----------
    acquisition : with the positions as given. result : with those found in its calibration.
    """
    found, given = result.calibration.get("positions_um"), acquisition.positions_um
    if found is None or given is None or len(found) != len(given) or len(given) < 4:
        return {}
    a, b = (np.asarray(places, dtype=float) for places in (given, found))
    a, b = a - a.mean(0), b - b.mean(0)
    linear = np.linalg.lstsq(a, b, rcond=None)[0]
    return {"positions_scaled": float(np.sqrt(abs(np.linalg.det(linear))))}

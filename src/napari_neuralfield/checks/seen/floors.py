"""The floor under the dark frames taken off: as a pedestal, or as ambient light that grows with the exposure."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...data.acquisition import Acquisition, LedArray, MultiplexedLed, Ptychography
from .frames import Check
from .look import Looked
from .pedestal import ALIKE, Floor, bright_level, floor_of

MATTERS = 0.1  # of the light in the dark frames: a smaller floor does no harm
LIT = 1.02  # times the floor: bright frames are at least so bright, else there is no light at all
HARMS = 1.0  # times that light: a floor that would have ruined the result


def without_floor(acquisition: Acquisition, seen: Looked) -> tuple[Acquisition, list[Check]]:
    """The acquisition with the floor under its dark frames taken off, and what is said of it.

    Parameters
    ----------
    acquisition : whose pedestal is not given, else nothing is done.
    seen : its frames, those that hold light.
    """
    known = acquisition.pedestal is not None or getattr(acquisition, "ambient", None) is not None
    if known or not isinstance(acquisition, LedArray | MultiplexedLed | Ptychography):
        return acquisition, []
    floors = _by_exposure(acquisition, seen)
    certain = {exposure: floor for exposure, floor in floors.items() if floor.certain and _matters(floor)}
    if not certain:
        return acquisition, _doubt(floors)
    constant, per_exposure = _parts(acquisition, certain)
    return _taken_off(acquisition, constant, per_exposure), [_said(acquisition, certain, constant, per_exposure)]


def _matters(floor: Floor) -> bool:
    return floor.counts > MATTERS * floor.light


def _by_exposure(acquisition: Acquisition, seen: Looked) -> dict[float, Floor]:
    """Exposure -> the floor under the dark frames of about that exposure."""
    exposure = np.ones(acquisition.frame_count) if acquisition.exposure is None else np.asarray(acquisition.exposure)
    if exposure.max() <= ALIKE * exposure.min():
        exposure = np.full(len(exposure), float(exposure.mean()))
    dark = 0.0 if acquisition.background is None else float(np.mean(acquisition.background))
    times, light = exposure[seen.numbers], seen.means - dark
    if not len(times):
        return {}
    level = bright_level(acquisition, seen.numbers, light / times)
    group = np.round(np.log(times / times.min()) / np.log(ALIKE))
    found = {}
    for number in np.unique(group):
        some = group == number
        usual = float(np.median(times[some]))
        floor = floor_of(acquisition, seen.numbers[some], light[some], level * usual)
        if floor is not None and level * usual > LIT * floor.counts:
            found[usual] = floor
    return found


def _parts(acquisition: Acquisition, floors: dict[float, Floor]) -> tuple[float, float]:
    """Constant, counts, and what grows with the exposure, counts per exposure."""
    times = np.array(list(floors))
    counts = np.array([floor.counts for floor in floors.values()])
    varied = (
        acquisition.exposure is not None and np.ptp(acquisition.exposure) > (ALIKE - 1) * acquisition.exposure.min()
    )
    if len(times) > 1:
        slope, constant = np.polyfit(times, counts, 1)
        if constant < 0 or slope < 0:
            slope, constant = (float((counts / times).mean()), 0.0) if constant < 0 else (0.0, float(counts.mean()))
    elif varied and acquisition.background is not None:  # the camera's own is off already
        slope, constant = float(counts[0] / times[0]), 0.0
    else:
        slope, constant = 0.0, float(counts[0])
    if not isinstance(acquisition, LedArray):
        return float(constant + slope * times.mean()), 0.0
    return float(constant), float(slope)


def _taken_off(acquisition: Acquisition, constant: float, per_exposure: float) -> Acquisition:
    changes: dict[str, object] = {}
    if constant and acquisition.background is None:
        changes["pedestal"] = constant
    elif constant:
        changes["background"] = np.asarray(acquisition.background, float) + constant
    if per_exposure:
        assert acquisition.exposure is not None
        changes["ambient"] = per_exposure * np.asarray(acquisition.exposure, float)
    return acquisition.replace(**changes)


def _said(acquisition: Acquisition, floors: dict[float, Floor], constant: float, per_exposure: float) -> Check:
    light = float(np.median([floor.light for floor in floors.values()]))
    counts = float(np.median([floor.counts for floor in floors.values()]))
    frames = sum(floor.frames for floor in floors.values())
    what = "diffraction patterns" if isinstance(acquisition, Ptychography) else "dark-field frames"
    times = f", {counts / light:.2g} times the light in them" if light > 0 else ""
    of = f"{constant:.4g} counts" if constant else ""
    grows = f"{per_exposure:.4g} counts per exposure" if per_exposure else ""
    said = f"{frames} {what} stand on a common floor of {' and '.join(filter(None, (of, grows)))}{times}"
    remedy = "Give pedestal or a dark frame (background) if it is another, pedestal: 0 if there is none"
    cause = "a camera's pedestal or stray light" if constant else "light besides the LEDs'"
    level: Literal["info", "warning"] = "warning" if constant and counts > HARMS * light else "info"
    return Check("pedestal", level, counts, "counts", f"{said}: {cause}. It is subtracted. {remedy}.")


def _doubt(floors: dict[float, Floor]) -> list[Check]:
    doubtful = [floor for floor in floors.values() if not floor.certain and floor.counts > HARMS * floor.light]
    if not doubtful:
        return []
    counts = doubtful[0].counts
    text = (
        f"The dark frames never fall below about {counts:.4g} counts; whether that is evenly scattered light or a "
        "camera's pedestal they do not tell, so nothing is subtracted. A dark frame (background) or pedestal would."
    )
    return [Check("pedestal", "info", counts, "counts", text)]

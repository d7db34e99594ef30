"""Several regions of a wide field calibrated one by one, and what they say together of board and pupil."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from functools import partial

import numpy as np

from ...data.acquisition import LedArray
from ...optics.illumination import ORIENTATIONS, orient
from ...optics.pupil_field import DEFOCUS, PupilField, defocus_coefficient
from ...optics.wide_field import FoundAxis, fit_axis, runs_backwards, seen_from
from ...types import Event, InputError, Note, Progress
from ..engine.preparing import announced
from ..engine.relayed import relayed
from .recipe import CalibrationRecipe
from .result import Calibration
from .stages import calibrate

LEAST = 48  # pixels along a side of a region
HALF_TURN = (
    "from region to region the LED directions change the wrong way round: the board is mounted half a turn from what "
    "the file says (within one region both fit, with phase and depth reversed); add 180 to rotation_deg of the board "
    "and calibrate again"
)


@dataclasses.dataclass(frozen=True, eq=False)
class RegionsFound:
    """What the regions of a field say together.

    Parameters
    ----------
    corrected : the whole acquisition, its directions those of the frame's middle.
    places_um : middle (y, x) of each region (region, 2), um.
    regions : the calibration of each.
    axis : optical axis and height of the board; None where the regions do not tell.
    pupil : Zernike terms over the field; None where none were learnt.
    pupil_error_rad : rms of what the smooth field leaves of the regions' terms.
    """

    corrected: LedArray
    places_um: np.ndarray
    regions: tuple[Calibration, ...]
    axis: FoundAxis | None
    pupil: PupilField | None
    pupil_error_rad: float


def calibrate_regions(
    acquisition: LedArray, recipe: CalibrationRecipe, rows: int, columns: int
) -> Generator[Event, None, RegionsFound]:
    """Calibrate rows x columns regions, the one nearest to the middle first, the others starting from their neighbour.

    Parameters
    ----------
    acquisition : frames of single LEDs of a wide field.
    recipe : what is learnt in each region; `region_px` is the largest side of a region.
    rows, columns : regions along y and x.

    Raises
    ------
    InputError : where the regions would be too small, or a region cannot be calibrated.
    """
    ready = (yield from announced(acquisition, recipe.as_given)).acquisition
    assert isinstance(ready, LedArray)
    acquisition = ready
    boxes = _boxes(acquisition, recipe.region_px, rows, columns)
    pixel = acquisition.pixel_um
    places = np.array([[(b.start + b.stop - 1) / 2 * pixel for b in box] for box in boxes])
    middle = (np.array(acquisition.frame_shape) - 1) / 2 * pixel
    found: dict[int, Calibration] = {}
    for number in np.argsort(np.hypot(*(places - middle).T), kind="stable"):
        part, options = acquisition.crop(*boxes[number]), recipe
        if found:
            near = min(found, key=lambda k: float(np.hypot(*(places[k] - places[number]))))
            part = part.replace(illumination_na=found[near].corrected.illumination_na)
            options = recipe.model_copy(update={"check_orientation": False})
        at = ", ".join(f"{v:.0f}" for v in places[number])
        yield Note(f"region {len(found) + 1} of {len(boxes)}, its middle at ({at}) um (y, x)")
        found[int(number)] = yield from relayed(
            calibrate(part, options), partial(_part_of, done=len(found), regions=len(boxes))
        )
    regions = [found[k] for k in range(len(boxes))]
    if runs_backwards(places, np.array([one.corrected.illumination_na for one in regions])):
        yield Note(HALF_TURN, "warning")
    first = found[next(iter(found))]
    return _together(acquisition, places, regions, first.orientation, recipe)


def _part_of(event: Event, done: int, regions: int) -> Event | None:
    """An event of one region, its progress as a part of all; previews, which lie elsewhere, are left out."""
    if isinstance(event, Progress):
        return dataclasses.replace(event, done=event.done + done * event.total, total=event.total * regions)
    return event if isinstance(event, Note) and event.level == "warning" else None


def _boxes(acquisition: LedArray, largest: int, rows: int, columns: int) -> list[tuple[slice, slice]]:
    """Squares of even side round the middles of rows x columns equal parts of the frame."""
    shape = acquisition.frame_shape
    side = min(largest, shape[0] // rows, shape[1] // columns) // 2 * 2
    if side < LEAST:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: {rows} x {columns} regions of frames of {shape[0]} x "
            f"{shape[1]} pixels are {side} pixels wide; they must be at least {LEAST}, so take fewer"
        )
    starts = [[(2 * k + 1) * n // (2 * parts) - side // 2 for k in range(parts)]
              for n, parts in zip(shape, (rows, columns), strict=True)]  # fmt: skip
    return [(slice(y, y + side), slice(x, x + side)) for y in starts[0] for x in starts[1]]


def _together(
    given: LedArray, places: np.ndarray, regions: list[Calibration], orientation: str, recipe: CalibrationRecipe
) -> RegionsFound:
    nominal = orient(given.illumination_na, dict(ORIENTATIONS)[orientation])
    directions = np.array([one.corrected.illumination_na for one in regions])
    axis = fit_axis(nominal, places, directions, given.led_height_mm)
    middle = (np.array(given.frame_shape) - 1) / 2 * given.pixel_um
    corrected = [one.corrected for one in regions]
    changes: dict[str, object] = {"directions_at_um": middle}
    if axis is None:
        changes["illumination_na"] = np.median(directions, axis=0)
    else:
        changes["illumination_na"] = seen_from(axis.na, axis.height_mm, middle - axis.at_um)
        changes |= {"optical_axis_um": axis.axis_um, "led_height_mm": axis.height_mm}
    if recipe.learn_gains:
        even = np.ones(given.frame_count)  # of a region whose frames are best explained as they are given
        changes["exposure"] = np.median([even if one.exposure is None else one.exposure for one in corrected], axis=0)
    changes |= _ambient(given, corrected)
    depth = float(np.median([one.z_um for one in regions]))
    pupil, error = _pupil_field(given, places, regions, depth if recipe.learn_z else None)
    if recipe.learn_z:
        changes["sample_z_um"] = depth
    if pupil is not None:
        changes |= {"pupil_field": pupil.table, "pupil": None}
    return RegionsFound(given.replace(**changes), places, tuple(regions), axis, pupil=pupil, pupil_error_rad=error)


def _ambient(given: LedArray, corrected: list[LedArray]) -> dict[str, object]:
    """The usual ambient light of the regions, on top of what the whole frames' dark frame says."""
    levels = [float(np.mean(one.background)) for one in corrected if one.background is not None]
    if not levels:
        return {}
    known = np.zeros(given.frame_shape) if given.background is None else np.asarray(given.background, dtype=float)
    return {"background": known - known.mean() + float(np.median(levels))}


def _pupil_field(
    given: LedArray, places: np.ndarray, regions: list[Calibration], depth_um: float | None
) -> tuple[PupilField | None, float]:
    """The smooth field of all regions' terms, their depth beside `depth_um` as defocus, and what it leaves, rms."""
    terms = sorted({n for one in regions for n in one.zernike_rad} | (set() if depth_um is None else {DEFOCUS}))
    if not terms:
        return None, 0.0
    found = np.array([[one.zernike_rad.get(n, 0.0) for n in terms] for one in regions])
    if depth_um is not None:
        away = np.array([one.z_um for one in regions]) - depth_um
        found[:, terms.index(DEFOCUS)] += defocus_coefficient(away, given.objective_na, given.wavelength_um)
    weight = np.ones(len(regions))
    for _ in range(5):  # a region that went astray counts less
        field = PupilField.fit(terms, places, found, weight)
        left = np.sqrt(((field.at(*places.T) - found) ** 2).sum(1))
        weight = 1 / (1 + (left / max(2 * float(np.median(left)), 1e-3)) ** 2)
    return field, float(np.sqrt((left**2).mean()))

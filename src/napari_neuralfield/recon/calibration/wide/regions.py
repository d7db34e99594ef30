"""A wide field calibrated: its board, and its pupil over the field, from several regions together.

First what the bright frames' spectra show, then objects and microscope in turn, as `stages` does it for one region.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from functools import partial

import numpy as np

from .... import compute
from ....data.acquisition import LedArray
from ....optics.board import fit_pose
from ....optics.pupil_field import DEFOCUS, PupilField, defocus_coefficient
from ....optics.wide_field import FoundAxis
from ....types import Event, InputError, Note, Progress
from ...engine import checkpoint
from ...engine.preparing import announced
from ..acceptance import NOTHING
from ..apply import ambient
from ..board_from_spectra import far_depths, with_strong_pupil
from ..board_start import mounted
from ..recipe import CalibrationRecipe, as_far_as_told, can_be_calibrated
from ..solver import Calibrator
from .judged import Judged, judged
from .microscope import FieldPlaces, WideMicroscope
from .start import by_circles, try_sizes
from .together import JointRegions

LEAST = 48  # pixels from one region to the next
FAR_STEPS = 6  # first steps, in which the objects are still far off
PASSES, WARM_PASSES = (1.0, 1.0, 0.5, 0.25, 0.12), (1.0, 0.5, 0.2)
FEWEST_STEPS, STILL_NA = 10, 1e-4  # a change, rms, that no longer matters
LAST = 4  # steps whose mean is taken: they swing about it
SORT_FROM = 4  # steps after which frames that stand out are left out
AFTER = (1.0, 0.5)  # passes once the board was moved
REACH, SHORTER, LEAST_REACH = 0.4, 0.75, 0.12  # of the search for LEDs: bins at first, from time to time, and at last
LED_ROUNDS = 4  # of the search for LEDs each by itself
COARSE = 2  # every second pixel of each axis
CLEAR = 5.0  # times its error that the slope must be to tell the height
HALF_TURN = (
    "from region to region the LED directions change the wrong way round: the board is mounted half a turn from what "
    "the file says (within one region both fit, with phase and depth reversed)"
)


@dataclasses.dataclass(frozen=True, eq=False)
class RegionsFound:
    """What the regions of a field say together.

    Parameters
    ----------
    corrected : the whole acquisition, its directions those of the frame's middle.
    places_um : middle (y, x) of each region (region, 2), um.
    judged : what is taken, as withheld frames say.
    axis : optical axis and height of the board; None where the regions do not tell.
    pupil : Zernike terms over the field; None where none were learnt.
    """

    corrected: LedArray
    places_um: np.ndarray
    judged: Judged
    axis: FoundAxis | None
    pupil: PupilField | None


def calibrate_regions(
    acquisition: LedArray, recipe: CalibrationRecipe, rows: int, columns: int
) -> Generator[Event, None, RegionsFound]:
    """Calibrate rows x columns regions of a field together.

    Parameters
    ----------
    acquisition : frames of single LEDs of a wide field.
    recipe : what is learnt; `region_px` is the largest side of a region.
    rows, columns : regions along y and x.

    Raises
    ------
    InputError : where the regions would be too small, or the acquisition cannot be calibrated.
    """
    ready = can_be_calibrated((yield from announced(acquisition, recipe.as_given)).acquisition)
    boxes = _boxes(ready, recipe.region_px, rows, columns)
    field = _Field(ready, recipe, boxes)
    yield from compute.on_one_thread(field.stages())
    return field.result()


def _boxes(acquisition: LedArray, largest: int, rows: int, columns: int) -> list[tuple[slice, slice]]:
    """Squares of even side, evenly from border to border, none wider than twice the way to the next."""
    shape = acquisition.frame_shape
    apart = min(shape[0] // rows, shape[1] // columns)
    side = min(largest, 2 * apart, *shape) // 2 * 2
    if apart < LEAST:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: {rows} x {columns} regions of frames of {shape[0]} x "
            f"{shape[1]} pixels are {apart} pixels apart; that must be at least {LEAST}, so take fewer"
        )
    starts = []
    for n, parts in zip(shape, (rows, columns), strict=True):
        first = (n - side) // 2 if parts == 1 else 0
        starts.append([round(v) for v in np.linspace(first, n - side - first, parts)])
    return [(slice(y, y + side), slice(x, x + side)) for y in starts[0] for x in starts[1]]


class _Field:
    """One calibration of a field."""

    def __init__(self, given: LedArray, recipe: CalibrationRecipe, boxes: list[tuple[slice, slice]]) -> None:
        self.given = given
        um = np.array([[(b.start + b.stop - 1) / 2 * given.pixel_um for b in box] for box in boxes])
        self.places = FieldPlaces(um, (np.array(given.frame_shape) - 1) / 2 * given.pixel_um)
        self.near = int(np.argmin(np.hypot(*self.places.away.T)))  # the region in the middle
        self.plain = given.replace(pupil=None, pupil_field=None)
        regions = [Calibrator(self.plain.crop(*box), recipe) for box in boxes]
        bright = min(int((one.side > 0).sum()) for one in regions)
        self.recipe, self.untold = as_far_as_told(recipe, bright)
        if self.untold:
            regions = [Calibrator(self.plain.crop(*box), self.recipe) for box in boxes]
        self.height_told = given.led_height_mm is not None
        self.as_given = self._as_given(regions[0].nominal.noll)
        self.together = JointRegions(regions, self.as_given, self.recipe, self.height_told)

    def _as_given(self, noll: tuple[int, ...]) -> WideMicroscope:
        """What the file says, with Zernike terms `noll`."""
        given, count = self.plain, len(self.places.um)
        rows, columns = (slice(n // 2 - 1, n // 2 + 1) for n in given.frame_shape)
        nominal = np.asarray(given.crop(rows, columns).illumination_na)
        per_um = 0.0 if given.led_height_mm is None else 1 / (1000 * given.led_height_mm)
        z_um, terms = np.full(count, float(given.sample_z_um or 0.0)), np.zeros((count, len(noll)))
        if self.given.pupil_field is not None:
            field = PupilField.of_table(np.asarray(self.given.pupil_field))
            for term, values in zip(field.noll, field.at(*self.places.um.T).T, strict=True):
                if term == DEFOCUS:
                    z_um = z_um + values / defocus_coefficient(1.0, given.objective_na, given.wavelength_um)
                elif term in noll:
                    terms[:, noll.index(term)] = values
        return WideMicroscope.plain(nominal, self.places, noll, per_um).with_pupil(terms, z_um)

    def stages(self) -> Iterator[Event]:
        """All that is looked for, and what of it is taken."""
        if self.given.pupil is not None and self.as_given.noll:
            yield Note("the pupil of the file is the same everywhere, so it is left aside: the regions find their own")
        if self.untold:
            yield Note(self.untold, "warning")
        together, loop = self.together, checkpoint.loop("regions")
        if loop.found is None:
            yield from self._begin()
            number, last = 0, [together.microscope]
        else:
            number, last = loop.found["number"], loop.found["last"]
            together.take_up(loop.found["together"])
        total, moved = FAR_STEPS + self.recipe.calibration_steps, np.inf
        while number < total and not (number >= FEWEST_STEPS and moved < STILL_NA):
            far = number < FAR_STEPS
            together.sweep(PASSES if far else WARM_PASSES)
            if number >= SORT_FROM:
                together.sort_out()
            if number % 2:
                together.search_board(max(REACH * SHORTER ** (number // 2), LEAST_REACH), COARSE)
                together.sweep(AFTER)
            moved = together.step(COARSE, 0.5 if far else 0.3)
            number, last = number + 1, [*last, together.microscope][-LAST:]
            yield Progress(number, total + LED_ROUNDS, together.error(), "board, gains and pupil")
            loop.reached(partial(_state, together, number, last))
        together.believe(last[-1].of_numbers(np.mean([one.numbers for one in last], axis=0)))
        board, single = together.microscope, None
        if self.recipe.learn_directions:
            for k in range(LED_ROUNDS):
                together.sweep(WARM_PASSES)
                together.step_leds(max(REACH * SHORTER ** (k + 1), LEAST_REACH), COARSE)
                yield Progress(total + k + 1, total + LED_ROUNDS, together.error(), "single LEDs")
            single = together.microscope
        self.judged = judged(together, self.as_given, board, single)
        if self.judged.said:
            yield Note(self.judged.said)

    def _begin(self) -> Iterator[Event]:
        """Where the board is, strong aberrations, and the size of the board by short trials."""
        together, microscope, said = self.together, self.as_given, ""
        if self.recipe.learn_board:
            start = mounted(together.calibrators[self.near], self.recipe.check_orientation)
            microscope = microscope.on_board(start.directions, start.pose)
            parts = [one.acquisition for one in together]
            microscope, turned = by_circles(parts, microscope, self.height_told)
            if turned and self.recipe.check_orientation:
                microscope, said = microscope.half_turned(), HALF_TURN
            elif turned:
                said = f"{HALF_TURN}; add 180 to rotation_deg of the board and calibrate again"
            if start.said:
                said = f"the LED board is mounted otherwise than the file says: {start.said}" + (said and f"; {said}")
        if said:
            yield Note(said, "warning")
        together.believe(self._strong_pupils(microscope), begin=True)
        if self.recipe.learn_board:
            yield from try_sizes(together)
        together.sweep((1.0,))
        together.sweep((1.0, 1.0), recover_gain=self.recipe.learn_gains)

    def _strong_pupils(self, microscope: WideMicroscope) -> WideMicroscope:
        """`microscope` with depths and aberrations that spectra show, where those are too strong to be fitted."""
        learn_z, found = self.recipe.learn_z, []
        for region, one in enumerate(self.together):
            z_um = float(microscope.z_um()[region])
            placed = one.acquisition.replace(illumination_na=microscope.na(region))
            own = one.nominal.changed(coefficients=microscope.zernike()[region], z_um=z_um)
            if learn_z:
                own = own.changed(z_um=far_depths(placed, z_um)[-1])
            found.append(with_strong_pupil(own, placed, learn_z))
        return microscope.with_pupil(np.array([m.coefficients for m in found]), np.array([m.z_um for m in found]))

    def result(self) -> RegionsFound:
        """The acquisition with what is taken."""
        given, places, found = self.given, self.places, self.judged
        if found.what == NOTHING:
            return RegionsFound(given, places.um, found, None, None)
        microscope, regions = found.microscope, list(self.together)
        middle = {"directions_at_um": places.middle_um}
        changes: dict[str, object] = {
            **middle,
            "illumination_na": microscope.pose(np.zeros(2)).place(microscope.nominal),
        }
        axis = self._axis(microscope)
        if axis is not None:
            changes |= {"optical_axis_um": axis.axis_um, "led_height_mm": axis.height_mm}
        if self.recipe.learn_gains:
            level = 1.0 if given.exposure is None else float(np.mean(given.exposure))
            changes["exposure"] = regions[self.near].microscope.gain * level
        if self.recipe.learn_background != "none" and any((one.side < 0).any() for one in regions):
            floors = [one.without_bias().floor * one.scale for one in regions]
            changes |= ambient(given, np.median(floors, axis=0), self.recipe.learn_background == "frame")
        changes["wavelength_um"] = float(np.median([one.microscope.wavelength_um for one in regions]))
        pupil, z_um = None, microscope.z_um()
        depth = float(np.median(z_um)) if self.recipe.learn_z else float(given.sample_z_um or 0.0)
        if self.recipe.learn_z:
            changes["sample_z_um"] = depth
        if microscope.noll or self.recipe.learn_z:
            away = defocus_coefficient(z_um - depth, given.objective_na, given.wavelength_um)
            terms = np.column_stack([away, microscope.zernike()])
            pupil = PupilField.fit((DEFOCUS, *microscope.noll), places.um, terms)
            changes |= {"pupil_field": pupil.table, "pupil": None}
        return RegionsFound(given.replace(**changes), places.um, found, axis, pupil)

    def _axis(self, microscope: WideMicroscope) -> FoundAxis | None:
        """Axis and height; None where neither the regions nor the file tell the height."""
        away, left = self.places.away, self.together.leanings(COARSE)
        error = np.sqrt((left**2).sum() / max(2 * len(left) - 3, 1) / max(float((away**2).sum()), 1e-12))
        told = not self.height_told and microscope.per_um > CLEAR * error
        if not (told or self.height_told):
            return None
        given = self.given
        at = next((np.asarray(p) for p in (given.directions_at_um, given.optical_axis_um) if p is not None), None)
        pose = microscope.pose(np.zeros(2))
        shift = fit_pose(microscope.first, pose.place(microscope.nominal)).shift
        axis = (self.places.middle_um if at is None else at) + np.array(shift) / microscope.per_um
        return FoundAxis(axis, 1 / (1000 * microscope.per_um), error_na=np.hypot(*left.T), from_field=told)


def _state(together: JointRegions, number: int, last: list[WideMicroscope]) -> dict[str, object]:
    """All that the next turn depends on."""
    return {"together": together.state(), "number": number, "last": last}

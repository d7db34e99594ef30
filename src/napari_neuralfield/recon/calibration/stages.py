"""A microscope that corrects itself: what an LED array's frames say about the microscope that took them.

The order matters: first where the board is (orientation, turn, shift, size, from the bright frames' spectra), then
gains, depth, pupil and ambient light with the whole board, then single LEDs. Piston and tilt of the pupil are never
learnt: tilt moves the object, and so does a common shift of all LEDs, which the object's own bright zero frequency
settles. The mean gain is 1; the object takes what is left.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import numpy as np

from ... import compute
from ...data.acquisition import Acquisition, LedArray
from ...fields.planes import PlanesField
from ...forward.led_grid import extent, support
from ...optics.board import BoardPose, fit_pose
from ...optics.illumination import ORIENTATIONS
from ...types import Event, InputError, Note, Preview, Progress
from ..engine import checkpoint
from ..engine.preview_pace import PreviewPace
from .acceptance import ALL, GIVEN, NOTHING, Accepted, accept
from .acceptance import BOARD as WHOLE_BOARD
from .apply import central, corrected, pixel_factor
from .board_from_spectra import far_depths, with_strong_pupil
from .board_start import mounted
from .depth_map import depth_map, no_depths
from .gauss_newton import doubts, shared_by
from .held_out import trial_error
from .outlier_frames import around, find_outlier_frames
from .plausible import impossible, light_ratio, microscope_sentences, replace_odd_gains
from .recipe import HELD, CalibrationRecipe, as_far_as_told, can_be_calibrated
from .result import Calibration, OutlierFrame, overall
from .solver import BOARD, START_NOISE, Calibrator

FEW = 25  # frames that make an answer sure
AS_EVER = ("given", "region", "calibrator", "untold", "coarser", "total", "started", "pace", "loop")  # all else changes
SCALES = (0.9, 0.94, 0.98, 1.02, 1.06)  # of the first guess, which may be some per cent off
NEAR = 70  # LEDs near the axis that the trials look at
BETTER = 0.02  # lower logarithm of the amplitude error that makes another start better than the given one
BOARD_STEPS, ONWARD = 5, 0.6  # share of the last step that the next begins with: the object follows slowly
PASSES = (1.0, 1.0, 0.5, 0.25, 0.12)
WARM_PASSES = (1.0, 0.5, 0.2)  # where the object is nearly right already
LAST_PASSES = (*PASSES, 0.06)
REACH, SHORTER = 0.4, 0.8  # of the search for single LEDs: bins at first, and from step to step
FAR = 3  # first steps for single LEDs, which may still be far off and look twice
COARSE, COARSER, ENOUGH = 2, 4, 128  # every second pixel of each axis; early every fourth of images as large as this
FINE_STEPS = 1  # the last at all
STILL_NA, STILL_GAIN = 2e-4, 3e-3  # changes from step to step, rms, that no longer matter
WANDERING = 0.03  # a change of gains, rms, that leads nowhere while the error stays
STILL_ERROR, HARDLY_NA = 0.005, 3e-4  # nor does a change of the error by this share, the LEDs nearly at rest


def calibrate(acquisition: Acquisition, recipe: CalibrationRecipe) -> Generator[Event, None, Calibration]:
    """Find what the microscope really was; yields Progress, Preview and Note, returns the calibration.

    Parameters
    ----------
    acquisition : frames of single LEDs.
    recipe : what may be corrected, and in what steps.

    Raises
    ------
    InputError : where the kind of acquisition cannot be calibrated, or has too few frames.
    """
    run = _Stages(can_be_calibrated(acquisition), recipe)
    found = yield from checkpoint.once_from("calibration", run.stages())
    if run.stage == 0:  # all of it was done before
        run.take_up(found)
    return run.result()


class _Stages:
    """The stages of one calibration, in their order."""

    def __init__(self, acquisition: LedArray, recipe: CalibrationRecipe) -> None:
        self.started = time.process_time()
        self.given, self.region = acquisition, central(acquisition, recipe.region_px)
        self.calibrator = Calibrator(self.region, recipe)
        self.recipe, self.untold = as_far_as_told(recipe, int((self.calibrator.side > 0).sum()))
        if self.untold:
            self.calibrator = Calibrator(self.region, self.recipe)
        self.orientation, self.pose = ORIENTATIONS[0][0], BoardPose()
        self.directions = np.asarray(self.region.illumination_na)  # the nominal ones, once rightly oriented
        self.before, self.after = np.zeros(0), np.zeros(0)
        self.outlier_frames: list[OutlierFrame] = []
        self.warnings, self.remarks = list[str](), list[str]()
        self.otherwise = ""  # what is said of a board that is not as the file says
        self.start = self.found = self.calibrator.nominal
        self.accepted: Accepted | None = None
        self.depths = no_depths(self.found.z_um)
        self.stage, self.at = 0, ()  # the stage that is next, and where in it
        self.coarser = COARSER if min(self.calibrator.plan.image_shape) >= ENOUGH else COARSE
        self.done, self.total = 0, len(SCALES) + BOARD_STEPS + recipe.calibration_steps + 6
        self.pace = PreviewPace(self._preview)

    def stages(self) -> Generator[Event, None, dict[str, Any]]:
        """All stages that are not over yet; returns the state at the end."""
        self.loop = checkpoint.loop("stages")
        if self.loop.found is not None:
            self.take_up(self.loop.found)
        board, leds = self.fit_the_board, self.fit_the_leds
        every = (self.look_for_the_board, board, leds, self.check_the_depth, self.fit_again, self.finish)
        for stage in every[self.stage :]:
            yield from compute.on_one_thread(stage())
            self.stage += 1
            self._reached()
        return self.state()

    def _reached(self, *at: Any) -> None:
        """A turn is over, and the next one of this stage begins `at` these values."""
        self.at = at
        self.loop.reached(self.state)

    def state(self) -> dict[str, Any]:
        """All that the next turn depends on."""
        c, spent = self.calibrator, time.process_time() - self.started
        own = {name: value for name, value in vars(self).items() if name not in AS_EVER}
        return {"own": own, "calibrator": c.state(), "na": np.asarray(c.acquisition.illumination_na), "spent": spent}

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        vars(self).update(state["own"])
        self.started = time.process_time() - state["spent"]
        self.calibrator = Calibrator(self.region.replace(illumination_na=state["na"]), self.recipe)
        self.calibrator.take_up(state["calibrator"])

    def _preview(self) -> Preview:
        z = self.calibrator.microscope.z_um
        where = extent(self.region, np.array([z]))
        seen = support(self.calibrator.plan)
        return Preview(PlanesField.from_spectra(self.calibrator.spectrum[None], [z], where, seen), z)

    def _progress(self, what: str) -> Iterator[Event]:
        self.done += 1
        yield Progress(min(self.done, self.total), self.total, self._error(), what)
        yield from self.pace.events()

    def _error(self) -> float:
        """Relative amplitude error of the frames that take part."""
        c = self.calibrator
        return float(c.noise[c.used].sum() / c.energies()[c.used].sum()) ** 0.5

    def _doubt(self, text: str) -> Note:
        self.warnings.append(text)
        return Note(text, "warning")

    def _remark(self, text: str) -> Note:
        self.remarks.append(text)
        return Note(text)

    def look_for_the_board(self) -> Iterator[Event]:
        """Orientation and pose from the bright frames' spectra; then size and depth by short trials."""
        c = self.calibrator
        if self.given.frame_count < FEW:
            yield self._doubt(f"{self.given.frame_count} frames are few to judge a microscope by; {FEW} make it surer")
        if self.untold:
            yield self._doubt(self.untold)
        c.sweep(WARM_PASSES)
        c.noise = c.misfits()
        self.before = c.errors()
        yield from self._progress("as given")
        c.noise = np.full(len(c.noise), START_NOISE)
        if self.recipe.learn_board:
            start = mounted(c, self.recipe.check_orientation)
            self.orientation, self.directions, self.pose = start.orientation, start.directions, start.pose
            if start.said:
                self.otherwise = f"the LED board is mounted otherwise than the file says: {start.said}{start.unsure}"
                yield self._doubt(self.otherwise)
        placed = self.region.replace(illumination_na=self.pose.place(self.directions))
        if self.recipe.learn_z and len(far := far_depths(placed, c.nominal.z_um)) > 1:
            yield from self._try([(self.pose, d) for d in far], "looking for the depth")
        c.nominal = with_strong_pupil(c.nominal.changed(z_um=c.microscope.z_um), placed, self.recipe.learn_z)
        z, sizes = c.nominal.z_um, SCALES if self.recipe.learn_board else ()
        boards = [BoardPose(), *(dataclasses.replace(self.pose, scale=self.pose.scale * by) for by in sizes)]
        yield from self._try([(pose, z) for pose in boards], "looking for the board")
        self.depths = no_depths(z) if self.untold else depth_map(placed.replace(illumination_na=c.microscope.na), z)
        if self.recipe.learn_z:
            depths = np.linspace(z, self.depths.usual_um, 3)
            yield from self._try([(self.pose, float(d)) for d in depths], "looking for the depth")

    def _try(self, candidates: list[tuple[BoardPose, float]], what: str) -> Iterator[Event]:
        """Take up the candidate whose short reconstruction predicts withheld frames best; the first needs not win."""
        c, errors = self.calibrator, []
        near = np.argsort(np.hypot(*self.pose.place(self.directions).T), kind="stable")[:NEAR]
        for pose, z in candidates:
            c.believe(c.nominal.changed(na=pose.place(self.directions), z_um=z))
            errors.append(checkpoint.once("trial", partial(trial_error, c, near)))
            yield from self._progress(what)
        errors[0] -= BETTER
        self.pose, z = candidates[int(np.argmin(errors))]
        c.believe(c.nominal.changed(na=self.pose.place(self.directions), z_um=z))
        c.sweep((1.0,), near)
        c.sweep((1.0, 1.0), near, recover_gain=self.recipe.learn_gains)

    def fit_the_board(self) -> Iterator[Event]:
        """Gains, depth, pupil and ambient light together with the whole board."""
        first, before = self.at or (0, self.pose)
        for number in range(first, BOARD_STEPS):
            self.calibrator.sweep(PASSES[:3], recover_gain=self.recipe.learn_gains)
            ahead = BoardPose.of((1 + ONWARD) * self.pose.vector - ONWARD * before.vector)
            before, self.pose = self.pose, self.calibrator.step_board(self.directions, ahead, 0.5, self.coarser)
            yield from self._progress("board, gains and pupil")
            self._reached(number + 1, before)

    def fit_the_leds(self) -> Iterator[Event]:
        """Single LEDs, and all the rest with them, until nothing moves any more; then once with every pixel."""
        c = self.calibrator
        first, fine, moved, last = self.at or (0, 0, 0.0, np.inf)
        for number in range(first, self.recipe.calibration_steps):
            far = number < FAR
            coarse = self.coarser if far else COARSE
            c.sweep(PASSES if far else WARM_PASSES)
            c.sort_out()
            if self.recipe.learn_directions:
                moved = c.step_leds(self._board(), REACH * SHORTER**number, 2 if far else 1, coarse)
            c.step_rest(1 if fine else coarse)
            yield from self._progress("single LEDs")
            change, error = float(np.sqrt((c.gain_change[c.used] ** 2).mean())), self._error()
            loose = 2 if change > WANDERING else 1
            still = number > 1 and abs(error - last) < loose * STILL_ERROR * last and moved < loose * HARDLY_NA
            still |= moved < STILL_NA and change < STILL_GAIN
            last = error
            fine += bool(fine) or still or number >= self.recipe.calibration_steps - 1 - FINE_STEPS
            if fine > FINE_STEPS:
                break
            self._reached(number + 1, fine, moved, last)

    def _board(self) -> np.ndarray:
        """Where the board would have the LEDs (led, 2), from where they were found."""
        c = self.calibrator
        if not self.recipe.learn_board:
            return self.directions
        self.pose = fit_pose(self.directions[c.used], c.microscope.na[c.used])
        return self.pose.place(self.directions)

    def check_the_depth(self) -> Iterator[Event]:
        """A sample at many depths puts its own shape into the microscope's: then only the gains are worth having."""
        found = self.calibrator.microscope
        if not self.depths.flat:
            try:
                self.depths = depth_map(self._corrected(self.region), found.z_um)
            except InputError:  # frames without light, by a microscope so wrong that it will not be taken
                self.depths = no_depths(found.z_um)
        if self.depths.flat:
            return
        yield self._doubt(
            f"the sample is tilted or thick: its depth differs by {self.depths.spread_um:.3g} um over the field, which "
            "one plane cannot explain, so only the LED intensity is corrected; calibrate with a flat, thin sample"
        )
        self.recipe = self.recipe.model_copy(update={**HELD, "learn_background": "none"})
        self.calibrator = Calibrator(self.region.replace(illumination_na=self.directions), self.recipe)
        self.pose = BoardPose()

    def fit_again(self) -> Iterator[Event]:
        """The LEDs of a sample that is not flat, whose gains alone are looked for."""
        if not self.depths.flat:
            yield from self.fit_the_leds()

    def finish(self) -> Iterator[Event]:
        """The errors that are left, who disagrees, and what the frames could not tell."""
        c = self.calibrator
        c.sweep(LAST_PASSES)
        if self.recipe.learn_pupil == "pixels":
            c.find_pupil_pixels()
        self.after, na = c.errors(), c.microscope.na
        self.outlier_frames = list(
            find_outlier_frames(
                self.given, self.after, microscope=c.microscope, counts=c.counts, predicted=c.predicted()
            )
        )
        bad = [outlier.frame for outlier in self.outlier_frames]
        if bad:  # such a frame says nothing of its LED: what the others say of the board must do
            na, gain = na.copy(), c.microscope.gain.copy()
            na[bad] = self._board()[bad]
            gain[bad] = np.exp(around(np.log(gain), na, self.given.objective_na))[bad]
            c.change(c.microscope.changed(na=na, gain=gain))
        yield from self._judge(np.array(bad, dtype=int))
        equations = c.equations(COARSE, 0.3)
        if self.recipe.learn_board:
            equations = shared_by(equations, ("na_y", "na_x"), self.pose.jacobian(self.directions), BOARD)
        for text in doubts(equations):
            yield self._doubt(text)
        yield from self._progress("done")
        yield self._preview()

    def _judge(self, outliers: np.ndarray) -> Iterator[Event]:
        """Implausible gains are replaced, and withheld frames decide what is taken of all that was found."""
        c, recipe = self.calibrator, self.recipe
        if recipe.learn_gains:
            for text, warning in replace_odd_gains(c, outliers):
                yield self._doubt(text) if warning else self._remark(text)
        usable = c.used.copy()
        usable[outliers] = False
        self.found = found = c.without_bias()
        candidates = {ALL: found}
        if self.depths.flat and recipe.learn_directions and recipe.learn_board:
            candidates[WHOLE_BOARD] = found.changed(na=self._board())
        if self.depths.flat and (recipe.learn_directions or recipe.learn_board):
            candidates[GIVEN] = found.changed(na=np.asarray(self.region.illumination_na))
        nobody = 3 * (np.zeros(0, int),)
        if impossible(light_ratio(found.gain, c.nominal.gain, found.na, self.given.objective_na)):
            self.accepted = Accepted(NOTHING, self.start, *nobody)
        elif self.depths.flat:
            self.accepted = accept(c, self.start, candidates, usable, bool(self.otherwise))
        else:
            self.accepted = Accepted(ALL, found, *nobody)  # a thick sample's gains: one plane cannot judge them
        pose = self.pose if self.accepted.what in (ALL, WHOLE_BOARD) else BoardPose()
        for text in microscope_sentences(self.accepted.microscope.coefficients, pose, self.given.objective_na):
            yield self._doubt(text)
        if self.accepted.what == NOTHING and self.otherwise in self.warnings:
            self.warnings.remove(self.otherwise)
        if text := self.accepted.said:
            yield self._remark(text)

    def _corrected(self, acquisition: LedArray) -> LedArray:
        c, flat = self.calibrator, self.depths.flat
        dark = bool((c.side < 0).any())
        factor = pixel_factor(c.pupil_pixels, self.region, acquisition)
        microscope = c.without_bias() if self.accepted is None else self.accepted.microscope
        return corrected(acquisition, microscope, self.recipe, c.scale, factor, dark=dark, flat=flat)

    def result(self) -> Calibration:
        c, m = self.calibrator, self.found
        energies = c.energies()
        total = partial(overall, energies=energies, without=[outlier.frame for outlier in self.outlier_frames])
        figures = {
            "relative_amplitude_error_before": total(self.before),
            "relative_amplitude_error": total(self.after),
            "cpu_seconds": time.process_time() - self.started,
        }
        better, accepted = self._corrected(self.given), self.accepted
        assert accepted is not None
        if accepted.what == NOTHING or (not len(accepted.held_out) and total(self.after) >= total(self.before)):
            better = self.given
            accepted = dataclasses.replace(accepted, what=NOTHING, microscope=self.start)
        return Calibration(
            given=self.given, corrected=better,
            orientation=self.orientation, pose=self.pose, gains=m.gain, background=m.floor * c.scale,
            zernike_rad={j: float(v) for j, v in zip(m.noll, m.coefficients, strict=True)},
            z_um=m.z_um, wavelength_um=m.wavelength_um, error_before=self.before, error_after=self.after,
            outlier_frames=tuple(self.outlier_frames), warnings=tuple(self.warnings), remarks=tuple(self.remarks),
            accepted=accepted.summary(c.scale), figures=figures,
        )  # fmt: skip

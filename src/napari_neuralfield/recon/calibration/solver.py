"""The object and the microscope, improved in turn: passes of the classical solver, then one Gauss-Newton step."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...forward import fourier
from ...forward.led_grid import flat_spectra, support
from ...optics.board import BoardPose
from ...optics.grids import fit_spectrum, intensity
from ..projection.solver import Solver, no_aberration
from .board_from_spectra import bright_frames
from .direction_search import search_directions
from .gauss_newton import Equations, linearise, shared_by, solve
from .outlier_frames import stand_out
from .recipe import CalibrationRecipe
from .trial_microscope import CHUNK, OFFSET, Belief, TrialMicroscope, per_led, rooted, taper

BOARD = ("turn", "shift_y", "shift_x", "scale")
MOMENTUM = 0.5  # dark frames' gains wait for the object, and it for them
PIXEL_PASSES = (1.0, 0.5, 0.25, 0.12, 0.06)
START_NOISE = 1e-4  # variance of an amplitude before it is known, bright field 1
KEPT = ("microscope", "nominal", "spectrum", "noise", "used", "pupil_pixels", "gain_change")  # all that changes
OUTLIER_WEIGHT = 1e4  # by which the noise of a frame that is left out is raised


class Calibrator:
    """One specimen, one microscope, both unknown.

    Parameters
    ----------
    acquisition : the frames.
    recipe : what is learnt, and in what steps.

    Attributes
    ----------
    nominal : the microscope as the acquisition describes it; microscope : as it is believed to be now.
    counts : the frames on the image grid (led, y, x), the mean bright field 1; scale : the counts of this 1.
    spectrum : centred spectrum of the object (Y, X).
    region : weight of each pixel, less at the border of frames that do not repeat (y, x).
    side : 1 for bright-field frames, -1 for dark ones (led,).
    pupil_pixels : factor on the pupil's bins (y, x), where it was looked for.
    gain_change : the last step of the logarithm of each gain (led,).
    noise : mean squared residual of each frame's amplitude (led,); used : frames that take part (led,) bool.
    """

    microscope: TrialMicroscope
    spectrum: torch.Tensor

    def __init__(self, acquisition: LedArray, recipe: CalibrationRecipe) -> None:
        self.acquisition, self.recipe = acquisition, recipe
        measured = fourier.measure(acquisition, fourier.windows(acquisition))
        self.counts, self.scale = measured.amplitude**2, measured.scale
        self.region = taper(self.counts)
        self.noise = np.full(len(self.counts), START_NOISE)
        self.used = np.ones(len(self.counts), bool)
        bright = bright_frames(acquisition, self.energies())
        self.side = np.where(bright, 1.0, -1.0)
        gain = measured.gain.double().numpy() ** 2
        noll = tuple(range(5, 4 + recipe.pupil_terms)) if recipe.learn_pupil != "none" else ()
        self.nominal = TrialMicroscope(
            na=np.asarray(acquisition.illumination_na), gain=gain / gain.mean(), floor=measured.floor.double().numpy(),
            noll=noll, coefficients=np.zeros(len(noll)),
            z_um=acquisition.sample_z_um or 0.0, wavelength_um=acquisition.wavelength_um,
        )  # fmt: skip
        self._kept: tuple[object, fourier.Windows, torch.Tensor] | None = None
        self.believe(self.nominal)
        self.pupil_pixels: torch.Tensor | None = None
        self.gain_change = np.zeros(len(self.counts))

    def change(self, microscope: TrialMicroscope) -> None:
        """Take up a new belief; what no LED passes any more is dropped from the object."""
        mean = float(microscope.gain[self.used].mean())
        before, self.microscope = self.microscope, microscope.changed(gain=microscope.gain / mean)
        self.spectrum = self.spectrum * mean**0.5
        if microscope.na is before.na and microscope.wavelength_um == before.wavelength_um:
            return
        self.plan = self._plan(self.microscope)
        self.spectrum = fit_spectrum(self.spectrum, self.plan.spectrum_shape) * support(self.plan)

    def state(self) -> dict[str, object]:
        """All that sets it apart from a new one of the same acquisition and recipe."""
        return {name: getattr(self, name) for name in KEPT}

    def take_up(self, state: dict[str, object]) -> None:
        """Go on from a `state`."""
        vars(self).update(state)
        self.plan = self._plan(self.microscope)

    def _plan(self, microscope: TrialMicroscope) -> fourier.Windows:
        """Windows on the image grid of the counts, whatever the wavelength."""
        rows, columns = self.counts.shape[-2:]
        return dataclasses.replace(microscope.plan(self.acquisition), image_shape=(rows, columns))

    def believe(self, microscope: TrialMicroscope) -> None:
        """Start again with another microscope and an empty object."""
        self.microscope, self.plan = microscope, self._plan(microscope)
        self.spectrum = flat_spectra(self.plan, 1, torch.device("cpu"))[0]

    def sweep(self, steps: Sequence[float], leds: np.ndarray | None = None, recover_gain: bool = False) -> None:
        """Passes over the LEDs that are used.

        Parameters
        ----------
        steps : step size of each pass, 0 to 1.
        leds : indices of those that take part; all where None.
        recover_gain : solve for the LEDs' brightness as well.
        """
        solver = self.solver()
        chosen = self.trusted() if leds is None else self.trusted() & np.isin(np.arange(len(self.used)), leds)
        solver.order = solver.order[chosen[solver.order]]
        solver.run(steps, recover_gain=recover_gain)
        if recover_gain:
            self.microscope = self.microscope.changed(gain=solver.gain.double().numpy() ** 2)
        self.spectrum = solver.spectra[0]

    def without_bias(self) -> TrialMicroscope:
        """The microscope, its ambient light set right: the mean of a root lies below the root of the mean."""
        if not (self.side < 0).any() or self.recipe.learn_background == "none":
            return self.microscope
        return self.microscope.changed(floor=self.microscope.floor + float(np.median(self.noise[self.side < 0])))

    def solver(self) -> Solver:
        """Sequential projection from the present object and microscope on."""
        microscope = self.microscope
        variance = torch.as_tensor(self.noise, dtype=torch.float32)
        measured = fourier.LedFrames(
            rooted(self.counts, variance[:, None, None]),
            torch.as_tensor(np.sqrt(microscope.gain), dtype=torch.float32),
            torch.as_tensor(microscope.floor, dtype=torch.float32) + OFFSET * variance,
            self.scale,
        )
        device = torch.device("cpu")
        kernels = self._pupils()[:, None]
        blank = no_aberration(self.plan, device) if self.pupil_pixels is None else self.pupil_pixels
        solver = Solver(self.plan, measured, np.array([microscope.z_um]), self.spectrum[None], blank, kernels=kernels)
        solver.region = self.region
        return solver

    def _pupils(self) -> torch.Tensor:
        """Aperture and phase in all windows (led, y, x), kept as long as neither windows nor phase change."""
        m = self.microscope
        key = (id(self.plan), m.z_um, tuple(m.coefficients))
        if self._kept is None or self._kept[0] != key:
            self._kept = key, self.plan, m.pupils(self.plan, np.arange(len(self.counts)))
        return self._kept[2]

    def trusted(self) -> np.ndarray:
        """Frames that take part and do not contradict the belief outright (led,) bool.

        A dark frame of an LED inside the NA, or a bright one of an LED outside, would ruin the object either way.
        """
        inside = np.hypot(*self.microscope.na.T) <= self.acquisition.objective_na
        return self.used & (inside == (self.side > 0))

    def find_pupil_pixels(self) -> None:
        """What the Zernike terms leave of the pupil, bin by bin, by least squares over all LEDs."""
        solver = self.solver()
        solver.order = solver.order[self.trusted()[solver.order]]
        solver.run(PIXEL_PASSES, recover_pupil=True)
        self.spectrum, self.pupil_pixels = solver.spectra[0], solver.aberration

    def sort_out(self) -> None:
        """Leave out the frames that stand out now, take back those that no longer do.

        The gain of what is left out is found anew from the object that all others see.
        """
        self.used = ~stand_out(self.errors(), self.microscope.na, self.acquisition.objective_na)
        if not self.recipe.learn_gains:
            return
        self.microscope = self.microscope.changed(
            gain=self.best_gains(np.flatnonzero(~self.used), self.microscope.gain)
        )

    def best_gains(self, leds: np.ndarray, gain: np.ndarray) -> np.ndarray:
        """`gain` (led,), in which that of `leds` (n,) makes their frames, as predicted, closest to those seen."""
        gain = gain.copy()
        for some, light in self._light(leds):
            floor = torch.as_tensor(self.microscope.floor[some], dtype=torch.float32)[:, None, None]
            seen, modulus = torch.sqrt(torch.clamp(self.counts[some] - floor, min=0)), light.sqrt()
            fitted = (seen * modulus).sum(dim=(1, 2)) / light.sum(dim=(1, 2)).clamp(min=1e-12)
            gain[some] = np.maximum(fitted.double().numpy() ** 2, 1e-6)
        return gain

    def predicted(self, leds: np.ndarray | None = None) -> torch.Tensor:
        """The frames of `leds` (n,), or of all, as they should be (n, y, x), bright field 1."""
        return torch.cat([frames for _, frames in self._chunks(leds)])

    def _chunks(self, leds: np.ndarray | None) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        """Some of `leds` at a time, and their frames as they should be."""
        for some, light in self._light(np.arange(len(self.counts)) if leds is None else leds):
            gain, floor = per_led(self.microscope.gain[some], self.microscope.floor[some])
            yield some, light * gain + floor

    def _light(self, leds: np.ndarray) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        """Some of `leds` (n,) at a time, and what they would show at gain 1 without ambient light (some, y, x)."""
        pupils, belief = self._pupils(), self.belief(1)
        factor = 1.0 if self.pupil_pixels is None else self.pupil_pixels
        for some in np.split(leds, range(CHUNK, len(leds), CHUNK)) if len(leds) else ():
            yield some, intensity(belief.images(belief.windows(some) * pupils[some] * factor))

    def misfits(self, leds: np.ndarray | None = None) -> np.ndarray:
        """Mean squared difference of the roots of the model and of the counts in each frame of `leds` (n,), or all."""
        found = [
            ((frames.sqrt() - self.counts[some].clamp(min=0).sqrt()) * self.region).square().mean(dim=(1, 2))
            for some, frames in self._chunks(leds)
        ]
        return torch.cat(found).double().numpy() / float(self.region.square().mean())

    def errors(self) -> np.ndarray:
        """Relative amplitude error of each frame (led,)."""
        return np.sqrt(self.misfits() / self.energies())

    def energies(self) -> np.ndarray:
        """Mean of each frame (led,), bright field 1."""
        share = self.region.square() / self.region.square().mean()
        return np.maximum((self.counts.clamp(min=0) * share).mean(dim=(1, 2)).double().numpy(), 1e-12)

    def equations(self, stride: int, step_bins: float | None = None) -> Equations:
        """What a Gauss-Newton step about the present belief is made of.

        Parameters
        ----------
        stride : look at every `stride`-th pixel of each axis only.
        step_bins : as for `linearise`; the directions are held where None.
        """
        own = ["gain"] if step_bins is None else ["na_y", "na_x", "gain"]
        shared = [f"zernike_{j}" for j in self.microscope.noll]
        if self.recipe.learn_z:
            shared.append("z_um")
        if self.recipe.learn_wavelength:
            shared.append("wavelength_um")
        if not (self.side < 0).any():
            pass  # bright frames alone cannot tell ambient light from a paler sample
        elif self.recipe.learn_background == "common":
            shared.append("floor")
        elif self.recipe.learn_background == "frame":
            own.append("floor")
        noise = np.where(self.trusted(), self.noise, OUTLIER_WEIGHT * self.noise.max())
        found = linearise(self._belief(noise, stride), own=own, shared=shared, step_bins=step_bins or 0.3)
        self.noise = np.maximum(found.misfit, 1e-10)
        return found

    def belief(self, stride: int) -> Belief:
        """What is believed, beside every `stride`-th pixel of each axis of the frames."""
        return self._belief(self.noise, stride)

    def _belief(self, noise: np.ndarray, stride: int) -> Belief:
        return Belief(
            microscope=self.microscope,
            plan=self.plan,
            spectrum=self.spectrum,
            counts=self.counts,
            noise=noise,
            stride=stride,
            region=self.region,
        )

    def step_board(self, nominal: np.ndarray, pose: BoardPose, step_bins: float, stride: int) -> BoardPose:
        """Move the whole board, with gains, pupil, depth and ambient light; returns its new pose.

        Parameters
        ----------
        nominal : directions that the pose moves (led, 2).
        pose : of the board up to now.
        step_bins, stride : as for `equations`.
        """
        if not self.recipe.learn_board:
            self.step_rest(stride)
            return pose
        equations = self.equations(stride, step_bins)
        jacobian = pose.jacobian(nominal)
        step = solve(shared_by(equations, ("na_y", "na_x"), jacobian, BOARD))
        change = step.shared[: len(BOARD)]
        moved = np.abs(jacobian @ change).max()
        pose = BoardPose.of(pose.vector + change * min(1.0, self.recipe.board_step / max(moved, 1e-12)))
        self._apply(equations, step.own, step.shared[len(BOARD) :], equations.own[2:], pose.place(nominal))
        return pose

    def step_rest(self, stride: int) -> None:
        """Gains, pupil, depth and ambient light, the directions held."""
        equations = self.equations(stride)
        step = solve(equations)
        own, k = step.own.copy(), equations.own.index("gain")
        own[:, k] += np.where(self.side < 0, MOMENTUM * self.gain_change, 0)
        self.gain_change = np.clip(own[:, k], -self.recipe.gain_step, self.recipe.gain_step)
        self._apply(equations, own, step.shared, equations.own, self.microscope.na)

    def step_leds(self, board: np.ndarray, reach_bins: float, rounds: int, stride: int) -> float:
        """Look for every LED by itself; returns the rms change of the directions, NA.

        Parameters
        ----------
        board : where the board would have the LEDs (led, 2); they are held near it.
        reach_bins, rounds : of `search_directions`.
        stride : look at every `stride`-th pixel of each axis only.
        """
        found = search_directions(
            self.belief(stride),
            board=board,
            spread=self.recipe.direction_prior,
            side=self.side,
            reach_bins=reach_bins,
            rounds=rounds,
        )
        limit = self.recipe.direction_step
        moved = np.clip(found - self.microscope.na, -limit, limit)
        self.change(self.microscope.changed(na=self.microscope.na + moved))
        return float(np.sqrt((moved[self.used] ** 2).sum(axis=1).mean()))

    def _apply(
        self, equations: Equations, own: np.ndarray, shared: np.ndarray, names: Sequence[str], na: np.ndarray
    ) -> None:
        """Take a step of gains, floors and what all share, none larger than its option allows."""
        recipe, microscope = self.recipe, self.microscope
        if not (np.isfinite(own).all() and np.isfinite(shared).all()):
            return  # equations that say nothing; the next pass may
        by_name = dict(zip(equations.shared, shared, strict=True))
        gain, floor = microscope.gain, microscope.floor
        if recipe.learn_gains:
            change = np.clip(own[:, names.index("gain")], -recipe.gain_step, recipe.gain_step)
            gain = gain * np.exp(change)
        most = recipe.background_step
        if "floor" in names:
            floor = np.maximum(floor + np.clip(own[:, names.index("floor")], -most, most), 0)
        elif "floor" in by_name:
            floor = np.maximum(floor + np.clip(by_name["floor"], -most, most), 0)
        pupil = np.array([by_name[f"zernike_{j}"] for j in microscope.noll])
        change = np.clip(by_name.get("wavelength_um", 0.0), -recipe.wavelength_step, recipe.wavelength_step)
        self.change(
            microscope.changed(
                na=na, gain=gain, floor=floor,
                coefficients=microscope.coefficients + np.clip(pupil, -recipe.pupil_step, recipe.pupil_step),
                z_um=microscope.z_um + float(np.clip(by_name.get("z_um", 0.0), -recipe.z_step, recipe.z_step)),
                wavelength_um=microscope.wavelength_um + float(change),
            )
        )  # fmt: skip

"""Second-order sequential Fourier ptychography, for single LEDs and for LED patterns.

Tian, Li, Ramchandran, Waller, Biomed. Opt. Express 5, 2376 (2014): every frame in turn replaces the modulus of its
prediction by the measured one, for all LEDs of its pattern together; what that changes in each LED's image goes back
into object and pupil, divided by a diagonal Hessian with Tikhonov-like regularisers. Brightness of the LEDs is solved
by least squares after every pass.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch

from ... import compute
from ...data.acquisition import Acquisition, LedArray, MultiplexedLed
from ...data.frames import order_of_use
from ...data.geometry import refuse_coded_surface
from ...fields.planes import PlanesField
from ...forward import fourier, multiplexed
from ...forward.led_grid import depth_tensor, extent, flat_spectra, support
from ...optics.grids import intensity
from ...optics.pupil import TINY
from ...types import Event, Preview, Progress
from ..engine import checkpoint
from ..engine.preview_pace import PreviewPace
from ..engine.readings import LateNumbers, squares
from ..engine.recipe import Recipe, method, option
from ..projection.orientation import orientation_notes
from ..projection.setup import CHECK_ORIENTATION, depth_range, finished, first_look, known_depth
from ..projection.solver import cached_pupils, no_aberration, remove_tilt, unit_pupil
from .sequential import pupil_margin

PUBLISHED = {"step_decay": 0.0, "stop_below": 0.0, "passes": 10, "pupil_update": "frame", "pupil_regulariser": 0.1}
SMALLEST_STEP = 1 / 32
PATIENCE = 8  # full-step passes without gain before the steps shrink


class QuasiNewtonRecipe(Recipe):
    """Options of `quasi-newton`."""

    method: str = "quasi-newton"
    z_um: float | None = option(None, "depth of the sample; empty: as the file says, else in focus", unit="um")
    passes: int = option(40, "full-step passes over all frames at most", ge=1, le=10000)
    recover_pupil: bool | None = option(
        None, "solve for the pupil's aberration; empty: where there are as many frames as LEDs"
    )
    recover_gain: bool | None = option(
        None, "solve for the brightness of each LED; empty: where there are as many frames as LEDs"
    )
    object_regulariser: float = option(
        1.0, "added to the object's Hessian, as a share of its largest value", ge=0, le=1e3, advanced=True
    )
    pupil_regulariser: float = option(
        0.01, "added to the pupil's Hessian, as a share of its mean or largest value", gt=0, le=1e3, advanced=True
    )
    pupil_update: Literal["pass", "frame"] = option(
        "pass", "solve for the pupil after every pass from all frames, or with every frame as published", advanced=True
    )
    step_decay: float = option(
        0.5, "factor on the step from pass to pass after the full-step passes; 0: stop there", ge=0, lt=1, advanced=True
    )
    stop_below: float = option(
        0.003, "end the full-step passes when one lowers the error by less than this share", ge=0, lt=1, advanced=True
    )
    check_orientation: bool = CHECK_ORIENTATION

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """The depth of an `acquisition`, and whether its frames are enough for pupil and gains."""
        if not isinstance(acquisition, LedArray | MultiplexedLed):
            return {}
        enough = _enough(acquisition)
        return {"z_um": known_depth(acquisition), "recover_pupil": enough, "recover_gain": enough}


def _enough(acquisition: LedArray | MultiplexedLed) -> bool:
    """Whether there are as many frames as LEDs."""
    leds = acquisition.illumination_na if isinstance(acquisition, LedArray) else acquisition.led_na
    return acquisition.frame_count >= len(leds)


class QuasiNewton:
    """Spectrum, pupil aberration and LED gains, improved frame by frame.

    Parameters
    ----------
    plan : windows of the LEDs.
    measured : the frames, which LEDs each one has, and their brightness.
    z_um : depth of the sample, um.
    spectrum : centred object spectrum (Y, X), changed in place.
    aberration : complex factor on the pupil (y, x).
    regularisers : of object and pupil, shares of the largest entry of each Hessian.
    pupil_per_frame : change the pupil with every frame, not after every pass.
    """

    def __init__(
        self,
        plan: fourier.Windows,
        measured: multiplexed.Patterned,
        z_um: float,
        spectrum: torch.Tensor,
        aberration: torch.Tensor,
        *,
        regularisers: tuple[float, float] = (1.0, 0.01),
        pupil_per_frame: bool = False,
    ) -> None:
        self.plan, self.measured, self.regularisers = plan, measured, regularisers
        self.pupil_per_frame, self.wide = pupil_per_frame, compute.precise(spectrum.device)
        self.spectrum, self.aberration, self.gain = spectrum, aberration, measured.gain
        self.z = depth_tensor(np.array([z_um]), spectrum.device)
        radius = np.hypot(*fourier.window_centres(plan).T)
        weight = measured.weight.cpu().numpy()
        self.leds = [np.flatnonzero(row) for row in weight]
        tilt = (weight @ radius) / np.maximum(weight.sum(1), 1e-12)
        light = measured.amplitude.sum(dim=(1, 2), dtype=torch.float64).cpu().numpy()
        self.order = [int(p) for p in order_of_use(light, tilt) if len(self.leds[p])]
        self.energy = (measured.amplitude.double() ** 2).sum(dim=(1, 2)).cpu().numpy()[self.order]
        self._kernels = cached_pupils(plan, self.z)
        self._normal = torch.zeros(len(radius), len(radius), device=spectrum.device)
        self._slope = torch.zeros(len(radius), device=spectrum.device)
        self._pupil_slope = torch.zeros_like(aberration)
        self._pupil_hessian = torch.zeros_like(aberration.real)

    def kernels(self, leds: np.ndarray) -> torch.Tensor:
        """Aperture and defocus of some LEDs' windows (led, y, x), without the aberration."""
        if self._kernels is not None:
            return self._kernels[leds, 0]
        return fourier.pupils(self.plan, leds, self.z)[:, 0]

    def views(self, target: torch.Tensor, leds: np.ndarray) -> list[torch.Tensor]:
        """What each of `leds` (led,) sees of `target`, an array on the spectrum's bins (Y, X): views (y, x)."""
        rows, columns = self.plan.box
        return [target[y : y + rows, x : x + columns] for y, x in self.plan.corner[leds].tolist()]

    def sweep(self, step: float, recover_pupil: bool = False, recover_gain: bool = False) -> Iterator[torch.Tensor]:
        """One pass over all frames; yields the root of the squared misfit of each before its update, on its device.

        Parameters
        ----------
        step : share of each correction of the object that is applied, 0 to 1; 0 only looks.
        recover_pupil, recover_gain : solve for the aberration and for each LED's brightness as well.
        """
        rows, columns = self.plan.box
        for total in (self._normal, self._slope, self._pupil_slope, self._pupil_hessian):
            total.zero_()
        for frame in self.order:
            leds = self.leds[frame]
            kernel, window = self.kernels(leds), torch.stack(self.views(self.spectrum, leds))
            image = torch.fft.ifft2(window * kernel * self.aberration, s=self.plan.image_shape, norm="forward")
            light = intensity(image)  # (led, y, x)
            brightness = self.measured.weight[frame, leds] * self.gain[leds] ** 2
            model = torch.sqrt(torch.einsum("l,lyx->yx", brightness, light) + self.measured.floor[frame] + TINY)
            difference = self.measured.amplitude[frame] - model
            yield torch.linalg.vector_norm(difference)
            if step == 0:
                continue
            if recover_gain:
                self._note_gain(leds, frame, light / model, difference)
            image *= difference.div_(model)
            back = torch.fft.fft2(image, norm="forward")[:, :rows, :columns] * step
            share = brightness / brightness.mean().clamp(min=1e-12)
            pupil = kernel * self.aberration
            if recover_pupil:
                self._pupil_step(kernel * window, back / step, brightness)
            self._object_step(leds, pupil, back, share)
        if step > 0 and recover_pupil and not self.pupil_per_frame:
            mean = self._pupil_hessian[self._pupil_hessian > 0].mean()
            self.aberration = self.aberration + self._pupil_slope / (self._pupil_hessian + self.regularisers[1] * mean)
        if step > 0 and recover_gain:
            self._gain_step()
        self._fix_scale(recover_pupil, recover_gain)

    def _object_step(self, leds: np.ndarray, pupil: torch.Tensor, back: torch.Tensor, share: torch.Tensor) -> None:
        """O += sum |P| P* change / (max |P| (sum |P|^2 + regulariser)): sums over the LEDs of the frame."""
        square = intensity(pupil)
        top = square.max().to(self.wide)
        floor = self.regularisers[0] * top
        change = (square / top).sqrt() * pupil.conj() * back * share[:, None, None]
        if len(leds) == 1:
            self.views(self.spectrum, leds)[0].add_(change[0] / (square[0] * share[0] + floor))
            return
        numerator = torch.zeros_like(self.spectrum)
        hessian = torch.zeros_like(self.spectrum.real) + floor.clamp(min=1e-12)
        for part, view in zip(change, self.views(numerator, leds), strict=True):
            view += part
        for part, view in zip(square * share[:, None, None], self.views(hessian, leds), strict=True):
            view += part
        self.spectrum += numerator / hessian

    def _pupil_step(self, window: torch.Tensor, back: torch.Tensor, brightness: torch.Tensor) -> None:
        """P += sum |O| O* change / (max |O| (sum |O|^2 + regulariser)), or its sums over the pass.

        Over a whole pass the factor |O| / max |O|, which keeps one frame from drowning the others, is not needed.
        """
        square = intensity(window)
        slope, hessian = window.conj() * back * brightness[:, None, None], square * brightness[:, None, None]
        if not self.pupil_per_frame:
            self._pupil_slope += slope.sum(0)
            self._pupil_hessian += hessian.sum(0)
            return
        top = square.max().clamp(min=1e-20)
        floor = self.regularisers[1] * hessian.max().to(self.wide)
        weighted = ((square / top).sqrt() * slope).sum(0)
        self.aberration = self.aberration + weighted / (hessian.sum(0) + floor + 1e-20)

    def _note_gain(self, leds: np.ndarray, frame: int, light: torch.Tensor, difference: torch.Tensor) -> None:
        """Add a frame's equations for the LED gains: d model / d gain_l = weight gain light_l / model."""
        slope = light.flatten(1) * (self.measured.weight[frame, leds] * self.gain[leds])[:, None]
        at = torch.as_tensor(leds, device=slope.device)
        self._normal[at[:, None], at[None, :]] += slope @ slope.T
        self._slope[at] += slope @ difference.flatten()

    def _gain_step(self) -> None:
        """Half a step to the gains that fit best, damped where the frames do not tell LEDs apart."""
        diagonal = self._normal.diagonal()
        damped = self._normal + torch.diag(0.01 * diagonal + 1e-6 * diagonal.max().clamp(min=1e-20))
        change = torch.linalg.solve(damped, self._slope)
        self.gain = torch.maximum(self.gain + 0.5 * change, 0.1 * self.gain)

    def _fix_scale(self, recover_pupil: bool, recover_gain: bool) -> None:
        """Mean gain 1, mean pupil modulus 1, no piston: what the data cannot tell goes into the object."""
        if recover_gain:
            mean = self.gain.mean()
            self.gain = self.gain / mean
            self.spectrum *= mean
        if recover_pupil:
            nearest = np.array([int(np.argmin(np.hypot(*fourier.window_centres(self.plan).T)))])
            inside = self.kernels(nearest)[0].abs() > 0
            self.aberration, mean = unit_pupil(self.aberration, inside)
            self.spectrum *= mean

    def error(self) -> float:
        """Relative amplitude error."""
        return float((sum(squares(list(self.sweep(0.0)))) / self.energy.sum()) ** 0.5)


def _solve(solver: QuasiNewton, recipe: QuasiNewtonRecipe, pupil: bool, gain: bool) -> Iterator[tuple[int, float]]:
    """Full steps while they help, then shrinking ones; yields (frames done, relative amplitude error so far)."""
    frames, late = len(solver.order), LateNumbers()
    step, done, last, idle, number, error = 1.0, 0, np.inf, 0, 0, 1.0
    loop = checkpoint.loop("passes")
    if loop.found is not None:
        step, done, last, idle, number, solver.spectrum, solver.aberration, solver.gain = loop.found

    def now() -> tuple[object, ...]:
        return step, done, last, idle, number, solver.spectrum, solver.aberration, solver.gain

    while step >= SMALLEST_STEP:
        misfit, read = 0.0, 0
        for count, norm in enumerate(solver.sweep(step, pupil and number > 0, gain and number > 0), 1):
            for (miss,) in late.take(norm, now=count == frames):
                misfit, read = misfit + miss**2, read + 1
                error = (misfit / float(solver.energy[:read].sum())) ** 0.5
            yield done + count, error
        done, number = done + frames, number + 1
        idle = idle + 1 if misfit > (1 - recipe.stop_below) ** 2 * last else 0
        if step < 1 or number >= recipe.passes or (number > 3 and idle >= PATIENCE):
            step *= recipe.step_decay
        last = misfit
        loop.reached(now)


@method(
    "quasi-newton",
    QuasiNewtonRecipe,
    kinds=("led_array", "multiplexed_led"),
    presets={"published": PUBLISHED},
)
def quasi_newton(acquisition: LedArray | MultiplexedLed, recipe: QuasiNewtonRecipe) -> Iterator[Event]:
    """Second-order Fourier ptychography of one plane, from single LEDs or LED patterns, with pupil and LED gains.

    `acquisition` is reconstructed as `recipe` says.
    """
    started = time.process_time()
    device = compute.device(recipe.device)
    board = multiplexed.board_of(acquisition)
    z_um = depth_range(board, known_depth(board) if recipe.z_um is None else recipe.z_um)[0]
    enough = _enough(acquisition)
    recover_pupil = enough if recipe.recover_pupil is None else recipe.recover_pupil
    recover_gain = enough if recipe.recover_gain is None else recipe.recover_gain
    if isinstance(acquisition, LedArray):
        refuse_coded_surface(acquisition)
        yield first_look(acquisition, np.array([z_um]))
    if recipe.check_orientation and isinstance(acquisition, LedArray):
        yield from orientation_notes(acquisition, device)
    margin = 0.0
    if recover_pupil and isinstance(acquisition, LedArray):
        depths = np.array([z_um])
        margin = checkpoint.once("pupil margin", lambda: pupil_margin(acquisition, depths, device, recover_gain))
    plan = fourier.windows(board, margin=margin)
    measured = multiplexed.measure(acquisition, plan, device)
    solver = QuasiNewton(
        plan,
        measured,
        z_um,
        flat_spectra(plan, 1, device)[0],
        no_aberration(plan, device),
        regularisers=(recipe.object_regulariser, recipe.pupil_regulariser),
        pupil_per_frame=recipe.pupil_update == "frame",
    )
    where, seen = extent(board, np.array([z_um])), support(plan)

    def field() -> PlanesField:
        return PlanesField.from_spectra(solver.spectrum[None], [z_um], where, seen, half=False)

    pace = PreviewPace(lambda: Preview(field(), z_um))
    yield from pace.events()
    total = len(solver.order) * (recipe.passes + _shrinking_passes(recipe.step_decay))
    for done, error in _solve(solver, recipe, recover_pupil, recover_gain):
        yield Progress(done, total, error, "passes")
        yield from pace.events()
    calibration: dict[str, np.ndarray] = {}
    if recover_pupil:
        inside = fourier.pupils(plan, np.array([0]), solver.z)[0, 0].abs() > 0
        solver.spectrum, pupil = remove_tilt(solver.spectrum, solver.aberration, inside)
        known = 1.0 if plan.pupil is None else plan.pupil
        calibration["pupil"] = pupil.cpu().numpy() * known
    if recover_gain:
        calibration["gains"] = (solver.gain**2 / (solver.gain**2).mean()).cpu().numpy()
    figures = {"relative_amplitude_error": solver.error(), "intensity_scale": measured.scale}
    about = {"kind": acquisition.kind}
    yield finished(field(), recipe, board, started, figures, calibration=calibration, about=about)


def _shrinking_passes(decay: float) -> int:
    """Passes whose step is below 1 and not yet too small."""
    count, step = 0, decay
    while step >= SMALLEST_STEP:
        count, step = count + 1, step * decay
    return count

"""Spatially coded Fourier ptychography: projections, then the microscope itself, then projections again.

A coded surface in front of the camera ties frames together whose apertures hardly overlap, so that few LEDs do.
Projections find the object within seconds; where pupil, LED directions, gains or the surface are to be found too, they
are learnt by gradient descent with the object, and projections through the microscope so found end it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterator
from typing import Literal

import numpy as np
import torch

from ... import compute
from ...data.acquisition import Acquisition, LedArray
from ...fields.planes import PlanesField
from ...forward import fourier, spatially_coded
from ...forward.led_grid import extent, flat_spectra, support
from ...forward.led_measurement import LedMeasurement
from ...optics.grids import centred_spectrum, fit_spectrum, image_of
from ...types import Event, Preview, Progress
from ..engine import checkpoint
from ..engine.fit_field import Counter, Fittable, draws, fit_field
from ..engine.preview_pace import PreviewPace
from ..engine.readings import LateNumbers
from ..engine.recipe import Recipe, method, option
from ..engine.sparsity import differences
from ..projection.coded_solver import CodedSolver
from ..projection.setup import depth_range, finished, known_depth

NOLL = (4, 5, 6, 7, 8, 11)  # defocus, astigmatism, coma, spherical
TREFOIL = (9, 10)
SHRINKING = (0.5, 0.25, 0.125, 0.0625)  # last steps: they average the LEDs' noise


class CodedFpmRecipe(Recipe):
    """Options of `coded-fpm`."""

    method: str = "coded-fpm"
    z_um: float | None = option(None, "depth of the sample; empty: as the file says, else in focus", unit="um")
    passes: int = option(30, "passes of projections over all LEDs", ge=1, le=10000)
    recover_pupil: bool = option(True, "learn the pupil's defocus, astigmatism, coma and spherical aberration")
    trefoil: bool = option(
        False, "learn the pupil's trefoil too; with few LEDs it is hardly told from coma", advanced=True
    )
    correct_directions: bool = option(False, "learn the direction of each LED")
    recover_gain: bool = option(False, "learn the brightness of each LED")
    surface: Literal["fixed", "profile", "full"] = option(
        "fixed", "the coded surface: as given; strength of its modulus and of its phase learnt; or every pixel of it"
    )
    steps: int = option(120, "steps in which the microscope is learnt", ge=1, le=100000, advanced=True)
    learning_rate: float = option(0.01, "largest change of a pixel per step", gt=0, le=1, advanced=True)
    sparsity: float = option(
        0.0, "weight of the object's total variation while it is learnt", ge=0, le=1, advanced=True
    )
    leds_per_step: int = option(9, "LEDs compared in each of these steps", ge=1, advanced=True)

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """The depth of an `acquisition`."""
        return {"z_um": known_depth(acquisition)}

    momentum: float = option(0.8, "share of the last pass's change added again", ge=0, lt=1, advanced=True)
    alpha: float = option(0.1, "regularisation of the projections' steps", gt=0, le=1, advanced=True)

    @property
    def learn(self) -> tuple[str, ...]:
        """What of the microscope is learnt, as `LedMeasurement` calls it."""
        wanted = {
            "pupil": self.recover_pupil,
            "directions": self.correct_directions,
            "gains": self.recover_gain,
            "profile": self.surface == "profile",
            "surface": self.surface == "full",
        }
        return tuple(name for name, asked in wanted.items() if asked)


@dataclasses.dataclass(frozen=True)
class Microscope:
    """The microscope as it is known.

    noll, zernike_rad : Zernike terms of the pupil and their coefficients, rad (term,).
    """

    acquisition: LedArray
    camera: spatially_coded.CodedCamera
    measured: fourier.LedFrames
    noll: tuple[int, ...]
    zernike_rad: torch.Tensor

    def pupils(self, leds: np.ndarray | None = None) -> torch.Tensor:
        """(led, y, x), complex."""
        chosen = np.arange(self.camera.frames) if leds is None else leds
        return spatially_coded.pupils(self.camera, chosen, noll=self.noll, zernike_rad=self.zernike_rad)

    def corrected(self, measurement: LedMeasurement) -> Microscope:
        """With what was learnt of it."""
        acquisition, moved = self.acquisition, measurement.shifts()
        with torch.no_grad():
            if moved is not None:
                na = np.asarray(acquisition.illumination_na) + moved.double().cpu().numpy()
                acquisition = acquisition.replace(illumination_na=na)
            camera = spatially_coded.camera_of(acquisition, self.camera.z_um, self.camera.device)
            surface = measurement.surface()
            camera = camera if surface is None else dataclasses.replace(camera, surface=surface)
            zernike = measurement.learnt["pupil"].detach() if measurement.noll else self.zernike_rad
            measured = dataclasses.replace(self.measured, gain=measurement.gains().sqrt())
        return Microscope(acquisition, camera, measured, self.noll, zernike)


@method("coded-fpm", CodedFpmRecipe, kinds=("led_array",))
def coded_fpm(acquisition: LedArray, recipe: CodedFpmRecipe) -> Iterator[Event]:
    """Fourier ptychography through a coded surface in front of the camera: few LEDs, pupil and directions found.

    `acquisition` is reconstructed as `recipe` says.
    """
    started = time.process_time()
    device = compute.device(recipe.device)
    z_um = depth_range(acquisition, known_depth(acquisition) if recipe.z_um is None else recipe.z_um)[0]
    camera = spatially_coded.camera_of(acquisition, z_um, device)
    measured = spatially_coded.measure(acquisition, camera)
    noll = NOLL + (TREFOIL if recipe.trefoil else ())
    microscope = Microscope(acquisition, camera, measured, noll, torch.zeros(len(noll), device=device))
    spectrum = flat_spectra(camera.plan, 1, device)[0]
    rounds = recipe.passes + len(SHRINKING)
    counter = Counter(camera.frames * rounds * (2 if recipe.learn else 1) + (recipe.steps if recipe.learn else 0))
    spectrum, error = yield from _projections(microscope, spectrum, recipe, counter)
    if recipe.learn:
        microscope, spectrum = yield from _learning(microscope, spectrum, recipe, counter)
        spectrum, error = yield from _projections(microscope, spectrum, recipe, counter)
    figures = {"relative_amplitude_error": error, "intensity_scale": measured.scale}
    arrays, about = _arrays(microscope, recipe.learn), {"upsampling": camera.upsampling}
    field = _field_of(microscope, spectrum)
    yield finished(field, recipe, microscope.acquisition, started, figures, calibration=arrays, about=about)


def _field_of(microscope: Microscope, spectrum: torch.Tensor) -> PlanesField:
    """The object as a field of one plane."""
    z = [microscope.camera.z_um]
    where = extent(microscope.acquisition, np.array(z))
    return PlanesField.from_spectra(spectrum[None], z, where, support(microscope.camera.plan), half=False)


def _projections(
    microscope: Microscope, spectrum: torch.Tensor, recipe: CodedFpmRecipe, counter: Counter
) -> Generator[Event, None, tuple[torch.Tensor, float]]:
    """Accelerated passes, then shrinking ones; returns the spectrum and the relative amplitude error."""
    camera = microscope.camera
    solver = CodedSolver(
        camera,
        microscope.measured,
        spectrum=spectrum.clone(),
        pupils=microscope.pupils(),
        kernels=spatially_coded.cached_kernels(camera),
        frames=np.arange(camera.frames),
        alpha=recipe.alpha,
    )
    pace = PreviewPace(lambda: Preview(_field_of(microscope, solver.spectrum), camera.z_um))
    steps, late, error = [1.0] * recipe.passes + list(SHRINKING), LateNumbers(), 1.0
    loop, begin = checkpoint.loop("projections"), 0
    if loop.found is not None:
        begin, counter.done, spectrum, solver.momentum = loop.found
        solver.spectrum.copy_(spectrum)

    def now() -> tuple[object, ...]:
        return number + 1, counter.done, solver.spectrum, solver.momentum

    number = begin - 1
    for number, step in enumerate(steps[begin:], begin):
        accelerate = step == 1.0 and number + 1 < recipe.passes
        sweep = solver.accelerated(recipe.momentum) if accelerate else solver.sweep(step)
        misfit = 0.0
        read = 0
        for count, norm in enumerate(sweep, 1):
            for (miss,) in late.take(norm, now=count == len(solver.order)):
                misfit, read = misfit + miss**2, read + 1
                error = (misfit / float(solver.energy[:read].sum())) ** 0.5
            counter.done += 1
            yield Progress(counter.done, counter.total, error, "projections")
        yield from pace.events()
        loop.reached(now)
    loop.ended(now)
    return solver.spectrum, solver.error()


def _learning(
    microscope: Microscope, spectrum: torch.Tensor, recipe: CodedFpmRecipe, counter: Counter
) -> Generator[Event, None, tuple[Microscope, torch.Tensor]]:
    """Object and microscope by gradient descent on the object's pixels; returns both."""
    camera = microscope.camera
    frames = torch.arange(camera.frames, device=camera.device)
    split = frames, frames[:0]
    measurement = LedMeasurement(
        microscope.acquisition, camera.z_um, recipe.learn, split, noll=microscope.noll, settles_gains=True
    )
    pixels = torch.view_as_real(image_of(spectrum)).contiguous().requires_grad_()

    def solved() -> torch.Tensor:
        whole = centred_spectrum(torch.view_as_complex(pixels.detach()))
        return fit_spectrum(whole, camera.plan.spectrum_shape)

    moving = Fittable(lambda _: torch.view_as_complex(pixels), [pixels], lambda: _field_of(microscope, solved()))
    random = np.random.default_rng(recipe.seed)
    yield from fit_field(
        moving,
        measurement,
        draws(measurement.train, recipe.steps, recipe.leds_per_step, random=random),
        rate=recipe.learning_rate,
        counter=counter,
        betas=(0.9, 0.99),
        regulariser=lambda image: recipe.sparsity * _mean_edges(image),
        what="microscope",
    )
    better = microscope.corrected(measurement)
    return better, fit_spectrum(solved(), better.camera.plan.spectrum_shape)


def _mean_edges(image: torch.Tensor) -> torch.Tensor:
    """Mean isotropic total variation of a complex image (y, x), its gradient finite where it is flat."""
    return torch.sqrt(torch.view_as_real(differences(image)).square().sum((0, -1)) + 1e-8).mean()


def _arrays(microscope: Microscope, learnt: tuple[str, ...]) -> dict[str, np.ndarray]:
    """What a result keeps of the microscope that was learnt."""
    found: dict[str, np.ndarray] = {}
    if "pupil" in learnt:
        nearest = np.argmin(np.hypot(*np.asarray(microscope.acquisition.illumination_na).T))
        found["pupil"] = microscope.pupils(np.array([nearest]))[0].cpu().numpy()
        found["zernike_noll"], found["zernike_rad"] = np.array(microscope.noll), microscope.zernike_rad.cpu().numpy()
    if "directions" in learnt:
        found["illumination_na"] = np.asarray(microscope.acquisition.illumination_na)
    if "gains" in learnt:
        gain = microscope.measured.gain.double() ** 2
        found["gains"] = (gain / gain.mean()).cpu().numpy()
    if {"profile", "surface"} & set(learnt):
        found["coded_surface"] = microscope.camera.surface.cpu().numpy()
    return found

"""Spatially coded Fourier ptychography: projections, then the microscope itself, then projections again.

A coded surface in front of the camera ties frames together whose apertures hardly overlap, so that few LEDs do.
Projections find the object within seconds; where pupil, LED directions, gains or the surface are to be found too, they
are learnt by gradient descent with the object, and projections through the microscope so found end it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterator
from typing import Any, Literal

import numpy as np
import torch

from ... import compute
from ...data.acquisition import LedArray
from ...fields.planes import PlanesField
from ...forward import fourier, spatially_coded
from ...optics.grids import fit_spectrum
from ...types import Done, Event, Preview, Progress, Result
from ..engine.preview_pace import PreviewPace
from ..engine.recipe import Recipe, method, option
from ..projection.coded_solver import CodedSolver
from ..projection.setup import depth_range, extent, flat_spectra, optics, support
from ..projection.solver import no_aberration
from .coded_pixels import CodedPixels

NOLL = (4, 5, 6, 7, 8, 11)  # defocus, astigmatism, coma, spherical
TREFOIL = (9, 10)
SHRINKING = (0.5, 0.25, 0.125, 0.0625)  # last steps: they average the LEDs' noise
Found = tuple["Microscope", torch.Tensor]


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
    momentum: float = option(0.8, "share of the last pass's change added again", ge=0, lt=1, advanced=True)
    alpha: float = option(0.1, "regularisation of the projections' steps", gt=0, le=1, advanced=True)

    @property
    def learn(self) -> tuple[str, ...]:
        """What of the microscope is learnt, as `CodedPixels` calls it."""
        wanted = {
            "zernike": self.recover_pupil,
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
    measured: fourier.MeasuredAmplitude
    noll: tuple[int, ...]
    zernike_rad: torch.Tensor

    def pupils(self, leds: np.ndarray | None = None) -> torch.Tensor:
        """(led, y, x), complex."""
        chosen = np.arange(self.camera.frames) if leds is None else leds
        return spatially_coded.pupils(self.camera, chosen, noll=self.noll, zernike_rad=self.zernike_rad)

    def corrected(self, pixels: CodedPixels) -> Microscope:
        """With what was learnt of it."""
        learnt, acquisition = pixels.learnt, self.acquisition
        with torch.no_grad():
            if "directions" in learnt:
                moved = learnt["directions"].double().cpu().numpy()
                acquisition = acquisition.replace(illumination_na=np.asarray(acquisition.illumination_na) + moved)
            camera = spatially_coded.camera_of(acquisition, self.camera.z_um, self.camera.device)
            camera = dataclasses.replace(camera, surface=pixels.surface().detach())
            zernike = learnt["zernike"].detach() if "zernike" in learnt else self.zernike_rad
            measured = dataclasses.replace(self.measured, gain=pixels.gains().detach())
        return Microscope(acquisition, camera, measured, self.noll, zernike)


@method("coded-fpm", CodedFpmRecipe, kinds=("led_array",))
def coded_fpm(acquisition: LedArray, recipe: CodedFpmRecipe) -> Iterator[Event]:
    """Fourier ptychography through a coded surface in front of the camera: few LEDs, pupil and directions found."""
    started = time.process_time()
    device = compute.device(recipe.device)
    z_um = depth_range(acquisition, (acquisition.sample_z_um or 0.0) if recipe.z_um is None else recipe.z_um)[0]
    camera = spatially_coded.camera_of(acquisition, z_um, device)
    measured = spatially_coded.measure(acquisition, camera)
    noll = NOLL + (TREFOIL if recipe.trefoil else ())
    microscope = Microscope(acquisition, camera, measured, noll, torch.zeros(len(noll), device=device))
    spectrum = flat_spectra(camera.plan, 1, device)[0]
    rounds = recipe.passes + len(SHRINKING)
    total = camera.frames * rounds * (2 if recipe.learn else 1) + (recipe.steps if recipe.learn else 0)
    spectrum, error = yield from projections(microscope, spectrum, recipe, (0, total))
    if recipe.learn:
        first = camera.frames * rounds
        microscope, spectrum = yield from learning(microscope, spectrum, recipe, (first, total))
        spectrum, error = yield from projections(microscope, spectrum, recipe, (first + recipe.steps, total))
    figures = {
        "relative_amplitude_error": error,
        "intensity_scale": measured.scale,
        "cpu_seconds": time.process_time() - started,
    }
    about = optics(microscope.acquisition) | {"upsampling": camera.upsampling}
    calibration = arrays(microscope, recipe.learn)
    yield Done(
        Result(field_of(microscope, spectrum), recipe.model_dump(), about, calibration, figures, acquisition.title)
    )


def field_of(microscope: Microscope, spectrum: torch.Tensor) -> PlanesField:
    """The object as a field of one plane."""
    z = [microscope.camera.z_um]
    where = extent(microscope.acquisition, np.array(z))
    return PlanesField.from_spectra(spectrum[None], z, where, support(microscope.camera.plan), half=False)


def projections(
    microscope: Microscope, spectrum: torch.Tensor, recipe: CodedFpmRecipe, progress: tuple[int, int]
) -> Generator[Event, None, tuple[torch.Tensor, float]]:
    """Accelerated passes, then shrinking ones; returns the spectrum and the relative amplitude error."""
    camera = microscope.camera
    solver = CodedSolver(
        camera,
        microscope.measured,
        spectrum.clone(),
        microscope.pupils(),
        spatially_coded.cached_kernels(camera),
        np.arange(camera.frames),
        recipe.alpha,
    )
    pace = PreviewPace(lambda: Preview(field_of(microscope, solver.spectrum), camera.z_um))
    done, total = progress
    steps = [1.0] * recipe.passes + list(SHRINKING)
    for number, step in enumerate(steps):
        accelerate = step == 1.0 and number + 1 < recipe.passes
        sweep = solver.accelerated(recipe.momentum) if accelerate else solver.sweep(step)
        misfit = 0.0
        for count, value in enumerate(sweep):
            misfit += value
            done += 1
            yield Progress(done, total, (misfit / float(solver.energy[: count + 1].sum())) ** 0.5, "projections")
        yield from pace.events()
    return solver.spectrum, solver.error()


def learning(
    microscope: Microscope, spectrum: torch.Tensor, recipe: CodedFpmRecipe, progress: tuple[int, int]
) -> Generator[Event, None, Found]:
    """Object and microscope by gradient descent; returns both."""
    camera = microscope.camera
    ones = no_aberration(camera.plan, camera.device)
    pixels = CodedPixels(camera, microscope.measured, spectrum, recipe.learn, microscope.noll, ones)
    random = np.random.default_rng(recipe.seed)
    pace = PreviewPace(lambda: Preview(field_of(microscope, pixels.final_spectrum()), camera.z_um))
    done, total = progress
    every = np.arange(camera.frames)
    for number, error in enumerate(
        pixels.steps(every, recipe.steps, recipe.learning_rate, recipe.sparsity, recipe.leds_per_step, random)
    ):
        yield Progress(done + number + 1, total, error, "microscope")
        yield from pace.events()
    better = microscope.corrected(pixels)
    return better, fit_spectrum(pixels.final_spectrum(), better.camera.plan.spectrum_shape)


def arrays(microscope: Microscope, learnt: tuple[str, ...]) -> dict[str, Any]:
    """What a result keeps of the microscope that was learnt."""
    found: dict[str, Any] = {}
    if "zernike" in learnt:
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

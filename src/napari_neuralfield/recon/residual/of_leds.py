"""Residual neural fields for LED arrays: Fourier ptychography, conventional and behind a coded surface."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator

import numpy as np
import torch

from ... import compute
from ...compute import COMPLEX
from ...data.acquisition import LedArray
from ...fields.residual import ResidualField
from ...forward import fourier
from ...forward.led_measurement import LedMeasurement
from ...optics.grids import centred_spectrum, fit_spectrum, image_of, resample
from ...optics.pupil import aperture, defocus
from ...registry import METHODS
from ...types import Done, Event, Result
from ..engine.recipe import build
from ..patterns.linear import Pupil, dpc_phase, half_circles
from ..projection.setup import depth_range, finished, first_look, known_depth
from .fit import ResidualFit, image_from_file
from .recipe import ResidualRecipe, loss_of, network_options

FIRST_TERM = 4  # Noll: piston and tilts cannot be told from the object
COVERED = 0.05  # bins of the spectrum seen by less than this share of the LEDs count as seen by so many


def residual_of_leds(acquisition: LedArray, recipe: ResidualRecipe) -> Iterator[Event]:
    """Of an LED array: with pupil, LED directions, brightness, ambient light and coded surface learnt alongside.

    `acquisition` is reconstructed as `recipe` says.
    """
    started = time.process_time()
    device = compute.device(recipe.device)
    z_um = depth_range(acquisition, known_depth(acquisition) if recipe.z_um is None else recipe.z_um)[0]
    split = _split_of(acquisition.frame_count, recipe, device)
    if acquisition.coded_surface is None:
        yield first_look(acquisition, np.array([z_um]))
    found = None
    if recipe.prior in ("auto", "classical"):
        found = yield from _classical(acquisition, recipe, z_um, split[0].cpu().numpy())
    measurement = _measurement_of(acquisition, recipe, z_um, split, found)
    field = ResidualField(extent=measurement.extent, **network_options(recipe))
    field.start(compute.seed(recipe.seed))
    field.to(device)
    if recipe.prior == "none":
        field.start_alone(compute.seed(recipe.seed))
    else:
        field.set_prior(measurement.matched(prior_of(measurement, recipe, found)))
    fit = ResidualFit(field, measurement, recipe, loss=loss_of(recipe, acquisition.wavelength_um))
    yield from fit.network()
    yield from fit.pixels()
    image = field.at_pixels().detach()
    field.set_prior(field.prior + measurement.seen(image) - image)  # what no LED shows, the network only guesses
    yield _finished(measurement, field, recipe, started)


def _split_of(count: int, recipe: ResidualRecipe, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames that are used, and frames left out to be predicted."""
    frames = torch.arange(count, device=device)
    every = recipe.hold_out or count + 1
    out = (frames % every == every - 1) | (frames % recipe.use_every != 0)
    return frames[~out], frames[out]


def _measurement_of(
    acquisition: LedArray,
    recipe: ResidualRecipe,
    z_um: float,
    split: tuple[torch.Tensor, torch.Tensor],
    found: Result | None,
) -> LedMeasurement:
    """The microscope with what is learnt of it, from what a classical answer says of its pupil and LEDs on."""
    learn = [name for name in ("directions", "background") if getattr(recipe, f"learn_{name}")]
    learn += [name for name, asked in _unknown(acquisition, recipe).items() if asked]
    if recipe.surface_profile or recipe.update_probe:
        learn.append("profile" if recipe.surface_profile else "surface")
    known = {} if found is None else found.calibration
    if "illumination_na" in known:
        learn.remove("directions")  # as found with a sharp aperture
        na = np.array(acquisition.illumination_na)
        na[split[0].cpu().numpy()] = known["illumination_na"]
        acquisition = acquisition.replace(illumination_na=na)
    factor, margin = None, 0.0
    if found is not None and "pupil" in known and acquisition.coded_surface is None:
        margin = found.figures.get("pupil_margin", 0.0)
        given = fourier.windows(acquisition, margin=margin).pupil
        given = np.ones(1) if given is None else given
        factor = known["pupil"] * given.conj() / np.maximum(np.abs(given) ** 2, 1e-12)
    noll = tuple(range(FIRST_TERM, FIRST_TERM + recipe.pupil_terms))
    measurement = LedMeasurement(acquisition, z_um, learn, split, noll=noll, factor=factor, margin=margin)
    if "gains" in known:
        before = measurement.gain[split[0]]
        share = torch.ones_like(measurement.gain)
        share[split[0]] = torch.as_tensor(known["gains"]).to(before) * before.mean() / before
        measurement.gain *= share[measurement.like]
    if "zernike_rad" in known and "pupil" in measurement.learnt:
        with torch.no_grad():
            for term, value in zip(known["zernike_noll"], known["zernike_rad"], strict=True):
                if term in measurement.noll:
                    measurement.learnt["pupil"][measurement.noll.index(term)] = float(value)
    return measurement


def _unknown(acquisition: LedArray, recipe: ResidualRecipe) -> dict[str, bool]:
    """Whether pupil and brightness of the LEDs are learnt: where the recipe leaves it open, what the file lacks."""
    plain = acquisition.coded_surface is None
    return {
        "pupil": acquisition.pupil is None if recipe.learn_pupil is None else recipe.learn_pupil,
        "gains": plain and acquisition.exposure is None if recipe.learn_gains is None else recipe.learn_gains,
    }


def _classical(
    acquisition: LedArray, recipe: ResidualRecipe, z_um: float, used: np.ndarray
) -> Generator[Event, None, Result]:
    """What projections make of the frames that are used."""
    coded = acquisition.coded_surface is not None
    learnt = _unknown(acquisition, recipe)
    values = {"z_um": z_um, "device": recipe.device}
    values |= {"recover_pupil": learnt["pupil"], "recover_gain": learnt["gains"]}
    plain = {"check_orientation": False, "half": False, "flat_light": False}  # a fit to the frames follows
    values |= {"correct_directions": recipe.learn_directions} if coded else plain
    name = "coded-fpm" if coded else "fpm-sequential"
    for event in METHODS[name].run(acquisition.subset(used), build(name, values)):
        if isinstance(event, Done):
            return event.result
        yield event
    raise AssertionError("a reconstruction ends with Done")


def prior_of(measurement: LedMeasurement, recipe: ResidualRecipe, found: Result | None) -> torch.Tensor:
    """The image (y, x) that the network adds to, as bright as it is.

    Parameters
    ----------
    measurement : for grid, device and frames.
    recipe : which prior is wanted.
    found : what projections made of the frames; None where they were not asked.
    """
    shape, device = measurement.extent.shape, measurement.amplitude.device
    if found is not None:
        y, x = measurement.extent.axes()
        return found.field.render([measurement.extent.z_um[0]], y, x)[0].to(device, COMPLEX)
    if recipe.prior == "file":
        return image_from_file(recipe.prior_file, shape).to(device)
    if recipe.prior == "dpc":
        phase = resample(_phase_contrast(measurement), shape)
        return torch.polar(torch.ones_like(phase), phase)
    flat = torch.ones(shape, dtype=COMPLEX, device=device)
    return _back_propagated(measurement, flat) if recipe.prior == "back-propagation" else flat


@torch.no_grad()
def _phase_contrast(measurement: LedMeasurement) -> torch.Tensor:
    """Phase (y, x) on the frames' own pixels, from the bright-field frames on either side of the axis."""
    plan = measurement.plan
    used = measurement.train.cpu().numpy()
    na = np.asarray(measurement.acquisition.illumination_na)[used]
    sides = half_circles(na, measurement.acquisition.objective_na)
    left, right = (torch.as_tensor(side, device=measurement.z.device) for side in sides)
    level, floor = measurement.gain[used], measurement.floor[used, None, None]
    light = measurement.amplitude[used].square() - floor
    return dpc_phase(
        torch.einsum("pl,lyx->pyx", left, light),
        torch.einsum("pl,lyx->pyx", right, light),
        left * level,
        right * level,
        na,
        pixel_um=(1 / (plan.bin[0] * plan.image_shape[0]), 1 / (plan.bin[1] * plan.image_shape[1])),
        wavelength_um=plan.wavelength_um,
        pupil=_pupil_of(measurement),
    )


def _pupil_of(measurement: LedMeasurement) -> Pupil:
    """Aperture and defocus of the microscope at any frequencies, and its measured pupil between its bins."""
    plan = measurement.plan
    known = None if plan.pupil is None else torch.view_as_real(torch.as_tensor(plan.pupil, device=measurement.z.device))

    def pupil(fy: torch.Tensor, fx: torch.Tensor) -> torch.Tensor:
        fy, fx = torch.broadcast_tensors(fy, fx)
        passed = aperture(fy, fx, plan.cutoff) * defocus(fy, fx, plan.wavelength_um, measurement.z[0])
        if known is None:
            return passed
        axes = zip((fx, fy), plan.bin[::-1], plan.box[::-1], strict=True)
        place = torch.stack([f / step / (n // 2) for f, step, n in axes], -1).reshape(1, 1, -1, 2).to(known)
        read = torch.nn.functional.grid_sample(known.permute(2, 0, 1)[None], place, align_corners=True)
        return passed * torch.complex(*read[0, :, 0]).reshape(fy.shape)

    return pupil


def _back_propagated(measurement: LedMeasurement, flat: torch.Tensor) -> torch.Tensor:
    """Image (y, x): bright-field amplitudes with the phases of an empty sample, carried back and averaged."""
    na = np.hypot(*np.asarray(measurement.acquisition.illumination_na).T)
    bright = measurement.train[torch.as_tensor(na < measurement.acquisition.objective_na)[measurement.train]]
    image = measurement.matched(flat).requires_grad_()
    slope = torch.zeros_like(flat)
    light = torch.zeros(measurement.plan.spectrum_shape, device=flat.device)
    rows, columns = measurement.plan.box
    for part in bright.split(16):
        amplitude = measurement.amplitude[part]
        misfit = (torch.sqrt(measurement.predict(image, part)) - amplitude).square().sum() / 2
        slope += torch.autograd.grad(misfit, image)[0]
        with torch.no_grad():
            passed = measurement.pupils(part.cpu().numpy()).abs().square()
        for (y, x), square in zip(measurement.plan.corner[part.cpu().numpy()], passed, strict=True):
            light[y : y + rows, x : x + columns] += square
    share = measurement.amplitude[0].numel() / flat.numel()
    change = fit_spectrum(centred_spectrum(slope), measurement.plan.spectrum_shape) / share
    change = change / light.clamp(min=COVERED * float(light.max()))
    return image.detach() - image_of(fit_spectrum(change, measurement.extent.shape))


def _finished(measurement: LedMeasurement, field: ResidualField, recipe: ResidualRecipe, started: float) -> Done:
    """Field, what was learnt of the microscope, `frame_error` (frame,), and errors of used and held-out frames."""
    misfit, energy = measurement.frame_error(field.at_pixels().detach())
    used, held = measurement.train.cpu().numpy(), measurement.held.cpu().numpy()
    figures = {
        "relative_amplitude_error": float(np.sqrt(misfit[used].sum() / energy[used].sum())),
        "intensity_scale": measurement.scale,
    }
    if len(held):
        figures["held_out_error"] = float(np.sqrt(misfit[held].sum() / energy[held].sum()))
    arrays = {"illumination_na": np.asarray(measurement.acquisition.illumination_na)} if recipe.learn_directions else {}
    arrays |= measurement.calibration() | {"frame_error": np.sqrt(misfit / np.maximum(energy, 1e-30))}
    about = {} if measurement.camera is None else {"upsampling": measurement.camera.upsampling}
    return finished(field, recipe, measurement.acquisition, started, figures, calibration=arrays, about=about)

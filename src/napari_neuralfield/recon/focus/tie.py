"""Phase by the transport of intensity: frames at two depths or more, no network, a fraction of a second.

`tie-fft` answers at once, with a cut-off from the noise; `tie-dct` goes on by iterations, in which the phase gets as
few edges as the frames allow and uneven absorption is taken into account. See `transport`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np
import torch

from ...checks.through_focus import distinct_planes
from ...data.acquisition import Acquisition, ThroughFocus
from ...data.brightness import Brightness, evened
from ...data.frames import evenly_chosen
from ...fields.phase_map import PhaseMap
from ...types import Done, Event, InputError, Note, Preview, Progress, Result
from ..engine import checkpoint
from ..engine.recipe import method, option
from .chromatic import align_stacks
from .each_time import TimedRecipe, each_time
from .frames import noise_of, optics_of, refuse_small
from .phase_spectrum import PhaseSpectrum, phase_spectrum
from .report import DefocusReport, explain, middle
from .sign import sign_of
from .transport import Kernel, Transport, cosine_frequencies, cosines, from_cosines
from .transport_edges import STEPS, edge_weight, fewest_edges

FINER = 4  # pixels of the result per camera pixel
LARGEST = 2**26  # pixels of a result that is made finer without being asked
AGAIN = 20  # steps of the rounds after the first, which begin where the last one ended
SLOW_RIDGE = 0.1  # of Wiener's ridge, on slow phase that noise hides: few edges alone let it grow without bound
PATIENCE = 1e-3  # share by which the residual must fall for iterations to go on
LOOKED_AT = 192  # frame pixels along a side, in the middle, that are simulated again
PLANES = 5  # of them, at most
FINEST = 4  # pixels per frame pixel there, at most
CUTOFF = option(
    None, "frequency at which half of the phase is kept, lower ones fade; empty: from the noise",
    unit="cycles/um", gt=0, le=100,
)  # fmt: skip
KERNEL = option("ctf", "ctf: exact for weak phase at any depth; tie: the slope of intensity through focus")
BRIGHTNESS = option("frame", "off; frame: each over its mean; slow: divide by light that varies slowly, too")
UPSAMPLING = option(
    None, f"pixels of the result per camera pixel and axis; empty: {FINER}", ge=1, le=16, advanced=True
)  # fmt: skip


class TieFftRecipe(TimedRecipe):
    """Options of `tie-fft`."""

    method: str = "tie-fft"
    cutoff_cycles_per_um: float | None = CUTOFF
    kernel: Kernel = KERNEL
    brightness: Brightness = BRIGHTNESS
    upsampling: int | None = UPSAMPLING

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """The pixels of the result of an `acquisition`."""
        return {**super().automatic(acquisition), "upsampling": _finer(acquisition)}


class TieDctRecipe(TimedRecipe):
    """Options of `tie-dct`."""

    method: str = "tie-dct"
    iterations: int = option(4, "rounds, each with the last one's residual; fewer where it stops falling", ge=1, le=100)
    cutoff_cycles_per_um: float | None = CUTOFF
    kernel: Kernel = KERNEL
    brightness: Brightness = BRIGHTNESS
    edges: float | None = option(
        None, "weight of the phase's edges, per radian; 0: none; empty: from noise and phase", ge=0, advanced=True
    )
    upsampling: int | None = UPSAMPLING

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """The pixels of the result of an `acquisition`."""
        return {**super().automatic(acquisition), "upsampling": _finer(acquisition)}


def _finer(acquisition: Acquisition) -> int:
    """Pixels of the result per camera pixel and axis where the user leaves that open."""
    return FINER if math.prod(acquisition.frame_shape) * FINER**2 <= LARGEST else 1


@method("tie-fft", TieFftRecipe, kinds=("through_focus",), colour=align_stacks)
@each_time
def tie_fft(acquisition: ThroughFocus, recipe: TieFftRecipe) -> Iterator[Event]:
    """Transport of intensity by Fourier transforms: phase at once, from two depths or more.

    `acquisition`: frames at those depths; `recipe`: cut-off and kernel.
    """
    started = time.process_time()
    transport, spectrum = _prepared(acquisition, recipe)
    yield Note(_chosen(spectrum, recipe.cutoff_cycles_per_um))
    sample = transport.solve(_ridge(transport, spectrum, recipe.cutoff_cycles_per_um))
    yield Progress(1, 1, math.nan, "Fourier transforms")
    sample[0] = auxiliary(transport, sample)
    yield from _finished(acquisition, recipe, transport, spectrum, sample, started=started)


@method("tie-dct", TieDctRecipe, kinds=("through_focus",), colour=align_stacks)
@each_time
def tie_dct(acquisition: ThroughFocus, recipe: TieDctRecipe) -> Iterator[Event]:
    """Transport of intensity by iterated cosine transforms: phase of few edges, from two depths or more.

    `acquisition`: frames at those depths; `recipe`: rounds, weight of edges, cut-off and kernel.
    """
    started = time.process_time()
    transport, spectrum = _prepared(acquisition, recipe)
    yield Note(_chosen(spectrum, recipe.cutoff_cycles_per_um))
    ridge = _ridge(transport, spectrum, recipe.cutoff_cycles_per_um)
    sample = transport.solve(ridge)
    yield Preview(_map(transport, sample, acquisition.pixel_um), 0.0)
    weight = edge_weight(transport, sample) if recipe.edges is None else recipe.edges
    faded = transport.f < (recipe.cutoff_cycles_per_um or spectrum.cutoff)
    slow = np.where(faded, SLOW_RIDGE * ridge, 0).astype(np.float32)
    best, least, contrast = sample, math.inf, transport.contrast
    total, before = STEPS + (recipe.iterations - 1) * AGAIN, 0
    loop, begin = checkpoint.loop("rounds"), 0
    if loop.found is not None:
        begin, sample, best, least, contrast, before = loop.found

    def now() -> tuple[object, ...]:
        return number + 1, sample, best, least, contrast, before

    for number in range(begin, recipe.iterations):
        steps = AGAIN if number else STEPS
        if weight > 0:
            fewest = fewest_edges(transport, spectrum.noise, sample, weight, ridge=slow, contrast=contrast, steps=steps)
            for found, done in fewest:
                sample = found
                yield Progress(before + done, total, least if number else math.nan, "steps")
        else:
            sample = transport.solve(ridge, contrast)
        before += steps
        uneven = unevenness(transport, sample)
        residual = transport.misfit(sample, transport.contrast - uneven)
        yield Progress(before, total, residual, "steps")
        if not residual < least * (1 - PATIENCE):
            break
        best, least, contrast = sample, residual, transport.contrast - uneven
        loop.reached(now)
    yield from _finished(acquisition, recipe, transport, spectrum, best, started=started)


def _prepared(acquisition: ThroughFocus, recipe: TieFftRecipe | TieDctRecipe) -> tuple[Transport, PhaseSpectrum]:
    """The measurement in the order of depth, and what noise and phase its frames hold.

    Raises
    ------
    InputError : where there are fewer than two depths, frames are tiny, dark or not finite, or the file asks for a
        cut-off that its frames cannot hold.
    """
    order = distinct_planes(acquisition)
    where = acquisition.source or "the acquisition"
    refuse_small(acquisition, "the transport of intensity")
    nyquist = 1 / (2 * acquisition.pixel_um)
    if recipe.cutoff_cycles_per_um is not None and recipe.cutoff_cycles_per_um > nyquist:
        raise InputError(
            f"option cutoff_cycles_per_um is {recipe.cutoff_cycles_per_um:g}; pixels of {acquisition.pixel_um:g} um "
            f"hold frequencies up to {nyquist:.3g}, and about 2 over the size of a cell in um is sensible"
        )
    frames = evened(acquisition.intensity(order), recipe.brightness, where)
    even = acquisition.subset(order).replace(frames=frames)
    transport = Transport(frames, np.asarray(even.z_um), even, recipe.kernel)
    return transport, phase_spectrum(transport, noise_of(frames))


def _ridge(transport: Transport, spectrum: PhaseSpectrum, cutoff: float | None) -> np.ndarray | float:
    """What keeps noise out of the phase: Wiener's ridge, or Tikhonov's of the cut-off that is asked for."""
    return spectrum.ridge(transport.f).astype(np.float32) if cutoff is None else transport.slope_ridge(cutoff)


def _chosen(spectrum: PhaseSpectrum, cutoff: float | None) -> str:
    """Which frequencies are kept and why, in one sentence."""
    noise = f"a pixel's noise is {math.sqrt(spectrum.noise):.2g} of the light"
    if cutoff is not None:
        return f"phase fades below {cutoff:g} cycles/um, as asked; {noise}, for which {spectrum.cutoff:.2g} is sensible"
    told = f"phase fades below {spectrum.cutoff:.2g} cycles/um (details larger than {0.5 / spectrum.cutoff:.3g} um)"
    return f"{told}, because {noise} and says more than the phase there"


def auxiliary(transport: Transport, sample: np.ndarray) -> np.ndarray:
    """Spectrum of the phase (Y, X) where the light is uneven: Teague's auxiliary function.

    The solution psi of even light is one of -k dI/dz = laplace(psi), grad psi = I grad phase; so
    laplace(phase) = div(grad psi / I). M. R. Teague, J. Opt. Soc. Am. 73, 1434 (1983), eq. 15.

    Parameters
    ----------
    transport : whose solution `sample` is, spectra of phase, rad, and absorption (2, Y, X).
    """
    light = transport.focused(sample)
    light = light / light[transport.seen].mean()
    psi = from_cosines(sample[0])
    y, x = np.gradient(psi)
    extra = _divergence(y * (1 / light - 1), x * (1 / light - 1))
    f = cosine_frequencies(transport.shape, 1.0)
    laplace = -((2 * np.pi * f) ** 2)
    laplace[0, 0] = np.inf
    return np.asarray(sample[0] + cosines(extra) / laplace, np.float32)


def unevenness(transport: Transport, sample: np.ndarray) -> np.ndarray:
    """What uneven light at focus adds to the contrast of even light (plane, Y, X): -z / k div((I - 1) grad phase).

    Beyond the reach of that straight line, it bends as the transfer of phase does. `transport` and `sample` as in
    `auxiliary`.
    """
    light = transport.focused(sample)
    light = light / light[transport.seen].mean() - 1
    y, x = np.gradient(from_cosines(sample[0]), transport.acquisition.pixel_um)
    change = cosines(-_divergence(light * y, light * x) / transport.acquisition.pixel_um)
    slope = (2 * np.pi * transport.f) ** 2
    slope[0, 0] = np.inf
    return from_cosines((transport.phase * (change / slope)).astype(np.float32))


def _divergence(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.gradient(y, axis=0) + np.gradient(x, axis=1)


def _map(transport: Transport, sample: np.ndarray, pixel_um: float, factor: int = 1) -> PhaseMap:
    """The phase of spectra (2, Y, X) on pixels `factor` finer than those of the camera, mean 0."""
    phase = transport.cut(sample[0], factor)
    phase -= phase.mean()
    step = pixel_um / factor
    corner = -(factor - 1) / 2 * step  # a camera pixel is the mean over its finer ones
    return PhaseMap.from_grid(phase, 0.0, step, (corner, corner))


def _finished(
    acquisition: ThroughFocus,
    recipe: TieFftRecipe | TieDctRecipe,
    transport: Transport,
    spectrum: PhaseSpectrum,
    sample: np.ndarray,
    *,
    started: float,
) -> Iterator[Event]:
    """Field, its frames simulated again, and what there is to say."""
    factor = recipe.upsampling or _finer(acquisition)
    field = _map(transport, sample, acquisition.pixel_um, factor)
    yield Preview(field, 0.0)
    again = _simulated_again(transport, sample, math.sqrt(spectrum.noise))
    yield Note(again.sentence, "info" if again.level == "green" else "warning")
    sign = sign_of(transport.cut(sample[0]))
    if sign.sentence:
        yield Note(sign.sentence, sign.level)
    figures = again.figures | {
        "cutoff_cycles_per_um": recipe.cutoff_cycles_per_um or spectrum.cutoff,
        "frame_noise": math.sqrt(spectrum.noise),
        "planes": float(len(transport.z_um)),
        "cpu_seconds": time.process_time() - started,
    }
    about = {
        "kind": acquisition.kind,
        **optics_of(acquisition),
        "frames": acquisition.frame_count,
        "frame_shape": list(acquisition.frame_shape),
        "z_um": [float(z) for z in acquisition.z_um],
        "sign_of_defocus": sign.told,
    }
    yield Done(Result(field, recipe.model_dump(), about, figures=figures, title=acquisition.title))


def _simulated_again(transport: Transport, sample: np.ndarray, noise: float) -> DefocusReport:
    """Phase and absorption (2, Y, X) under the microscope again, nothing linearised, in the middle of some planes."""
    acquisition = transport.acquisition
    aperture = acquisition.objective_na + acquisition.condenser_na
    factor = int(np.clip(math.ceil(2 * aperture * acquisition.pixel_um / acquisition.wavelength_um), 1, FINEST))
    box = middle(acquisition.frame_shape, LOOKED_AT)
    fine = tuple(slice(part.start * factor, part.stop * factor) for part in box)
    phase, absorption = (torch.from_numpy(np.ascontiguousarray(transport.cut(part, factor)[fine])) for part in sample)
    planes = evenly_chosen(acquisition.frame_count, PLANES).tolist()
    return explain(acquisition.crop(*box), phase, planes, upsampling=factor, absorption=absorption, noise=noise)

"""Phase by the transport of intensity: frames at two depths or more, no network, a fraction of a second.

`tie-fft` answers at once, with a cut-off from the noise. What it shares with `tie-dct` and `tie-tv` is here too: the
options, how frames are made ready, and how an answer is held against them. The physics is in `transport`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
import torch

from ...checks.through_focus import distinct_planes
from ...data.acquisition import Acquisition, ThroughFocus
from ...data.brightness import Brightness, evened
from ...data.frames import evenly_chosen
from ...fields.phase_map import PhaseMap
from ...types import Done, Event, InputError, Note, Preview, Progress, Result
from ..engine.recipe import method, option
from ..engine.told import kept_rad
from .chromatic import align_stacks
from .each_time import TimedRecipe, each_time
from .frames import noise_of, optics_of, refuse_small
from .report import DefocusReport, explain, middle
from .sign import sign_of
from .transport.linear import MARGIN, Kernel, Transport
from .transport.phase_spectrum import PhaseSpectrum, phase_spectrum
from .transport.teague import auxiliary
from .trust import of_transport

FINER = 4  # pixels of the result per camera pixel
LARGEST = 2**26  # pixels of a result that is made finer without being asked
LOOKED_AT = 192  # frame pixels along a side, in the middle, that are simulated again
PLANES = 5  # of them, at most
FINEST = 4  # pixels per frame pixel there, at most
WITHIN = 0.89  # of what is left open: holds 68 % of the errors of `tie-fft`, on foreign samples
NO_MORE: Mapping[str, float] = MappingProxyType({})
CUTOFF = option(
    None, "frequency at which half of the phase is kept, lower ones fade; empty: from the noise",
    unit="cycles/um", gt=0, le=100,
)  # fmt: skip
KERNEL = option("ctf", "ctf: exact for weak phase at any depth; tie: the slope of intensity through focus")
BRIGHTNESS = option("frame", "off; frame: each over its mean; slow: divide by light that varies slowly, too")


class TransportRecipe(TimedRecipe):
    """What the methods by transport of intensity share; those that name an option again show it first."""

    cutoff_cycles_per_um: float | None = CUTOFF
    brightness: Brightness = BRIGHTNESS
    upsampling: int | None = option(
        None, f"pixels of the result per camera pixel and axis; empty: {FINER}", ge=1, le=16, advanced=True
    )

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """The pixels of the result of an `acquisition`."""
        return {**super().automatic(acquisition), "upsampling": _finer(acquisition)}


class TieFftRecipe(TransportRecipe):
    """Options of `tie-fft`."""

    method: str = "tie-fft"
    cutoff_cycles_per_um: float | None = CUTOFF
    kernel: Kernel = KERNEL
    brightness: Brightness = BRIGHTNESS


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
    transport, spectrum = prepared(acquisition, recipe, recipe.kernel)
    yield Note(chosen(spectrum, recipe.cutoff_cycles_per_um))
    sample = transport.solve(ridge_of(transport, spectrum, recipe.cutoff_cycles_per_um))
    yield Progress(1, 1, math.nan, "Fourier transforms")
    sample[0] = auxiliary(transport, sample)
    yield from finished(acquisition, recipe, transport, spectrum, sample, within=WITHIN, started=started)


def prepared(
    acquisition: ThroughFocus, recipe: TransportRecipe, kernel: Kernel, margin: int = MARGIN
) -> tuple[Transport, PhaseSpectrum]:
    """The measurement in the order of depth, and what noise and phase its frames hold.

    Parameters
    ----------
    acquisition, recipe : frames; their brightness, and a cut-off.
    kernel, margin : as of `Transport`.

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
    transport = Transport(frames, np.asarray(even.z_um), even, kernel, margin)
    return transport, phase_spectrum(transport, noise_of(frames))


def ridge_of(transport: Transport, spectrum: PhaseSpectrum, cutoff: float | None) -> np.ndarray | float:
    """What keeps noise out of the phase: Wiener's ridge (Y, X), or Tikhonov's of the cut-off that is asked for.

    Parameters
    ----------
    transport, spectrum : the frames, and what noise and phase they hold.
    cutoff : cycles/um; None: from the noise.
    """
    return spectrum.ridge(transport.f).astype(np.float32) if cutoff is None else transport.slope_ridge(cutoff)


def chosen(spectrum: PhaseSpectrum, cutoff: float | None) -> str:
    """Which frequencies are kept and why, in one sentence; `spectrum` and `cutoff` as in `ridge_of`."""
    noise = f"a pixel's noise is {math.sqrt(spectrum.noise):.2g} of the light"
    if cutoff == 0:
        return (
            f"all phase is kept, as asked; {noise}, for which a cut-off of {spectrum.cutoff:.2g} cycles/um is sensible"
        )
    if cutoff is not None:
        return f"phase fades below {cutoff:g} cycles/um, as asked; {noise}, for which {spectrum.cutoff:.2g} is sensible"
    told = f"phase fades below {spectrum.cutoff:.2g} cycles/um (details larger than {0.5 / spectrum.cutoff:.3g} um)"
    return f"{told}, because {noise} and says more than the phase there"


def phase_map(transport: Transport, sample: np.ndarray, pixel_um: float, factor: int = 1) -> PhaseMap:
    """The phase of spectra on pixels finer than those of the camera, mean 0.

    Parameters
    ----------
    transport, sample : the frames; spectra of phase, rad, and absorption (2, Y, X).
    pixel_um, factor : of the camera, and how many times finer.
    """
    phase = transport.cut(sample[0], factor)
    phase -= phase.mean()
    step = pixel_um / factor
    corner = -(factor - 1) / 2 * step  # a camera pixel is the mean over its finer ones
    return PhaseMap.from_grid(phase, 0.0, step, (corner, corner))


def finished(
    acquisition: ThroughFocus,
    recipe: TransportRecipe,
    transport: Transport,
    spectrum: PhaseSpectrum,
    sample: np.ndarray,
    *,
    within: float,
    started: float,
    more: Mapping[str, float] = NO_MORE,
) -> Iterator[Event]:
    """Field, its frames simulated again, and what there is to say.

    Parameters
    ----------
    acquisition, recipe : frames and options.
    transport, spectrum : what was made of them.
    sample : spectra of phase, rad, and absorption (2, Y, X).
    within : times what the frames leave open of the phase, an interval that holds 68 % of its errors.
    started : processor's time at the beginning, s.
    more : figures of the method's own.
    """
    field = phase_map(transport, sample, acquisition.pixel_um, recipe.upsampling or _finer(acquisition))
    yield Preview(field, 0.0)
    again = _simulated_again(transport, sample, math.sqrt(spectrum.noise))
    untold = spectrum.untold_rad(transport, ridge_of(transport, spectrum, recipe.cutoff_cycles_per_um))
    trust = of_transport(again, transport.cut(sample[0]), untold, within)
    yield Note(trust.sentence, "info" if trust.level == "green" else "warning")
    sign = sign_of(transport.cut(sample[0]))
    if sign.sentence:
        yield Note(sign.sentence, sign.level)
    figures = again.figures | {
        "cutoff_cycles_per_um": spectrum.cutoff if recipe.cutoff_cycles_per_um is None else recipe.cutoff_cycles_per_um,
        "frame_noise": math.sqrt(spectrum.noise),
        "planes": float(len(transport.z_um)),
        "expected_error": trust.expected,
        "cpu_seconds": time.process_time() - started,
        **more,
    }
    about = {
        "kind": acquisition.kind,
        **optics_of(acquisition),
        "frames": acquisition.frame_count,
        "frame_shape": list(acquisition.frame_shape),
        "z_um": [float(z) for z in acquisition.z_um],
        "sign_of_defocus": sign.told,
        **trust.optics,
    }
    calibration = {"uncertainty_rad": kept_rad(np.full(acquisition.frame_shape, float(trust.within_rad)))}
    yield Done(Result(field, recipe.model_dump(), about, calibration, figures, title=acquisition.title))


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

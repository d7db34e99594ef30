"""Self-supervised: fit a field to the frames through the forward model, no truth and no classical answer needed.

Every step renders the whole field once, at one random depth, and compares it with some random LEDs: rendering once
for many LEDs is what makes it fast. The field is rendered on the nodes of its feature plane, just above Nyquist.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch

from ... import compute
from ...fields.plane_axis import PlaneAxisField
from ...forward import fourier
from ...forward.corrections import LedCorrections
from ...optics.grids import centred_spectrum, fit_spectrum
from ...types import Event, Note, Preview, Progress
from ..engine.adam import Adam, warm_cosine
from ..engine.preview_pace import PreviewPace
from ..projection.setup import depth_tensor
from ..projection.solver import Solver

SHAPED = 0.3  # share of the steps after which the field tells of the microscope


def fit(
    field: PlaneAxisField,
    plan: fourier.Windows,
    measured: fourier.MeasuredAmplitude,
    pupil_factor: torch.Tensor,
    gain: torch.Tensor,
    *,
    steps: int,
    rate: float,
    leds_per_step: int,
    seed: int,
    corrections: LedCorrections | None = None,
    spread_na: float = 0.004,
) -> Iterator[Event]:
    """Improve `field` in place; yields progress and previews.

    Parameters
    ----------
    measured : the frames with their ambient light.
    pupil_factor : aberration on the windows' bins (y, x), complex.
    gain : amplitude gain of each LED (led,).
    corrections : learnt along with the field once it has taken shape; with them `gain` is theirs.
    spread_na : how far single LEDs usually lie from the board, NA, rms.
    """
    random, amplitude = np.random.default_rng(seed), measured.amplitude
    learnt = [] if corrections is None else [(item.value, item.step) for item in corrections.learnt.values()]
    optimizer = Adam(field.parameters(), rate, betas=(0.9, 0.99), others=learnt)
    low, high = field.extent.z_um
    pace = PreviewPace(lambda: Preview(copy.deepcopy(field), (low + high) / 2))
    norm = float((amplitude**2).mean())
    smooth, step = 0.0, 0
    while step < steps:
        z = random.uniform(low, high)
        chosen = np.sort(random.permutation(len(amplitude))[:leds_per_step])
        try:
            spectrum = fit_spectrum(centred_spectrum(field.at_nodes(field.place(z))[0]), plan.spectrum_shape)
            depth = depth_tensor(np.array([z]), amplitude.device)
            if corrections is None:
                kernel, floor = fourier.pupils(plan, chosen, depth, pupil_factor)[:, 0], measured.floor[chosen]
                kernel = kernel * gain[chosen, None, None]
            else:
                kernel, floor = corrections.pupils(chosen, depth[0], pupil_factor), corrections.floors(chosen)
            loss = fourier.misfit(spectrum, kernel, plan.corner[chosen], amplitude[chosen], floor)
            held = loss
            if corrections is not None:
                held = loss + corrections.penalty(chosen, spread_na) * (loss.detach() * 2 / amplitude[chosen].numel())
            optimizer.step(held, rate * warm_cosine(step, steps), float(step >= SHAPED * steps))
            if corrections is not None:
                corrections.settle()
        except RuntimeError as failure:
            if not compute.is_out_of_memory(failure) or leds_per_step == 1:
                raise
            leds_per_step = -(-leds_per_step // 2)
            compute.release()
            yield Note(f"the device ran out of memory; going on with {leds_per_step} LEDs a step", "warning")
            continue
        step += 1
        share = max(0.05, 1 / step)
        smooth += share * (float(loss.detach()) - smooth)
        yield Progress(step, steps, (smooth / norm) ** 0.5, "fit")
        yield from pace.events()


@torch.no_grad()
def field_error(
    field: PlaneAxisField,
    plan: fourier.Windows,
    measured: fourier.MeasuredAmplitude,
    pupil_factor: torch.Tensor,
    gain: torch.Tensor,
    depths_um: np.ndarray,
    moved_um: float = 0.0,
) -> float:
    """Relative amplitude error of the field's planes at `depths_um`, taken `moved_um` deeper, over all LEDs."""
    total = 0.0
    for z in depths_um:
        spectra = fit_spectrum(centred_spectrum(field.at_nodes(field.place(z))), plan.spectrum_shape)
        total += Solver(plan, measured, np.array([z + moved_um]), spectra, pupil_factor, gain).error() ** 2
    return (total / len(depths_um)) ** 0.5

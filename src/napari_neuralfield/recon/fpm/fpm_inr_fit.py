"""Self-supervised: fit a field to the frames through the forward model, no truth and no classical answer needed.

Every step renders the whole field once, at one random depth, and compares it with some random LEDs: rendering once
for many LEDs is what makes it fast. The field is rendered on the nodes of its feature plane, just above Nyquist.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...fields.plane_axis import PlaneAxisField
from ...fields.planes import PlanesField
from ...forward import fourier
from ...forward.led_stack import LedStack
from ...optics.grids import centred_spectrum, fit_spectrum, image_of
from ...types import Event
from ..engine.fit_field import Counter, Fittable, draws, fit_field
from ..projection.solver import Solver

SHAPED = 0.3  # share of the steps after which the field tells of the microscope


def fit(
    field: PlaneAxisField, leds: LedStack, *, steps: int, rate: float, leds_per_step: int, seed: int
) -> Iterator[Event]:
    """Improve `field`, and what is learnt of the microscope, in place; yields progress and previews.

    Parameters
    ----------
    field : rendered on the nodes of its plane.
    leds : the frames, and the microscope.
    steps : how many.
    rate : largest change of a parameter per step.
    leds_per_step : frames compared in each.
    seed : of depths and frames.
    """
    random = np.random.default_rng(seed)
    schedule = draws(leds.train, steps, leds_per_step, random=random, learn_after=SHAPED, z_um=field.extent.z_um)
    nodes = Fittable(
        lambda z_um: field.at_nodes(field.place(z_um))[0], list(field.parameters()), lambda: copy.deepcopy(field)
    )
    yield from fit_field(nodes, leds, schedule, rate=rate, counter=Counter(steps), betas=(0.9, 0.99))


@torch.no_grad()
def field_error(
    field: PlaneAxisField,
    plan: fourier.Windows,
    measured: fourier.LedFrames,
    pupil_factor: torch.Tensor,
    gain: torch.Tensor,
    depths_um: np.ndarray,
    moved_um: float = 0.0,
) -> float:
    """Relative amplitude error of the field's planes, over all LEDs.

    Parameters
    ----------
    plan, measured, pupil_factor, gain : as for `fit`.
    depths_um : depths at which `field` is read, um (z,).
    moved_um : how much deeper than there its planes are taken to lie, um.
    """
    total = 0.0
    for z in depths_um:
        spectra = fit_spectrum(centred_spectrum(field.at_nodes(field.place(z))), plan.spectrum_shape)
        total += Solver(plan, measured, np.array([z + moved_um]), spectra, pupil_factor, gain=gain).error() ** 2
    return (total / len(depths_um)) ** 0.5


def nodes_over(acquisition: LedArray, depths: np.ndarray) -> int:
    """Nodes of a depth vector over `depths` (z,), um, 0.6 depths of field of the `acquisition` apart."""
    spacing = 0.6 * acquisition.wavelength_um / acquisition.objective_na**2
    return max(2, 1 + math.ceil((depths[-1] - depths[0]) / spacing - 1e-6))


def on_nodes(stack: PlanesField, field: PlaneAxisField, z_um: np.ndarray) -> torch.Tensor:
    """The `stack` at depths `z_um` (z,), um, on the nodes of the feature plane of `field`: (z, y, x)."""
    return image_of(fit_spectrum(stack.spectra(z_um), field.plane_shape))


@torch.no_grad()
def distance_between(field: PlaneAxisField, stack: PlanesField) -> float:
    """Relative error of `field` against the planes of `stack`: what its features and nodes cannot hold."""
    misfit = size = 0.0
    for z in stack.depths_um:
        wanted = on_nodes(stack, field, np.array([z]))
        misfit += float((field.at_nodes(field.place(z)) - wanted).abs().square().sum())
        size += float(wanted.abs().square().sum())
    return (misfit / size) ** 0.5

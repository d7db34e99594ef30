"""Regress a neural field on a classical stack.

The network starts at the best sum of its features, found in closed form from the stack; where that is as good as the
stack itself nothing is left to train. Where it has fewer features than the stack has depth modes, the MLP learns to
make up for it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch

from ..fields.plane_axis import PlaneAxisField, start_from_planes
from ..fields.planes import PlanesField
from ..optics.grids import fit_spectrum, image_of
from ..types import Event, Preview, Progress
from .adam import Adam, warm_cosine
from .pace import PreviewPace

GOOD_ENOUGH = 0.01  # relative error against the stack below which training is left out


def targets(stack: PlanesField, field: PlaneAxisField, z_um: np.ndarray) -> torch.Tensor:
    """The stack at depths (z,) on the nodes of the field's feature plane: (z, y, x)."""
    return image_of(fit_spectrum(stack.spectra(z_um), field.plane_shape))


def node_depths(field: PlaneAxisField) -> np.ndarray:
    low, high = field.extent.z_um
    return np.linspace(low, high, field.depth_nodes)


@torch.no_grad()
def stack_error(field: PlaneAxisField, stack: PlanesField, z_um: np.ndarray) -> float:
    """Relative error of the field against the stack at depths (z,)."""
    misfit = size = 0.0
    for z in z_um:
        wanted = targets(stack, field, np.array([z]))
        misfit += float((field.at_nodes(field.place(z)) - wanted).abs().square().sum())
        size += float(wanted.abs().square().sum())
    return (misfit / size) ** 0.5


def distill(
    field: PlaneAxisField, stack: PlanesField, *, steps: int, rate: float, generator: torch.Generator
) -> Iterator[Event]:
    """Start `field` at the stack and train it there if needed; yields progress and previews."""
    start_from_planes(field, targets(stack, field, node_depths(field)), generator)
    low, high = field.extent.z_um
    probes = np.linspace(low, high, 7) if high > low else np.array([low])
    error = stack_error(field, stack, probes)
    best, kept = error, copy.deepcopy(field.components.state_dict())
    if error <= GOOD_ENOUGH:
        return
    optimizer = Adam(field.parameters(), rate, betas=(0.9, 0.99))
    pace = PreviewPace(lambda: Preview(copy.deepcopy(field), (low + high) / 2))
    for step in range(steps):
        z = low + (high - low) * torch.rand(1, generator=generator).numpy()
        loss = (field.at_nodes(field.place(z)) - targets(stack, field, z)).abs().square().mean()
        optimizer.step(loss, rate * warm_cosine(step, steps))
        yield Progress(step + 1, steps, float("nan"), "distil")
        yield from pace.events()
        if (step + 1) % 50 == 0 or step + 1 == steps:
            error = stack_error(field, stack, probes)
            if error < best:
                best, kept = error, copy.deepcopy(field.components.state_dict())
    field.components.load_state_dict(kept)

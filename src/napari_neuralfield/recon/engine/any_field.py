"""Any registered field through any registered measurement: what `--field NAME` means in methods that fit one."""

from __future__ import annotations

import math
import time
from collections.abc import Generator

import numpy as np
import torch

from ... import compute
from ...data.acquisition import Acquisition
from ...registry import FIELDS, MEASUREMENTS
from ...types import Event, Extent, Field, InputError, Measurement, Note, Result
from .fit_field import Counter, Fittable, epochs, fit_field, relative_error
from .recipe import Recipe

FEWEST = 200  # steps, where nothing is said
WORTH = 0.95  # share of an empty sample's error below which a fit tells something
TINY = Extent((0.0, 1.0), (8, 8), 1.0)
HELP = "type of field that is fitted; another than {own}, yours too, starts from an empty sample"


def new_field(name: str, extent: Extent, seed: int = 0) -> Field:
    """An empty field, ready to be fitted.

    Parameters
    ----------
    name : under which it is registered.
    extent : depths and native grid.
    seed : of what is random in it.

    Raises
    ------
    InputError : for an unknown type, or one that is built from more than an extent or has nothing to fit.
    """
    field = _built(name, extent)
    if field is None:
        raise InputError(f"field type {name!r} is not one that can be fitted; choose one of {', '.join(fittable())}")
    if hasattr(field, "start"):
        field.start(compute.seed(seed))
    return field


def fittable() -> tuple[str, ...]:
    """Names of the types of field that can be fitted."""
    return tuple(sorted(name for name in FIELDS if _built(name, TINY) is not None))


def _built(name: str, extent: Extent) -> Field | None:
    """An empty field; None where it needs more than an extent, or has no parameters."""
    kind = FIELDS[name]
    try:
        field: Field = kind(extent=extent)
    except TypeError:
        return None
    return field if any(p.requires_grad for p in field.parameters()) else None


def measurement_of(
    acquisition: Acquisition,
    device: torch.device | str = "cpu",
    z_um: float | tuple[float, float] | None = None,
    name: str | None = None,
) -> Measurement:
    """The measurement model of an acquisition.

    Parameters
    ----------
    acquisition : whose frames are compared.
    device : on which they lie.
    z_um : depth, or (min, max), um; None: as the file says.
    name : under which it is registered; None: the first that takes this kind of acquisition.

    Raises
    ------
    InputError : where none takes it.
    """
    takers = {n: kind for n, kind in MEASUREMENTS.items() if acquisition.kind in kind.kinds}
    if not takers or (name is not None and name not in takers):
        asked = f"measurement model {name!r} does not take" if name else "no measurement model takes"
        raise InputError(
            f"{asked} {acquisition.kind}, the kind of {acquisition.source or 'the acquisition'}; those that do are "
            f"{', '.join(takers) or 'none'}"
        )
    model: Measurement = takers[name or next(iter(takers))].of(acquisition, device, z_um)
    return model


def fitted(
    acquisition: Acquisition,
    recipe: Recipe,
    name: str,
    *,
    z_um: float | tuple[float, float] | None = None,
    passes: int | None = None,
    batch: int | None = None,
    rate: float | None = None,
    hold_out: int = 0,
) -> Generator[Event, None, Result]:
    """Fit a field of any registered type to the frames; yields events, returns the result.

    Parameters
    ----------
    acquisition : whose frames are fitted.
    recipe : filed with the result; names device and seed.
    name : of the field's type.
    z_um : depth, or (min, max), um; None: as the file says.
    passes : over all frames; None: 10 to 60, fewer for many frames, but FEWEST steps.
    batch : frames compared in each step; None: as suits the measurement.
    rate : largest change of a parameter per step; None: 0.01.
    hold_out : every how many frames one is left out to be predicted; 0: none is.
    """
    started = time.process_time()
    device = compute.device(recipe.device)
    measurement = measurement_of(acquisition, device, z_um)
    frames = measurement.train
    if hold_out:
        out = frames % hold_out == hold_out - 1
        measurement.train, measurement.held = frames[~out], frames[out]
    field = new_field(name, measurement.extent, recipe.seed)
    field = field.to(device) if isinstance(field, torch.nn.Module) else field
    count = len(measurement.train)
    batch = batch or int(getattr(measurement, "batch", min(16, max(1, count // 3))))
    passes = passes or max(int(np.clip(2000 // count, 10, 60)), math.ceil(FEWEST * batch / count))
    schedule = epochs(
        measurement.train, passes, batch, generator=compute.seed(recipe.seed), z_um=measurement.extent.z_um
    )
    counter = Counter(passes * -(-count // batch))
    moving = Fittable.of(field, measurement.extent)
    empty = relative_error(measurement, moving.sample, measurement.train)
    yield from fit_field(moving, measurement, schedule, rate=rate or 0.01, counter=counter, betas=(0.9, 0.99))
    figures = {"relative_amplitude_error": relative_error(measurement, moving.sample, measurement.train)}
    error = figures["relative_amplitude_error"]
    if not error < WORTH * empty:
        yield Note(
            f"the fitted field of type {name} explains the frames hardly better than an empty sample (relative "
            f"amplitude error {error:.4f}, empty {empty:.4f}): do not trust it; give it more steps or smaller ones, "
            "or a field that holds finer detail",
            "warning",
        )
    if len(measurement.held):
        figures["held_out_error"] = relative_error(measurement, moving.sample, measurement.held)
    figures["cpu_seconds"] = time.process_time() - started
    told = {n: v for n, v in acquisition.values().items() if isinstance(v, str | int | float) and n != "title"}
    arrays = {f"learnt_{n}": value.detach().cpu().numpy() for n, value in measurement.learnt.items()}
    optics = {"kind": acquisition.kind, **told}
    return Result(field, recipe.model_dump(), optics, arrays, figures, title=acquisition.title)

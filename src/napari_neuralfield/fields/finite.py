"""Nothing that is not finite leaves: of a field, of what was found with it, and of weights."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch

from ..types import Field, InputError, Result

LOOKED_AT = 64  # points along a side at which a field is asked
NEEDED = ("relative_amplitude_error", "held_out_error")  # figures without which an answer is none


def what_is_not_finite(named: Mapping[str, torch.Tensor | np.ndarray]) -> str:
    """'3 of the numbers of NAME', of the first of the `named` arrays that holds NaN or infinity; else empty."""
    for name, values in named.items():
        if isinstance(values, torch.Tensor):
            bad = int((~torch.isfinite(values)).sum())
        else:
            numbers = np.asarray(values)
            bad = int((~np.isfinite(numbers)).sum()) if numbers.dtype.kind in "fc" else 0
        if bad:
            return f"{bad} of its numbers are NaN or infinite, in {name}"
    return ""


def wrong_in(field: Field) -> str:
    """What is not finite in the parameters of a `field`, or in a coarse look at it; empty where nothing is."""
    said = what_is_not_finite(field.state_dict())
    if said:
        return said
    extent = field.extent
    y, x = extent.axes(max(extent.pixel_um, max(extent.size_um) / LOOKED_AT))
    with torch.no_grad():
        seen = field.render([float(np.mean(extent.z_um))], y[:LOOKED_AT], x[:LOOKED_AT])
    return what_is_not_finite({"its picture": seen})


def without_nan(figures: Mapping[str, float]) -> dict[str, float]:
    """The `figures` that are known: NaN stands for one that cannot be had."""
    return {name: value for name, value in figures.items() if not (isinstance(value, float) and math.isnan(value))}


def require_finite(result: Result, where: str, cause: Callable[[], str] = lambda: "reconstruct it again") -> Result:
    """The `result` with the figures that are known.

    Parameters
    ----------
    result : to be handed on or written.
    where : it comes from or goes to, for the error.
    cause : says why it is not finite, and what to do.

    Raises
    ------
    InputError : where its field, what was found with it, or a figure is not finite.
    """
    said = wrong_in(result.field) or what_is_not_finite(result.calibration)
    for name, value in result.figures.items():
        if not said and not math.isfinite(value) and (name in NEEDED or not math.isnan(value)):
            said = f"{name} is {value}"
    if said:
        raise InputError(f"{where} is not finite ({said}); {cause()}")
    verdict = result.verdict
    if verdict is not None:
        verdict = dataclasses.replace(verdict, figures=without_nan(verdict.figures))
    return dataclasses.replace(result, figures=without_nan(result.figures), verdict=verdict)

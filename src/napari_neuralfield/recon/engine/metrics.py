"""How good a field is: against a known truth, and against the frames."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...types import Field, InputError


@dataclasses.dataclass(frozen=True)
class Score:
    """In focus, each region with one complex scale free.

    amplitude_psnr_db : of the amplitude, peak 1, dB.
    phase_rmse_rad : root mean square of the phase difference, rad.
    relative_error : norm of the complex difference over the norm of the truth.
    """

    amplitude_psnr_db: float
    phase_rmse_rad: float
    relative_error: float


def score(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> Score:
    """Score of regions, given as (found, truth) complex values (pixel,) of each.

    Raises
    ------
    InputError : where a found value is not finite, or a region is empty of light.
    """
    amplitude, phase, misfit, power, count = 0.0, 0.0, 0.0, 0.0, 0
    for found, truth in pairs:
        found, truth = found.astype(np.complex128), truth.astype(np.complex128)
        light = np.vdot(found, found).real
        if not (np.isfinite(light) and light > 0):
            raise InputError("the field is not finite or is zero where it is compared with the truth; reconstruct it")
        found = found * (np.vdot(found, truth) / light)
        amplitude += float(((np.abs(found) - np.abs(truth)) ** 2).sum())
        phase += float((np.angle(found * truth.conj()) ** 2).sum())
        misfit += float((np.abs(found - truth) ** 2).sum())
        power += float((np.abs(truth) ** 2).sum())
        count += truth.size
    mean_square = max(amplitude / count, np.finfo(float).tiny)
    return Score(-10 * math.log10(mean_square), (phase / count) ** 0.5, (misfit / power) ** 0.5)


def score_in_focus(field: Field, truth: Mapping[str, Any]) -> Score:
    """A complex field against a truth whose parts lie at known depths: every cell at its own depth.

    Parameters
    ----------
    truth : `object` complex (y, x) on pixels of `pixel_um` that start at (0, 0) um, `cell_masks` (cell, y, x) bool
        and `cell_z_um` (cell,).
    """
    rows, columns = truth["object"].shape
    y, x = np.arange(rows) * truth["pixel_um"], np.arange(columns) * truth["pixel_um"]

    def pairs() -> Iterable[tuple[np.ndarray, np.ndarray]]:
        for mask, z in zip(truth["cell_masks"], truth["cell_z_um"], strict=True):
            plane = field.render([float(z)], y, x)[0].detach().cpu().numpy()
            yield plane[mask], truth["object"][mask]

    return score(pairs())


def relative_amplitude_error(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Norm of sqrt(predicted) - sqrt(measured), two intensities, over the norm of sqrt(measured)."""
    amplitude = np.sqrt(np.clip(measured, 0, None))
    return float(np.linalg.norm(np.sqrt(np.clip(predicted, 0, None)) - amplitude) / np.linalg.norm(amplitude))

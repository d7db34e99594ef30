"""What the frames cannot tell apart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .gauss_newton import Equations, solve

ALIKE = 0.98  # correlation of two answers above which the frames hardly tell them apart
WORDS = {
    "turn": "the board's turn",
    "shift_y": "the board's shift along y",
    "shift_x": "the board's shift along x",
    "scale": "the board's height (or pitch)",
    "z_um": "the sample's depth",
    "wavelength_um": "the wavelength",
    "floor": "the ambient light",
}


def doubts(equations: Equations) -> Iterator[str]:
    """A sentence for each pair of shared parameters whose answers go hand in hand.

    The inverse of what is left of their matrix, once each LED's own parameters may follow, is their covariance.
    """
    if len(equations.shared) < 2:
        return
    curvature = solve(equations).curvature
    size = np.sqrt(np.maximum(np.diag(curvature), 1e-30))
    scaled = curvature / np.outer(size, size)
    covariance = np.linalg.inv(scaled + 1e-9 * np.eye(len(scaled)))
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-30))
    correlation = covariance / np.outer(deviation, deviation)
    for i, first in enumerate(equations.shared):
        for j in range(i):
            if abs(correlation[i, j]) > ALIKE:
                yield (
                    f"the frames hardly tell {named(equations.shared[j])} from {named(first)} "
                    f"(correlation {correlation[i, j]:.3f}); give one of them and learn only the other"
                )


def named(parameter: str) -> str:
    """A parameter in words."""
    if parameter.startswith("zernike_"):
        return f"Zernike term {parameter[8:]} of the pupil"
    return WORDS.get(parameter, parameter)

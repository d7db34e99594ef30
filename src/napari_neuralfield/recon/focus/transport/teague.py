"""Transport of intensity in uneven light: -k dI/dz = div(I grad phase).

Teague's auxiliary function psi, grad psi = I grad phase, turns that into two equations of Poisson (M. R. Teague, J.
Opt. Soc. Am. 73, 1434 (1983), eq. 15). A flow I grad phase that turns in circles has no such psi, and the phase is a
little wrong. What it leaves of the slope of intensity is then solved for again, and so on: the remaining error gets
smaller at each turn (C. Zuo et al., Opt. Express 22, 17172 (2014); for any aperture L. Huang et al., Opt. Lett. 40,
1976 (2015)). By Kantorovich's inequality a turn leaves at most (r + 1)^2 / (4 r) - 1 of the error, r being the
brightest over the darkest light: it helps in any case up to r = 5.8.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .cosines import from_cosines, outflow, poisson, slopes
from .linear import Transport


def auxiliary(transport: Transport, sample: np.ndarray) -> np.ndarray:
    """Spectrum of the phase (Y, X) where the light is uneven: Teague's auxiliary function.

    Parameters
    ----------
    transport : whose solution for even light `sample` is, spectra of phase, rad, and absorption (2, Y, X).
    """
    light = transport.focused(sample)
    return np.asarray(phase_of(sample[0], light / light[transport.seen].mean()), np.float32)


def unevenness(transport: Transport, sample: np.ndarray) -> np.ndarray:
    """What uneven light at focus adds to the contrast of even light (plane, Y, X): -z / k div((I - 1) grad phase).

    Beyond the reach of that straight line, it bends as the transfer of phase does. `transport` and `sample` as in
    `auxiliary`.
    """
    light = transport.focused(sample)
    light = light / light[transport.seen].mean() - 1
    as_phase = poisson(outflow(light * slopes(sample[0])))  # of even light that would show as much
    return from_cosines((transport.phase * as_phase).astype(np.float32))


def phase_of(psi: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Spectrum of the phase (y, x), rad, of an auxiliary function.

    Parameters
    ----------
    psi : its spectrum (y, x), in units of rad times light.
    light : intensity at focus (y, x).
    """
    return poisson(outflow(slopes(psi) / light))


def compensated(source: np.ndarray, light: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """Phase, and what it leaves of the source, for ever: Teague's answer, then the same for what is left, and so on.

    Parameters
    ----------
    source : spectrum of cosines (y, x) of -k dI/dz, per square pixel.
    light : intensity at focus (y, x).

    Yields
    ------
    Spectrum of the phase (y, x), rad, and the residual's norm over that of the source.
    """
    source = source.copy()
    source[0, 0] = 0  # no light is lost
    phase, left = np.zeros_like(source), source
    norm = max(float(np.linalg.norm(source)), 1e-30)
    while True:
        phase = phase + phase_of(poisson(left), light)
        left = source - outflow(light * slopes(phase))
        yield phase, float(np.linalg.norm(left)) / norm


def light_and_slope(frames: np.ndarray, z_um: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intensity in focus and its slope along z, per um (y, x): a line through two planes, a parabola through more.

    Where the focus lies outside the planes, those of the nearest one.

    Parameters
    ----------
    frames : (plane, y, x).
    z_um : of the planes, um (plane,).
    """
    z = np.asarray(z_um, float)
    at = float(np.clip(0.0, z.min(), z.max()))
    powers = np.vander((z - at) / np.ptp(z), min(len(z), 3), increasing=True)
    weights = np.linalg.pinv(powers)[:2]
    light, slope = np.tensordot(weights, frames, 1)
    return light, slope / np.ptp(z)

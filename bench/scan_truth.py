"""A reconstructed scan against its truth, without what no frame can tell.

Unless the probe is known, object * exp(i ramp . r) with probe * exp(-i ramp . r) gives the same frames; in the far
field so does a common shift of object and probe, and with unknown positions a common shift of object and positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

STEPS = 12
FARTHEST_PX = 12  # a shift beyond is not looked for
SLOW_PX = 10.0


def compare(result: Any, truth: Mapping[str, Any]) -> dict[str, float]:
    """Relative error of the object where it was seen, the shift and ramp taken out, and errors of the positions.

    Returns
    -------
    error : norm of the complex difference over the norm of the truth, one complex scale free; fine : the same with a
    complex scale free that varies slowly, over `SLOW_PX`; shift_px : common shift;
    ramp_rad : of the phase, from one side of the seen part to the other; positions_px, before_px : rms deviation of
    the positions found and given, a common shift taken out, where the result has positions.
    """
    target, pixel = truth["object"].astype(complex), truth["pixel_um"]
    y, x = (o + pixel * np.arange(n) for o, n in zip(truth["origin_um"], target.shape, strict=True))
    found = result.field.render([0.0], y, x)[0].detach().cpu().numpy().astype(complex)
    values = aligned(found, target, truth["seen"])
    if "positions_um" in result.calibration and "positions_um" in truth:
        for name, given in (("positions_px", "positions_um"), ("before_px", "nominal_positions_um")):
            off = (result.calibration[given] - truth["positions_um"]) / pixel
            values[name] = float(np.sqrt(((off - off.mean(0)) ** 2).sum(1).mean()))
    return values


def aligned(found: np.ndarray, target: np.ndarray, seen: np.ndarray) -> dict[str, float]:
    """The errors of `found` (y, x) against `target` where `seen`, as `compare` gives them."""
    return fitted(found, target, seen)[0]


def fitted(found: np.ndarray, target: np.ndarray, seen: np.ndarray) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """Gauss-Newton on scale, ramp and shift of `target` (y, x) until it fits `found` where `seen`.

    Returns
    -------
    The errors; `target` moved; scale and ramp (y, x), by which it must be multiplied.
    """
    fy, fx = np.fft.fftfreq(target.shape[0])[:, None], np.fft.fftfreq(target.shape[1])[None, :]
    spectrum, (y, x) = np.fft.fft2(target), np.indices(target.shape) - np.array(target.shape)[:, None, None] / 2
    ramp, shift = first_ramp(found * target.conj() * seen), np.zeros(2)
    shift = first_shift(found * np.exp(-1j * (ramp[0] * y + ramp[1] * x)) * seen, target * seen)
    best: dict[str, float] = {"error": np.inf}
    fit = target, np.ones(target.shape, complex)
    for _ in range(STEPS):
        moved = spectrum * np.exp(-2j * np.pi * (shift[0] * fy + shift[1] * fx))
        turn = np.exp(1j * (ramp[0] * y + ramp[1] * x))
        plain = np.fft.ifft2(moved)
        model, at = (plain * turn)[seen], found[seen]
        scale = np.vdot(model, at) / np.vdot(model, model)
        # the scale that is free is the result's, as in score.py
        error = float(
            np.sqrt(max(1 - abs(np.vdot(at, model)) ** 2 / (np.vdot(at, at) * np.vdot(model, model)).real, 0))
        )
        if error < best["error"]:
            fit = plain, scale * turn
            height, width = (np.ptp(np.nonzero(seen.any(axis))[0]) for axis in (1, 0))
            best = {
                "error": error,
                "fine": without_slow(found, plain * turn, seen),
                "shift_px": float(np.hypot(*shift)),
                "ramp_rad": float(np.hypot(ramp[0] * height, ramp[1] * width)),
            }
        slopes = [np.fft.ifft2(-2j * np.pi * f * moved) * turn for f in (fy, fx)]
        columns = [model, 1j * model, *(scale * 1j * axis[seen] * model for axis in (y, x))]
        columns += [scale * slope[seen] for slope in slopes]
        matrix = np.stack(columns, 1)
        normal = (matrix.conj().T @ matrix).real
        step = np.linalg.solve(normal + 1e-9 * np.diag(np.diag(normal)), (matrix.conj().T @ (at - scale * model)).real)
        ramp, shift = ramp + step[2:4], shift + np.clip(step[4:6], -1, 1)
    return best, *fit


def without_slow(found: np.ndarray, model: np.ndarray, seen: np.ndarray) -> float:
    """Relative error where what differs slowly, as a smoothed complex factor, is taken out."""

    def smooth(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values.real, SLOW_PX) + 1j * gaussian_filter(values.imag, SLOW_PX)

    factor = smooth(found * model.conj() * seen) / smooth(np.abs(model * seen) ** 2 + 1e-9).real
    return float(np.linalg.norm((found - factor * model)[seen]) / np.linalg.norm((factor * model)[seen]))


def first_ramp(product: np.ndarray) -> np.ndarray:
    """Phase slope (2,), rad per pixel, of the strongest wave in `product` (y, x)."""
    shape = tuple(4 * n for n in product.shape)
    peak = np.unravel_index(np.abs(np.fft.fft2(product, shape)).argmax(), shape)
    return 2 * np.pi * np.array([np.fft.fftfreq(n)[p] for n, p in zip(shape, peak, strict=True)])


def first_shift(found: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Whole pixels (2,) by which `found` lies beside `target`, both complex (y, x)."""
    high = np.hypot(np.fft.fftfreq(found.shape[0])[:, None], np.fft.fftfreq(found.shape[1])[None, :]) > 0.02
    both = np.abs(np.fft.ifft2(np.fft.fft2(found) * np.fft.fft2(target).conj() * high))
    reach = [np.abs(np.fft.fftfreq(n)) * n <= FARTHEST_PX for n in both.shape]
    peak = np.unravel_index((both * reach[0][:, None] * reach[1][None, :]).argmax(), both.shape)
    return np.array([np.fft.fftfreq(n)[p] * n for n, p in zip(both.shape, peak, strict=True)])

"""How like an image is to the truth: PSNR, SSIM, MSE and FM, once what no frame can tell has been taken out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.ndimage import binary_erosion, uniform_filter

from ...types import InputError

Free = Literal["scale", "curvature", "shift"]
FREE = {
    "scale": "one complex factor is free",
    "curvature": "one complex factor, a phase that is quadratic in y and x, and the conjugate twin are free",
    "shift": "one complex factor, a phase that is linear in y and x, and a shift of some pixels are free",
}
FAINTEST = 1e-3  # of the largest Fourier coefficient: what is fainter does not count for FM
WINDOW, K1, K2 = 7, 0.01, 0.03  # of SSIM: Wang, Bovik, Sheikh, Simoncelli, IEEE Trans. Image Process. 13, 600 (2004)
ROUNDS = 30
FARTHEST_PX = 12  # a shift beyond is not looked for


@dataclasses.dataclass(frozen=True)
class Compared:
    """An image beside its truth, both real (y, x), where they count.

    found, truth : (y, x), the same unit. where : True where they are compared (y, x). span : the data range.
    """

    found: np.ndarray
    truth: np.ndarray
    where: np.ndarray
    span: float


def figures(pairs: Sequence[Compared]) -> dict[str, float]:
    """PSNR (dB), SSIM, MSE and its root of all pixels of the `pairs` together, of one span; of a span of 0, of 1."""
    squares = np.concatenate([(pair.found - pair.truth)[pair.where] ** 2 for pair in pairs])
    alike = np.concatenate([_alike(pair) for pair in pairs])
    mse, span = float(squares.mean()), max(pair.span for pair in pairs) or 1.0
    psnr = 10 * float(np.log10(span**2 / max(mse, np.finfo(float).tiny)))
    return {"psnr_db": psnr, "ssim": float(alike.mean()), "mse": mse, "rmse": mse**0.5}


def _alike(pair: Compared) -> np.ndarray:
    """SSIM of the squares that lie where the images are compared; of all their pixels where no square does."""
    found = np.where(pair.where, pair.found, pair.truth)
    squares = binary_erosion(pair.where, np.ones((WINDOW, WINDOW), bool))
    values: np.ndarray = ssim_map(found, pair.truth, pair.span)[squares if squares.any() else pair.where]
    return values


def ssim_map(found: np.ndarray, truth: np.ndarray, span: float) -> np.ndarray:
    """Structural similarity round every pixel (y, x), in squares of 7 pixels.

    Parameters
    ----------
    found, truth : real (y, x).
    span : range of the data.
    """
    a, b = (np.asarray(image, dtype=np.float64) for image in (found, truth))
    many = WINDOW**2 / (WINDOW**2 - 1)
    mean_a, mean_b = uniform_filter(a, WINDOW), uniform_filter(b, WINDOW)
    var_a = many * (uniform_filter(a * a, WINDOW) - mean_a**2)
    var_b = many * (uniform_filter(b * b, WINDOW) - mean_b**2)
    both = many * (uniform_filter(a * b, WINDOW) - mean_a * mean_b)
    one, two = max((K1 * span) ** 2, 1e-300), max((K2 * span) ** 2, 1e-300)
    top = (2 * mean_a * mean_b + one) * (2 * both + two)
    found_map: np.ndarray = top / ((mean_a**2 + mean_b**2 + one) * (var_a + var_b + two))
    return found_map


def fourier_share(image: np.ndarray) -> float:
    """FM: share of the Fourier coefficients of an image (y, x) above a thousandth of the largest."""
    size = np.abs(np.fft.fft2(image))
    return float((size > FAINTEST * size.max()).mean())


def aligned(found: np.ndarray, truth: np.ndarray, where: np.ndarray, free: Free = "scale") -> np.ndarray:
    """`found` with what is free chosen such that it comes nearest to the truth.

    Parameters
    ----------
    found, truth : complex (y, x).
    where : True where they are compared (y, x).
    free : what no frame can tell, one of `FREE`.

    Raises
    ------
    InputError : where `found` is not finite, or holds no light there.
    """
    found, truth = np.asarray(found, np.complex128), np.asarray(truth, np.complex128)
    if not (np.isfinite(found[where]).all() and np.abs(found[where]).any()):
        raise InputError("the field is not finite or is zero where it is compared with the truth; reconstruct it")
    if free == "scale":
        return _scaled(found, truth, where)
    if free == "curvature":
        twins = [_bent(one, truth, where, _basis(found.shape, 2)) for one in (found, found.conj())]
        return min(twins, key=lambda one: _norm((one - truth)[where]))
    return _shifted(found, truth, where)


def _norm(values: np.ndarray) -> float:
    return float(np.linalg.norm(values))


def _scaled(found: np.ndarray, truth: np.ndarray, where: np.ndarray) -> np.ndarray:
    own = found[where]
    scaled: np.ndarray = found * (np.vdot(own, truth[where]) / np.vdot(own, own).real)
    return scaled


def _basis(shape: tuple[int, ...], order: int) -> np.ndarray:
    """Powers of y and x up to an order (power, y, x)."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    powers = [np.ones_like(y), y, x] + ([y * y, x * x, x * y] if order > 1 else [])
    return np.stack(powers)


def _bent(found: np.ndarray, truth: np.ndarray, where: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """`found` turned by the phase out of a basis that fits best, bright pixels counting most; then scaled."""
    columns = basis[:, where].T
    found = found * np.exp(1j * np.angle(np.vdot(found[where], truth[where])))
    for _ in range(ROUNDS):
        weight = np.abs(found[where]) * np.abs(truth[where])
        error = np.angle(truth[where] * found[where].conj())
        normal = (columns * (weight**2)[:, None]).T @ columns
        step = np.linalg.solve(normal + 1e-12 * np.trace(normal) * np.eye(len(normal)), columns.T @ (weight**2 * error))
        found = found * np.exp(1j * np.tensordot(step, basis, 1))
        if np.abs(step).max() < 1e-7:
            break
    return _scaled(found, truth, where)


def _shifted(found: np.ndarray, truth: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Ramp and shift out, in turns: the ramp from the strongest wave of the product, the shift from the correlation."""
    y, x = np.indices(found.shape)
    ramp = _strongest_wave(found * truth.conj() * where)
    found = found * np.exp(-1j * (ramp[0] * y + ramp[1] * x))
    fy, fx = np.fft.fftfreq(found.shape[0])[:, None], np.fft.fftfreq(found.shape[1])[None, :]
    best = _bent(found, truth, where, _basis(found.shape, 1))
    for _ in range(4):
        move = _apart(best * where, truth * where)
        moved = np.fft.ifft2(np.fft.fft2(best) * np.exp(2j * np.pi * (move[0] * fy + move[1] * fx)))
        again = _bent(moved, truth, where, _basis(found.shape, 1))
        if _norm((again - truth)[where]) >= _norm((best - truth)[where]):
            break
        best = again
    return best


def _strongest_wave(product: np.ndarray) -> np.ndarray:
    """Phase slope (2,), rad per pixel, of the strongest wave in a product (y, x)."""
    shape = tuple(4 * n for n in product.shape)
    peak = np.unravel_index(np.abs(np.fft.fft2(product, shape)).argmax(), shape)
    return 2 * np.pi * np.array([np.fft.fftfreq(n)[p] for n, p in zip(shape, peak, strict=True)])


def _apart(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Pixels (2,) by which `found` lies beside the truth, both complex (y, x), to a hundredth."""
    fy, fx = (np.fft.fftfreq(n) for n in found.shape)
    high = np.hypot(fy[:, None], fx[None, :]) > 0.02
    cross = np.fft.fft2(found) * np.fft.fft2(truth).conj() * high
    near = [np.abs(f) * n <= FARTHEST_PX for f, n in zip((fy, fx), found.shape, strict=True)]
    at = np.unravel_index((np.abs(np.fft.ifft2(cross)) * near[0][:, None] * near[1][None, :]).argmax(), cross.shape)
    place = np.array([np.fft.fftfreq(n)[k] * n for n, k in zip(found.shape, at, strict=True)])
    for step in (0.2, 0.04, 0.01):
        ys, xs = place[:, None] + step * np.arange(-6, 7)
        values = np.exp(2j * np.pi * ys[:, None] * fy) @ cross @ np.exp(2j * np.pi * fx[:, None] * xs)
        best = np.unravel_index(np.abs(values).argmax(), values.shape)
        place = np.array([ys[best[0]], xs[best[1]]])
    return place

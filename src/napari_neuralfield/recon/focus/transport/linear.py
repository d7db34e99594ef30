"""Frames through focus as a linear measurement of phase and absorption, and its inverse.

To first order a thin sample changes the frame at depth z by

    I_z(f) = 2 sin(z chi(f)) B_z(f) phase(f) - 2 cos(z chi(f)) B_z(f) absorption(f),   chi = pi wavelength f^2,

with the condenser's blur B_z = 2 J1(x) / x, x = 2 pi z f condenser_na (N. Streibl, Opt. Commun. 49, 6 (1984); J. P.
Guigay et al., Opt. Lett. 32, 1617 (2007)). Where z chi is small this is the transport of intensity,
-k dI/dz = div(I grad phase) (M. R. Teague, J. Opt. Soc. Am. 73, 1434 (1983)), and all planes together tell the slope
dI/dz by least squares, each as it deserves. Beyond, the sine keeps far planes from being believed at fine detail.

Frames are continued by their mirror image: the Fourier transform of that is a cosine transform, and no light flows
through the border. What lies round the frames is unknown, so the sample goes on for a margin that nothing is said of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import scipy.fft
import scipy.special

from ....data.acquisition import ThroughFocus
from .cosines import cosine_frequencies, cosines, from_cosines

Kernel = Literal["ctf", "tie"]
ABSORPTION_RIDGE = 1e-3  # of the planes' number: absorption is as good as free
EDGE = 1  # outermost pixels of the frames that are not believed: what they show is half outside
DARKEST = 0.05  # intensity at focus over its mean, at least: it is divided by
MARGIN = 16  # pixels round the frames
STEPS = 6  # of conjugate gradients


def transfers(
    f: np.ndarray, z_um: np.ndarray, acquisition: ThroughFocus, kernel: Kernel = "ctf"
) -> tuple[np.ndarray, np.ndarray]:
    """Contrast per radian of weak phase, and per unit of absorption: two (plane, ...) float32.

    Parameters
    ----------
    f : frequencies (...), cycles/um.
    z_um : depth of the sample in each plane, um (plane,).
    acquisition : for its wavelength and apertures.
    kernel : 'ctf' as above; 'tie' for small z chi: z wavelength 2 pi f^2, and a constant.
    """
    wavelength = acquisition.wavelength_um
    z = np.asarray(z_um, float).reshape(-1, *[1] * f.ndim)
    across = 2 * np.pi * np.abs(z) * acquisition.condenser_na * f
    blur = np.where(across > 1e-6, 2 * scipy.special.j1(across) / np.maximum(across, 1e-6), 1.0)
    blur = blur * (f <= acquisition.objective_na / wavelength)
    turn = np.pi * wavelength * z * f**2
    sine, cosine = (np.sin(turn), np.cos(turn)) if kernel == "ctf" else (turn, np.ones_like(turn))
    return (2 * sine * blur).astype(np.float32), (-2 * cosine * blur).astype(np.float32)


class Transport:
    """Frames, what they say of a sample's phase and absorption, and the ridge regression that answers.

    The sample is a pair of spectra (2, Y, X) of phase, rad, and absorption on the frames' pixels and a margin.

    Parameters
    ----------
    frames : (plane, y, x), each over its mean.
    z_um : of the planes (plane,).
    acquisition : for its wavelength, apertures and pixel.
    margin : pixels round the frames; with 0 the sample ends where they do.
    """

    def __init__(
        self,
        frames: np.ndarray,
        z_um: np.ndarray,
        acquisition: ThroughFocus,
        kernel: Kernel = "ctf",
        margin: int = MARGIN,
    ) -> None:
        planes, rows, columns = frames.shape
        self.frames = frames
        self.z_um, self.acquisition, self.kernel = np.asarray(z_um, float), acquisition, kernel
        sides = [scipy.fft.next_fast_len(n + 2 * margin, real=True) if margin else n for n in (rows, columns)]
        self.shape = (sides[0], sides[1])
        top, left = ((total - n) // 2 for total, n in zip(sides, (rows, columns), strict=True))
        self.seen = (slice(top, top + rows), slice(left, left + columns))
        self.believed = np.zeros(self.shape, np.float32)
        self.believed[top + EDGE : top + rows - EDGE, left + EDGE : left + columns - EDGE] = 1
        self.f = cosine_frequencies(self.shape, acquisition.pixel_um)
        self.phase, self.absorption = transfers(self.f, self.z_um, acquisition, kernel)
        self.contrast = np.zeros((planes, *self.shape), np.float32)
        self.contrast[:, *self.seen] = frames - 1
        self.contrast *= self.believed

    def slope_ridge(self, cutoff_cycles_per_um: float) -> float:
        """Ridge at which half of the phase of that frequency is left: the squared slope of all planes there."""
        z = self.z_um - self.z_um.mean()
        return float((2 * np.pi * self.acquisition.wavelength_um * cutoff_cycles_per_um**2) ** 2 * (z**2).sum())

    def told(self) -> np.ndarray:
        """Squared contrast (Y, X) per rad of phase over all planes, without what absorption could show as well."""
        one, both, two = self._normal()
        return np.maximum(one - both**2 / two, 0)

    def kept(self, phase_ridge: np.ndarray | float) -> np.ndarray:
        """Share (Y, X) that a ridge leaves of each frequency's phase, were every pixel believed, light free."""
        told = self.told()
        return np.asarray(told / np.maximum(told + phase_ridge, 1e-30))

    def images(self, sample: np.ndarray) -> np.ndarray:
        """Contrast of the planes (plane, Y, X)."""
        return from_cosines(self.phase * sample[0] + self.absorption * sample[1])

    def back(self, images: np.ndarray) -> np.ndarray:
        """Adjoint of `images`."""
        spectra = cosines(images)
        return np.stack([(self.phase * spectra).sum(0), (self.absorption * spectra).sum(0)])

    def inverse(self, phase_ridge: np.ndarray | float) -> Callable[[np.ndarray], np.ndarray]:
        """What makes a sample (2, Y, X) of what `back` gives, were every pixel believed: by normal equations."""
        one, both, two = self._normal()
        one = one + phase_ridge
        scale = 1 / np.maximum(one * two - both**2, 1e-30)
        return lambda back: np.stack([two * back[0] - both * back[1], one * back[1] - both * back[0]]) * scale

    def _normal(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Squares and product of the transfers of phase and absorption, over all planes (Y, X)."""
        both = (self.phase * self.absorption).sum(0)
        return (self.phase**2).sum(0), both, (self.absorption**2).sum(0) + ABSORPTION_RIDGE * len(self.phase)

    def solve(self, phase_ridge: np.ndarray | float, contrast: np.ndarray | None = None) -> np.ndarray:
        """The sample (2, Y, X) that explains the believed contrast: preconditioned conjugate gradients.

        Parameters
        ----------
        phase_ridge : noise over phase, in power, of each frequency (Y, X), or one number for all (Tikhonov).
        contrast : (plane, Y, X); None: that of the frames.
        """
        ridge = np.zeros((2, *self.shape), np.float32)
        ridge[0], ridge[1] = phase_ridge, ABSORPTION_RIDGE * len(self.phase)
        inverse = self.inverse(ridge[0])
        residual = self.back(self.contrast if contrast is None else contrast * self.believed)
        found = np.zeros_like(residual)
        direction, before = np.zeros_like(residual), 1.0
        for _ in range(STEPS):
            residual[:, 0, 0] = 0  # no image tells the mean phase, and every frame is over its mean
            eased = inverse(residual)
            slope = float((residual * eased).sum(dtype=np.float64))
            if slope <= 0:
                break
            direction = eased + (slope / before) * direction
            shown = self.back(self.believed * self.images(direction)) + ridge * direction
            step = slope / max(float((direction * shown).sum(dtype=np.float64)), 1e-30)
            found, residual, before = found + step * direction, residual - step * shown, slope
        return found

    def focused(self, sample: np.ndarray) -> np.ndarray:
        """Fitted intensity at focus (Y, X), over its mean; nowhere below DARKEST."""
        return np.maximum(1 - 2 * from_cosines(sample[1]), DARKEST)

    def misfit(self, sample: np.ndarray, contrast: np.ndarray | None = None) -> float:
        """Norm of what a `sample` (2, Y, X) leaves of a `contrast` (plane, Y, X), over its norm; None: the frames'."""
        shown = self.contrast if contrast is None else contrast * self.believed
        left = self.believed * self.images(sample) - shown
        return float(np.linalg.norm(left) / max(float(np.linalg.norm(shown)), 1e-30))

    def cut(self, spectrum: np.ndarray, factor: int = 1) -> np.ndarray:
        """Image (y factor, x factor) of a `spectrum` (Y, X) where the frames are, on `factor` times finer pixels."""
        part = [slice(s.start * factor, s.stop * factor) for s in self.seen]
        return from_cosines(spectrum, factor)[part[0], part[1]]

"""Which waves of a phase its frames tell, and how much of it they leave open.

A frame shows a weak wave of the phase with a contrast H per radian, beside noise. Of waves whose power is S on
average, the best linear estimate leaves N / (N + H^2 S) of the power open, N being the noise's (Wiener). Where H falls
to nothing, as for slow phase in a frame near the focus, all of it is open, and whatever a method shows there comes from
what it was taught, not from the frames.
"""

from __future__ import annotations

import dataclasses

import numpy as np

HALF = 0.5  # share of a ring's power left open from which its waves are not told


@dataclasses.dataclass(frozen=True)
class Told:
    """What frames tell of a phase.

    Parameters
    ----------
    untold_rad : deviation of the part of the phase that they leave open, rad.
    share : the same over the deviation of the phase, 0 to 1.
    detail_um : half of the longest wave that they tell; inf where the field holds no longer one.
    """

    untold_rad: float
    share: float
    detail_um: float

    @property
    def sentence(self) -> str:
        """What a user must know; '' where the frames tell every wave of the field."""
        if not np.isfinite(self.detail_um):
            return ""
        return f"phase that changes over more than {self.detail_um:.3g} um is not told by these frames"


def mirrored_frequencies(shape: tuple[int, int], pixel_um: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies fy (2y, 1), fx (1, 2x), cycles/um, of a mirrored image of `shape` (y, x) on pixels of `pixel_um`."""
    fy, fx = (np.fft.fftfreq(2 * n, pixel_um) for n in shape)
    return fy[:, None], fx[None, :]


def told(
    phase: np.ndarray, transfer: np.ndarray, noise: float, pixel_um: float, left: np.ndarray | None = None
) -> Told:
    """What is told of a `phase` (y, x), rad, on pixels of `pixel_um`, continued by its mirror images.

    Parameters
    ----------
    phase : rad (y, x).
    transfer : squared contrast per rad of weak phase, summed over the frames (2y, 2x), at `mirrored_frequencies`.
    noise : variance of a pixel's contrast.
    pixel_um : of phase and frames.
    left : what the phase leaves unexplained of each frame's contrast (frame, y, x); where its waves are stronger than
        the noise they count as that. None: nothing.
    """
    fy, fx = mirrored_frequencies((phase.shape[0], phase.shape[1]), pixel_um)
    f = np.hypot(fy, fx)
    ring = np.round(f * min(phase.shape) * pixel_um).astype(int)  # of waves per field
    count = np.bincount(ring.ravel())

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(ring.ravel(), values.ravel()) / np.maximum(count, 1)

    power = mean(_power(phase))[ring]
    hidden = np.full_like(power, noise)
    if left is not None:
        hidden = np.maximum(hidden, mean(np.mean([_power(one) for one in left], 0))[ring])
    opened = hidden / np.maximum(hidden + transfer * power, 1e-30)
    opened[0, 0] = 0  # no frame tells the constant, and nobody asks for it
    untold = float((opened * power).sum())
    rings = mean(opened)[1 : min(phase.shape) // 2]
    first = int(np.argmax(rings < HALF)) if (rings < HALF).any() else len(rings)
    detail = 0.5 * min(phase.shape) * pixel_um / (first + 1) if first else np.inf
    total = max(float(power.sum() - power[0, 0]), 1e-30)
    return Told(float(np.sqrt(untold / power.size)), float(np.sqrt(untold / total)), float(detail))


def expectation(expected: float) -> str:
    """What is said of an error that is `expected`, over the deviation of the phase."""
    if expected > 1:
        return "an error larger than the phase's own deviation is to be expected"
    return f"an error of {expected:.0%} of the phase's own deviation is to be expected"


def kept_rad(within: np.ndarray) -> np.ndarray:
    """An uncertainty `within`, rad (y, x), as a result keeps it: half precision, and no more than that can hold."""
    return np.minimum(within, np.finfo(np.float16).max).astype(np.float16)


def _power(image: np.ndarray) -> np.ndarray:
    """Of each wave of an `image` (y, x) and its mirror images (2y, 2x); white noise of variance 1 has 1."""
    rows, columns = image.shape
    mirrored = np.pad(image - image.mean(), ((0, rows), (0, columns)), mode="symmetric")
    return np.asarray(np.abs(np.fft.fft2(mirrored, norm="ortho")) ** 2)

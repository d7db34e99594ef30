"""How far one colour's picture lies beside another's, whatever each colour shows darker.

What is compared is the gradient of the logarithm of the field, ln amplitude + i phase: stains weaken colours unequally,
but where there is an edge in one there is mostly one in the other, of the same direction.
"""

from __future__ import annotations

import numpy as np

FINEST = 0.2  # cycles per pixel; finer detail is more noise than edge
STEEPEST = 1.0  # per pixel: a zero of the amplitude counts no more than this
REACH = 1 / 8  # of a side: the largest shift that is looked for
STEPS = 8


def shift_between(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, float]:
    """Shift (y, x) of `other` against `one`, pixels, and how alike they are there, up to 1.

    What lies at r in `one` lies at r + shift in `other`; both are complex, or phase alone (y, x).
    """
    fade = np.hanning(one.shape[0])[:, None] * np.hanning(one.shape[1])[None, :]
    fy, fx = np.fft.fftfreq(one.shape[0])[:, None], np.fft.fftfreq(one.shape[1])[None, :]
    low = np.exp(-(fy**2 + fx**2) / FINEST**2)
    pair = [[np.fft.fft2(part * fade) * low for part in log_gradient(image)] for image in (one, other)]
    cross = sum(b * a.conj() for a, b in zip(*pair, strict=True))
    power = [sum(np.abs(a) ** 2 for a in parts) for parts in pair]
    both = np.sqrt(power[0] * power[1])
    weight = 1 / (both + both.mean())  # none shouts the others down
    near = (np.abs(fy) <= REACH) & (np.abs(fx) <= REACH)  # fftfreq numbers pixels as it does frequencies
    peak = np.fft.ifft2(cross * weight).real
    place = np.array(np.unravel_index(int(np.argmax(np.where(near, peak, -np.inf))), peak.shape))
    shift = np.array([np.fft.fftfreq(n)[k] * n for n, k in zip(peak.shape, place, strict=True)])
    shift = _between_pixels(cross * weight, shift, fy, fx)
    turn = np.exp(2j * np.pi * (fy * shift[0] + fx * shift[1]))
    return shift, float((cross * weight * turn).real.sum() / max((both * weight).sum(), 1e-30))


def log_gradient(image: np.ndarray) -> list[np.ndarray]:
    """d/dy and d/dx of the logarithm of an image (y, x), complex or phase alone, per pixel."""
    found = []
    for axis in (0, 1):
        ahead = np.roll(image, -1, axis)
        if np.iscomplexobj(image):
            ratio = ahead * image.conj()
            size = np.log(np.maximum(np.abs(ahead), 1e-6) / np.maximum(np.abs(image), 1e-6))
            steps = np.clip(size, -STEEPEST, STEEPEST) + 1j * np.clip(np.angle(ratio), -STEEPEST, STEEPEST)
        else:
            steps = 1j * np.clip(ahead - image, -STEEPEST, STEEPEST)
        found.append(steps)
    return found


def _between_pixels(cross: np.ndarray, shift: np.ndarray, fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
    """The top of the correlation near a whole `shift`, by Newton's steps."""
    at = shift.astype(float)
    omega = [2 * np.pi * np.broadcast_to(f, cross.shape) for f in (fy, fx)]
    for _ in range(STEPS):
        value = cross * np.exp(1j * (omega[0] * at[0] + omega[1] * at[1]))
        slope = np.array([-(value.imag * w).sum() for w in omega])
        bend = np.array([[-(value.real * a * b).sum() for b in omega] for a in omega])
        if not (np.linalg.eigvalsh(bend) < 0).all():
            return shift  # no top near here
        step = np.linalg.solve(bend, slope)
        at = at - np.clip(step, -0.5, 0.5)
    return at if np.abs(at - shift).max() < 1.5 else shift

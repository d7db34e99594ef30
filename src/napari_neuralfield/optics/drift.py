"""How far the picture has moved in each frame of a time-lapse: phase correlation against a running average.

Frames come one at a time and two spectra are kept, so that a sequence may be of any length. The average follows a
specimen that changes, and frames are moved back before they enter it, so that small errors do not add up.
"""

from __future__ import annotations

import numpy as np

MEMORY = 0.85  # of the average that stays when a frame enters it
FINEST = 0.25  # cycles per pixel: finer detail is mostly noise
REACH = 0.25  # of the frame: the largest move between two frames that is looked for
SMALLEST = 24  # pixels along a side of a part that is followed by itself
TRIES = 3  # at whole moves until less than half a pixel is left


class Follower:
    """Says of frame after frame how far what the first one shows has moved."""

    def __init__(self) -> None:
        self._average: np.ndarray | None = None
        self._place = np.zeros(2)

    def place(self, frame: np.ndarray) -> np.ndarray:
        """(2,) how far (y, x) the next frame (y, x) has moved, px, to a few hundredths."""
        if self._average is None:
            self._average = _spectrum(frame, np.zeros(2))
            return self._place.copy()
        for _ in range(TRIES):
            whole = np.round(self._place)
            seen = _spectrum(frame, whole)
            rest = _peak(seen * self._average.conj())
            self._place = whole + rest
            if np.abs(rest).max() <= 0.5:
                break
        self._average = MEMORY * self._average + (1 - MEMORY) * _moved(seen, whole - self._place)
        return self._place.copy()


def quarters(frame: np.ndarray) -> list[np.ndarray]:
    """The four quarters of a frame (y, x); none where they would be too small to be followed."""
    y, x = (n // 2 for n in frame.shape)
    if min(y, x) < SMALLEST:
        return []
    return [frame[:y, :x], frame[:y, -x:], frame[-y:, :x], frame[-y:, -x:]]


def _spectrum(frame: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Spectrum of a frame (y, x) moved back by whole pixels, relative to its mean, faded towards its borders."""
    values = np.asarray(frame, dtype=np.float64)
    values = np.roll(values, tuple(-int(n) for n in whole), axis=(0, 1))  # what wraps round is faded away
    fade = [np.hanning(n + 2)[1:-1] for n in values.shape]
    weight = fade[0][:, None] * fade[1][None, :]
    mean = float((values * weight).sum() / weight.sum())
    result: np.ndarray = np.fft.fft2((values / (mean or 1.0) - 1) * weight)
    return result


def _moved(seen: np.ndarray, by: np.ndarray) -> np.ndarray:
    """A spectrum (y, x) of the frame moved by a fraction of a pixel (2,)."""
    y, x = (np.exp(-2j * np.pi * np.fft.fftfreq(n) * d) for n, d in zip(seen.shape, by, strict=True))
    result: np.ndarray = seen * y[:, None] * x[None, :]
    return result


def _peak(cross: np.ndarray) -> np.ndarray:
    """Where the correlation with this cross spectrum (y, x) is highest, px (2,), to a hundredth of a pixel."""
    fy, fx = (np.fft.fftfreq(n) for n in cross.shape)
    strength = np.abs(cross)
    whitened = cross / (strength + strength.mean()) * np.exp(-(fy[:, None] ** 2 + fx[None, :] ** 2) / FINEST**2)
    near = (np.abs(fy)[:, None] <= REACH) & (np.abs(fx)[None, :] <= REACH)  # fftfreq numbers pixels too
    at = np.unravel_index(np.where(near, np.fft.ifft2(whitened).real, -np.inf).argmax(), cross.shape)
    place = np.array([np.fft.fftfreq(n)[k] * n for n, k in zip(cross.shape, at, strict=True)])
    for step in (0.2, 0.04, 0.01):
        y, x = place[:, None] + step * np.arange(-6, 7)
        values = np.exp(2j * np.pi * y[:, None] * fy) @ whitened @ np.exp(2j * np.pi * fx[:, None] * x)
        best = np.unravel_index(values.real.argmax(), values.shape)
        place = np.array([y[best[0]], x[best[1]]])
    return place

"""Which waves of the phase the bright-field frames of LED patterns tell.

Two frames differ by a wave where it moves the light of LEDs across the rim of the pupil. A wave so slow that it moves
that of none across leaves no trace: LEDs that end some way inside the rim are blind to anything wider.
"""

from __future__ import annotations

import numpy as np
import torch

from ...data.acquisition import MultiplexedLed
from ..engine.told import Told, told
from .linear import clear_pupil, weak_transfer
from .misfit import frame_noise


def told_by(acquisition: MultiplexedLed, phase: np.ndarray) -> Told | None:
    """What the differences between bright-field frames tell; None where they are fewer than two, or of unknown noise.

    Parameters
    ----------
    acquisition : frames of LED patterns.
    phase : rad, on the frames' pixels (y, x).
    """
    frames = acquisition.intensity(per_exposure=False)
    noise = frame_noise(frames, acquisition.pixel_um, acquisition.objective_na, acquisition.wavelength_um)
    led_na, patterns = np.asarray(acquisition.led_na), np.asarray(acquisition.patterns, np.float32)
    bright = patterns @ (np.hypot(*led_na.T) < acquisition.objective_na) > 0
    if noise is None or bright.sum() < 2:
        return None
    rows, columns = phase.shape
    transfer, _, light = weak_transfer(
        torch.from_numpy(patterns[bright]), led_na, (2 * rows, 2 * columns),
        pixel_um=(acquisition.pixel_um, acquisition.pixel_um), wavelength_um=acquisition.wavelength_um,
        pupil=clear_pupil(acquisition.objective_na / acquisition.wavelength_um),
    )  # fmt: skip
    transfer = transfer / light[:, None, None]
    differ = (transfer - transfer.mean(0)).abs().square().sum(0).numpy()
    mean = float(frames[bright].mean())
    return told(phase, differ, (noise.gain * mean + noise.reading) / mean**2, acquisition.pixel_um)

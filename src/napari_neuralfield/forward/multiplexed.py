"""LED patterns: a frame is the sum of the intensities that its LEDs give one by one.

I_p(r) = sum_l W_pl g_l^2 |image_l(r)|^2 + ambient_p, with W the brightness of LED l in frame p: LEDs are incoherent
with each other (Tian, Li, Ramchandran, Waller, Biomed. Opt. Express 5, 2376 (2014)). An array that lights one LED
a frame is the case W = 1.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ..compute import REAL
from ..data.acquisition import LedArray, MultiplexedLed
from ..optics.grids import centred_spectrum, fit_spectrum, image_of, intensity
from ..optics.pupil import TINY
from ..types import InputError
from . import fourier


def board_of(acquisition: LedArray | MultiplexedLed) -> LedArray:
    """The LEDs that are lit at all, each as if it had a frame of its own: geometry only, its frames are not theirs."""
    if isinstance(acquisition, LedArray):
        return acquisition
    return LedArray(
        frames=acquisition.frames,
        wavelength_um=acquisition.wavelength_um,
        pupil=acquisition.pupil,
        objective_na=acquisition.objective_na,
        pixel_um=acquisition.pixel_um,
        illumination_na=np.asarray(acquisition.led_na)[lit(acquisition)],
        title=acquisition.title,
        source=acquisition.source,
    )


def lit(acquisition: MultiplexedLed) -> np.ndarray:
    """(led,) bool: some pattern lights it.

    Raises
    ------
    InputError : where no pattern lights any LED.
    """
    found = np.asarray(np.any(np.asarray(acquisition.patterns) > 0, axis=0))
    if not found.any():
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: patterns are all zero; each frame needs at least one LED"
        )
    return found


@dataclasses.dataclass(frozen=True)
class Patterned:
    """Frames and the LEDs that made them, as a solver compares them.

    Parameters
    ----------
    amplitude : root of the counts over `scale` (frame, y, x), ambient light included.
    weight : brightness of each LED in each frame (frame, led), exposure included; 1 is the mean bright-field LED.
    gain : amplitude of each LED beside its weight (led,).
    floor : ambient intensity of each frame over `scale` (frame,).
    scale : counts that stand for 1.
    """

    amplitude: torch.Tensor
    weight: torch.Tensor
    gain: torch.Tensor
    floor: torch.Tensor
    scale: float


def measure(
    acquisition: LedArray | MultiplexedLed, plan: fourier.Windows, device: torch.device | str = "cpu"
) -> Patterned:
    """The frames on the image grid of a plan, and which LEDs made each.

    Parameters
    ----------
    acquisition : the frames; plan : windows of its `board_of`.
    device : where the amplitudes are wanted.

    Raises
    ------
    InputError : where the frames hold no light.
    """
    if isinstance(acquisition, LedArray):
        one = fourier.measure(acquisition, plan, device)
        return Patterned(one.amplitude, torch.eye(len(one.gain), device=device), one.gain, one.floor, one.scale)
    frames = torch.tensor(acquisition.intensity(per_exposure=False), device=device)
    ambient = 0.0 if acquisition.background is None else max(float(np.mean(acquisition.background)), 0.0)
    weight = np.asarray(acquisition.patterns, dtype=float)[:, lit(acquisition)]
    if acquisition.exposure is not None:
        weight = weight * np.asarray(acquisition.exposure)[:, None]
    bright = np.hypot(*np.asarray(board_of(acquisition).illumination_na).T) < acquisition.objective_na
    direct = weight @ (bright if (weight @ bright).any() else np.ones(len(bright)))
    scale = float(frames.mean(dim=(1, 2)).double().cpu().numpy()[direct > 0].sum() / direct.sum())
    if not scale > 0:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: the frames with bright-field LEDs have a mean of {scale:g}; "
            "frames must hold light, so check the background that is subtracted"
        )
    if plan.image_shape != plan.frame_shape:
        frames = image_of(fit_spectrum(centred_spectrum(frames), plan.image_shape)).real
    return Patterned(
        torch.sqrt(torch.clamp((frames + ambient) / scale, min=0.0)),
        torch.as_tensor(weight, dtype=REAL, device=device),
        torch.ones(weight.shape[1], device=device),
        torch.full((len(frames),), ambient / scale, dtype=REAL, device=device),
        scale,
    )


def predict(
    spectrum: torch.Tensor,
    pupil: torch.Tensor,
    corner: np.ndarray,
    image_shape: tuple[int, int],
    weight: torch.Tensor,
    floor: torch.Tensor | float = 0.0,
) -> torch.Tensor:
    """Intensity (z, y, x) of one frame, differentiable.

    Parameters
    ----------
    spectrum : centred object spectrum (z, Y, X).
    pupil : of the LEDs of the frame (led, z, y, x); corner : first bin of their windows (led, 2).
    image_shape : (y, x) pixels of the frame's grid.
    weight : intensity of each of them (led,).
    floor : ambient intensity.
    """
    image = fourier.predict(spectrum, pupil, corner, image_shape)
    light = intensity(image)
    return torch.einsum("l,lzyx->zyx", weight, light) + floor + TINY

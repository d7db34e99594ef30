"""Fourier ptychography: what each LED shows of an object, on grids just large enough to lose nothing.

The object lives as a centred spectrum that covers the synthetic aperture. LED i sees the window centred at
-na / wavelength: cropped at the nearest bin, with aperture, aberration and defocus evaluated at the exact remainder.
A window is transformed from the corner of its grid: that puts a phase ramp on the image, invisible in intensity,
and saves every shift.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from torch.autograd.function import FunctionCtx

from ..compute import REAL
from ..data.acquisition import LedArray
from ..data.geometry import refuse_coded_surface
from ..optics.grids import centred_spectrum, fast_length, fit_spectrum, image_of
from ..optics.pupil import TINY, aperture, defocus
from ..types import InputError
from .streamed import Parts, at_once


@dataclasses.dataclass(frozen=True)
class Windows:
    """Which part of the object's spectrum each LED passes, in bins of 1 / (field of view).

    Parameters
    ----------
    bin : (y, x) bin of the frequency grid, cycles/um.
    box : (y, x) size of a window: the pupil and a margin, odd.
    spectrum_shape : (y, x) size of the object's centred spectrum, odd: every window lies inside.
    image_shape : (y, x) size of the images compared with the frames.
    corner : first bin of each LED's window (led, 2), int64.
    remainder : pupil frequency of the middle of each window, cycles/um (led, 2), float64.
    pupil : measured pupil on the bins of a window (y, x), complex, or None.
    """

    bin: tuple[float, float]
    box: tuple[int, int]
    spectrum_shape: tuple[int, int]
    image_shape: tuple[int, int]
    corner: np.ndarray
    remainder: np.ndarray
    wavelength_um: float
    cutoff: float
    frame_shape: tuple[int, int]
    pixel_um: float
    pupil: np.ndarray | None = None


def windows(
    acquisition: LedArray,
    *,
    crop: bool = True,
    exact: bool = True,
    margin: float = 0.0,
    shape: tuple[int, int] | None = None,
) -> Windows:
    """The windows of an LED array.

    Parameters
    ----------
    acquisition : frames, directions, NA and pixel.
    crop : compare images on twice the pupil's diameter, which holds all their intensity, not on the frame's pixels.
    exact : keep the sub-bin remainder of each LED; otherwise round its direction to the nearest bin.
    margin : share by which the aperture is drawn larger than the nominal NA.
    shape : (y, x) pixels of a grid that reaches beyond the frames; the frames' own where None. A measured pupil is
        left to the caller then.

    Raises
    ------
    InputError : where there is a coded surface, which this model does not know, or the pixels are too coarse, or the
        frames too small.
    """
    refuse_coded_surface(acquisition)
    measured = acquisition.pupil if shape is None else None
    shape, wavelength = acquisition.frame_shape if shape is None else shape, acquisition.wavelength_um
    bins = tuple(1.0 / (n * acquisition.pixel_um) for n in shape)
    cutoff = (1 + margin) * acquisition.objective_na / wavelength
    half = [math.ceil(cutoff / b) + 1 for b in bins]
    box = [2 * h + 1 for h in half]
    image = [n if not crop else min(n, fast_length(2 * b)) for n, b in zip(shape, box, strict=True)]
    if any(b > n for b, n in zip(box, image, strict=True)):
        limit = wavelength / (2 * acquisition.objective_na)
        if acquisition.pixel_um < limit:
            raise InputError(
                f"{acquisition.source or 'the acquisition'}: frames of {shape[0]} x {shape[1]} pixels are too small "
                f"for NA {acquisition.objective_na:g} at {wavelength:g} um and {acquisition.pixel_um:g} um pixels, "
                "whose blur reaches as far; take a larger region"
            )
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: pixel_um is {acquisition.pixel_um:g} um, too coarse for NA "
            f"{acquisition.objective_na:g} at {wavelength:g} um (at most {limit:.3g} um); check the magnification"
        )
    centre = -np.asarray(acquisition.illumination_na) / wavelength / np.array(bins)
    nearest = np.round(centre).astype(np.int64)
    reach = [int(np.abs(nearest[:, a]).max()) + half[a] for a in (0, 1)]
    remainder = (nearest - centre) * np.array(bins) if exact else np.zeros_like(centre)
    corner = nearest + np.array([r - h for r, h in zip(reach, half, strict=True)])
    return Windows(
        bin=(bins[0], bins[1]),
        box=(box[0], box[1]),
        spectrum_shape=(2 * reach[0] + 1, 2 * reach[1] + 1),
        image_shape=(image[0], image[1]),
        corner=corner,
        remainder=remainder,
        wavelength_um=wavelength,
        cutoff=cutoff,
        frame_shape=shape,
        pixel_um=acquisition.pixel_um,
        pupil=on_window(measured, (box[0], box[1])),
    )


def on_window(pupil: np.ndarray | None, box: tuple[int, int]) -> np.ndarray | None:
    """A pupil on the frame's frequency grid (y, x), complex, on the bins of a window of `box` (y, x) bins."""
    return None if pupil is None else fit_spectrum(torch.from_numpy(np.array(pupil, np.complex64)), box).numpy()


def window_centres(plan: Windows) -> np.ndarray:
    """Centre of each LED's window from the zero frequency, cycles/um (led, 2): -na / wavelength."""
    middle = np.array(plan.box) // 2 - np.array(plan.spectrum_shape) // 2
    centres: np.ndarray = (plan.corner + middle) * np.array(plan.bin) - plan.remainder
    return centres


def pupil_frequencies(
    plan: Windows,
    indices: np.ndarray | slice = slice(None),
    device: torch.device | str = "cpu",
    dtype: torch.dtype = REAL,
    na_shift: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pupil frequencies of the windows of a `plan`: fy (led, y, 1) and fx (led, 1, x), cycles/um.

    Of the LEDs `indices` (led,), on `device` in `dtype`; differentiable in `na_shift`, a change of directions (led, 2).
    """
    rest = torch.as_tensor(plan.remainder[indices], dtype=torch.float64, device=device)
    axes = [torch.arange(n, dtype=torch.float64, device=device) - n // 2 for n in plan.box]
    fy = axes[0][None, :] * plan.bin[0] + rest[:, 0, None]
    fx = axes[1][None, :] * plan.bin[1] + rest[:, 1, None]
    fy, fx = fy.to(dtype)[:, :, None], fx.to(dtype)[:, None, :]
    if na_shift is None:
        return fy, fx
    moved = na_shift[:, :, None, None] / plan.wavelength_um
    return fy + moved[:, 0], fx + moved[:, 1]


def pupils(
    plan: Windows,
    indices: np.ndarray | slice,
    z_um: torch.Tensor,
    aberration: torch.Tensor | None = None,
    na_shift: torch.Tensor | None = None,
    edge: float = 0.0,
) -> torch.Tensor:
    """Aperture, defocus and aberration in each window: (led, z, y, x), complex of the depths' precision.

    Parameters
    ----------
    plan : windows; indices : of which LEDs (led,).
    z_um : depths, um (z,).
    aberration : complex factor on the window's bins (y, x), or None.
    na_shift : change of each LED's direction (led, 2), differentiable where `edge` is above 0.
    edge : width of a soft aperture edge, cycles/um.
    """
    fy, fx = pupil_frequencies(plan, indices, z_um.device, z_um.dtype, na_shift)
    passed = aperture(fy, fx, plan.cutoff, edge)[:, None]
    kernel = passed * defocus(fy[:, None], fx[:, None], plan.wavelength_um, z_um[None, :, None, None])
    if plan.pupil is not None:
        kernel = kernel * between_bins(plan, indices, z_um.device)[:, None]
    return kernel if aberration is None else kernel * aberration


def between_bins(plan: Windows, indices: np.ndarray | slice, device: torch.device | str = "cpu") -> torch.Tensor:
    """The measured pupil of a `plan` at the exact frequencies of the windows of the LEDs `indices`: (led, y, x).

    Read linearly, on `device`, modulus and phase factor apart, so that a phase slope takes no light; bins where the
    pupil is zero do not count.
    """
    assert plan.pupil is not None
    pupil = torch.as_tensor(plan.pupil, device=device)
    seen = (pupil.abs() > 0).to(REAL)
    share = torch.as_tensor(plan.remainder[indices] / np.array(plan.bin), dtype=REAL, device=device)
    total, modulus, weight = torch.zeros_like(pupil), torch.zeros_like(seen), torch.zeros_like(seen)
    for sy in (-1, 0, 1):
        for sx in (-1, 0, 1):
            near = torch.relu(1 - (share[:, 0] - sy).abs()) * torch.relu(1 - (share[:, 1] - sx).abs())
            here = [t.roll((-sy, -sx), (0, 1)) for t in (pupil, pupil.abs(), seen)]
            near = near[:, None, None]
            total, modulus, weight = total + near * here[0], modulus + near * here[1], weight + near * here[2]
    phase = total / total.abs().clamp(min=1e-12)
    return phase * modulus / weight.clamp(min=1e-6)


def predict(
    spectrum: torch.Tensor, pupil: torch.Tensor, corner: np.ndarray, image_shape: tuple[int, int]
) -> torch.Tensor:
    """Complex image (led, z, y, x) of each LED, up to a phase ramp, differentiable.

    Parameters
    ----------
    spectrum : centred object spectrum (z, Y, X).
    pupil : (led, z, y, x) from `pupils`.
    corner : first bin of each window (led, 2).
    image_shape : (y, x) pixels of the image.
    """
    rows, columns = pupil.shape[-2:]
    cut = torch.stack([spectrum[:, y : y + rows, x : x + columns] for y, x in corner.tolist()])
    return torch.fft.ifft2(cut * pupil, s=image_shape, norm="forward")


class _Gradients(FunctionCtx):
    saved_tensors: tuple[torch.Tensor, ...]


class _Misfit(torch.autograd.Function):
    """Mean squared difference of modulus and measured amplitude; its adjoint is two FFTs, written out."""

    @staticmethod
    def forward(
        ctx: _Gradients,
        spectrum: torch.Tensor,
        pupil: torch.Tensor,
        floor: torch.Tensor,
        corner: list[list[int]],
        amplitude: torch.Tensor,
    ) -> torch.Tensor:
        rows, columns = pupil.shape[-2:]
        cut = torch.stack([spectrum[y : y + rows, x : x + columns] for y, x in corner])
        image = torch.fft.ifft2(cut * pupil, s=amplitude.shape[-2:], norm="forward")
        model = torch.sqrt(image.abs() ** 2 + floor[:, None, None] + TINY)
        difference = model - amplitude
        ratio = difference / model
        image *= ratio
        back = torch.fft.fft2(image, norm="forward")[:, :rows, :columns]
        to_object, to_pupil = back * pupil.conj(), back * cut.conj()
        gradient = torch.zeros_like(spectrum)
        for (y, x), part in zip(corner, to_object, strict=True):
            gradient[y : y + rows, x : x + columns] += part
        share = 2 / len(amplitude)
        ctx.save_for_backward(gradient * share, to_pupil * share, ratio.mean(dim=(1, 2)) / len(amplitude))
        return (difference**2).mean()

    @staticmethod
    def backward(ctx: _Gradients, scale: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return *(gradient * scale for gradient in ctx.saved_tensors), None, None


def misfit(
    spectrum: torch.Tensor, pupil: torch.Tensor, corner: np.ndarray, amplitude: torch.Tensor, floor: torch.Tensor
) -> torch.Tensor:
    """Mean of (sqrt(|image|^2 + floor) - amplitude)^2 over LEDs and pixels, differentiable.

    Parameters
    ----------
    spectrum : centred object spectrum at one depth (Y, X).
    pupil : (led, y, x); corner : (led, 2); amplitude : measured (led, y, x).
    floor : ambient intensity in each frame (led,).
    """
    loss: torch.Tensor = _Misfit.apply(spectrum, pupil, floor, corner.tolist(), amplitude)
    return loss


@dataclasses.dataclass(frozen=True)
class LedFrames:
    """The frames as a solver compares them: root of the counts, with what every frame carries besides its LED.

    Parameters
    ----------
    amplitude : root of the counts over `scale` (led, y, x). Ambient light stays in, and what noise leaves below
        zero is set to zero: subtracting the light would square-root noise about zero, which is biased.
    gain : amplitude of each LED from its exposure, mean 1 (led,).
    floor : ambient intensity of each frame over `scale` (led,): the model is sqrt(|gain image|^2 + floor).
    scale : the intensity that stands for 1: the mean of the bright-field frames at mean gain.
    """

    amplitude: torch.Tensor
    gain: torch.Tensor
    floor: torch.Tensor
    scale: float


def measure(acquisition: LedArray, plan: Windows, device: torch.device | str = "cpu", chunk: int = 64) -> LedFrames:
    """The frames of an `acquisition` on the image grid of its `plan`, cropped to the image's band.

    `chunk` frames are read at once, fewer where they are large, to `device`.
    """
    ambient = ambient_light(acquisition)
    parts = Parts((acquisition.frame_count, *plan.image_shape), device)
    chunk = at_once(plan.frame_shape, chunk)
    for start in range(0, acquisition.frame_count, chunk):
        some = slice(start, start + chunk)
        part = acquisition.intensity(some, per_exposure=False) + ambient[some, None, None].astype(np.float32)
        frames = torch.tensor(part, device=device)
        if plan.image_shape != plan.frame_shape:
            frames = image_of(fit_spectrum(centred_spectrum(frames), plan.image_shape)).real
        parts.append(frames)
    return measured(acquisition, parts.joined(), ambient)


def measured(acquisition: LedArray, counts: torch.Tensor, ambient: np.ndarray, passed: float = 1.0) -> LedFrames:
    """Counts as a solver compares them.

    Parameters
    ----------
    acquisition : gives exposures and directions.
    counts : the frames with their ambient light (led, y, x).
    ambient : light besides the LED's in each frame, counts (led,).
    passed : share of the light that reaches the sensor without a sample.
    """
    gain = torch.ones(acquisition.frame_count, device=counts.device)
    if acquisition.exposure is not None:
        gain = torch.tensor(np.sqrt(acquisition.exposure), dtype=REAL, device=counts.device)
        gain = gain / gain.mean()
    light = torch.as_tensor(ambient, dtype=REAL, device=counts.device)
    scale = bright_mean(acquisition, (counts.mean(dim=(1, 2)) - light) / gain**2) / passed
    floor = light / scale
    return LedFrames(torch.sqrt(torch.clamp(counts / scale, min=0.0)), gain, floor, scale)


def ambient_light(acquisition: LedArray) -> np.ndarray:
    """Light besides the LED's in each frame, counts (led,): the mean of the background and the frame's own."""
    mean = 0.0 if acquisition.background is None else float(np.mean(acquisition.background))
    own = 0.0 if acquisition.ambient is None else acquisition.ambient
    return np.maximum(np.full(acquisition.frame_count, mean) + own, 0.0)


def bright_mean(acquisition: LedArray, means: torch.Tensor) -> float:
    """Mean of the bright-field frames of an `acquisition`, from the `means` of all its frames (led,), counts.

    Raises
    ------
    InputError : where they hold no light.
    """
    bright = np.hypot(*np.asarray(acquisition.illumination_na).T) < acquisition.objective_na
    chosen = means[torch.as_tensor(bright, device=means.device)] if bright.any() else means
    scale = float(chosen.mean())
    if not scale > 0:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: the bright-field frames have a mean of {scale:g}; "
            "frames must hold light, so check the background that is subtracted"
        )
    return scale

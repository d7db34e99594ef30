"""The frames of an LED array as the answer would have them, beside those that were measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...forward import fourier
from ...forward.led_grid import depth_tensor, extent
from ...optics.grids import centred_spectrum, fit_spectrum, image_of
from ...types import Result
from ..calibration.apply import central
from ..projection.near_light import NearLight

LOOKED_AT = 192  # frame pixels along a side, in the middle
MOST_PLANES = 9  # of a stack that are looked at
TAPER = 0.3  # share of a side, at each end, over which frames fade: their borders may not repeat
HIGHEST = 0.06  # share of a frame's frequencies, the highest, that tell its noise where none is empty
BEYOND = 1.03  # on the rim of the band, where frequencies are empty
FEWEST = 24  # frequencies that tell a noise
BATCH = 32  # LEDs predicted at once


@dataclasses.dataclass(frozen=True)
class LedMisfits:
    """Of each LED, over the tapered inner part of its frame, in units of its mean brightness squared.

    residual : mean square of measured minus predicted, at the brightness that fits best (led,).
    noise : the part of it that the camera's noise explains (led,). structure : variance of the measured frame (led,).
    brightness : of the LED against what is known of it (led,), any unit. light : its mean brightness (led,), counts.
    """

    residual: np.ndarray
    noise: np.ndarray
    structure: np.ndarray
    brightness: np.ndarray
    light: np.ndarray

    def unexplained(self, leds: np.ndarray) -> float:
        """Share of the structure of frames `leds` (led,), bool, that neither picture nor noise explains, 0 to 1.

        A single frame, empty or full, counts no more than any other.
        """
        weight = 1 / np.maximum(self.structure[leds], 1e-12)
        excess = np.clip((self.residual - self.noise)[leds] * weight, 0, 1)
        signal = np.maximum((self.structure - self.noise)[leds] * weight, 0)
        return float(min(excess.sum() / max(signal.sum(), 1e-9), 1.0))

    def off(self, leds: np.ndarray) -> float:
        """Root of the mean square, noise left out, by which frames `leds` are off, over their brightness."""
        return float(np.sqrt(np.median(np.maximum(self.residual - self.noise, 0)[leds])))

    def noisy(self, leds: np.ndarray) -> float:
        """Share of what frames `leds` show that is noise, in the middle."""
        return float(np.median(self.noise[leds] / np.maximum(self.structure[leds], 1e-12)))

    def noises(self, leds: np.ndarray) -> float:
        """How many times the noise the misfit of frames `leds` is, root mean square, in the middle."""
        return float(np.sqrt(np.median(self.residual[leds] / np.maximum(self.noise[leds], 1e-12))))


def microscope_of(acquisition: LedArray, result: Result) -> LedArray:
    """The acquisition with what the result found of the microscope.

    Parameters
    ----------
    acquisition : whose frames were reconstructed.
    result : with `illumination_na`, `gains`, `background` and `pupil` in its calibration, as far as they were found.
    """
    found, count = result.calibration, acquisition.frame_count
    changes: dict[str, object] = {}
    if len(found.get("illumination_na", ())) == count:
        changes["illumination_na"] = found["illumination_na"]
    if len(found.get("gains", ())) == count and np.all(found["gains"] > 0):
        changes["exposure"] = found["gains"]
    if len(found.get("background", ())) == count and found["background"].ndim == 1:
        counts = np.asarray(found["background"], dtype=float)
        known = np.zeros(acquisition.frame_shape) if acquisition.background is None else acquisition.background
        pedestal = acquisition.pedestal if acquisition.background is None and acquisition.pedestal else 0.0
        changes["background"] = known - known.mean() + counts.mean() + pedestal
        changes["ambient"] = counts - counts.mean()
    pupil = found.get("pupil")
    if pupil is not None:
        whole = fit_spectrum(torch.from_numpy(np.array(pupil, np.complex64)), acquisition.frame_shape)
        changes["pupil"] = whole.numpy()
    return acquisition.replace(**changes) if changes else acquisition


@dataclasses.dataclass(frozen=True)
class Part:
    """The middle of the frames, under the microscope as the result knows it.

    acquisition : with what was found. plan : windows of its LEDs. corner : first pixel (y, x) of the part in a frame.
    frames : measured, on the image grid (led, y, x). noise : variance of one of its pixels (led,).
    """

    acquisition: LedArray
    plan: fourier.Windows
    corner: tuple[int, int]
    frames: torch.Tensor
    noise: np.ndarray

    @property
    def oblique(self) -> np.ndarray:
        """How far from the axis each LED is, in units of the objective's NA (led,)."""
        return np.hypot(*np.asarray(self.acquisition.illumination_na).T) / self.acquisition.objective_na


def middle(acquisition: LedArray, margin: float, pixels: int = LOOKED_AT) -> Part:
    """The part of the frames that is looked at.

    Parameters
    ----------
    acquisition : from `microscope_of`. margin : share by which its aperture is wider than the nominal NA.
    pixels : along a side.
    """
    part = central(acquisition, pixels)
    plan = fourier.windows(part, margin=margin)
    corner = tuple((n - k) // 2 for n, k in zip(acquisition.frame_shape, part.frame_shape, strict=True))
    frames = torch.tensor(part.intensity(per_exposure=False))
    share = float(np.prod(plan.image_shape) / np.prod(plan.frame_shape))  # of the noise, left in the image's band
    noise = noise_of(frames, plan) * share
    return Part(part, plan, (corner[0], corner[1]), on_image_grid(frames, plan), noise)


def predicted(part: Part, result: Result) -> tuple[torch.Tensor, float]:
    """Intensity (led, y, x) that a result gives on the image grid, in any unit, and the depth where it fits, um.

    Of a stack, each place is taken from the plane that fits best there.

    Parameters
    ----------
    part : from `middle`. result : the answer; its own prediction comes first.
    """
    low, high = result.field.extent.z_um
    if result.predicted is not None:
        counts = result.predicted() if callable(result.predicted) else result.predicted
        rows, columns = part.acquisition.frame_shape
        y, x = part.corner
        own = torch.tensor(np.asarray(counts)[:, y : y + rows, x : x + columns], dtype=torch.float32)
        if part.acquisition.exposure is not None:  # its brightness is in the prediction
            own = own / torch.tensor(part.acquisition.exposure, dtype=torch.float32)[:, None, None]
        return on_image_grid(own, part.plan), (low + high) / 2
    depths = np.linspace(low, high, MOST_PLANES if high > low else 1)
    planes = [of_plane(part, result, float(z)) for z in depths]
    if len(planes) == 1:
        return planes[0], float(depths[0])
    maps = torch.stack([_misfit_map(part.frames, plane) for plane in planes])
    best = maps.argmin(0)
    shown = torch.stack(planes).gather(0, best[None, None].expand(1, *planes[0].shape))[0]
    return shown, float(depths[int(maps.mean((1, 2)).argmin())])


def picture(part: Part, result: Result, z_um: float) -> tuple[np.ndarray, float]:
    """The plane at `z_um` of a `result`, complex (y, x), on a `part` of the field, and its pixel, um."""
    where, pixel = extent(part.acquisition, np.array([z_um])), part.acquisition.pixel_um
    axes = (c * pixel + axis for c, axis in zip(part.corner, where.axes(), strict=True))
    return result.field.render([z_um], *axes)[0].detach().cpu().to(torch.complex64).numpy(), where.pixel_um


def of_plane(part: Part, result: Result, z_um: float) -> torch.Tensor:
    """Intensity (led, y, x) that the plane at `z_um` of a `result` gives on a `part`, in any unit."""
    plan, (image, _) = part.plan, picture(part, result, z_um)
    spectrum = fit_spectrum(centred_spectrum(torch.from_numpy(image)), plan.spectrum_shape)[None]
    if "light_bend" in result.figures and (light := NearLight.of(part.acquisition)) is not None:
        spectrum = light.lit(spectrum)  # which the answer is freed of
    z, parts = depth_tensor(np.array([z_um]), torch.device("cpu")), []
    for leds in np.array_split(np.arange(len(plan.corner)), -(-len(plan.corner) // BATCH)):
        kernel = fourier.pupils(plan, leds, z)
        parts.append(fourier.predict(spectrum, kernel, plan.corner[leds], plan.image_shape)[:, 0].abs() ** 2)
    return torch.cat(parts)


def _misfit_map(measured: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """Where predicted frames are far from measured ones (y, x), smoothed over a sixteenth of a side."""
    brightness = (measured * shown).sum((1, 2)) / shown.square().sum((1, 2)).clamp(min=1e-30)
    difference = (measured - brightness[:, None, None] * shown).square()
    difference = (difference / measured.mean((1, 2)).square().clamp(min=1e-12)[:, None, None]).mean(0)
    width = max(3, min(difference.shape) // 16) // 2 * 2 + 1
    return torch.nn.functional.avg_pool2d(difference[None, None], width, 1, width // 2, count_include_pad=False)[0, 0]


def taper(shape: tuple[int, int]) -> torch.Tensor:
    """Weight (y, x) of each pixel of frames of a `shape`, sum 1."""
    sides = []
    for n in shape:
        place = (torch.arange(n) + 0.5) / n
        sides.append(torch.sin(0.5 * torch.pi * (torch.minimum(place, 1 - place) / TAPER).clamp(max=1)) ** 2)
    weight = sides[0][:, None] * sides[1]
    return weight / weight.sum()


def noise_of(frames: torch.Tensor, plan: fourier.Windows) -> np.ndarray:
    """Variance of the noise in a pixel of each frame (led,), from frequencies that no image holds.

    Where every frequency of the frames may hold some of an image, the highest tell an upper limit.

    Parameters
    ----------
    frames : (led, y, x). plan : tells which frequencies are empty.
    """
    fy, fx = (np.fft.fftfreq(n, plan.pixel_um) for n in frames.shape[-2:])
    radius = np.hypot(fy[:, None], fx[None, :])
    empty = radius > BEYOND * 2 * plan.cutoff
    if empty.sum() < FEWEST:
        empty = radius > np.quantile(radius, 1 - HIGHEST)
    window = torch.sqrt(taper((frames.shape[-2], frames.shape[-1])))
    window = window / window.square().mean().sqrt()
    power = torch.fft.fft2((frames - frames.mean((1, 2), keepdim=True)) * window, norm="ortho").abs() ** 2
    return (power[:, torch.from_numpy(empty)].median(dim=1).values / np.log(2)).double().numpy()


def on_image_grid(frames: torch.Tensor, plan: fourier.Windows) -> torch.Tensor:
    """Frames (led, y, x) on the grid of the images of a `plan`."""
    if plan.image_shape == plan.frame_shape:
        return frames
    return image_of(fit_spectrum(centred_spectrum(frames), plan.image_shape)).real


def compare(part: Part, shown: torch.Tensor) -> LedMisfits:
    """How far the frames of a `part` are from those `shown` (led, y, x), in any unit, on its image grid."""
    w = taper((shown.shape[-2], shown.shape[-1])).double()
    m, p = part.frames.double(), shown.double()
    brightness = (w * m * p).sum((1, 2)) / (w * p * p).sum((1, 2)).clamp(min=1e-30)
    residual = (w * (m - brightness[:, None, None] * p) ** 2).sum((1, 2))
    mean = (w * m).sum((1, 2))
    structure = (w * (m - mean[:, None, None]) ** 2).sum((1, 2))
    unit = mean.abs().clamp(min=1e-9).numpy() ** 2
    given = part.acquisition.exposure
    return LedMisfits(
        residual=residual.numpy() / unit, noise=part.noise / unit, structure=structure.numpy() / unit,
        brightness=brightness.numpy() / (1.0 if given is None else np.asarray(given, dtype=float)),
        light=unit**0.5,
    )  # fmt: skip

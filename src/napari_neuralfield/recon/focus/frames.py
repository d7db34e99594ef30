"""What a fit to defocused frames looks at: which frames, how bright, how noisy, and where they show nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.ndimage
import torch

from ...checks.through_focus import refuse_far_away
from ...data.acquisition import ThroughFocus
from ...data.brightness import slow_light
from ...forward.brightfield import BrightField
from ...forward.defocus_misfit import DefocusMisfit, weak_transfer
from ...optics.grids import binned, spread
from ...types import InputError

SMALLEST = 16  # pixels along a side
FAINTEST = 0.02  # contrast of a weak phase of 1 rad below which a frame is in focus
QUIET_BLOCK = 4  # details along a side of the blocks among which the quietest tell the noise
QUIET_SHARE = 5  # percentile of the blocks
QUIET_BIAS = 0.705  # deviation at that percentile of blocks that are equally noisy
EMPTY_WIDTH = 2.0  # camera pixels over which frames are looked at for emptiness
EMPTY_LIMIT = 1.6  # mean square, in units of the noise, up to which a place is empty
EMPTY_CLIP = 9.0  # square from which a pixel counts no more
EMPTY_SMALLEST = 60  # camera pixels of one place
FINE = 2  # pixels of a fit per camera pixel and axis: the frames say nothing about finer ones
GUARD = 8  # camera pixels beyond the frames, at least


@dataclasses.dataclass(frozen=True)
class DefocusFrames:
    """The frames of a fit.

    acquisition : with these frames only. numbers : of the frames in the whole acquisition. intensity : (frame, y, x),
    an empty field of view being 1. noise : deviation of a pixel of value 1.
    """

    acquisition: ThroughFocus
    numbers: list[int]
    intensity: np.ndarray
    noise: float

    @property
    def reach_px(self) -> int:
        """Camera pixels from which light arrives in a defocused frame."""
        reach = float(np.abs(np.asarray(self.acquisition.z_um)).max()) * self.acquisition.objective_na
        return int(np.ceil(reach / self.acquisition.pixel_um))

    def misfit(self, upsampling: int, points: int, device: torch.device | str = "cpu") -> DefocusMisfit:
        """How far a sample on `upsampling` finer pixels is from explaining the frames.

        `points` of the condenser's aperture are summed, on `device`.
        """
        return DefocusMisfit(
            self.acquisition, torch.from_numpy(self.intensity), self.noise,
            upsampling=upsampling, margin=GUARD + self.reach_px, points=points, device=device,
        )  # fmt: skip


def frames_of(
    acquisition: ThroughFocus, frames: Sequence[int] | None = None, noise: float | None = None, flatten_um: float = 0.0
) -> DefocusFrames:
    """The frames that are explained.

    Parameters
    ----------
    acquisition : all frames there are.
    frames : their numbers, from 0; None: all.
    noise : deviation of a pixel over its brightness; None: from the frames.
    flatten_um : brightness that varies more slowly than this is divided out, um; 0: only each frame's mean is.

    Raises
    ------
    InputError : where a number is none of the frames', or given twice, all chosen are in focus, or a frame is too
        small, dark, or not finite.
    """
    where = acquisition.source or "the acquisition"
    numbers = list(range(acquisition.frame_count)) if frames is None else [int(number) for number in frames]
    for number in numbers:
        if not 0 <= number < acquisition.frame_count:
            raise InputError(
                f"option frames names frame {number}; {where} has {acquisition.frame_count} frames, "
                f"counted from 0 to {acquisition.frame_count - 1}"
            )
    if len(set(numbers)) != len(numbers) or not numbers:
        raise InputError(f"option frames is {numbers}; name at least one frame, and each only once")
    refuse_small(acquisition, "a fit through focus")
    chosen = acquisition.subset(numbers)
    _refuse_in_focus(chosen, where)
    refuse_far_away(chosen)
    intensity = chosen.intensity()
    level = intensity.mean((1, 2), keepdims=True)
    dark = np.flatnonzero(level.ravel() <= 0)
    if dark.size:
        raise InputError(
            f"{where}: frame {numbers[dark[0]]} has a mean of {float(level.ravel()[dark[0]]):g}; a bright-field frame "
            "must hold light, so check the background that is subtracted"
        )
    if flatten_um > 0:
        level = np.stack([slow_light(one, flatten_um / (2 * acquisition.pixel_um)) for one in intensity])
    intensity = (intensity / level).astype(np.float32)
    noise = _noise(acquisition, numbers, intensity) if noise is None else noise
    return DefocusFrames(chosen, numbers, intensity, noise)


def _noise(acquisition: ThroughFocus, numbers: list[int], intensity: np.ndarray) -> float:
    """Of the chosen frames, and of the one that lies nearest to focus, where a thin sample hardly shows."""
    nearest = int(np.abs(np.asarray(acquisition.z_um)).argmin())
    found = noise_of(intensity)
    if nearest not in numbers:
        focused = acquisition.intensity([nearest])
        found = min(found, noise_of(focused / max(float(focused.mean()), 1e-12)))
    return found


def _refuse_in_focus(acquisition: ThroughFocus, where: str) -> None:
    microscope = BrightField.of(acquisition)
    z_um = np.asarray(acquisition.z_um, float)

    def contrast(z: float) -> float:
        return float(weak_transfer(microscope, (64, 64), z)[0].abs().max())

    if max(contrast(z) for z in z_um) >= FAINTEST:
        return
    depths = ", ".join(f"{z:g}" for z in z_um)
    needed = next((z for z in 0.01 * 1.5 ** np.arange(40) if contrast(z) >= 5 * FAINTEST), 1.0)
    if np.abs(z_um).max() > needed:
        raise InputError(
            f"{where}: the chosen frames lie so far from focus (z_um {depths}) that nothing of a transparent sample is "
            "left in them; z_um is in micrometres, so check its unit"
        )
    raise InputError(
        f"{where}: the chosen frames lie in focus (z_um {depths}), where a transparent sample cannot be seen; choose a "
        f"frame that is defocused by about {needed:.1g} um or more"
    )


def refuse_small(acquisition: ThroughFocus, who: str) -> None:
    """Raise an InputError where frames of `acquisition` have fewer pixels along a side than `who` needs."""
    rows, columns = acquisition.frame_shape
    if min(rows, columns) < SMALLEST:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: its frames have {rows} x {columns} pixels; {who} needs at "
            f"least {SMALLEST} along each side"
        )


def noise_of(frames: np.ndarray) -> float:
    """Deviation of a pixel's noise, in the units of frames (frame, y, x), from the quietest frame where it is quietest.

    From the finest diagonal Haar details, in which a smooth sample does not show (D. L. Donoho, I. M. Johnstone,
    Biometrika 81, 425 (1994)), in small blocks.
    """
    rows, columns = (n - n % 2 for n in frames.shape[-2:])
    found = []
    for frame in frames:
        part = np.asarray(frame, np.float64)[:rows, :columns]
        upper, lower = part[::2], part[1::2]
        detail = (upper[:, ::2] - upper[:, 1::2] - lower[:, ::2] + lower[:, 1::2]) / 2
        power = scipy.ndimage.uniform_filter(detail**2, QUIET_BLOCK, mode="reflect")
        found.append(float(np.sqrt(np.percentile(power, QUIET_SHARE))) / QUIET_BIAS)
    return min(found)


def empty_places(frames: np.ndarray, noise: float) -> np.ndarray:
    """Where none of `frames` (frame, y, x), empty ones being 1, shows more than `noise` over a larger place (y, x)."""
    excess = np.minimum(((frames - 1) / noise) ** 2, EMPTY_CLIP).mean(0)
    quiet = scipy.ndimage.gaussian_filter(excess, EMPTY_WIDTH, mode="reflect") < EMPTY_LIMIT
    places, count = scipy.ndimage.label(quiet)
    size = scipy.ndimage.sum_labels(quiet, places, np.arange(1, count + 1))
    large = np.isin(places, 1 + np.flatnonzero(size >= EMPTY_SMALLEST))
    return np.asarray(scipy.ndimage.binary_erosion(large, border_value=1))


def empty_on_grid(looked: DefocusFrames, misfit: DefocusMisfit) -> torch.Tensor | None:
    """Share of emptiness (Y, X) of the frames `looked` at, on the grid of a `misfit`; None where no place is empty."""
    places = empty_places(looked.intensity, looked.noise)
    if not places.any():
        return None
    share = torch.from_numpy(places.astype(np.float32)).to(misfit.root.device)
    f = misfit.upsampling
    return misfit.padded(spread(share, f))


def optics_of(acquisition: ThroughFocus) -> dict[str, float]:
    """JSON-ready numbers of the microscope; refractive indices where they are known."""
    names = ("wavelength_um", "objective_na", "condenser_na", "pixel_um", "sample_index", "medium_index")
    return {name: float(value) for name in names if (value := getattr(acquisition, name)) is not None}


def fit_pixels(upsampling: int) -> int:
    """Pixels per camera pixel and axis at which a sample on `upsampling` of them is fitted: few, and a divisor."""
    return next((n for n in range(FINE, upsampling) if upsampling % n == 0), upsampling)


def on_finer_pixels(image: torch.Tensor, factor: int) -> torch.Tensor:
    """An `image` (y, x) on `factor` times finer pixels over the same area, by cubics whose means are its pixels."""
    if factor == 1:
        return image
    found, rest = torch.zeros((), device=image.device), image
    for _ in range(3):
        found = found + torch.nn.functional.interpolate(
            rest[None, None], scale_factor=factor, mode="bicubic", align_corners=False
        )
        rest = image - binned(found, factor)[0, 0]
    return found[0, 0]

"""Whether a phase explains the defocused frames: put it under the microscope again and compare.

The check that needs no truth. It sees what frames show, details of a few pixels, and hardly the slow part of a phase.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from ...data.acquisition import ThroughFocus
from ...forward.defocus_misfit import DefocusMisfit
from ...optics.grids import binned
from .frames import DefocusFrames, fit_pixels, frames_of, on_finer_pixels

POINTS = 8  # of the condenser's aperture
LOOKED_AT = 256  # frame pixels along a side, in the middle, that are simulated again
RIM = 2  # frame pixels at the border where what lies outside shines in, besides the defocus's reach
REGION = 16  # frame pixels along a side of the regions
NOISE_ALONE = 1.6  # mean square, in units of the noise, up to which nothing but noise is left
WELL, PARTLY = 0.9, 0.5  # shares of the contrast from which a frame is explained well, or in part


@dataclasses.dataclass(frozen=True)
class DefocusReport:
    """What the frames say of a phase.

    relative_amplitude_error : norm of the difference of shown and measured roots of intensity over that of the
        measured. misfit : mean square of that difference in units of the noise; 1 is perfect.
    explained : share of the frames' contrast that the phase shows, 1 being all but the noise; the same as 1 - the
        squared difference over that of an empty sample, noise taken off both. mirrored : the same for z of the other
        sign.
    regions : root mean square of the difference in units of the noise, of squares of REGION frame pixels (y, x).
    shown, difference : frames as simulated, and how far they are from the measured (frame, y, x); of the middle only
        where the frames are large. whole : they are not.
    level : green, amber or red. sentence : for the user.
    """

    relative_amplitude_error: float
    misfit: float
    explained: float
    mirrored: float
    regions: np.ndarray
    shown: np.ndarray
    difference: np.ndarray
    whole: bool
    level: str
    sentence: str

    @property
    def figures(self) -> dict[str, float]:
        """Scalars for a `Result`."""
        return {
            "relative_amplitude_error": self.relative_amplitude_error,
            "misfit_over_noise": self.misfit,
            "contrast_explained": self.explained,
        }


def explain(
    acquisition: ThroughFocus,
    phase: torch.Tensor,
    frames: Sequence[int] | None = None,
    *,
    upsampling: int = 1,
    absorption: torch.Tensor | None = None,
    noise: float | None = None,
    flatten_um: float = 0.0,
    called: Sequence[int] | None = None,
    device: torch.device | str = "cpu",
) -> DefocusReport:
    """Simulate frames of a phase again and compare.

    Parameters
    ----------
    acquisition : the measured frames.
    phase : rad, unwrapped (Y, X), `upsampling` pixels per frame pixel and axis, their areas the same.
    frames : numbers of the frames to compare with; None: all.
    absorption : negative natural logarithm of amplitude (Y, X); none where None.
    noise, flatten_um : as in `frames_of`.
    called : numbers by which the sentence calls the frames; their own where None.
    device : that computes.

    Raises
    ------
    InputError : where the frames cannot be used.
    """
    box = middle(acquisition.frame_shape)
    whole = all(part.stop - part.start == n for part, n in zip(box, acquisition.frame_shape, strict=True))
    looked = frames_of(acquisition, frames, noise, flatten_um)
    if not whole:
        looked = dataclasses.replace(
            looked, acquisition=looked.acquisition.crop(*box), intensity=looked.intensity[(slice(None), *box)]
        )
    fine = tuple(slice(part.start * upsampling, part.stop * upsampling) for part in box)
    sample = [phase] if absorption is None else [phase, absorption]
    channels = torch.stack([_on_fit_pixels(one.detach().to(device).float()[fine], upsampling) for one in sample])
    misfit = looked.misfit(_pixels(upsampling), points=POINTS, device=device)
    padded = misfit.padded(channels)
    shown, difference = _compare(misfit, padded)
    empty = _squares(looked, _compare(misfit, torch.zeros_like(padded))[1])
    here = _squares(looked, difference)
    misfit.mirror()
    there = _squares(looked, _compare(misfit, padded)[1])
    rest = max(empty - 1, 1e-9)
    explained, mirrored = 1 - max(here - 1, 0) / rest, 1 - max(there - 1, 0) / rest
    level, sentence = _verdict(looked, called or looked.numbers, here, explained, mirrored)
    root = misfit.root[(..., *_inside(looked))].double()
    error = float(_roots_apart(looked, difference).norm() / root.norm())
    return DefocusReport(
        relative_amplitude_error=error,
        misfit=here,
        explained=explained,
        mirrored=mirrored,
        regions=_regions(difference),
        shown=shown.cpu().numpy(),
        difference=(difference * misfit.noise).cpu().numpy(),
        whole=whole,
        level=level,
        sentence=sentence,
    )


def middle(shape: tuple[int, int], most: int = LOOKED_AT) -> tuple[slice, slice]:
    """Rows and columns of a frame of `shape` (y, x) that are simulated again: at most `most` of each."""
    rows, columns = (slice((n - min(n, most)) // 2, (n + min(n, most)) // 2) for n in shape)
    return rows, columns


def _pixels(upsampling: int) -> int:
    return max(2, fit_pixels(upsampling))


def _on_fit_pixels(image: torch.Tensor, upsampling: int) -> torch.Tensor:
    if upsampling == 1:
        return on_finer_pixels(image, _pixels(1))
    return binned(image, upsampling // _pixels(upsampling))


def _compare(misfit: DefocusMisfit, sample: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames shown, gains included, and their difference from the measured in units of the noise: (frame, y, x)."""
    difference = misfit.residual(sample)
    return (difference * (misfit.noise / 2) + misfit.root).square(), difference


def _inside(looked: DefocusFrames) -> tuple[slice, slice]:
    """Without the border, where there is enough besides it."""
    rim = RIM + looked.reach_px
    rows, columns = (slice(rim, n - rim) if n > 4 * rim else slice(None) for n in looked.intensity.shape[1:])
    return rows, columns


def _squares(looked: DefocusFrames, difference: torch.Tensor) -> float:
    return float(difference[(..., *_inside(looked))].double().square().mean())


def _roots_apart(looked: DefocusFrames, difference: torch.Tensor) -> torch.Tensor:
    return difference[(..., *_inside(looked))].double() * (looked.noise / 2)


def _regions(difference: torch.Tensor) -> np.ndarray:
    square = difference.square().mean(0)[None, None]
    mean = torch.nn.functional.avg_pool2d(square, REGION, ceil_mode=True, count_include_pad=False)
    return mean[0, 0].sqrt().cpu().numpy()


def _verdict(
    looked: DefocusFrames, called: Sequence[int], misfit: float, explained: float, mirrored: float
) -> tuple[str, str]:
    one = len(called) == 1
    names = ", ".join(str(number) for number in called)
    which = f"frame {names}" if one else f"frames {names}"
    z_um = np.asarray(looked.acquisition.z_um)
    if mirrored > max(explained + 0.2, PARTLY) and misfit > NOISE_ALONE:
        return "red", (
            f"the phase explains {explained:.0%} of the contrast in {which}, but {mirrored:.0%} if z_um had "
            f"the other sign ({-z_um[0]:+g} instead of {z_um[0]:+g} um); check the sign of z_um"
        )
    blind = "; slow phase leaves no trace in one frame" if one else ""
    if misfit <= NOISE_ALONE:
        return "green", f"simulated again, the phase explains {which} down to the noise{blind}"
    said = f"{max(explained, 0):.0%} of the contrast in {which}; what is left has {misfit:.3g} times the noise's power"
    if explained >= WELL:
        return "green", f"simulated again, the phase explains {said}{blind}"
    if explained >= PARTLY:
        return (
            "amber",
            f"simulated again, the phase explains only {said}: look at the residual to see where it is wrong",
        )
    return "red", (
        f"simulated again, the phase explains no more than {said}: do not trust it before z_um, pixel_um, condenser_na "
        "and wavelength_um are checked"
    )

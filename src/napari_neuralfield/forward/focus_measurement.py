"""Bright field through focus as a measurement: any field of a thin sample predicts defocused frames."""

from __future__ import annotations

import numpy as np
import torch

from ..data.acquisition import ThroughFocus
from ..registry import MEASUREMENTS
from ..types import DataTerm, Extent, InputError
from .defocus_misfit import DefocusMisfit, FocusGradient

GUARD = 8  # camera pixels beyond the frames, at least


@MEASUREMENTS.register("through-focus")
class FocusMeasurement:
    """Frames of a thin sample at one depth or more; each is as bright as suits it best.

    The sample's grid goes on beyond the frames, since light from there arrives in them.

    Parameters
    ----------
    misfit : the frames, and the microscope.

    Attributes
    ----------
    extent, amplitude, good, train, held, learnt : see `types.Measurement`; the mean of a frame is about 1.
    slopes : of the last `data_term`.
    """

    kinds = ("through_focus",)

    def __init__(self, misfit: DefocusMisfit) -> None:
        self.misfit = misfit
        pixel = misfit.microscope.pixel_um
        centre = (misfit.upsampling - 1) / 2
        y, x = (-(part.start + centre) * pixel for part in misfit.seen)
        self.extent = Extent((0.0, 0.0), misfit.shape, pixel, (y, x))
        self.amplitude = misfit.root
        self.good: torch.Tensor | None = None
        self.train = torch.arange(len(misfit.root))
        self.held = self.train[:0]
        self.learnt: dict[str, torch.Tensor] = {}
        self.batch = min(16, len(self.train))  # one depth alone pulls phase and absorption to and fro
        self.slopes: FocusGradient | None = None

    @classmethod
    def of(
        cls,
        acquisition: ThroughFocus,
        device: torch.device | str = "cpu",
        z_um: float | tuple[float, float] | None = None,
        *,
        upsampling: int = 1,
        points: int = 8,
    ) -> FocusMeasurement:
        """Of all frames of an acquisition, each divided by its mean.

        Parameters
        ----------
        acquisition : the frames and their depths.
        device : on which frames and models lie.
        z_um : must be left open: a thin sample has one depth, and the frames say theirs.
        upsampling : pixels of the sample per camera pixel and axis.
        points : of the condenser's aperture.

        Raises
        ------
        InputError : where depths are asked for.
        """
        if z_um is not None:
            raise InputError(
                f"option z_um is {z_um}, but the sample of {acquisition.source or 'the acquisition'} is thin and its "
                "frames say their depths; leave it out"
            )
        frames = torch.as_tensor(acquisition.intensity(), dtype=torch.float32)
        frames = frames / frames.mean((1, 2), keepdim=True).clamp(min=1e-12)
        farthest = float(np.abs(np.asarray(acquisition.z_um)).max())
        margin = GUARD + int(np.ceil(farthest * acquisition.objective_na / acquisition.pixel_um))
        misfit = DefocusMisfit(
            acquisition, frames, 1.0, upsampling=upsampling, margin=margin, points=points, device=device
        )
        return cls(misfit)

    def step_of(self, name: str) -> float:
        """Nothing of the microscope is learnt here."""
        raise KeyError(name)

    def predict(self, image: torch.Tensor, frames: torch.Tensor, z_um: float = 0.0) -> torch.Tensor:
        """Intensity (frame, y, x), as bright as measured.

        Parameters
        ----------
        image : complex transmission (y, x) on the extent's grid.
        frames : numbers of the frames, int64.
        z_um : not looked at: a thin sample has one depth.
        """
        misfit = self.misfit
        depths = misfit.z_um[frames.cpu()] + misfit.moved_um
        shown = misfit.cut(misfit.microscope.images(image, depths))
        measured = misfit.measured[frames]
        with torch.no_grad():
            root = (shown.clamp(min=0) * measured).sqrt()
            gain = (root.sum((1, 2)) / shown.sum((1, 2)).clamp(min=1e-20)).square()
        return shown * gain[:, None, None]

    def data_term(self, image: torch.Tensor, frames: torch.Tensor, z_um: float) -> DataTerm:
        """Squared amplitude misfit per pixel in units of the noise, its gradient in closed form.

        Parameters
        ----------
        image, frames, z_um : as of `predict`.
        """
        misfit = self.misfit
        self.slopes = misfit.slopes_of_light(image.detach(), frames.tolist())
        pull = (self.slopes.sample.conj() * image).real.sum()  # its slope is the misfit's; its value says nothing
        square = self.slopes.energy * misfit.noise**2 / 2
        return DataTerm(pull / misfit.root.numel(), square, misfit.measured[frames].sum())

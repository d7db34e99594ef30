"""How deep the sample lies, part by part of the field: is it flat, and where?"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...forward import fourier
from ...forward.led_grid import flat_spectra
from ..projection.solver import Solver, no_aberration

PATCHES = 4  # along each axis
REACH, PLANES = 2.0, 9  # depths of field on both sides; planes tried
LEDS = 40
DEAD = 0.05  # of the usual light: a frame that its LED did not light says nothing
PASSES = (1.0, 1.0, 0.5, 0.25)
FLAT = 0.75  # depths of field by which nearly all patches of a flat sample differ at most
GAIN = 0.1  # share by which depths of their own must lower the patches' misfit to be more than noise


@dataclasses.dataclass(frozen=True)
class DepthMap:
    """Depth of each patch, um (patch, patch), and the depth of field, um.

    gain : share by which they lower the misfit of one depth for all. misfit : of that one, over the frames' light.
    """

    z_um: np.ndarray
    depth_of_field_um: float
    gain: float = 1.0
    misfit: float = 1.0

    @property
    def flat(self) -> bool:
        """Whether nine of ten patches lie at one depth, as far as the frames tell their depths."""
        away = np.abs(self.z_um - np.median(self.z_um))
        return self.gain < GAIN or bool(np.quantile(away, 0.9, method="higher") <= FLAT * self.depth_of_field_um)

    @property
    def spread_um(self) -> float:
        """Range of depths, the outermost patch on either side left aside."""
        ordered = np.sort(self.z_um.ravel())
        return float(ordered[-2] - ordered[1])

    @property
    def usual_um(self) -> float:
        """The depth in the middle."""
        return float(np.median(self.z_um))


def no_depths(z_um: float, depth_of_field_um: float = 1.0) -> DepthMap:
    """Of a sample that nothing tells more of than `z_um`; `depth_of_field_um` of the microscope."""
    return DepthMap(np.full((PATCHES, PATCHES), z_um), depth_of_field_um)


def depth_map(acquisition: LedArray, z_um: float) -> DepthMap:
    """Planes reconstructed about a depth from some bright-field frames; each patch lies where it fits best.

    Parameters
    ----------
    acquisition : frames of single LEDs.
    z_um : middle of the depths that are tried, um.
    """
    depth_of_field = acquisition.wavelength_um / acquisition.objective_na**2
    depths = z_um + np.linspace(-REACH, REACH, PLANES) * depth_of_field
    radius = np.hypot(*np.asarray(acquisition.illumination_na).T)
    bright = np.flatnonzero(radius < acquisition.objective_na)
    if len(bright):
        light = acquisition.intensity(bright, per_exposure=False).mean(axis=(1, 2))
        bright = bright[light > DEAD * np.median(light)]
    if len(bright) < 4:
        return no_depths(z_um, depth_of_field)
    some = acquisition.subset(bright[np.linspace(0, len(bright) - 1, min(LEDS, len(bright))).astype(int)])
    plan = fourier.windows(some)
    device = torch.device("cpu")
    solver = Solver(
        plan, fourier.measure(some, plan), depths, flat_spectra(plan, PLANES, device), no_aberration(plan, device)
    )
    solver.run(PASSES)
    misfit = torch.zeros(PLANES, *plan.image_shape)
    for led in range(some.frame_count):
        light = solver.image(led).abs() ** 2 * solver.gain[led] ** 2
        misfit += (torch.sqrt(light + solver.floor[led]) - solver.amplitude[led]) ** 2
    patches = torch.nn.functional.adaptive_avg_pool2d(misfit[None], (PATCHES, PATCHES))[0]
    least, single = float(patches.amin(dim=0).sum()), float(patches.sum(dim=(1, 2)).min())
    energy = float(solver.amplitude.square().sum(dim=0).mean()) * PATCHES**2
    gain, rest = 1 - least / max(single, 1e-30), single / max(energy, 1e-30)
    return DepthMap(depths[patches.argmin(dim=0).numpy()], depth_of_field, gain, rest)

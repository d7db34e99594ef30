"""A scan as something to be learnt: counts from an object, differentiable in all the experiment may have wrong.

What is learnt of the experiment starts at the file's values: positions, distance, wavelength, brightness and ambient
light of each frame, and the probe or coded surface, every pixel of it or its modulus and phase as two exponents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ...compute import COMPLEX
from ...fields.residual import ResidualField
from ...forward.ptychography import from_detector, predict, spread
from ...forward.ptychography import kernel as kernel_of
from ...forward.scan import add_windows, narrowed, widened
from ...optics.propagation import angular_spectrum, filtered
from ...types import Extent
from ..scan.setup import Problem, ScanState

STEPS = {"positions": 0.1, "distance": 1e-3, "wavelength": 1e-3, "gains": 0.01, "background": 1e-3, "profile": 0.01}
PROBE_STEP = 0.01  # of the probe's rms


class ScanMeasurement:
    """Frames of a ptychographic or coded scan.

    Parameters
    ----------
    state : where probe and positions start.
    learn : which of STEPS, and `probe` pixels or `probe-field`, are learnt with the object.
    probe_options : of the probe's own residual field, where `probe-field` is learnt.

    Attributes
    ----------
    extent : of the object. amplitude : of the frames, rms 1. scale : counts of a mean pixel.
    unit : amplitude of the object array at the start; the object is learnt in it, so that its amplitudes are about 1.
    learnt : name -> parameter. fields : networks beside the object's.
    """

    batch = 4

    def __init__(
        self, problem: Problem, state: ScanState, learn: Sequence[str], probe_options: dict[str, Any] | None = None
    ) -> None:
        self.problem, self.scan = problem, problem.scan
        # a network on a flat prior goes far; what a classical start leaves is mostly noise, and little is to be learnt
        self.sparsity, self.rate = (3e-2, 1e-2) if problem.solve_probe else (3.5e-3, 0.08)
        self.extent = self.scan.extent
        self.train, self.held = problem.train, problem.held
        self.scale = float(problem.measured.amplitude.square().mean())
        self.amplitude, self.good = problem.measured.amplitude / self.scale**0.5, problem.measured.good
        self.unit = float(state.object_array.abs().square().mean().sqrt())
        self.start = ScanState(
            state.object_array / self.unit, state.probe * (self.unit / self.scale**0.5), state.position
        )
        sizes = {
            "positions": (self.scan.frames, 2), "distance": (), "wavelength": (), "gains": (self.scan.frames,),
            "background": (self.scan.frames,), "profile": (2,),
        }  # fmt: skip
        self.learnt = {
            name: torch.zeros(sizes[name], device=problem.device, requires_grad=True) for name in learn if name in sizes
        }
        self.fields: list[ResidualField] = []
        self._rms = float(self.start.probe.abs().square().mean().sqrt())
        if "probe" in learn:
            self.learnt["probe"] = torch.zeros((*self.start.probe.shape, 2), device=problem.device, requires_grad=True)
        if "probe-field" in learn:
            whole = Extent((0.0, 0.0), self.scan.window, self.scan.pixel_um)
            for mode in self.start.probe:
                field = ResidualField(extent=whole, **(probe_options or {})).to(problem.device)
                field.set_prior(mode / self._rms)
                self.fields.append(field)
        self._to_surface = self._surface_kernel()

    def step_of(self, name: str) -> float:
        """Step of a learnt parameter, in its own unit."""
        return PROBE_STEP if name == "probe" else STEPS[name]

    def _surface_kernel(self, wavelength: torch.Tensor | None = None) -> torch.Tensor | None:
        scan = self.scan
        if not scan.to_object_um:
            return None
        light = scan.wavelength_um if wavelength is None else wavelength
        return angular_spectrum(
            scan.object_shape, scan.pixel_um, scan.to_object_um, light, limited=not scan.periodic, device=scan.device
        )

    def wavelength(self) -> torch.Tensor | None:
        """Vacuum wavelength, um, where it is learnt."""
        return self.scan.wavelength_um * torch.exp(self.learnt["wavelength"]) if "wavelength" in self.learnt else None

    def distance(self) -> torch.Tensor | None:
        """Distance to the detector, um, where it is learnt."""
        return self.scan.to_detector_um * torch.exp(self.learnt["distance"]) if "distance" in self.learnt else None

    def probe(self) -> torch.Tensor:
        """Probe or coded surface (mode, y, x), of counts with mean 1."""
        if self.fields:
            return torch.stack([field.at_pixels() for field in self.fields]) * self._rms
        probe = self.start.probe
        if "profile" in self.learnt:
            a, b = self.learnt["profile"]
            probe = torch.polar(probe.abs().clamp(min=1e-6) ** (1 + a), probe.angle() * (1 + b))
        if "probe" in self.learnt:
            probe = probe + self._rms * torch.view_as_complex(self.learnt["probe"])
        return probe

    def position(self) -> torch.Tensor:
        """Corners of all windows (frame, 2), px; their mean stays where it is."""
        if "positions" not in self.learnt:
            return self.start.position
        move = self.learnt["positions"]
        return self.start.position + (move - move.mean(0)).double()

    def predict(self, image: torch.Tensor, frames: torch.Tensor, z_um: float = 0.0) -> torch.Tensor:
        """Counts (frame, y, x) that an object (y, x) gives, of mean about 1."""
        wavelength, distance = self.wavelength(), self.distance()
        changed = wavelength is not None or distance is not None
        kernel = kernel_of(self.scan, distance, wavelength) if changed else self.problem.kernel
        there = self._surface_kernel(wavelength) if wavelength is not None else self._to_surface
        object_array = image if there is None else filtered(image, there)
        counts = predict(object_array, self.probe(), self.scan, frames, self.position(), kernel)
        if "gains" in self.learnt:
            gains = self.learnt["gains"]
            counts = counts * torch.exp(gains - gains.mean())[frames, None, None]
        if "background" in self.learnt:
            counts = counts + self.learnt["background"][frames, None, None].clamp(min=0)
        return counts

    @torch.no_grad()
    def finished(self, image: torch.Tensor) -> tuple[Problem, ScanState]:
        """Problem and state as the classical methods know them, with what was learnt."""
        values = {"to_detector_um": self.distance(), "wavelength_um": self.wavelength()}
        known = {name: float(value) for name, value in values.items() if value is not None}
        problem = self.problem.with_geometry(**known) if known else self.problem
        there = self._surface_kernel(self.wavelength())
        object_array = image if there is None else filtered(image, there)
        return problem, ScanState(
            object_array * self.unit, self.probe() * (self.scale**0.5 / self.unit), self.position().detach()
        )

    def calibration(self) -> dict[str, np.ndarray]:
        """Brightness and ambient light of each frame (frame,), where learnt."""
        found = {}
        if "gains" in self.learnt:
            gains = self.learnt["gains"].detach()
            found["gains"] = torch.exp(gains - gains.mean()).cpu().numpy()
        if "background" in self.learnt:
            found["background"] = self.learnt["background"].detach().clamp(min=0).cpu().numpy() * self.scale
        return found


@torch.no_grad()
def back_propagated(problem: Problem, state: ScanState, at_once: int = 8) -> torch.Tensor:
    """Object array (y, x): the mean of all frames' amplitudes, carried back with flat phase; near field and coded."""
    scan, probe = problem.scan, state.probe[0]
    total = torch.zeros(scan.object_shape, dtype=COMPLEX, device=problem.device)
    light = torch.zeros_like(total)
    for part in problem.train.split(at_once):
        amplitude = widened(narrowed(problem.measured.amplitude[part], scan.pad), scan.pad)
        wave = from_detector(spread(amplitude, scan.binning).to(COMPLEX), problem.kernel)
        place = state.position[part]
        total = add_windows(total, wave * probe.conj(), scan, place)
        light = add_windows(light, (probe * probe.conj()).expand_as(wave), scan, place)
    bright = light.real.clamp(min=0)
    level = 0.05 * bright.max()
    return torch.where(bright > level, total / bright.clamp(min=level), state.object_array)

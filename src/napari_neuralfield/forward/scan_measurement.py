"""A scan as something to be learnt: counts from an object, differentiable in all the experiment may have wrong.

What is learnt of the experiment starts at the file's values: positions, distance, wavelength, brightness and ambient
light of each frame, and the probe or coded surface, every pixel of it or its modulus and phase as two exponents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from ..data.acquisition import CodedPtychography, Ptychography
from ..data.frames import order_of_use
from ..optics.propagation import angular_spectrum, filtered
from ..registry import MEASUREMENTS
from ..types import InputError
from .ptychography import kernel as kernel_of
from .ptychography import predict
from .scan import scan_of
from .scan_problem import Problem, ScanState, first_state
from .scan_streamed import measured_scan

STEPS = {"positions": 0.1, "distance": 1e-3, "wavelength": 1e-3, "gains": 0.01, "background": 1e-3, "profile": 0.01}
PROBE_STEP = 0.01  # of the probe's rms
SPARSE = (3e-2, 12.0, 0.6)  # weight of the wavelets with much light, times pixels per count with little, and at most


def _sparsity(problem: Problem) -> float:
    """Weight of the object's wavelets where the probe of `problem` is solved for: more where counts are few."""
    least, factor, most = SPARSE
    rows, columns = problem.scan.object_shape
    counts = float(problem.measured.amplitude[problem.train].square().sum())
    return min(most, max(least, factor * rows * columns / max(counts, 1.0)))


@MEASUREMENTS.register("scan")
class ScanMeasurement:
    """Frames of a ptychographic or coded scan.

    Parameters
    ----------
    problem : the frames, and how light gets to them.
    state : where probe and positions start.
    learn : which of STEPS, and `probe` pixels, are learnt with the object.

    Attributes
    ----------
    extent, amplitude, good, train, held, learnt : see `types.Measurement`; amplitudes of rms 1.
    scale : counts of a mean pixel.
    unit : amplitude of the object array at the start; the object is learnt in it, so that its amplitudes are about 1.
    probe_rms : of the probe at the start.
    probe_source : gives the probe (mode, y, x) over `probe_rms`, differentiable, where something else than its pixels
        is learnt of it.
    """

    kinds = ("ptychography", "coded_ptychography")
    batch = 4

    def __init__(self, problem: Problem, state: ScanState, learn: Sequence[str]) -> None:
        self.problem, self.scan = problem, problem.scan
        # a network on a flat prior goes far; what a classical start leaves is mostly noise, and little is to be learnt
        self.sparsity, self.rate = (_sparsity(problem), 1e-2) if problem.solve_probe else (3.5e-3, 0.08)
        self.extent = self.scan.extent
        self.train, self.held = problem.train, problem.held
        self.scale = float(problem.measured.amplitude.square().mean())
        self.amplitude, self.good = problem.measured.amplitude / self.scale**0.5, problem.measured.good
        self.unit = float(state.object_array.abs().square().mean().sqrt())
        self.start = ScanState(
            state.object_array / self.unit, state.probe * (self.unit / self.scale**0.5), state.position
        )
        sizes: dict[str, tuple[int, ...]] = {
            "positions": (self.scan.frames, 2), "distance": (), "wavelength": (), "gains": (self.scan.frames,),
            "background": (self.scan.frames,), "profile": (2,), "probe": (*self.start.probe.shape, 2),
        }  # fmt: skip
        self.learnt = {name: torch.zeros(sizes[name], device=problem.device, requires_grad=True) for name in learn}
        self.probe_rms = float(self.start.probe.abs().square().mean().sqrt())
        self.probe_source: Callable[[], torch.Tensor] | None = None
        self._to_surface = self._surface_kernel()

    def compare_counts(self) -> None:
        """Steps and weight of the wavelets for a fit of counts through a known probe, far away.

        Poisson's likelihood is twice as steep as the squared difference of roots.
        """
        if self.scan.geometry == "far_field" and not self.problem.solve_probe:
            self.sparsity, self.rate = 2 * _sparsity(self.problem), 1e-2

    @classmethod
    def of(
        cls,
        acquisition: Ptychography | CodedPtychography,
        device: torch.device | str = "cpu",
        z_um: float | tuple[float, float] | None = None,
    ) -> ScanMeasurement:
        """Of an acquisition, as its file says; the probe or coded surface is learnt where the file has none.

        Parameters
        ----------
        acquisition : a scan with positions.
        device : on which frames and models lie.
        z_um : must be left open: the sample of a scan is thin.

        Raises
        ------
        InputError : where positions are missing, or depths are asked for.
        """
        where = acquisition.source or "the acquisition"
        if acquisition.positions_um is None:
            raise InputError(f"{where}: positions_um is missing; give the positions of the scan")
        if z_um is not None:
            raise InputError(f"option z_um is {z_um}, but {where} is a scan of a thin sample; leave it out")
        scan = scan_of(acquisition, device)
        given = acquisition.coded_surface if isinstance(acquisition, CodedPtychography) else acquisition.probe
        measured = measured_scan(acquisition, scan, device)
        light = measured.amplitude.sum(dim=(1, 2), dtype=torch.float64).cpu().numpy()
        frames = torch.as_tensor(order_of_use(light), device=device)
        problem = Problem(
            acquisition=acquisition, scan=scan, measured=measured, train=frames,
            held=frames[:0], kernel=kernel_of(scan), solve_probe=given is None, device=torch.device(device),
        )  # fmt: skip
        modes = 1 if given is None or given.ndim == 2 else len(given)
        return cls(problem, first_state(problem, modes), ("probe",) if given is None else ())

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
        if self.probe_source is not None:
            return self.probe_source() * self.probe_rms
        probe = self.start.probe
        if "profile" in self.learnt:
            a, b = self.learnt["profile"]
            probe = torch.polar(probe.abs().clamp(min=1e-6) ** (1 + a), probe.angle() * (1 + b))
        if "probe" in self.learnt:
            probe = probe + self.probe_rms * torch.view_as_complex(self.learnt["probe"])
        return probe

    def position(self) -> torch.Tensor:
        """Corners of all windows (frame, 2), px; their mean stays where it is."""
        if "positions" not in self.learnt:
            return self.start.position
        move = self.learnt["positions"]
        return self.start.position + (move - move.mean(0)).double()

    def predict(self, image: torch.Tensor, frames: torch.Tensor, z_um: float = 0.0) -> torch.Tensor:
        """Counts (frame, y, x) that an object gives, of mean about 1; no more than a full pixel holds.

        Parameters
        ----------
        image : complex object (y, x) on the extent's grid.
        frames : numbers of the frames, int64.
        z_um : not looked at: a scan has one depth.
        """
        wavelength, distance = self.wavelength(), self.distance()
        changed = wavelength is not None or distance is not None
        kernel = kernel_of(self.scan, distance, wavelength) if changed else self.problem.kernel
        there = self._surface_kernel(wavelength) if wavelength is not None else self._to_surface
        object_array = image if there is None else filtered(image, there)
        counts = predict(object_array, self.probe(), self.scan, frames, position=self.position(), kernel=kernel)
        if "gains" in self.learnt:
            gains = self.learnt["gains"]
            counts = counts * torch.exp(gains - gains.mean())[frames, None, None]
        if self.problem.measured.gain is not None:
            counts = counts * self.problem.measured.gain[frames][:, None, None]
        if "background" in self.learnt:
            counts = counts + self.learnt["background"][frames, None, None].clamp(min=0)
        if self.problem.measured.background is not None:
            counts = counts + self.problem.measured.background / self.scale
        full = self.problem.measured.full
        if full is not None:
            counts = torch.where(full[frames], torch.minimum(counts, self.amplitude[frames].square()), counts)
        return counts

    @torch.no_grad()
    def finished(self, image: torch.Tensor) -> tuple[Problem, ScanState]:
        """Problem and state as the classical methods know them, with what was learnt.

        The object is in the unit of `image`, so that a field and the probe beside it in a result make the counts; in
        coded ptychography in that of the surface, whose modulus means something by itself.
        """
        values = {"to_detector_um": self.distance(), "wavelength_um": self.wavelength()}
        known = {name: float(value) for name, value in values.items() if value is not None}
        problem = self.problem.with_geometry(**known) if known else self.problem
        there = self._surface_kernel(self.wavelength())
        object_array = image if there is None else filtered(image, there)
        unit = self.unit if self.scan.geometry == "coded" else 1.0
        probe = self.probe() * (self.scale**0.5 / unit)
        return problem, ScanState(object_array * unit, probe, self.position().detach())

    def calibration(self) -> dict[str, np.ndarray]:
        """Brightness and ambient light of each frame (frame,), where learnt."""
        found = {}
        if "gains" in self.learnt:
            gains = self.learnt["gains"].detach()
            known = 1.0 if self.problem.measured.gain is None else self.problem.measured.gain
            found["gains"] = (known * torch.exp(gains - gains.mean())).cpu().numpy()
        if "background" in self.learnt:
            found["background"] = self.learnt["background"].detach().clamp(min=0).cpu().numpy() * self.scale
        return found

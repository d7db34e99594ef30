"""The coded scan's object, and what its microscope really was, from coarse to fine.

Where positions are wrong, details are what goes wrong first: an object array cut to its lowest frequencies finds the
positions to a tenth of a pixel, and every doubling of the frequencies finds them better (Gauss-Newton per frame).
With all frequencies the object is the sparsest that explains the frames: accelerated proximal gradient with
isotropic complex total variation (Beck, Teboulle, SIAM J. Imaging Sci. 2, 183 (2009)).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import torch

from ...forward.ptychography import counts, to_detector
from ...forward.ptychography import kernel as kernel_of
from ...forward.scan import Scan, narrowed, windows
from ...forward.scan_problem import Problem, ScanState
from ...optics.grids import intensity
from ...optics.propagation import angular_spectrum, filtered, shifted
from ..engine.sparsity import fewer_edges
from ..scan.gradient import Pull, kernel_slope, low_pass, position_steps, pull_of

AT_ONCE = 4  # frames whose images stay in the processor's cache
GEOMETRY = ("to_detector_um", "wavelength_um")
REACH, TRIALS = 0.1, 81  # relative: where a length is looked for by the mean frame, and at how many values


@dataclasses.dataclass
class SparseMemory:
    """Memory of the accelerated proximal gradient: the last object, the dual of its edges, the pace."""

    last: torch.Tensor
    dual: torch.Tensor | None = None
    pace: float = 1.0


class SparseSolver:
    """Solves one problem in place.

    Attributes
    ----------
    object : complex (y, x), in the object's plane. object_array : the same at the coded surface.
    state : object_array, surface and positions as every method of scans knows them.
    positions, surface : whether positions and the coded surface are learnt. geometry : lengths that are.
    problem : with the geometry as it is known now.
    """

    def __init__(
        self,
        problem: Problem,
        state: ScanState,
        *,
        positions: bool,
        geometry: tuple[str, ...] = (),
        surface: bool = False,
        seed: int = 0,
    ) -> None:
        self.problem, self.state = problem, state
        self.positions, self.geometry, self.surface = positions, geometry, surface
        self._random = torch.Generator().manual_seed(seed)
        self._new_geometry()
        self.object = filtered(state.object_array, self._to_surface.conj())

    def _new_geometry(self) -> None:
        scan = self.problem.scan
        self._to_surface = angular_spectrum(
            scan.object_shape, scan.pixel_um, scan.to_object_um, scan.wavelength_um,
            limited=not scan.periodic, device=scan.device,
        )  # fmt: skip

    def solved(self) -> tuple[Any, ...]:
        """What the next pass or step depends on."""
        lengths, state = {name: getattr(self.problem.scan, name) for name in self.geometry}, self.state
        probe = state.probe if self.surface else None
        return lengths, self.positions, state.object_array, probe, state.position, self.object, self._random.get_state()

    def go_on(self, solved: tuple[Any, ...]) -> None:
        """Go on from what was `solved` before."""
        lengths, self.positions, state = solved[0], solved[1], self.state
        if lengths:
            self.problem = self.problem.with_geometry(**lengths)
            self._new_geometry()
        state.object_array, state.position, self.object = solved[2], solved[4], solved[5]
        state.probe = state.probe if solved[3] is None else solved[3]
        self._random.set_state(solved[6])

    @property
    def brightest(self) -> float:
        """Largest transmission of the surface: what bounds a gradient step."""
        return float((self.state.probe[0] * self.state.probe[0].conj()).real.max())

    def _light(self) -> torch.Tensor:
        """What divides a change of the surface: the light on it, mostly where it is, a little where it is brightest.

        Windows differ by a few pixels, so that the middle one stands for all.
        """
        scan, middle = self.problem.scan, self.state.position.mean(0, keepdim=True)
        window = windows(self.state.object_array, scan, middle)[0]
        light = intensity(window)
        return 0.9 * light + 0.1 * light.max()

    def object_array_of(self, image: torch.Tensor) -> torch.Tensor:
        """An object carried to the coded surface."""
        return filtered(image, self._to_surface)

    def _object_at(self, object_array: torch.Tensor) -> torch.Tensor:
        """The adjoint, and for all waves that travel the inverse, of `object_array_of`."""
        return filtered(object_array, self._to_surface.conj())

    def pass_over(self, frames: torch.Tensor, cutoff: float, step: float = 1.0) -> Iterator[torch.Tensor]:
        """One pass in random order that moves object array, positions and geometry; yields the misfit of each batch.

        Of the frames of indices `frames`, with a share `step` of the full step of object array and surface.
        Frequencies above `cutoff` (cycles per pixel) stay as they are.
        """
        mask = low_pass(self.problem.scan, cutoff) if cutoff < 0.7 else None
        order = frames[torch.randperm(len(frames), generator=self._random).to(frames.device)]
        for part in order.split(2 if self.surface else AT_ONCE):
            pull = self._pull(self.state.object_array, part, self.positions, True)
            change = pull.object_array if mask is None else filtered(pull.object_array, mask)
            object_step = step / (len(part) * self.brightest)
            if pull.probe is not None:
                self.state.probe[0] -= pull.probe * (step / len(part)) / self._light()
            self.state.object_array -= change * object_step
            self._move(pull, part)
            yield pull.misfit
        self.object = self._object_at(self.state.object_array)

    def place(self, frames: torch.Tensor) -> None:
        """Move the positions of frames that the object array does not learn from."""
        for part in frames.split(AT_ONCE) if len(frames) else ():
            self.state.position[part] += position_steps(self._pull(self.state.object_array, part, True, False))

    def _pull(
        self, object_array: torch.Tensor, frames: torch.Tensor, positions: bool, geometry: bool, spectral: bool = False
    ) -> Pull:
        slopes = [kernel_slope(self.problem.scan, name) for name in self.geometry] if geometry else []
        state = ScanState(object_array, self.state.probe, self.state.position)
        return pull_of(
            self.problem, state, frames,
            positions=positions, geometry=slopes, solve_probe=self.surface, spectral=spectral,
        )  # fmt: skip

    def _move(self, pull: Pull, frames: torch.Tensor) -> None:
        """Steps of the positions and of the geometry, of those that are learnt."""
        if pull.normal is None:
            return
        if self.positions:
            self.state.position[frames] += position_steps(pull)
        if self.geometry:
            self._move_geometry(pull)

    def _move_geometry(self, pull: Pull) -> None:
        """A small step of the geometry's values towards what these frames ask for."""
        assert pull.normal is not None
        assert pull.pull is not None
        n = len(self.geometry)
        normal, right = pull.normal[:, -n:, -n:].sum(0), pull.pull[:, -n:].sum(0)
        held = normal + 1e-6 * normal.diagonal().mean() * torch.eye(n, dtype=normal.dtype, device=normal.device)
        change = torch.linalg.solve(held, right).clamp(-0.005, 0.005).tolist()
        share = min(1.0, 4 * pull.normal.shape[0] / max(len(self.problem.train), 1))
        scan = self.problem.scan
        new = {k: getattr(scan, k) * (1 + share * c) for k, c in zip(self.geometry, change, strict=True)}
        self.problem = self.problem.with_geometry(**new)
        self._new_geometry()

    def sparse_step(
        self, frames: torch.Tensor, weight: float, memory: SparseMemory, move: bool = False
    ) -> torch.Tensor:
        """One accelerated proximal step on all the named frames; the misfit where it was taken.

        Parameters
        ----------
        frames : indices.
        weight : of the total variation, in units of the object.
        memory : of the steps before; changed.
        move : move positions and geometry too, which costs three times as much.
        """
        spectral, parts = self.problem.scan.periodic, []
        object_array = torch.fft.fft2(self.object) * self._to_surface
        object_array = object_array if spectral else torch.fft.ifft2(object_array)
        total = torch.zeros_like(object_array)
        for part in frames.split(AT_ONCE):
            pull = self._pull(object_array, part, move and self.positions, move, spectral)
            total += pull.object_array
            parts.append(pull.misfit)
            self._move(pull, part)
        step = 1 / self.brightest
        total = total if spectral else torch.fft.fft2(total)
        trial = self.object - torch.fft.ifft2(total * self._to_surface.conj()) * (step / len(frames))
        new, memory.dual = fewer_edges(trial, weight * step, 6, memory.dual)
        faster = (1 + math.sqrt(1 + 4 * memory.pace**2)) / 2
        self.object = new + ((memory.pace - 1) / faster) * (new - memory.last)
        memory.last, memory.pace = new, faster
        return torch.stack(parts).sum()

    def settle(self, memory: SparseMemory) -> None:
        """Take the last object without its momentum, and bring the object array to it."""
        self.object = memory.last
        self.state.object_array = self.object_array_of(self.object)

    def start_again(self, object_array: torch.Tensor) -> None:
        """Forget the object; positions and geometry stay."""
        self.state.object_array = object_array.clone()
        self.object = self._object_at(object_array)

    def take(self, state: ScanState) -> None:
        """Go on from another object array and other positions."""
        self.state.position.copy_(state.position)
        self.start_again(state.object_array)

    def hold_the_middle(self, nominal: torch.Tensor) -> None:
        """Move object and positions together, which no frame sees, so that the mean position is the nominal one."""
        drift = (self.state.position - nominal).mean(0)
        self.state.position -= drift
        self.state.object_array = shifted(self.state.object_array, -drift)
        self.object = self._object_at(self.state.object_array)

    def error(self, frames: torch.Tensor) -> float:
        """Relative amplitude error of the named frames."""
        return self.problem.error(self.state, frames, AT_ONCE)


def from_mean_frame(problem: Problem, state: ScanState, name: str) -> float:
    """The value, um, at which the surface alone casts the mean frame's pattern.

    The positions wash the object out of the mean of all frames; what is left is the shadow of the surface.

    Parameters
    ----------
    problem, state : a coded scan; of its state the surface is used.
    name : to_detector_um or wavelength_um.
    """
    measured = narrowed(problem.measured.amplitude[problem.train], problem.scan.pad).square().mean(0)
    measured = measured - measured.mean()
    value = float(getattr(problem.scan, name))
    best, found = -math.inf, value
    for step in torch.linspace(-REACH, REACH, TRIALS).tolist():
        scan: Scan = problem.scan.replace(**{name: value * (1 + step)})
        pattern = _shadow(scan, state)
        correlation = float((pattern * measured).sum() / pattern.norm().clamp(min=1e-20))
        if correlation > best:
            best, found = correlation, value * (1 + step)
    return found


def _shadow(scan: Scan, state: ScanState) -> torch.Tensor:
    pattern = narrowed(counts(to_detector(state.probe[None], kernel_of(scan)), scan.binning)[0], scan.pad)
    return pattern - pattern.mean()


def lowest(tried: dict[float, float]) -> float:
    """The bottom of a parabola through the best trial and its neighbours, `tried` in the logarithm of the noise."""
    noises = sorted(tried)
    best = min(noises, key=lambda noise: tried[noise])
    at = noises.index(best)
    if at in (0, len(noises) - 1):
        return best
    low, middle, high = (tried[n] for n in noises[at - 1 : at + 2])
    bend = low - 2 * middle + high
    step = 0.5 * (low - high) / bend if bend > 0 else 0.0
    return best * (noises[at + 1] / best) ** max(-1.0, min(1.0, step))

"""A scan ready to be solved: its frames and grids, and the object, probe and positions that explain them."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ..compute import COMPLEX
from ..data.acquisition import CodedPtychography, Ptychography
from ..optics.grids import spread, to_centre
from ..optics.propagation import angular_spectrum, filtered
from .ptychography import from_detector, kernel, predict
from .scan import Measured, Scan, narrowed, widened


@dataclasses.dataclass
class ScanState:
    """What is being solved.

    object_array : object, or in coded ptychography its field at the surface, complex (y, x).
    probe : probe or coded surface, complex (mode, y, x).
    position : corner of each window on the object array (frame, 2), px, float64.
    """

    object_array: torch.Tensor
    probe: torch.Tensor
    position: torch.Tensor

    def copy(self) -> ScanState:
        return ScanState(self.object_array.clone(), self.probe.clone(), self.position.clone())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """A scan ready to be solved.

    train, held : frame indices used, and left out to be predicted, int64.
    kernel : free space to the detector (y, x); None in the far field.
    solve_probe : whether the probe is unknown.
    located : the positions are not the file's but were found from the frames; good to about a fine pixel.
    """

    acquisition: Ptychography | CodedPtychography
    scan: Scan
    measured: Measured
    train: torch.Tensor
    held: torch.Tensor
    kernel: torch.Tensor | None
    solve_probe: bool
    device: torch.device
    located: bool = False

    def with_geometry(self, **values: float) -> Problem:
        """The same with other lengths of the scan, such as to_detector_um."""
        scan = self.scan.replace(**values)
        return dataclasses.replace(self, scan=scan, kernel=kernel(scan))

    def with_gain(self, gain: torch.Tensor | None) -> Problem:
        """The same with another brightness of each frame (frame,); None: all are as bright."""
        return dataclasses.replace(self, measured=dataclasses.replace(self.measured, gain=gain))

    @property
    def every(self) -> torch.Tensor:
        """Indices of all frames."""
        return torch.arange(self.scan.frames, device=self.device)

    def masked(self, values: torch.Tensor, frames: torch.Tensor | list[int] | slice) -> torch.Tensor:
        """`values` (frame, y, x) of the pixels of `frames` (indices), 0 where a mask says that a pixel is bad."""
        good = self.measured.good_in(frames)
        return values if good is None else values * good

    def error(self, state: ScanState, frames: torch.Tensor | None = None, at_once: int = 16) -> float:
        """Relative amplitude error by `state` of the frames of these indices, the used ones where None.

        `at_once` frames are predicted together.
        """
        misfit, _ = self.frame_misfit(state, frames, at_once)
        return float(np.sqrt(misfit.sum() / self.frame_energy(frames).sum()))

    def frame_energy(self, frames: torch.Tensor | None = None) -> np.ndarray:
        """Counts of the good pixels of each frame (frame,)."""
        chosen = self.train if frames is None else frames
        return (self.measured.amplitude[chosen] ** 2).sum((1, 2)).double().cpu().numpy()

    @torch.no_grad()
    def frame_misfit(
        self, state: ScanState, frames: torch.Tensor | None = None, at_once: int = 16
    ) -> tuple[np.ndarray, np.ndarray]:
        """Squared amplitude misfit (frame,) of each frame, and its relative amplitude error (frame,).

        `state`, `frames` and `at_once` as in `error`.
        """
        chosen = self.train if frames is None else frames
        found = []
        for part in chosen.split(at_once):
            predicted = predict(
                state.object_array, state.probe, self.scan, part, position=state.position, kernel=self.kernel
            )
            miss = self.masked(self.measured.shown(predicted, part) - self.measured.amplitude[part], part)
            found.append((miss**2).sum((1, 2)))
        misfit = torch.cat(found).double().cpu().numpy()
        return misfit, np.sqrt(misfit / np.maximum(self.frame_energy(chosen), 1e-30))


def first_state(problem: Problem, modes: int | None = 1, seed_probe: bool = True) -> ScanState:
    """A flat object array and a probe to start from; the mean frame has its counts.

    Parameters
    ----------
    problem : a scan.
    modes : of the probe; missing ones are tilted copies of the first. None: as many as a far-field scan's file has.
    seed_probe : start from the file's probe, where it has one; else from the mean frame carried back.
    """
    if modes is None:
        given = getattr(problem.acquisition, "probe", None)
        modes = 1 if given is None or not seed_probe or problem.scan.geometry != "far_field" else len(given)
    probe = _first_probe(problem, modes, seed_probe)
    object_array = torch.ones(problem.scan.object_shape, dtype=COMPLEX, device=problem.device)
    state = ScanState(object_array, probe, problem.scan.position.clone())
    given = getattr(problem.acquisition, "coded_surface", None) is not None and seed_probe
    if problem.scan.geometry == "coded" and (given or not problem.solve_probe):
        pad = problem.scan.pad
        flat = predict(object_array, probe, problem.scan, problem.train[:1], kernel=problem.kernel)
        counts = narrowed(problem.measured.amplitude, pad) ** 2
        state.object_array *= float(counts.mean() / narrowed(flat, pad).mean()) ** 0.5
    return state


def _first_probe(problem: Problem, modes: int, seed_probe: bool) -> torch.Tensor:
    """The file's probe or surface, else the mean frame carried back; (mode, y, x), with the measured counts.

    What a frame does not show of them, around it, is taken to be as at its borders.
    """
    acquisition, scan = problem.acquisition, problem.scan
    given = getattr(acquisition, "coded_surface" if scan.geometry == "coded" else "probe", None)
    mean = widened(narrowed(problem.measured.mean_counts(problem.train), scan.pad).sqrt(), scan.pad)
    if given is not None and seed_probe:
        probe = torch.as_tensor(np.array(given), dtype=COMPLEX, device=problem.device)
        probe = widened(probe[None] if probe.ndim == 2 else probe, scan.rim)
        if scan.geometry == "coded":
            return with_modes(probe, modes)
    elif scan.geometry == "far_field":
        probe = to_centre(from_detector(mean.to(COMPLEX), None))[None]
    else:
        probe = from_detector(spread(mean, scan.binning).to(COMPLEX), problem.kernel)[None]
    counts = scan.window[0] * scan.window[1] * float((mean**2).mean()) if scan.binning > 1 else float((mean**2).sum())
    return with_modes(probe * (counts / float((probe.abs() ** 2).sum())) ** 0.5, modes)


def with_modes(probe: torch.Tensor, modes: int) -> torch.Tensor:
    """The first `modes` modes of `probe` (mode, y, x); missing ones are the first tilted, a tenth as strong each."""
    found = [probe[m] for m in range(min(modes, len(probe)))]
    rows, columns = probe.shape[-2:]
    y = torch.linspace(-1, 1, rows, device=probe.device)[:, None]
    x = torch.linspace(-1, 1, columns, device=probe.device)[None, :]
    for m in range(len(found), modes):
        order = (m + 1) // 2
        found.append(0.1 * probe[0] * (y if m % 2 else x) ** order)
    return torch.stack(found)


def object_of(state: ScanState, scan: Scan) -> torch.Tensor:
    """The object (y, x) of `state` on the grid of `scan`: carried back from the coded surface where there is one."""
    if not scan.to_object_um:
        return state.object_array
    limited, distance = not scan.periodic, -scan.to_object_um
    back = angular_spectrum(
        scan.object_shape, scan.pixel_um, distance, scan.wavelength_um, limited=limited, device=scan.device
    )
    return filtered(state.object_array, back)

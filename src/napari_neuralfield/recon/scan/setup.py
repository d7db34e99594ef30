"""What every reconstruction of a scan decides first: probe, object array, held-out frames; how it is filed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from ... import compute
from ...checks.scan_rules import require_usable
from ...compute import COMPLEX
from ...data.acquisition import Acquisition, CodedPtychography, Ptychography
from ...fields.planes import PlanesField
from ...forward.ptychography import from_detector, kernel, predict, spread
from ...forward.scan import Measured, Scan, measure, narrowed, scan_of, widened
from ...optics.grids import centred_spectrum, to_centre
from ...optics.propagation import angular_spectrum, filtered
from ...types import InputError, Result
from .orientation import oriented
from .recipe import ScanRecipe
from .registration import positions_from_frames


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


@dataclasses.dataclass(frozen=True)
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

    def error(self, state: ScanState, frames: torch.Tensor | None = None, at_once: int = 16) -> float:
        """Relative amplitude error of the named frames (the used ones where None)."""
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
        """Squared amplitude misfit (frame,) of each named frame, and its relative amplitude error (frame,)."""
        chosen = self.train if frames is None else frames
        found = []
        for part in chosen.split(at_once):
            predicted = predict(state.object_array, state.probe, self.scan, part, state.position, self.kernel)
            miss = torch.sqrt(predicted) - self.measured.amplitude[part]
            if self.measured.good is not None:
                miss = miss * self.measured.good
            found.append((miss**2).sum((1, 2)))
        misfit = torch.cat(found).double().cpu().numpy()
        return misfit, np.sqrt(misfit / np.maximum(self.frame_energy(chosen), 1e-30))


def problem_of(acquisition: Ptychography | CodedPtychography, recipe: ScanRecipe) -> Problem:
    """Grids, amplitudes and the split into used and held-out frames; positions as `recipe.orientation` turns them."""
    device = compute.device(recipe.device)
    require_usable(acquisition)
    if recipe.modes > 1 and getattr(acquisition, "geometry", "coded") != "far_field":
        raise InputError(
            f"option modes is {recipe.modes}, but {acquisition.source or 'the acquisition'} is not a far-field scan "
            "and probe modes are for the far field; leave it at 1"
        )
    located = acquisition.positions_um is None
    if isinstance(acquisition, CodedPtychography) and located:
        acquisition = acquisition.replace(positions_um=positions_from_frames(acquisition))
    acquisition = oriented(acquisition, recipe.orientation)
    scan = scan_of(acquisition, device, recipe.borders, recipe.pad)
    frames = torch.arange(scan.frames, device=device)
    every = recipe.hold_out or scan.frames + 1
    out = (frames % every == every - 1) | (frames % recipe.use_every != 0)
    known = isinstance(acquisition, CodedPtychography) and acquisition.coded_surface is not None
    return Problem(
        acquisition,
        scan,
        measure(acquisition, scan, device),
        frames[~out],
        frames[out],
        kernel(scan),
        not known if recipe.update_probe is None else recipe.update_probe,
        device,
        located,
    )


def first_state(problem: Problem, recipe: ScanRecipe) -> ScanState:
    """A flat object array and the probe to start from, scaled so that the mean frame has its measured counts."""
    probe = first_probe(problem, recipe)
    object_array = torch.ones(problem.scan.object_shape, dtype=COMPLEX, device=problem.device)
    state = ScanState(object_array, probe, problem.scan.position.clone())
    if problem.scan.geometry == "coded" and not problem.solve_probe:
        pad = problem.scan.pad
        flat = narrowed(predict(object_array, probe, problem.scan, problem.train[:1], None, problem.kernel), pad).mean()
        state.object_array *= float((narrowed(problem.measured.amplitude, pad) ** 2).mean() / flat) ** 0.5
    return state


def first_probe(problem: Problem, recipe: ScanRecipe) -> torch.Tensor:
    """The file's probe or surface, else the mean frame carried back; (mode, y, x), with the measured counts.

    What a frame does not show of them, around it, is taken to be as at its borders.
    """
    acquisition, scan = problem.acquisition, problem.scan
    given = getattr(acquisition, "coded_surface" if scan.geometry == "coded" else "probe", None)
    mean = widened(narrowed(problem.measured.amplitude[problem.train], scan.pad).square().mean(0).sqrt(), scan.pad)
    if given is not None and recipe.seed_probe:
        probe = torch.as_tensor(np.array(given), dtype=COMPLEX, device=problem.device)
        probe = widened(probe[None] if probe.ndim == 2 else probe, scan.rim)
        if scan.geometry == "coded":
            return with_modes(probe, recipe.modes)
    elif scan.geometry == "far_field":
        probe = to_centre(from_detector(mean.to(COMPLEX), None))[None]
    else:
        probe = from_detector(spread(mean, scan.binning).to(COMPLEX), problem.kernel)[None]
    counts = scan.window[0] * scan.window[1] * float((mean**2).mean()) if scan.binning > 1 else float((mean**2).sum())
    return with_modes(probe * (counts / float((probe.abs() ** 2).sum())) ** 0.5, recipe.modes)


def with_modes(probe: torch.Tensor, modes: int) -> torch.Tensor:
    """The first `modes` modes; missing ones are the first mode tilted, each a tenth as strong in amplitude."""
    found = [probe[m] for m in range(min(modes, len(probe)))]
    rows, columns = probe.shape[-2:]
    y = torch.linspace(-1, 1, rows, device=probe.device)[:, None]
    x = torch.linspace(-1, 1, columns, device=probe.device)[None, :]
    for m in range(len(found), modes):
        order = (m + 1) // 2
        found.append(0.1 * probe[0] * (y if m % 2 else x) ** order)
    return torch.stack(found)


def object_of(state: ScanState, scan: Scan) -> torch.Tensor:
    """The object (y, x): the object array, carried back from the coded surface where there is one."""
    if not scan.to_object_um:
        return state.object_array
    limited, distance = not scan.periodic, -scan.to_object_um
    back = angular_spectrum(
        scan.object_shape, scan.pixel_um, distance, scan.wavelength_um, limited=limited, device=scan.device
    )
    return filtered(state.object_array, back)


def field_of(state: ScanState, scan: Scan) -> PlanesField:
    """The object as a field of one plane on that part of the object array which lies in some frame."""
    spectrum = centred_spectrum(narrowed(object_of(state, scan), scan.rim))
    everywhere = torch.ones(spectrum.shape, dtype=torch.bool)
    return PlanesField.from_spectra(spectrum[None], [0.0], scan.shown, everywhere)


def positions_um(state: ScanState, scan: Scan) -> np.ndarray:
    """Positions (frame, 2) in the acquisition's own convention, um."""
    corner = state.position.double().cpu().numpy() * scan.pixel_um + np.asarray(scan.origin_um)
    return -corner if scan.geometry == "coded" else corner


def result_of(
    problem: Problem,
    state: ScanState,
    recipe: ScanRecipe,
    cpu_seconds: float,
    field: Any = None,
    figures: dict[str, float] | None = None,
    calibration: dict[str, np.ndarray] | None = None,
) -> Result:
    """The finished result: field, probe, positions, and the relative amplitude error of every frame.

    calibration holds `probe` or `coded_surface` complex (mode, y, x) or (y, x), `positions_um` (frame, 2),
    `nominal_positions_um` (frame, 2), `frame_error` (frame,).
    """
    scan = problem.scan
    every = torch.arange(scan.frames, device=problem.device)
    _, errors = problem.frame_misfit(state, every)
    probe = narrowed(state.probe.detach(), scan.rim).cpu().numpy()
    arrays = {
        ("coded_surface" if scan.geometry == "coded" else "probe"): probe[0] if scan.geometry == "coded" else probe,
        "positions_um": positions_um(state, scan),
        "nominal_positions_um": np.asarray(problem.acquisition.positions_um, dtype=float),
        "frame_error": errors,
        **(calibration or {}),
    }
    numbers = {"relative_amplitude_error": problem.error(state), "cpu_seconds": cpu_seconds, **(figures or {})}
    if len(problem.held):
        numbers["held_out_error"] = problem.error(state, problem.held)
    return Result(
        field_of(state, scan) if field is None else field,
        recipe.model_dump(),
        optics(problem.acquisition, scan),
        arrays,
        numbers,
        problem.acquisition.title,
    )


def optics(acquisition: Acquisition, scan: Scan) -> dict[str, Any]:
    """The numbers that belong in a result's header."""
    return {
        "kind": acquisition.kind,
        "geometry": scan.geometry,
        "wavelength_um": scan.wavelength_um,
        "pixel_um": scan.pixel_um,
        "binning": scan.binning,
        "to_detector_um": scan.to_detector_um,
        "to_object_um": scan.to_object_um,
        "frames": acquisition.frame_count,
        "frame_shape": list(acquisition.frame_shape),
    }

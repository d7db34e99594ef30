"""What every reconstruction of a scan decides first: probe, object array, held-out frames; how it is filed."""

from __future__ import annotations

import dataclasses

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
from ...types import Field, InputError, Result
from .orientation import oriented
from .recipe import ScanRecipe
from .registration import positions_from_frames

TOLD = ("geometry", "wavelength_um", "pixel_um", "binning", "to_detector_um", "to_object_um")  # of a scan, in a header


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

    @property
    def every(self) -> torch.Tensor:
        """Indices of all frames."""
        return torch.arange(self.scan.frames, device=self.device)

    def masked(self, values: torch.Tensor) -> torch.Tensor:
        """Values (..., y, x) of detector pixels, 0 where the mask says that a pixel is bad."""
        return values if self.measured.good is None else values * self.measured.good

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
            miss = self.masked(torch.sqrt(predicted) - self.measured.amplitude[part])
            found.append((miss**2).sum((1, 2)))
        misfit = torch.cat(found).double().cpu().numpy()
        return misfit, np.sqrt(misfit / np.maximum(self.frame_energy(chosen), 1e-30))


def problem_of(acquisition: Ptychography | CodedPtychography, recipe: ScanRecipe) -> Problem:
    """Grids and amplitudes of `acquisition`, split into used and held-out frames, its positions turned, by `recipe`."""
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
        acquisition=acquisition,
        scan=scan,
        measured=measure(acquisition, scan, device),
        train=frames[~out],
        held=frames[out],
        kernel=kernel(scan),
        solve_probe=not known if recipe.update_probe is None else recipe.update_probe,
        device=device,
        located=located,
    )


def first_state(problem: Problem, recipe: ScanRecipe) -> ScanState:
    """A flat object array and the probe to start `problem` from, as `recipe` asks; the mean frame has its counts."""
    probe = _first_probe(problem, recipe)
    object_array = torch.ones(problem.scan.object_shape, dtype=COMPLEX, device=problem.device)
    state = ScanState(object_array, probe, problem.scan.position.clone())
    if problem.scan.geometry == "coded" and not problem.solve_probe:
        pad = problem.scan.pad
        flat = predict(object_array, probe, problem.scan, problem.train[:1], kernel=problem.kernel)
        counts = narrowed(problem.measured.amplitude, pad) ** 2
        state.object_array *= float(counts.mean() / narrowed(flat, pad).mean()) ** 0.5
    return state


def _first_probe(problem: Problem, recipe: ScanRecipe) -> torch.Tensor:
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
            return _with_modes(probe, recipe.modes)
    elif scan.geometry == "far_field":
        probe = to_centre(from_detector(mean.to(COMPLEX), None))[None]
    else:
        probe = from_detector(spread(mean, scan.binning).to(COMPLEX), problem.kernel)[None]
    counts = scan.window[0] * scan.window[1] * float((mean**2).mean()) if scan.binning > 1 else float((mean**2).sum())
    return _with_modes(probe * (counts / float((probe.abs() ** 2).sum())) ** 0.5, recipe.modes)


def _with_modes(probe: torch.Tensor, modes: int) -> torch.Tensor:
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
    """The object (y, x) of `state` on the grid of `scan`: carried back from the coded surface where there is one."""
    if not scan.to_object_um:
        return state.object_array
    limited, distance = not scan.periodic, -scan.to_object_um
    back = angular_spectrum(
        scan.object_shape, scan.pixel_um, distance, scan.wavelength_um, limited=limited, device=scan.device
    )
    return filtered(state.object_array, back)


def field_of(state: ScanState, scan: Scan) -> PlanesField:
    """The object of `state` as a field of one plane, on that part of the object array of `scan` which frames show."""
    spectrum = centred_spectrum(narrowed(object_of(state, scan), scan.rim))
    everywhere = torch.ones(spectrum.shape, dtype=torch.bool)
    return PlanesField.from_spectra(spectrum[None], [0.0], scan.shown, everywhere)


def _positions_um(state: ScanState, scan: Scan) -> np.ndarray:
    """Positions (frame, 2) in the acquisition's own convention, um."""
    corner = state.position.double().cpu().numpy() * scan.pixel_um + np.asarray(scan.origin_um)
    return -corner if scan.geometry == "coded" else corner


def result_of(
    problem: Problem,
    state: ScanState,
    recipe: ScanRecipe,
    cpu_seconds: float,
    *,
    field: Field | None = None,
    figures: dict[str, float] | None = None,
    calibration: dict[str, np.ndarray] | None = None,
) -> Result:
    """The finished result: field, probe, positions, and the relative amplitude error of every frame.

    Its calibration holds `probe` or `coded_surface` complex (mode, y, x) or (y, x), `positions_um` (frame, 2),
    `nominal_positions_um` (frame, 2), `frame_error` (frame,).

    Parameters
    ----------
    problem, state, recipe : what was solved, its end, and what the user chose.
    cpu_seconds : used so far.
    field : the object where it is not that of `state` on pixels.
    figures, calibration : further numbers and arrays.
    """
    scan = problem.scan
    _, errors = problem.frame_misfit(state, problem.every)
    probe = narrowed(state.probe.detach(), scan.rim).cpu().numpy()
    arrays = {
        ("coded_surface" if scan.geometry == "coded" else "probe"): probe[0] if scan.geometry == "coded" else probe,
        "positions_um": _positions_um(state, scan),
        "nominal_positions_um": np.asarray(problem.acquisition.positions_um, dtype=float),
        "frame_error": errors,
        **(calibration or {}),
    }
    numbers = {"relative_amplitude_error": problem.error(state), "cpu_seconds": cpu_seconds, **(figures or {})}
    if len(problem.held):
        numbers["held_out_error"] = problem.error(state, problem.held)
    return Result(
        field=field_of(state, scan) if field is None else field,
        recipe=recipe.model_dump(),
        optics=_optics(problem.acquisition, scan),
        calibration=arrays,
        figures=numbers,
        title=problem.acquisition.title,
    )


def _optics(acquisition: Acquisition, scan: Scan) -> dict[str, object]:
    """The numbers that belong in a result's header."""
    return {
        "kind": acquisition.kind,
        **{name: getattr(scan, name) for name in TOLD},
        "frames": acquisition.frame_count,
        "frame_shape": list(acquisition.frame_shape),
    }

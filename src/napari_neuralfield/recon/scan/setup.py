"""What every reconstruction of a scan decides first: probe, object array, held-out frames; how it is filed."""

from __future__ import annotations

import numpy as np
import torch

from ... import compute
from ...checks.scan_rules import require_usable
from ...data.acquisition import Acquisition, CodedPtychography, Ptychography
from ...data.frames import order_of_use
from ...fields.planes import PlanesField
from ...forward.ptychography import kernel
from ...forward.scan import Scan, narrowed, scan_of
from ...forward.scan_problem import Problem, ScanState, object_of
from ...forward.scan_streamed import measured_scan
from ...optics.grids import centred_spectrum, intensity, to_centre
from ...optics.probe import NAMES, described_probe
from ...types import Field, InputError, Result
from .exit_waves import orthogonal
from .orientation import oriented
from .recipe import ScanRecipe, surface_given
from .registration import positions_from_frames

TOLD = ("geometry", "wavelength_um", "pixel_um", "binning", "to_detector_um", "to_object_um")  # of a scan, in a header


def problem_of(acquisition: Ptychography | CodedPtychography, recipe: ScanRecipe) -> Problem:
    """Grids and amplitudes of `acquisition`, split into used and held-out frames, its positions turned, by `recipe`."""
    device = compute.device(recipe.device)
    require_usable(acquisition)
    if (recipe.modes or 1) > 1 and getattr(acquisition, "geometry", "coded") != "far_field":
        raise InputError(
            f"option modes is {recipe.modes}, but {acquisition.source or 'the acquisition'} is not a far-field scan "
            "and probe modes are for the far field; leave it at 1"
        )
    located = acquisition.positions_um is None
    if isinstance(acquisition, CodedPtychography) and located:
        acquisition = acquisition.replace(positions_um=positions_from_frames(acquisition))
    acquisition = oriented(described(acquisition, recipe), recipe.orientation)
    scan = scan_of(acquisition, device, recipe.borders, recipe.pad)
    measured = measured_scan(acquisition, scan, device)
    light = measured.amplitude.sum((1, 2), dtype=torch.float64).cpu().numpy()
    frames = torch.as_tensor(order_of_use(light), device=device)
    every, place = recipe.hold_out or scan.frames + 1, torch.arange(scan.frames, device=device)
    out = (place % every == every - 1) | (frames % recipe.use_every != 0)
    known = surface_given(acquisition)
    return Problem(
        acquisition=acquisition,
        scan=scan,
        measured=measured,
        train=frames[~out],
        held=frames[out],
        kernel=kernel(scan),
        solve_probe=not known if recipe.update_probe is None else recipe.update_probe,
        device=device,
        located=located,
    )


def described(acquisition: Ptychography | CodedPtychography, recipe: ScanRecipe) -> Ptychography | CodedPtychography:
    """`acquisition` with the probe that the options of `recipe` describe, where they describe one.

    Raises
    ------
    InputError : where it is no far-field scan, or the numbers make no probe.
    """
    said = {name: float(value) for name in NAMES if (value := getattr(recipe, name)) is not None}
    if not said:
        return acquisition
    where, first = acquisition.source or "the acquisition", next(iter(said))
    if not isinstance(acquisition, Ptychography) or acquisition.geometry != "far_field":
        raise InputError(
            f"option {first} is {said[first]:g}, but {where} is not a far-field scan, of which alone a probe is "
            "described; leave it out"
        )
    if not recipe.seed_probe:
        raise InputError(
            f"option {first} is {said[first]:g}, but seed_probe is no, so that no probe is started from; leave one out"
        )
    pixel, wavelength = acquisition.object_pixel_um, acquisition.wavelength_um
    probe = described_probe(said, acquisition.frame_shape, pixel, wavelength)
    return acquisition.replace(probe=probe[None])


def field_of(state: ScanState, scan: Scan) -> PlanesField:
    """The object of `state` as a field of one plane, on that part of the object array of `scan` which frames show.

    Its amplitude 1 is the light on the sample, as in every other field, whatever unit the coded surface is in.
    """
    spectrum = centred_spectrum(narrowed(object_of(state, scan), scan.rim) / unit_of(state, scan))
    everywhere = torch.ones(spectrum.shape, dtype=torch.bool)
    return PlanesField.from_spectra(spectrum[None], [0.0], scan.shown, everywhere)


def unit_of(state: ScanState, scan: Scan) -> float:
    """The amplitude that stands for 1 in a field of `state`: behind a coded surface `scan` leaves the counts in it."""
    return float(state.object_array.abs().square().mean().sqrt()) if scan.geometry == "coded" else 1.0


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
    `nominal_positions_um` (frame, 2), `frame_error` (frame,), the numbers `held_out` (k,) of frames left
    out, and `background` (y, x), counts, and `gains` (frame,), each where there are any.
    Modes of a probe are orthogonal, the brightest first; `mode_shares` (mode,) of the light are theirs.

    Parameters
    ----------
    problem, state, recipe : what was solved, its end, and what the user chose.
    cpu_seconds : used so far.
    field : the object where it is not that of `state` on pixels.
    figures, calibration : further numbers and arrays.
    """
    scan = problem.scan
    _, errors = problem.frame_misfit(state, problem.every)
    light = orthogonal(state.probe.detach())
    probe = narrowed(light, scan.rim).cpu().numpy()
    arrays = {
        ("coded_surface" if scan.geometry == "coded" else "probe"): probe[0] if scan.geometry == "coded" else probe,
        "positions_um": _positions_um(state, scan),
        "nominal_positions_um": np.asarray(problem.acquisition.positions_um, dtype=float),
        "frame_error": errors,
        **(calibration or {}),
    }
    if problem.measured.gain is not None:
        arrays.setdefault("gains", problem.measured.gain.cpu().numpy())
    if problem.measured.background is not None:
        arrays["background"] = to_centre(problem.measured.background).cpu().numpy()
    numbers = {"relative_amplitude_error": problem.error(state), "cpu_seconds": cpu_seconds, **(figures or {})}
    if len(light) > 1:
        shares = intensity(light).sum((1, 2))
        arrays["mode_shares"] = (shares / shares.sum()).cpu().numpy()
        numbers["first_mode_share"] = float(arrays["mode_shares"][0])
    if len(problem.held):
        arrays["held_out"] = np.sort(problem.held.cpu().numpy())
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

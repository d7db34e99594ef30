"""One reconstruction of a scan, compared with what is known of its object, positions, distance and wavelength."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

PARAMETERS = {"to_detector_um": "surface_to_sensor_um", "wavelength_um": "wavelength_um"}  # figure -> of the file


def measure(acquisition: Any, job: dict[str, Any]) -> tuple[dict[str, Any], np.ndarray | None]:
    """What was found, by name, and the object on the truth's grid (z, y, x); None where there is no truth.

    Seconds are processor time of the reconstruction, figures of quality come after the clock. Object and positions may
    move together without any frame telling, so the planes are read where the positions say the truth's are.
    """
    from napari_neuralfield import build_recipe, reconstruct
    from napari_neuralfield.types import Done, Note

    options = dict(job["options"])
    wrong = options.pop("wrong", {})
    start = acquisition.replace(**{name: factor * getattr(acquisition, name) for name, factor in wrong.items()})
    recipe, notes = build_recipe(job["method"], options, job["label"].split(",")[0] or None), []
    began = time.process_time()
    for event in reconstruct(start, recipe):
        if isinstance(event, Note):
            notes.append(event.text)
        elif isinstance(event, Done):
            result = event.result
    found = {**result.figures, "cpu_s": time.process_time() - began, "notes": notes}
    for figure, name in PARAMETERS.items():
        if figure in result.figures and name in wrong:
            found[f"{figure}_error"] = abs(result.figures[figure] / getattr(acquisition, name) - 1)
    if not job["grid"]:
        return found | (against_ours(result, Path(job["truth"])) if job["truth"] else {}), None
    off_um = positions_off_um(result, job)
    found["positions_px"], found["positions_given_px"] = (
        float(np.sqrt(((off - off.mean(0)) ** 2).sum(1).mean()) / job["grid"]["pixel_um"]) for off in off_um
    )
    return found, planes(result.field, job["grid"], off_um[0].mean(0))


def against_ours(result: Any, truth: Path) -> dict[str, float]:
    """Compared as `scan_truth` does, for scans of our own simulator with unknown light."""
    import h5py

    from .scan_truth import compare

    with h5py.File(truth) as stored:
        values = {name: entry[()] for name, entry in stored.items()} | dict(stored.attrs)
    found = compare(result, values)
    names = {"error": "relative_error", "fine": "fine_error", "positions_px": "positions_px"}
    names["before_px"] = "positions_given_px"
    return {ours: found[theirs] for theirs, ours in names.items() if theirs in found}


def positions_off_um(result: Any, job: dict[str, Any]) -> list[np.ndarray]:
    """Positions found and given, less the truth's where it holds as many, else less those given: each (frame, 2)."""
    import h5py

    found, given = (np.asarray(result.calibration[name]) for name in ("positions_um", "nominal_positions_um"))
    with h5py.File(Path(job["truth"])) as truth:
        stored = truth["positions_um"][:] if "positions_um" in truth else given
    target = stored if stored.shape == given.shape else given
    return [found - target, given - target]


def planes(field: Any, grid: dict[str, Any], apart_um: np.ndarray) -> np.ndarray:
    """The field on the grid of `score.py`; the object lies `apart_um` (y, x) before the truth, its positions after."""
    y, x = (np.arange(n) * grid["pixel_um"] - a for n, a in zip(grid["shape"], apart_um, strict=True))
    return np.asarray(field.render(grid["z_um"], y, x).detach().cpu().numpy())

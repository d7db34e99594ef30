"""One calibration: a microscope described wrongly, calibrated, reconstructed, compared with what is known."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from . import calibration_truth


def measure(acquisition: Any, job: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """What was found and how well, by name, and the field.

    Seconds are processor time; figures of quality come after the clocks.
    """
    from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
    from napari_neuralfield.recon.calibration.stages import calibrate
    from napari_neuralfield.types import Note

    options = job["options"]
    wrong = options.get("wrong", {})
    start = misdescribed(acquisition, wrong)
    found: dict[str, Any] = {}
    calibration, corrected = None, start
    if options["calibrate"]:
        began = time.process_time()
        calibration, events = returned(calibrate(start, CalibrationRecipe()))
        found["calibrate_s"] = time.process_time() - began
        found["notes"] = [event.text for event in events if isinstance(event, Note)]
        corrected = calibration.acquisition(leave_out="noise" in wrong)
    began = time.process_time()
    result = reconstructed(corrected, {name: options[name] for name in ("z_um",) if name in options})
    found["cpu_s"] = time.process_time() - began
    found |= result.figures
    if calibration is not None:
        found |= described(calibration)
        if job["truth"]:
            truth = calibration_truth.read(Path(job["truth"]), acquisition)
            truth["bad_frames"] = np.array(wrong.get("noise", []), int)
            found["twin"] = calibration_truth.is_twin(calibration, truth)
            found |= calibration_truth.compare(calibration, calibration_truth.twin(truth) if found["twin"] else truth)
        else:
            found |= resolution(acquisition, corrected)
    return found, result.field


def returned(events: Generator[Any, None, Any]) -> tuple[Any, list[Any]]:
    """What an event stream returns, and its events."""
    seen = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as end:
            return end.value, seen


def reconstructed(acquisition: Any, options: dict[str, Any] | None = None) -> Any:
    """The result of the recommended method."""
    from napari_neuralfield.recon import build_recipe, recommended, reconstruct

    method, chosen = recommended(acquisition)
    *_, done = reconstruct(acquisition, build_recipe(method, {**chosen, **(options or {})}))
    return done.result


def misdescribed(acquisition: Any, wrong: dict[str, Any]) -> Any:
    """The acquisition with other LED directions in its file, or with frames of noise.

    `wrong` holds `turn_deg`, `shift_na` (y, x), `scale` of the board, or `axes`, the name of an orientation, or for
    the boards of the University of Connecticut `height`, a factor, and `yint_mm`, or `noise`, numbers of frames.
    """
    from napari_neuralfield.optics.board import BoardPose
    from napari_neuralfield.optics.illumination import ORIENTATIONS, UCONN_HEIGHT_MM, orient
    from napari_neuralfield.simulate.simulators import spoil

    if not wrong:
        return acquisition
    na = np.asarray(acquisition.illumination_na)
    if "noise" in wrong:
        frames = np.array(acquisition.frames[:])
        spoil(frames, np.random.default_rng(0), (), wrong["noise"])
        return acquisition.replace(frames=frames)
    if "height" in wrong:
        entered = wrong["height"] * UCONN_HEIGHT_MM
        na = uconn_directions(Path(acquisition.source), len(na), entered, wrong["yint_mm"])
        return acquisition.replace(illumination_na=na, led_height_mm=entered)
    if "axes" in wrong:
        return acquisition.replace(illumination_na=orient(na, dict(ORIENTATIONS)[wrong["axes"]]))
    y, x = wrong.get("shift_na", (0.0, 0.0))
    pose = BoardPose(np.deg2rad(wrong.get("turn_deg", 0.0)), (-y, -x), wrong.get("scale", 1.0))
    return acquisition.replace(illumination_na=pose.place(na))


def uconn_directions(file: Path, count: int, height_mm: float, yint_mm: float) -> np.ndarray:
    """Directions (led, 2) of a University of Connecticut file whose height and offset were entered otherwise."""
    import scipy.io

    from napari_neuralfield.optics import illumination

    stored = scipy.io.loadmat(str(file), variable_names=["theta", "xint"], mat_dtype=True)
    theta, xint = (float(stored[name].item()) for name in ("theta", "xint"))
    board = illumination.place(illumination.grid_positions(15, 15, 4.0, "spiral")[:count], theta, (yint_mm, xint))
    return illumination.direction_cosines(board, height_mm, slide_mm=1.0, slide_index=1.52)


def described(calibration: Any) -> dict[str, Any]:
    """What the calibration says of the microscope, ready for JSON; lengths of the board where its height is known.

    The pitch taken as right, the height is the nominal one over `scale`; the shift is that of the board's centre.
    """
    pose = calibration.pose
    found = {
        "orientation": calibration.orientation, "turn_deg": float(np.rad2deg(pose.turn_rad)),
        "shift": list(pose.shift), "scale": pose.scale, "z_um": calibration.z_um,
        "zernike_found_rad": {str(k): float(v) for k, v in calibration.zernike_rad.items()},
        "background": float(np.median(calibration.background)), "warnings": list(calibration.warnings),
        "outlier_frames": [outlier.frame for outlier in calibration.outlier_frames],
    }  # fmt: skip
    height = getattr(calibration.given, "led_height_mm", None)
    if height is not None:
        found["height_mm"] = height / pose.scale
        found["shift_y_mm"], found["shift_x_mm"] = (s * height / pose.scale for s in pose.shift)
    return found


def resolution(given: Any, corrected: Any) -> dict[str, float]:
    """Half-bit resolution and held-out error, um, with the file's own geometry and with the corrected one."""
    from napari_neuralfield.recon.calibration.quality import assess

    off, _ = returned(assess(given))
    on, _ = returned(assess(corrected, same_as=off))
    return {
        "resolution_off_um": off.resolution_um, "held_out_off": off.held_out_error,
        "resolution_um": on.resolution_um, "held_out": on.held_out_error,
    }  # fmt: skip

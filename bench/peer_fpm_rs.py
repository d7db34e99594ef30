"""fpm-rs (PyPI `fpm-rs`, MIT licence, Rust on the processor) on the same frames as our methods.

It wants Python 3.12 or newer and runs in the Python that NEURALFIELD_PEER_FPM_RS names, or in this one where it can be
imported; there this file is the script that is run, and needs nothing of ours. It is given the frames as ours are:
prepared, hot pixels filled, light besides the LEDs' taken off; and one thread. CPU time is that of its own work.

What was found to suit it best (version 0.2.0b3):

* Directions on whole bins of the frame's spectrum. Between bins it interpolates the object's spectrum linearly, which
  is a wrong image wherever the object fills the field: 16 dB instead of 41 on an ideal microscope, all else known.
* Its direction of light is the opposite of ours: with ours it finds the conjugate.
* Two of its methods: adaptive projection, which takes the pupil as ideal and may not have settled after 20 passes, and
  embedded pupil recovery with a step of 0.3 for the object and 0.05 for the pupil; which is better depends on what is
  told. Plain projection, fPIE and ADMM were always worse, momentum diverged; gradient descent in batches of eight was
  0.9 dB ahead of them once, on fpm_real with all told, and behind elsewhere.
* Of its calibrations the one from circles in the bright frames' spectra, by turn, shift and height. The one that goes
  on during a reconstruction stays where it begins, as it lives on the interpolation. Height is left out where few bins
  lie across the pupil's radius, as the circles do not tell it then.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

VARIABLE = "NEURALFIELD_PEER_FPM_RS"
ABSENT = (
    "fpm-rs is left out: make an environment of Python 3.12 or newer with `pip install --pre fpm-rs numpy` and name "
    f"its Python in {VARIABLE}"
)
METHODS = ("adaptive", "pupil recovered")
LABELS = tuple(f"{na}, {method}" for na in ("as given", "calibrated", "told") for method in METHODS)
PASSES, PUPIL_PASSES, OBJECT_STEP, PUPIL_STEP = 40, 20, 0.3, 0.05
HEIGHT_MM = 76.0  # of the board, where the file does not say; only the pitch over the height counts
FAR_M, FAR_RAD = 0.1, 0.12  # widest shift and turn that are looked for
MANY_BINS = 20  # across the pupil's radius: then the circles tell the height
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "RAYON")}


def python() -> str | None:
    """The Python that has `fpm_rs`: the one that the variable names, else this one; None where neither has."""
    named = os.environ.get(VARIABLE)
    if not named:
        return sys.executable if importlib.util.find_spec("fpm_rs") else None
    asked = subprocess.run([named, "-c", "import fpm_rs"], capture_output=True, check=False)
    return named if asked.returncode == 0 else None


def reconstruct(acquisition: Any, grid: dict[str, Any], label: str, truth: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Its object (z, y, x) on the truth's pixels, and seconds and what else it found.

    Parameters
    ----------
    acquisition : as it is read.
    grid : what the truth is like.
    label : one of `LABELS`: the directions of the light, and the method.
    truth : file with the true directions, for what is told them.
    """
    from napari_neuralfield.checks.seen.preparation import prepared

    ready = prepared(acquisition)
    frames = np.clip(ready.acquisition.intensity().astype(np.float64), 0, None)
    given = ready.acquisition
    job = {
        "label": label, "shape": grid["shape"], "z_um": grid["z_um"][0], "wavelength_um": given.wavelength_um,
        "objective_na": given.objective_na, "pixel_um": given.pixel_um,
        "height_mm": given.led_height_mm or HEIGHT_MM,
    }  # fmt: skip
    na = given.illumination_na
    if label.startswith("told"):
        import h5py

        with h5py.File(truth) as stored:
            na = stored["illumination_na"][:][ready.kept] if "illumination_na" in stored else na
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "frames.npz", Path(folder) / "found.npz"
        np.savez(source, job=json.dumps(job), frames=frames, na=np.asarray(na, np.float64))
        command = [str(python()), __file__, str(source), str(target)]
        subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD}, stdout=sys.stderr)
        found = np.load(target)
        return found["object"][None], {"cpu_s": float(found["seconds"]), "peak_mb": float(found["peak_mb"])}


def there(source: Path, target: Path) -> None:
    """In the peer's Python: reconstruct what `source` holds, write object, seconds and memory to `target`."""
    import resource

    import fpm_rs

    given = np.load(source)
    job, frames, na = json.loads(str(given["job"])), given["frames"], given["na"]
    frames = np.ascontiguousarray(frames / np.median(frames[0]))
    began = time.process_time()
    optics = fpm_rs.Optics(
        1e-6 * job["wavelength_um"], job["objective_na"], 1.0, 1e-6 * job["pixel_um"],
        defocus_distance=1e-6 * job["z_um"] or None,
    )  # fmt: skip
    if job["label"].startswith("calibrated"):
        na = by_circles(fpm_rs, optics, frames, na, job)
    bin_na = job["wavelength_um"] / (job["pixel_um"] * np.array(frames.shape[1:]))
    waves = -2e6 * np.pi / job["wavelength_um"] * np.round(na / bin_na) * bin_na  # rad/m, (y, x)
    directions = fpm_rs.Illumination(fpm_rs.KVectorList(np.ascontiguousarray(waves[:, ::-1])))
    model = fpm_rs.compile_model(optics, directions, frames.shape[1:], tuple(job["shape"]))
    if job["label"].endswith("adaptive"):
        method = fpm_rs.AdaptiveAlternatingProjection(iterations=PASSES)
    else:
        method = fpm_rs.Epry(iterations=PUPIL_PASSES, object_step=OBJECT_STEP, pupil_step=PUPIL_STEP)
    found = method.run(fpm_rs.ReconstructionProblem(frames, model)).object
    seconds = time.process_time() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    np.savez(target, object=found, seconds=seconds, peak_mb=peak_mb)


def by_circles(fpm_rs: Any, optics: Any, frames: np.ndarray, na: np.ndarray, job: dict[str, Any]) -> np.ndarray:
    """Directions (led, 2), ours, after its calibration from the circles in the bright frames' spectra.

    Parameters
    ----------
    fpm_rs, optics, job : the package, its optics, and what is known.
    frames : (led, y, x).
    na : nominal directions (led, 2), of LEDs on a square grid.
    """
    places = -na / np.sqrt(1 - (na**2).sum(1, keepdims=True)) * job["height_mm"]
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    pitch = float(apart[apart > 1e-6].min())
    row, column = np.round(-places / pitch).astype(int).T
    reach = int(np.abs([row, column]).max())
    side = 2 * reach + 1
    board = fpm_rs.PlanarLEDArray(
        (side, side), 1e-3 * pitch, (float(reach), float(reach)),
        fpm_rs.ArrayPose.from_translation((0.0, 0.0, -1e-3 * job["height_mm"])),
    )  # fmt: skip
    lit = [int(n) for n in (row + reach) * side + column + reach]
    light = fpm_rs.Illumination(board, acquisition=fpm_rs.AcquisitionPlan.sequential(lit))
    model = fpm_rs.compile_model(optics, light, frames.shape[1:], tuple(job["shape"]))
    across = job["objective_na"] / job["wavelength_um"] * job["pixel_um"] * min(frames.shape[1:])
    free = fpm_rs.PlanarArrayCalibrationParameters(
        translation=(True, True, across > MANY_BINS),
        rotation=(False, False, True),
        translation_spec=fpm_rs.CalibrationParameterSpec(-FAR_M, FAR_M, scale=1e-3),
        rotation_spec=fpm_rs.CalibrationParameterSpec(-FAR_RAD, FAR_RAD, scale=0.01),
    )
    found = fpm_rs.BrightfieldCircleInitializer(free).initialize(frames, optics, light, model)
    waves = np.asarray(found.initialized_model.k_vectors)
    waves = waves if len(waves) == len(na) else waves[lit]
    return -waves[:, ::-1] * job["wavelength_um"] * 1e-6 / (2 * np.pi)


def main() -> None:
    there(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()

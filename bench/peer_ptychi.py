"""pty-chi (package `ptychi`) on the same frames as our engines: `python -m bench.peer_ptychi SCAN.acq.h5`.

It runs in a Python of its own, named by NEURALFIELD_PEER_PTYCHI, which needs nothing of ours: this file is also the
script that is run there. Both get the same frames to work on, the same first probe, a flat object, the same number
of passes, one thread of the processor; both are judged on the frames left out by the same prediction (ours).
CPU time is that of the passes alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

VARIABLE = "NEURALFIELD_PEER_PTYCHI"
METHODS = {"least-squares": "LSQMLOptions", "rpie": "RPIEOptions", "epie": "EPIEOptions"}
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}


def python() -> str | None:
    """The Python that has `ptychi`; None where the variable is not set or names no such Python."""
    found = os.environ.get(VARIABLE)
    if not found:
        return None
    asked = subprocess.run([found, "-c", "import ptychi"], capture_output=True, check=False)
    return found if asked.returncode == 0 else None


def there(source: Path, target: Path) -> None:
    """In the peer's Python: reconstruct what `source` holds, write object, probe and seconds to `target`."""
    import ptychi.api as api
    import torch
    from ptychi.api.task import PtychographyTask

    torch.set_num_threads(1)
    given = np.load(source)
    job = json.loads(str(given["job"]))
    options = getattr(api, METHODS[job["method"]])()
    options.data_options.wavelength_m = 1e-9
    options.reconstructor_options.num_epochs = job["passes"]
    options.reconstructor_options.batch_size = job["batch"]
    options.reconstructor_options.default_device = api.Devices.CPU
    options.reconstructor_options.displayed_loss_function = None
    options.reconstructor_options.random_seed = 0
    options.object_options.determine_position_origin_coords_by = api.ObjectPosOriginCoordsMethods.SPECIFIED
    options.object_options.position_origin_coords = np.zeros(2)
    centre = given["position"] + (np.array(given["probe"].shape[-2:]) - 1) / 2  # of a window
    scale = np.sqrt(np.prod(given["probe"].shape[-2:])).astype(np.float32)  # the peer's transform is not divided
    task = PtychographyTask(
        options,
        diffraction_data=given["frames"],
        object_data=np.ones((1, *given["object_array"]), dtype=np.complex64),
        probe_data=given["probe"][None] / scale,
        probe_position_y_px=centre[:, 0],
        probe_position_x_px=centre[:, 1],
    )
    began = time.process_time()
    task.run()
    seconds = time.process_time() - began
    kept = {name: task.get_data_to_cpu(name, as_numpy=True) for name in ("object", "probe")}
    np.savez(target, seconds=seconds, object=kept["object"][0], probe=kept["probe"][0] * scale)


def reconstruct(problem: Any, state: Any, method: str, passes: int, batch: int) -> tuple[Any, float]:
    """The peer's answer from the same first state, as a state of ours, and its CPU seconds."""
    from dataclasses import replace

    import torch

    from napari_neuralfield.optics.grids import to_centre

    frames = to_centre(problem.measured.amplitude[problem.train] ** 2).numpy()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "scan.npz", Path(folder) / "found.npz"
        np.savez(
            source,
            job=json.dumps({"method": method, "passes": passes, "batch": batch}),
            frames=frames,
            position=state.position[problem.train].numpy(),
            probe=state.probe.numpy(),
            object_array=np.array(problem.scan.object_shape),
        )
        command = [str(python()), __file__, str(source), str(target)]
        subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD}, stdout=sys.stderr)
        found = np.load(target)
    object_array, probe = (torch.as_tensor(found[name]).to(torch.complex64) for name in ("object", "probe"))
    return replace(state, object_array=object_array, probe=probe), float(found["seconds"])


def main() -> None:
    there(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()

"""One job in a process of its own: `python -m bench.worker JOB.json`. Writes what it measured beside it.

So CPU time with one thread and peak memory are those of one method and nothing else.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def peak_mb() -> float:
    """Largest memory this process has held, MB; not that of the process it was started from."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def ours(acquisition: Any, job: dict[str, Any]) -> dict[str, Any]:
    """A registered method: seconds of the reconstruction alone, its figures, the bytes of its field file."""
    from napari_neuralfield import build_recipe, reconstruct, save_result
    from napari_neuralfield.types import Done, Note, Preview

    preset = job["label"].split(",")[0]
    recipe = build_recipe(job["method"], job["options"], None if preset in ("", "default") else preset)
    notes, marks, kept = [], list(job["marks_s"]), []
    began = time.process_time()
    for event in reconstruct(acquisition, recipe):
        seconds = time.process_time() - began
        if isinstance(event, Note):
            notes.append(event.text)
        elif isinstance(event, Preview) and marks and seconds >= marks[0]:
            kept.append((seconds, event.field))
            marks = [mark for mark in marks if mark > seconds]
        elif isinstance(event, Done):
            result = event.result
    seconds = time.process_time() - began
    found = {**result.figures, "cpu_s": seconds, "peak_mb": peak_mb(), "notes": notes}
    found["curve_s"] = [when for when, _ in kept]
    for number, (_, field) in enumerate(kept):
        keep(planes_of(field, job), Path(job["out"]).with_suffix(f".{number}.npy"))
    file = Path(job["out"]).with_suffix(".nfield")
    save_result(file, result)
    found["bytes"] = file.stat().st_size
    file.unlink()
    return {**found, "planes": planes_of(result.field, job)}


def planes_of(field: Any, job: dict[str, Any]) -> np.ndarray | None:
    """The field as `score.py` wants it: complex (z, y, x), or radians (y, x); None where there is no truth."""
    grid = job["grid"]
    if grid is None:
        return None
    y, x = (grid["first_um"] + np.arange(n) * grid["pixel_um"] for n in grid["shape"])
    planes = np.asarray(field.render(grid["z_um"], y, x).detach().cpu().numpy())
    if grid["score"] in ("field", "real"):
        return planes
    if not np.iscomplexobj(planes):
        return planes[0]
    from skimage.restoration import unwrap_phase

    return unwrap_phase(np.angle(planes[0]), rng=0)


def keep(planes: np.ndarray | None, path: Path) -> None:
    if planes is not None:
        np.save(path, planes)


def plain(acquisition: Any, job: dict[str, Any]) -> dict[str, Any]:
    """The NumPy reference, told the depth of every plane that is scored."""
    from . import plain_fpm

    began = time.process_time()
    planes = plain_fpm.reconstruct(acquisition, job["grid"]["z_um"], **job["options"])
    return {"cpu_s": time.process_time() - began, "peak_mb": peak_mb(), "bytes": planes.nbytes, "planes": planes}


def peer(acquisition: Any, job: dict[str, Any]) -> dict[str, Any]:
    """The published loop with the authors' network."""
    from . import peer_fpm_inr

    began = time.process_time()
    planes, size = peer_fpm_inr.reconstruct(acquisition, job["grid"]["z_um"], tuple(job["options"]["z_um"]))
    return {"cpu_s": time.process_time() - began, "peak_mb": peak_mb(), "bytes": size, "planes": planes}


def rust(acquisition: Any, job: dict[str, Any]) -> dict[str, Any]:
    """fpm-rs with one of its settings."""
    from . import peer_fpm_rs

    planes, found = peer_fpm_rs.reconstruct(acquisition, job["grid"], job["label"], job["truth"])
    return {**found, "bytes": planes.nbytes, "planes": planes}


def calibration(acquisition: Any, job: dict[str, Any]) -> dict[str, Any]:
    """A calibration and the reconstruction after it."""
    from . import calibrate_job

    found, field = calibrate_job.measure(acquisition, job)
    planes = planes_of(field, job)
    if planes is not None and found.get("twin"):
        planes = planes.conj()
    return {**found, "peak_mb": peak_mb(), "planes": planes}


def scan(acquisition: Any, job: dict[str, Any]) -> dict[str, Any]:
    """A method on a scan."""
    from . import scan_job

    found, planes = scan_job.measure(acquisition, job)
    return {**found, "peak_mb": peak_mb(), "planes": planes}


RUNNERS = {"plain-numpy": plain, "peer-fpm-inr": peer, "peer-fpm-rs": rust, "calibrate": calibration, "scans": scan}


def main() -> None:
    path = Path(sys.argv[1])
    job = json.loads(path.read_text(encoding="utf-8"))
    import torch

    from napari_neuralfield import open_acquisition, recon  # noqa: F401 - loaded before the clock starts

    torch.set_num_threads(1)
    acquisition = open_acquisition(job["file"])
    before = peak_mb()
    found = RUNNERS.get(job["runner"] or job["method"], ours)(acquisition, job)
    keep(found.pop("planes"), Path(job["out"]))
    found |= {"kind": acquisition.kind, "peak_before_mb": before, "process_cpu_s": time.process_time()}
    path.with_suffix(".found.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

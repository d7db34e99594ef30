"""Memory and time of large stacks, kept in memory and put aside on disk: `python -m bench.memory [FRAMES [SIDE]]`.

Every run is a process of its own, on one thread; its frames are those of a small simulated scan or LED board, tiled.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.simulate.scans import far_field
from napari_neuralfield.simulate.simulators import tilted_slide

RUNS: dict[str, dict[str, object]] = {
    "fpm-sequential": {
        "z_um": 0.0, "passes": 1, "step_decay": 0.05, "recover_pupil": False, "recover_gain": False,
        "check_orientation": False,
    },
    "rpie": {"passes": 2, "orientation": "as-given", "correct_positions": False},
}  # fmt: skip
NEVER = 2**60


def tiled(path: Path, method: str, frames: int, side: int) -> None:
    """Write a large recording for a method.

    Parameters
    ----------
    path : of the file.
    method : of `RUNS`.
    frames, side : how many, and pixels along a side of each.
    """
    acquisition: Acquisition = (tilted_slide(seed=0) if method == "fpm-sequential" else far_field(seed=0))[0]
    values = acquisition.values()
    name = "illumination_na" if method == "fpm-sequential" else "positions_um"
    small, count = np.asarray(acquisition.frames), acquisition.frame_count
    each = np.arange(frames)
    with h5py.File(path, "w") as file:
        file.attrs.update(format="neuralfield-acquisition", version=1, kind=acquisition.kind)
        values[name] = np.asarray(values[name])[each % count] + 1e-3 * (each // count)[:, None]
        values["probe"] = padded(np.asarray(values["probe"]), side) if "probe" in values else None
        values.pop("object_pixel_um" if method == "rpie" else "title", None)
        for key, value in values.items():
            if value is not None:
                (file.attrs if np.ndim(value) == 0 else file)[key] = value
        stack = file.create_dataset("frames", (frames, side, side), "u2", chunks=(1, side, side))
        for number in each:
            stack[number] = enlarged(small[number % count], side, method)


def padded(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture (..., y, x) in the middle of `side` pixels along each side, 0 around it."""
    before = [(side - n) // 2 for n in picture.shape[-2:]]
    around = [(b, side - n - b) for b, n in zip(before, picture.shape[-2:], strict=True)]
    return np.pad(picture, [(0, 0)] * (picture.ndim - 2) + around)


def enlarged(frame: np.ndarray, side: int, method: str) -> np.ndarray:
    """A frame of `side` pixels along each side for a method: repeated, of a scan in the middle of nothing."""
    counts = np.clip(frame * (1000 / max(float(frame.max()), 1e-9) if frame.max() < 100 else 1), 0, 65535)
    if method == "rpie":
        return padded(counts, side).astype(np.uint16)
    times = [-(-side // n) for n in frame.shape]
    return np.rint(np.tile(counts, times)[:side, :side]).astype(np.uint16)


def run(path: Path, method: str, large: int) -> str:
    """CPU seconds | peak MB | error of a `method` on `path` in this process, frames of `large` bytes on disk."""
    import torch

    from napari_neuralfield import open_acquisition, reconstruct
    from napari_neuralfield.forward import streamed
    from napari_neuralfield.recon import build_recipe
    from napari_neuralfield.types import Done

    torch.set_num_threads(1)
    streamed.LARGE = large
    streamed.SHARE = 1e9 if large == NEVER else streamed.SHARE
    *_, done = reconstruct(open_acquisition(path), build_recipe(method, RUNS[method]))
    assert isinstance(done, Done)
    used = resource.getrusage(resource.RUSAGE_SELF)
    error = done.result.figures["relative_amplitude_error"]
    return f"{used.ru_utime + used.ru_stime:.1f} | {used.ru_maxrss / 1024:.0f} | {error:.6f}"


def main(frames: int = 200, side: int = 512) -> None:
    """Print the table of stacks of so many `frames` of `side` pixels along each side."""
    print("| method | frames | kept | CPU s | peak MB | relative amplitude error |\n|---|---|---|---|---|---|")
    for method in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "large.acq.h5"
            tiled(path, method, frames, side)
            for kept, large in (("in memory", NEVER), ("on disk", 0)):
                command = [sys.executable, "-m", "bench.memory", str(path), method, str(large)]
                told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()
                print(f"| {method} | {frames} x {side}^2 | {kept} | {told[-1]} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
    else:
        main(*(int(number) for number in sys.argv[1:]))

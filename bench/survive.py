"""Whatever ends a run in tiles, the same command goes on and ends the same: `python -m bench.survive [ROWS [WORKERS]]`.

ROWS x ROWS tiny tiles of a simulated frame, by the command line: one run that nothing disturbs; then, each from the
beginning, a worker that is killed, a disk that is full, Ctrl-C, and a scheduler that goes away. After each the
same command is given again, and the field is held against the undisturbed one.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_neuralfield import load_result, save_acquisition
from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.simulate.led_optics import Optics, led_frames, led_grid_na
from napari_neuralfield.simulate.phantoms import PHANTOMS

FOLDER = Path(os.environ.get("SURVIVE_FOLDER", "survive")).absolute()
TILE, OVERLAP = 32, 8  # frame pixels
OPTICS = Optics(objective_na=0.1, wavelength_um=0.522, pixel_um=1.6)
TOGETHER = "tiles are made one by their overlaps"
FULL = """
import os, sys
from napari_neuralfield.cli.commands import main
left, real = int(sys.argv.pop(1)), os.fsync
def fsync(handle):
    global left
    left -= 1
    if left < 0:
        raise OSError(28, "No space left on device")
    real(handle)
os.fsync = fsync
sys.exit(main(sys.argv[1:]))
"""


def frames(rows: int) -> Path:
    """A simulated wide field that makes ROWS x ROWS tiles."""
    path, side = FOLDER / f"wide{rows}.acq.h5", rows * (TILE - OVERLAP) + OVERLAP
    if not path.exists():
        rng = np.random.default_rng(0)
        na = led_grid_na(3, 4.0, 60.0, 0.24)
        cells = PHANTOMS["cells"]((side * 3, side * 3), rng)[0].sum(0)
        light = led_frames(cells[None], np.zeros(1), na, upsampling=3, **OPTICS)
        counts = rng.poisson(4000 * light).astype(np.uint16)
        save_acquisition(path, LedArray(frames=counts, illumination_na=na, title="wide", **OPTICS))
    return path


def options(file: Path, name: str, *more: str) -> list[str]:
    return [
        "reconstruct", str(file), "--method", "fpm-sequential", "--z-um", "0", "--board", "given", "--passes", "2",
        "--no-calibrate", "--no-check-orientation", "--tile-px", str(TILE), "--overlap-px", str(OVERLAP),
        "-o", str(FOLDER / name), *more,
    ]  # fmt: skip


def command(file: Path, name: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "napari_neuralfield", *options(file, name, *more)]


def done(name: str) -> int:
    """Tiles that are there."""
    return len(list((FOLDER / f"{name}.unfinished" / "tiles").glob("*.nfield")))


@contextlib.contextmanager
def half_way(name: str, given: list[str], count: int) -> Iterator[subprocess.Popen[str]]:
    """A run that has made `count` tiles; it is waited for at the end."""
    with subprocess.Popen(given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        while run.poll() is None and done(name) < count:
            time.sleep(0.02)
        yield run
        said = run.communicate()[1].strip().splitlines()
        print(f"  status {run.returncode}, {done(name)} tiles kept: {said[-1][:200] if said else ''}", flush=True)


def children(process: int) -> list[int]:
    """Processes that a process has started, and those that these have."""
    own = [int(n) for file in Path(f"/proc/{process}/task").glob("*/children") for n in file.read_text().split()]
    return [*own, *(below for one in own for below in children(one))]


def killed(file: Path, name: str, count: int, workers: int) -> list[str]:
    given = command(file, name, "--workers", str(workers))
    with half_way(name, given, count) as run:
        working = [n for n in children(run.pid) if "spawn_main" in Path(f"/proc/{n}/cmdline").read_text()]
        os.kill(working[-1], signal.SIGKILL)
        print(f"  one of {len(working)} workers is killed after {count} tiles")
    return given


def full(file: Path, name: str, count: int, workers: int) -> list[str]:
    del workers
    with half_way(name, [sys.executable, "-c", FULL, str(count), *options(file, name)], 10**6):
        pass
    return command(file, name)


def interrupted(file: Path, name: str, count: int, workers: int) -> list[str]:
    given = command(file, name, "--workers", str(workers))
    with half_way(name, given, count) as run:
        run.send_signal(signal.SIGINT)
    return given


def lost(file: Path, name: str, count: int, workers: int) -> list[str]:
    """The scheduler goes away half way; then a new one is there."""
    with cluster(workers) as (address, process), half_way(name, command(file, name, "--cluster", address), count):
        process.kill()
    return command(file, name)


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Address and process of a scheduler with workers of its own."""
    code = (
        "import sys, distributed\nif __name__ == '__main__':\n"
        f"  c = distributed.LocalCluster(n_workers={workers}, threads_per_worker=1, dashboard_address=None)\n"
        "  print(c.scheduler_address, flush=True); sys.stdin.read()\n"
    )
    script = FOLDER / "cluster.py"
    script.write_text(code)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def values(name: str) -> np.ndarray:
    field = load_result(FOLDER / name).field
    return field.render([0.0], *field.extent.axes())[0].numpy()


def gone_on(given: list[str]) -> tuple[float, int]:
    """Seconds of a command that must succeed, and how many tiles it found."""
    began = time.perf_counter()
    run = subprocess.run(given, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{' '.join(given)}: status {run.returncode}\n{run.stderr}")
    found = re.search(r"(\d+) of \d+ tiles are done already", run.stderr + run.stdout)
    return time.perf_counter() - began, int(found[1]) if found else 0


def main(argv: list[str]) -> None:
    rows, workers = [*map(int, argv), *(8, 2)[len(argv) :]]
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.nfield*"):
        shutil.rmtree(old)
    file = frames(rows)
    seconds, _ = gone_on(command(file, "undisturbed.nfield"))
    truth = values("undisturbed.nfield")
    print(f"{rows * rows} tiles, undisturbed: {seconds:.1f} s; the machine's load is {os.getloadavg()[0]:.1f}")
    for disturb in (killed, full, interrupted, lost):
        name = f"{disturb.__name__}.nfield"
        print(f"{disturb.__name__}:", flush=True)
        given = disturb(file, name, rows * rows // 2, workers)
        if not (FOLDER / name).exists():
            seconds, found = gone_on(given)
            print(f"  the same command goes on from {found} tiles in {seconds:.1f} s")
        found = values(name)
        print(f"  largest difference {np.abs(found - truth).max():.1e}, of values near {np.abs(truth).mean():.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])

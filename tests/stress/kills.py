"""Commands are killed at random moments while an older output of the same name is there.

`python -m tests.stress.kills --count 1000 --seed 7`: nothing may be torn, lost, or left after the next run of the same
command. The children are forks, so that nothing is imported again. Equal runs write equal bytes, by which all is seen.
"""

from __future__ import annotations

import argparse
import collections
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from scene import scene

from napari_neuralfield.cli.commands import main
from napari_neuralfield.io import save_acquisition
from napari_neuralfield.recon.training import source
from napari_neuralfield.registry import METHODS

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STATUS = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}
PATIENCE_S = 60
FRAMES, FIELD = "scene.acq.h5", "scene.nfield"
TINY = "--pool 8 --channels 8 --blocks 1 --patch-px 16 --batch 2 --half-precision no --steps 3"
JOBS = {  # what is typed between the program's name and the output
    "o.nfield": f"reconstruct {FRAMES} --method fpm-sequential --z-um 0",
    "o.ome.zarr": f"render {FIELD} --pixel-um 0.02",
    "p.nfield": f"reconstruct {FRAMES} --method fpm-inr --preset physics --steps 25 --z-um -2,2",
    "o.tif": f"render {FIELD} --pixel-um 0.02",
    "c.acq.h5": f"calibrate {FRAMES}",
    "o.acq.h5": f"convert {FRAMES}",
    "o.safetensors": f"train neuph {TINY}",
}


def start(typed: str, folder: Path) -> int:
    """The process that runs a command in a folder, saying nothing."""
    child = os.fork()
    if child:
        return child
    status = 99
    try:
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        status = main(typed.split())
    except KeyboardInterrupt:  # before or after the command itself
        status = 130
    finally:
        os._exit(status)


def ended(child: int) -> int | None:
    """Its exit status, negative of a signal; None where it did not end and was killed."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, by its place in the folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def faults(typed: str, whole: Path, box: Path, sign: signal.Signals, after_s: float) -> list[str]:
    """What is wrong after a kill, and after the next run.

    Parameters
    ----------
    typed : the command, which replaces its output.
    whole : a folder as an undisturbed run left it.
    box : where to try.
    sign, after_s : the signal, and when it is sent, s.
    """
    shutil.rmtree(box, ignore_errors=True)
    shutil.copytree(whole, box)
    before, found = contents(whole), []
    child = start(typed, box)
    time.sleep(after_s)
    os.kill(child, sign)
    status = ended(child)
    if status not in (0, STATUS[sign], -sign):
        found.append(f"ended with status {status}")
    now = contents(box)
    found += [f"{name} lost" if name not in now else f"{name} torn" for name in before if now.get(name) != before[name]]
    if sign != signal.SIGKILL:
        found += [f"{name} left at once" for name in now if name.startswith(".")]
    if (status := ended(start(typed, box))) != 0:
        found.append(f"the next run ended with status {status}")
    now = contents(box)
    found += [f"{name} left after the next run" for name in now if name not in before]
    found += [f"{name} differs after the next run" for name in before if now.get(name) != before[name]]
    return found


def run(count: int, seed: int, work: Path) -> list[str]:
    """Kill `count` times in a folder `work`; every fault in a line."""
    source.SCENE_PX, source.VALIDATION = 24, 4  # small scenes, a quick training
    rng, said = np.random.default_rng(seed), []
    dict(METHODS.items())  # all are imported
    base = work / "base"
    base.mkdir(parents=True)
    save_acquisition(base / FRAMES, scene((32, 32))[0])
    assert ended(start(f"reconstruct {FRAMES} --method fpm-sequential --z-um 0 -o {FIELD}", base)) == 0
    seconds, totals = {}, collections.Counter()
    for number in range(count):
        name = list(JOBS)[number % len(JOBS)]
        typed, whole = f"{JOBS[name]} -o {name} --overwrite", work / f"whole-{name}"
        if name not in seconds:
            shutil.copytree(base, whole)
            began = time.monotonic()
            assert ended(start(typed, whole)) == 0, f"{typed} does not run"
            seconds[name] = time.monotonic() - began
        sign, after = SIGNALS[(number // len(JOBS) + number) % 3], seconds[name] * float(rng.uniform(0.02, 1.05))
        found = faults(typed, whole, work / "box", sign, after)
        said += [f"{name} {sign.name} after {after:.2f} of {seconds[name]:.2f} s: {fault}" for fault in found]
        totals[name, sign.name] += 1
    print(f"{count} kills, seed {seed}: {len(said)} faults; {dict(totals)}")
    return said


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wrong = run(asked.count, asked.seed, Path(folder))
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))

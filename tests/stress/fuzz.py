"""Broken inputs through `info` and a cheap reconstruction or rendering: python -m tests.stress.fuzz --count N --seed S

Of each is expected: status 0 with a finite result, or status 2 with one line that names the file; in time, and with
nothing of a library on standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import torch

from napari_neuralfield.cli.commands import main
from napari_neuralfield.io import load_result, open_acquisition
from napari_neuralfield.types import InputError

from .broken import CHEAP, cases, copied, good_files

SECONDS = 20  # of processor time, after which a case counts as hanging
WAITED = 120  # seconds of a clock
NOT_FINITE = 77  # status of a child whose field is not


@dataclasses.dataclass(frozen=True)
class Fault:
    """A case that ended in another way than it should."""

    number: int
    name: str
    how: str
    what: str
    said: str

    def __str__(self) -> str:
        return f"[{self.number}] {self.what} | {self.name}: {self.how} | {self.said[:300]}"


def faults(seed: int, count: int, work: Path, said: Counter[str]) -> Iterator[Fault]:
    """Try `count` cases.

    Parameters
    ----------
    seed : of the choice of cases.
    count : how many.
    work : an empty folder.
    said : counts the outcomes.
    """
    good = work / "good"
    good.mkdir()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        good_files(good)
    rng = np.random.default_rng(seed)
    for number, case in enumerate(cases(rng, count)):
        box = work / f"case{number:04d}"
        path = copied(case, good, box)
        how = case.change(path, rng)
        status, err = _tried(path)
        what = _judged(status, err, path)
        said[what or ("read" if status == 0 else "refused")] += 1
        if what:
            yield Fault(number, case.name, how, what, " ".join(err.split()))
        shutil.rmtree(box)


def _tried(path: Path) -> tuple[int, str]:
    """Status of a child that opens the file, -1 where it did not end, and what it wrote on standard error."""
    err, child = path.parent / "stderr", os.fork()
    if child == 0:
        status = 99
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            os.chdir(path.parent)
            for number, name in ((1, "stdout"), (2, "stderr")):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            status = _used(path)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    end = time.monotonic() + WAITED
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), err.read_text(errors="replace") if err.exists() else ""
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -1, ""
        time.sleep(0.005)


def _used(path: Path) -> int:
    """Look at a file, then make something of it."""
    if status := main(["info", str(path)]):
        return status
    if path.suffix == ".nfield":
        try:
            z = float(np.mean(load_result(path).field.extent.z_um))
        except InputError:
            z = 0.0
        return main(["render", str(path), "--z-um", f"{z}", "-o", "out.npy"])
    try:
        kind = open_acquisition(path).kind
    except InputError:
        kind = "led_array"  # then reconstruct must say what is missing
    status = main(["reconstruct", str(path), *CHEAP[kind], "-o", "out.nfield"])
    if status == 0:
        field = load_result("out.nfield").field
        y, x = field.extent.axes()
        shown = field.render([field.extent.z_um[0]], y[:32], x[:32])
        return 0 if bool(torch.isfinite(torch.abs(shown)).all()) else NOT_FINITE
    return status


def _judged(status: int, err: str, path: Path) -> str:
    """What is wrong with an outcome; empty for a good one."""
    lines = [line for line in err.splitlines() if line.strip() and not line.startswith("warning: ")]
    if status in (-1, -signal.SIGXCPU):
        return "no end"
    if status == NOT_FINITE:
        return "not finite"
    if status < 0:
        return f"killed by signal {-status}"
    if status not in (0, 2) or any("unexpected" in line for line in lines):
        return "unexpected"
    if len(lines) != (status == 2) or any(not line.startswith("neuralfield: ") for line in lines):
        return "noise of a library"
    return "" if status == 0 or path.name[:20] in lines[0] or path.parent.name in lines[0] else "the file is not named"


def run() -> int:
    """From the command line."""
    parser = argparse.ArgumentParser(description="Broken inputs through info, reconstruct and render.")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    said: Counter[str] = Counter()
    bad = 0
    with tempfile.TemporaryDirectory() as work:
        for fault in faults(chosen.seed, chosen.count, Path(work), said):
            print(fault, flush=True)
            bad += 1
    print(f"{chosen.count} cases, seed {chosen.seed}: " + ", ".join(f"{n} {what}" for what, n in said.most_common()))
    return bool(bad)


if __name__ == "__main__":
    sys.exit(run())

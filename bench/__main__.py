"""Measure every method over the benchmark files and write one table: `python -m bench` or `make bench`.

Results stay in bench/out, so that the table also shows slow jobs of an earlier run. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from . import peer_fpm_rs, table
from .calibrate_cases import calibrations
from .cases import OUT, ROOT, Case, Job, cases, jobs
from .scan_cases import scans

OTHERS: dict[str, list[str]] = {  # name -> module and arguments of what belongs to no job
    "import": ["bench.package", "import"],
    "sizes": ["bench.package", "sizes"],
    "residual_step": ["bench.residual_step", "--json"],
    "scan_peers": ["bench.scan_peers"],
    "slider": ["bench.slider"],
}
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}


class Failed(RuntimeError):
    """A measurement ended with an error; its message is what the process said."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", metavar="WORDS", help="jobs in whose name a part begins so, with commas")
    parser.add_argument("--slow", action="store_true", help="also what takes minutes: published loops, plane by plane")
    parser.add_argument("--gui", action="store_true", help="also the depth slider, in a window or under Xvfb")
    parser.add_argument("--table", action="store_true", help="measure nothing; write the table of what is there")
    options = parser.parse_args()
    words = [word for word in options.only.split(",") if word]
    files = cases()
    every = [*(job for case in files for job in jobs(case)), *scans(files), *calibrations()]
    chosen = [job for job in every if wanted(job.name, words) and (options.slow or not job.slow)]
    if not peer_fpm_rs.python():
        print(peer_fpm_rs.ABSENT, file=sys.stderr, flush=True)
    failed: list[str] = []
    (OUT / "jobs").mkdir(parents=True, exist_ok=True)
    for number, job in enumerate([] if options.table else chosen, 1):
        print(f"{number} of {len(chosen)}: {job.name}", file=sys.stderr, flush=True)
        try:
            measure(job)
        except Failed as error:
            failed.append(job.name)
            print(error, file=sys.stderr, flush=True)
    if not options.table:
        due = {"slider": options.gui, "scan_peers": options.slow}
        for name in OTHERS:
            if due.get(name, True) and wanted(name, words):
                other(name)
    print(table.write(OUT))
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def wanted(name: str, words: list[str]) -> bool:
    """Whether some part of a name begins with one of `words`: 'calibrate' is not in 'fpm_miscalibrated'."""
    return not words or any(re.search(rf"(?<![^\W_]){re.escape(word)}", name) for word in words)


def measure(job: Job) -> None:
    """Run one job in its own process and keep what it found, scored, in bench/out/jobs."""
    base = OUT / "jobs" / job.name
    files = {ending: base.with_name(f"{job.name}{ending}") for ending in (".json", ".npy", ".found.json")}
    files[".found.json"].unlink(missing_ok=True)
    work = {
        "method": job.method, "label": job.label, "options": job.options, "marks_s": job.marks_s, "runner": job.runner,
        "file": str(job.case.file), "grid": job.case.grid, "out": str(files[".npy"]),
        "truth": str(job.case.truth or ""),
    }  # fmt: skip
    files[".json"].write_text(json.dumps(work), encoding="utf-8")
    run(["bench.worker", str(files[".json"])])
    found = json.loads(files[".found.json"].read_text(encoding="utf-8"))
    found["curve"] = [
        {"cpu_s": seconds, **scores(job.case, base.with_name(f"{job.name}.{number}.npy"))}
        for number, seconds in enumerate(found.pop("curve_s", []))
    ]
    told = {name: getattr(job, name) for name in ("method", "label", "slow", "runner")}
    row = {**told, "file": job.case.name, **found}
    row |= scores(job.case, files[".npy"])
    files[".found.json"].write_text(json.dumps(row, indent=1), encoding="utf-8")


def scores(case: Case, planes: Path) -> dict[str, float]:
    """What score.py says of an array, by name; the array is removed."""
    if case.grid is None:
        return {}
    command = [sys.executable, str(case.score), case.grid["score"], str(case.truth), str(planes)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    planes.unlink()
    return {name: float(value) for name, value in (line.split() for line in said.splitlines())}


def other(name: str) -> None:
    """A measurement that belongs to no method, kept as bench/out/NAME.json."""
    print(name, file=sys.stderr, flush=True)
    said = run(OTHERS[name])
    (OUT / f"{name}.json").write_text(said, encoding="utf-8")


def run(arguments: list[str]) -> str:
    """Standard output of a module of ours in a process of its own, with one thread."""
    command = [sys.executable, "-m", *arguments]
    if arguments == OTHERS["slider"] and not os.environ.get("DISPLAY"):
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1200x24", *command]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()

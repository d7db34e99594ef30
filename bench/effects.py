"""What each imperfection of a microscope costs, and all together: `python -m bench.effects [FOLDER]`.

FOLDER holds recordings, NAME.acq.h5 with NAME.truth.h5 beside each, one effect alone in each of them. Without FOLDER
they are made first by our own `neuralfield simulate fpm-real` (`--kind fpm-real-large` for larger ones, `--seed`).

Each of `--run` is what follows `neuralfield reconstruct FILE`; every one is run on every recording in a process of its
own with one thread, compared with the truth and printed as one table. `--score FILE` compares by `score_real` of that
file instead of our own `neuralfield score`. Fields stay in `--out`, with what was measured in effects.json.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .cases import OUT, ROOT, truth_beside
from .markdown import Row, grid, number

RUNS = ("", "--method fpm-sequential --z-um 0", "--method fpm-sequential --z-um 0 --calibrate")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
COLUMNS: dict[str, Callable[[Row], str]] = {
    "file": lambda row: row["file"],
    "what": lambda row: row["run"] or "(no option)",
    "PSNR dB": number("amplitude_psnr_db", digits=1),
    "phase RMSE rad": number("phase_rmse_rad", digits=3),
    "relative error": number("relative_error", digits=3),
    "CPU s": number("cpu_s", digits=1),
    "verdict": lambda row: row.get("verdict", ""),
    "failed": lambda row: row.get("failed", ""),
}
Score = Callable[[Path, Path], dict[str, float]]  # of a field and its truth


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.effects", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="recordings; made where it is left out")
    parser.add_argument("--run", action="append", metavar="OPTIONS", help="may stand several times")
    parser.add_argument("--only", default="", metavar="NAMES", help="recordings by name, with commas")
    parser.add_argument("--score", type=Path, metavar="FILE", help="a score.py with score_real")
    parser.add_argument("--kind", default="fpm-real", help="of the recordings that are made")
    parser.add_argument("--seed", type=int, default=11, help="of the recordings that are made")
    parser.add_argument("--out", type=Path, default=OUT / "effects")
    options = parser.parse_args()
    files = recordings(options.folder or made(options.kind, options.seed))
    names = [name for name in options.only.split(",") if name]
    chosen = [file for file in files if not names or stem(file) in names]
    options.out.mkdir(parents=True, exist_ok=True)
    judge = theirs(options.score) if options.score else ours
    rows: list[Row] = []
    for file in chosen:
        for n, run in enumerate(options.run or RUNS):
            rows.append(measured(file, run, options.out, judge, n))
            print({name: value for name, value in rows[-1].items() if value}, file=sys.stderr, flush=True)
            (options.out / "effects.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(grid([{name: text(row) for name, text in COLUMNS.items()} for row in rows]))


def stem(file: Path) -> str:
    return file.name.removesuffix(".acq.h5")


def recordings(folder: Path) -> list[Path]:
    """All with a truth beside them, the ideal one first."""
    found = [file for file in folder.glob("*.acq.h5") if truth_beside(file).is_file()]
    if not found:
        raise SystemExit(
            f"{folder}: it holds no NAME.acq.h5 with NAME.truth.h5 beside it; leave the folder out, and they are made, "
            "or write them by `neuralfield simulate fpm-real --only rim -o NAME.acq.h5 --truth NAME.truth.h5`"
        )
    return sorted(found, key=lambda file: (file.name != "ideal.acq.h5", file.name))


def made(kind: str, seed: int) -> Path:
    """A folder with the ideal recording, one of each effect alone and one of all."""
    from napari_neuralfield.simulate.real_fpm import EFFECTS

    folder = OUT / "data" / f"{kind}_{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    chosen = {"ideal": ["--without", "all"], "all": []} | {f"only_{n}": ["--only", n] for n in EFFECTS}
    for name, effects in chosen.items():
        file = folder / f"{name}.acq.h5"
        if not truth_beside(file).is_file():
            print(f"making {file}", file=sys.stderr, flush=True)
            files = ["-o", str(file), "--truth", str(truth_beside(file)), "--overwrite"]
            program("simulate", kind, "--seed", str(seed), *effects, *files)
    return folder


def program(*arguments: str) -> str:
    """Standard output of our command line, with one thread."""
    command = [sys.executable, "-m", "napari_neuralfield", *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"exit status {done.returncode}")
    return done.stdout


def measured(file: Path, run: str, out: Path, judge: Score, run_number: int) -> Row:
    """One recording reconstructed in one way: its figures, CPU seconds, and the verdict where the result has one.

    Parameters
    ----------
    file : the recording.
    run, run_number : options of `neuralfield reconstruct`, and what the field is called after.
    out : folder for the field.
    judge : what compares it with the truth.
    """
    from napari_neuralfield import load_result

    field = out / f"{stem(file)}.{run_number}.nfield"
    row: Row = {"file": stem(file), "run": run}
    began = children_s()
    try:
        program("reconstruct", str(file), *shlex.split(run), "-o", str(field), "--overwrite")
        row["cpu_s"] = children_s() - began
        row |= judge(field, truth_beside(file))
        row["verdict"] = getattr(getattr(load_result(field), "verdict", None), "level", "")
    except RuntimeError as error:
        row["failed"] = str(error).splitlines()[-1]
    return row


def children_s() -> float:
    """CPU seconds of all processes started so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ours(field: Path, truth: Path) -> dict[str, float]:
    """What `neuralfield score --free curvature` says of a field and its truth."""
    from napari_neuralfield import load_result
    from napari_neuralfield.app.scoring import read_truth, score

    found = score(load_result(field), read_truth(truth), str(field), free="curvature")
    return {name: float(found["all"][name]) for name in ("amplitude_psnr_db", "phase_rmse_rad", "relative_error")}


def theirs(path: Path) -> Score:
    """The same by `score_real` of a `score.py`."""
    spec = importlib.util.spec_from_file_location("shared_score", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise SystemExit(f"option --score is {path}; it must be a Python file with score_real")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def score(field: Path, truth: Path) -> dict[str, float]:
        import h5py

        with h5py.File(truth) as stored:
            plane = rendered(field, stored["object"].shape, float(stored.attrs["pixel_um"]))
            return {name: float(value) for name, value in module.score_real(stored, plane).items()}

    return score


def rendered(field: Path, shape: tuple[int, int], pixel_um: float) -> np.ndarray:
    """The field (y, x) on the truth's pixels, at its only depth or at 0.

    Parameters
    ----------
    field : file.
    shape, pixel_um : of the truth.
    """
    from napari_neuralfield import load_result

    found = load_result(field).field
    low, high = found.extent.z_um
    y, x = (np.arange(n) * pixel_um for n in shape)
    return np.asarray(found.render([low if low == high else 0.0], y, x)[0].detach().cpu().numpy())


if __name__ == "__main__":
    main()

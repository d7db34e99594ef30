"""What there is to measure: the files, their truths, and the jobs that every method makes of them."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
OUT = ROOT / "bench" / "out"
STACK_UM = [-20.0, 20.0]  # range of depths given to every method where the truth lies at several
MARKS_S = [0.6, 1.2, 2.4, 4.8, 9.6]
SHORT_STEPS = (75, 150, 300)
PLAIN_STEPS = (0.25, 0.1)
SLOW = {  # minutes, on a stack or a scan
    ("fpm-inr", "notebook"), ("fpm-per-slice", ""), ("peer-fpm-inr", ""), ("residual-field", "published"),
}  # fmt: skip
ONE_PLANE = ("quasi-newton", "coded-fpm", "residual-field")
SEEDS = (1, 2, 3)
DEFOCUSED = {"cells": ("", (1, 2, 3, 4)), "textures": ("-textures", (1, 2)), "confluent": ("-confluent", (1, 2))}


@dataclasses.dataclass(frozen=True)
class Case:
    """A recording, and where there is one its truth: `grid` says what to render and how it is scored."""

    file: Path
    truth: Path | None
    grid: dict[str, Any] | None
    score: Path | None

    @property
    def name(self) -> str:
        return self.file.name.removesuffix(".acq.h5")


@dataclasses.dataclass(frozen=True)
class Job:
    """One method with one preset on one file; `label` is the preset, and after a comma what differs from it."""

    case: Case
    method: str
    label: str
    options: dict[str, Any]
    marks_s: list[float] = dataclasses.field(default_factory=list)
    runner: str = ""  # what measures it, where the method alone does not say

    @property
    def name(self) -> str:
        parts = [self.runner, self.method, self.label or "default", self.case.name]
        return re.sub(r"\W+", "_", "__".join(part for part in parts if part))

    @property
    def slow(self) -> bool:
        return (self.method, self.label.split(",")[0]) in SLOW


def folder(variable: str, usual: str) -> Path:
    """The folder that an environment variable names, else its usual place beside the project."""
    return Path(os.environ.get(variable) or ROOT.parent / "shared" / usual)


def cases() -> list[Case]:
    """Simulated files with truth, slides of our own simulator with other seeds, and real recordings."""
    bench, data = folder("NEURALFIELD_BENCH", "bench"), folder("NEURALFIELD_DATA", "data")
    score = bench / "score.py"
    found = [case_of(file, score) for file in sorted(bench.glob("*.acq.h5"))]
    if score.is_file():
        found += [case_of(file, score) for file in (*map(slide, SEEDS), *defocused())]
    return found + [Case(file, None, None, None) for file in sorted(data.rglob("*")) if complete(file)]


def slide(seed: int) -> Path:
    """The tilted slide of our own simulator."""
    return simulated("tilted-slide", OUT / "data" / f"slide_{seed}.acq.h5", seed)


def defocused() -> list[Path]:
    """Stacks through focus of our own simulator, of samples that no network was trained on."""
    return [
        simulated(f"through-focus{ending}", OUT / "data" / f"focus_{sample}_{seed}.acq.h5", seed)
        for sample, (ending, seeds) in DEFOCUSED.items()
        for seed in seeds
    ]


def simulated(kind: str, file: Path, seed: int) -> Path:
    """A recording of our own simulator, written once with its truth."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        outputs = ["-o", str(file), "--truth", str(truth_beside(file)), "--overwrite"]
        command = ["simulate", kind, "--seed", str(seed), *outputs]
        subprocess.run([sys.executable, "-m", "napari_neuralfield", *command], check=True, stdout=subprocess.DEVNULL)
    return file


def truth_beside(file: Path) -> Path:
    return file.with_name(file.name.replace(".acq.h5", ".truth.h5"))


def case_of(file: Path, score: Path) -> Case:
    """With the truth of the same name, or of the name up to its first underscore."""
    import h5py

    shared = file.with_name(f"{file.name.removesuffix('.acq.h5').split('_')[0]}.truth.h5")
    truth = next((t for t in (truth_beside(file), shared) if t.is_file()), None)
    if truth is None:
        return Case(file, None, None, None)
    depths = subprocess.run(
        [sys.executable, str(score), "z_um", str(truth)], check=True, capture_output=True, text=True
    )
    with h5py.File(truth) as stored:
        kind, name = ("field", "object") if "object" in stored else ("phase", "phase_rad")
        kind = "real" if "led_mm" in stored else kind
        grid = {
            "score": kind,
            "shape": list(stored[name].shape),
            "pixel_um": float(stored.attrs["pixel_um"]),
            "z_um": [float(z) for z in depths.stdout.split(",")],
        }
    grid["first_um"] = first_um(file, grid["pixel_um"])
    return Case(file, truth, grid, score)


def first_um(file: Path, pixel_um: float) -> float:
    """Where the truth's first pixel lies: frames through focus are means over finer pixels, so half a pixel away."""
    from napari_neuralfield.io import open_draft

    draft = open_draft(file)
    return float(pixel_um - draft.values["pixel_um"]) / 2 if draft.kind == "through_focus" else 0.0


def complete(file: Path) -> bool:
    """Whether a file is a recording that needs nothing more to be reconstructed."""
    from napari_neuralfield import InputError
    from napari_neuralfield.io import open_draft

    try:
        return file.is_file() and not open_draft(file).missing()
    except InputError:
        return False


def jobs(case: Case) -> list[Job]:
    """Every method but those of scans, and what it is compared with; slow ones on shared stacks only.

    Scans have jobs of their own: `scan_cases`.
    """
    from napari_neuralfield.io import open_draft
    from napari_neuralfield.registry import METHODS

    from . import peer_fpm_inr, peer_fpm_rs

    draft, depths = open_draft(case.file), case.grid["z_um"] if case.grid else []
    kind = draft.kind
    if "ptychography" in kind:
        return []
    z_um = {"z_um": STACK_UM if len(depths) > 1 else depths[0]} if depths else {}
    found = []
    for name, method in METHODS.items():
        given = z_um if "z_um" in method.recipe.model_fields else {}
        plain = "coded_surface" not in draft.values
        if (len(depths) > 1 and name in ONE_PLANE) or (name == "coded-fpm" and plain):
            continue
        if kind in method.kinds:
            found += [Job(case, name, preset, given) for preset in ("", *method.presets)]
    if kind == "led_array" and depths:
        found += [Job(case, "plain-numpy", f"step {step:g}", {"step": step}) for step in PLAIN_STEPS]
    if kind == "led_array" and len(depths) == 1 and peer_fpm_rs.python():
        found += [Job(case, "peer-fpm-rs", label, {}) for label in peer_fpm_rs.LABELS]
    if kind == "through_focus":
        highest = int(np.argmax(draft.values["z_um"]))
        found.append(Job(case, "defocus-field", "default, one frame", {"frames": [highest]}))
    shared = len(depths) > 1 and case.score is not None and case.score.parent == case.file.parent
    if kind == "led_array" and shared:
        found.append(Job(case, "fpm-inr", "physics, watched", z_um, MARKS_S))
        found += [Job(case, "fpm-inr", f"physics, {n} steps", {**z_um, "steps": n}) for n in SHORT_STEPS]
        found += [Job(case, "peer-fpm-inr", "", z_um)] if peer_fpm_inr.checkout() else []
    return [job for job in found if shared or not job.slow]

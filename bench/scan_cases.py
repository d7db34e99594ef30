"""What there is to measure on scans: every method on coded, far-field and near-field frames, and frames left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .cases import OUT, Case, Job, simulated, truth_beside

RUNNER = "scans"
KINDS = ("ptychography", "coded_ptychography")
EVERY = 4  # frames: every fourth is left out, or every fourth alone is used
PUBLISHED_STEPS = 5000  # of the published preset, which takes one frame in a step
LEARNT = {"distance": "surface_to_sensor_um", "wavelength": "wavelength_um"}
OFF = 1.05
POSITIONED = ("rpie", "least-squares", "residual-field")
ELSEWHERE = ("raster",)  # presets for scans of another kind: `bench.raster`
CALIBRATES = "coded-surface"  # finds a surface that is not known
CORRECTED = {"correct_positions": True}  # asked for, where a method does not decide it
LEARNERS = ("sparse-pixels", "residual-field")
SPLITS = {"every 4th held out": {"hold_out": EVERY}, "every 4th only": {"use_every": EVERY}}
SPLIT = ("siemens-star-small.npz.bz2",)  # files whose frames are shared so between work and test


def scans(found: list[Case]) -> list[Job]:
    """Every method with every preset on every scan of `found`, and what else is asked of some of them."""
    return [job for case in found for job in of_case(case)] + [unknown_surface()]


def unknown_surface() -> Job:
    """A smear under our own simulator's coded surface, which the file does not hold."""
    file = simulated("coded-surface-unknown", OUT / "data" / "coded_surface_unknown.acq.h5", seed=1)
    return job(Case(file, truth_beside(file), None, None), CALIBRATES, "", "", {})


def of_case(case: Case) -> list[Job]:
    """Nothing where the case is no scan."""
    from napari_neuralfield.io import open_draft
    from napari_neuralfield.registry import METHODS

    draft = open_draft(case.file)
    if draft.kind not in KINDS or draft.missing():
        return []
    jobs = []
    for name, method in METHODS.items():
        if draft.kind in method.kinds and name != CALIBRATES:
            for label, options in (SPLITS if case.file.name in SPLIT else {"": {}}).items():
                jobs += [
                    job(case, name, preset, label, options)
                    for preset in ("", *method.presets)
                    if preset not in ELSEWHERE
                ]
    if case.grid is not None:
        count = draft.complete().frame_count
        jobs = [published(entry, count) for entry in jobs]
        if case.name.removeprefix("coded_").isdigit():
            jobs += misdescribed(case)
        else:
            jobs += [job(case, name, "", "positions corrected", CORRECTED) for name in POSITIONED]
    return [entry for entry in jobs if case.grid is not None or not entry.slow]


def job(case: Case, method: str, preset: str, words: str, options: dict[str, Any]) -> Job:
    return Job(case, method, f"{preset}, {words}" if words else preset, options, runner=RUNNER)


def published(entry: Job, frames: int) -> Job:
    """The published preset with as many epochs as make `PUBLISHED_STEPS`; any other job as it is."""
    if entry.label != "published" or entry.method != "residual-field":
        return entry
    epochs = max(50, -(-PUBLISHED_STEPS // frames))
    return job(entry.case, entry.method, "published", f"{epochs} epochs", {**entry.options, "epochs": epochs})


def misdescribed(case: Case) -> Iterator[Job]:
    """A distance or wavelength in the file that is 5 % too large, and to be learnt."""
    for method in LEARNERS:
        for what, name in LEARNT.items():
            options = {"wrong": {name: OFF}, f"learn_{what}": True}
            yield job(case, method, "", f"{what} {OFF - 1:.0%} off", options)

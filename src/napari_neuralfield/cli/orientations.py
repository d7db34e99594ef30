"""`--orientations`: try the eight orientations of a scan, draw them, and say how to choose."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from ..app import arguments
from ..app.figures.orientation_sheet import LOOK, save
from .terminal import returned

if TYPE_CHECKING:
    from ..data.acquisition import Acquisition
    from ..recon.scan.orientation_trials import Trial
    from ..types import Event


def draw_file(file: Path, page: Path, device: str | None) -> None:
    """The sheet of a file; InputError where it cannot be read, or `page` not be written."""
    from ..io import open_acquisition

    page = arguments.output(page, (".png",), "--orientations")
    draw(open_acquisition(arguments.existing(file)), page, device)


def draw(acquisition: Acquisition, page: Path, device: str | None) -> None:
    """Try all orientations, write the sheet, and say how to go on."""
    trials = returned(_gathered(acquisition, device or "auto"))
    save(page, trials, acquisition.title or Path(acquisition.source).name)
    for trial in trials:
        print(f"{trial.orientation:<18} relative amplitude error {trial.error:.4f}")
    best = min(trials, key=lambda trial: trial.error).orientation
    print(f"the pictures are in {page}; {LOOK[0].lower()}{LOOK[1:]}")
    print(f"then reconstruct, or convert, with --orientation NAME, such as --orientation {best}")


def _gathered(acquisition: Acquisition, device: str) -> Generator[Event, None, list[Trial]]:
    from ..recon.scan.orientation_trials import Trial, orientation_trials

    trials = []
    for event in orientation_trials(acquisition, device):
        if isinstance(event, Trial):
            trials.append(event)
        else:
            yield event
    return trials

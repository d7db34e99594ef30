"""`--orientations`: try the eight orientations of a scan, draw them, and say how to choose."""

from __future__ import annotations

from pathlib import Path

from ..app import arguments
from ..app.figures.orientation_sheet import LOOK, save
from . import terminal


def draw_file(file: Path, page: Path, device: str | None, overwrite: bool = False) -> None:
    """Try all orientations, write the sheet, and say how to go on.

    Parameters
    ----------
    file : a scan.
    page : of the sheet, `*.png`.
    device : 'cpu', 'cuda', ...; 'auto' where None.
    overwrite : whether outputs may replace older ones.

    Raises
    ------
    InputError : where the file cannot be read, or the page not be written.
    """
    from ..io import open_acquisition
    from ..recon.scan.orientation_trials import Trial, orientation_trials

    page = arguments.output(page, (".png",), "--orientations", overwrite=overwrite, inputs=[arguments.existing(file)])
    acquisition = open_acquisition(file)
    trials: list[Trial] = []
    with terminal.progress_bar() as bar:
        for event in orientation_trials(acquisition, device or "auto"):
            if isinstance(event, Trial):
                trials.append(event)
            else:
                terminal.show(bar, event)
    save(page, trials, acquisition.title or Path(acquisition.source).name)
    for trial in trials:
        print(f"{trial.orientation:<18} relative amplitude error {trial.error:.4f}")
    best = min(trials, key=lambda trial: trial.error).orientation
    print(f"the pictures are in {page}; {LOOK[0].lower()}{LOOK[1:]}")
    print(f"then reconstruct, or convert, with --orientation NAME, such as --orientation {best}")

"""`neuralfield reconstruct`: frames in, a field out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..app import arguments
from ..app.selection import TypedSelection, placed, said_of
from .checkpoints import USUAL, Keeping, kept, of_run

RECOMMENDED = "recommended"
FIELD = (".nfield",)


def run(
    file: Path,
    output: Path | None,
    recipe: Path | None,
    typed: Mapping[str, str | None],
    *,
    method: str | None,
    preset: str | None,
    channel: str | None = None,
    choice: TypedSelection = TypedSelection(),  # noqa: B008 - frozen
    keeping: Keeping = USUAL,
    overwrite: bool = False,
) -> None:
    """Reconstruct, write `output`, and say how well it explains the frames.

    Parameters
    ----------
    file : frames of any known format.
    output : the field to write, `*.nfield`.
    method, preset : names; None where nothing was typed.
    recipe : YAML file with options.
    typed : options as they were typed, by name; they come first.
    channel : the only colour to reconstruct, as typed.
    choice : frames and a region.
    keeping : how an interrupted run can go on.
    overwrite : whether outputs may replace older ones.

    Raises
    ------
    InputError : for options that do not fit, and for whatever cannot be read or written.
    """
    inputs = [one for one in (file, recipe) if one is not None]
    target = arguments.output(arguments.given(output), FIELD, overwrite=overwrite, inputs=inputs)
    from ..app.figures.calibration_findings import HALF_TURN
    from ..io import open_acquisition
    from ..recon.engine.recipe import build, load
    from ..recon.engine.recipe import options as known_options
    from ..recon.engine.recipe import run as reconstruct
    from . import terminal

    chosen = load(recipe) if recipe is not None else {}
    acquisition = arguments.one_channel(open_acquisition(arguments.existing(file)), channel)
    name = method or str(chosen.get("method") or RECOMMENDED)
    if name == RECOMMENDED:
        from ..recon import recommended

        name, best = recommended(acquisition)
        chosen = {**({} if preset else best), **chosen}
        print(f"method {name}, recommended for {acquisition.kind}")
    else:
        print(f"method {name}")
    known, count = known_options(name), acquisition.frame_count
    choice, own = choice.beside([option.name for option in known], count)
    built = build(name, {**chosen, **arguments.option_values(known, {**typed, **own})}, preset)
    part = choice.of(acquisition)
    if said := said_of(part, count):
        print(f"of {said}")
    with kept(target, keeping, lambda: of_run(file, part.acquisition, built)), arguments.about(file):
        events = placed(iter(reconstruct(part.acquisition, built)), part, count)
        result = terminal.follow(events, part.acquisition, built, target)
        terminal.save(result, target)
    for line in terminal.figures(result):
        print(line)
    if "sample_z_um" in result.figures and getattr(acquisition, "sample_z_um", None) is None:
        print(HALF_TURN)
    terminal.say_verdict(result)
    print(f"the field is in {target}; look at it with: napari {target}")


def draw_orientations(file: Path, page: Path, device: str | None, overwrite: bool = False) -> None:
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
    from ..app.figures.orientation_sheet import LOOK, save
    from ..io import open_acquisition
    from ..recon.scan.orientation_trials import Trial, orientation_trials
    from . import terminal

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

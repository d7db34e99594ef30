"""`neuralfield reconstruct`: frames in, a field out."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..app import arguments
from ..app.selection import TypedSelection, placed, said_of
from ..types import InputError
from .checkpoints import USUAL, Keeping, kept, of_run
from .in_tiles import WHOLE, InTiles

if TYPE_CHECKING:
    from ..data.acquisition import Acquisition
    from ..data.selection import Selected
    from ..recon.engine.recipe import Recipe

RECOMMENDED = "recommended"
FIELD = (".nfield",)


@dataclasses.dataclass(frozen=True, eq=False)
class _Ready:
    """What is reconstructed and how: the method's recipe, all frames, those that were chosen, and as was typed."""

    recipe: Recipe
    whole: Acquisition
    part: Selected
    choice: TypedSelection


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
    tiles: InTiles = WHOLE,
    keeping: Keeping = USUAL,
    overwrite: bool = False,
    as_json: bool = False,
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
    tiles : whether in tiles, and where those are made.
    keeping : how an interrupted run can go on.
    overwrite : whether outputs may replace older ones.
    as_json : print the plan of the tiles as JSON.

    Raises
    ------
    InputError : for options that do not fit, and for whatever cannot be read or written.
    """
    tiles.check()
    inputs = [one for one in (file, recipe) if one is not None]
    if not tiles.plan:
        target = arguments.output(arguments.given(output), FIELD, overwrite=overwrite, inputs=inputs)
    if as_json and not tiles.plan:
        raise InputError("option --json is for --plan; leave it out, or ask for the plan")
    quiet = tiles.plan and as_json
    with contextlib.redirect_stdout(io.StringIO()) if quiet else contextlib.nullcontext():
        ready = _ready(file, recipe, typed, method=method, preset=preset, channel=channel, choice=choice)
    if tiles.tile_px is None:
        _in_one_piece(file, target, ready, keeping)
        return
    from . import in_tiles

    with arguments.about(file):
        plan = in_tiles.plan_of(
            file, ready.whole, ready.part, ready.recipe, chosen={**vars(ready.choice), "channel": channel}, tiles=tiles
        )
        if tiles.plan:
            in_tiles.show_plan(plan, tiles, as_json)
        else:
            in_tiles.run(plan, target, tiles)


def _ready(
    file: Path,
    recipe: Path | None,
    typed: Mapping[str, str | None],
    *,
    method: str | None,
    preset: str | None,
    channel: str | None,
    choice: TypedSelection,
) -> _Ready:
    from ..io import open_acquisition
    from ..recon.engine.recipe import build, load
    from ..recon.engine.recipe import options as known_options

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
    return _Ready(built, acquisition, part, choice)


def _in_one_piece(file: Path, target: Path, ready: _Ready, keeping: Keeping) -> None:
    from ..app.figures.calibration_findings import HALF_TURN
    from ..recon.engine.recipe import run as reconstruct
    from . import terminal

    built, part, count = ready.recipe, ready.part, ready.whole.frame_count
    with kept(target, keeping, lambda: of_run(file, part.acquisition, built)), arguments.about(file):
        events = placed(iter(reconstruct(part.acquisition, built)), part, count)
        result = terminal.follow(events, part.acquisition, built, target)
        terminal.save(result, target)
    for line in terminal.figures(result):
        print(line)
    if "sample_z_um" in result.figures and getattr(ready.whole, "sample_z_um", None) is None:
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

"""`neuralfield timelapse`: a bright-field time-lapse as phase or height over time, in one file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..app import arguments
from ..app.lapse_corrections import Choices
from ..app.lapse_export import ENDINGS, export
from ..app.lapse_methods import LapseMaker, check_method
from ..app.time_lapse import check_time_lapse
from ..data.acquisition import ThroughFocus
from ..data.times import of_stacks, times
from .checkpoints import USUAL, Keeping, kept, of_run


def run(
    file: Path,
    output: Path,
    method: str,
    *,
    frames: str | None,
    choices: Choices,
    height: str | None,
    options: Mapping[str, object],
    recipe: Path | None = None,
    overwrite: bool = False,
    keeping: Keeping = USUAL,
) -> None:
    """Write `output` and say what is in it.

    Parameters
    ----------
    file, output : the time-lapse, and the file to write.
    method : one that takes frames out of focus.
    choices : drift and brightness; the height comes from `height`.
    frames : which, `A:B`, `A:B:STEP` or `0,5,9`; all where None.
    height : 'SAMPLE,MEDIUM' refractive indices, 'known' for those of the file; None: phase.
    options : of the method.
    recipe : YAML file with options; those in `options` come first.
    overwrite : whether outputs may replace older ones.
    keeping : how an interrupted run can go on.

    Raises
    ------
    InputError : for options that do not fit the file, and for whatever cannot be read or written.
    """
    target = arguments.output(output, ENDINGS, overwrite=overwrite, inputs=[arguments.existing(file)])
    check_method(method)
    from ..app.height_units import um_per_rad
    from ..io import open_acquisition
    from ..recon.engine.recipe import build, load
    from ..recon.focus.each_time import gathered
    from . import terminal

    acquisition = check_time_lapse(open_acquisition(file))
    groups = times(acquisition)
    stacks = of_stacks(groups)
    if height is not None:
        choices = Choices(choices.drift, choices.brightness, um_per_rad(acquisition.values(), height, str(file)))
    told = {} if recipe is None else load(recipe)
    built = build(method, {**told, **{name: value for name, value in options.items() if value is not None}})
    print(f"method {method}, " + (f"each of {len(groups)} times by itself" if stacks else "frame by frame"))
    acquisition, left_out = _ready(acquisition, stacks)
    groups = times(acquisition)
    chosen = arguments.frames(frames, len(groups), what="times" if stacks else "frames")
    chosen = [number for number in chosen if number not in left_out] or chosen
    typed = {"frames": frames, **dataclasses.asdict(choices)}
    with kept(target, keeping, lambda: of_run(file, acquisition, built, typed)), terminal.progress_bar() as bar:

        def show(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        maker = LapseMaker(acquisition, built)
        lapse = maker.lapse(choices, show)
        export(lapse, target, chosen, show, said=maker.warnings)
    if maker.drift is not None:
        print(f"the specimen moved by up to {np.abs(maker.drift.moves_um).max():.2f} um; it is held still")
        if maker.drift.note:
            print(f"warning: {maker.drift.note}")
    for text in gathered(maker.warnings):
        print(f"warning: {text}")
    uneven = np.ptp(np.diff(lapse.time_s[list(chosen)])) > 0 if len(chosen) > 2 else False
    if uneven and target.name.endswith(".ome.zarr"):
        print(
            "the times are not evenly spaced: OME-Zarr gives their mean distance; its attribute time_s holds them all"
        )
    rows, columns = lapse.extent.shape
    print(f"{len(chosen)} x {rows} x {columns} (t, y, x) of {lapse.quantity}, {lapse.unit}, in {target}")


def _ready(acquisition: ThroughFocus, stacks: bool) -> tuple[ThroughFocus, set[int]]:
    """The time-lapse made ready, and the numbers of the times that hold nothing; says what was found.

    Of a lapse of single frames all stay in it, so that they keep their numbers; of `stacks` those without data go.
    """
    from ..recon.engine.preparing import announced
    from . import terminal

    ready = terminal.returned(announced(acquisition))
    found = ready.acquisition if stacks else ready.whole
    assert isinstance(found, ThroughFocus)
    return found, set() if stacks else set(ready.left_out.tolist())

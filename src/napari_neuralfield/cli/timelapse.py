"""`neuralfield timelapse`: a bright-field time-lapse as phase or height over time, in one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..app import arguments
from ..app.lapse_corrections import Choices
from ..app.lapse_export import ENDINGS, export
from ..app.lapse_methods import LapseMaker, check_method
from ..app.time_lapse import check_time_lapse
from ..data.acquisition import ThroughFocus


def run(
    file: Path,
    output: Path,
    method: str,
    *,
    frames: str | None,
    choices: Choices,
    height: str | None,
    options: Mapping[str, object],
) -> None:
    """Write `output` and say what is in it.

    Parameters
    ----------
    file, output : the time-lapse, and the file to write.
    method : one of `lapse_methods.METHODS`.
    choices : drift and brightness; the height comes from `height`.
    frames : which, `A:B`, `A:B:STEP` or `0,5,9`; all where None.
    height : 'SAMPLE,MEDIUM' refractive indices, 'known' for those of the file; None: phase.
    options : of the method.

    Raises
    ------
    InputError : for options that do not fit the file, and for whatever cannot be read or written.
    """
    target = arguments.output(output, ENDINGS)
    check_method(method)
    arguments.not_the_input(target, arguments.existing(file))
    from ..app.height_units import um_per_rad
    from ..io import open_acquisition
    from ..recon.engine.recipe import build
    from . import terminal

    acquisition = check_time_lapse(open_acquisition(file))
    chosen = arguments.frames(frames, acquisition.frame_count)
    if height is not None:
        choices = Choices(choices.drift, choices.brightness, um_per_rad(acquisition.values(), height, str(file)))
    recipe = build(method, {name: value for name, value in options.items() if value is not None})
    print(f"method {method}, frame by frame")
    acquisition, left_out = _ready(acquisition)
    chosen = [number for number in chosen if number not in left_out] or chosen
    with terminal.progress_bar() as bar:

        def show(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        maker = LapseMaker(acquisition, recipe)
        lapse = maker.lapse(choices, show)
        export(lapse, target, chosen, show)
    if maker.drift is not None:
        print(f"the specimen moved by up to {np.abs(maker.drift.moves_um).max():.2f} um; it is held still")
        if maker.drift.note:
            print(f"warning: {maker.drift.note}")
    rows, columns = lapse.extent.shape
    print(f"{len(chosen)} x {rows} x {columns} (t, y, x) of {lapse.quantity}, {lapse.unit}, in {target}")


def _ready(acquisition: ThroughFocus) -> tuple[ThroughFocus, set[int]]:
    """The time-lapse made ready, all frames in it, and the numbers of those that hold nothing; says what was found."""
    from ..recon.engine.preparing import announced
    from . import terminal

    ready = terminal.returned(announced(acquisition))
    assert isinstance(ready.whole, ThroughFocus)
    return ready.whole, set(ready.left_out.tolist())

"""`neuralfield timelapse`: a bright-field time-lapse as phase or height over time, in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..app import arguments
from ..app.lapse_corrections import Choices
from ..app.lapse_export import ENDINGS, export
from ..app.lapse_methods import LapseMaker, check_method
from ..app.time_lapse import check_time_lapse
from ..data.acquisition import ThroughFocus
from ..types import InputError


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
    chosen = frames_wanted(frames, acquisition.frame_count)
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


def frames_wanted(text: str | None, count: int) -> Sequence[int]:
    """Frame numbers from a text; all where None.

    Parameters
    ----------
    text : `A:B`, `A:B:STEP` (B not reached; either end may be left out) or `0,5,9`.
    count : how many frames there are.

    Raises
    ------
    InputError : for what is not such a choice, and for frames that are not there.
    """
    if text is None:
        return range(count)
    try:
        parts = [int(part) if part.strip() else None for part in text.split(":" if ":" in text else ",")]
    except ValueError:
        parts = [None] * 4
    numbers = [part for part in parts if part is not None]
    if ":" in text and len(parts) <= 3 and all(0 <= n <= count for n in numbers) and parts[-1] != 0:
        chosen: Sequence[int] = range(count)[slice(*parts)]
    else:
        chosen = numbers if len(numbers) == len(parts) and ":" not in text else []
    if not chosen or not all(0 <= n < count for n in chosen):
        raise InputError(
            f"option --frames is {text}; it is A:B, A:B:STEP or numbers such as 0,5,9 "
            f"of the {count} frames 0 to {count - 1}"
        )
    return chosen

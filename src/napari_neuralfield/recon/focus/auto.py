"""One road for every stack through focus: the network where it explains all planes, else the transport of intensity.

The network sees one frame, and knows transparent samples like those of its training. The other planes are there to
say whether its phase is right; where they say no, a method that needs no training takes all of them.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterator

import numpy as np

from ...data.acquisition import ThroughFocus
from ...types import Done, Event, Note, Result
from ..engine.recipe import build, method, option
from .chromatic import align_stacks
from .each_time import TimedRecipe, each_time
from .srqpi import srqpi
from .tie_tv import tie_tv

NAME = "focus-auto"
LEAST = 0.65  # below, the network was worse than tie-tv in 15 of 16 foreign worlds and lens arrays; above, in 5 of 24


class FocusAutoRecipe(TimedRecipe):
    """Options of `focus-auto`."""

    method: str = NAME
    least_explained: float = option(
        LEAST, "share of the contrast of all planes that the network's phase must explain to be taken", ge=-1, le=1
    )


@method(NAME, FocusAutoRecipe, kinds=("through_focus",), colour=align_stacks)
@each_time
def focus_auto(acquisition: ThroughFocus, recipe: FocusAutoRecipe) -> Iterator[Event]:
    """Phase of a stack through focus: by the network where that explains all planes, else by transport of intensity.

    `acquisition`: frames; at one depth alone, as of a time-lapse, there is nothing to hold the network's phase against.
    `recipe`: how much the network must explain.
    """
    started = time.process_time()
    shared = {"device": recipe.device, "seed": recipe.seed}
    seen, warnings = yield from _quietly(srqpi(acquisition, build("srqpi", shared)))
    if len(np.unique(acquisition.z_um)) < 2:
        yield from warnings
        yield Note("the phase is the network's: frames at one depth leave nothing else")
        yield Done(_own(seen, "srqpi", recipe, None, started))
        return
    told = seen.figures.get("all_planes_explained", -1.0)
    planes = acquisition.frame_count
    if told >= recipe.least_explained:
        yield from warnings
        yield Note(f"the network's phase of one frame explains {told:.0%} of the contrast of all {planes} planes")
        yield Done(_own(seen, "srqpi", recipe, told, started))
        return
    yield Note(
        f"the network's phase of one frame explains {max(told, 0):.0%} of the contrast of all {planes} planes, less "
        f"than {recipe.least_explained:.0%}: the sample is unlike those it was trained on, or absorbs. So the phase is "
        "taken from all planes, by the transport of intensity (tie-tv)"
    )
    moved, said = yield from _quietly(tie_tv(acquisition, build("tie-tv", shared)))
    yield from said
    yield Done(_own(moved, "tie-tv", recipe, told, started))


def _quietly(events: Iterator[Event]) -> Generator[Event, None, tuple[Result, list[Note]]]:
    """The events of a method; its result and its notes are returned."""
    notes: list[Note] = []
    for event in events:
        if isinstance(event, Note):
            notes.append(event)
        elif isinstance(event, Done):
            return event.result, notes
        else:
            yield event
    raise AssertionError("a method ends with its result")


def _own(result: Result, taken: str, recipe: FocusAutoRecipe, told: float | None, started: float) -> Result:
    """What `taken` found, as this method's result; `told` is the share that the network explains, if asked."""
    figures = {**result.figures, "cpu_seconds": time.process_time() - started}
    if told is not None:
        figures["network_explains"] = told
    return dataclasses.replace(
        result, recipe=recipe.model_dump(), optics={**result.optics, "taken": taken}, figures=figures
    )

"""Phase of one defocused frame by three convolutions, beside which the U-Net is seen."""

from __future__ import annotations

from collections.abc import Iterator

from ...data.acquisition import ThroughFocus
from ...types import Event
from ..engine.recipe import method
from .each_time import each_time
from .single_frame import SingleFrameRecipe, reconstruct_frame

NAME = "srcnn"


class SrcnnRecipe(SingleFrameRecipe):
    """Options of `srcnn`."""

    method: str = NAME


@method(NAME, SrcnnRecipe, kinds=("through_focus",))
@each_time
def srcnn(acquisition: ThroughFocus, recipe: SrcnnRecipe) -> Iterator[Event]:
    """Phase on 4 times finer pixels from a single defocused frame by three convolutions (SRCNN 9-1-5).

    `acquisition`: bright field out of focus; `recipe`: which frame, by which weights.
    """
    yield from reconstruct_frame(acquisition, recipe)

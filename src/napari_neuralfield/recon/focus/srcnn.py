"""Phase of one defocused frame by three convolutions, beside which the U-Net is seen."""

from __future__ import annotations

from collections.abc import Iterator

from ...data.acquisition import ThroughFocus
from ...types import Event
from ..engine.recipe import method
from .single_frame import SingleFrameRecipe, frame_field, reconstruct_frame, weights_of

NAME = "srcnn"
__all__ = ["NAME", "SrcnnRecipe", "frame_field", "srcnn", "weights_of"]


class SrcnnRecipe(SingleFrameRecipe):
    """Options of `srcnn`."""

    method: str = NAME


@method(NAME, SrcnnRecipe, kinds=("through_focus",))
def srcnn(acquisition: ThroughFocus, recipe: SrcnnRecipe) -> Iterator[Event]:
    """Phase on 4 times finer pixels from a single defocused frame by three convolutions (SRCNN 9-1-5)."""
    yield from reconstruct_frame(acquisition, recipe)

"""Phase on finer pixels than the camera's from one defocused bright-field frame, by a trained U-Net.

Zhou, Jin, Lu, Li, Zuo, Laser Photonics Rev. 18, 2300488 (2024). The weights come with the package or from
`neuralfield train srqpi`; they serve any defocus and coherence in a range, above and below the focus.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..data.acquisition import ThroughFocus
from ..types import Event
from .recipe import method
from .single_frame import SingleFrameRecipe, frame_field, reconstruct_frame, weights_of

NAME = "srqpi"
__all__ = ["NAME", "SrqpiRecipe", "frame_field", "srqpi", "weights_of"]


class SrqpiRecipe(SingleFrameRecipe):
    """Options of `srqpi`."""

    method: str = NAME


@method(NAME, SrqpiRecipe, kinds=("through_focus",))
def srqpi(acquisition: ThroughFocus, recipe: SrqpiRecipe) -> Iterator[Event]:
    """Phase on 4 times finer pixels from a single defocused frame by a trained U-Net."""
    yield from reconstruct_frame(acquisition, recipe)

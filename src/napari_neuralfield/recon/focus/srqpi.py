"""Phase on finer pixels than the camera's from one defocused bright-field frame, by a trained U-Net.

Zhou, Jin, Lu, Li, Zuo, Laser Photonics Rev. 18, 2300488 (2024). The weights come with the package or from
`neuralfield train srqpi`; they serve any defocus and coherence in a range, above and below the focus.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import torch

from ... import compute
from ...data.acquisition import ThroughFocus
from ...types import Event, Note, Progress
from ..engine.recipe import method, option
from .chromatic import align_stacks
from .each_time import each_time
from .polish import STEPS, PolishedPhase, polish_phase
from .single_frame import SingleFrameRecipe, frame_field, reconstruct_frame, weights_of

NAME = "srqpi"
__all__ = ["NAME", "SrqpiRecipe", "frame_field", "srqpi", "weights_of"]


class SrqpiRecipe(SingleFrameRecipe):
    """Options of `srqpi`."""

    method: str = NAME
    polish: bool = option(False, "go on by physics: the phase, imaged again, must look like the frame")
    polish_steps: int = option(STEPS, "steps of the polish", ge=1, le=10000, advanced=True)
    flat_background: bool = option(
        True, "where the frame shows nothing over a larger place there is nothing; for the polish", advanced=True
    )
    denser: bool = option(
        True, "the sample is optically denser than that background: no phase below it; for the polish", advanced=True
    )

    def unused(self) -> dict[str, str]:
        """Without a polish, what is said of it."""
        names = ("polish_steps", "flat_background", "denser")
        return {} if self.polish else dict.fromkeys(names, "it counts with --polish")


@method(NAME, SrqpiRecipe, kinds=("through_focus",), presets={"polished": {"polish": True}}, colour=align_stacks)
@each_time
def srqpi(acquisition: ThroughFocus, recipe: SrqpiRecipe) -> Iterator[Event]:
    """Phase on 4 times finer pixels from a single defocused frame by a trained U-Net; polished by physics if wanted.

    `acquisition`: bright field out of focus; `recipe`: which frame, by which weights, and how it is polished.
    """
    yield from reconstruct_frame(acquisition, recipe, functools.partial(_polished, recipe) if recipe.polish else None)


def _polished(recipe: SrqpiRecipe, alone: ThroughFocus, phase: torch.Tensor) -> Iterator[Event | torch.Tensor]:
    """Progress of the polish of a frame's phase (Y, X), what it did, and the phase where it was accepted."""
    events = polish_phase(
        alone, phase, [0], steps=recipe.polish_steps, flat_background=recipe.flat_background,
        non_negative=recipe.denser, device=compute.device(recipe.device),
    )  # fmt: skip
    for event in events:
        if not isinstance(event, PolishedPhase):
            yield Progress(*event, "steps of polish")
            continue
        before, after = event.error_before, event.error_after
        if event.accepted:
            yield Note(f"the polish lowered the relative amplitude error from {before:.3g} to {after:.3g}")
            yield event.phase
        else:
            yield Note(
                f"the polish was not accepted and the network's phase is kept: the frame stays {event.misfit:.1f} "
                "times its noise (in power) from what the file's microscope can show; check z_um and condenser_na",
                "warning",
            )

"""Measured bright-field frames and the phase behind them, cut into patches for the single-frame networks.

The phase comes from a pair that the user has, or from a stack on fine pixels by the transport of intensity; the frames
of such a stack are made coarse as a camera would. Frame and truth share their outer corner.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from ...data.acquisition import ThroughFocus
from ...types import Done, InputError
from ..focus.network_inputs import RANGE, SMALLEST, UPSAMPLING, Defocus, inputs_of
from ..focus.single_frame import SLACK, checked_frame
from ..focus.tie import TieFftRecipe, tie_fft
from .focus_stream import patch_of
from .material import KEPT_ASIDE, Material, Pair, every_fifth

COARSEST = 0.5  # frame pixels that a pixel of the truth may be large


@dataclasses.dataclass(frozen=True)
class Sample:
    """Channels (channel, y, x) of each frame, the phase (Y, X) behind all, and the frame pixels that it covers."""

    channels: list[torch.Tensor]
    phase: torch.Tensor
    seen: tuple[range, range]


class MeasuredFrames:
    """Patches at random places of random pairs, turned and mirrored at random.

    Parameters
    ----------
    patch : frame pixels of a patch per axis.

    Raises
    ------
    InputError : where a truth is too coarse, frames are in focus, or hold no patch that the truth covers.
    """

    def __init__(self, pairs: list[Pair], patch: int, rng: np.random.Generator) -> None:
        self.patch, self.rng = patch, rng
        self.samples = [_sample(pair, patch) for pair in pairs]

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Channels (count, 4, patch, patch) and phases (count, Y, X)."""
        found = []
        for which in self.rng.integers(0, len(self.samples), count):
            sample = self.samples[which]
            given = sample.channels[int(self.rng.integers(len(sample.channels)))]
            y, x = (int(self.rng.integers(seen.start, seen.stop - self.patch + 1)) for seen in sample.seen)
            found.append(patch_of(given, sample.phase, (y, x), self.patch, self.rng))
        channels, phases = zip(*found, strict=True)
        return torch.stack(channels), torch.stack(phases)

    def state(self) -> dict[str, object]:
        """All that the next batch depends on."""
        return {"rng": self.rng.bit_generator.state}

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.rng.bit_generator.state = state["rng"]

    def apart(self) -> MeasuredFrames:
        """More of the same; what is taken there is not missing here."""
        other = copy.copy(self)
        other.rng = copy.deepcopy(self.rng)
        return other


def pairs_of(material: Material, patch: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs of `material` that are trained on, and those that are not: every fifth, or the last fifth of each frame.

    Each part is at least `patch` frame pixels wide.

    Raises
    ------
    InputError : where a stack has fewer than two planes, or is too small.
    """
    pairs = [*material.pairs, *(pair_of(stack, patch) for stack in material.stack)]
    if len(pairs) >= KEPT_ASIDE:
        return every_fifth(pairs)
    divided = [_divided(pair, patch) for pair in pairs]
    return [one for one, _ in divided], [other for _, other in divided if other is not None]


def pair_of(stack: ThroughFocus, patch: int) -> Pair:
    """A `stack` on fine pixels as a pair: its frames with 4 x 4 pixels taken together, its phase by `tie-fft`.

    The coarse frames hold at least one patch of `patch` pixels per axis.

    Raises
    ------
    InputError : where there are fewer than two planes, or coarse frames hold no patch.
    """
    where = stack.source or "the stack"
    rows, columns = (n // UPSAMPLING for n in stack.frame_shape)
    if min(rows, columns) < max(patch, SMALLEST):
        raise InputError(
            f"{where}: its planes of {stack.frame_shape[0]} x {stack.frame_shape[1]} pixels become {rows} x {columns} "
            f"when {UPSAMPLING} x {UPSAMPLING} are taken together, and patch_px is {patch}; give larger planes, or a "
            "smaller patch_px"
        )
    stack = stack.replace(pupil=None) if stack.pupil is not None else stack
    stack = stack.crop(slice(0, rows * UPSAMPLING), slice(0, columns * UPSAMPLING))
    done = next(event for event in tie_fft(stack, TieFftRecipe(upsampling=1)) if isinstance(event, Done))
    y, x = (np.arange(n) * stack.pixel_um for n in stack.frame_shape)
    phase = done.result.field.render(0.0, y, x)[0].float().cpu().numpy()
    fine = stack.intensity().reshape(-1, rows, UPSAMPLING, columns, UPSAMPLING)
    coarse = ThroughFocus(
        frames=fine.mean((2, 4)), source=where, wavelength_um=stack.wavelength_um, objective_na=stack.objective_na,
        condenser_na=stack.condenser_na, pixel_um=stack.pixel_um * UPSAMPLING, z_um=np.asarray(stack.z_um),
    )  # fmt: skip
    return Pair(coarse, phase, stack.pixel_um, where)


def _divided(pair: Pair, patch: int) -> tuple[Pair, Pair | None]:
    """A pair left and right of a line, the right part a fifth or a patch wide; whole where it is too narrow."""
    wide = pair.acquisition.frame_shape[1]
    cut = wide - max(wide // KEPT_ASIDE, patch)
    if cut < patch:
        return pair, None
    (top, first), step, pixel = _origin(pair), pair.pixel_um, pair.acquisition.pixel_um
    column = int(np.clip(round(((cut - 0.5) * pixel - first + step / 2) / step), 0, pair.phase_rad.shape[1]))
    parts = []
    for frame, phase in ((slice(0, cut), slice(0, column)), (slice(cut, wide), slice(column, None))):
        moved = first + step * phase.start - pixel * frame.start
        part = pair.acquisition.crop(slice(None), frame)
        parts.append(dataclasses.replace(
            pair, acquisition=part, phase_rad=pair.phase_rad[:, phase], origin_um=(top, moved)
        ))  # fmt: skip
    one, other = parts
    enough = all(_seen(part)[1].stop - _seen(part)[1].start >= patch for part in parts)
    return (one, other) if enough else (pair, None)


def _origin(pair: Pair) -> tuple[float, float]:
    if pair.origin_um is not None:
        return pair.origin_um
    corner = (pair.pixel_um - pair.acquisition.pixel_um) / 2
    return corner, corner


def _seen(pair: Pair) -> tuple[range, range]:
    """Frame pixels (y, x) that the truth covers, a twentieth of a pixel of tolerance."""
    found, pixel = [], pair.acquisition.pixel_um
    for n, length, first in zip(pair.acquisition.frame_shape, pair.phase_rad.shape, _origin(pair), strict=True):
        low = (first - pair.pixel_um / 2) / pixel + 0.5
        high = low + length * pair.pixel_um / pixel
        found.append(range(max(0, int(np.ceil(low - 0.05))), min(n, int(np.floor(high + 0.05)))))
    return found[0], found[1]


def _sample(pair: Pair, patch: int) -> Sample:
    acquisition = pair.acquisition
    assert isinstance(acquisition, ThroughFocus)
    if pair.pixel_um > COARSEST * acquisition.pixel_um:
        raise InputError(
            f"{pair.name}: pixel_um of its truth is {pair.pixel_um:g} and that of its frames {acquisition.pixel_um:g}; "
            f"a truth must be at least twice as fine, best {UPSAMPLING} times"
        )
    seen = _seen(pair)
    if min(len(axis) for axis in seen) < patch:
        raise InputError(
            f"{pair.name}: frames and truth have no square of {patch} x {patch} frame pixels in common; give larger "
            "ones, or a smaller patch_px"
        )
    channels = [
        inputs_of(torch.from_numpy(acquisition.intensity([number])[0]), Defocus.of(acquisition, number))
        for number in _frames(acquisition)
    ]
    return Sample(channels, truth_of(pair), seen)


def _frames(acquisition: ThroughFocus) -> list[int]:
    """The frame that a reconstruction uses, and all others that are as far out of focus as the networks know."""
    best = checked_frame(acquisition, None)
    away = [abs(Defocus.of(acquisition, number).fresnel) for number in range(acquisition.frame_count)]
    return [n for n, a in enumerate(away) if n == best or RANGE[0] / SLACK <= a <= RANGE[1] * SLACK]


def truth_of(pair: Pair) -> torch.Tensor:
    """The pair's phase (Y, X) on 4 times finer pixels than its frames; beyond its border as at the border."""
    pixel = pair.acquisition.pixel_um
    fine, phase, step = pixel / UPSAMPLING, pair.phase_rad.astype(np.float32), pair.pixel_um
    origin, together = _origin(pair), max(1, int(fine / step + 1e-3))
    if together > 1:
        rows, columns = (n // together for n in phase.shape)
        phase = phase[: rows * together, : columns * together]
        phase = phase.reshape(rows, together, columns, together).mean((1, 3))
        origin = (origin[0] + (together - 1) / 2 * step, origin[1] + (together - 1) / 2 * step)
        step = step * together
    places = [
        ((np.arange(n * UPSAMPLING) + 0.5) * fine - pixel / 2 - first) / step
        for n, first in zip(pair.acquisition.frame_shape, origin, strict=True)
    ]
    found = ndimage.map_coordinates(phase, np.meshgrid(*places, indexing="ij"), order=3, mode="nearest")
    return torch.from_numpy(found.astype(np.float32))

"""Physics polish of a field of any size: tile by tile with margins, blended where tiles overlap.

The polish of a tile knows its phase up to a constant, and drifts slowly near its border. So every tile is brought
to the start's mean over its core, and neighbours are blended across their overlap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator

import numpy as np
import torch

from ...data.acquisition import MultiplexedLed
from ...data.tiles import Tile, TilePlan
from ...fields.local_conditional import LocalConditionalField
from ..engine import checkpoint
from .polish import Improving, Polished, polish

WHOLE = 288  # frame pixels along a side that are polished in one piece
CORE, OVERLAP, MARGIN = 192, 12, 24  # of tiles of larger fields, frame pixels


@dataclasses.dataclass(frozen=True, kw_only=True)
class PolishedField:
    """A polished phase and what came with it.

    Parameters
    ----------
    phase : unwrapped, rad (Y, X).
    absorption : negative logarithm of amplitude (Y, X).
    aberration : rad of each Noll term, mean over the tiles.
    error_before, error_after : relative amplitude error, root mean square over the tiles.
    misfit : that the polish reached, mean square in units of the frames' noise, mean over the tiles.
    accepted, tiles : how many tiles the polish improved, of how many.
    """

    phase: np.ndarray
    absorption: np.ndarray
    aberration: dict[int, float]
    error_before: float
    error_after: float
    misfit: float
    accepted: int
    tiles: int


def polish_field(
    acquisition: MultiplexedLed,
    field: LocalConditionalField,
    upsampling: int,
    *,
    steps: int,
    trust_brightness: bool,
    device: torch.device | str,
) -> Iterator[tuple[int, int, float] | PolishedField]:
    """Polish all of a field; yields (steps done, of how many, relative amplitude error) and last the result.

    Parameters
    ----------
    acquisition, field : the frames, and where the polish starts.
    upsampling : pixels of the phase per frame pixel and axis.
    steps, trust_brightness, device : as in `polish`, of every tile.
    """
    shape = acquisition.frame_shape
    whole = max(shape) <= WHOLE or acquisition.pupil is not None
    plan = TilePlan(shape, shape if whole else (CORE, CORE), 0 if whole else MARGIN)
    phase, absorption, weight = (np.zeros([n * upsampling for n in shape], np.float32) for _ in range(3))
    found: list[Polished] = []
    for number, tile in enumerate(plan):
        part = acquisition if whole else acquisition.crop(*tile.padded)
        fine = tile.finer(upsampling)
        y, x = field.extent.axes()
        start = field.render(0.0, y[fine.padded[0]], x[fine.padded[1]])[0]
        events = polish(
            part, start, upsampling=upsampling, steps=steps, trust_brightness=trust_brightness, device=device
        )
        found.append((yield from checkpoint.once_from("tile", _one(events, number, len(plan)))))
        polished = found[-1].phase.cpu()
        polished = polished + (start.cpu() - polished)[fine.inside].mean()
        found[-1] = dataclasses.replace(found[-1], phase=polished[:0])
        share = np.ones(polished.shape, np.float32) if whole else _share(tile, shape, upsampling)
        phase[fine.padded] += share * polished.numpy()
        absorption[fine.padded] += share * found[-1].absorption.cpu().numpy()
        weight[fine.padded] += share
        found[-1] = dataclasses.replace(found[-1], absorption=polished[:0])
    phase /= weight
    absorption /= weight
    yield PolishedField(
        phase=phase,
        absorption=absorption,
        aberration={index: float(np.mean([one.aberration[index] for one in found])) for index in found[0].aberration},
        error_before=float(np.sqrt(np.mean([one.error_before**2 for one in found]))),
        error_after=float(np.sqrt(np.mean([one.error_after**2 for one in found]))),
        misfit=float(np.mean([one.misfit_after for one in found])),
        accepted=sum(one.accepted for one in found),
        tiles=len(found),
    )


def _one(
    events: Iterator[Improving | Polished], number: int, count: int
) -> Generator[tuple[int, int, float], None, Polished]:
    """What the `events` of the polish of tile `number` of `count` come to; yields what `polish_field` does."""
    for event in events:
        if isinstance(event, Polished):
            return event
        yield number * event.total + event.done, count * event.total, event.error
    raise AssertionError("a polish ends with what it found")


def _share(tile: Tile, shape: tuple[int, int], upsampling: int) -> np.ndarray:
    """Weight (Y, X) of a padded tile: 1 on its core, falling to 0 over OVERLAP; no fall at the frame's own border."""
    ramps = []
    for core, padded, n in zip(tile.core, tile.padded, shape, strict=True):
        at = np.arange(padded.start * upsampling, padded.stop * upsampling) / upsampling
        low = np.inf if core.start == 0 else at - (core.start - OVERLAP)
        high = np.inf if core.stop == n else core.stop + OVERLAP - 1 / upsampling - at
        inside = np.minimum(np.broadcast_to(low, at.shape), np.broadcast_to(high, at.shape))
        ramps.append(np.clip((inside + 1e-3) / (2 * OVERLAP), 0, 1).astype(np.float32))
    share: np.ndarray = ramps[0][:, None] * ramps[1][None, :]
    return share

"""Measured frames and the phase behind them, cut into patches for training."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from ...data.acquisition import MultiplexedLed
from ...fields.placement import Placement
from ...types import InputError
from ..patterns.network_inputs import CANONICAL, inputs_of
from .material import Pair


class MeasuredPairs:
    """Patches at random places of random pairs, in the network's own pixels and orientation.

    Parameters
    ----------
    patch : frame pixels of a patch per axis.

    Raises
    ------
    InputError : where a pair's frames are none of the network's patterns, or hold no patch that its truth covers.
    """

    def __init__(self, pairs: list[Pair], patch: int, rng: np.random.Generator) -> None:
        self.patch, self.rng = patch, rng
        self.channels: list[torch.Tensor] = []
        self.phases: list[torch.Tensor] = []
        self.corners: list[np.ndarray] = []
        for pair in pairs:
            assert isinstance(pair.acquisition, MultiplexedLed)
            inputs = inputs_of(pair.acquisition)
            shape = (int(inputs.channels.shape[1]), int(inputs.channels.shape[2]))
            corners = _covered(pair, inputs.placement, shape, patch)
            if not len(corners):
                raise InputError(
                    f"{pair.name}: frames and truth have no square of {patch} x {patch} frame pixels in common; give "
                    "larger ones, or a smaller patch_px"
                )
            self.channels.append(inputs.channels)
            self.phases.append(truth_of(pair, inputs.placement, shape))
            self.corners.append(corners)

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Channels (count, 7, patch, patch) and phases (count, Y, X)."""
        factor, side = CANONICAL.upsampling, self.patch
        channels, phases = [], []
        for which in self.rng.integers(0, len(self.channels), count):
            y, x = self.corners[which][self.rng.integers(len(self.corners[which]))]
            channels.append(self.channels[which][:, y : y + side, x : x + side])
            rows, columns = slice(y * factor, (y + side) * factor), slice(x * factor, (x + side) * factor)
            phases.append(self.phases[which][rows, columns])
        return torch.stack(channels), torch.stack(phases)

    def state(self) -> dict[str, object]:
        """All that the next batch depends on."""
        return {"rng": self.rng.bit_generator.state}

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.rng.bit_generator.state = state["rng"]

    def apart(self) -> MeasuredPairs:
        """More of the same; what is taken there is not missing here."""
        other = copy.copy(self)
        other.rng = copy.deepcopy(self.rng)
        return other


def truth_of(pair: Pair, placement: Placement, shape: tuple[int, int]) -> torch.Tensor:
    """The pair's phase (Y, X) on a grid 6 x finer than the channels; beyond its border as at the border.

    The channels are of `shape` (y, x); `placement` says where their pixels lie on the sample.
    """
    factor = CANONICAL.upsampling
    rows, columns = (np.arange(n * factor) / factor for n in shape)
    places = _on_sample(placement, rows[:, None], columns[None, :]) / pair.pixel_um
    found = ndimage.map_coordinates(pair.phase_rad.astype(np.float32), places, order=3, mode="nearest")
    return torch.from_numpy(found.astype(np.float32))


def _on_sample(placement: Placement, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(2, ...) places (y, x) in um of channel pixels."""
    rows, columns = np.broadcast_arrays(rows, columns)
    turned = np.einsum("ji,j...->i...", np.array(placement.matrix), np.stack([rows, columns]) * placement.pixel_um)
    return turned + np.reshape(placement.origin_um, (2,) + (1,) * rows.ndim)


def _covered(pair: Pair, placement: Placement, shape: tuple[int, int], patch: int) -> np.ndarray:
    """(place, 2) first pixels of the patches that lie on frames and truth, one frame pixel of tolerance."""
    count = [max(n - patch + 1, 0) for n in shape]
    corners = np.stack(np.meshgrid(*map(np.arange, count), indexing="ij"), -1).reshape(-1, 2)
    inside = np.ones(len(corners), bool)
    frame = pair.acquisition.pixel_um
    seen = np.minimum(
        (np.array(pair.acquisition.frame_shape) - 1) * frame, (np.array(pair.phase_rad.shape) - 1) * pair.pixel_um
    )
    for y in (0, patch - 1):
        for x in (0, patch - 1):
            at = _on_sample(placement, corners[:, 0] + y, corners[:, 1] + x)
            for axis in range(2):
                inside &= (at[axis] > -1.001 * frame) & (at[axis] < seen[axis] + 1.001 * frame)
    return corners[inside]

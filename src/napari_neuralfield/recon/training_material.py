"""What the user gives a training besides options: measured pairs, images, a microscope to be like, frames of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..data.acquisition import MultiplexedLed


@dataclasses.dataclass(frozen=True)
class Pair:
    """Frames and the phase behind them.

    Parameters
    ----------
    phase_rad : (Y, X), its pixel (0, 0) where that of the frames is.
    pixel_um : of the phase.
    name : for messages.
    """

    acquisition: MultiplexedLed
    phase_rad: np.ndarray
    pixel_um: float
    name: str


@dataclasses.dataclass(frozen=True)
class Material:
    """Nothing of it is needed: without, a training lives from simulated scenes alone.

    Parameters
    ----------
    pairs : measured, mixed with the simulated scenes.
    images : grey (y, x), taken as the phase of simulated scenes.
    like : measured; its LED board takes the place of the canonical one, and scenes whose frames vary like its frames
        are shown more often.
    frames : measured without truth; the network's answer is imaged again and compared with them.
    """

    pairs: Sequence[Pair] = ()
    images: Sequence[np.ndarray] = ()
    like: MultiplexedLed | None = None
    frames: MultiplexedLed | None = None


NOTHING = Material()

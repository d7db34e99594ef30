"""What the user gives a training besides options: measured pairs, stacks, images, a microscope to be like, frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ...data.acquisition import MultiplexedLed, ThroughFocus

KEPT_ASIDE = 5  # of so many measured pairs one is never trained on


@dataclasses.dataclass(frozen=True)
class Pair:
    """Frames and the phase behind them.

    Parameters
    ----------
    phase_rad : (Y, X).
    pixel_um : of the phase.
    name : for messages.
    origin_um : (y, x) of the phase's pixel (0, 0), where that of the frames is at 0; None: as the network takes it,
        0 for LED patterns, the same outer corner for bright-field frames.
    """

    acquisition: MultiplexedLed | ThroughFocus
    phase_rad: np.ndarray
    pixel_um: float
    name: str
    origin_um: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Material:
    """Nothing of it is needed: without, a training lives from simulated scenes alone.

    Parameters
    ----------
    pairs : measured, mixed with the simulated scenes.
    stack : through focus on fine pixels; each becomes a pair, its phase by the transport of intensity.
    images : grey (y, x), taken as the phase of simulated scenes.
    like : measured; the training is for its microscope.
    frames : measured without truth; the network's answer is imaged again and compared with them.
    """

    pairs: Sequence[Pair] = ()
    stack: Sequence[ThroughFocus] = ()
    images: Sequence[np.ndarray] = ()
    like: MultiplexedLed | ThroughFocus | None = None
    frames: MultiplexedLed | None = None


NOTHING = Material()


def every_fifth(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """The measured pairs that are trained on, and every fifth, which is not."""
    learnt = [pair for number, pair in enumerate(pairs, start=1) if number % KEPT_ASIDE]
    return learnt, list(pairs[KEPT_ASIDE - 1 :: KEPT_ASIDE])

"""How large the steps of a training are."""

from __future__ import annotations

import math

WARM_UP = 200  # steps
FALL, PATIENCE, LEAST_GAIN = 0.2, 10, 1e-4  # of a plateau


class StepSize:
    """A share of the largest step: along a cosine after a rise, constant, or less whenever the error stays as it is.

    Parameters
    ----------
    kind : 'cosine', 'constant' or 'plateau'.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.best, self.waited, self.share = 1e30, 0, 1.0

    @property
    def plain(self) -> bool:
        """Adam alone: gradients as they are, and its last weights in place of a running mean."""
        return self.kind != "cosine"

    def rate(self, steps: int, done: float) -> float:
        """The share after so many `steps`, and a `done` share of the training."""
        if self.plain:
            return self.share
        return min(1.0, (steps + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * done)) + 1e-3

    def looked(self, error: float) -> None:
        """Take note of the `error` after an epoch."""
        if error < self.best * (1 - LEAST_GAIN):
            self.best, self.waited = error, 0
            return
        self.waited += 1
        if self.waited > PATIENCE:
            self.waited, self.share = 0, self.share * FALL

    def state(self) -> list[float]:
        """All that the next share depends on."""
        return [self.best, float(self.waited), self.share]

    def take_up(self, state: list[float]) -> None:
        """Go on from a `state`."""
        self.best, self.waited, self.share = state[0], int(state[1]), state[2]

"""Numbers that the steps of a loop leave on their device, fetched when somebody looks.

A graphics card works on while the program prepares its next steps; to read a number of the last step is to wait for
all of them. A processor's numbers are there at once.
"""

from __future__ import annotations

import time

import torch

from ... import compute


class Readings:
    """What steps leave to be shown, in their order.

    Parameters
    ----------
    every_s : shortest time between two looks at a graphics card, seconds.
    """

    def __init__(self, every_s: float = 0.25) -> None:
        self._every, self._due = every_s, 0.0
        self._left: list[torch.Tensor] = []

    def take(self, *numbers: torch.Tensor | float, now: bool = False) -> list[list[float]]:
        """Those of all steps since the last look; none where it is too early to look again.

        Parameters
        ----------
        numbers : of this step, as many as of the others; tensors hold one each.
        now : look in any case.
        """
        where = next((number.device for number in numbers if isinstance(number, torch.Tensor)), torch.device("cpu"))
        wide = compute.precise(where)
        self._left.append(torch.stack([torch.as_tensor(number, dtype=wide, device=where) for number in numbers]))
        if not (now or where.type == "cpu" or time.monotonic() >= self._due):
            return []
        found: list[list[float]] = torch.stack(self._left).tolist()
        self._left, self._due = [], time.monotonic() + self._every
        return found


def squares(norms: list[torch.Tensor]) -> list[float]:
    """Squares of numbers that a whole pass left, in double precision: one look at them all."""
    return [norm**2 for norm in torch.stack(norms).tolist()] if norms else []

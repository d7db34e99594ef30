"""Numbers that the steps of a loop leave on their device, fetched when somebody looks.

A graphics card works on while the program prepares its next steps; to read a number of the last step is to wait for
all of them. A processor's numbers are there at once.
"""

from __future__ import annotations

import time

import torch

from ... import compute


class LateNumbers:
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
        self._left.append(torch.stack([_on(number, where, wide) for number in numbers]))
        if not (self.due(where) or now):
            return []
        found: list[list[float]] = torch.stack(self._left).tolist()
        self._left = []
        return found

    def due(self, where: torch.device) -> bool:
        """Whether it is time to look at a number on the device `where`; the next look is as much later."""
        if where.type == "cpu":
            return True
        if time.monotonic() < self._due:
            return False
        self._due = time.monotonic() + self._every
        return True


def _on(number: torch.Tensor | float, where: torch.device, wide: torch.dtype) -> torch.Tensor:
    return number.to(wide) if isinstance(number, torch.Tensor) else torch.tensor(number, dtype=wide, device=where)


def squares(norms: list[torch.Tensor]) -> list[float]:
    """Squares of numbers that a whole pass left, in double precision: one look at them all."""
    return [norm**2 for norm in torch.stack(norms).tolist()] if norms else []

"""L-BFGS over all frames at once: what many small steps of Adam leave, above all what varies slowly over the image.

J. Nocedal, S. Wright, Numerical Optimization (2006), algorithm 7.4. A step that does not lower the objective is halved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import torch

KEPT = 10  # earlier steps that tell of the curvature
HALVED = 12  # times, before it gives up
ENOUGH = 1e-4  # of the decrease that the slope promises

Objective = Callable[[], float]  # at the parameters as they are; leaves its slope in their `.grad`


def descend(parameters: Sequence[torch.Tensor], objective: Objective, steps: int) -> Iterator[float]:
    """Lower `objective` by at most `steps` steps, `parameters` changed in place; yields its value after each."""
    past: deque[tuple[torch.Tensor, torch.Tensor]] = deque(maxlen=KEPT)
    value, slope = objective(), _flat([p.grad for p in parameters if p.grad is not None])
    for _ in range(steps):
        way = _direction(slope, past)
        falls = float(torch.dot(way, slope))
        if not falls < 0:
            return
        length, moved = 1.0 if past else min(1.0, 1 / float(slope.abs().sum())), 0.0
        for _ in range(HALVED):
            _move(parameters, way, length - moved)
            moved, now = length, objective()
            if now <= value + ENOUGH * length * falls:
                break
            length /= 2
        else:
            _move(parameters, way, -moved)
            return
        new = _flat([p.grad for p in parameters if p.grad is not None])
        step, bend = length * way, new - slope
        if float(torch.dot(step, bend)) > 1e-10 * float(torch.dot(bend, bend)):
            past.append((step, bend))
        value, slope = now, new
        yield value


def _flat(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat([part.detach().reshape(-1) for part in parts])


@torch.no_grad()
def _move(parameters: Sequence[torch.Tensor], way: torch.Tensor, length: float) -> None:
    """`parameters` `length` times along `way`, all of them in one row."""
    for parameter, part in zip(parameters, way.split([p.numel() for p in parameters]), strict=True):
        parameter.add_(part.view_as(parameter), alpha=length)


def _direction(slope: torch.Tensor, past: deque[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """Against `slope`, through the curvature that `past` steps and changes of the slope tell."""
    way, shares = -slope, []
    for step, bend in reversed(past):
        share = torch.dot(step, way) / torch.dot(step, bend)
        way = way - share * bend
        shares.append(share)
    if past:
        step, bend = past[-1]
        way = way * (torch.dot(step, bend) / torch.dot(bend, bend))
    for (step, bend), share in zip(past, reversed(shares), strict=True):
        way = way + (share - torch.dot(bend, way) / torch.dot(step, bend)) * step
    return way

"""One frame after the other improves object array and probe: the steps of ePIE and rPIE, see `pie`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import torch

from ... import compute
from ...forward.scan_problem import Problem, ScanState
from ...optics.grids import intensity
from .exit_waves import ExitWaves

LAST_STEP = 0.3  # of the last of a few passes, so that noise averages


@dataclasses.dataclass
class Sequential:
    """One frame after the other.

    Parameters
    ----------
    object_alpha, probe_alpha : 1 for ePIE.
    momentum, momentum_every : share of the velocity kept, and frames between two steps along it.
    """

    problem: dataclasses.InitVar[Problem]
    state: dataclasses.InitVar[ScanState]
    object_alpha: float = 1.0
    probe_alpha: float = 1.0
    object_step: float = 1.0
    probe_step: float = 1.0
    momentum: float = 0.0
    momentum_every: int = 50

    def __post_init__(self, problem: Problem, state: ScanState) -> None:
        self.waves = ExitWaves(problem, state)

    def smaller(self) -> bool:
        return False

    def sweep(self, order: list[int], solve_probe: bool, step: float) -> Iterator[tuple[list[int], torch.Tensor]]:
        """See `Engine.sweep` for `order`, `solve_probe` and `step`."""
        waves, object_velocity, probe_velocity = self.waves, Momentum(self.momentum), Momentum(self.momentum)
        for number, frame in enumerate(order):
            window, probe = waves.cut(waves.object_array, [frame])[:, None], waves.meet(waves.probe, [frame])
            change, misfit = waves.change(probe * window, [frame])
            share = step * self.object_step / weight(intensity(probe).sum(1), self.object_alpha)
            waves.put(waves.object_array, [frame], (probe.conj() * change).sum(1) * share)
            if solve_probe:
                share = step * self.probe_step / weight(intensity(window), self.probe_alpha)
                waves.put_probe(waves.probe, [frame], window.conj() * change * share)
            if self.momentum and number % self.momentum_every == 0:
                object_velocity.push(waves.object_array)
                if solve_probe:
                    probe_velocity.push(waves.probe)
            yield [frame], misfit

    def few_passes(self, frames: torch.Tensor, passes: int, seed: int, solve_probe: bool = True) -> Iterator[int]:
        """Short trials: the number of each pass over `frames` when it is done; full steps, then shrinking ones.

        Parameters
        ----------
        frames : indices of those used.
        passes : how many; the steps of the last half shrink to `LAST_STEP`.
        seed : of the order of the frames.
        solve_probe : whether the probe changes too, from the second pass on.
        """
        order = compute.seed(seed)
        for number in range(passes):
            turn = frames[torch.randperm(len(frames), generator=order).to(frames.device)].tolist()
            for _ in self.sweep(turn, solve_probe and number > 0, LAST_STEP ** max(0.0, 2 * (number + 1) / passes - 1)):
                pass
            yield number


def weight(bright: torch.Tensor, alpha: float) -> torch.Tensor:
    """Between the brightness `bright` of each pixel (alpha 0) and its peak (alpha 1)."""
    peak = bright.max()
    return peak if alpha == 1 else (1 - alpha) * bright + alpha * peak


class Momentum:
    """Velocity of a tensor: what it changed since the last call, and a share of the velocity before."""

    def __init__(self, share: float) -> None:
        self.share = share
        self._last: torch.Tensor | None = None
        self._velocity: torch.Tensor | None = None

    def push(self, values: torch.Tensor) -> None:
        """Carry `values` on in place, along the velocity."""
        if self._last is not None:
            step = values - self._last
            self._velocity = step if self._velocity is None else self.share * self._velocity + step
            values += self.share * self._velocity
        self._last = values.clone()

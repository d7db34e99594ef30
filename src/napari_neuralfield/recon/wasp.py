"""Weighted average of sequential projections: Maiden, Mei, Li, Opt. Express 32, 21327 (2024).

A pass is one of sequential steps,

    object += conj(probe) * change / (|probe|^2 + alpha mean |probe|^2)
    probe += conj(object) * change / (|object|^2 + beta)

and ends with the averages of all revised exit waves, object = sum conj(probe) * revised / sum |probe|^2 and the same
for the probe with the object: the first is fast, the second forgets no frame.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..data.acquisition import CodedPtychography, Ptychography
from ..types import Event
from .exit_waves import ExitWaves, power
from .recipe import method, option
from .scan_passes import PASSES, EngineRecipe, engine_events
from .scan_setup import Problem, ScanState

UNSEEN = 1e-3  # of the mean weight: canvas pixels below keep what they have


class WaspRecipe(EngineRecipe):
    """Options of `wasp`."""

    method: str = "wasp"
    passes: int | None = PASSES
    alpha: float = option(2.0, "share of the probe's mean brightness in the object's weight: more is slower", gt=0)
    beta: float = option(1.0, "share of the object's mean brightness in the probe's weight: more is slower", gt=0)


class Sums:
    """Weighted sum of revised waves and sum of weights, in the form in which canvas or probe is kept."""

    def __init__(self, like: torch.Tensor) -> None:
        self.revised = torch.zeros_like(like)
        self.weight = torch.zeros_like(like[:1] if like.ndim == 3 else like)


class Averaging:
    """Sequential steps, and the average of the pass at its end."""

    def __init__(self, problem: Problem, state: ScanState, recipe: WaspRecipe) -> None:
        self.waves = ExitWaves(problem, state)
        self.alpha, self.beta = recipe.alpha, recipe.beta
        self._object, self._probe = Sums(self.waves.canvas), Sums(self.waves.probe)

    def smaller(self) -> bool:
        return False

    def sweep(self, order: list[int], solve_probe: bool, step: float) -> Iterator[tuple[list[int], torch.Tensor]]:
        waves = self.waves
        for number, frame in enumerate(order):
            window, probe = waves.cut(waves.canvas, [frame])[:, None], waves.meet(waves.probe, [frame])
            exit_wave = probe * window
            change, misfit = waves.change(exit_wave, [frame])
            revised = exit_wave + change
            bright, back = power(probe).sum(1), probe.conj()
            waves.put(waves.canvas, [frame], step * (back * change).sum(1) / (bright + self.alpha * bright.mean()))
            waves.put(self._object.revised, [frame], (back * revised).sum(1))
            waves.put(self._object.weight, [frame], bright.to(back.dtype))
            if solve_probe:
                bright, back = power(window), window.conj()
                share = step / (bright + self.beta * bright.mean())
                waves.put_probe(waves.probe, [frame], back * change * share)
                waves.put_probe(self._probe.revised, [frame], back * revised)
                waves.put_probe(self._probe.weight, [frame], bright.to(back.dtype))
            if number == len(order) - 1:
                self._average(solve_probe)
            yield [frame], misfit

    def _average(self, solve_probe: bool) -> None:
        waves = self.waves
        total = waves.plain(self._object.weight).real
        seen = total > UNSEEN * total.mean()
        average = waves.plain(self._object.revised) / torch.where(seen, total, 1)
        waves.canvas = waves.kept(torch.where(seen, average, waves.plain(waves.canvas)))
        if solve_probe:
            weight = waves.plain_probe(self._probe.weight).real
            average = waves.plain_probe(self._probe.revised) / weight.clamp(min=UNSEEN * float(weight.mean()))
            waves.probe = waves.kept_probe(average)
        self._object, self._probe = Sums(waves.canvas), Sums(waves.probe)


@method("wasp", WaspRecipe, kinds=("ptychography", "coded_ptychography"))
def wasp(acquisition: Ptychography | CodedPtychography, recipe: WaspRecipe) -> Iterator[Event]:
    """Weighted average of sequential projections: fast at first and steady at the end, hardly anything to tune."""
    yield from engine_events(acquisition, recipe, Averaging)

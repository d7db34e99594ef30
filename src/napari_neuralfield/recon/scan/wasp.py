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

from ...data.acquisition import CodedPtychography, Ptychography
from ...forward.scan_problem import Problem, ScanState
from ...optics.grids import intensity
from ...types import Event
from ..engine.recipe import method, option
from .exit_waves import ExitWaves
from .passes import PASSES, EngineRecipe, engine_events

DIM = 0.2  # of the brightest light: what has less moves less, where fractional moves ring into the dark


class WaspRecipe(EngineRecipe):
    """Options of `wasp`."""

    method: str = "wasp"
    passes: int | None = PASSES
    alpha: float = option(2.0, "share of the probe's mean brightness in the object's weight: more is slower", gt=0)
    beta: float = option(1.0, "share of the object's mean brightness in the probe's weight: more is slower", gt=0)


class Averaging:
    """Sequential steps, and the average of the pass at its end.

    The average is added up as the change of what the pass began with, so that fractions of a pixel, by which products
    cannot be moved exactly, leave an answer that fits all frames where it is.
    """

    def __init__(self, problem: Problem, state: ScanState, recipe: WaspRecipe) -> None:
        self.waves = ExitWaves(problem, state)
        self.alpha, self.beta = recipe.alpha, recipe.beta
        self._begin()

    def smaller(self) -> bool:
        return False

    def _begin(self) -> None:
        waves = self.waves
        self._object_array, self._probe = waves.object_array.clone(), waves.probe.clone()
        self._object_sum, self._probe_sum = torch.zeros_like(waves.object_array), torch.zeros_like(waves.probe)
        self._object_light = torch.zeros(waves.scan.object_shape, device=waves.object_array.device)
        self._probe_light = torch.zeros(waves.scan.window, device=waves.object_array.device)

    def sweep(self, order: list[int], solve_probe: bool, step: float) -> Iterator[tuple[list[int], torch.Tensor]]:
        """See `Engine.sweep` for `order`, `solve_probe` and `step`."""
        self._begin()
        for number, frame in enumerate(order, 1):
            misfit = self._visit(frame, solve_probe, step)
            if number == len(order):
                self._average(solve_probe)
            yield [frame], misfit

    def _visit(self, frame: int, solve_probe: bool, step: float) -> torch.Tensor:
        waves = self.waves
        window, probe = waves.cut(waves.object_array, [frame])[:, None], waves.meet(waves.probe, [frame])
        exit_wave = probe * window
        change, misfit = waves.change(exit_wave, [frame])
        revised, bright, back = exit_wave + change, intensity(probe).sum(1), probe.conj()
        waves.put(waves.object_array, [frame], step * (back * change).sum(1) / (bright + self.alpha * bright.mean()))
        waves.shine(self._object_light, frame, bright[0])
        begun = probe * waves.cut(self._object_array, [frame])[:, None]
        waves.put(self._object_sum, [frame], (back * (revised - begun)).sum(1))
        if solve_probe:
            bright, back = intensity(window), window.conj()
            share = step / (bright + self.beta * bright.mean())
            waves.put_probe(waves.probe, [frame], back * change * share)
            begun = waves.meet(self._probe, [frame]) * window
            waves.put_probe(self._probe_sum, [frame], back * (revised - begun))
            self._probe_light += bright[0, 0]
        return misfit

    def _average(self, solve_probe: bool) -> None:
        waves = self.waves
        waves.object_array = self._object_array + waves.kept(
            waves.plain(self._object_sum) / _floored(self._object_light)
        )
        if solve_probe:
            change = waves.plain_probe(self._probe_sum) / _floored(self._probe_light)
            waves.probe = self._probe + waves.kept_probe(change)


def _floored(light: torch.Tensor) -> torch.Tensor:
    return light.clamp(min=DIM * float(light.max()))


@method("wasp", WaspRecipe, kinds=("ptychography", "coded_ptychography"))
def wasp(acquisition: Ptychography | CodedPtychography, recipe: WaspRecipe) -> Iterator[Event]:
    """Weighted average of sequential projections: fast at first and steady at the end, hardly anything to tune.

    `acquisition`: a ptychographic or coded scan; `recipe`: the two weights.
    """
    yield from engine_events(acquisition, recipe, Averaging)

"""Adam with warm-up and cosine decay.

torch's own arithmetic through its functional form: building a `torch.optim.Adam` imports torch's compiler, which
costs more than a second before the first step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch.optim.adam import adam


class Adam:
    """D. P. Kingma, J. Ba, arXiv:1412.6980.

    Parameters
    ----------
    rate : step size; `rate_at` changes it from step to step.
    others : further parameters, each with a step size of its own that keeps its proportion to `rate`.
    weight_decay : decoupled (I. Loshchilov, F. Hutter, arXiv:1711.05101); of `parameters` alone.
    """

    def __init__(
        self,
        parameters: Iterable[torch.Tensor],
        rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
        others: Sequence[tuple[torch.Tensor, float]] = (),
        weight_decay: float = 0.0,
    ) -> None:
        self.rate, self.betas, self.weight_decay = rate, betas, weight_decay
        self._groups = [_Group([p for p in parameters if p.requires_grad], 1.0)]
        self._groups += [_Group([p], own / rate) for p, own in others]

    def remembered(self) -> list[torch.Tensor]:
        """Everything that the next step depends on beside the parameters; filled in to go on from there."""
        return [value for group in self._groups for value in group.remembered]

    def step(self, loss: torch.Tensor, rate: float | None = None, others: float = 1.0) -> None:
        """Differentiate `loss` and move the parameters once.

        Parameters
        ----------
        loss : a scalar.
        rate : step size now; None: the one at the start.
        others : share of their step that the further parameters take.
        """
        every = [p for group in self._groups for p in group.parameters]
        gradients = [_laid_out(g, p) for g, p in zip(torch.autograd.grad(loss, every), every, strict=True)]
        now = self.rate if rate is None else rate
        for number, group in enumerate(self._groups):
            mine, gradients = gradients[: len(group.parameters)], gradients[len(group.parameters) :]
            if not mine:
                continue
            if self.weight_decay and not number:
                group.shrink(1 - now * self.weight_decay)
            group.move(mine, now * group.share * (others if number else 1.0), self.betas)


def _laid_out(gradient: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """The gradient in the memory layout of its parameter, which the fused step takes for granted."""
    same = gradient.stride() == parameter.stride()
    return gradient if same else torch.empty_like(parameter).copy_(gradient)


class _Group:
    """Parameters that share a step size, and what Adam remembers of them."""

    def __init__(self, parameters: list[torch.Tensor], share: float) -> None:
        self.parameters, self.share = parameters, share
        self._mean = [torch.zeros_like(p) for p in parameters]
        self._square = [torch.zeros_like(p) for p in parameters]
        self._count = [torch.zeros((), device=p.device) for p in parameters]

    @property
    def remembered(self) -> list[torch.Tensor]:
        return [*self._mean, *self._square, *self._count]

    @torch.no_grad()
    def shrink(self, factor: float) -> None:
        for parameter in self.parameters:
            parameter.mul_(factor)

    @torch.no_grad()
    def move(self, gradients: list[torch.Tensor], rate: float, betas: tuple[float, float]) -> None:
        adam(
            params=self.parameters,
            grads=gradients,
            exp_avgs=self._mean,
            exp_avg_sqs=self._square,
            max_exp_avg_sqs=[],
            state_steps=self._count,
            fused=True,
            amsgrad=False,
            beta1=betas[0],
            beta2=betas[1],
            lr=rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )


def warm_cosine(step: int, steps: int, warm: int = 8) -> float:
    """Share of the full rate at `step` of `steps`: a linear start over `warm` steps, then a cosine down to 2 %."""
    return min(1.0, (step + 1) / warm) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))

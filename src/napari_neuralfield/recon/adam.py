"""Adam with warm-up and cosine decay.

torch's own arithmetic through its functional form: building a `torch.optim.Adam` imports torch's compiler, which
costs more than a second before the first step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch.optim.adam import adam


class Adam:
    """D. P. Kingma, J. Ba, arXiv:1412.6980.

    Parameters
    ----------
    rate : step size; `rate_at` changes it from step to step.
    """

    def __init__(
        self, parameters: Iterable[torch.Tensor], rate: float, betas: tuple[float, float] = (0.9, 0.999)
    ) -> None:
        self.parameters = [p for p in parameters if p.requires_grad]
        self.rate, self.betas = rate, betas
        self._mean = [torch.zeros_like(p) for p in self.parameters]
        self._square = [torch.zeros_like(p) for p in self.parameters]
        self._count = [torch.zeros((), device=p.device) for p in self.parameters]

    def step(self, loss: torch.Tensor, rate: float | None = None) -> None:
        """Differentiate `loss` and move the parameters once."""
        gradients = torch.autograd.grad(loss, self.parameters)
        with torch.no_grad():
            adam(
                self.parameters,
                list(gradients),
                self._mean,
                self._square,
                [],
                self._count,
                fused=True,
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=self.rate if rate is None else rate,
                weight_decay=0.0,
                eps=1e-8,
                maximize=False,
            )


def warm_cosine(step: int, steps: int, warm: int = 8) -> float:
    """Share of the full rate at `step` of `steps`: a linear start, then a cosine down to 2 %."""
    return min(1.0, (step + 1) / warm) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))

"""From features to a complex value: linear, split ReLU, or the phasor network of the residual field's paper.

Each head takes features (feature, pixel) and gives real and imaginary part (2, pixel); it begins at 0, or so near to it
that the first step decides.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn

from .activations import ComplexHead
from .phasor import FACTOR, Saving, phasor, pieces, product

Head = Literal["linear", "relu", "phasor", "tanh", "crelu", "zrelu", "modulus-relu", "modrelu"]


class Linear(nn.Module):
    """Weights times features."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, channels))

    def start(self, generator: torch.Generator) -> None:
        nn.init.zeros_(self.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight @ x


class Relu(nn.Module):
    """One hidden layer of real neurons, whose ReLU acts on real and imaginary parts by themselves."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.zeros(hidden, channels))
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.last = nn.Parameter(torch.zeros(2, hidden))

    def start(self, generator: torch.Generator) -> None:
        bound = 1 / math.sqrt(self.first.shape[1])
        nn.init.uniform_(self.first, -bound, bound, generator)
        nn.init.uniform_(self.bias, -bound, bound, generator)
        nn.init.zeros_(self.last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Relu.apply(x, self.first, self.bias, self.last)


class _Relu(torch.autograd.Function):
    """last relu(first x + bias), piece by piece; the hidden layer is computed again for its gradient."""

    @staticmethod
    def forward(
        ctx: Saving, x: torch.Tensor, first: torch.Tensor, bias: torch.Tensor, last: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(x, first, bias, last)
        out = x.new_empty(2, x.shape[1])
        for part in pieces(x):
            hidden = product(first, x[:, part].contiguous()).add_(bias[:, None]).relu_()
            out[:, part] = product(last, hidden)
        return out

    @staticmethod
    def backward(ctx: Saving, gradient: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x, first, bias, last = ctx.saved_tensors
        dx = torch.empty_like(x)
        dfirst, dbias, dlast = torch.zeros_like(first), torch.zeros_like(bias), torch.zeros_like(last)
        for part in pieces(x):
            here, given = x[:, part].contiguous(), gradient[:, part].contiguous()
            hidden = product(first, here).add_(bias[:, None]).relu_()
            dlast += product(given, hidden.T)
            back = product(last.T, given).mul_(hidden > 0)
            dbias += back.sum(1)
            dfirst += product(back, here.T)
            dx[:, part] = product(first.T, back)
        return dx, dfirst, dbias, dlast


class Phasor(nn.Module):
    """factor * (b . exp(i (A exp(i w (V x + c)) + d))): w learnable on the first layer, 1 in the hidden one; V, c real.

    Parameters
    ----------
    frequency : w of the first neuron and of the last at first, evenly spaced between.
    """

    def __init__(self, channels: int, hidden: int, frequency: tuple[float, float]) -> None:
        super().__init__()
        self._range = frequency
        self.first = nn.Parameter(torch.zeros(hidden, channels))
        self.first_bias = nn.Parameter(torch.zeros(hidden))
        self.frequency = nn.Parameter(torch.linspace(*frequency, hidden))
        self.second = nn.Parameter(torch.zeros(hidden, hidden, 2))  # the last axis: real, imaginary
        self.second_bias = nn.Parameter(torch.zeros(hidden, 2))
        self.last = nn.Parameter(torch.zeros(1, hidden, 2))
        self.factor = nn.Parameter(torch.tensor(FACTOR))

    @torch.no_grad()
    def start(self, generator: torch.Generator) -> None:
        hidden, channels = self.first.shape
        for numbers in (self.first, self.first_bias):
            numbers.uniform_(-1 / math.sqrt(channels), 1 / math.sqrt(channels), generator=generator)
        for numbers in (self.second, self.second_bias, self.last):
            numbers.uniform_(-1 / math.sqrt(hidden), 1 / math.sqrt(hidden), generator=generator)
        self.frequency.copy_(torch.linspace(*self._range, hidden))
        self.factor.fill_(FACTOR)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        second, bias, last = (torch.view_as_complex(part) for part in (self.second, self.second_bias, self.last))
        theta = self.frequency * self.first_bias
        second = second * torch.complex(torch.cos(theta), torch.sin(theta))
        last = self.factor * last * torch.exp(1j * bias)
        return phasor(x, self.frequency[:, None] * self.first, second, last)


def head_of(
    kind: Head, channels: int, hidden: int, frequency: tuple[float, float], complex_first: bool = False
) -> Linear | Relu | Phasor | ComplexHead:
    """The head called `kind`, for features of `channels`.

    Parameters
    ----------
    hidden : neurons of the hidden layer; not used by a linear head.
    frequency : w of a complex head's first layer, lowest and highest at first.
    complex_first : whether that layer's weights are complex.
    """
    if kind == "linear":
        return Linear(channels)
    if kind == "relu":
        return Relu(channels, hidden)
    if kind == "phasor" and not complex_first:
        return Phasor(channels, hidden, frequency)
    return ComplexHead(channels, hidden, frequency, activation=kind, complex_first=complex_first)

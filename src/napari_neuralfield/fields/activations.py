"""Complex networks with other activations than the phasor's on purely real features: what its paper compares.

value = factor * (b . act(A act(w (V x + c)) + d)), all complex. `tanh` and `crelu` act on real and imaginary part by
themselves (complex tanh has poles), `zrelu` keeps the first quadrant, `modulus-relu` takes a fixed offset off the
modulus and `modrelu` a learnt one of each neuron (M. Arjovsky, A. Shah, Y. Bengio, ICML (2016)).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from .phasor import FACTOR

LARGEST = 20.0  # exponent of a phasor; beyond, a step too far would end in infinities
OFFSET = 0.1  # off the modulus, in `modulus-relu`
Act = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # values (neuron, pixel), offset (neuron, 1)


def _shrunk(z: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """`z` (neuron, pixel), `offset` (neuron, 1) taken off its modulus; 0 where nothing is left."""
    modulus = torch.sqrt(z.real**2 + z.imag**2 + 1e-12)
    return z * (torch.relu(modulus - offset) / modulus)


ACTIVATIONS: dict[str, Act] = {
    "phasor": lambda z, _: torch.exp(torch.complex(-z.imag.clamp(min=-LARGEST), z.real)),
    "tanh": lambda z, _: torch.complex(torch.tanh(z.real), torch.tanh(z.imag)),
    "crelu": lambda z, _: torch.complex(torch.relu(z.real), torch.relu(z.imag)),
    "zrelu": lambda z, _: z * ((z.real > 0) & (z.imag > 0)),
    "modulus-relu": lambda z, _: _shrunk(z, torch.full_like(z.real[:, :1], OFFSET)),
    "modrelu": _shrunk,
}


class ComplexHead(nn.Module):
    """A complex network with one hidden layer.

    Parameters
    ----------
    channels, hidden : features of a pixel, and neurons of each layer.
    frequency : w of the first neuron and of the last at first, evenly spaced; one learnt w for all where they agree.
    activation : of ACTIVATIONS.
    complex_first : the first layer's weights are complex; else real.
    """

    def __init__(
        self, channels: int, hidden: int, frequency: tuple[float, float], *, activation: str, complex_first: bool
    ) -> None:
        super().__init__()
        self._act, self._range, self._complex = ACTIVATIONS[activation], frequency, complex_first
        parts = 2 if complex_first else 1
        self.first = nn.Parameter(torch.zeros(hidden, channels, parts))
        self.first_bias = nn.Parameter(torch.zeros(hidden, 1, parts))
        self.frequency = nn.Parameter(self._frequency())
        self.second = nn.Parameter(torch.zeros(hidden, hidden, 2))
        self.second_bias = nn.Parameter(torch.zeros(hidden, 1, 2))
        self.last = nn.Parameter(torch.zeros(1, hidden, 2))
        self.offsets = nn.Parameter(torch.zeros(2, hidden, 1)) if activation == "modrelu" else None
        self.factor = nn.Parameter(torch.tensor(FACTOR))

    def _frequency(self) -> torch.Tensor:
        low, high = self._range
        return torch.tensor([[low]]) if low == high else torch.linspace(low, high, len(self.first))[:, None]

    @torch.no_grad()
    def start(self, generator: torch.Generator) -> None:
        hidden, channels = self.first.shape[:2]
        for bound, layer in ((channels, (self.first, self.first_bias)), (hidden, (self.second, self.second_bias))):
            for numbers in layer:
                numbers.uniform_(-1 / math.sqrt(bound), 1 / math.sqrt(bound), generator=generator)
        self.last.uniform_(-1 / math.sqrt(hidden), 1 / math.sqrt(hidden), generator=generator)
        self.frequency.copy_(self._frequency())
        self.factor.fill_(FACTOR)
        if self.offsets is not None:
            self.offsets.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = [self.first[..., part] @ x + self.first_bias[..., part] for part in range(self.first.shape[-1])]
        z = torch.complex(first[0], first[1] if self._complex else torch.zeros_like(first[0])) * self.frequency
        second, bias, last = (torch.view_as_complex(part) for part in (self.second, self.second_bias, self.last))
        none = torch.zeros_like(z.real[:, :1])
        one, two = (none, none) if self.offsets is None else self.offsets
        out = (last @ self._act(second @ self._act(z, one) + bias, two))[0] * self.factor
        return torch.stack([out.real, out.imag])

"""A residual neural field as its paper writes it, in torch alone: what a careful person would port in an afternoon.

Hash pyramid of 16 levels with 2 features (T. Mueller et al., ACM Trans. Graph. 41, 102 (2022)): the four corners around
each pixel are looked up anew in every step, then a complex MLP whose activation is exp(i w z), first layer real, one
hidden layer of 64 complex neurons, one complex output times a factor that starts at 1e-8, added to a flat prior. All
parameters complex64 where the paper's are complex, gradients by autograd, torch's AdamW. Coded ptychography of one
frame or a batch is the forward model. It shares no code with the package.
"""

from __future__ import annotations

import math

import torch
from torch import nn

PRIME = 2654435761


class HashPyramid(nn.Module):
    """Features (pixel, level * 2) of points (pixel, 2) in 0..1; a level that fits is dense, the others are hashed."""

    def __init__(
        self, levels: int = 16, features: int = 2, table_size: int = 2**19, base: int = 16, scale: float = 1.5
    ):
        super().__init__()
        self.table_size = table_size
        self.cells = [int(base * scale**level) for level in range(levels)]
        sizes = [min((n + 1) ** 2, table_size) for n in self.cells]
        self.tables = nn.ModuleList([nn.Embedding(size, features) for size in sizes])
        for table in self.tables:
            nn.init.uniform_(table.weight, -1e-4, 1e-4)

    def index(self, y: torch.Tensor, x: torch.Tensor, cells: int) -> torch.Tensor:
        if (cells + 1) ** 2 <= self.table_size:
            return y * (cells + 1) + x
        return ((y * PRIME) ^ x) % self.table_size

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        found = []
        for cells, table in zip(self.cells, self.tables, strict=True):
            place = points * cells
            low = place.floor()
            part = place - low
            y, x = low.long().unbind(-1)
            py, px = part[:, :1], part[:, 1:]
            found.append(
                table(self.index(y, x, cells)) * (1 - py) * (1 - px)
                + table(self.index(y, x + 1, cells)) * (1 - py) * px
                + table(self.index(y + 1, x, cells)) * py * (1 - px)
                + table(self.index(y + 1, x + 1, cells)) * py * px
            )
        return torch.cat(found, dim=-1)


class Phasor(nn.Module):
    """exp(i w z) of a linear layer, its frequencies w learnable."""

    def __init__(self, inputs: int, outputs: int, low: float, high: float, dtype: torch.dtype):
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(outputs, dtype=dtype))
        self.frequency = nn.Parameter(torch.linspace(low, high, outputs), requires_grad=high > low)
        with torch.no_grad():
            for number in (self.weight, self.bias):
                (torch.view_as_real(number) if number.is_complex() else number).uniform_(-bound, bound)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.exp(1j * self.frequency * (x @ self.weight.T + self.bias))


class PlainResidual(nn.Module):
    """The object on a grid: 1 + k * network(points)."""

    def __init__(self, shape: tuple[int, int], hidden: int = 64):
        super().__init__()
        self.shape = shape
        y, x = (torch.arange(n) / n for n in shape)
        self.points = torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1).reshape(-1, 2)
        self.pyramid = HashPyramid()
        self.first = Phasor(2 * len(self.pyramid.cells), hidden, 1.0, 20.0, torch.float32)
        self.second = Phasor(hidden, hidden, 1.0, 1.0, torch.complex64)
        self.last = nn.Parameter(torch.empty(1, hidden, dtype=torch.complex64))
        torch.view_as_real(self.last.data).uniform_(-1 / math.sqrt(hidden), 1 / math.sqrt(hidden))
        self.factor = nn.Parameter(torch.tensor(1e-8))

    def forward(self) -> torch.Tensor:
        neurons = self.second(self.first(self.pyramid(self.points)))
        return 1 + self.factor * (neurons @ self.last.T).reshape(self.shape)


def frame(field: torch.Tensor, surface: torch.Tensor, kernel: torch.Tensor, shift: torch.Tensor, binning: int):
    """Counts (frame, y, x) of coded frames that see the field (y, x) moved by `shift` (frame, 2) pixels."""
    fy = torch.fft.fftfreq(field.shape[0])[:, None]
    fx = torch.fft.fftfreq(field.shape[1])[None, :]
    ramp = torch.exp(-2j * math.pi * (shift[:, 0, None, None] * fy + shift[:, 1, None, None] * fx))
    window = torch.fft.ifft2(torch.fft.fft2(field) * ramp)
    wave = torch.fft.ifft2(torch.fft.fft2(window * surface) * kernel)
    intensity = wave.real**2 + wave.imag**2
    frames, rows, columns = intensity.shape
    return intensity.reshape(frames, rows // binning, binning, columns // binning, binning).mean(dim=(2, 4))


def haar(image: torch.Tensor, levels: int = 3) -> torch.Tensor:
    """Sum of |detail| over the levels of an orthonormal Haar transform of a complex image (y, x)."""
    total = torch.zeros(())
    for _ in range(levels):
        a, b, c, d = image[::2, ::2], image[::2, 1::2], image[1::2, ::2], image[1::2, 1::2]
        for detail in (a - b + c - d, a + b - c - d, a - b - c + d):
            total = total + torch.sqrt(detail.real**2 + detail.imag**2 + 1e-12).sum() / 2
        image = (a + b + c + d) / 2
    return total


def step(model: PlainResidual, optimizer: torch.optim.Optimizer, amplitude: torch.Tensor, *optics) -> float:
    """One optimizer step on measured amplitudes (frame, y, x); `optics` as `frame` takes them after the field."""
    optimizer.zero_grad()
    field = model()
    predicted = torch.sqrt(frame(field, *optics) + 1e-12)
    loss = nn.functional.smooth_l1_loss(predicted, amplitude) + 0.1 * haar(field) / field.numel()
    loss.backward()
    optimizer.step()
    return loss.item()


def adamw(model: PlainResidual) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-5)

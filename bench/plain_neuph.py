"""The published local conditional decoder, written as its paper and its public code describe it: query by query.

Latents are unfolded to their 3 x 3 neighbourhoods, queries are answered in batches, each by the four latents around
it found by nearest-neighbour sampling of coordinates shifted by half a pixel, the answers weighted by area. It is the
yardstick of `neuph_speed` and of the tests: same numbers, none of the shortcuts.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from napari_neuralfield.networks.encoder import LocalConditionalNetwork

QUERIES = 30_000  # per batch, as published


def latents(network: LocalConditionalNetwork, images: torch.Tensor) -> torch.Tensor:
    """All encoders' latents (1, channel, y, x)."""
    return torch.cat([e(images[:, list(g)]) for e, g in zip(network.encoders, network.groups, strict=True)], dim=1)


def query(
    network: LocalConditionalNetwork, latent: torch.Tensor, y: torch.Tensor, x: torch.Tensor, cell: float
) -> torch.Tensor:
    """Answers (point, output) at points in pixels; 0 is the centre of the first."""
    unfolded = functional.unfold(latent, 3, padding=1).view(1, -1, *latent.shape[2:])
    sizes = torch.tensor(latent.shape[2:], dtype=torch.float32)
    place = torch.stack([y, x], dim=-1)
    first = network.first.weight.flatten(1)  # (width, channel * 3 * 3)
    answers, areas = [], []
    for dy in (-0.5, 0.5):
        for dx in (-0.5, 0.5):
            shifted = place + torch.tensor([dy, dx])
            # [-1, 1] runs from the outer edge of the first pixel to that of the last
            inside = torch.maximum((2 * shifted + 1) / sizes - 1, -1 + 1e-6 + 0 * shifted).clamp(max=1 - 1e-6)
            at = inside.flip(-1)[None, None]
            features = functional.grid_sample(unfolded, at, mode="nearest", align_corners=False)[0, :, 0].T
            index = torch.round(((inside + 1) * sizes - 1) / 2)
            away = 2 * (place - index)
            cells = torch.full_like(away, 2 * cell)
            given = torch.cat([features, away, cells][: 3 if network.sizes["cell"] else 2], dim=-1)
            weight = torch.cat([first, network.place.weight], dim=1)
            hidden = functional.relu(functional.linear(given, weight, network.first.bias))
            for layer in network.hidden:
                hidden = functional.relu(layer(hidden))
            answers.append(network.last(hidden))
            areas.append((away[:, 0] * away[:, 1]).abs() + 1e-9)
    total = sum(areas)
    opposite = areas[::-1]
    return sum(a * (w / total)[:, None] for a, w in zip(answers, opposite, strict=True))


def grid_axis(pixels: int, upsampling: int) -> torch.Tensor:
    """Centres of the fine pixels that share the area of `pixels` coarse ones, in coarse pixels."""
    return (torch.arange(pixels * upsampling, dtype=torch.float32) + 0.5) / upsampling - 0.5


@torch.no_grad()
def render(network: LocalConditionalNetwork, images: torch.Tensor, upsampling: int) -> torch.Tensor:
    """Answers (output, Y, X) on a grid `upsampling` x finer than the images (1, channel, y, x)."""
    latent = latents(network, images)
    rows, columns = (n * upsampling for n in images.shape[2:])
    axes = torch.meshgrid(grid_axis(images.shape[2], upsampling), grid_axis(images.shape[3], upsampling), indexing="ij")
    y, x = (a.flatten() for a in axes)
    parts = [query(network, latent, a, b, 1 / upsampling)
             for a, b in zip(y.split(QUERIES), x.split(QUERIES), strict=True)]  # fmt: skip
    return torch.cat(parts).T.reshape(-1, rows, columns)

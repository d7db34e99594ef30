"""The proximal step of total variation: what it must leave alone, and its optimality."""

from __future__ import annotations

import torch

from napari_neuralfield.recon.sparsity import total_variation
from napari_neuralfield.recon.total_variation import fewer_edges


def test_a_flat_image_and_no_weight_change_nothing() -> None:
    flat = torch.full((8, 8), 2 - 1j, dtype=torch.complex64)
    torch.testing.assert_close(fewer_edges(flat, 0.3)[0], flat)
    noise = torch.randn(8, 8, dtype=torch.complex64)
    assert fewer_edges(noise, 0.0)[0] is noise


def test_the_mean_stays_and_the_edges_go() -> None:
    torch.manual_seed(0)
    noise = torch.randn(16, 16, dtype=torch.complex64)
    found, _ = fewer_edges(noise, 5.0, 400)
    torch.testing.assert_close(found, noise.mean().expand(16, 16), atol=5e-3, rtol=0)


def test_no_neighbour_is_better() -> None:
    torch.manual_seed(1)
    image, weight = torch.randn(12, 12, dtype=torch.complex64), 0.2
    found, dual = fewer_edges(image, weight, 300)

    def cost(x: torch.Tensor) -> float:
        return float((x - image).abs().square().sum() / 2 + weight * total_variation(x))

    best = cost(found)
    for _ in range(20):
        assert cost(found + 0.02 * torch.randn(12, 12, dtype=torch.complex64)) > best - 1e-4
    warm, _ = fewer_edges(image, weight, 2, dual)
    torch.testing.assert_close(warm, found, atol=1e-3, rtol=0)

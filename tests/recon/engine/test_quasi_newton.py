"""L-BFGS against a closed form, and where no step is downhill."""

from __future__ import annotations

import torch

from napari_neuralfield.recon.engine.quasi_newton import descend


def test_a_badly_scaled_parabola_ends_at_its_middle() -> None:
    middle, stiff = torch.tensor([3.0, -1.0, 2.0, 0.5]), torch.tensor([1.0, 10.0, 300.0, 3000.0])
    parts = [torch.zeros(3, requires_grad=True), torch.zeros(1, requires_grad=True)]

    def objective() -> float:
        for part in parts:
            part.grad = None
        loss = (stiff * (torch.cat(parts) - middle) ** 2).sum()
        loss.backward()
        return float(loss.detach())

    values = list(descend(parts, objective, 40))
    assert values == sorted(values, reverse=True)
    assert torch.allclose(torch.cat(parts), middle, atol=1e-3)


def test_at_the_lowest_point_nothing_moves() -> None:
    place = torch.zeros(2, requires_grad=True)

    def objective() -> float:
        place.grad = None
        loss = place.square().sum()
        loss.backward()
        return float(loss.detach())

    assert not list(descend([place], objective, 5))
    assert not place.any()

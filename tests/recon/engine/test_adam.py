"""Parameters that keep a step size of their own beside a field's."""

from __future__ import annotations

import torch

from napari_neuralfield.recon.engine.adam import Adam

BETAS = (0.8, 0.95)


def start(size: int, seed: int) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def loss(field: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
    return (field**4).sum() + sum((number * other - 1).square().sum() for number, other in enumerate(others, 2))


def test_others_take_torchs_steps_at_their_own_rate() -> None:
    ours = [start(7, 0), start(3, 1), start(2, 2)]
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in ours]
    optimizer = Adam(ours[:1], 0.1, BETAS, others=[(ours[1], 0.02), (ours[2], 3.0)])
    groups = [{"params": [p], "lr": rate} for p, rate in zip(theirs, (0.1, 0.02, 3.0), strict=True)]
    reference = torch.optim.Adam(groups, betas=BETAS)
    for number in range(6):
        share = 1 - 0.1 * number  # a schedule keeps their proportion
        optimizer.step(loss(*ours), 0.1 * share)
        for group, rate in zip(reference.param_groups, (0.1, 0.02, 3.0), strict=True):
            group["lr"] = rate * share
        reference.zero_grad()
        loss(*theirs).backward()
        reference.step()
    for mine, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.detach(), wanted.detach())


def test_others_wait_while_the_field_moves() -> None:
    field, alone, other = start(5, 0), start(5, 0), start(4, 1)
    with_others, without = Adam([field], 0.1, BETAS, others=[(other, 0.5)]), Adam([alone], 0.1, BETAS)
    before = other.detach().clone()
    for _ in range(4):
        with_others.step(loss(field, other), others=0.0)
        without.step(loss(alone))
    assert torch.equal(other, before)
    torch.testing.assert_close(field.detach(), alone.detach())
    with_others.step(loss(field, other), others=0.5)
    moved = (other - before).detach().abs()
    assert float(moved.min()) > 0
    assert float(moved.max()) < 0.26  # half of their step


def test_parameters_that_are_frozen_stay() -> None:
    field, frozen = start(3, 0), torch.ones(2)
    Adam([field, frozen], 0.1).step((field**2).sum() + frozen.sum())
    assert torch.equal(frozen, torch.ones(2))


def test_gradients_may_lie_in_memory_in_any_order() -> None:
    """A field that reads its parameters transposed has transposed gradients; the fused step looks at no strides."""
    ours = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    theirs = torch.nn.Parameter(ours.detach().clone())
    weight = torch.arange(12.0).reshape(3, 4)
    optimizer, reference = Adam([ours], 0.1, BETAS), torch.optim.Adam([theirs], 0.1, BETAS)
    for _ in range(3):
        optimizer.step((weight * ours.T - 1).square().sum())
        reference.zero_grad()
        (weight * theirs.T - 1).square().sum().backward()
        reference.step()
    torch.testing.assert_close(ours.detach(), theirs.detach())

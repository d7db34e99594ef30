"""The local conditional network against its plain, query-by-query form; how far its answers reach."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from bench import plain_neuph

from napari_neuralfield.networks import encoder
from napari_neuralfield.networks.encoder import LocalConditionalNetwork, neighbours

ROWS, COLUMNS = 7, 9
SHAPES: list[dict[str, Any]] = [
    {},
    {"unfold": False},
    {"cell": False},
    {"outputs": 2},
    {"dilations": (1, 2), "depth": 1},
    {"groups": ((0, 1, 2, 3, 4, 5),)},
]


def network(**sizes: Any) -> LocalConditionalNetwork:
    """A tiny network of random numbers, three encoders where not told otherwise."""
    torch.manual_seed(0)
    made = LocalConditionalNetwork(**{"channels": 3, "blocks": 2, "width": 8, "depth": 3} | sizes)
    return made.eval().requires_grad_(False)


def images(rows: int = ROWS, columns: int = COLUMNS) -> torch.Tensor:
    return torch.randn(1, 6, rows, columns, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("sizes", [s for s in SHAPES if s.get("unfold", True)])
def test_the_plain_form_gives_the_same(sizes: dict[str, Any]) -> None:
    made = network(**sizes)
    plain = plain_neuph.render(made, images(), 4)
    y, x = (plain_neuph.grid_axis(n, 4) for n in (ROWS, COLUMNS))
    found = made.on_grid(made.encode(images()), y, x, 1 / 4)[0]
    assert found.shape == plain.shape
    assert (found - plain).abs().max() < 1e-6 * max(1.0, float(plain.abs().max()))
    assert plain.std() > 1e-3


@pytest.mark.parametrize("sizes", [*SHAPES, {"ensemble": False}, {"decoder": "convolution", "outputs": 2}])
def test_points_are_where_the_grid_is(sizes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made = network(**sizes)
    encoded = made.encode(images())
    y, x = torch.linspace(-0.7, ROWS - 0.3, 11), torch.linspace(-0.7, COLUMNS - 0.3, 13)
    grid = made.on_grid(encoded, y, x, 1 / 6)
    points = made.at_points(encoded, y.repeat_interleave(13), x.repeat(11), 1 / 6)
    assert (grid.flatten(2) - points).abs().max() < 1e-6
    monkeypatch.setattr(encoder, "BAND_VALUES", 1)  # row by row
    assert (made.on_grid(encoded, y, x, 1 / 6) - grid).abs().max() < 1e-6


def test_answers_with_gradients_are_the_same() -> None:
    made = network().requires_grad_(True)
    y, x = torch.linspace(0, ROWS - 1, 8), torch.linspace(0, COLUMNS - 1, 5)
    with torch.no_grad():
        expected = made.on_grid(made.encode(images()), y, x)
    found = made.on_grid(made.encode(images()), y, x)
    assert (found - expected).abs().max() < 1e-6
    found.square().sum().backward()
    assert all(value.grad is not None and value.grad.abs().max() > 0 for value in made.parameters())


def test_the_answer_has_no_steps_between_pixels() -> None:
    made = network()
    encoded = made.encode(images())
    x = torch.tensor([3 - 1e-5, 3 + 1e-5])
    for y in (torch.tensor([2.0]), torch.tensor([2.4])):
        before, after = made.on_grid(encoded, y, x)[0, 0, 0]
        assert abs(float(before - after)) < 1e-4
    nearest = network(ensemble=False)
    before, after = nearest.on_grid(encoded, torch.tensor([2.4]), torch.tensor([3.5 - 1e-5, 3.5 + 1e-5]))[0, 0, 0]
    assert abs(float(before - after)) > 1e-3


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"unfold": False},
        {"dilations": (1, 2, 3), "blocks": 3},
        {"decoder": "convolution"},
        {"decoder": "convolution", "unfold": False},
    ],
)
def test_the_margin_is_as_far_as_an_answer_sees(sizes: dict[str, Any]) -> None:
    """Of a point between two pixels, that many of the pixels before it and as many behind it."""
    made = network(groups=((0,),), **sizes).double()
    middle = made.margin + 2
    given = torch.randn(1, 1, 2 * middle, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    y = middle + torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)

    def answer(changed: int | None = None) -> torch.Tensor:
        other = given.clone()
        if changed is not None:
            other[:, :, changed] += 1e3
        return made.on_grid(made.encode(other), y, torch.ones(1, dtype=torch.float64))

    for last, beyond in ((middle + 1 - made.margin, -1), (middle + made.margin, 1)):
        assert (answer(last) - answer()).abs().max() > 1e-9
        assert torch.equal(answer(last + beyond), answer())


def test_neighbours_share_a_place() -> None:
    at = torch.tensor([-0.25, 0.0, 1.25, 3.0, 3.5])
    (low, from_low, share_low), (high, from_high, share_high) = neighbours(at, 4, True)
    assert low.tolist() == [0, 0, 1, 3, 3]
    assert high.tolist() == [0, 1, 2, 3, 3]
    assert torch.equal(low + from_low, at)
    assert torch.equal(high + from_high, at)
    assert torch.equal(share_low + share_high, torch.ones(5))
    ((near, away, share),) = neighbours(at, 4, False)
    assert near.tolist() == [0, 0, 1, 3, 3]
    assert torch.equal(near + away, at)
    assert torch.equal(share, torch.ones(5))

"""Sparsity: closed forms, invariances, finite gradients at 0."""

from __future__ import annotations

import math

import pytest
import torch

from napari_neuralfield.compute import seed
from napari_neuralfield.recon.engine.sparsity import differences, fewer_edges, haar_l1, modulus


def noise(shape: tuple[int, int], number: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.complex128, generator=seed(number))


def haar_matrix(n: int) -> torch.Tensor:
    """One level of the orthonormal Haar transform of an axis: means first, then details."""
    pair = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.complex128) / math.sqrt(2)
    return torch.kron(torch.eye(n // 2, dtype=torch.complex128), pair)[[*range(0, n, 2), *range(1, n, 2)]]


def test_details_are_those_of_the_orthonormal_transform() -> None:
    image, expected = noise((8, 12)), 0.0
    part = image
    for _ in range(2):
        rows, columns = part.shape
        whole = haar_matrix(rows) @ part @ haar_matrix(columns).T
        part = whole[: rows // 2, : columns // 2]
        expected += float(whole.abs().sum() - part.abs().sum())
    assert float(haar_l1(image, 2, shift_invariant=False)) == pytest.approx(expected, abs=1e-3)


def test_an_edge_costs_its_height_where_it_cuts_a_block_and_nothing_on_its_border() -> None:
    image = torch.zeros(8, 8, dtype=torch.complex64)
    image[:, 3:7] = 2j
    assert float(haar_l1(image, 1, shift_invariant=False)) == pytest.approx(
        2 * 4 * 2, abs=1e-3
    )  # two edges, 4 blocks each
    assert float(haar_l1(image.roll(1, 1), 1, shift_invariant=False)) == pytest.approx(0, abs=1e-3)
    found = {round(float(haar_l1(image, 1, generator=seed(k)))) for k in range(12)}
    assert found == {0, 16}


def test_odd_rows_and_tiny_images_are_no_obstacle() -> None:
    assert torch.isfinite(haar_l1(noise((7, 5)), 3))
    assert float(haar_l1(noise((1, 5)), 3)) == 0


def haar(image: torch.Tensor) -> torch.Tensor:
    return haar_l1(image, 2, shift_invariant=False)


def test_it_is_linear_in_contrast_and_blind_to_a_constant_and_a_phase() -> None:
    image = noise((16, 16))
    once = float(haar(image))
    assert float(haar(3j * image + 5)) == pytest.approx(3 * once, rel=1e-4)


def test_gradients_are_right_and_finite_on_a_flat_image() -> None:
    flat = torch.ones(8, 8, dtype=torch.complex64, requires_grad=True)
    (gradient,) = torch.autograd.grad(haar(flat), flat)
    assert torch.equal(gradient, torch.zeros_like(gradient))
    assert torch.autograd.gradcheck(haar, noise((8, 8)).requires_grad_())


def test_modulus_of_real_numbers_is_the_absolute_value() -> None:
    assert modulus(torch.tensor([-3.0, 0.0, 2.0])).tolist() == pytest.approx([3, 0, 2], abs=2e-6)


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
        return float((x - image).abs().square().sum() / 2 + weight * differences(x).abs().square().sum(0).sqrt().sum())

    best = cost(found)
    for _ in range(20):
        assert cost(found + 0.02 * torch.randn(12, 12, dtype=torch.complex64)) > best - 1e-4
    warm, _ = fewer_edges(image, weight, 2, dual)
    torch.testing.assert_close(warm, found, atol=1e-3, rtol=0)

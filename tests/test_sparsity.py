"""Sparsity: closed forms, invariances, finite gradients at 0."""

from __future__ import annotations

import math

import pytest
import torch

from napari_neuralfield.compute import seed
from napari_neuralfield.recon.sparsity import haar_l1, modulus, total_variation


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


def test_total_variation_of_a_square_is_its_border() -> None:
    image = torch.zeros(16, 16, dtype=torch.complex64)
    image[4:10, 5:11] = 3 * complex(math.cos(0.4), math.sin(0.4))
    # four sides of 6 pixels; where lower and right border meet nothing is shared, at the first corner one root of 2
    assert float(total_variation(image)) == pytest.approx(3 * (4 * 6 - 2 + math.sqrt(2)), rel=1e-4)


@pytest.mark.parametrize("measure", [lambda x: haar_l1(x, 2, shift_invariant=False), total_variation])
def test_it_is_linear_in_contrast_and_blind_to_a_constant_and_a_phase(measure) -> None:
    image = noise((16, 16))
    once = float(measure(image))
    assert float(measure(3j * image + 5)) == pytest.approx(3 * once, rel=1e-4)


@pytest.mark.parametrize("measure", [lambda x: haar_l1(x, 2, shift_invariant=False), total_variation])
def test_gradients_are_right_and_finite_on_a_flat_image(measure) -> None:
    flat = torch.ones(8, 8, dtype=torch.complex64, requires_grad=True)
    (gradient,) = torch.autograd.grad(measure(flat), flat)
    assert torch.equal(gradient, torch.zeros_like(gradient))
    assert torch.autograd.gradcheck(measure, noise((8, 8)).requires_grad_())


def test_modulus_of_real_numbers_is_the_absolute_value() -> None:
    assert modulus(torch.tensor([-3.0, 0.0, 2.0])).tolist() == pytest.approx([3, 0, 2], abs=2e-6)

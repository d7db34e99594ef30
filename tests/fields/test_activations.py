"""Complex heads by their activations: closed forms, and gradients that are true."""

from __future__ import annotations

import pytest
import torch

from napari_neuralfield.compute import seed
from napari_neuralfield.fields.activations import ACTIVATIONS, ComplexHead
from napari_neuralfield.fields.heads import head_of

Z = torch.tensor([[3 + 4j], [-1 + 2j], [1 - 2j], [0.03 + 0.04j]])
NONE = torch.zeros(4, 1)


def test_what_is_rectified() -> None:
    assert torch.equal(ACTIVATIONS["crelu"](Z, NONE)[1:3, 0], torch.tensor([2j, 1 + 0j]))
    assert torch.equal(ACTIVATIONS["zrelu"](Z, NONE)[:3, 0], torch.tensor([3 + 4j, 0, 0]))
    assert torch.allclose(ACTIVATIONS["modulus-relu"](Z, NONE)[:, 0], torch.tensor([2.94 + 3.92j, *(
        z * (1 - 0.1 / abs(z)) for z in (-1 + 2j, 1 - 2j)), 0j]))  # fmt: skip
    assert torch.allclose(ACTIVATIONS["modrelu"](Z, NONE + 1)[0], torch.tensor([2.4 + 3.2j]))
    assert torch.allclose(ACTIVATIONS["phasor"](Z, NONE), torch.exp(1j * Z))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients(activation: str) -> None:
    head = ComplexHead(3, 4, (2.0, 2.0), activation=activation, complex_first=True).double()
    head.start(seed(0))
    with torch.no_grad():
        head.factor.fill_(1.0)
    x = torch.randn(3, 5, dtype=torch.float64, generator=seed(1)).requires_grad_()
    assert head.frequency.numel() == 1
    assert torch.autograd.gradcheck(head, x)


def test_a_real_first_layer_is_the_faster_head() -> None:
    fast, slow = (
        head_of("phasor", 3, 4, (1.0, 20.0)),
        ComplexHead(3, 4, (1.0, 20.0), activation="phasor", complex_first=False),
    )
    fast.start(seed(0))
    with torch.no_grad():
        for mine, theirs in ((slow.first[..., 0], fast.first), (slow.first_bias[:, 0, 0], fast.first_bias),
                             (slow.second, fast.second), (slow.second_bias[:, 0], fast.second_bias),
                             (slow.last, fast.last)):  # fmt: skip
            mine.copy_(theirs)
        for head in (fast, slow):
            head.factor.fill_(1.0)
    x = torch.randn(3, 5, generator=seed(1))
    assert torch.allclose(fast(x), slow(x), atol=1e-5)

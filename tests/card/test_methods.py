"""Every method, network and export on a pretended graphics card: it runs there, and answers as the processor does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from card.pretend import CARD, OnCard, PretendedCard, lines
from card.runs import RUNS, Run, difference, image_of
from card.work import WORK

from napari_neuralfield.registry import METHODS, NETWORKS

CLOSE = 1e-6  # relative; nearly all are equal to the last bit
ON_PROCESSOR = ("tie-fft", "tie-dct", "tie-tv")  # one transform of one frame, in NumPy


def test_every_method_and_network_is_run() -> None:
    """Whatever is registered from now on has to be put on the list."""
    there = {(name, kind) for name, entry in METHODS.items() for kind in entry.kinds if name != "toy"}
    run = {(one.method, one.acquisition().kind) for one in RUNS}
    assert there <= run, f"not run on a card: {sorted(there - run)}"
    assert {f"train {name}" for name in NETWORKS} <= set(WORK)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_method_on_the_card(run: Run) -> None:
    expected = run.result("cpu")
    with PretendedCard() as card:
        found = run.result(str(CARD))
        image = image_of(found)
    assert difference(image_of(expected), image) < CLOSE
    assert found.calibration.keys() == expected.calibration.keys()
    assert str(found.verdict) == str(expected.verdict)  # one that fails on the card would be an amber one
    if run.method not in ON_PROCESSOR:
        assert sum(card.done.values()) > 100


@pytest.mark.parametrize("name", WORK)
def test_other_work_on_the_card(name: str, tmp_path: Path) -> None:
    expected = WORK[name]("cpu", tmp_path)
    with PretendedCard() as card:
        found = WORK[name](str(CARD), tmp_path)
    assert difference(expected, found) < CLOSE
    assert sum(card.done.values()) > 100
    if name.startswith("train"):
        learnt = sum(count for (line, _), count in card.left_behind.items() if line.startswith("networks/"))
        assert not learnt, "\n".join(lines(card.left_behind))


# the card itself


def test_the_card_refuses_what_a_real_one_refuses() -> None:
    with PretendedCard():
        here, there = torch.ones(3), torch.ones(3, device=CARD)
        assert there.device == CARD
        assert isinstance(torch.tensor([1.0], device=CARD), OnCard)
        with pytest.raises(RuntimeError, match="expected all tensors on the same device"):
            here + there
        with pytest.raises(RuntimeError, match="for generator but found 'cpu'"):
            torch.rand(3, device=CARD, generator=torch.Generator())
        with pytest.raises(TypeError, match=r"use Tensor\.cpu\(\) first"):
            there.numpy()
        with pytest.raises(RuntimeError, match="the tensor on the processor"):
            here[torch.zeros(1, dtype=torch.long, device=CARD)]
    with PretendedCard(double=False), pytest.raises(TypeError, match="no double precision"):
        torch.ones(3, device=CARD).double()


def test_the_card_counts_what_the_program_waits_for() -> None:
    with PretendedCard() as card:
        values = torch.arange(4.0, device=CARD)
        values[values > 1] = 0.0  # one number behind a mask: nothing to wait for
        (values * 2).requires_grad_().square().sum()
        assert not card.waits
        float(values.sum()), values.cpu(), values[values > 1], values.tolist(), bool(values[0] > 1)
    assert sum(card.waits.values()) == 5
    assert card.done["mul"] == 1


def test_a_gradient_flows_over_the_card() -> None:
    start = torch.ones(2, requires_grad=True)
    with PretendedCard():
        (3 * start.to(CARD)).square().sum().backward()
    assert torch.equal(start.grad, torch.full((2,), 18.0))

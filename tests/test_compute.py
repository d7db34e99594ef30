from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import torch

from napari_neuralfield import compute
from napari_neuralfield.types import InputError


@pytest.mark.parametrize(("chosen", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_the_user_says_otherwise(chosen: str | None, expected: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    if chosen:
        environment["OMP_WAIT_POLICY"] = chosen
    code = "import os, napari_neuralfield; print(os.environ['OMP_WAIT_POLICY'])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == expected


def test_a_device_that_is_not_here_is_named_with_those_that_are() -> None:
    assert compute.device("cpu") == torch.device("cpu")
    assert str(compute.device()) == compute.devices()[0]
    with pytest.raises(InputError, match=r"device 'cuda:99' is not on this machine; choose auto or one of .*cpu"):
        compute.device("cuda:99")


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Pretends that torch finds cards of a kind, some of which cannot do what is needed."""

    def found(kind: str, *why: str) -> None:
        reasons = iter(why)
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device(kind))
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
        monkeypatch.setattr(torch.accelerator, "device_count", lambda: len(why))
        monkeypatch.setattr(compute, "_why_not", lambda name: next(reasons))
        compute.cards.cache_clear()

    yield found
    compute.cards.cache_clear()


def test_cards_of_every_maker_are_offered_where_they_can_do_what_is_needed(cards: Callable[..., None]) -> None:
    cards("xpu", "", "no fp64")
    assert compute.devices() == ["xpu:0", "cpu"]
    assert compute.device("xpu") == torch.device("xpu:0")
    with pytest.raises(
        InputError, match=r"device 'xpu:1' cannot be used \(no fp64\); choose auto or one of xpu:0, cpu"
    ):
        compute.device("xpu:1")
    cards("mps", "the MPS framework doesn't support float64")
    assert compute.devices() == ["cpu"]
    with pytest.raises(InputError, match=r"device 'mps' cannot be used \(the MPS framework doesn't support float64\)"):
        compute.device("mps")
    cards("cuda", "", "")
    assert compute.devices() == ["cuda:0", "cuda:1", "cpu"]
    cards("hpu", "")
    assert compute.devices() == ["cpu"]


def test_what_a_card_is_asked_before_it_is_offered() -> None:
    assert compute._why_not("cpu") == ""
    assert compute._why_not("meta")  # holds no numbers
    assert compute.precise("mps") == torch.float32
    assert compute.precise("cpu") == torch.float64


def test_a_seed_repeats() -> None:
    assert torch.equal(torch.rand(5, generator=compute.seed(3)), torch.rand(5, generator=compute.seed(3)))


def test_one_core_is_left_and_given_back() -> None:
    before = torch.get_num_threads()
    with compute.leave_a_core_to_the_window():
        assert 1 <= torch.get_num_threads() <= max(1, (os.cpu_count() or 2) - 1)
    assert torch.get_num_threads() == before
    assert compute.free_bytes(torch.device("cpu")) > 0


def test_events_made_on_one_thread_leave_the_number_of_threads_alone() -> None:
    before = torch.get_num_threads()
    seen = []
    for inside in compute.on_one_thread(torch.get_num_threads() for _ in range(2)):
        seen.append((inside, torch.get_num_threads()))
    assert seen == [(1, before), (1, before)]
    assert torch.get_num_threads() == before

from __future__ import annotations

import pytest
import torch
from card.pretend import CARD, PretendedCard

from napari_neuralfield.recon.engine import readings
from napari_neuralfield.recon.engine.readings import LateNumbers, squares


def test_numbers_of_the_processor_are_there_at_once() -> None:
    late = LateNumbers()
    assert late.take(torch.tensor(2.0), 0.1) == [[2.0, 0.1]]
    assert late.take(3.0) == [[3.0]]


def test_a_card_is_looked_at_some_times_a_second_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(readings.time, "monotonic", lambda: now)
    with PretendedCard() as card:
        late, found = LateNumbers(every_s=0.25), []
        for step in range(10):
            now = 0.05 * step + 1e-6
            found.append(late.take(torch.tensor(float(step), device=CARD)))
        assert [len(part) for part in found] == [1, 0, 0, 0, 0, 5, 0, 0, 0, 0]
        assert sum(card.waits.values()) == 2
        assert late.take(torch.tensor(10.0, device=CARD), now=True) == [[6.0], [7.0], [8.0], [9.0], [10.0]]


def test_squares_are_those_of_double_precision() -> None:
    norms = [torch.tensor(0.1), torch.tensor(3.0)]
    assert squares(norms) == [float(norms[0]) ** 2, 9.0]
    assert squares([]) == []

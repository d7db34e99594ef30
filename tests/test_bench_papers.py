"""Tables of papers: what is right scores so, whoever answers."""

import pytest
import torch
from bench.papers import srqpi_tables
from bench.srqpi_protocol import recipe_of


def test_the_truth_scores_full_marks_and_nothing_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srqpi_tables, "FIELD", 128)
    solvers = {"truth": lambda phase, case, seed: phase + 1.0, "nothing": lambda phase, case, seed: 0 * phase}
    rows = srqpi_tables.table(solvers, [(4.0, 0.0)], ["z = 4 um"]).splitlines()
    assert rows[2].split("|")[2].strip() == "1.000, 0.000"
    assert rows[3].split("|")[2].strip() != "1.000, 0.000"


def test_frames_through_focus_and_a_tiny_network_are_answered() -> None:
    phase = srqpi_tables.protocol_field(3, 128, srqpi_tables.FINE_UM)
    assert srqpi_tables.by_transport("tie-dct", phase, (4.0, 0.0), 0).shape == phase.shape
    weights = srqpi_tables.shipped("srqpi")
    assert srqpi_tables.by_network(weights, phase, (4.0, 0.0), 0).shape == phase.shape
    assert torch.isfinite(torch.tensor(list(recipe_of((4.0, 4.0), (0.0, 0.0)).values()))).all()

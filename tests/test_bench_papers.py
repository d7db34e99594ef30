"""Tables of papers: what is right scores so, whoever answers."""

import dataclasses

import pytest
import torch
from bench.papers import fpm_inr_tables, neuph_tables, srqpi_tables
from bench.srqpi_protocol import recipe_of

from napari_neuralfield.recon.training.material import every_fifth


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


def test_neuph_groups_are_learnt_as_counted_and_the_truth_scores_full_marks() -> None:
    pairs = neuph_tables.groups(2, 3)
    for count in (1, 9, 16, 18):
        learnt = {f"{n}" for n in range(count)}
        names = [dataclasses.replace(pairs[0], name=f"{n}") for n in range(19)]
        given = neuph_tables.given(names, count)
        assert {pair.name for pair in every_fifth(given)[0]} == learnt
        assert {pair.name for pair in every_fifth(given)[1]} == {"18"}
    truths = {id(pair.acquisition): pair.phase_rad for pair in pairs}
    told = neuph_tables.row(lambda acquisition: truths[id(acquisition)] + 1.0, pairs)
    assert (told["MSE, rad^2"], told["SSIM"], told["background, rad"]) == ("0.0000", "1.000", "0.000")
    assert neuph_tables.by_method("dpc", {}, pairs[0].acquisition).shape == pairs[0].phase_rad.shape


def test_fpm_inr_rows_judge_cells_in_their_own_focus() -> None:
    acquisition, truth = fpm_inr_tables.tilted_slide(3, pixels=24, tilt_um=2.0)
    told = fpm_inr_tables.row("fpm-inr, distilled", fpm_inr_tables.WAYS, acquisition, truth, 2.0)
    assert float(told["error"]) < 0.2
    assert float(told["result, MB"]) > 0

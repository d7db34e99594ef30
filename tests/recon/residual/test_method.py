"""Residual fields fitted to scans: few frames, wrong positions, an unknown probe, the published preset, bad input."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scan_scene
import solved
import torch
from solved import error_of as error

from napari_neuralfield.io import load_result, save_result
from napari_neuralfield.recon.residual.fit import ResidualFit
from napari_neuralfield.recon.residual.recipe import ResidualRecipe, loss_of
from napari_neuralfield.recon.verdict.scan_frames import rebuilt
from napari_neuralfield.simulate.electrons import mos2
from napari_neuralfield.simulate.scans import coded, far_field
from napari_neuralfield.types import Event, InputError, Result

SMALL = {"pixels": 32, "upsampling": 2, "frames": 16, "spread": 12.0}
solve = partial(solved.result_of, method="residual-field")


def test_few_coded_frames_give_the_object_and_a_field_that_can_be_kept(tmp_path: Path) -> None:
    acquisition, truth = coded(0, **SMALL)  # type: ignore[arg-type]
    result = solve(acquisition, epochs=20, finish_epochs=10)
    assert error(result, truth["object"]) < 0.08  # measured 0.045
    assert result.figures["relative_amplitude_error"] < 0.03
    save_result(tmp_path / "x.nfield", result)
    again = load_result(tmp_path / "x.nfield").field
    assert abs(error(result, truth["object"]) - error(Result(again), truth["object"])) < 2e-3


def test_wrong_positions_light_and_distance_are_learnt_alongside() -> None:
    acquisition, truth = coded(1, position_error_px=1.5, gain_spread=0.1, **SMALL)  # type: ignore[arg-type]
    result = solve(acquisition, epochs=40, finish_epochs=0, correct_positions=True, learn_gains=True)
    wrong = (result.calibration["positions_um"] - truth["positions_um"]) / truth["pixel_um"]
    assert np.sqrt(((wrong - wrong.mean(0)) ** 2).sum(1).mean()) < 0.25  # of 1.2
    gains = truth["gains"] / truth["gains"].mean()
    assert np.abs(result.calibration["gains"] / result.calibration["gains"].mean() - gains).max() < 0.03


def test_an_unknown_probe_is_learnt_from_a_classical_start() -> None:
    acquisition, _ = scan_scene.far_field()
    result = solve(acquisition, epochs=4, finish_epochs=2, hold_out=6)
    assert result.figures["held_out_error"] < 0.25  # measured 0.17, of six frames no other frame replaces
    assert result.calibration["probe"].shape == (1, 32, 32)
    problem, state = rebuilt(acquisition, result)  # the field and the probe beside it make the counts
    assert problem.error(state) == pytest.approx(result.figures["relative_amplitude_error"], rel=0.01)


def test_few_counts_are_finished_together(monkeypatch: pytest.MonkeyPatch) -> None:
    began, together = [], ResidualFit.together

    def spied(fit: ResidualFit, light: torch.Tensor) -> Iterator[Event]:
        before = fit.misfit(fit.measurement.train)
        yield from together(fit, light)
        began.append((before, fit.misfit(fit.measurement.train)))

    monkeypatch.setattr(ResidualFit, "together", spied)
    acquisition, _ = far_field(5, pixels=32, spot=18.0, frames=30, counts=5e3, phantom="cells", probe="true")
    options = {"correct_positions": False, "probe_search": False, "modes": 1, "epochs": 6, "finish_epochs": 2}
    solve(acquisition, **options)
    assert began[0][1] < 1.05 * began[0][0]  # edges weigh too
    solve(acquisition, loss="poisson", **options)
    assert len(began) == 1


def test_a_network_that_predicts_worse_leaves_its_prior(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = iter((1.0, 2.0))
    monkeypatch.setattr(ResidualFit, "misfit", lambda *_: next(errors))
    acquisition, _ = coded(0, **SMALL)  # type: ignore[arg-type]
    result = solve(acquisition, hold_out=4, epochs=2, finish_epochs=1)
    assert np.ptp(np.abs(result.field.at_pixels().detach().numpy())) < 1e-3  # flat, as the prior


def test_a_probe_may_be_a_field_too() -> None:
    acquisition, _ = scan_scene.far_field()
    result = solve(acquisition, epochs=3, finish_epochs=0, probe_field=True)
    assert np.isfinite(result.figures["relative_amplitude_error"])


def test_the_published_preset_learns() -> None:
    acquisition, truth = coded(0, **{**SMALL, "pixels": 16, "frames": 8, "spread": 6.0})  # type: ignore[arg-type]
    result = solve(acquisition, preset="published", epochs=3, levels=8, table_log2=10)
    assert error(result, truth["object"]) < 0.5
    assert result.recipe["head"] == "phasor"


def test_the_published_field_of_a_far_field_scan_never_starts_from_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise AssertionError("an engine went over the frames")

    monkeypatch.setattr("napari_neuralfield.recon.residual.method.solve_scan", none)
    acquisition, _ = scan_scene.far_field()
    result = solve(acquisition, preset="published", epochs=1, levels=6, table_log2=10, hidden=8)
    assert np.isfinite(result.figures["relative_amplitude_error"])
    assert loss_of(ResidualRecipe(loss="published"), 4.2e-6) == "smooth-l1"
    assert loss_of(ResidualRecipe(loss="published"), 1.3e-4) == "gradient"


def test_single_electrons_are_compared_by_their_likelihood() -> None:
    """Fitted by roots, the phase of this scan is 0.6 of the true one; by likelihood 0.96."""
    acquisition, truth = mos2(3, pixels=48, scan=8, dose=1e4)
    known = {"probe_search": False, "update_probe": False, "scan_rotation_deg": 0.0, "correct_positions": False}
    result = solve(acquisition, **known, epochs=12, finish_epochs=6)
    y, x = (o + truth["pixel_um"] * np.arange(n) for o, n in zip(truth["origin_um"], truth["seen"].shape, strict=True))
    found, true = result.field.render([0.0], y, x)[0].detach().numpy()[truth["seen"]], truth["object"][truth["seen"]]
    found = found / (found * true.conj()).sum()
    slope = np.polyfit(np.angle(true), np.angle(found), 1)[0]
    assert 0.85 < slope < 1.1
    assert loss_of(ResidualRecipe(), 1.3e-4, few=True) == "amplitude"
    assert loss_of(ResidualRecipe(), 1.3e-4, few=True, known=True) == "poisson"


def test_without_a_prior_the_network_alone_is_the_object() -> None:
    acquisition, truth = coded(0, **SMALL)  # type: ignore[arg-type]
    result = solve(acquisition, prior="none", epochs=20, finish_epochs=0)
    assert float(result.field.prior.abs().max()) == 0
    assert error(result, truth["object"]) < 0.5


def test_a_prior_from_a_file(tmp_path: Path) -> None:
    acquisition, truth = coded(0, **SMALL)  # type: ignore[arg-type]
    np.save(tmp_path / "prior.npy", truth["object"][None])
    result = solve(acquisition, prior="file", prior_file=str(tmp_path / "prior.npy"), epochs=1, finish_epochs=0)
    assert error(result, truth["object"]) < 0.03
    with pytest.raises(InputError, match="prior_file is empty"):
        solve(acquisition, prior="file")
    with pytest.raises(InputError, match=r"nothing\.npy: there is no such file"):
        solve(acquisition, prior="file", prior_file="nothing.npy")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "prior.npy").read_bytes()[:50])
    with pytest.raises(InputError, match=r"cut\.npy: the prior cannot be read"):
        solve(acquisition, prior="file", prior_file=str(tmp_path / "cut.npy"))
    np.save(tmp_path / "small.npy", truth["object"][:9, :9])
    with pytest.raises(InputError, match=r"the prior has shape \(9, 9\)"):
        solve(acquisition, prior="file", prior_file=str(tmp_path / "small.npy"))

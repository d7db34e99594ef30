"""The benchmark: its plain reference is right, and its table says what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from bench import peer_fpm_inr, plain_fpm, table
from bench.cases import Case, jobs, truth_beside

from napari_neuralfield import save_acquisition
from napari_neuralfield.data.simulate import tilted_slide
from napari_neuralfield.recon.metrics import score


def test_plain_reference_finds_the_cells_of_a_tilted_slide() -> None:
    acquisition, truth = tilted_slide(seed=1, pixels=64)
    planes = plain_fpm.reconstruct(acquisition, list(truth["cell_z_um"][:4]), step=0.1)
    pairs = [(p[m], truth["object"][m]) for p, m in zip(planes, truth["cell_masks"][:4], strict=True)]
    assert score(pairs).amplitude_psnr_db > 34.5  # 35.6; 22.6 at the depths of the wrong sign


def test_peer_depths_are_those_of_the_paper() -> None:
    uniform = peer_fpm_inr.depths_of(0, 0.25, (-20.0, 20.0))
    assert np.allclose(np.diff(uniform), 40 / 6)
    random = peer_fpm_inr.depths_of(1, 0.25, (-20.0, 20.0))
    assert len(random) == 3
    assert (random >= -20).all()
    assert (random <= 20).all()


def test_peer_image_of_a_tilted_wave_is_flat_where_the_pupil_passes_it() -> None:
    n = 16
    y = np.arange(2 * n)[:, None] * np.ones(2 * n)
    wave = torch.from_numpy(np.exp(2j * np.pi * 3 * y / (2 * n)))[None]
    kernel = torch.zeros(n, n, dtype=torch.complex128)
    kernel[n // 2, n // 2] = 1
    middle = 2 * n // 2 - n // 2
    seen = peer_fpm_inr.image(wave, (middle + 3, middle), kernel)
    assert torch.allclose(seen, torch.full_like(seen, 4.0))  # the transforms are not normalised
    assert float(peer_fpm_inr.image(wave, (middle - 3, middle), kernel).max()) < 1e-12


def test_every_method_for_a_recording_is_a_job_and_slow_ones_need_a_shared_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(peer_fpm_inr.VARIABLE, raising=False)
    acquisition, _ = tilted_slide(seed=1, pixels=32)
    file = tmp_path / "slide.acq.h5"
    save_acquisition(file, acquisition)
    assert truth_beside(file).name == "slide.truth.h5"
    alone = jobs(Case(file, None, None, None))
    assert {job.method for job in alone} == {"fpm-sequential", "fpm-inr"}
    assert not any(job.slow for job in alone)
    grid = {"score": "field", "shape": [64, 64], "pixel_um": 0.1725, "z_um": [-1.0, 1.0]}
    shared = jobs(Case(file, file, grid, tmp_path / "score.py"))
    assert {job.method for job in shared if job.slow} == {"fpm-per-slice", "fpm-inr"}
    assert {tuple(job.options["z_um"]) for job in shared if job.method != "plain-numpy"} == {(-20.0, 20.0)}


def test_table_shows_figures_gains_and_no_empty_column(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    for method, label, psnr in (("fpm-sequential", "", 38.564), ("plain-numpy", "step 0.1", 37.63)):
        row = {"file": "slide", "method": method, "label": label, "cpu_s": 1.25, "amplitude_psnr_db": psnr}
        (tmp_path / "jobs" / f"{method}.found.json").write_text(json.dumps(row))
    text = table.write(tmp_path)
    assert "| slide | fpm-sequential | default  |  1.25 |   38.56 |" in text
    assert "+0.93" in text
    assert "data misfit" not in text
    assert len(json.loads((tmp_path / "table.json").read_text())["rows"]) == 2

"""The angle of a scan of electrons against its detector."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from napari_neuralfield.recon.scan import scan_rotation
from napari_neuralfield.recon.scan.recipe import ScanRecipe
from napari_neuralfield.recon.scan.scan_rotation import Turn, rotated, turn_of, turned
from napari_neuralfield.simulate.electrons import mos2
from napari_neuralfield.types import Note

RECIPE = ScanRecipe(device="cpu")


@pytest.fixture(autouse=True)
def few_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small scans, on which angles need not be close."""
    monkeypatch.setattr(scan_rotation, "STEP_DEG", 20)
    monkeypatch.setattr(scan_rotation, "FINER_DEG", (6.0, 2.0))
    monkeypatch.setattr(scan_rotation, "MOST", 36)


def answer(stream: Generator[Any, None, Any]) -> tuple[list[str], Any]:
    """What is noted, and what comes of it."""
    notes = []
    while True:
        try:
            event = next(stream)
        except StopIteration as end:
            return notes, end.value
        notes += [event.text] if isinstance(event, Note) else []


@pytest.mark.parametrize("mirrored", [False, True])
def test_rotation_and_mirror_are_found_and_said(mirrored: bool) -> None:
    acquisition, truth = mos2(5, pixels=48, scan=8, dose=1e4, rotation_deg=0 if mirrored else 40)
    if mirrored:
        frames, probe = np.asarray(acquisition.frames), np.asarray(acquisition.probe)
        acquisition = acquisition.replace(
            frames=np.ascontiguousarray(frames.swapaxes(1, 2)), probe=np.ascontiguousarray(probe.swapaxes(1, 2))
        )
    notes, found = answer(turned(acquisition, RECIPE))
    assert "against the detector" in notes[0]
    assert "changes its sign" in notes[0]
    assert ("mirrored" in notes[0]) == mirrored
    true = truth["positions_um"][:, ::-1] if mirrored else truth["positions_um"]
    away = (found.positions_um - found.positions_um.mean(0)) - (true - true.mean(0))
    assert np.abs(away).max() < 1.2 * acquisition.object_pixel_um


def test_a_scan_that_runs_as_said_stays() -> None:
    acquisition, _ = mos2(5, pixels=48, scan=8, dose=4000)
    assert answer(turned(acquisition, RECIPE)) == ([], acquisition)


def test_an_angle_that_is_given_is_taken() -> None:
    acquisition, _ = mos2(5, pixels=48, scan=4)
    given = RECIPE.model_copy(update={"scan_rotation_deg": 90.0})
    _, found = answer(turned(acquisition, given))
    assert np.allclose(found.positions_um, rotated(acquisition, 90.0).positions_um)
    centre, before = found.positions_um - found.positions_um.mean(0), np.asarray(acquisition.positions_um)
    assert np.allclose(centre[1], [-1, 1] * (before[1] - before.mean(0))[::-1])


def test_noise_turns_nothing() -> None:
    acquisition, _ = mos2(5, pixels=32, scan=6, dose=20)
    _, found = answer(turn_of(acquisition, RECIPE))
    assert isinstance(found, Turn)
    assert not found.clear

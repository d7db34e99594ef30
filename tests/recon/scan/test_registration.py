"""Far-field frames placed by what they have in common with their neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.forward.scan_problem import first_state
from napari_neuralfield.recon.scan.recipe import ScanRecipe
from napari_neuralfield.recon.scan.registration import PairedWindows
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.recon.scan.whole_scan import ELSEWHERE
from napari_neuralfield.simulate.scans import far_field


@pytest.mark.parametrize("error_px", [0.0, 5.0, 10.0])
def test_positions_far_off_are_found_or_told(error_px: float) -> None:
    """Texture is everywhere, so that every frame has something in common with its neighbours."""
    acquisition, truth = far_field(
        1, pixels=64, frames=64, overlap=0.75, spot=32, counts=1e5, phantom="texture", probe="true",
        position_error_px=error_px,
    )  # fmt: skip
    problem = problem_of(acquisition, ScanRecipe())
    windows = PairedWindows(problem, first_state(problem, 1).probe)
    found = windows.placed(0)
    better = windows.agreement(found) / windows.agreement(windows.place)
    assert (better > ELSEWHERE) == (error_px > 0)
    away = found - truth["positions_um"] / acquisition.object_pixel_um
    assert np.sqrt(((away - away.mean(0)) ** 2).sum(1).mean()) < 1.3  # px; fractions are found later


def test_frames_that_share_nothing_stay() -> None:
    acquisition, _ = far_field(1, pixels=32, frames=9, overlap=0.3, spot=8, counts=1e4, probe="true")
    problem = problem_of(acquisition.replace(positions_um=10 * acquisition.positions_um), ScanRecipe())
    windows = PairedWindows(problem, first_state(problem, 1).probe)
    assert np.array_equal(windows.placed(0), windows.place)
    assert windows.agreement(windows.place) == 0

"""Positions wrong as a whole, which trials find, and such as no trial finds, which is said."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import Ptychography
from napari_neuralfield.forward.scan_problem import first_state
from napari_neuralfield.recon.scan.recipe import ScanRecipe
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.recon.scan.whole_scan import Places, placed, rows_of
from napari_neuralfield.simulate.scans import far_field
from napari_neuralfield.types import Note

RECIPE = ScanRecipe(device="cpu", probe_search=False, modes=1)


def scan(path: Any, counts: float = 1e5) -> Ptychography:
    return far_field(
        3, pixels=48, frames=49, path=path, spot=24.0, overlap=0.68, counts=counts, phantom="cells", probe="true"
    )[0]


def answer(stream: Generator[Any, None, Any]) -> tuple[str, Any]:
    """What is noted, and what comes of it."""
    notes = ""
    while True:
        try:
            event = next(stream)
        except StopIteration as end:
            return notes, end.value
        if isinstance(event, Note) and not event.text.startswith("the start of the probe"):
            notes += event.text


def away(found: np.ndarray, true: np.ndarray, pixel: float) -> float:
    """Rms distance from the true places but for a common move, px."""
    moves = (found - found.mean(0)) - (true - true.mean(0))
    return float(np.sqrt((moves**2).sum(1).mean())) / pixel


KINDS = {"closer": 0, "turned": 1, "along x over": 3, "every second row": 4}


@pytest.mark.parametrize("wrong", KINDS)
def test_what_is_wrong_as_a_whole_is_found(wrong: str) -> None:
    right = scan("raster" if wrong == "every second row" else "spiral")
    true, pixel = np.asarray(right.positions_um, dtype=float), right.object_pixel_um
    place = true - true.mean(0)
    if wrong == "closer":
        place = 1.25 * place
    elif wrong == "turned":
        place = place @ np.array([[0.99, 0.14], [-0.14, 0.99]])
    elif wrong == "every second row":
        axis, row = rows_of(place) or (0, np.zeros(len(place)))
        place[:, axis] += 3 * pixel * (row % 2)
    else:
        place = place + np.linspace(-0.5, 0.5, len(place))[:, None] * [0.0, 14 * pixel]
    problem = problem_of(right.replace(positions_um=place), RECIPE)
    search = Places(problem, first_state(problem, 1), RECIPE)
    kind = search.kinds[KINDS[wrong]]
    search.kinds = [kind]
    said, sizes = answer(search.run())
    assert not said
    assert wrong in kind.words(sizes[0])
    assert away(search.moved(sizes), true, pixel) < 0.4 * away(place, true, pixel)


def test_what_is_found_is_said_and_taken() -> None:
    right = scan("spiral")
    true = np.asarray(right.positions_um, dtype=float)
    wrong = (true - true.mean(0)) @ np.array([[0.99, 0.14], [-0.14, 0.99]])
    said, (problem, _) = answer(placed(problem_of(right.replace(positions_um=wrong), RECIPE), RECIPE))
    assert "turned by" in said
    assert "--correct-positions no" in said
    assert away(np.asarray(problem.acquisition.positions_um), true, right.object_pixel_um) < 1


@pytest.mark.parametrize("counts", [1e3, 1e5])
def test_right_positions_stay(counts: float) -> None:
    problem = problem_of(scan("raster", counts), RECIPE)
    said, (found, _) = answer(placed(problem, RECIPE))
    assert not said
    assert found is problem


def test_positions_that_are_far_off_one_by_one_are_looked_for() -> None:
    right = scan("spiral")
    rng, true = np.random.default_rng(0), np.asarray(right.positions_um)
    wrong = right.replace(positions_um=true + 5 * right.object_pixel_um * rng.standard_normal(true.shape))
    problem = problem_of(wrong, RECIPE)
    said, (found, _) = answer(placed(problem, RECIPE))
    assert said.startswith("positions are far off: neighbouring frames agree")
    away = np.asarray(found.acquisition.positions_um) - true
    assert np.hypot(*(away - np.median(away, axis=0)).T).mean() < 0.6 * np.hypot(*(wrong.positions_um - true).T).mean()

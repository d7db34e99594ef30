"""A start for far-field scans without a probe: the distance of the focus that explains the frames."""

from __future__ import annotations

import re

import numpy as np
import pytest
from solved import events_of

from napari_neuralfield import build_recipe
from napari_neuralfield.data.acquisition import Ptychography
from napari_neuralfield.recon.scan.probe_search import distances, finalists, flat
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.simulate.scans import far_field
from napari_neuralfield.types import Done, Note, Progress

OPTIONS = {"passes": 20, "correct_positions": False}


def scan(spot: float, **changes: object) -> tuple[Ptychography, dict[str, np.ndarray]]:
    return far_field(2, pixels=48, frames=64, spot=spot, overlap=0.75, counts=1e6, probe="none", **changes)  # type: ignore[arg-type]


def likeness(done: Done, truth: dict[str, np.ndarray]) -> float:
    """|<a, b>| of the object where the scan put light, after a slope of the phase and whole pixels."""
    field, seen, best = done.result.field, truth["seen"], 0.0
    found = field.render([0.0], *field.extent.axes())[0].numpy()
    for move in np.ndindex(3, 3):
        a, b = np.roll(found, np.array(move) - 1, (0, 1)) * seen, truth["object"] * seen
        cross = np.abs(np.fft.fft2(a.conj() * b, [2 * n for n in seen.shape]))
        best = max(best, float(cross.max() / np.linalg.norm(a) / np.linalg.norm(b)))
    return best


@pytest.mark.parametrize("spot", [26.0, -26.0])
def test_a_defocused_probe_is_found_with_its_sign(spot: float) -> None:
    """Its focus lies where the spectrum's phase says; without the search the object is not found."""
    acquisition, truth = scan(spot, stop=0.0)
    *events, done = events_of(acquisition, "rpie", **OPTIONS)
    assert isinstance(done, Done)
    assert likeness(done, truth) > 0.995  # measured: 0.9998
    notes = [e.text for e in events if isinstance(e, Note)]
    assert ("um behind the sample" if spot > 0 else "um before the sample") in notes[0]
    assert "no probe is given: of " in notes[0]
    assert "looking for the probe's focus" in {e.what for e in events if isinstance(e, Progress)}
    *_, without = events_of(acquisition, "rpie", probe_search=False, **OPTIONS)
    assert isinstance(without, Done)
    assert likeness(without, truth) < 0.98  # measured: 0.964
    assert without.result.figures["relative_amplitude_error"] > 0.1  # measured: 0.14, 0.16; with it 0.03


def test_a_described_guess_is_one_start_among_others_and_a_known_probe_stays() -> None:
    acquisition, truth = scan(26.0, stop=0.0)
    disc = np.hypot(*(np.indices((48, 48)) - 24))[None] < 13
    *events, _ = events_of(acquisition.replace(probe=disc), "rpie", **OPTIONS)
    assert any("the given probe has a flat phase" in e.text for e in events if isinstance(e, Note))
    *events, _ = events_of(acquisition.replace(probe=truth["probe"]), "rpie", **OPTIONS)
    assert not [e for e in events if isinstance(e, Note)]
    assert flat(np.ones((1, 4, 4), complex))
    assert not flat(np.full((1, 4, 4), 1 + 1j))
    assert not flat(np.ones((2, 4, 4), complex))


def test_few_counts_do_not_mislead() -> None:
    """700 counts in a frame: any curved probe fits its noise; frames left out tell."""
    acquisition, _ = far_field(
        4, pixels=48, frames=64, spot=-22.0, overlap=0.6, counts=700.0, probe="none", stop=0.45, phantom="texture"
    )
    *events, _ = events_of(acquisition, "rpie", passes=1, correct_positions=False)
    said = next(e.text for e in events if isinstance(e, Note) and "starts tried" in e.text)
    away = re.search(r"focus (\d+) um before the sample", said)
    assert away is not None, said
    assert 2800 < float(away[1]) < 6400  # true: 4300; measured: 3666


@pytest.mark.parametrize("modes", [1, 3])
def test_partly_coherent_light_gets_modes(modes: int) -> None:
    acquisition, _ = scan(-22.0, stop=0.0, modes=modes)
    *events, done = events_of(acquisition, "rpie", passes=4, correct_positions=False)
    assert isinstance(done, Done)
    assert len(done.result.calibration["probe"]) == modes
    assert any("partly coherent" in e.text for e in events if isinstance(e, Note)) == (modes == 3)


def test_finalists_are_valleys() -> None:
    errors = dict(zip(range(7), (3.0, 2.0, 2.5, 1.0, 4.0, 6.0, 5.0), strict=True))
    assert finalists(errors) == [3, 1, 6]


def test_distances_tried() -> None:
    """From hardly out of focus to a spot as wide as the window, both ways, none twice as far as the one before."""
    acquisition, _ = scan(26.0)
    every = distances(problem_of(acquisition, build_recipe("rpie")))
    assert 10 < len(every) < 40
    np.testing.assert_allclose(every, -every[::-1])
    ahead = every[every > 0]
    assert (ahead[1:] / ahead[:-1] if ahead[1] > ahead[0] else ahead[:-1] / ahead[1:]).max() < 1.4

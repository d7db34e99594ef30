"""A start for far-field scans without a probe: the distance of the focus that explains the frames."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from solved import events_of

from napari_neuralfield import build_recipe
from napari_neuralfield.data.acquisition import Ptychography
from napari_neuralfield.forward.scan_problem import first_state
from napari_neuralfield.recon.scan.probe_search import finalists, flat, start_of
from napari_neuralfield.recon.scan.probe_trials import ProbeStart, bent, distances, focus_of, turns
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.simulate.scans import far_field
from napari_neuralfield.types import Done, InputError, Note, Progress

OPTIONS = {"passes": 10, "correct_positions": False}


def scan(spot: float, frames: int = 36, **changes: object) -> tuple[Ptychography, dict[str, np.ndarray]]:
    return far_field(2, pixels=48, frames=frames, spot=spot, overlap=0.75, counts=1e6, probe="none", **changes)  # type: ignore[arg-type]


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
    said = next(text for text in notes if text.startswith("no probe is given: of "))
    assert ("um behind the sample" if spot > 0 else "um before the sample") in said
    assert any(text.startswith("Far field: ") for text in notes)
    assert "looking for the probe" in {e.what for e in events if isinstance(e, Progress)}
    if spot < 0:
        return
    *_, without = events_of(acquisition, "rpie", probe_search=False, **OPTIONS)
    assert isinstance(without, Done)
    assert likeness(without, truth) < 0.98  # measured: 0.964
    assert without.result.figures["relative_amplitude_error"] > 0.1  # measured: 0.14; with it 0.03


def note_of(acquisition: Ptychography) -> Note:
    """What is said of the start, which comes before everything else."""
    recipe = build_recipe("rpie")
    events = start_of(problem_of(acquisition, recipe), recipe)
    return next(e for e in events if isinstance(e, Note) and "given probe" in e.text)


def test_a_known_probe_is_kept_and_a_flat_guess_replaced_both_in_words() -> None:
    acquisition, truth = scan(26.0, stop=0.0)
    disc = np.hypot(*(np.indices((48, 48)) - 24))[None] < 13
    assert "a flat phase) does not fit" in note_of(acquisition.replace(probe=disc)).text
    kept = note_of(acquisition.replace(probe=truth["probe"]))
    assert "is kept" in kept.text
    assert kept.level == "info"
    assert flat(torch.ones(1, 4, 4, dtype=torch.complex64))
    assert not flat(torch.full((1, 4, 4), 1 + 1j))
    assert not flat(torch.ones(2, 4, 4, dtype=torch.complex64))


def test_light_beside_the_middle_of_the_detector_is_found_there() -> None:
    acquisition, truth = scan(26.0, stop=0.0)
    frames = np.roll(np.asarray(acquisition.intensity()), (5, -3), (1, 2))
    moved = acquisition.replace(frames=frames, probe=truth["probe"])
    start = re.search(r"its light moved by \((.*), (.*)\) detector pixels", note_of(moved).text)
    assert start is not None
    assert [float(v) for v in start.groups()] == pytest.approx([5, -3], abs=0.4)
    *_, done = events_of(moved.replace(probe=None), "rpie", **OPTIONS)
    assert likeness(done, truth) > 0.995


@pytest.mark.parametrize("wrong", ["sign", "another day"])
def test_a_wrong_given_probe_is_replaced_with_a_warning(wrong: str) -> None:
    """Its sign turned, the focus lies on the other side; one of another day has nothing to do with the frames."""
    acquisition, truth = scan(26.0, stop=0.0)
    other = np.random.default_rng(0).normal(size=(2, 48, 48)) * truth["probe"]
    probe = truth["probe"].conj() if wrong == "sign" else other[:1] + 1j * other[1:]
    note = note_of(acquisition.replace(probe=probe.astype(np.complex64)))
    assert note.level == "warning"
    assert "does not fit" in note.text
    assert " against " in note.text
    if wrong == "sign":
        assert "1 mode, its focus" in note.text
        assert note.text.index("before the sample") < note.text.index("behind the sample")


def test_options_describe_a_probe() -> None:
    acquisition, _ = scan(26.0, stop=0.0)
    lens = {"probe_semi_angle_mrad": 0.3, "probe_defocus_um": -2000.0}
    problem = problem_of(acquisition, build_recipe("rpie", lens))
    assert problem.acquisition.probe.shape == (1, 48, 48)  # type: ignore[union-attr]
    away = focus_of(first_state(problem).probe, problem)
    assert away == pytest.approx(-2000, rel=0.1)
    with pytest.raises(InputError, match=r"option probe_defocus_um is -2000, but .* is not a far-field scan"):
        problem_of(acquisition.replace(geometry="near_field"), build_recipe("rpie", lens))
    with pytest.raises(InputError, match="seed_probe is no"):
        problem_of(acquisition, build_recipe("rpie", lens | {"seed_probe": False}))


def test_a_start_without_trials_says_why() -> None:
    acquisition, truth = scan(26.0, stop=0.0)
    lens = {"probe_semi_angle_mrad": 0.3, "probe_defocus_um": -2000.0}

    def told(scanned: Ptychography, **options: object) -> str:
        recipe = build_recipe("rpie", options)
        return next(e.text for e in start_of(problem_of(scanned, recipe), recipe) if isinstance(e, Note))

    assert "start of the probe is the mean frame in focus, 1 mode; it is not checked" in told(
        acquisition, probe_search=False
    )
    kept = told(acquisition, update_probe=False, **lens)
    assert "the described one (probe_defocus_um -2000 and probe_semi_angle_mrad 0.3), 1 mode" in kept
    assert kept.endswith("update_probe is no")
    few = told(acquisition.subset(range(8)).replace(probe=truth["probe"]))
    assert "the given one, 1 mode" in few
    assert "8 frames are too few" in few
    assert "carried back to the sample" in told(acquisition.replace(geometry="near_field"))


def test_turns_and_bends() -> None:
    """A round probe out of focus is another one only conjugated; a distance is bent by its share."""
    acquisition, truth = scan(26.0, stop=0.0)
    assert turns(problem_of(acquisition.replace(probe=truth["probe"]), build_recipe("rpie"))) == [
        "as given",
        "conjugated",
    ]
    assert bent(ProbeStart(100.0), 0, 0.3) == ProbeStart(100.0, (0.3, 0, 0, 0, 0))
    assert bent(ProbeStart(100.0), 5, -0.2) == ProbeStart(90.0)


def test_few_counts_do_not_mislead() -> None:
    """3000 counts in a frame: any curved probe fits its noise; frames left out tell. 700 tell half the time."""
    acquisition, _ = far_field(
        4, pixels=48, frames=64, spot=-22.0, overlap=0.6, counts=3000.0, probe="none", stop=0.45, phantom="texture"
    )
    recipe = build_recipe("rpie")
    events = start_of(problem_of(acquisition, recipe), recipe)
    said = next(e.text for e in events if isinstance(e, Note) and "starts tried" in e.text)
    away = re.search(r"focus (\d+) um before the sample", said)
    assert away is not None, said
    assert 2800 < float(away[1]) < 6400  # true: 4300; measured: 4310, others 4360, 4090


@pytest.mark.parametrize("modes", [1, 3])
def test_partly_coherent_light_gets_modes(modes: int) -> None:
    acquisition, _ = scan(-22.0, frames=64, stop=0.0, modes=modes)
    *events, done = events_of(acquisition, "rpie", passes=4, correct_positions=False)
    assert isinstance(done, Done)
    assert (len(done.result.calibration["probe"]) > 1) == (modes > 1)
    assert any("partly coherent" in e.text for e in events if isinstance(e, Note)) == (modes > 1)


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

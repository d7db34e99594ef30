"""The verdict on scans: green on sound ones, not on one of each kind of fault, and the cause in its words."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_neuralfield.data.acquisition import Acquisition, CodedPtychography, Ptychography
from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.verdict import scan_rules
from napari_neuralfield.recon.verdict.artefacts import vortices
from napari_neuralfield.recon.verdict.scan_frames import ScanMisfits, compared, rebuilt
from napari_neuralfield.recon.verdict.scan_picture import in_common, lattice_of, overlap, passes_light, plausible
from napari_neuralfield.recon.verdict.scan_positions import positions_as_a_whole
from napari_neuralfield.recon.verdict.scan_trials import alike, both_ways
from napari_neuralfield.recon.verdict.scans import judge_scans
from napari_neuralfield.simulate.scans import coded, far_field
from napari_neuralfield.types import Done, Result, Verdict


def answer(acquisition: Acquisition, **options: object) -> Result:
    fixed = {"passes": 12, "correct_positions": False, "probe_search": False, "as_given": True}
    recipe = build_recipe("rpie", fixed | options)
    *_, done = reconstruct(acquisition, recipe)
    assert isinstance(done, Done)
    return done.result


def judged(acquisition: Acquisition, **options: object) -> Verdict:
    verdict = answer(acquisition, **options).verdict
    assert verdict is not None
    return verdict


@pytest.fixture(scope="module")
def sound() -> Ptychography:
    """32 frames of 40 x 40 pixels, 1e5 counts each, a probe a tenth too small."""
    return far_field(3, pixels=40, frames=32, spot=20.0, counts=1e5, phantom="cells")[0]


@pytest.fixture(scope="module")
def good(sound: Ptychography) -> Result:
    return answer(sound)


def test_a_sound_scan_is_green(good: Result) -> None:
    assert good.verdict is not None
    figures = good.verdict.figures
    assert good.verdict.level == "green", good.verdict
    assert figures["unexplained"] < 0.05
    assert figures["misfit_held_out"] < 0.3
    assert figures["halves_agree"] > 0.7
    assert figures["phase_vortices"] < 0.05


def test_a_coded_scan_is_green_and_not_with_a_wrong_distance() -> None:
    scan: CodedPtychography = coded(1, pixels=24, upsampling=3, frames=30, spread=16.0, phantom="star")[0]
    assert judged(scan).level == "green"
    wrong = scan.replace(surface_to_sensor_um=1.4 * scan.surface_to_sensor_um)
    assert judged(wrong).level == "red"


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("mirrored", "x mirrored"),
        ("shuffled", "The cause does not show"),
        ("closer", "closer together"),
        ("next", "neighbour's position"),
        ("dead", "are dark beside the others (the first is frame 0)"),
        ("noise", ""),
        ("logarithms", "logarithms"),
    ],
)
def test_a_fault_is_not_green_and_its_cause_is_named(sound: Ptychography, fault: str, word: str) -> None:
    place, frames = np.asarray(sound.positions_um), np.array(sound.frames, np.float32)
    rng = np.random.default_rng(0)
    half = np.where(np.arange(len(frames))[:, None, None] % 3 == 0, 0.02, 1)
    spoiled = {
        "mirrored": lambda: sound.replace(positions_um=place * [1, -1]),
        "shuffled": lambda: sound.replace(positions_um=rng.permutation(place)),
        "closer": lambda: sound.replace(positions_um=place * 1.3),
        "next": lambda: sound.replace(frames=np.roll(frames, 1, axis=0)),
        "dead": lambda: sound.replace(frames=np.round(frames * half)),
        "logarithms": lambda: sound.replace(frames=np.log1p(frames)),
        "noise": lambda: sound.replace(frames=rng.poisson(frames.mean(0) * rng.exponential(1, frames.shape))),
    }[fault]()
    found = judged(spoiled)
    assert found.level != "green", found.figures
    assert word in found.sentence, found


def test_a_picture_that_is_not_of_these_frames_is_red(sound: Ptychography, good: Result) -> None:
    blank = torch.ones((1, *good.field.extent.shape), dtype=torch.complex64)
    field = planes_of_images(blank, [0.0], good.field.extent)
    assert judge_scans(sound, dataclasses.replace(good, field=field)).level == "red"


def test_the_answer_is_built_again_as_it_was(sound: Ptychography, good: Result) -> None:
    found = compared(*rebuilt(sound, good))
    assert found.error() == pytest.approx(good.figures["relative_amplitude_error"], rel=0.05)
    assert found.noises() > 0.5


def test_too_few_frames_are_said(sound: Ptychography) -> None:
    found = judged(sound.subset(np.arange(6)))
    assert found.level != "green"
    assert "halves_agree" not in found.figures


def test_the_phase_of_an_opaque_bar_is_no_noise_of_the_picture() -> None:
    rng = np.random.default_rng(0)
    picture = np.where(np.arange(96) // 16 % 2, 1.0, 0.0) * np.ones((96, 1)) + 0.01 * rng.standard_normal((96, 96))
    picture = picture + 0.01j * rng.standard_normal((96, 96))
    clear = passes_light(picture, np.ones((96, 96), bool))
    assert vortices(picture, 1.0, 0.25) > 1
    assert vortices(np.where(clear, picture, 1.0), 1.0, 0.25) < 0.2 * vortices(picture, 1.0, 0.25)
    speckle = np.fft.ifft2(np.fft.fft2(rng.standard_normal((96, 96))) * (np.abs(np.fft.fftfreq(96)) < 0.25))
    assert passes_light(speckle, np.ones((96, 96), bool)).mean() > 0.98


def test_frames_that_are_all_the_same_tell_nothing(sound: Ptychography) -> None:
    same = sound.replace(frames=np.broadcast_to(sound.intensity()[:1], sound.frames.shape).copy())
    verdict = judged(same, passes=1)
    assert verdict.level == "red"
    assert "All frames are the same" in verdict.sentence


def test_what_lies_on_a_lattice_and_what_does_not() -> None:
    grid = 7.0 * np.stack(np.divmod(np.arange(64), 8), 1)
    found = lattice_of(grid)
    assert np.abs(np.abs(found) * 7 - np.round(np.abs(found) * 7)).max() < 0.2
    assert len(lattice_of(grid + np.random.default_rng(0).uniform(-3, 3, grid.shape))) == 0
    assert overlap(grid, np.ones((14, 14)), spot=False) == pytest.approx(0.5)


def test_a_ramp_and_an_empty_mode_show_in_the_figures(sound: Ptychography, good: Result) -> None:
    problem, state = rebuilt(sound, good)
    before = plausible(problem, state)
    assert before["object_ramp"] < scan_rules.RAMP
    assert "least_mode" not in before
    x = torch.arange(state.object_array.shape[1])
    turn = torch.polar(torch.ones(len(x)), 2 * np.pi * 0.1 * x)
    state.object_array = state.object_array * turn
    n = state.probe.shape[-1]
    state.probe = torch.cat([state.probe * turn[:n].conj(), 0.01 * state.probe.roll(3, -1)])
    after = plausible(problem, state)
    assert after["object_ramp"] == pytest.approx(0.1, abs=0.02)
    assert after["least_mode"] < scan_rules.EMPTY


def test_a_probe_that_took_what_the_object_shows_is_told() -> None:
    rng = np.random.default_rng(0)
    first, second = (np.exp(0.4j * gaussian_filter(rng.standard_normal((96, 96)), 1.0) * 3) for _ in range(2))
    seen = np.ones((96, 96), bool)
    assert in_common(first[:64, :64], second, seen) < 0.15
    assert in_common(first[:64, :64] * second[12:76, 20:84], second, seen) > scan_rules.SHARED
    assert in_common(second[12:76, 20:84].conj(), second, seen) > 0.9


def test_lines_that_run_back_and_positions_farther_apart() -> None:
    place = 5.0 * np.stack(np.divmod(np.arange(36), 6), 1)
    back = both_ways(place)
    assert (both_ways(place[:33])[6:12] == back[6:12]).all()
    assert (back[:6] == place[:6]).all()
    assert (back[6:12] == place[6:12][::-1]).all()
    scan = far_field(3, pixels=32, frames=36, spot=16.0)[0].replace(positions_um=place)
    shifted = SimpleNamespace(calibration={"positions_um": 1.07 * place + 3})
    assert positions_as_a_whole(scan, shifted)["positions_scaled"] == pytest.approx(1.07)
    assert positions_as_a_whole(scan, SimpleNamespace(calibration={})) == {}


def test_pictures_agree_by_what_is_the_same_in_them() -> None:
    first, other = np.random.default_rng(0).standard_normal((2, 64, 64)) + 0j
    lit = np.ones((64, 64), bool)
    assert alike(first, 1j * first, lit)[0] == pytest.approx(1)
    assert abs(alike(first, other, lit)[0]) < 0.1
    assert alike(first + other, first, lit)[0] == pytest.approx(0.5**0.5, abs=0.05)


def test_noise_explains_what_it_can() -> None:
    n = np.ones(4)
    half = ScanMisfits(
        frames=np.arange(4), residual=n, noise=0.5 * n, structure=n, residual_near=n, structure_near=n, energy=9 * n,
        brightness=n, fixed=0.0, brighter=0.0, rings=n, full=0.0,
    )  # fmt: skip
    assert half.unexplained() == 1
    assert dataclasses.replace(half, residual=0.5 * n).unexplained() == 0
    assert dataclasses.replace(half, residual_near=0.3 * n).unexplained() == pytest.approx(0.3)
    assert dataclasses.replace(half, residual_near=0 * n).unexplained() == pytest.approx(0.2)
    assert dataclasses.replace(half, residual_near=0 * n, structure_near=0 * n).unexplained() == 1


USUAL = {
    "unexplained": 0.02, "noises": 1.1, "misfit_held_out": 0.1, "halves_agree": 0.9, "picture_agrees": 0.9,
    "overlap": 0.7, "odd_frames": 0.0, "full_pixels": 0.0, "fixed_pattern": 0.0, "fixed_brighter": 0.0,
    "share_short_run": 0.1, "first_mode": 0.8, "least_mode": 0.05, "if_closer": 1.1, "if_farther": 1.1, "frames": 50.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "level", "word"),
    [
        ({}, "green", "halves"),
        ({"halves_agree": 0.1}, "red", "Two halves"),
        ({"misfit_held_out": 0.5}, "amber", "left out"),
        ({"if_farther": 0.2}, "red", "farther apart"),
        ({"if_farther": 0.2, "share_short_run": 0.01}, "green", ""),
        ({"phase_vortices": 1.2}, "red", "noise"),
        ({"unexplained": 0.1}, "amber", "1.1 times the noise"),
        ({"object_ramp": 0.2}, "amber", "ramp"),
        ({"grid_at_scan_step": 0.2}, "amber", "steps of the scan. A regular raster"),
        ({"probe_like_object": 0.4}, "amber", "in common"),
        ({"least_mode": 0.0005}, "green", "empty"),
        ({"positions_scaled": 1.08}, "amber", "8% farther apart"),
        ({"logarithms": 1.0}, "red", "logarithms of whole numbers"),
        ({"overlap": 0.3, "unexplained": 0.01, "halves_agree": 0.1}, "green", "overlap too little"),
        ({"unexplained": 0.3, "if_lines_both_ways": 0.2}, "red", "every second line"),
        ({"modulus_range": 2.5}, "amber", "bright"),
        ({"unexplained": 0.3, "full_pixels": 0.02}, "amber", "saturated"),
        ({"unexplained": 0.3, "fixed_pattern": 0.4, "fixed_brighter": 0.9}, "amber", "background"),
        ({"overlap": 0.2, "halves_agree": 0.1}, "amber", "smaller steps"),
        ({"halves_agree": 0.5, "noise_in_frames": 0.8}, "amber", "count longer"),
    ],
)
def test_rules(changed: dict[str, float], level: str, word: str) -> None:
    found = scan_rules.verdict(USUAL | changed)
    assert found.level == level
    assert word in found.sentence

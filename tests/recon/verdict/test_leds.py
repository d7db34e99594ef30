"""The verdict on pictures from single LEDs: green on a sound microscope, and not on one of each kind of fault."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scene import OBJECTIVE_NA, board, scene

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.engine import judging
from napari_neuralfield.recon.verdict import led_rules
from napari_neuralfield.recon.verdict.led_frames import LedMisfits
from napari_neuralfield.recon.verdict.leds import judge_leds
from napari_neuralfield.registry import JUDGES
from napari_neuralfield.types import Done, Extent, Result, Verdict

SHAPE = (48, 48)
OPTIONS = {"z_um": 0.0, "check_orientation": False, "passes": 8}


@pytest.fixture(scope="module")
def sound() -> LedArray:
    """7 x 7 LEDs out to 1.7 times the NA, 10,000 photons a bright pixel."""
    acquisition, _ = scene(SHAPE, na=board(7, 0.08), strength=1.5)
    counts = np.random.default_rng(0).poisson(1e4 * np.asarray(acquisition.frames))
    return acquisition.replace(frames=counts.astype(np.uint16))


def answer(acquisition: LedArray, **options: object) -> Result:
    *_, done = reconstruct(acquisition, build_recipe("fpm-sequential", OPTIONS | options))
    assert isinstance(done, Done)
    return done.result


@pytest.fixture(scope="module")
def good(sound: LedArray) -> Result:
    return answer(sound)


def turned(na: np.ndarray, degrees: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return na @ np.array([[c, s], [-s, c]])


def test_a_sound_microscope_is_green(good: Result) -> None:
    assert good.verdict is not None
    assert good.verdict.level == "green", good.verdict
    assert good.verdict.figures["misfit_held_out"] < 0.1
    assert good.verdict.figures["noises_bright"] < 3
    assert 0 <= good.verdict.figures["grid_at_led_frequencies"] < 1
    assert good.verdict.figures["pinwheel_vortices"] < 0.01
    assert good.predicted is None


@pytest.mark.parametrize(
    ("fault", "word"),
    [("turned", "board"), ("mirrored", "mounted otherwise"), ("permuted", "test"), ("pedestal", ""), ("aperture", "")],
)
def test_a_fault_is_not_green(sound: LedArray, fault: str, word: str) -> None:
    na, frames = np.asarray(sound.illumination_na), np.asarray(sound.frames)
    spoiled = {
        "turned": lambda: sound.replace(illumination_na=turned(na, 12)),
        "mirrored": lambda: sound.replace(illumination_na=na * [1, -1]),
        "permuted": lambda: sound.replace(frames=frames[np.random.default_rng(1).permutation(len(frames))]),
        "pedestal": lambda: sound.replace(frames=frames + np.uint16(1500)),
        "aperture": lambda: sound.replace(objective_na=1.25 * OBJECTIVE_NA),
    }[fault]()
    verdict = answer(spoiled, as_given=True).verdict
    assert verdict is not None
    assert verdict.level != "green", verdict.figures
    assert word in verdict.sentence


def test_a_picture_that_is_not_of_these_frames_is_red(sound: LedArray, good: Result) -> None:
    """Whatever made it: the verdict asks the frames."""
    blank = torch.ones((1, *good.field.extent.shape), dtype=torch.complex64)
    field = planes_of_images(blank, [0.0], Extent((0.0, 0.0), good.field.extent.shape, good.field.extent.pixel_um))
    found = judge_leds(sound, Result(field))
    assert found.level == "red"
    assert "come back" in found.sentence


def test_frames_that_a_method_predicts_itself_come_first(sound: LedArray, good: Result) -> None:
    exact = judge_leds(sound, dataclasses.replace(good, predicted=lambda: np.asarray(sound.frames, dtype=float)))
    assert exact.figures["unexplained_bright"] == pytest.approx(0, abs=1e-6)
    wrong = judge_leds(sound, dataclasses.replace(good, predicted=np.roll(np.asarray(sound.frames, float), 20, axis=1)))
    assert wrong.level == "red"


def test_one_frame_counts_no_more_than_any_other() -> None:
    found = LedMisfits(np.array([20.0, 0, 0, 0]), np.zeros(4), np.ones(4), np.ones(4), np.ones(4))
    assert found.unexplained(np.ones(4, bool)) == 0.25


def test_an_answer_that_cannot_be_judged_is_kept_and_doubted(
    sound: LedArray, good: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(acquisition: object, result: object) -> Verdict:
        raise ValueError("no idea")

    monkeypatch.setitem(JUDGES._entries, "led_array", fails)
    kept = judging.judged(good, sound)
    assert kept.field is good.field
    assert kept.verdict is not None
    assert kept.verdict.level == "amber"
    assert "no idea" in kept.verdict.sentence


def figures(**changed: float) -> dict[str, float]:
    usual = {
        "misfit_short_run": 0.1, "misfit_held_out": 0.1, "unexplained_bright": 0.05, "noises_bright": 3.0,
        "leds": 49.0, "overlap": 0.7, "brightness_left": 1.1, "if_turned": 1.5, "if_mounted_otherwise": 8.0,
        "noise_bright": 0.05,
    }  # fmt: skip
    return usual | changed


def cases() -> Iterator[tuple[dict[str, float], str, str]]:
    yield {}, "green", "can be trusted"
    yield {"if_turned": 0.7}, "amber", "turned by 4 degrees .* 1.4 times better.*calibrate"
    yield {"if_turned": 0.7, "misfit_held_out": 0.9}, "red", "turned by 4 degrees"  # the cause, not the misfit
    yield {"if_turned": 0.7, "misfit_short_run": 0.01}, "green", ""  # nothing to gain
    yield {"overlap": 0.3}, "amber", "30% of their part"
    yield {"leds": 5.0}, "amber", "Only 5 LEDs"
    yield {"unexplained_bright": 0.9}, "red", "bright-field frames .* does not come back"
    yield {"unexplained_bright": 0.9, "noises_bright": 1.2}, "green", ""  # it is noise
    yield {"noise_bright": 0.7}, "amber", "noise"
    back = {"unexplained_bright": 0.01, "unexplained_near_dark": 0.02, "noises_near_dark": 1.5}
    weak = {"misfit_short_run": 0.4, "misfit_held_out": 0.5, "if_turned": 0.3, "brightness_found": 20.0}
    yield back | weak, "green", "every ring"  # a short run is a weaker model than a fit that explains every ring
    yield back | weak | {"unexplained_near_dark": 0.1}, "red", "turned by 4 degrees"
    yield back | {"misfit_held_out": 0.95}, "red", "left out"
    yield {"own_prediction": 1.0, "unexplained_bright": 0.06}, "amber", "6% .* bright-field"
    yield {"misfit_short_run": float("nan"), "misfit_held_out": float("nan")}, "amber", "short run .* fails"
    yield {"planes": 2.0, "misfit_short_run": 0.05}, "amber", "One plane explains"
    yield {"pinwheel_vortices": 0.2}, "amber", "20% of the phase vortices"


@pytest.mark.parametrize(("changed", "level", "sentence"), list(cases()))
def test_rules(changed: dict[str, float], level: str, sentence: str) -> None:
    found = led_rules.verdict(figures(**changed))
    assert found.level == level
    assert re.search(sentence, found.sentence)


def test_the_sentence_is_of_the_level() -> None:
    """An amber doubt that is found first does not speak for a red one."""
    doubts = [("amber", "first"), ("red", "second"), ("red", "third")]
    assert led_rules.gravest(doubts, "good") == ("red", "second")
    assert led_rules.gravest([], "good") == ("green", "good")

"""What a stack through focus says about itself before anything is reconstructed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.checks import findings as checks
from napari_neuralfield.checks.through_focus import distinct_planes, through_focus_facts
from napari_neuralfield.data.acquisition import Draft, ThroughFocus
from napari_neuralfield.types import InputError


def stack(z_um, size=64, level=1000.0, dtype: type = np.float32, **values) -> ThroughFocus:
    """Frames with a little grain, one per depth."""
    rng = np.random.default_rng(0)
    frames = (level * (1 + 0.02 * rng.standard_normal((len(z_um), size, size)))).astype(dtype)
    known = {"wavelength_um": 0.53, "objective_na": 0.4, "condenser_na": 0.16, "pixel_um": 0.65, "z_um": z_um}
    made = Draft("through_focus", values.pop("frames", frames), known | values, "stack.tif").complete()
    assert isinstance(made, ThroughFocus)
    return made


def test_planes_come_in_the_order_of_their_depth():
    assert distinct_planes(stack([4.0, -4.0, 0.0, -4.0])).tolist() == [1, 3, 2, 0]


def test_fewer_than_two_depths_say_what_is_possible_instead():
    with pytest.raises(
        InputError, match=r"stack.tif: there is one frame, at z_um 4; .* srqpi, srcnn and defocus-field"
    ):
        distinct_planes(stack([4.0]))
    with pytest.raises(InputError, match=r"all 3 frames are at z_um 4; .* give time_s if the frames are a time-lapse"):
        distinct_planes(stack([4.0, 4.0, 4.0]))
    with pytest.raises(InputError, match="this is a time-lapse, all 2 frames at z_um 4"):
        distinct_planes(stack([4.0, 4.0], time_s=[0.0, 30.0]))


def found(acquisition: ThroughFocus) -> dict[str, checks.Check]:
    return {check.name: check for check in checks.check(acquisition)}


def test_a_good_stack_has_no_warning():
    said = found(stack([-4.0, 0.0, 4.0]))
    assert {name for name, check in said.items() if check.level == "warning"} == set()
    assert said["depths"].text.startswith("3 frames at -4, 0, 4 um; the objective's depth of field is 3.31 um.")
    assert checks.facts(stack([-4.0, 0.0, 4.0]))["depths_um"] == [-4.0, 0.0, 4.0]
    assert "depths_um" not in checks.facts(stack(list(range(30))))


def test_one_plane_says_what_it_is_good_for():
    said = found(stack([4.0]))["depths"]
    assert said.level == "info"
    assert "srqpi, srcnn and defocus-field need no more" in said.text
    lapse = found(stack([4.0] * 3, time_s=[0.0, 30.0, 60.0]))
    assert lapse["depths"].level == "info"
    assert "one by one" in lapse["depths"].text
    assert lapse["time"].text == "A time-lapse of 3 frames over 60 s."
    assert found(stack([0.0]))["depths"].level == "warning"
    assert "in focus" in found(stack([0.0, 0.0]))["depths"].text


def test_equal_and_unordered_depths():
    equal = found(stack([4.0, 4.0]))["depths"]
    assert equal.level == "warning"
    assert "give time_s or frame_interval_s if they are a time-lapse" in equal.text
    assert found(stack([-4.0, 4.0, 4.0]))["depths"].level == "warning"
    turned = found(stack([4.0, 0.0, -4.0]))["depths"]
    assert turned.level == "ok"
    assert "not in the order of depth" in turned.text


def test_times_that_run_backwards():
    said = found(stack([4.0] * 3, time_s=[0.0, 60.0, 30.0]))["time"]
    assert said.level == "warning"
    assert "Frame 2 was taken before" in said.text


@pytest.mark.parametrize(
    ("z_um", "words"),
    [([-4000.0, 4000.0], "nanometres write 4;"), ([-0.004, 0.004], "millimetres write 4"), ([-13.0, 13.0], "")],
)
def test_depths_in_another_unit(z_um, words):
    said = found(stack(z_um))
    assert ("depth_unit" in said) == bool(words)
    assert not words or words in said["depth_unit"].text


def test_far_but_honest_depths_are_no_mistake():
    assert "depth_unit" not in found(stack([-20.0, 20.0], size=1200, pixel_um=0.16, objective_na=0.5, condenser_na=0.0))


def test_a_plane_beyond_all_reach_is_refused() -> None:
    with pytest.raises(InputError, match=r"frame 1 is at z_um 1e\+09, from where the light .* correct z_um"):
        distinct_planes(stack([0.0, 1e9]))


def test_frames_too_small_for_a_network():
    assert found(stack([4.0], size=31))["frame_size"].level == "warning"
    assert "frame_size" not in found(stack([4.0], size=32))


def test_eight_bits_and_few_levels():
    assert found(stack([-4.0, 4.0], level=100.0, dtype=np.uint8))["grey_levels"].level == "warning"  # about 14 levels
    assert found(stack([-4.0, 4.0], level=200.0, dtype=np.uint8))["grey_levels"].level == "info"
    assert "grey_levels" not in found(stack([-4.0, 4.0], dtype=np.uint16))
    bright = np.clip(stack([-4.0, 4.0], level=250.0).frames[:], 0, 255).astype(np.uint8)
    assert found(stack([-4.0, 4.0], frames=bright))["saturation"].level == "warning"


def test_light_that_changes_between_frames():
    frames = stack([-4.0, 4.0]).frames[:] * np.array([1.0, 1.07], np.float32)[:, None, None]
    said = found(stack([-4.0, 4.0], frames=frames))["brightness"]
    assert said.level == "warning"
    assert said.value == pytest.approx(0.0676, abs=1e-3)
    assert "correction of brightness" in said.text
    assert "brightness" not in found(stack([-4.0, 4.0], frames=frames, exposure=[1.0, 1.07]))
    assert found(stack([4.0, 4.0], frames=frames, time_s=[0.0, 1.0]))["brightness"].level == "info"


@pytest.mark.parametrize(
    ("pixel_um", "level", "words"),
    [
        (0.05, "info", "13 times finer"), (0.3, "ok", "resolves all"), (0.5, "info", "little is lost"),
        (2.6, "info", "finer than the camera's pixels"), (6.9, "warning", "divide it by the magnification"),
    ],
)  # fmt: skip
def test_pixels_against_the_objective(pixel_um, level, words):
    said = found(stack([-4.0, 4.0], pixel_um=pixel_um))["sampling"]
    assert said.level == level
    assert words in said.text


def test_values_that_are_no_numbers():
    frames = np.array(stack([-4.0, 4.0]).frames[:])
    frames[1, 3, 4] = np.nan
    said = found(stack([-4.0, 4.0], frames=frames))
    assert said["struck_pixels"].value == 1
    assert "brightness" not in said


def test_an_open_condenser():
    assert found(stack([-4.0, 4.0], condenser_na=0.5))["coherence"].level == "warning"


def test_a_time_lapse_of_stacks_is_described_time_by_time():
    z, time = [-4.0, 0.0, 4.0] * 3, np.repeat([0.0, 30.0, 60.0], 3)
    whole = found(stack(z, time_s=time))
    assert whole["depths"].level == "ok"
    assert "A time-lapse of 3 stacks of 3 frames at -4, 0, 4 um; each time is taken by itself." in whole["depths"].text
    assert whole["time"].text == "3 times over 60 s."
    assert through_focus_facts(stack(z, time_s=time))["stacks"] == 3
    lacking = found(stack(np.delete(z, 4), time_s=np.delete(time, 4)))["depths"]
    assert lacking.level == "warning"
    assert "stacks of 2 to 3 frames" in lacking.text
    assert "Frames are missing: time 1 at 0 um; these times are found from the frames that they have." in lacking.text
    of_one = found(stack(z[:3], time_s=[0.0, 0.2, 0.4]))
    assert (of_one["depths"].level, of_one["time"].text) == ("ok", "The 3 frames are of one time; they took 0.4 s.")


def test_depths_and_times_without_an_order_are_warned_of():
    z = np.random.default_rng(1).choice([-8.0, -4.0, 0.0, 4.0, 8.0], 14)
    said = found(stack(z, time_s=np.arange(14.0)))["time"]
    assert said.level == "warning"
    assert "in no order that makes stacks of them; give z_um and time_s of every frame" in said.text

"""Values that follow from others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.data.derived import FAR_FIELD, derived, wavelength_of
from napari_neuralfield.types import InputError

FOUR = {"wavelength_um": 1e-4, "distance_um": 2e6, "detector_pixel_um": 50.0, "object_pixel_um": 1e-4 * 2e6 / 50 / 32}
FRAMES = np.ones((4, 32, 40), np.float32)


@pytest.mark.parametrize("left_out", FAR_FIELD)
def test_any_three_lengths_of_the_far_field_give_the_fourth(left_out: str) -> None:
    given = {name: value for name, value in FOUR.items() if name != left_out}
    found = derived("ptychography", {**given, "geometry": "far_field"}, {}, (32, 40))
    assert found[left_out] == pytest.approx(FOUR[left_out])
    assert left_out not in derived("ptychography", {**given, "geometry": "near_field"}, {}, (32, 40))


def test_a_cone_beam_by_its_focus() -> None:
    given = {"geometry": "near_field", "distance_um": 1.12e6, "detector_pixel_um": 55.0, "focus_to_sample_um": 3650.0}
    found = derived("ptychography", given, {}, (32, 32))
    assert found["object_pixel_um"] == pytest.approx(55 / 307.849, rel=1e-5)
    assert "focus_to_sample_um" not in found


def test_a_probe_in_numbers() -> None:
    """Made anew whenever the pixel changes; a probe that is given at the same time counts."""
    draft = Draft("ptychography", FRAMES, {**FOUR, "geometry": "far_field", "positions_um": np.zeros((4, 2))}, "a.cxi")
    draft.values["probe"] = np.ones((1, 32, 40))
    for pixel, pixels in ((0.02, np.pi * 25), (0.04, np.pi * 6.25)):
        probe = draft.derived(probe_diameter_um=0.2, object_pixel_um=pixel)["probe"]
        assert probe.shape == (1, 32, 40)
        assert float((abs(probe) / abs(probe).max()).sum()) == pytest.approx(pixels, rel=0.05)
    assert draft.derived(probe_diameter_um=0.2, probe=np.ones((32, 40)))["probe"].min() == 1
    with pytest.raises(InputError, match=r"a.cxi: a probe of probe_na 0.01 has an NA of 0.01, but pixels of 0.125 um"):
        draft.complete(probe_na=0.01)
    with pytest.raises(InputError, match=r"a.cxi: probe_diameter_um is 'wide'; it must be a number"):
        draft.complete(probe_diameter_um="wide")


@pytest.mark.parametrize(
    ("kind", "given", "pixel"),
    [
        ("ptychography", {"object_pixel_um": 0.25}, 0.25),
        ("coded_ptychography", {"sensor_pixel_um": 1.85, "upsampling": 4}, 1.85 / 4),
    ],
)
def test_positions_in_pixels(kind: str, given: dict[str, Any], pixel: float) -> None:
    positions = [[1.0, 2.0], [3.0, -4.0]]
    found = derived(kind, {**given, "positions_px": positions}, {}, (32, 32))
    assert np.allclose(found["positions_um"], pixel * np.array(positions))
    assert "positions_px" in derived(kind, {"positions_px": positions}, {}, (32, 32))


def test_positions_in_pixels_wait_for_the_pixel() -> None:
    values = {"geometry": "near_field", "positions_px": np.zeros((4, 2)), "distance_um": 1.0, "detector_pixel_um": 1.0}
    draft = Draft("ptychography", FRAMES, values)
    assert draft.missing() == ["wavelength_um", "object_pixel_um"]
    with pytest.raises(InputError, match=r"wavelength_um .* is missing"):
        draft.complete()
    draft.values |= {"wavelength_um": 0.5, "object_pixel_um": 0.5}
    assert draft.complete().positions_um.shape == (4, 2)
    with pytest.raises(InputError, match=r"positions_px is not a value of kind through_focus"):
        Draft("through_focus", FRAMES, {"positions_px": [[0, 0]]}).complete()


def test_what_is_assumed_gives_way() -> None:
    assumed = {"geometry": "near_field", "object_pixel_um": 0.2}
    given = {"wavelength_um": 1e-4, "distance_um": 2e6, "detector_pixel_um": 50.0}
    assert derived("ptychography", given, assumed, (32, 32))["object_pixel_um"] == 0.2
    assert derived("ptychography", {**given, "object_pixel_um": 0.3}, assumed, (32, 32))["object_pixel_um"] == 0.3
    far = derived("ptychography", {**given, "geometry": "far_field"}, assumed, (32, 32))
    assert far["object_pixel_um"] == pytest.approx(FOUR["object_pixel_um"])


def test_stacks_one_after_the_other() -> None:
    """Depths are of each stack, times of all its planes."""
    stacks = {"planes_per_stack": 3, "z_step_um": 2, "focus_frame": 1}
    found = derived("through_focus", {**stacks, "frame_interval_s": 5}, {}, (4, 4), 6)
    assert found["z_um"].tolist() == [-2, 0, 2] * 2
    assert found["time_s"].tolist() == [0, 0, 0, 5, 5, 5]
    found = derived("through_focus", {"planes_per_stack": 3, "z_um": [1, 2, 3], "time_s": [0, 7]}, {}, (4, 4), 6)
    assert found["z_um"].tolist() == [1, 2, 3] * 2
    assert found["time_s"].tolist() == [0, 0, 0, 7, 7, 7]
    assert "time_s" not in derived("through_focus", stacks, {}, (4, 4), 3)
    with pytest.raises(InputError, match="planes_per_stack is 3 but there are 7 frames"):
        derived("through_focus", stacks, {}, (4, 4), 7)


@pytest.mark.parametrize("name", ["detector_pixel_mrad", "detector_pixel_per_angstrom"])
def test_a_far_field_pixel_may_be_an_angle_or_a_frequency(name: str) -> None:
    wavelength = wavelength_of("acceleration_voltage_kv", 80)
    value = 1.5 if name.endswith("mrad") else 1.5e-3 / (1e4 * wavelength)
    given = {"geometry": "far_field", "acceleration_voltage_kv": 80, name: value}
    found = derived("ptychography", given, {}, (64, 64))
    assert found["object_pixel_um"] == pytest.approx(wavelength / (64 * 1.5e-3))
    assert name not in found

"""Findings about recordings: every rule met and broken once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_neuralfield.checks import findings as checks
from napari_neuralfield.data import geometry
from napari_neuralfield.data.acquisition import Acquisition, Draft
from napari_neuralfield.io import open_acquisition

RNG = np.random.default_rng(0)
Make = Callable[..., Acquisition]


def found(acquisition: Acquisition) -> dict[str, checks.Check]:
    return {c.name: c for c in checks.check(acquisition)}


def warnings(acquisition: Acquisition) -> set[str]:
    return {c.name for c in checks.check(acquisition) if c.level == "warning"}


def through_focus(frames: np.ndarray, **changes: Any) -> Acquisition:
    values = {"wavelength_um": 0.5, "objective_na": 0.2, "condenser_na": 0.05, "pixel_um": 0.6}
    z = np.arange(len(frames), dtype=float)
    return Draft("through_focus", frames, {**values, "z_um": z, **changes}).complete()


def noise(count: int = 3, rows: int = 9, columns: int = 14) -> np.ndarray:
    return RNG.uniform(1.0, 2.0, (count, rows, columns)).astype(np.float32)


def test_a_good_recording_has_no_warning(led_array: Make) -> None:
    acquisition = led_array()
    assert warnings(acquisition) == set()
    synthetic = 0.2 + np.sqrt(2) * 0.5 / (32 * 0.8)
    assert found(acquisition)["synthetic_na"].value == pytest.approx(synthetic)
    assert found(acquisition)["half_pitch"].value == pytest.approx(0.25 / synthetic)
    assert found(acquisition)["depth"].value == pytest.approx(0.5 / 0.04)


def test_native_upsampling_is_the_smallest_that_holds_the_synthetic_aperture(led_array: Make) -> None:
    acquisition = led_array()  # NA 0.228, pixel at most 1.098 um, camera 0.8 um
    assert geometry.native_upsampling(acquisition) == 2
    finest = 0.5 / (2 * checks.facts(acquisition)["synthetic_na"])
    assert geometry.native_upsampling(acquisition.replace(pixel_um=3 * finest)) == 3
    assert geometry.native_upsampling(acquisition.replace(pixel_um=3.01 * finest)) == 4


def test_default_depths_lie_about_the_known_depth(led_array: Make) -> None:
    acquisition = led_array()
    assert geometry.default_z_range_um(acquisition) == pytest.approx((-31.25, 31.25))
    assert geometry.default_z_range_um(acquisition.replace(sample_z_um=10.0)) == pytest.approx((-21.25, 41.25))


def test_facts_are_json(led_array: Make) -> None:
    facts = json.loads(json.dumps(checks.facts(led_array())))
    assert facts["led_count"] == 9
    assert facts["bright_field_leds"] == 9
    assert facts["native_pixel_um"] == 0.4


def test_frames_that_are_not_numbers_or_flat_are_named() -> None:
    frames = noise(5)
    frames[1, 2, 3], frames[4] = np.nan, 7.0
    said = found(through_focus(frames))
    assert "1 pixel without data or far above those around in frame 1; filled" in said["struck_pixels"].text
    assert "every pixel of frame 4, 7, which says nothing of the sample: it is left out" in said["constant_frames"].text


def test_saturation_is_many_pixels_at_the_very_top() -> None:
    assert found(through_focus(noise()))["saturation"].level == "ok"
    clipped = np.minimum(noise(), 1.9)
    said = found(through_focus(clipped))["saturation"]
    assert said.level == "warning"
    assert said.value == pytest.approx((clipped == np.float32(1.9)).mean())
    full_scale = (noise() * 100).astype(np.uint16)
    full_scale[:, :2, :2] = 4095
    assert found(through_focus(full_scale))["saturation"].level == "warning"


def test_few_photons_are_not_saturation() -> None:
    counts = np.random.default_rng(1).poisson(3.0, (4, 50, 60)).astype(np.uint16)
    assert found(through_focus(counts))["saturation"].level == "ok"


def test_negative_values_are_mentioned() -> None:
    frames = noise()
    frames[0, 0, 0] = -0.5
    said = found(through_focus(frames))["negative_values"]
    assert said.level == "info"
    assert "down to -0.5" in said.text


def test_sampling_has_three_answers(led_array: Make) -> None:
    levels = [found(led_array().replace(pixel_um=p))["sampling"].level for p in (0.6, 1.2, 1.3)]
    assert levels == ["ok", "info", "warning"]  # 0.5 / (4 x 0.2) = 0.625 um, 0.5 / (2 x 0.2) = 1.25 um


def test_boards_that_make_no_sense(led_array: Make) -> None:
    acquisition = led_array()
    na = acquisition.illumination_na
    assert "overlap" in warnings(acquisition.replace(illumination_na=na * 13))
    lonely = np.array(na)
    lonely[0] = (0.97, 0.0)
    assert {"lonely_led", "steepest_led", "brightness"} <= warnings(acquisition.replace(illumination_na=lonely))
    assert "bright_field" in warnings(acquisition.replace(illumination_na=na + 0.5))


def test_frames_in_the_wrong_order_are_noticed(led_array: Make) -> None:
    acquisition = led_array()
    frames = np.array(acquisition.frames[:])
    frames[2] *= 0.01
    said = found(acquisition.replace(frames=frames))["brightness"]
    assert said.level == "warning"
    assert "says: frame 2;" in said.text


def test_coherence_and_repeated_depths() -> None:
    acquisition = through_focus(noise(), condenser_na=0.3, z_um=[0.0, 1.0, 1.0])
    assert {"coherence", "depths"} <= warnings(acquisition)
    assert warnings(through_focus(noise(rows=40, columns=60))) == set()


def test_a_dark_frame_is_named() -> None:
    frames = noise(4)
    frames[2] *= 0.01
    assert found(through_focus(frames))["dark_frames"].text.startswith("Frame 2 ")


def test_far_field_pixel_must_fit_the_geometry() -> None:
    values = {
        "geometry": "far_field",
        "wavelength_um": 1e-4,
        "detector_pixel_um": 50.0,
        "distance_um": 1e6,
        "object_pixel_um": 1e-4 * 1e6 / (16 * 50.0),
        "positions_um": np.array([(0, 0), (0, 0.5), (0.4, 0), (0.5, 0.3)]),
    }
    good = Draft("ptychography", noise(4, 16, 16), values).complete()
    assert warnings(good) == set()
    assert warnings(good.replace(object_pixel_um=0.2)) == {"object_pixel"}
    assert warnings(good.replace(positions_um=np.zeros((4, 2)))) == {"positions"}


@dataclasses.dataclass
class CountingFrames:
    """An enormous recording that counts how often it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype = dataclasses.field(default_factory=lambda: np.dtype(np.uint16))
    reads: int = 0

    def __getitem__(self, key: Any) -> np.ndarray:
        self.reads += 1
        return np.arange(12, dtype=self.dtype).reshape(3, 4)


def test_a_large_recording_is_looked_at_in_part() -> None:
    frames = CountingFrames((100_000, 3, 4))
    acquisition = through_focus(noise(2)).replace(frames=frames, z_um=np.arange(100_000.0))
    said = found(acquisition)["saturation"].text
    assert frames.reads == 256
    assert "in 256 evenly chosen of 100000 frames" in said


@pytest.mark.parametrize("name", ["coded_25", "fpm_miscalibrated", "fpm_tilted", "multiplexed_cells_0"])
def test_simulated_recordings_are_fine(shared_bench: Path, name: str) -> None:
    assert warnings(open_acquisition(shared_bench / f"{name}.acq.h5")) == set()


def test_a_real_blood_smear_is_fine(shared_data: Path) -> None:
    acquisition = open_acquisition(shared_data / "fpm_uconn" / "bloodsmear_green.mat")
    assert warnings(acquisition) == {"parted_frames"}
    assert found(acquisition)["parted_frames"].text.startswith("Frame 11 is bright in one part of the field")
    facts = checks.facts(acquisition)
    assert (facts["native_upsampling"], facts["bright_field_leds"]) == (4, 19)

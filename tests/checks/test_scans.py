"""Findings about scans, and what is refused: every rule met and broken once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_neuralfield.checks import findings as checks
from napari_neuralfield.checks.scan_rules import placement, require_usable
from napari_neuralfield.data.acquisition import Acquisition, CodedPtychography, Draft, Ptychography
from napari_neuralfield.io import open_acquisition, save_acquisition
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.simulate.electrons import mos2
from napari_neuralfield.types import InputError

RNG = np.random.default_rng(0)
GRID = np.stack(np.meshgrid(*2 * [np.arange(5.0)], indexing="ij"), -1).reshape(-1, 2)


def scan(**changes: Any) -> Ptychography:
    """Far field: 25 frames of 32 pixels of 0.1 um, steps of 0.5 um."""
    values = {
        "geometry": "far_field", "wavelength_um": 1e-4, "detector_pixel_um": 50.0, "object_pixel_um": 0.1,
        "distance_um": 32 * 50 * 0.1 / 1e-4, "positions_um": 0.5 * GRID,
    }  # fmt: skip
    frames = changes.pop("frames", RNG.poisson(40, (25, 32, 32)).astype(np.float32))
    found = Draft("ptychography", frames, {**values, **changes}, "star.cxi").complete()
    assert isinstance(found, Ptychography)
    return found


def found(acquisition: Acquisition) -> dict[str, checks.Check]:
    return {c.name: c for c in checks.check(acquisition)}


def warnings(acquisition: Acquisition) -> dict[str, str]:
    return {c.name: c.text for c in checks.check(acquisition) if c.level == "warning"}


def test_a_good_scan() -> None:
    good = scan()
    assert warnings(good) == {}
    require_usable(good)
    facts = checks.facts(good)
    json.dumps(facts)
    assert facts["window_overlap"] == pytest.approx(1 - 5 / 32)
    assert facts["object_shape"] == [52, 52]
    assert facts["measurements_per_pixel"] == pytest.approx(25 * 32**2 / 52**2, rel=0.01)


def test_electrons_tell_their_dose_and_cone() -> None:
    acquisition, _ = mos2(2, pixels=48, scan=6, dose=2000, semi_angle_mrad=20, detector_mrad=50)
    told = found(acquisition)
    assert "dead_pixels" not in told  # single electrons miss many
    assert told["dose"].value == pytest.approx(2000, rel=0.02)
    assert told["bright_disc"].value == pytest.approx(20, rel=0.05)  # of 24 random microscopes -0.5 to -3.4 %
    assert "a frame, one for 1.5 x 1.5 angstroms)" in told["dose"].text
    assert "dose_per_angstrom2 is 9000" in warnings(acquisition.replace(dose_per_angstrom2=9000.0))["dose"]


def test_normalised_electrons_are_scaled_to_the_dose_that_is_said(tmp_path: Path) -> None:
    acquisition, _ = mos2(2, pixels=48, scan=6, dose=2000)
    plain = acquisition.replace(frames=acquisition.intensity() / acquisition.intensity().max())
    assert "give dose_per_angstrom2" in found(plain)["dose"].text
    save_acquisition(tmp_path / "n.acq.h5", plain)
    (tmp_path / "n.acq.h5.yaml").write_text("dose_per_angstrom2: 2000")
    scaled = open_acquisition(tmp_path / "n.acq.h5")
    assert found(scaled)["dose"].value == pytest.approx(2000)
    total = acquisition.intensity().sum(dtype=float)
    assert scaled.intensity().sum(dtype=float) == pytest.approx(total, rel=0.02)
    save_acquisition(tmp_path / "n.acq.h5", acquisition)  # counts stay
    assert np.array_equal(open_acquisition(tmp_path / "n.acq.h5").intensity(), acquisition.intensity())


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (1e-6, r"all positions_um lie within 2e-06 um .* times 1e\+06 they would overlap by 84 %: .* in metres\?"),
        (1e-3, r"all positions_um lie within 0.002 um .* times 1e\+03 .* given in millimetres\?"),
        (1e3, r"no two windows overlap: .* are 500 um apart and a window is 3.2 um wide; times 0.001 .* in nanometres"),
        (10, r"no two windows overlap: .* times 0.1 they .* given in pixels of the object\?"),
        (0, r"all positions_um lie within 0 um .*; check the positions, which must be in micrometres"),
    ],
)
def test_positions_in_the_wrong_unit(factor: float, message: str) -> None:
    wrong = scan(positions_um=0.5 * factor * GRID)
    with pytest.raises(InputError, match=f"star.cxi: {message}"):
        require_usable(wrong)
    assert set(warnings(wrong)) == {"positions"}


def test_positions_outside_the_object() -> None:
    positions = 0.5 * GRID
    positions[7] = (9.0, 0.0)
    assert warnings(scan(positions_um=positions)) == {"alone": "Frame 7 overlaps no other; leave out or correct."}
    positions[7] = (9.0, 5e6)
    with pytest.raises(InputError, match=r"reach over .* more than memory should hold; frames far .* are 7; correct"):
        require_usable(scan(positions_um=positions))


def test_too_few_frames() -> None:
    few = scan().subset([0, 1, 2])
    with pytest.raises(InputError, match="there are 3 frames; a scan needs 4 or more"):
        require_usable(few)
    assert "frame_count" in warnings(few)


def test_dark_frames() -> None:
    with pytest.raises(InputError, match=r"all frames are dark .at most 0 in 8 of them"):
        require_usable(scan(frames=np.zeros((25, 32, 32), np.float32)))
    assert warnings(scan(frames=np.zeros((25, 32, 32))))["dark_frames"].startswith("No light in all frames")
    said = warnings(scan(frames=np.zeros((25, 32, 32))))["constant_frames"]
    assert said.endswith("frames 0, 1, 2, 3, 4, 5, 6, 7 ...: there is nothing to reconstruct.")
    frames = RNG.poisson(40, (25, 32, 32)).astype(np.float32)
    frames[4] = 0
    assert warnings(scan(frames=frames))["constant_frames"].endswith("of the sample: it is left out.")
    frames[4] = RNG.poisson(2, (32, 32))
    assert "Frame 4 is much darker" in warnings(scan(frames=frames))["dark_frames"]
    frames[4, 0, 0] = np.nan
    with pytest.raises(InputError, match="frame 4 holds values that are not finite"):
        scan(frames=frames).intensity()


def test_sparse_steps() -> None:
    said = warnings(scan(positions_um=2.5 * GRID))
    assert set(said) == {"overlap", "redundancy"}
    assert "overlap by 22 %; below 30 %" in said["overlap"]
    probe = np.exp(-((np.arange(32)[:, None] - 16) ** 2 + (np.arange(32) - 16) ** 2) / 8.0)[None]
    assert "spots of light (0.566 um wide) overlap by 12 %" in warnings(scan(probe=probe))["overlap"]


def test_near_field_frames_that_are_called_far_field() -> None:
    near = SIMULATORS["near-field"](0)[0]
    far = Draft("ptychography", near.frames, {**near.values(), "geometry": "far_field"}, "a.cxi").complete()
    assert "near-field frames do: they show" in warnings(far)["geometry"]
    assert "geometry" not in warnings(near)
    assert "Near field: the frames move with the specimen, and show " in found(near)["geometry"].text


def test_the_geometry_is_told_with_its_numbers() -> None:
    assert found(scan())["geometry"].text.startswith(
        "Far field: wavelength x distance / detector pixel, which a frame holds of the specimen, is 3.2 um; the frames "
        "do not move with the specimen"
    )
    noise = scan(geometry="near_field", wavelength_um=0.5, detector_pixel_um=0.1, distance_um=0.6)
    assert "no shadow in the frames moves" in found(noise)["geometry"].text


def test_masks() -> None:
    frames = np.zeros((25, 32, 32), np.float32)
    frames[:, 4:28, 4:28] = RNG.poisson(40, (25, 24, 24))
    good = frames[0] > -1
    good[:2] = False
    assert found(scan(frames=frames, mask=good))["mask"].text == "64 pixels (6.2 %) are masked."
    bad = np.ones((32, 32), bool)
    bad[4:28, 4:28] = False
    said = warnings(scan(frames=frames, mask=bad))["mask"]
    assert "calls 56 % of the pixels bad, and these hold 100 % of the light: it is probably inverted" in said
    with pytest.raises(InputError, match="mask calls every pixel bad"):
        scan(mask=np.zeros((32, 32), bool))
    with pytest.raises(InputError, match="probe has 30 x 32 pixels but a frame 32 x 32"):
        scan(probe=np.ones((1, 30, 32)))


def test_a_beamstop_with_its_arm_is_dead_and_the_dark_around_a_disc_is_not() -> None:
    y, x = np.mgrid[:32, :32] - 16
    frames = RNG.poisson(np.where(np.hypot(y, x) < 11, 40, 0), (25, 32, 32)).astype(np.float32)
    assert "dead_pixels" not in found(scan(frames=frames))
    frames += RNG.poisson(0.5, frames.shape)
    frames[:, 13:19, :19] = 0
    assert 60 < found(scan(frames=frames))["dead_pixels"].value <= 6 * 19


def test_dead_rows_and_columns() -> None:
    frames = RNG.poisson(40, (25, 32, 32)).astype(np.float32)
    frames[:, [8, 9]] = 3
    frames[:, :, 20] = 0
    frames[:, :, 30:] = 0  # dark borders are nothing special
    said = found(scan(frames=frames))["dead_pixels"]
    assert said.value == 2 * 32 + 30
    assert "among them rows 8, 9 and column 20: dead" in said.text
    assert warnings(scan(frames=frames)) == {}
    mask = np.ones((32, 32), bool)
    mask[8:10], mask[:, 20] = False, False
    assert warnings(scan(frames=frames, mask=mask)) == {}


def test_an_undersampled_kernel_names_the_safe_distance() -> None:
    near = scan(geometry="near_field", wavelength_um=0.5, detector_pixel_um=0.1, distance_um=0.6)
    assert "propagation" not in warnings(near)
    said = warnings(near.replace(distance_um=2.0))["propagation"]
    assert "only up to 0.64 um, the largest safe distance" in warnings(near.replace(distance_um=0.7))["propagation"]
    assert "Light travels 2 um" in said
    cone = near.replace(detector_pixel_um=1.0, distance_um=2.0)  # acts over 0.2 um
    assert "propagation" not in warnings(cone)


def test_a_coded_kernel_counts_only_where_borders_are_open() -> None:
    coded, _ = SIMULATORS["coded"](0)
    assert isinstance(coded, CodedPtychography)
    assert warnings(coded) == {}
    part = coded.crop(slice(0, 48), slice(8, 56))
    assert isinstance(part, CodedPtychography)
    assert part.coded_surface is not None
    assert part.coded_surface.shape == (192, 192)
    assert "Light travels 838 um" in warnings(part)["propagation"]
    assert placement(coded.replace(positions_um=None)) is None
    assert "found from the frames" in found(coded.replace(positions_um=None))["positions"].text


def test_a_distance_in_the_wrong_unit() -> None:
    coded, _ = SIMULATORS["coded"](0)
    assert isinstance(coded, CodedPtychography)
    said = warnings(coded.replace(surface_to_sensor_um=1000 * coded.surface_to_sensor_um))["propagation"]
    assert "Light travels 8.38e+05 um" in said
    assert "times the largest safe distance of" in said
    assert said.endswith("times 0.001 it would be 838 um: was it given in nanometres?")
    said = warnings(coded.replace(surface_to_sensor_um=9e9))["propagation"]
    assert said.endswith("check the distance, which must be in micrometres, the wavelength and the pixel.")


def test_dead_rows_of_coded_frames_are_filled() -> None:
    coded, _ = SIMULATORS["coded"](0)
    frames = np.array(coded.frames)
    frames[:, 20] = 3
    said = found(coded.replace(frames=frames))["dead_pixels"].text
    assert said.endswith("filled from the pixels around.")
    assert "row 20" in said


def test_near_field_frames_contradict_the_positions() -> None:
    near, _ = SIMULATORS["near-field"](0)
    assert found(near)["movement"].level == "ok"
    mirrored = near.replace(positions_um=near.positions_um * (1, -1))
    assert "as if the positions had the sign of x changed" in warnings(mirrored)["movement"]
    exchanged = near.replace(positions_um=near.positions_um[:, ::-1] * (-1, 1))
    assert "had y and x exchanged and the sign of" in warnings(exchanged)["movement"]
    stretched = near.replace(positions_um=1.3 * near.positions_um)
    assert "as if a pixel at the specimen were 0.12" in warnings(stretched)["movement"]

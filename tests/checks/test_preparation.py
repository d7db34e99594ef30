"""What frames hold: nothing is touched where all is well, each fault is found, said and made good."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_neuralfield.checks.seen.preparation import prepared
from napari_neuralfield.data.acquisition import Acquisition, Draft, LedArray, Ptychography
from napari_neuralfield.data.repairs import Repaired, filled
from napari_neuralfield.simulate.led_optics import led_frames, led_grid_na
from napari_neuralfield.simulate.phantoms import cell_phantom
from napari_neuralfield.simulate.recording import expose

OPTICS = {"objective_na": 0.1, "wavelength_um": 0.522, "pixel_um": 1.725}


def board(seed: int = 0, pedestal: float = 0.0, full: float = 20000.0, stray: float = 0.0, **values: Any) -> LedArray:
    """Cells under 49 LEDs, 13 of them bright field, in whole counts."""
    rng = np.random.default_rng(seed)
    cells, _ = cell_phantom((256, 256), rng)
    na = led_grid_na(7, 4.0, 80.0, 1.0)
    light = led_frames(cells.sum(0)[None], np.zeros(1), na, upsampling=4, **OPTICS)
    times = np.asarray(values.get("exposure", np.ones(len(na))))[:, None, None]
    counts = full * expose((light + stray) * times, full, rng, 2.0) + pedestal
    frames = np.clip(np.round(counts), 0, 65535).astype(np.uint16)
    found = Draft("led_array", frames, {**OPTICS, "illumination_na": na, **values}, "board.tif").complete()
    assert isinstance(found, LedArray)
    return found


def scan(**changes: Any) -> Ptychography:
    """144 far-field patterns: light in the middle, nearly none in the corners, whole counts."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-24:24, -24:24]
    mean = 300 * np.exp(-(y**2 + x**2) / 60.0)
    speckle = rng.exponential(1, (144, 24, 24)).repeat(2, 1).repeat(2, 2)
    frames = rng.poisson(mean * speckle).astype(np.uint32)
    grid = np.stack(np.meshgrid(*2 * [np.arange(12.0)], indexing="ij"), -1).reshape(-1, 2)
    values = {
        "geometry": "far_field", "wavelength_um": 1e-4, "detector_pixel_um": 50.0, "object_pixel_um": 0.1,
        "distance_um": 48 * 50 * 0.1 / 1e-4, "positions_um": 0.5 * grid,
    }  # fmt: skip
    found = Draft("ptychography", frames, {**values, **changes}, "scan.cxi").complete()
    assert isinstance(found, Ptychography)
    return found


def changed(acquisition: Acquisition, where: Any, value: Any) -> Acquisition:
    frames = np.array(acquisition.frames)
    frames[where] = value
    return acquisition.replace(frames=frames)


def said(acquisition: Acquisition) -> dict[str, str]:
    return {check.name: f"{check.level}: {check.text}" for check in prepared(acquisition).findings}


@pytest.mark.parametrize("seed", range(3))
def test_clean_frames_are_left_alone(seed: int) -> None:
    clean = board(seed)
    ready = prepared(clean)
    assert ready.findings == ()
    assert ready.acquisition is clean
    assert prepared(scan()).findings == ()


@pytest.mark.parametrize("pedestal", [40.0, 1600.0])
def test_a_pedestal_is_seen_and_subtracted(pedestal: float) -> None:
    with_it = board(pedestal=pedestal)
    ready = prepared(with_it)
    assert ready.acquisition.pedestal == pytest.approx(pedestal, abs=3.0)  # measured: 0.5 to 2
    assert said(with_it)["pedestal"].startswith("warning: 36 dark-field frames stand on a common floor of")
    assert prepared(with_it.replace(pedestal=0.0)).findings == ()  # whoever says there is none is believed


def test_stray_light_grows_with_the_exposure() -> None:
    times = np.where(np.hypot(*board().illumination_na.T) > 0.105, 8.0, 1.0)
    dark = np.full((64, 64), 100.0)
    ready = prepared(board(pedestal=100.0, stray=0.002, exposure=times, background=dark))
    assert isinstance(ready.acquisition, LedArray)
    assert ready.acquisition.ambient is not None
    assert ready.acquisition.ambient.max() == pytest.approx(8 * 40, rel=0.1)
    assert ready.acquisition.ambient.min() == pytest.approx(40, rel=0.1)


@pytest.mark.parametrize("value", [0, 700, 65535])
def test_a_frame_that_holds_nothing_is_left_out(value: int) -> None:
    ready = prepared(changed(board(), 34, value))
    assert ready.left_out.tolist() == [34]
    assert ready.acquisition.frame_count == 48
    assert "frame 34" in said(changed(board(), 34, value))["finite" if value == 65535 else "constant_frames"]


def test_no_frame_is_left_out_where_none_would_be_left() -> None:
    assert len(prepared(changed(board(), slice(None), 7)).left_out) == 0


@pytest.mark.parametrize(
    ("value", "name"), [(65535, "no_data"), (0, "dead_pixels"), (50000, "dead_pixels"), (37, "dead_pixels")]
)
def test_pixels_without_data_are_filled(value: int, name: str) -> None:
    clean, places = board(), (slice(None), [10, 30, 50], [9, 60, 44])
    spoilt = changed(clean, places, value)
    assert said(spoilt)[name].startswith("info: 3 pixels")
    mended = prepared(spoilt).acquisition.frames
    off = np.abs(mended[0][10, 9] - np.float64(clean.frames[0][10, 9])) / clean.frames[0].mean()
    assert off < 0.1
    assert np.array_equal(mended[0][0], clean.frames[0][0])


def test_hot_and_struck_pixels() -> None:
    frames = np.array(board().frames).astype(int)
    frames[:, 20, 20] += 3000
    frames[40, 33, 12] += 40000
    spoilt = board().replace(frames=np.minimum(frames, 65534).astype(np.uint16))
    assert said(spoilt)["hot_pixels"].startswith("info: 1 pixel")
    assert "in frame 40" in said(spoilt)["struck_pixels"]
    assert prepared(spoilt).acquisition.frames[40][33, 12] < 2000


def test_pixels_of_a_pattern_that_blink_are_masked_and_throw_no_shadow() -> None:
    """Bright in every seventh frame: in the light, and in the dark, where a shadow was once seen around them."""
    rng, frames = np.random.default_rng(0), np.array(scan().frames)
    places = (np.array([8, 20, 40, 45]), np.array([30, 33, 3, 44]))
    on = rng.random((144, 4)) < 1 / 7
    frames[:, *places] += (on * rng.poisson([60, 900, 40, 40], on.shape)).astype(np.uint32)
    ready = prepared(scan().replace(frames=frames)).acquisition
    assert isinstance(ready, Ptychography)
    assert ready.mask is not None
    assert not ready.mask[places].any()
    assert (~ready.mask).sum() <= 5  # 28 with such a shadow
    assert said(scan().replace(frames=frames))["blinking_pixels"].startswith("info: 4 pixels")
    assert "blinking_pixels" not in said(scan())


def test_gaps_of_a_detector_are_masked() -> None:
    gap = (slice(None), slice(30, 33))
    ready = prepared(changed(scan(), gap, np.iinfo(np.uint32).max))
    assert isinstance(ready.acquisition, Ptychography)
    assert ready.acquisition.mask is not None
    assert (~ready.acquisition.mask).sum() == 3 * 48
    assert "rows 30, 31, 32: no data (4294967295)" in ready.findings[0].text
    once = prepared(changed(scan(), (5, 4, 4), np.iinfo(np.uint32).max)).acquisition
    assert isinstance(once, Ptychography)
    assert once.frame_mask is not None
    assert (~once.frame_mask).sum() == 1
    assert once.intensity(5).max() < 1e4


def test_frames_twice_of_another_exposure_and_of_another_field() -> None:
    clean = np.array(board().frames)
    assert "Frames 3 and 4 are the same" in said(changed(board(), 4, clean[3]))["same_frames"]
    brighter = changed(board(), slice(2, 6), 2 * clean[2:6])
    assert "Frames 2 to 5 are 2 times as bright" in said(brighter)["exposure_jump"]
    moved = changed(board(), 3, np.roll(clean[3], (20, 14), (0, 1)))
    assert "Frame 3 does not show" in said(moved)["another_field"]


def test_filling_reads_only_good_pixels_and_keeps_the_rest() -> None:
    ramp = np.add.outer(np.arange(12.0), 2 * np.arange(12.0))
    bad = np.zeros((12, 12), bool)
    bad[5, 5] = bad[0:7, 9:12] = True
    spoilt = np.where(bad, np.nan, ramp)
    assert filled(spoilt, bad)[5, 5] == pytest.approx(15.0)
    assert np.isfinite(filled(spoilt, bad)).all()
    frames = Repaired(np.stack([spoilt, ramp]), bad, {1: np.array([0])})
    assert frames[1, 2:6, 4:7].shape == (4, 3)
    assert np.array_equal(frames[0][~bad], ramp[~bad])


def test_absurd_pixels_that_lie_together_are_filled() -> None:
    small = board().crop(slice(0, 40), slice(0, 40))
    frames = np.asarray(small.frames[:], np.float32)
    frames[34, 5:8, 5:8] = 3e38
    spoilt = small.replace(frames=frames)
    assert "9 pixels without data" in said(spoilt)["struck_pixels"]
    assert np.asarray(prepared(spoilt).acquisition.frames[34]).max() < 1e5

"""LED boards whose frames contradict what is said: turned, lit in another order, mirrored, and a wrong pixel."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.checks import findings as checks
from napari_neuralfield.checks.led_orders import grid_places, readings
from napari_neuralfield.data.acquisition import Draft, LedArray
from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.optics.illumination import direction_cosines, grid_positions
from napari_neuralfield.recon import recommended
from napari_neuralfield.simulate.led_optics import led_frames
from napari_neuralfield.simulate.phantoms import texture_phantom

NA, WAVELENGTH, PIXEL = 0.2, 0.5, 0.8


@pytest.fixture(scope="module")
def board() -> LedArray:
    """7 x 7 LEDs, 21 of them bright field, lit in a serpentine."""
    na = direction_cosines(grid_positions(7, 7, 0.08, "serpentine"), 1.0)
    rng = np.random.default_rng(3)
    sample, _ = texture_phantom((256, 256), rng)
    optics = {"objective_na": NA, "wavelength_um": WAVELENGTH, "pixel_um": PIXEL}
    frames = led_frames(sample, np.zeros(1), na, upsampling=4, **optics)
    frames = rng.poisson(frames * 3000).astype(np.float32)
    acquisition = Draft("led_array", frames, {**optics, "illumination_na": na}, "board.tif").complete()
    assert isinstance(acquisition, LedArray)
    return acquisition


def said(acquisition: LedArray) -> dict[str, checks.Check]:
    return {c.name: c for c in checks.check(acquisition)}


def test_a_right_board_is_left_alone(board: LedArray) -> None:
    assert said(board)["led_board"].level == "ok"
    assert recommended(board) == ("fpm-auto", {})


@pytest.mark.parametrize("turn", [-30, 8, 15])
def test_a_turned_board_is_named_and_put_right(board: LedArray, turn: int) -> None:
    wrong = board.replace(illumination_na=BoardPose(-np.deg2rad(turn)).place(board.illumination_na))
    text = said(wrong)["led_board"].text
    named = float(text.split("turned by ")[1].split(" deg")[0])
    assert named == pytest.approx(turn, abs=1.5)
    assert "rotation_deg" in text
    assert "neuralfield calibrate" in text
    assert recommended(wrong) == ("fpm-auto", {})


@pytest.mark.parametrize("given", ["raster", "spiral"])
def test_the_order_that_fits_is_named(board: LedArray, given: str) -> None:
    wrong = board.replace(illumination_na=direction_cosines(grid_positions(7, 7, 0.08, given), 1.0))
    found = said(wrong)["led_board"]
    assert found.level == "warning"
    assert "order: serpentine" in found.text
    assert recommended(wrong) == ("fpm-auto", {})


def test_a_mirrored_board_is_named(board: LedArray) -> None:
    found = said(board.replace(illumination_na=board.illumination_na * (1, -1)))["led_board"]
    assert found.level == "warning"
    assert "reversed" in found.text


def test_no_order_is_named_where_none_fits(board: LedArray) -> None:
    mixed = np.random.default_rng(0).permutation(board.frame_count)
    found = said(board.replace(frames=np.asarray(board.frames)[mixed]))["led_board"]
    assert found.level == "warning"
    assert "none of the orders, turns and shifts" in found.text


@pytest.mark.parametrize(("times", "words"), [(2, "2 times too large"), (0.5, "2 times too small")])
def test_a_pixel_of_the_wrong_size_is_seen(board: LedArray, times: float, words: str) -> None:
    assert words in said(board.replace(pixel_um=PIXEL * times))["pixel_scale"].text


def test_frames_of_noise_say_nothing_of_the_board(board: LedArray) -> None:
    noise = np.random.default_rng(0).poisson(100, (49, 64, 64)).astype(np.float32)
    assert "led_board" not in said(board.replace(frames=noise))


def test_grids_are_recognised_turned_and_incomplete() -> None:
    na = direction_cosines(grid_positions(5, 4, 0.05), 1.0)
    turned = BoardPose(np.deg2rad(12)).place(na)
    at = grid_places(turned[np.arange(20) != 7])
    assert at is not None
    assert at.max(axis=0).tolist() == [4, 3]
    assert grid_places(np.random.default_rng(0).uniform(-0.3, 0.3, (20, 2))) is None
    keys = [reading.na.tobytes() for reading in readings(na)]
    assert len(set(keys)) == len(keys)

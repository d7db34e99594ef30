from __future__ import annotations

import numpy as np

from napari_neuralfield.optics.wide_field import seen_from
from napari_neuralfield.simulate.led_optics import Optics, led_frames, led_grid_na
from napari_neuralfield.simulate.wide_field import NearBoard, curved_field, light_of_places, wide_field

OPTICS = Optics(objective_na=0.1, wavelength_um=0.522, pixel_um=1.6)
NA = led_grid_na(5, 1.2, 25.0, 0.15)


def sample(side: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    far = np.hypot(*np.meshgrid(*[np.fft.fftfreq(side)] * 2))
    clouds = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) * np.exp(-((far / 0.1) ** 2))).real
    return np.exp(0.4j * clouds / clouds.std())


def test_far_leds_and_one_pupil_give_the_frames_of_the_plain_sum() -> None:
    board = NearBoard(NA, np.inf, np.array([40.0, 30.0]), None)
    light = light_of_places(sample(96), board, 2, upsampling=2, optics=OPTICS)
    plain = led_frames(sample(96)[None] - 1, np.zeros(1), NA, upsampling=2, **OPTICS)
    np.testing.assert_allclose(light, plain, atol=2e-5)


def test_a_near_led_is_bright_where_its_direction_lies_in_the_pupil() -> None:
    axis, side = np.array([60.0, 60.0]), 224
    board = NearBoard(np.array([[0.1, 0.0]]), 12.0, axis, curved_field(axis))
    light = light_of_places(np.ones((2 * side,) * 2), board, 4, upsampling=2, optics=OPTICS)[0]
    y = np.arange(side) * 1.6
    inside = np.array([np.hypot(*seen_from(board.na, 12.0, [v - 60.0, 50.0 - 60.0])[0]) < 0.1 for v in y])
    brightness = light[:, 20:44].mean(1)  # about x = 50 um
    assert inside.any()
    assert not inside.all()
    rim = np.abs(y - y[np.flatnonzero(np.diff(inside.astype(int)))[0]])
    away = (rim > 60) & (y > 60) & (y < y[-1] - 60)  # from its border the field repeats
    np.testing.assert_array_equal(brightness[away] > 0.5, inside[away])
    assert away.sum() > 40


def test_the_simulated_field_tells_its_truth() -> None:
    acquisition, truth = wide_field(0, tiles=2, pixels=48, led_limit_na=0.15)
    assert acquisition.frame_shape == (96, 96)
    assert truth["object"].shape == (96 * round(1.6 / truth["pixel_um"]),) * 2
    away = truth["places_um"][3] - truth["optical_axis_um"]
    np.testing.assert_allclose(truth["illumination_na"][3], seen_from(acquisition.illumination_na, 25.0, away))

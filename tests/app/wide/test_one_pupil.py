from __future__ import annotations

import numpy as np
from scipy.ndimage import shift

from napari_neuralfield.app.wide.one_pupil import moved_back, moves, pupil_of_middle, sharpened, through_middle
from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.optics.pupil_field import PupilField
from napari_neuralfield.simulate.led_optics import Optics, aberrated_pupil, led_fields, led_grid_na

SIDE = 96
OPTICS = Optics(objective_na=0.1, wavelength_um=0.5, pixel_um=1.6)
NA = led_grid_na(5, 1.2, 25.0, 0.12)
EVERYWHERE = {4: 0.9, 6: -0.7}  # rad, against the middle of the field


def cells() -> np.ndarray:
    rng = np.random.default_rng(0)
    far = np.hypot(*np.meshgrid(*[np.fft.fftfreq(SIDE)] * 2))
    clouds = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE,) * 2)) * np.exp(-((far / 0.05) ** 2))).real
    return np.exp(0.3j * clouds / clouds.std())


def amplitudes(terms: dict[int, float], sample: np.ndarray) -> np.ndarray:
    pupil = aberrated_pupil(terms, OPTICS["objective_na"] / OPTICS["wavelength_um"])
    return np.array(
        [
            np.abs(field)
            for field, _ in led_fields(
                sample[None] - 1, np.zeros(1), NA, objective_na=0.1, wavelength_um=0.5, fine_um=1.6, pupil=pupil
            )
        ]
    )


def test_frames_moved_back_are_those_of_the_blurred_sample_through_one_pupil() -> None:
    sample = cells()
    seen = amplitudes(EVERYWHERE, sample)
    field = PupilField(tuple(EVERYWHERE), np.array([[v] for v in EVERYWHERE.values()]))
    whole = LedArray(frames=seen.astype(np.float32), illumination_na=NA, pupil_field=field.table, **OPTICS)
    change = np.array(list(EVERYWHERE.values()))
    blurred = sharpened(sample, whole, -change, 1.6)
    plain = amplitudes({}, blurred)
    by = moves(whole) @ change / 1.6
    back = np.stack([shift(image, d, order=3, mode="wrap") for image, d in zip(seen, by, strict=True)])
    print(np.abs(back - plain).std(), np.abs(seen - plain).std())
    assert (back - plain).std() < 0.15 * (seen - plain).std()
    np.testing.assert_allclose(sharpened(blurred, whole, change, 1.6), sample, atol=1e-9)


def test_a_field_whose_pupil_grows_from_the_middle_is_moved_more_and_more() -> None:
    field = PupilField((5,), np.array([[0.0, 20.0, 0.0]])).moved([-(SIDE - 1) / 2 * 1.6] * 2)
    stripes = np.cos(0.5 * np.arange(SIDE))[:, None] * np.ones(SIDE)
    whole = LedArray(frames=np.stack([stripes] * 2), illumination_na=NA[1:3], pupil_field=field.table, **OPTICS)
    by = moves(whole)[:, :, 0] / 1.6  # (led, 2), pixels to a rad
    y = np.arange(SIDE)
    change = 20.0 * (y - (SIDE - 1) / 2) * 1.6e-3
    for frame, led in zip(moved_back(whole), by, strict=True):
        expected = np.cos(0.5 * (y - change * led[0]))
        np.testing.assert_allclose(frame[4:-4, SIDE // 2], expected[4:-4], atol=0.02)
    assert np.abs(by * np.abs(change).max()).max() > 0.5


def test_the_pupil_of_the_middle_is_the_own_one_without_the_change() -> None:
    field = PupilField((4, 7), np.array([[0.4, 1.0, 0.0], [0.2, 0.0, 3.0]]))
    whole = LedArray(frames=np.ones((len(NA), SIDE, SIDE)), illumination_na=NA, pupil_field=field.table, **OPTICS)
    part = whole.crop(slice(0, 48), slice(40, 88))
    change = pupil_of_middle(part) - pupil_of_middle(whole)
    single = through_middle(part, change)
    expected = field.pupil([(SIDE - 1) / 2 * 1.6] * 2, (48, 48), 1.6, 0.2)
    np.testing.assert_allclose(single.pupil, expected, atol=1e-5)

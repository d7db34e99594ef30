from __future__ import annotations

import numpy as np

from napari_neuralfield.app.wide.one_pupil import OnePupil, sharpened
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
    pupils = OnePupil.of(whole)
    assert pupils is not None
    assert not pupils.change.any()  # it is the same all over
    change = np.array(list(EVERYWHERE.values()))
    pupils.change[...] = change  # as a place far from the middle has it
    back = pupils.moved_back(seen)
    blurred = sharpened(sample, whole, -change, 1.6)
    plain = amplitudes({}, blurred)
    inner = np.s_[:, 12:-12, 12:-12]
    print(np.abs(back - plain)[inner].std(), np.abs(seen - plain)[inner].std())
    assert (back - plain)[inner].std() < 0.15 * (seen - plain)[inner].std()
    again = np.stack([pupils.moved(image, led) for led, image in enumerate(back)])
    assert np.abs(again - seen)[inner].max() < 0.02

"""Reconstruction through a coded surface: few LEDs whose apertures hardly overlap."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest
import solved
from coded_scene import FIVE_LEDS, coded_scene
from scene import relative_error, scene

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.recon import recommended
from napari_neuralfield.simulate.led_optics import coded_led_frames
from napari_neuralfield.simulate.spectra import seen
from napari_neuralfield.types import InputError, Progress, Result

events_of = partial(solved.events_of, method="coded-fpm")
result_of = partial(solved.result_of, method="coded-fpm")


def error_of(result: Result, sample: np.ndarray, acquisition: LedArray, na: np.ndarray = FIVE_LEDS) -> float:
    """Relative error on the sample's pixels, of what the LEDs show of it."""
    fine = acquisition.pixel_um * acquisition.frame_shape[0] / sample.shape[0]
    wavelength = acquisition.wavelength_um
    truth = seen(sample, fine, na / wavelength, acquisition.objective_na / wavelength)
    y, x = (np.arange(n) * fine for n in sample.shape)
    return relative_error(result.field.render([0.0], y, x)[0].numpy(), truth)


def test_five_leds_suffice() -> None:
    acquisition, sample = coded_scene()
    result = result_of(acquisition, recover_pupil=False, passes=60)
    assert error_of(result, sample, acquisition) < 1e-4  # measured 2e-5; an empty slide has 0.20
    assert result.figures["relative_amplitude_error"] < 2e-5
    assert result.calibration == {}


def test_the_same_leds_without_a_surface_do_not() -> None:
    acquisition, sample = coded_scene()
    clear = acquisition.replace(coded_surface=np.ones(sample.shape), surface_to_sensor_um=0.0)
    found = result_of(clear.replace(frames=clear_frames(acquisition, sample)), recover_pupil=False, passes=60)
    assert error_of(found, sample, acquisition) > 0.03  # measured 0.058


def clear_frames(acquisition: LedArray, sample: np.ndarray) -> np.ndarray:
    return coded_led_frames(
        sample - 1, np.ones(sample.shape), FIVE_LEDS, objective_na=acquisition.objective_na,
        wavelength_um=acquisition.wavelength_um, pixel_um=acquisition.pixel_um, upsampling=4, distance_um=0.0,
        magnification=4.0,
    )  # fmt: skip


def test_the_pupil_is_found() -> None:
    terms = {5: 0.4, 6: -0.3}
    acquisition, sample = coded_scene(zernike_rad=terms)
    blind, found = (result_of(acquisition, recover_pupil=asked, steps=80) for asked in (False, True))
    coefficients = dict(zip(found.calibration["zernike_noll"], found.calibration["zernike_rad"], strict=True))
    assert coefficients[5] == pytest.approx(0.4, abs=0.02)
    assert coefficients[6] == pytest.approx(-0.3, abs=0.02)
    assert error_of(found, sample, acquisition) < 0.05 * error_of(
        blind, sample, acquisition
    )  # measured 0.001 and 0.109


def test_directions_are_found() -> None:
    acquisition, sample = coded_scene()
    moved = FIVE_LEDS + np.random.default_rng(3).normal(0, 0.002, FIVE_LEDS.shape)
    wrong = acquisition.replace(illumination_na=moved)
    found = result_of(wrong, recover_pupil=False, correct_directions=True, steps=80)
    left = np.sqrt(((found.calibration["illumination_na"] - FIVE_LEDS) ** 2).mean())
    assert left < 0.4 * np.sqrt(((moved - FIVE_LEDS) ** 2).mean())
    blind = result_of(wrong, recover_pupil=False)
    assert error_of(found, sample, acquisition) < 0.25 * error_of(
        blind, sample, acquisition
    )  # measured 0.004 and 0.044


def test_gains_are_found() -> None:
    gains = np.array([1.1, 0.8, 1.2, 0.9, 1.0])
    acquisition, _ = coded_scene(gains=gains)
    found = result_of(acquisition, recover_pupil=False, recover_gain=True, steps=80)
    assert found.calibration["gains"] == pytest.approx(gains, abs=0.03)


@pytest.mark.parametrize(("surface", "share"), [("profile", 0.05), ("full", 0.95)])
def test_a_surface_that_is_not_quite_as_given_is_improved(surface: str, share: float) -> None:
    """All its pixels are more than five frames can tell; the strength of its phase is not."""
    acquisition, _ = coded_scene()
    true = np.asarray(acquisition.coded_surface)
    weak = np.abs(true) * np.exp(0.85j * np.angle(true))
    wrong = acquisition.replace(coded_surface=weak)
    found = result_of(wrong, recover_pupil=False, surface=surface, steps=80)
    assert relative_error(found.calibration["coded_surface"], true) < share * relative_error(weak, true)


def test_progress_runs_to_its_end() -> None:
    progress = [e for e in events_of(coded_scene((12, 12))[0], passes=3, steps=4) if isinstance(e, Progress)]
    assert all(a.done < b.done for a, b in itertools.pairwise(progress))
    assert progress[-1].done == progress[-1].total


def test_it_is_what_is_recommended() -> None:
    assert recommended(coded_scene()[0]) == ("coded-fpm", {})
    assert recommended(scene()[0])[0] == "fpm-auto"


@pytest.mark.parametrize("method", ["fpm-sequential", "fpm-inr", "fpm-per-slice", "quasi-newton"])
def test_methods_that_know_no_surface_refuse(method: str) -> None:
    with pytest.raises(InputError, match="coded_surface is given, which this method's model of the microscope ignores"):
        events_of(coded_scene()[0], method=method)


def test_without_a_surface_it_refuses() -> None:
    with pytest.raises(InputError, match=r"coded_surface is missing; .* or choose method fpm-sequential"):
        events_of(scene()[0])

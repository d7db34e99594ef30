from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.optics.grids import centred_spectrum, image_of
from napari_neuralfield.optics.wide_field import seen_from
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.projection.near_light import NearLight
from napari_neuralfield.recon.verdict.leds import judge_leds
from napari_neuralfield.simulate.led_optics import Optics, led_frames, led_grid_na
from napari_neuralfield.simulate.spectra import seen
from napari_neuralfield.types import Done, Note, Result

SIDE, UP, HEIGHT = 96, 2, 15.0
OPTICS = Optics(objective_na=0.1, wavelength_um=0.5, pixel_um=1.6)
NA = led_grid_na(7, 1.2, 25.0, 0.15)
MIDDLE = np.array([(SIDE - 1) / 2 * 1.6] * 2)


def recording(sample: np.ndarray) -> LedArray:
    """What near LEDs show of a sample (y, x)."""
    axis = np.arange(SIDE * UP) * 1.6 / UP - MIDDLE[0]
    sphere = np.exp(1j * np.pi / (0.5 * 1000 * HEIGHT) * (axis[:, None] ** 2 + axis**2))
    light = led_frames((sample * sphere - 1)[None], np.zeros(1), NA, upsampling=UP, **OPTICS)
    return LedArray(
        frames=(1000 * light).astype(np.float32), illumination_na=NA, led_height_mm=HEIGHT, directions_at_um=MIDDLE,
        **OPTICS,
    )  # fmt: skip


def test_the_slope_of_the_light_is_the_change_of_its_directions() -> None:
    light = NearLight.of(recording(np.ones((SIDE * UP,) * 2, complex)))
    assert light is not None
    phase = (
        image_of(light.lit(centred_spectrum(torch.ones((1, SIDE, SIDE), dtype=torch.complex128))))[0].angle().numpy()
    )
    here = 70
    slope = np.angle(np.exp(1j * (phase[here + 1, 40] - phase[here - 1, 40]))) / (2 * 1.6)
    away = np.array([here * 1.6, 0]) - MIDDLE * [1, 0]
    change = seen_from(np.zeros((1, 2)), HEIGHT, away)[0, 0]
    assert slope / (2 * np.pi) == pytest.approx(change / 0.5, rel=1e-3)


def test_what_is_lit_and_freed_is_as_before() -> None:
    light = NearLight(1e-3, (30.0, 50.0), (96.0, 96.0))
    spectra = centred_spectrum(torch.randn((2, 33, 35), dtype=torch.complex128))
    torch.testing.assert_close(light.freed(light.lit(spectra)), spectra)


def test_a_field_in_one_piece_is_without_the_sphere_of_its_light() -> None:
    rng = np.random.default_rng(3)
    far = np.hypot(*np.meshgrid(*[np.fft.fftfreq(SIDE * UP)] * 2))
    clouds = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE * UP,) * 2)) / (0.03 + far)).real
    sample = np.exp((0.3j - 0.1) * clouds / clouds.std())
    truth = seen(sample, 1.6 / UP, NA / 0.5, 0.1 / 0.5)

    def off(**options: object) -> tuple[float, Result]:
        recipe = build_recipe("fpm-sequential", {"z_um": 0.0, "recover_pupil": False, "recover_gain": False, **options})
        *events, last = reconstruct(recording(sample), recipe)
        assert isinstance(last, Done)
        said = any("spherical wave of near LEDs, 5 rad" in event.text for event in events if isinstance(event, Note))
        assert said == options.get("flat_light", True)
        y, x = (np.arange(SIDE * UP) * 1.6 / UP for _ in range(2))
        inner = np.s_[24:-24, 24:-24]
        values, wanted = last.result.field.render([0.0], y, x)[0].numpy()[inner], truth[inner]
        factor = np.vdot(values, wanted) / np.vdot(values, values)
        return float(np.linalg.norm(factor * values - wanted) / np.linalg.norm(wanted)), last.result

    (flat, found), (bent, _) = off(), off(flat_light=False)
    print(flat, bent)
    assert flat < 0.1
    assert bent > 3 * flat
    assert judge_leds(recording(sample), found).level == "green"

"""Virtual scans against the differentiable models, with which they share no code, and against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_neuralfield.data.acquisition import CodedPtychography, Ptychography
from napari_neuralfield.forward import spatially_coded
from napari_neuralfield.forward.ptychography import kernel, predict
from napari_neuralfield.forward.scan import scan_of
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum, to_centre
from napari_neuralfield.optics.propagation import angular_spectrum, filtered
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.simulate import led_optics as virtual_leds
from napari_neuralfield.simulate import phantoms
from napari_neuralfield.simulate import scan_optics as virtual_scans
from napari_neuralfield.simulate.coded_fpm import coded_fpm
from napari_neuralfield.simulate.scans import coded, far_field, near_field

BRIGHT = 1e12  # counts: what is left is the difference of two models, not noise


def predicted(acquisition: Any, truth: dict[str, Any]) -> np.ndarray:
    """What `forward.ptychography` makes of the truth: amplitudes (frame, y, x)."""
    scan = scan_of(acquisition)
    sign = -1 if isinstance(acquisition, CodedPtychography) else 1
    place = torch.as_tensor((sign * truth["positions_um"] - np.array(scan.origin_um)) / scan.pixel_um)
    object_array = torch.tensor(truth["object"])
    if sign < 0:
        away = angular_spectrum(scan.object_shape, scan.pixel_um, truth["object_to_surface_um"], truth["wavelength_um"])
        object_array = filtered(object_array, away)
        probe = torch.tensor(truth["coded_surface"])[None]
        free = kernel(scan, truth["surface_to_sensor_um"], truth["wavelength_um"])
    else:
        probe, free = torch.tensor(truth["probe"]), kernel(scan)
    found = predict(object_array, probe, scan, torch.arange(scan.frames), place, free)
    return torch.sqrt(to_centre(found) if scan.geometry == "far_field" else found).numpy()


def misfit(acquisition: Any, truth: dict[str, Any], border: int = 0) -> float:
    inside = (slice(None), *[slice(border, n - border) for n in acquisition.frame_shape])
    measured, found = np.sqrt(acquisition.intensity())[inside], predicted(acquisition, truth)[inside]
    return float(np.linalg.norm(found - measured) / np.linalg.norm(measured))


@pytest.mark.parametrize("path", ["spiral", "raster"])
@pytest.mark.parametrize("modes", [1, 3])
def test_far_field_frames_are_those_of_the_model(path: Any, modes: int) -> None:
    acquisition, truth = far_field(
        1, pixels=64, spot=30, frames=9, path=path, modes=modes, counts=BRIGHT, position_error_px=2.5
    )
    assert misfit(acquisition, truth) < 3e-4  # measured 1.7e-4: the spot ends softly
    assert np.abs(acquisition.positions_um - truth["positions_um"]).max() < 2.5 * acquisition.object_pixel_um


def test_near_field_frames_are_those_of_the_model_inside_the_frame() -> None:
    acquisition, truth = near_field(1, frames=4, counts=BRIGHT, magnification=300.0, distance_um=1000.0)
    assert acquisition.detector_pixel_um == pytest.approx(300 * acquisition.object_pixel_um)
    assert misfit(acquisition, truth, border=32) < 4e-3  # measured 1.7e-3
    assert misfit(acquisition, truth) > 0.03  # light from outside the window, which no model of the window has


def test_near_field_agrees_to_the_last_digit_where_nothing_comes_from_outside() -> None:
    rng = np.random.default_rng(0)
    world = 1 + phantoms.texture_phantom((96, 96), rng)[0][0]
    probe = virtual_scans.speckle((64, 64), rng, grain=2.0, phase_rad=1.0, contrast=0.2)
    corners = np.array([[9.0, 4.0], [20.0, 13.0], [4.0, 17.0], [12.0, 6.0]])
    frames = virtual_scans.near_frames(world, probe, corners, pixel_um=0.1, distance_um=2000, wavelength_um=1e-4)
    acquisition, _ = near_field(frames=4, pixels=64)
    acquisition = acquisition.replace(
        frames=frames.astype(np.float32), positions_um=corners * 0.1, distance_um=2000.0, probe=probe[None]
    )
    truth = {"positions_um": corners * 0.1, "probe": probe[None].astype(np.complex64)}
    scan = scan_of(acquisition)
    at = virtual_scans.part(world, np.round(np.array(scan.origin_um) / 0.1), scan.object_shape)
    assert misfit(acquisition, truth | {"object": at.astype(np.complex64)}) < 2e-6


def test_coded_frames_are_those_of_the_model_with_its_errors_taken_back() -> None:
    acquisition, truth = coded(
        1, pixels=32, frames=6, photons=BRIGHT, position_error_px=3, distance_error=0.05, wavelength_error=-0.02
    )
    assert scan_of(acquisition).periodic
    assert acquisition.surface_to_sensor_um == pytest.approx(1.05 * truth["surface_to_sensor_um"])
    assert acquisition.wavelength_um == pytest.approx(0.98 * truth["wavelength_um"])
    assert misfit(acquisition, truth) < 2e-6


def test_coded_frames_with_open_borders_agree_inside() -> None:
    acquisition, truth = coded(
        1, pixels=64, frames=3, photons=BRIGHT, periodic=False, border=128, object_to_surface_um=30.0,
        surface_to_sensor_um=60.0,
    )  # fmt: skip
    assert not scan_of(acquisition).periodic
    assert misfit(acquisition, truth, border=24) < 3e-3  # measured 1.0e-3
    assert misfit(acquisition, truth) > 0.03


def test_gain_and_background_of_coded_frames_are_in_the_truth() -> None:
    options: dict[str, Any] = {"pixels": 16, "frames": 5, "photons": BRIGHT}
    plain, _ = coded(3, **options)
    other, truth = coded(3, **options, gain_spread=0.3, background=0.1)
    assert np.ptp(truth["gains"]) > 0.1
    expected = truth["gains"][:, None, None] * plain.intensity() + truth["background"][:, None, None]
    assert np.allclose(other.intensity(), expected, rtol=1e-4)


@pytest.mark.parametrize("name", [n for n in SIMULATORS if n.startswith(("far", "near", "coded"))])
def test_every_truth_lies_on_the_canvas_of_its_acquisition(name: str) -> None:
    acquisition, truth = SIMULATORS[name](2)
    assert truth["seen"].shape == truth["object"].shape
    assert truth["seen"].mean() > 0.2
    if isinstance(acquisition, Ptychography | CodedPtychography):
        scan = scan_of(acquisition)
        assert truth["object"].shape == scan.object_shape
        assert truth["origin_um"] == pytest.approx(np.array(scan.origin_um))
        assert truth["pixel_um"] == pytest.approx(scan.pixel_um)
        assert np.abs(truth["object"]).std() > 0.02


def test_what_an_acquisition_does_not_say_is_left_out() -> None:
    assert coded(0, pixels=16, frames=4, surface_known=False)[0].coded_surface is None
    assert coded(0, pixels=16, frames=4, positions_known=False)[0].positions_um is None
    assert coded_fpm(0, pixels=16, surface_known=False)[0].coded_surface is None
    assert near_field(0, pixels=32, frames=4, border=8)[0].probe is None
    assert far_field(0, pixels=32, spot=14, frames=4, probe="none")[0].probe is None


def test_light_spreads_from_a_slit_as_the_formula_says() -> None:
    """A Gaussian of waist w0 is sqrt(1 + (z / zR)^2) times as wide after z, zR = pi w0^2 / wavelength."""
    x = np.arange(256) - 128.0
    waist, wavelength, distance = 8.0, 0.5, 300.0
    beam = np.exp(-(x[:, None] ** 2 + x[None, :] ** 2) / waist**2)
    far = np.abs(virtual_scans.free_space(beam, 1.0, distance, wavelength)) ** 2
    width = 2 * np.sqrt((far * x[:, None] ** 2).sum() / far.sum())
    assert width == pytest.approx(waist * np.hypot(1, distance * wavelength / (np.pi * waist**2)), rel=2e-3)


def test_the_spot_is_as_wide_as_asked_and_dark_at_its_borders() -> None:
    probe = virtual_scans.focused_probe(96, 50.0, modes=3)
    assert (np.abs(probe) ** 2).sum() == pytest.approx(1)
    assert (np.abs(probe) ** 2).sum((1, 2)) == pytest.approx([0.85, 0.075, 0.075])
    light = (np.abs(probe[0]) ** 2).sum(0)
    assert abs((light * np.arange(96)).sum() / light.sum() - 48) < 0.1
    r = np.hypot(*(np.indices((96, 96)) - 48))
    inside = (np.abs(probe[0]) ** 2)[r <= 25].sum() / 0.85
    assert 0.9 < inside < 0.99
    assert np.abs(probe[0][0]).max() < 2e-3 * np.abs(probe[0]).max()


def test_a_coded_surface_of_glass_changes_nothing_at_no_distance() -> None:
    """Without code and distance the sensor sees the pooled image of an ordinary LED microscope."""
    optics: dict[str, Any] = {"objective_na": 0.1, "wavelength_um": 0.529}
    layer = phantoms.cell_phantom((64, 64), np.random.default_rng(0), count=3)[0].sum(0)
    na = np.array([[0.0, 0.0], [0.05, -0.11]])
    frames = virtual_leds.coded_led_frames(
        layer, np.ones((64, 64)), na, pixel_um=0.8, upsampling=4, distance_um=0.0, **optics
    )
    fine = virtual_leds.led_frames(layer[None], np.zeros(1), na, pixel_um=0.2, upsampling=1, **optics)
    assert np.allclose(frames, fine.reshape(2, 16, 4, 16, 4).mean((2, 4)))


def test_coded_led_frames_are_those_of_the_model() -> None:
    acquisition, truth = coded_fpm(1, pixels=32, electrons=BRIGHT, zernike_rad={5: 0.3, 7: -0.2})
    camera = spatially_coded.camera_of(acquisition)
    spectrum = fit_spectrum(centred_spectrum(torch.tensor(truth["object"])), camera.plan.spectrum_shape)
    terms, values = (5, 7), torch.tensor([0.3, -0.2])
    leds = np.arange(acquisition.frame_count)
    found = np.sqrt(spatially_coded.predict(spectrum, camera, leds, noll=terms, zernike_rad=values).numpy())
    measured = np.sqrt(acquisition.intensity())
    off = np.linalg.norm(found - measured, axis=(1, 2)) / np.linalg.norm(measured, axis=(1, 2))
    assert off.max() < 1e-4  # each frame, the dark ones too; measured 4e-5


def test_behind_a_coded_surface_oblique_light_moves_sideways() -> None:
    """The sensor, `distance` behind the surface, sees its grains moved by distance * tan of the light's angle."""
    surface = virtual_scans.speckle((128, 128), np.random.default_rng(1), grain=3.0, phase_rad=0.0, contrast=0.2)
    na, distance = np.array([[0.0, 0.0], [0.0, 0.08]]), 30.0
    straight, oblique = virtual_leds.coded_led_frames(
        np.zeros((128, 128), complex), surface, na, objective_na=0.1, wavelength_um=0.5, pixel_um=0.4,
        upsampling=1, distance_um=distance,
    )  # fmt: skip
    both = np.fft.ifft2(np.fft.fft2(oblique) * np.fft.fft2(straight).conj()).real
    peak = np.unravel_index(both.argmax(), both.shape)
    assert peak == (0, round(distance * 0.08 / np.sqrt(1 - 0.08**2) / 0.4))

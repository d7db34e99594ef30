"""The model of a microscope with a coded surface, against the plain simulator and against itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from coded_scene import FIVE_LEDS, PIXEL_UM, SENSOR_UM, TO_SENSOR_UM, coded_scene
from scene import scene

from napari_neuralfield.forward import fourier, spatially_coded
from napari_neuralfield.forward.spatially_coded import CodedCamera, camera_of, predict
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum
from napari_neuralfield.types import InputError

EVERY = np.arange(len(FIVE_LEDS))


def exact(camera: CodedCamera, sample: np.ndarray) -> torch.Tensor:
    return fit_spectrum(centred_spectrum(torch.from_numpy(sample)), camera.plan.spectrum_shape)


def with_surface(camera: CodedCamera, acquisition) -> CodedCamera:
    """In double precision."""
    return dataclasses.replace(camera, surface=torch.from_numpy(np.array(acquisition.coded_surface, complex)))


@pytest.mark.parametrize("shape", [(24, 20), (21, 25)])
def test_the_truth_predicts_the_frames(shape: tuple[int, int]) -> None:
    """Directions between bins, odd sizes, aberrations, a surface: nothing but rounding is left."""
    terms = {5: 0.4, 8: -0.3}
    acquisition, sample = coded_scene(shape, zernike_rad=terms)
    camera = with_surface(camera_of(acquisition), acquisition)
    coefficients = torch.tensor(list(terms.values()), dtype=torch.float64)
    predicted = predict(exact(camera, sample), camera, EVERY, noll=tuple(terms), zernike_rad=coefficients).numpy()
    frames = np.asarray(acquisition.frames)
    assert np.linalg.norm(predicted - frames) < 1e-6 * np.linalg.norm(frames)


def test_without_surface_and_distance_it_is_ordinary_fourier_ptychography() -> None:
    acquisition, sample = scene((24, 24))
    clear = acquisition.replace(coded_surface=np.ones((24, 24)), surface_to_sensor_um=0.0, sensor_pixel_um=4.0)
    camera = camera_of(clear)
    predicted = predict(exact(camera, sample), camera, np.arange(len(acquisition.illumination_na)))
    frames = np.asarray(acquisition.frames)
    assert np.linalg.norm(predicted.numpy() - frames) < 1e-6 * np.linalg.norm(frames)


def test_a_clear_surface_far_from_the_sensor_is_a_defocus() -> None:
    """Free space behind the image is the sample's defocus, exactly so without magnification."""
    acquisition, sample = scene((24, 24), z_um=9.0)
    magnified = acquisition.pixel_um
    clear = acquisition.replace(coded_surface=np.ones((24, 24)), surface_to_sensor_um=9.0, sensor_pixel_um=magnified)
    camera = camera_of(clear)
    assert camera.distance_um == pytest.approx(9.0)
    predicted = predict(exact(camera, sample), camera, np.arange(len(acquisition.illumination_na)))
    frames = np.asarray(acquisition.frames)
    assert np.linalg.norm(predicted.numpy() - frames) < 1e-5 * np.linalg.norm(frames)


def test_it_is_differentiable_in_everything() -> None:
    acquisition, sample = coded_scene((6, 6), FIVE_LEDS[:2])
    camera = with_surface(camera_of(acquisition), acquisition)
    leds = np.arange(2)
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int, scale: float = 1.0) -> torch.Tensor:
        return (scale * torch.randn(*shape, dtype=torch.float64, generator=generator)).requires_grad_()

    spectrum = exact(camera, sample).detach().requires_grad_()
    surface = camera.surface.clone().requires_grad_()
    values = random(2, scale=0.2), random(2, 2, scale=1e-3), torch.ones(2, dtype=torch.float64, requires_grad=True)
    light, distance = random(2, 1, 1, scale=0.01), torch.tensor(10.0, dtype=torch.float64, requires_grad=True)

    def model(spectrum, surface, zernike, moved, gain, background, distance):
        return predict(
            spectrum, camera, leds, surface=surface, noll=(5, 8), zernike_rad=zernike, na_shift=moved, gain=gain,
            background=background, distance_um=distance, edge=0.1,
        )  # fmt: skip

    assert torch.autograd.gradcheck(model, (spectrum, surface, *values, light, distance), fast_mode=True)


def test_the_corrections_of_directions_are_directions() -> None:
    """A model with directions corrected is the model of the true directions."""
    acquisition, sample = coded_scene()
    wrong = acquisition.replace(illumination_na=FIVE_LEDS + np.array([0.0007, -0.0004]))
    camera = camera_of(wrong)
    shift = torch.tensor([-0.0007, 0.0004]).expand(len(FIVE_LEDS), 2)
    spectrum = exact(camera, sample).to(torch.complex64)
    frames = np.asarray(acquisition.frames)
    as_believed = predict(spectrum, camera, EVERY).numpy()
    moved = predict(spectrum, camera, EVERY, na_shift=shift).numpy()
    assert np.linalg.norm(moved - frames) < 1e-4 * np.linalg.norm(frames)
    assert np.linalg.norm(as_believed - frames) > 5e-3 * np.linalg.norm(frames)


def test_what_is_measured_is_in_units_of_the_empty_microscope() -> None:
    acquisition, sample = coded_scene()
    camera = camera_of(acquisition)
    measured = spatially_coded.measure(acquisition, camera)
    predicted = predict(exact(camera, sample).to(torch.complex64), camera, EVERY) / measured.scale
    assert torch.allclose(measured.amplitude, predicted.sqrt(), atol=1e-4)
    assert measured.scale == pytest.approx(1, abs=0.25)
    brighter = acquisition.replace(frames=5e3 * np.asarray(acquisition.frames))
    assert torch.allclose(spatially_coded.measure(brighter, camera).amplitude, measured.amplitude, rtol=1e-5)


@pytest.mark.parametrize("name", ["surface_to_sensor_um", "sensor_pixel_um", "coded_surface"])
def test_what_is_missing_is_named(name: str) -> None:
    acquisition = dataclasses.replace(coded_scene()[0], **{name: None})
    with pytest.raises(InputError, match=rf"coded\.acq\.h5: {name} is missing; spatially coded Fourier"):
        camera_of(acquisition)


def test_a_surface_that_does_not_divide_is_refused() -> None:
    acquisition = dataclasses.replace(coded_scene()[0], coded_surface=np.ones((128, 111), complex))
    with pytest.raises(
        InputError, match="coded_surface has 128 x 111 pixels, a frame 32 x 28; it must hold the same whole"
    ):
        camera_of(acquisition)


def test_the_ordinary_model_refuses_a_coded_surface() -> None:
    with pytest.raises(InputError, match=r"coded\.acq\.h5: coded_surface is given, which this method's model"):
        fourier.windows(coded_scene()[0])


def test_the_camera_is_the_acquisitions() -> None:
    camera = camera_of(coded_scene()[0])
    assert camera.magnification == pytest.approx(SENSOR_UM / PIXEL_UM)
    assert camera.distance_um == TO_SENSOR_UM
    assert camera.upsampling == 4

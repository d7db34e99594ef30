"""The fast forward model against the plain simulator, closed forms and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scene import OBJECTIVE_NA, PIXEL_UM, WAVELENGTH_UM, board, scene

from napari_neuralfield.forward import fourier
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum, resample
from napari_neuralfield.optics.pupil import zernike
from napari_neuralfield.types import InputError

SHAPES = [(32, 32), (31, 31), (40, 33), (27, 48)]


def spectrum_of(sample: np.ndarray, plan: fourier.Windows) -> torch.Tensor:
    return fit_spectrum(centred_spectrum(torch.from_numpy(sample)), plan.spectrum_shape)[None]


def predicted(sample: np.ndarray, plan: fourier.Windows, z_um: float, aberration=None) -> torch.Tensor:
    """Intensity (led, y, x), in float64."""
    pupil = fourier.pupils(plan, slice(None), torch.tensor([z_um], dtype=torch.float64), aberration)
    return fourier.predict(spectrum_of(sample, plan), pupil, plan.corner, plan.image_shape)[:, 0].abs() ** 2


@pytest.mark.parametrize("z_um", [0.0, -9.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_cropping_loses_nothing_and_both_equal_the_plain_simulation(shape: tuple[int, int], z_um: float) -> None:
    acquisition, sample = scene(shape, z_um)
    truth = torch.from_numpy(np.asarray(acquisition.frames))
    whole, cropped = (fourier.windows(acquisition, crop=c) for c in (False, True))
    assert whole.image_shape == shape
    assert np.prod(cropped.image_shape) < np.prod(shape)
    for a in (0, 1):
        assert cropped.spectrum_shape[a] < sample.shape[a]
    assert (predicted(sample, whole, z_um) - truth).abs().max() < 1e-10
    found = predicted(sample, cropped, z_um)
    assert (found - resample(truth, cropped.image_shape)).abs().max() < 1e-10
    assert (resample(found, shape) - truth).abs().max() < 1e-10


def test_in_single_precision_the_error_stays_at_1e_5() -> None:
    acquisition, sample = scene((40, 33), 12.0)
    plan = fourier.windows(acquisition)
    pupil = fourier.pupils(plan, slice(None), torch.tensor([12.0]))
    assert pupil.dtype == torch.complex64
    found = fourier.predict(spectrum_of(sample, plan).to(torch.complex64), pupil, plan.corner, plan.image_shape)
    measured = fourier.measure(acquisition, plan)
    amplitude, scale = measured.amplitude, measured.scale
    assert (found[:, 0].abs() / scale**0.5 - amplitude).abs().max() < 1e-5


def test_the_part_of_a_bin_that_is_left_over_matters() -> None:
    acquisition, sample = scene((32, 32), 5.0)
    truth = torch.from_numpy(np.asarray(acquisition.frames))
    rounded = predicted(sample, fourier.windows(acquisition, crop=False, exact=False), 5.0)
    assert (rounded - truth).norm() / truth.norm() > 0.03


def test_an_aberration_multiplies_the_pupil() -> None:
    cutoff = OBJECTIVE_NA / WAVELENGTH_UM

    def bent(fy, fx):
        fy, fx = torch.as_tensor(fy), torch.as_tensor(fx)
        return torch.exp(1j * (0.8 * zernike(5, fy, fx, cutoff) - 0.5 * zernike(7, fy, fx, cutoff)))

    on_bins = board(3) * 0  # one aberration serves all LEDs where they lie on bins
    on_bins[:, 0] = np.round(board(3)[:, 0] * 32 * PIXEL_UM / WAVELENGTH_UM) * WAVELENGTH_UM / (32 * PIXEL_UM)
    acquisition, sample = scene((32, 32), 3.0, on_bins, pupil=lambda fy, fx: bent(fy, fx).numpy())
    plan = fourier.windows(acquisition, crop=False)
    fy, fx = fourier.pupil_frequencies(plan, np.array([0]), dtype=torch.float64)
    found = predicted(sample, plan, 3.0, bent(fy[0], fx[0]))
    assert (found - torch.from_numpy(np.asarray(acquisition.frames))).abs().max() < 1e-6


def test_several_depths_are_each_depth_alone() -> None:
    acquisition, sample = scene()
    plan = fourier.windows(acquisition)
    z = torch.tensor([-8.0, 0.0, 3.0], dtype=torch.float64)
    spectrum = spectrum_of(sample, plan).expand(3, -1, -1)
    together = fourier.predict(spectrum, fourier.pupils(plan, [4, 7], z), plan.corner[[4, 7]], plan.image_shape)
    assert together.shape == (2, 3, *plan.image_shape)
    for k in range(3):
        assert torch.allclose(together[:, k].abs() ** 2, predicted(sample, plan, float(z[k]))[[4, 7]], atol=1e-12)


def test_an_empty_slide_is_bright_or_dark() -> None:
    acquisition, _ = scene((24, 24), na=np.array([[0.0, 0.0], [0.0, 0.199], [-0.201, 0.0]]))
    plan = fourier.windows(acquisition)
    images = predicted(np.ones((48, 48), complex), plan, 7.0)
    assert images.amax(dim=(1, 2)).tolist() == pytest.approx([1, 1, 0], abs=1e-12)
    assert images.amin(dim=(1, 2)).tolist() == pytest.approx([1, 1, 0], abs=1e-12)


def small_problem():
    """A 12 x 13 recording with three LEDs: plan, random object and aberration, in float64."""
    acquisition, _ = scene((12, 13), na=np.array([[0.0, 0.0], [0.041, -0.033], [-0.07, 0.02]]))
    plan = fourier.windows(acquisition)
    numbers = torch.Generator().manual_seed(0)
    spectrum = torch.randn(1, *plan.spectrum_shape, dtype=torch.complex128, generator=numbers)
    aberration = torch.randn(plan.box, dtype=torch.complex128, generator=numbers)
    return plan, spectrum, aberration


def test_prediction_and_its_gradient_are_adjoint() -> None:
    plan, spectrum, aberration = small_problem()
    z = torch.tensor([4.0], dtype=torch.float64)
    pupil = fourier.pupils(plan, slice(None), z, aberration)

    def forward(s: torch.Tensor) -> torch.Tensor:
        return fourier.predict(s, pupil, plan.corner, plan.image_shape)

    spectrum.requires_grad_()
    other = torch.randn(3, 1, *plan.image_shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    image = forward(spectrum)
    (back,) = torch.autograd.grad(image, spectrum, other)
    assert complex(torch.vdot(other.ravel(), image.detach().ravel())) == pytest.approx(
        complex(torch.vdot(back.ravel(), spectrum.detach().ravel())), rel=1e-12
    )


def test_intensity_has_gradients_in_object_aberration_depth_and_direction() -> None:
    plan, spectrum, aberration = small_problem()
    z = torch.tensor([4.0], dtype=torch.float64)
    shift = torch.tensor([[0.0, 0.0], [0.01, 0.002], [-0.013, 0.005]], dtype=torch.float64)

    def intensity(spectrum, aberration, z, shift):
        pupil = fourier.pupils(plan, slice(None), z, aberration, shift, edge=0.1)
        return fourier.predict(spectrum, pupil, plan.corner, plan.image_shape).abs() ** 2

    inputs = [t.clone().requires_grad_() for t in (spectrum, aberration, z, shift)]
    assert torch.autograd.gradcheck(intensity, inputs, fast_mode=True)
    rest = [t.detach() for t in inputs[:3]]
    assert torch.autograd.gradcheck(lambda s: intensity(*rest, s), (inputs[3],), atol=1e-4)


def test_a_shifted_direction_is_the_direction_itself() -> None:
    acquisition, sample = scene((32, 32), 6.0)
    shift = torch.tensor([[0.012, -0.009]], dtype=torch.float64).expand(25, 2)
    moved = acquisition.replace(illumination_na=np.asarray(acquisition.illumination_na) - shift.numpy())
    plan = fourier.windows(moved)
    assert not np.array_equal(plan.corner, fourier.windows(acquisition).corner)
    pupil = fourier.pupils(plan, slice(None), torch.tensor([6.0], dtype=torch.float64), na_shift=shift)
    found = fourier.predict(spectrum_of(sample, plan), pupil, plan.corner, plan.image_shape)[:, 0].abs() ** 2
    truth = resample(torch.from_numpy(np.asarray(acquisition.frames)), plan.image_shape)
    # the window has a margin of one bin; a shift that crosses half a bin stays inside it
    assert (found - truth).abs().max() < 1e-10


def test_a_measurement_does_not_depend_on_the_chunks_nor_on_the_unit_of_light() -> None:
    acquisition, _ = scene((31, 40))
    plan = fourier.windows(acquisition)
    measured = fourier.measure(acquisition, plan)
    amplitude, scale = measured.amplitude, measured.scale
    in_parts = fourier.measure(acquisition, plan, chunk=4).amplitude
    counts = acquisition.replace(frames=1000.0 * np.asarray(acquisition.frames))
    more = fourier.measure(counts, plan)
    brighter, brighter_scale = more.amplitude, more.scale
    assert torch.equal(amplitude, in_parts)
    assert brighter_scale == pytest.approx(1000 * scale, rel=1e-6)
    assert torch.allclose(brighter, amplitude, atol=1e-6)


def test_what_cannot_be_used_is_said() -> None:
    acquisition, _ = scene()
    with pytest.raises(InputError, match=r"pixel_um is 3 um, too coarse for NA 0\.2 at 0\.5 um \(at most 1\.25 um\)"):
        fourier.windows(acquisition.replace(pixel_um=3.0))
    dark = acquisition.replace(frames=np.zeros((25, 32, 32)))
    with pytest.raises(InputError, match="the bright-field frames have a mean of 0; frames must hold light"):
        fourier.measure(dark, fourier.windows(dark))


def test_a_measured_pupil_is_cut_to_the_window() -> None:
    acquisition, _ = scene((32, 31), na=board(3))
    pupil = np.arange(32 * 31).reshape(32, 31) * (1 + 0.5j)
    plan = fourier.windows(acquisition.replace(pupil=pupil))
    top, left = 16 - plan.box[0] // 2, 15 - plan.box[1] // 2
    assert plan.pupil is not None
    assert np.array_equal(plan.pupil, pupil[top : top + plan.box[0], left : left + plan.box[1]].astype(np.complex64))
    assert fourier.windows(acquisition).pupil is None


def test_a_measured_pupil_is_read_at_the_exact_frequency_of_each_led() -> None:
    """A phase of low curvature, given on bins, must act between them as its formula does."""
    acquisition, _ = scene((64, 64), na=board(5))
    plan = fourier.windows(acquisition)
    axes = [(np.arange(64) - 32) * step / plan.cutoff for step in plan.bin]

    def phase(y, x):
        return 0.9 * y * x + 0.5 * (y**2 - x**2) + 0.3 * y

    pupil = np.exp(1j * phase(axes[0][:, None], axes[1][None, :]))
    given = fourier.windows(acquisition.replace(pupil=pupil))
    fy, fx = fourier.pupil_frequencies(plan)
    wanted = torch.polar(torch.ones(()), phase(fy / plan.cutoff, fx / plan.cutoff))
    inside = (fy**2 + fx**2) <= plan.cutoff**2
    error = (fourier.between_bins(given, slice(None)) - wanted).abs()[inside]
    assert float(error.max()) < 0.01  # without interpolation 0.1
    assert float((pupil_on_bins(given) - wanted).abs()[inside].max()) > 0.05


def pupil_on_bins(plan: fourier.Windows) -> torch.Tensor:
    assert plan.pupil is not None
    return torch.from_numpy(plan.pupil)[None]


def test_light_besides_the_led_stays_in_the_counts_and_is_told_as_floor() -> None:
    acquisition, _ = scene((32, 32), na=board(3))
    frames = acquisition.intensity()
    exposure = np.linspace(1, 2, len(frames))
    told = acquisition.replace(
        frames=(exposure[:, None, None] * frames + 0.05).astype(np.float32),
        background=np.full((32, 32), 0.05),
        exposure=exposure,
    )
    plan = fourier.windows(acquisition)
    plain, found = fourier.measure(acquisition, plan), fourier.measure(told, plan)
    assert torch.allclose(found.floor, torch.full((9,), 0.05 / found.scale))
    assert float(found.gain.mean()) == pytest.approx(1)
    counts = plain.amplitude**2 * plain.scale * torch.tensor(exposure, dtype=torch.float32)[:, None, None] + 0.05
    assert torch.allclose(found.amplitude**2 * found.scale, counts, atol=1e-4)
    assert torch.allclose(found.gain**2, torch.tensor(exposure / np.sqrt(exposure).mean() ** 2).float(), rtol=1e-5)
    assert told.intensity(per_exposure=False) == pytest.approx(told.intensity() * exposure[:, None, None], rel=1e-5)


def test_gradients_of_the_misfit_by_pupil_and_floor() -> None:
    generator = torch.Generator().manual_seed(2)
    spectrum = torch.randn((9, 9), dtype=torch.complex128, generator=generator)
    pupil = torch.randn((2, 5, 5), dtype=torch.complex128, generator=generator).requires_grad_()
    floor = torch.tensor([0.3, 0.1], dtype=torch.float64, requires_grad=True)
    amplitude = torch.rand((2, 8, 8), dtype=torch.float64, generator=generator)
    corner = np.array([[0, 0], [3, 2]])
    spectrum.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda s, p, f: fourier.misfit(s, p, corner, amplitude, f), (spectrum, pupil, floor), atol=1e-7
    )

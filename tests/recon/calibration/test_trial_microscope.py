"""A microscope that is being learnt has the optics of the forward model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scene import board, scene

from napari_neuralfield.forward import fourier
from napari_neuralfield.optics.pupil import wavefront
from napari_neuralfield.recon.calibration.trial_microscope import TrialMicroscope, strided_images

NOLL, COEFFICIENTS, Z_UM = (5, 8), np.array([0.4, -0.3]), 6.0


def microscope_of(acquisition) -> TrialMicroscope:
    na = np.asarray(acquisition.illumination_na)
    return TrialMicroscope(
        na=na, gain=np.ones(len(na)), floor=np.zeros(len(na)), noll=NOLL, coefficients=COEFFICIENTS, z_um=Z_UM,
        wavelength_um=acquisition.wavelength_um,
    )  # fmt: skip


def test_its_pupils_are_those_of_the_forward_model() -> None:
    acquisition, _ = scene((32, 29), na=board(3))
    known = np.exp(0.2j * np.arange(32)[:, None]) * np.ones((32, 29))
    for given in (acquisition, acquisition.replace(pupil=known)):
        microscope = microscope_of(given)
        plan, leds = microscope.plan(given), np.array([7, 2])
        fy, fx = fourier.pupil_frequencies(plan, leds)
        aberration = wavefront(NOLL, torch.tensor(COEFFICIENTS, dtype=torch.float32), fy, fx, plan.cutoff)
        wanted = fourier.pupils(plan, leds, torch.tensor([Z_UM]))[:, 0] * torch.exp(1j * aberration)
        assert torch.allclose(microscope.pupils(plan, leds), wanted, atol=1e-5)


def test_the_phase_is_the_sum_of_its_parts_and_may_be_given() -> None:
    acquisition, _ = scene(na=board(3))
    microscope, leds = microscope_of(acquisition), np.arange(9)
    plan = microscope.plan(acquisition)
    parts = microscope.phases(plan, leds)
    assert set(parts) == {"zernike_5", "zernike_8", "z_um"}
    flat = microscope.changed(z_um=0.0, coefficients=np.zeros(2))
    assert float(flat.phase(parts).abs().max()) == 0
    assert torch.equal(flat.changed(z_um=1.0).phase(parts), parts["z_um"])
    given = microscope.pupils(plan, leds, microscope.phase(parts))
    assert torch.allclose(given, microscope.pupils(plan, leds), atol=1e-5)


def test_moving_the_directions_moves_the_aperture() -> None:
    acquisition, _ = scene(na=board(3))
    microscope, leds, shift = microscope_of(acquisition), np.arange(9), (0.004, -0.007)
    plan = microscope.plan(acquisition)
    beyond = {**vars(plan), "remainder": plan.remainder + np.array(shift) / plan.wavelength_um}
    assert torch.equal(microscope.apertures(plan, leds, shift), microscope.apertures(fourier.Windows(**beyond), leds))


@pytest.mark.parametrize("shape", [(32, 32), (30, 33), (27, 40)])
def test_every_second_or_third_pixel_is_that_of_the_whole_image(shape: tuple[int, int]) -> None:
    """Also where the image's sides are no multiples."""
    plan = fourier.windows(scene(shape, na=board(3))[0], crop=False)
    spectra = torch.randn((2, *plan.box), dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    whole = torch.fft.ifft2(spectra, s=plan.image_shape, norm="forward")
    for stride in (1, 2, 3):
        assert torch.allclose(strided_images(spectra, plan, stride), whole[:, ::stride, ::stride], atol=1e-5)

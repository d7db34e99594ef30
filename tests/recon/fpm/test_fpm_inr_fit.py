import dataclasses

import numpy as np
import pytest
import torch
from scene import board, scene

from napari_neuralfield.fields.plane_axis import start_from_planes, start_linear
from napari_neuralfield.forward import fourier
from napari_neuralfield.forward.corrections import LedCorrections
from napari_neuralfield.forward.led_stack import LedStack
from napari_neuralfield.recon.engine.adam import Adam, warm_cosine
from napari_neuralfield.recon.engine.recipe import build
from napari_neuralfield.recon.fpm.fpm_inr import new_field
from napari_neuralfield.recon.fpm.fpm_inr_fit import field_error, fit


def test_the_written_out_adjoint_is_the_gradient_of_the_model() -> None:
    acquisition, _ = scene((24, 28), na=board(3))
    plan = fourier.windows(acquisition)
    generator = torch.Generator().manual_seed(0)
    measured = fourier.measure(acquisition, plan)
    amplitude = measured.amplitude
    spectrum = torch.randn(plan.spectrum_shape, dtype=torch.complex64, generator=generator).requires_grad_()
    aberration = torch.randn(plan.box, dtype=torch.complex64, generator=generator)
    pupil = fourier.pupils(plan, slice(None), torch.tensor([3.0]), aberration)
    fast = fourier.misfit(spectrum, pupil[:, 0], plan.corner, amplitude, measured.floor)
    image = fourier.predict(spectrum[None], pupil, plan.corner, plan.image_shape)[:, 0]
    plain = ((image.abs() - amplitude) ** 2).mean()
    assert float(fast.detach()) == pytest.approx(float(plain.detach()), rel=1e-5)
    wanted = torch.autograd.grad(plain, spectrum)[0]
    torch.testing.assert_close(torch.autograd.grad(fast, spectrum)[0], wanted, rtol=1e-3, atol=1e-6)


def test_the_adjoint_by_pupil_and_ambient_light() -> None:
    acquisition, _ = scene((20, 24), na=board(3))
    plan = fourier.windows(acquisition)
    amplitude, generator = fourier.measure(acquisition, plan).amplitude, torch.Generator().manual_seed(1)
    spectrum = torch.randn(plan.spectrum_shape, dtype=torch.complex64, generator=generator)
    pupil = torch.randn((9, *plan.box), dtype=torch.complex64, generator=generator).requires_grad_()
    floor = torch.linspace(0.1, 1.0, 9).requires_grad_()
    fast = fourier.misfit(spectrum, pupil, plan.corner, amplitude, floor)
    image = fourier.predict(spectrum[None], pupil[:, None], plan.corner, plan.image_shape)[:, 0]
    plain = ((torch.sqrt(image.abs() ** 2 + floor[:, None, None]) - amplitude) ** 2).mean()
    assert float(fast.detach()) == pytest.approx(float(plain.detach()), rel=1e-5)
    for found, wanted in zip(*(torch.autograd.grad(loss, (pupil, floor)) for loss in (fast, plain)), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-6)


def test_the_error_of_a_moved_field_is_that_of_a_moved_sample() -> None:
    acquisition, _ = scene((24, 24), 2.0, na=board(3))
    plan = fourier.windows(acquisition)
    measured, flat = fourier.measure(acquisition, plan), torch.ones(plan.box, dtype=torch.complex64)
    recipe = build("fpm-inr", {"features": 4, "hidden": 8}, "physics")
    depths, moved = np.array([-3.0, 3.0]), np.array([-1.0, 5.0])
    field = new_field(acquisition, recipe, depths, plan, 2)
    generator = torch.Generator().manual_seed(0)
    planes = 1 + 0.3 * torch.randn((2, *field.plane_shape), dtype=torch.complex64, generator=generator)
    start_from_planes(field, planes, generator)
    shown = field_error(field, plan, measured, flat, measured.gain, depths, moved_um=2.0)
    still = field_error(field, plan, measured, flat, measured.gain, depths)
    field.extent = dataclasses.replace(field.extent, z_um=(-1.0, 5.0))
    assert field_error(field, plan, measured, flat, measured.gain, moved) == pytest.approx(shown, rel=1e-6)
    assert shown != pytest.approx(still, rel=1e-3)


def test_leds_are_held_near_the_board() -> None:
    """Directions that a fit learns from noise spread less where LEDs are known to lie closer to the board."""
    acquisition, _ = scene((24, 24), na=board(3))
    plan = fourier.windows(acquisition)
    measured, flat = fourier.measure(acquisition, plan), torch.ones(plan.box, dtype=torch.complex64)
    recipe = build("fpm-inr", {"features": 2, "hidden": 4}, "physics")
    spread = {}
    for prior in (1e-4, 1.0):
        field = new_field(acquisition, recipe, np.zeros(1), plan, 1)
        start_linear(field, torch.Generator().manual_seed(0), 1.0)
        corrections = LedCorrections(plan, measured, {"directions": 1e-3})
        settings = {"steps": 40, "rate": 5e-3, "leds_per_step": 9, "seed": 0}
        leds = LedStack(plan, measured, field.extent, factor=flat, corrections=corrections, spread_na=prior)
        list(fit(field, leds, **settings))
        own = corrections.value("directions").detach()
        assert float(own.mean(0).abs().max()) < 1e-7
        spread[prior] = float(own.square().mean().sqrt())
    assert spread[1e-4] < 0.5 * spread[1.0]


def test_adam_takes_the_steps_of_torch() -> None:
    start = torch.randn(7, generator=torch.Generator().manual_seed(0))
    ours, theirs = start.clone().requires_grad_(), torch.nn.Parameter(start.clone())
    optimizer, reference = Adam([ours], 0.1, (0.8, 0.95)), torch.optim.Adam([theirs], 0.1, (0.8, 0.95))
    for _ in range(5):
        optimizer.step((ours**4).sum())
        reference.zero_grad()
        (theirs**4).sum().backward()
        reference.step()
    torch.testing.assert_close(ours.detach(), theirs.detach())


def test_the_rate_warms_up_and_ends_small() -> None:
    rates = [warm_cosine(step, 200) for step in range(200)]
    assert np.argmax(rates) in (6, 7, 8)
    assert rates[0] < 0.15
    assert rates[-1] < 0.03

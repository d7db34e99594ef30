import numpy as np
import pytest
import torch
from scene import board, scene

from napari_neuralfield.forward import fourier
from napari_neuralfield.recon.adam import Adam, warm_cosine


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

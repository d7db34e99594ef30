"""One pass of the solver in closed form, and what it must leave alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scene import relative_error, scene

from napari_neuralfield.forward import fourier
from napari_neuralfield.forward.led_grid import flat_spectra
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum, image_of
from napari_neuralfield.recon.engine.readings import squares
from napari_neuralfield.recon.projection.solver import Solver, remove_tilt


def set_up(acquisition, depths=(0.0,), spectra=None, aberration=None, gain=None) -> Solver:
    plan = fourier.windows(acquisition)
    measured = fourier.measure(acquisition, plan)
    spectra = flat_spectra(plan, len(depths), torch.device("cpu")) if spectra is None else spectra.clone()
    aberration = torch.ones(plan.box, dtype=torch.complex64) if aberration is None else aberration
    return Solver(plan, measured, np.array(depths), spectra, aberration, gain)


def truth_of(acquisition, sample: np.ndarray) -> torch.Tensor:
    """The spectrum (1, y, x) that gives the measured amplitudes exactly."""
    plan = fourier.windows(acquisition)
    scale = fourier.measure(acquisition, plan).scale
    exact = fit_spectrum(centred_spectrum(torch.from_numpy(sample)), plan.spectrum_shape) / scale**0.5
    return exact[None].to(torch.complex64)


def random_phase(shape: tuple[int, int]) -> torch.Tensor:
    angle = 6 * torch.rand(shape, generator=torch.Generator().manual_seed(5))
    return torch.polar(torch.ones(shape), angle)


def test_a_full_step_puts_the_measured_amplitude_into_the_window_of_its_led() -> None:
    """S_new = S + conj(P) F[(measured - |image|) image / |image|]: inside the pupil, the projected image itself."""
    acquisition, sample = scene(na=np.array([[0.043, -0.061]]))
    start = truth_of(acquisition, sample)
    start += 0.002 * torch.randn(start.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    solver = set_up(acquisition, (4.0,), start, random_phase(fourier.windows(acquisition).box))
    before, kernel = solver.image(0)[0], (solver.kernel(0) * solver.aberration)[0]
    wanted = solver.amplitude[0] * torch.exp(1j * before.angle())
    rows, columns = kernel.shape
    passed = torch.fft.fft2(wanted, norm="forward")[:rows, :columns] * (kernel.abs() > 0)
    list(solver.sweep(1.0, False, False))
    assert torch.allclose(solver.window(0)[0] * kernel, passed, atol=1e-6)
    y, x = solver.plan.corner[0]
    untouched = torch.ones(start.shape[-2:], dtype=torch.bool)
    untouched[y : y + rows, x : x + columns] = kernel.abs() == 0
    assert torch.equal(solver.spectra[0, untouched], start[0, untouched])


def test_one_led_is_fitted_by_full_steps_alone() -> None:
    acquisition, _ = scene(na=np.array([[0.013, -0.021]]))
    solver = set_up(acquisition)
    errors = []
    for _ in range(40):
        errors.append(solver.error())
        list(solver.sweep(1.0, False, False))
    assert all(after <= before + 1e-6 for before, after in itertools.pairwise(errors))
    assert errors[0] > 0.1
    assert errors[-1] < 0.25 * errors[0]


def test_the_truth_is_left_as_it_is() -> None:
    acquisition, sample = scene(z_um=6.0)
    truth = truth_of(acquisition, sample)
    solver = set_up(acquisition, (6.0,), truth)
    for _ in range(2):
        list(solver.sweep(1.0, True, True))
    assert solver.error() < 1e-5
    assert (solver.spectra - truth).norm() / truth.norm() < 2e-5
    assert (solver.gain - 1).abs().max() < 1e-5


def test_looking_changes_nothing_and_adds_up_to_the_error() -> None:
    acquisition, _ = scene()
    solver = set_up(acquisition, (-3.0, 5.0))
    before = solver.spectra.clone()
    misfits = list(solver.sweep(0.0, True, True))
    images = torch.stack([solver.image(led).abs() for led in range(len(solver.amplitude))])  # (led, z, y, x)
    expected = ((images - solver.amplitude[:, None]) ** 2).sum() / (2 * (solver.amplitude**2).sum())
    assert torch.equal(solver.spectra, before)
    assert (sum(squares(misfits)) / solver.total) ** 0.5 == pytest.approx(float(expected) ** 0.5, rel=1e-5)
    assert solver.error() == pytest.approx(float(expected) ** 0.5, rel=1e-5)


def test_depths_together_are_each_depth_alone() -> None:
    acquisition, _ = scene((32, 29), 3.0)
    depths = (-4.0, 0.0, 3.0)
    together = set_up(acquisition, depths)
    list(together.sweep(1.0, False, False))
    for k, z in enumerate(depths):
        alone = set_up(acquisition, (z,))
        list(alone.sweep(1.0, False, False))
        assert torch.allclose(together.spectra[k], alone.spectra[0], atol=1e-6)


def test_kernels_made_when_needed_are_those_made_at_once() -> None:
    acquisition, _ = scene(z_um=2.0)
    solver = set_up(acquisition, (2.0, 5.0))
    kept = [solver.kernel(led).clone() for led in range(3)]
    solver._kernels = None
    assert all(torch.equal(solver.kernel(led), kept[led]) for led in range(3))


def test_gains_are_found_with_the_object_known() -> None:
    gains = np.random.default_rng(0).uniform(0.7, 1.3, 25)
    acquisition, sample = scene(gains=gains)
    solver = set_up(acquisition, (0.0,), truth_of(acquisition, sample))
    for _ in range(12):
        list(solver.sweep(0.05, False, True))
    found = (solver.gain**2).numpy()
    assert np.abs(found / found.mean() / (gains / gains.mean()) - 1).max() < 0.02
    assert float(solver.gain.mean()) == pytest.approx(1, abs=1e-6)


def test_a_tilt_of_the_pupil_is_a_shift_of_the_object() -> None:
    acquisition, sample = scene()
    truth = truth_of(acquisition, sample)
    plan = fourier.windows(acquisition)
    bins = [torch.arange(n) - n // 2 for n in plan.box]
    tilt = torch.exp(1j * (0.31 * bins[0][:, None] - 0.17 * bins[1][None, :]))
    solver = set_up(acquisition, (0.0,), truth, tilt)
    inside = solver.kernel(0)[0].abs() > 0
    spectra, flat = remove_tilt(truth, tilt, inside)
    assert (flat * flat[plan.box[0] // 2, plan.box[1] // 2].conj() - 1).abs()[inside].max() < 1e-4
    moved = set_up(acquisition, (0.0,), spectra, flat)
    for led in (0, 12, 24):
        assert torch.allclose(moved.image(led).abs(), solver.image(led).abs(), atol=1e-4)
    shift = image_of(spectra)[0]
    assert relative_error(shift.numpy(), image_of(truth)[0].numpy()) > 0.1  # it did move

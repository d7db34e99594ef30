"""Exit waves: windows and their adjoints, what the detector asks for, in every geometry."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_neuralfield import build_recipe
from napari_neuralfield.forward.ptychography import predict
from napari_neuralfield.forward.scan_problem import Problem, ScanState, first_state
from napari_neuralfield.optics.grids import intensity
from napari_neuralfield.recon.scan.exit_waves import ExitWaves, likely, orthogonal
from napari_neuralfield.recon.scan.gradient import pull_of
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.simulate import scans as simulate_scans

SCANS = {
    "far": lambda: simulate_scans.far_field(pixels=32, frames=9, spot=16, modes=2, probe="true")[0],
    "near": lambda: simulate_scans.near_field(pixels=32, frames=5, spread=6.0)[0],
    "coded": lambda: simulate_scans.coded(pixels=12, frames=5, upsampling=2)[0],
    "coded, open": lambda: simulate_scans.coded(
        pixels=16, frames=5, upsampling=2, periodic=False, border=32, surface_to_sensor_um=50.0
    )[0],
}


def opened(name: str, modes: int = 1) -> tuple[Problem, ScanState]:
    """The problem, and a state with a random object_array and uneven positions."""
    problem = problem_of(
        SCANS[name](), build_recipe("rpie", {"modes": modes, "borders": "periodic" if name == "coded" else "open"})
    )
    state = first_state(problem, modes)
    state.object_array = random(state.object_array.shape, 1)
    return problem, state


def random(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def inner(a: torch.Tensor, b: torch.Tensor) -> complex:
    return complex((a.to(torch.complex128).conj() * b).sum())


@pytest.mark.parametrize("name", SCANS)
def test_put_is_the_adjoint_of_cut(name: str) -> None:
    problem, state = opened(name)
    waves, frames = ExitWaves(problem, state), [3, 1]
    patches, object_array = random((2, *problem.scan.window), 2), torch.zeros_like(waves.object_array)
    waves.put(object_array, frames, patches)
    left = inner(patches, waves.cut(waves.object_array, frames))
    assert left == pytest.approx(inner(waves.plain(object_array), state.object_array), rel=1e-4)


@pytest.mark.parametrize("name", SCANS)
def test_put_probe_is_the_adjoint_of_meet(name: str) -> None:
    problem, state = opened(name, 2 if name == "far" else 1)
    waves, frames = ExitWaves(problem, state), [0, 4]
    patches, probe = random((2, *state.probe.shape), 3), torch.zeros_like(waves.probe)
    waves.put_probe(probe, frames, patches)
    left = inner(patches, waves.meet(waves.probe, frames).expand(2, -1, -1, -1))
    assert left == pytest.approx(inner(waves.plain_probe(probe), state.probe), rel=1e-4)


@pytest.mark.parametrize("name", SCANS)
def test_exit_waves_meet_the_detector_as_the_forward_model_says(name: str) -> None:
    problem, state = opened(name, 2 if name == "far" else 1)
    waves, frames = ExitWaves(problem, state), [0, 2, 4]
    exit_wave = waves.meet(waves.probe, frames) * waves.cut(waves.object_array, frames)[:, None]
    _, misfit = waves.change(exit_wave, frames)
    expected, _ = problem.frame_misfit(state, torch.tensor(frames))
    np.testing.assert_allclose(misfit.numpy(), expected, rtol=1e-4)


def test_a_changed_wave_has_the_measured_amplitudes_where_the_detector_is_good() -> None:
    problem, state = opened("far", 2)
    good = torch.ones(problem.scan.window, dtype=torch.bool)
    good[3:6] = False
    object.__setattr__(problem.measured, "good", good)
    waves = ExitWaves(problem, state)
    exit_wave = waves.meet(waves.probe, [2]) * waves.cut(waves.object_array, [2])[:, None]
    change, _ = waves.change(exit_wave, [2])
    seen = [
        torch.fft.fft2(wave, norm="ortho").abs().square().sum(1).sqrt()[0] for wave in (exit_wave, exit_wave + change)
    ]
    measured = problem.measured.amplitude[2]
    assert (seen[1] - measured)[good].abs().max() < 2e-3 * measured.max()
    assert (seen[1] - seen[0])[~good].abs().max() < 1e-4 * measured.max()


def test_a_state_goes_in_and_out_unchanged() -> None:
    for name in SCANS:
        problem, state = opened(name)
        back = ExitWaves(problem, state).state()
        torch.testing.assert_close(back.object_array, state.object_array, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(back.probe, state.probe, rtol=1e-4, atol=1e-4 * float(state.probe.abs().max()))
        assert torch.equal(back.position, state.position)


def test_the_step_for_counts_lowers_their_negative_log_likelihood_and_is_half_as_long_near_the_answer() -> None:
    seen = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)) + 2
    for excess in (1.02, 1.8):
        measured = seen * excess
        share = likely(measured, seen, measured - seen, 1e-6)
        misfit = [(b - measured.square() * torch.log(b)).sum() for b in (seen.square(), (seen * (1 + share)).square())]
        assert misfit[1] < misfit[0]
    near = likely(1.001 * seen, seen, 0.001 * seen, 1e-6)
    assert float(near.mean()) == pytest.approx(0.001, rel=0.1)


def test_orthogonal_modes_carry_the_same_light_brightest_first() -> None:
    modes = torch.randn(3, 8, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    found = orthogonal(modes)
    gram = found.flatten(1) @ found.flatten(1).conj().T
    assert (gram - torch.diag(gram.diagonal())).abs().max() < 1e-3
    assert (gram.diagonal().real.diff() < 0).all()
    torch.testing.assert_close(intensity(found).sum(0), intensity(modes).sum(0), rtol=1e-4, atol=1e-4)
    assert orthogonal(modes[:1]) is not None


@pytest.mark.parametrize("name", SCANS)
def test_a_saturated_pixel_asks_for_no_less_light_than_it_holds(name: str) -> None:
    problem, state = opened(name)
    frames = torch.tensor([1, 2])
    before, _ = problem.frame_misfit(state, frames)
    full = torch.zeros_like(problem.measured.amplitude, dtype=torch.bool)
    full[1:3] = True
    object.__setattr__(problem.measured, "full", full)
    waves = ExitWaves(problem, state)
    exit_wave = waves.meet(waves.probe, [1, 2]) * waves.cut(waves.object_array, [1, 2])[:, None]
    _, misfit = waves.change(exit_wave, [1, 2])
    predicted = predict(state.object_array, state.probe, problem.scan, frames, state.position, problem.kernel)
    lacks = problem.masked((problem.measured.amplitude[frames] - predicted.sqrt()).clamp(min=0), frames)
    expected = lacks.square().sum((1, 2)).numpy()
    assert (expected < 0.9 * before).all()
    np.testing.assert_allclose(misfit.numpy(), expected, rtol=1e-4)
    np.testing.assert_allclose(problem.frame_misfit(state, frames)[0], expected, rtol=1e-4)
    if name != "far":
        found = pull_of(problem, state, frames, positions=True)
        assert found.misfit == pytest.approx(expected.sum(), rel=1e-4)

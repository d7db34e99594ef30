"""Second-order Fourier ptychography: single LEDs, LED patterns, and what both must leave alone."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import solved
import torch
from scene import OBJECTIVE_NA, PIXEL_UM, WAVELENGTH_UM, board, relative_error, scene
from solved import error_of

from napari_neuralfield.data.acquisition import Draft, MultiplexedLed
from napari_neuralfield.forward import fourier, multiplexed
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.fpm.quasi_newton import QuasiNewton
from napari_neuralfield.recon.projection.solver import no_aberration
from napari_neuralfield.types import Done, InputError

BOARD = board(7, 0.0431)
result_of = partial(solved.result_of, method="quasi-newton", check_orientation=False)
DEVICE = torch.device("cpu")


def patterned(frames: np.ndarray, patterns: np.ndarray, **values: Any) -> MultiplexedLed:
    given = {
        "wavelength_um": WAVELENGTH_UM, "objective_na": OBJECTIVE_NA, "pixel_um": PIXEL_UM, "led_na": BOARD,
        "patterns": patterns, **values,
    }  # fmt: skip
    acquisition = Draft("multiplexed_led", frames, given, "patterns.acq.h5").complete()
    assert isinstance(acquisition, MultiplexedLed)
    return acquisition


def random_patterns(frames: int, seed: int = 1) -> np.ndarray:
    """Four random LEDs a frame, of different brightness; every LED in some frame."""
    rng = np.random.default_rng(seed)
    weight = np.zeros((frames, len(BOARD)))
    for p in range(frames):
        weight[p, rng.choice(len(BOARD), 4, replace=False)] = rng.uniform(0.5, 1.5, 4)
        weight[p, p % len(BOARD)] = 1
    return weight


@pytest.mark.parametrize(("shape", "z_um"), [((48, 48), 0.0), ((48, 41), -7.0)])
def test_a_noise_free_sample_is_found(shape: tuple[int, int], z_um: float) -> None:
    acquisition, sample = scene(shape, z_um, BOARD)
    result = result_of(acquisition, z_um=z_um, recover_pupil=False, recover_gain=False)
    assert error_of(result, sample, z_um) < 1e-4
    assert result.figures["relative_amplitude_error"] < 1e-4


def test_a_single_led_step_is_the_papers() -> None:
    """O += |P| P* change / (max |P| (|P|^2 + d)), with change = F[(measured - |image|) image / |image|]."""
    acquisition, sample = scene(na=np.array([[0.043, -0.061]]))
    plan = fourier.windows(acquisition)
    measured = multiplexed.measure(acquisition, plan)
    start = fit_spectrum(centred_spectrum(torch.from_numpy(sample)), plan.spectrum_shape).to(torch.complex64)
    start += 0.002 * torch.randn(start.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    aberration = no_aberration(plan, DEVICE) * torch.linspace(0.5, 1, plan.box[0])[:, None]
    solver = QuasiNewton(plan, measured, 0.0, start.clone(), aberration, regularisers=(0.3, 0.1))
    pupil = solver.kernels(np.array([0]))[0] * aberration
    y, x = plan.corner[0]
    rows, columns = plan.box
    window = start[y : y + rows, x : x + columns]
    image = torch.fft.ifft2(window * pupil, s=plan.image_shape, norm="forward")
    change = torch.fft.fft2((measured.amplitude[0] - image.abs()) * torch.exp(1j * image.angle()), norm="forward")
    top = pupil.abs().max()
    wanted = pupil.abs() * pupil.conj() * change[:rows, :columns] / (top * (pupil.abs() ** 2 + 0.3 * top**2))
    list(solver.sweep(1.0, False, False))
    assert torch.allclose(solver.spectrum[y : y + rows, x : x + columns], window + wanted, atol=1e-6)


def test_patterns_of_one_led_are_an_led_array() -> None:
    acquisition, _ = scene((32, 32), 0.0, BOARD)
    same = patterned(np.asarray(acquisition.frames), np.eye(len(BOARD)))
    one, other = (result_of(a, recover_pupil=False) for a in (acquisition, same))
    first, second = (r.field.render([0.0], *r.field.extent.axes())[0].numpy() for r in (one, other))
    assert relative_error(first, second) < 1e-5
    assert one.optics["kind"] == "led_array"
    assert other.optics["kind"] == "multiplexed_led"


def test_the_truth_predicts_a_pattern() -> None:
    singles, sample = scene((32, 32), 0.0, BOARD)
    weight = random_patterns(6)
    acquisition = patterned(np.einsum("pl,lyx->pyx", weight, np.asarray(singles.frames)), weight)
    board_ = multiplexed.board_of(acquisition)
    plan = fourier.windows(board_, crop=False)
    spectrum = fit_spectrum(centred_spectrum(torch.from_numpy(sample)), plan.spectrum_shape)[None]
    pupil = fourier.pupils(plan, slice(None), torch.zeros(1, dtype=torch.float64))
    seen = multiplexed.lit(acquisition)
    for p in range(6):
        predicted = multiplexed.predict(
            spectrum, pupil, plan.corner, plan.image_shape, torch.from_numpy(weight[p, seen])
        )
        assert np.allclose(predicted[0].numpy(), np.asarray(acquisition.frames)[p], atol=1e-9)


def test_overlapping_patterns_are_demultiplexed() -> None:
    singles, sample = scene((32, 32), 0.0, BOARD)
    weight = random_patterns(60)
    acquisition = patterned(np.einsum("pl,lyx->pyx", weight, np.asarray(singles.frames)), weight)
    result = result_of(acquisition, passes=60, recover_pupil=False, recover_gain=False)
    empty = relative_error(np.ones_like(sample), sample)
    assert error_of(result, sample) < 0.05 * empty


def test_gains_of_the_leds_are_found() -> None:
    gains = np.random.default_rng(0).uniform(0.8, 1.2, len(BOARD))
    acquisition, sample = scene((48, 48), 0.0, BOARD, strength=1.5, gains=gains)
    found = result_of(acquisition, recover_pupil=False)
    assert np.corrcoef(found.calibration["gains"], gains)[0, 1] > 0.95
    assert error_of(found, sample) < 0.5 * error_of(
        result_of(acquisition, recover_pupil=False, recover_gain=False), sample
    )


def test_the_published_preset_runs_without_shrinking_steps() -> None:
    recipe = build_recipe("quasi-newton", {}, "published")
    assert recipe.step_decay == 0
    assert recipe.pupil_update == "frame"
    acquisition, sample = scene((32, 32), 0.0, BOARD)
    last = list(reconstruct(acquisition, recipe))[-1]
    assert isinstance(last, Done)
    assert error_of(last.result, sample) < 0.3 * relative_error(np.ones_like(sample), sample)


def test_dark_patterns_are_refused() -> None:
    acquisition = patterned(np.ones((3, 24, 24)), np.zeros((3, len(BOARD))))
    with pytest.raises(InputError, match=r"patterns\.acq\.h5: patterns are all zero; each frame needs at least one"):
        result_of(acquisition)


def test_frames_without_light_are_refused() -> None:
    acquisition = patterned(np.zeros((60, 24, 24)), random_patterns(60))
    with pytest.raises(InputError, match="the frames with bright-field LEDs have a mean of 0; frames must hold light"):
        result_of(acquisition)

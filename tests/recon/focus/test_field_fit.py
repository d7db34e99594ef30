"""A field fitted to defocused frames: pixels and network, what priors are worth, depth found, mistakes told."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import solved
import torch
from defocus_scene import PIXEL_UM, psnr, through_focus

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.fields.phase_map import PhaseMap
from napari_neuralfield.fields.phase_network import PhaseNetwork
from napari_neuralfield.io.native.field_file import load_result, save_result
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.focus.field_fit import extent_of, usual_upsampling
from napari_neuralfield.recon.focus.srqpi import SrqpiRecipe, frame_field, weights_of
from napari_neuralfield.types import InputError, Note, Preview, Progress, Result

Scene = tuple[ThroughFocus, np.ndarray]
_events = partial(solved.events_of, method="defocus-field")
_result = partial(solved.result_of, method="defocus-field")


@pytest.fixture(scope="module")
def scene() -> Scene:
    return through_focus(seed=3)


def _phase(result: Result) -> np.ndarray:
    y, x = result.field.extent.axes()
    return result.field.render(0.0, y, x)[0].numpy()


def test_pixels_from_one_frame(scene: Scene) -> None:
    acquisition, truth = scene
    events = _events(acquisition, frames=(2,))
    result = events[-1].result
    assert isinstance(result.field, PhaseMap)
    assert result.field.extent == extent_of(acquisition, 4)
    assert result.field.extent.origin_um == pytest.approx((-0.375 * PIXEL_UM,) * 2)
    assert psnr(_phase(result), truth) > 25
    assert result.figures["misfit_over_noise"] < 1.6
    assert result.figures["noise"] == pytest.approx(0.0025, rel=0.1)
    assert result.figures["relative_amplitude_error"] < 0.002
    assert result.calibration["residual"].shape == (1, 48, 48)
    assert any(isinstance(event, Preview) for event in events)
    losses = [event.loss for event in events if isinstance(event, Progress) and event.what == "fit"]
    assert losses[-1] < 0.2 * losses[0]
    assert "taken for a flat background, and no phase for lower" in next(e.text for e in events if isinstance(e, Note))


def test_a_neural_field_is_stored_and_answers_between_pixels(scene: Scene, tmp_path: Path) -> None:
    acquisition, truth = scene
    result = _result(acquisition, frames=(2,), field="hash", steps=120)
    assert isinstance(result.field, PhaseNetwork)
    phase = _phase(result)
    assert phase.shape == truth.shape
    assert psnr(phase, truth) > 25
    assert result.figures["misfit_over_noise"] < 1.6
    step = PIXEL_UM / 4
    between = result.field.query(0.0, step * 40.2, step * np.arange(20, 60)).numpy()
    assert np.abs(between - phase[42, 21:61]).max() < 0.6
    save_result(tmp_path / "cells.nfield", result)
    again = load_result(tmp_path / "cells.nfield")
    assert np.abs(_phase(again) - phase).max() < 0.01


def test_what_is_known_of_cells_fills_the_slow_part(scene: Scene) -> None:
    acquisition, truth = scene
    known = psnr(_phase(_result(acquisition, frames=(2,))), truth)
    unknown = psnr(_phase(_result(acquisition, frames=(2,), flat_background=False)), truth)
    both = psnr(_phase(_result(acquisition)), truth)
    assert known > unknown + 1
    assert both > known + 0.3


@pytest.mark.parametrize("field", ["pixels", "hash"])
def test_the_network_s_answer_as_a_start(scene: Scene, field: str) -> None:
    acquisition, truth = scene
    result = _result(acquisition, frames=(2,), field=field, start="network", steps=30)
    network = frame_field(acquisition, weights_of(SrqpiRecipe()), 2)
    y, x = network.extent.axes()
    assert psnr(_phase(result), truth) > psnr(network.render(0.0, y, x)[0].numpy(), truth)
    assert result.figures["contrast_explained"] > 0.9


def test_absorption_beside_phase() -> None:
    acquisition, truth = through_focus(seed=3, absorption=0.1)
    result = _result(acquisition, absorption=True)
    absorption = result.calibration["absorption"].astype(float)
    inside = np.asarray(truth).reshape(48, 4, 48, 4).mean((1, 3))
    assert np.corrcoef(absorption.ravel(), inside.ravel())[0, 1] > 0.95
    assert psnr(_phase(result), truth) > psnr(_phase(_result(acquisition)), truth)


def test_a_common_error_of_the_depths_is_found(scene: Scene) -> None:
    acquisition, truth = scene
    wrong = acquisition.replace(z_um=np.asarray(acquisition.z_um) - 1)
    result = _result(wrong, learn_defocus=True)
    assert result.figures["deeper_um"] == pytest.approx(1, abs=0.15)
    assert psnr(_phase(result), truth) > psnr(_phase(_result(wrong)), truth)


def test_the_same_seed_gives_the_same_field(scene: Scene) -> None:
    one, two = (_phase(_result(scene[0], frames=(2,), field="hash", steps=5)) for _ in range(2))
    assert np.array_equal(one, two)


def test_closing_the_stream_ends_it(scene: Scene) -> None:
    stream = reconstruct(scene[0], build_recipe("defocus-field", {"frames": (2,)}))
    assert isinstance(next(stream), Note)
    stream.close()


def test_fine_cameras_need_no_finer_pixels(scene: Scene) -> None:
    assert usual_upsampling(scene[0]) == 4
    assert usual_upsampling(scene[0].replace(pixel_um=0.3)) == 1


def test_mistakes_are_told(scene: Scene) -> None:
    acquisition = scene[0]
    with pytest.raises(InputError, match="names frame 3; domes has 3 frames, counted from 0 to 2"):
        _events(acquisition, frames=(3,))
    with pytest.raises(InputError, match="each only once"):
        _events(acquisition, frames=(2, 2))
    with pytest.raises(InputError, match=r"lie in focus \(z_um 0\).*defocused by about 1 um or more"):
        _events(acquisition, frames=(1,))
    with pytest.raises(InputError, match=r"so far from focus \(z_um 4000\).*check its unit"):
        _events(acquisition.replace(z_um=1000 * acquisition.z_um), frames=(2,))
    with pytest.raises(InputError, match="one frame cannot tell phase from absorption"):
        _events(acquisition, frames=(2,), absorption=True)
    with pytest.raises(InputError, match="all chosen frames lie at z_um 4"):
        _events(acquisition, frames=(2,), learn_defocus=True)
    with pytest.raises(InputError, match="time-lapse"):
        _events(acquisition.replace(z_um=np.full(3, 4.0), time_s=np.arange(3.0)))
    with pytest.raises(InputError, match="12 x 12 pixels"):
        _events(acquisition.crop(slice(0, 12), slice(0, 12)))
    broken = acquisition.intensity()
    broken[2, 5, 5] = np.nan
    with pytest.raises(InputError, match="frame 2 holds values that are not finite"):
        _events(acquisition.replace(frames=broken), as_given=True)
    with pytest.raises(InputError, match="a bright-field frame must hold light"):
        _events(acquisition.replace(frames=0 * acquisition.intensity()))


def test_the_bench_from_one_frame(shared_bench: Path) -> None:
    """31.9 dB measured; transport of intensity from three frames has 25.3 dB."""
    import h5py

    from napari_neuralfield.io.native.acquisition_file import NativeReader

    acquisition = NativeReader().read(shared_bench / "through_focus.acq.h5").complete()
    with h5py.File(shared_bench / "through_focus.truth.h5") as file:
        truth = np.asarray(file["phase_rad"])
    assert isinstance(acquisition, ThroughFocus)
    assert psnr(_phase(_result(acquisition, frames=(2,))), truth, cut=24) > 31


def test_torch_sees_the_adjoint_of_the_microscope() -> None:
    from napari_neuralfield.recon.focus.frames import frames_of

    acquisition, truth = through_focus(24, seed=1, z_um=(4.0, -2.0))
    misfit = frames_of(acquisition).misfit(2, 5)
    coarse = torch.nn.functional.avg_pool2d(torch.from_numpy(truth)[None], 2)
    sample = misfit.padded(torch.cat([coarse, 0.1 * coarse]))
    slopes = misfit.slopes(sample)
    for channel in range(2):
        push = torch.zeros_like(sample)
        down = slopes.sample[channel]
        push[channel] = 1e-3 * torch.randn(down.shape, generator=torch.Generator().manual_seed(channel))
        push[channel] += 1e-3 * down / down.square().mean().sqrt()
        rise = (misfit.slopes(sample + push).energy - misfit.slopes(sample - push).energy) / 2
        assert rise == pytest.approx(float((slopes.sample * push).sum()), rel=1e-2)

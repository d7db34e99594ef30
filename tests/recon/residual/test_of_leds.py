"""Residual fields of LED arrays: the model against the simulators, what is learnt, and few LEDs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import solved
import torch
from coded_scene import FIVE_LEDS, coded_scene
from scene import relative_error, scene

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.forward.led_measurement import LedMeasurement
from napari_neuralfield.optics.grids import resample
from napari_neuralfield.recon import build_recipe
from napari_neuralfield.recon.residual.of_leds import prior_of
from napari_neuralfield.simulate.coded_fpm import coded_fpm
from napari_neuralfield.simulate.led_optics import aberrated_pupil
from napari_neuralfield.types import InputError

result_of = partial(solved.result_of, method="residual-field")


def measurement_of(acquisition: LedArray, *learn: str) -> LedMeasurement:
    frames = torch.arange(acquisition.frame_count)
    return LedMeasurement(acquisition, 0.0, learn, (frames, frames[:0]), noll=tuple(range(4, 14)))


@pytest.mark.parametrize("coded", [False, True])
def test_the_true_object_gives_the_frames(coded: bool) -> None:
    acquisition, sample = coded_scene() if coded else scene()
    measurement = measurement_of(acquisition)
    image = measurement.matched(resample(torch.tensor(sample, dtype=torch.complex64), measurement.extent.shape))
    misfit, energy = measurement.frame_error(image)
    assert np.sqrt(misfit.sum() / energy.sum()) < 2e-4  # single precision


@pytest.mark.parametrize("learnt", ["directions", "pupil", "gains", "background", "profile", "surface"])
def test_slopes_of_what_is_learnt(learnt: str) -> None:
    acquisition, sample = coded_scene()
    measurement = measurement_of(acquisition, learnt)
    image = resample(torch.tensor(sample, dtype=torch.complex64), measurement.extent.shape)
    frames = measurement.train[:3]
    value = measurement.learnt[learnt]
    way = torch.randn(value.shape, generator=torch.Generator().manual_seed(0)) * measurement.step_of(learnt)
    weight = torch.rand(3, *acquisition.frame_shape, generator=torch.Generator().manual_seed(1))

    def total(share: float) -> float:
        with torch.no_grad():
            value.copy_(0.02 * way.abs() + share * way.abs())
            return float((measurement.predict(image, frames).double() * weight).sum())

    step = {"surface": 0.2, "directions": 0.5}.get(learnt, 0.02)
    expected = (total(step) - total(-step * (learnt != "background"))) / (step * (1 + (learnt != "background")))
    total(0.0)
    (slope,) = torch.autograd.grad((measurement.predict(image, frames) * weight).sum(), value)
    assert float((slope * way.abs()).sum()) == pytest.approx(expected, rel=0.05)


def test_few_leds_behind_a_surface() -> None:
    acquisition, truth = coded_fpm(seed=1, pixels=32, zernike_rad={5: 0.3, 7: -0.2})
    y, x = (truth["pixel_um"] * np.arange(n) for n in truth["object"].shape)
    result = result_of(acquisition)
    found = result.field.render([0.0], y, x)[0].detach().numpy()
    assert relative_error(found, truth["object"]) < 0.018  # measured 0.0137; 0.075 with the pupil taken for perfect
    terms = dict(zip(result.calibration["zernike_noll"], result.calibration["zernike_rad"], strict=True))
    assert (terms[5], terms[7]) == pytest.approx((0.3, -0.2), abs=0.02)


@pytest.mark.parametrize("prior", ["flat", "dpc", "back-propagation", "classical"])
def test_priors(prior: str) -> None:
    acquisition, sample = scene(strength=0.3)
    sample = np.exp(1j * (sample.real - sample.real.mean()))  # a weak phase object
    quick = build_recipe("residual-field", {"prior": prior})
    measurement = measurement_of(acquisition)
    if prior != "classical":
        image = measurement.matched(prior_of(measurement, quick, None))
        assert image.shape == measurement.extent.shape
        assert float(image.abs().mean()) == pytest.approx(1.0, abs=0.15)
    result = result_of(acquisition, prior=prior, use_every=2, epochs=10, finish_epochs=2)
    assert result.figures["relative_amplitude_error"] < 0.1
    assert 0 < result.figures["held_out_error"] < 0.2


def test_the_pupil_is_learnt_without_a_surface() -> None:
    acquisition, _ = scene(pupil=aberrated_pupil({5: 0.4}, 0.4))
    found = result_of(acquisition, prior="flat", learn_gains=False, epochs=100)
    assert found.calibration["zernike_rad"][1] == pytest.approx(0.4, abs=0.1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"learn_distance": True}, "option learn_distance is True, but it is for scans and scene.acq.h5 is an LED"),
        ({"modes": 2}, "option modes is 2, but it is for scans"),
        ({"surface_profile": True}, "option surface_profile is True, but scene.acq.h5 has no coded surface"),
    ],
)
def test_options_that_do_not_apply(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        result_of(scene()[0], **options)


def test_dpc_needs_plain_images() -> None:
    acquisition, _ = coded_scene(na=FIVE_LEDS)
    with pytest.raises(InputError, match="option prior is 'dpc', which needs plain images of single LEDs"):
        result_of(acquisition, prior="dpc")

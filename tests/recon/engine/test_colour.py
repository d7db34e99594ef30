"""Frames of several colours become one field, registered and white-balanced."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.fields.colour import ColourField
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.engine.colour_shift import shift_between
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.types import Done, InputError, Note, Preview, Progress, Result

SRGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(light: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (..., 3) of linear red, green and blue (..., 3)."""
    xyz = np.clip(light, 0, 1) @ SRGB.T / SRGB.sum(1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def solved(acquisition: Acquisition, method: str, **options: object) -> tuple[Result, list[object]]:
    events = list(reconstruct(acquisition, build_recipe(method, options)))
    assert isinstance(events[-1], Done)
    return events[-1].result, events


def test_a_shift_is_found_between_pixels_whatever_a_stain_shows() -> None:
    rng = np.random.default_rng(0)
    f = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.fftfreq(80)[None, :])
    thick, other = (np.fft.ifft2(np.fft.fft2(rng.normal(size=(96, 80))) * np.exp(-((f / 0.1) ** 2))) for _ in "ab")
    thick, other = thick.real / thick.real.std(), other.real / other.real.std()
    one = np.exp(-0.4 * np.abs(thick) + 0.5j * thick)
    two = np.exp(-0.1 * np.abs(thick) - 0.1 * np.abs(other) + 0.6j * thick)
    ramp = np.exp(-2j * np.pi * (np.fft.fftfreq(96)[:, None] * 2.3 - np.fft.fftfreq(80)[None, :] * 1.6))
    shift, alike = shift_between(one, np.fft.ifft2(np.fft.fft2(two) * ramp))
    assert shift == pytest.approx([2.3, -1.6], abs=0.1)  # the other stain pulls a little
    assert alike > 0.5
    assert shift_between(one, np.exp(0.5j * other))[1] < 0.25


def test_a_stained_slide_has_its_colours() -> None:
    """Floor: 3 of Delta E (CIE 1976) on average; measured 1.1 over 24 slides of the simulator's own size."""
    acquisition, truth = SIMULATORS["stained-slide"](2, pixels=64, led_limit_na=0.26)
    result, events = solved(acquisition, "fpm-sequential")
    field = result.field
    assert isinstance(field, ColourField)
    assert np.array(field.shift_um) == pytest.approx(truth["shift_um"], abs=0.06)
    assert result.figures["focus_630nm_um"] == pytest.approx(truth["focus_um"][0], abs=0.7)
    y = np.arange(128) * truth["pixel_um"]
    seen = np.moveaxis(np.abs(field.render_channels([0.0], y, y)[:, 0].numpy()) ** 2, 0, -1)
    true = np.moveaxis(np.abs(truth["object"]) ** 2, 0, -1)
    apart = np.linalg.norm(lab(seen) - lab(true), axis=-1)[8:-8, 8:-8]
    assert apart.mean() < 2
    told = [event.text for event in events if isinstance(event, Note)]
    assert any(text.startswith("white is taken at") for text in told)
    assert any("laid on 0.53 um" in text for text in told)
    steps = [event.done / event.total for event in events if isinstance(event, Progress) and "um" in event.what]
    assert steps == sorted(steps)
    assert isinstance([event for event in events if isinstance(event, Preview)][-1].field, ColourField)


def test_depths_and_white_that_the_user_gives_count() -> None:
    acquisition, truth = SIMULATORS["stained-slide"](1, pixels=48, led_limit_na=0.2)
    given, _ = solved(acquisition.replace(white=truth["lamps"]), "fpm-sequential", z_um=(-4, 4), planes=3)
    assert given.field.extent.z_um == (-4, 4)
    assert given.field.z_um == pytest.approx(truth["focus_um"], abs=1)
    y = np.arange(96) * truth["pixel_um"]
    seen = np.abs(given.field.render_channels([0.0], y, y)[:, 0].numpy()) ** 2
    assert seen.mean((1, 2)) == pytest.approx((np.abs(truth["object"]) ** 2).mean((1, 2)), rel=0.06)


@pytest.mark.parametrize(("method", "frames"), [("tie-fft", 3), ("srqpi", 1)])
def test_phase_of_every_colour_lies_on_the_others(method: str, frames: int) -> None:
    z = (-4.0, 0.0, 4.0) if frames == 3 else (4.0,)
    acquisition, truth = SIMULATORS["through-focus-colour"](1, pixels=64, z_um=z)
    result, _ = solved(acquisition, method)
    field, fine = result.field, truth["pixel_um"]
    assert field.shift_um == pytest.approx(truth["shift_um"], abs=0.25 * acquisition.pixel_um)
    found = [result.figures[f"focus_{nm}nm_um"] for nm in (630, 460)]
    assert found == pytest.approx(truth["focus_um"][[0, 2]], abs=0.6)
    axis = -1.5 * fine + fine * np.arange(256)
    phase = field.render_channels([0.0], axis, axis)[:, 0].numpy()
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(phase, truth["phase_rad"], strict=True)]
    assert min(alike) > 0.8


@pytest.mark.parametrize("method", ["fpm-inr", "coded-fpm"])
def test_methods_of_one_wavelength_refuse_several(method: str) -> None:
    acquisition, _ = SIMULATORS["stained-slide"](0, pixels=32, led_limit_na=0.15)
    with pytest.raises(InputError, match=rf"which method {method} does not take together; .* --channel N"):
        list(reconstruct(acquisition, build_recipe(method)))

"""Described probes against closed forms: Airy's pattern, the axis of a defocused focus, the disc."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import j1

from napari_neuralfield.optics.probe import described_probe, disc_probe, focused_probe, shape_of
from napari_neuralfield.optics.propagation import angular_spectrum, filtered
from napari_neuralfield.types import InputError

SHAPE, PIXEL, WAVE, NA = (256, 240), 0.02, 1e-3, 4e-3


def test_the_focus_is_airys() -> None:
    probe = focused_probe(SHAPE, PIXEL, WAVE, NA)
    assert np.unravel_index(abs(probe).argmax(), SHAPE) == (128, 120)
    radius = PIXEL * np.arange(1, 60)
    v = 2 * np.pi * NA / WAVE * radius
    along = probe[128, 121:180] / probe[128, 120]
    assert np.abs(along - 2 * j1(v) / v).max() < 0.03  # measured: 0.014, of images of the focus beyond the window
    assert np.linalg.norm(probe) == pytest.approx(1)


@pytest.mark.parametrize("defocus", [-70.0, 35.0])
def test_the_axis_of_a_defocused_focus(defocus: float) -> None:
    """|sin(u) / u| with u = pi defocus NA^2 / (2 wavelength)."""
    focus, away = (focused_probe(SHAPE, PIXEL, WAVE, NA, z) for z in (0.0, defocus))
    u = np.pi * defocus * NA**2 / (2 * WAVE)
    assert abs(away[128, 120] / focus[128, 120]) == pytest.approx(abs(np.sin(u) / u), abs=0.02)


def test_defocus_is_free_space() -> None:
    on = filtered(torch.as_tensor(focused_probe(SHAPE, PIXEL, WAVE, NA)), angular_spectrum(SHAPE, PIXEL, 90.0, WAVE))
    assert np.allclose(on.numpy(), focused_probe(SHAPE, PIXEL, WAVE, NA, 90.0), atol=1e-6)


def test_a_disc() -> None:
    disc = disc_probe(SHAPE, PIXEL, 2.0)
    assert float((abs(disc) / abs(disc).max()).sum()) * PIXEL**2 == pytest.approx(np.pi, rel=0.005)


def test_two_numbers_of_three() -> None:
    """A cone that is 2 um wide 100 um behind its focus."""
    sine = 1 / np.hypot(1, 100)
    for said in (
        {"probe_diameter_um": 2.0, "probe_defocus_um": -100.0},
        {"probe_na": sine, "probe_defocus_um": -100.0},
    ):
        found = shape_of(said, 1e-4)
        assert (found.na, found.defocus_um) == pytest.approx((sine, -100.0))
        assert found.diameter_um == pytest.approx(2.0, rel=0.01)
    angle = 1e3 * np.arcsin(sine)
    found = shape_of({"probe_diameter_um": 2.0, "probe_semi_angle_mrad": angle}, 1e-4)
    assert (found.na, found.defocus_um) == pytest.approx((sine, 100.0), rel=1e-4)
    assert shape_of({"probe_diameter_um": 2.0}, 1e-4).na == 0


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"probe_defocus_um": 3.0}, "probe_defocus_um is given alone; give probe_diameter_um"),
        ({"probe_na": 0.1, "probe_semi_angle_mrad": 100.0}, "leave one out, they say the same"),
        ({"probe_na": 0.001, "probe_diameter_um": 2.0, "probe_defocus_um": 9.0}, "two of them are enough"),
        ({"probe_na": -0.1}, "probe_na is -0.1; it must be larger than 0"),
        ({"probe_na": 1.5}, "sine of 1.5; it must be less than 1"),
        ({"probe_diameter_um": 9.0}, "probe_diameter_um 9 is 9 um wide, but the window .* is 4.8 um"),
        ({"probe_na": 0.03}, "probe_na 0.03 has an NA of 0.03, but pixels of 0.02 um hold at most 0.025"),
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        described_probe(said, SHAPE, PIXEL, WAVE)

"""Described probes against closed forms: Airy's pattern, the axis of a defocused focus, the disc."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import j1

from napari_neuralfield.optics.probe import ProbeShape, described_probe, disc_probe, focused_probe, shape_of
from napari_neuralfield.optics.propagation import angular_spectrum, filtered
from napari_neuralfield.types import InputError

SHAPE, PIXEL, WAVE, NA = (256, 240), 0.02, 1e-3, 4e-3


def focused(defocus: float = 0.0, **lens: float) -> np.ndarray:
    return focused_probe(SHAPE, PIXEL, WAVE, ProbeShape(0.0, NA, defocus, **lens))


def test_the_focus_is_airys() -> None:
    probe = focused()
    assert np.unravel_index(abs(probe).argmax(), SHAPE) == (128, 120)
    radius = PIXEL * np.arange(1, 60)
    v = 2 * np.pi * NA / WAVE * radius
    along = probe[128, 121:180] / probe[128, 120]
    assert np.abs(along - 2 * j1(v) / v).max() < 0.03  # measured: 0.014, of images of the focus beyond the window
    assert np.linalg.norm(probe) == pytest.approx(1)


@pytest.mark.parametrize("defocus", [-70.0, 35.0])
def test_the_axis_of_a_defocused_focus(defocus: float) -> None:
    """|sin(u) / u| with u = pi defocus NA^2 / (2 wavelength)."""
    focus, away = (focused(z) for z in (0.0, defocus))
    u = np.pi * defocus * NA**2 / (2 * WAVE)
    assert abs(away[128, 120] / focus[128, 120]) == pytest.approx(abs(np.sin(u) / u), abs=0.02)


def test_a_stop_leaves_the_focus_of_a_ring() -> None:
    """(2 J1(v) / v - s^2 2 J1(s v) / (s v)) / (1 - s^2): Born, Wolf, section 8.6.2."""
    probe, s = focused(stop=0.5), 0.5
    v = 2 * np.pi * NA / WAVE * PIXEL * np.arange(1, 60)
    ring = (2 * j1(v) / v - s**2 * 2 * j1(s * v) / (s * v)) / (1 - s**2)
    assert np.abs(probe[128, 121:180] / probe[128, 120] - ring).max() < 0.03  # measured: 0.015


def test_an_astigmatic_lens_has_two_line_foci() -> None:
    """Where the sample lies 50 um before the mean focus, 50 um of it leave one focus along y, and 100 um along x."""
    line, on, off = (np.fft.fft2(p) for p in (
        focused(-50.0, astigmatism_um=50.0, astigmatism_rad=np.pi / 2), focused(), focused(-100.0)
    ))  # fmt: skip
    assert np.allclose(line[:, 0], on[:, 0], atol=1e-4)
    assert np.allclose(line[0], off[0], atol=1e-4)
    assert not np.allclose(line[0], on[0], atol=1e-1)


def test_spherical_aberration_bends_the_rim_most() -> None:
    """The phase of the spectrum is pi/2 wavelength^3 C |f|^4."""
    bent, flat = (np.fft.fft2(np.fft.ifftshift(focused(spherical_um=c))) for c in (2e6, 0.0))
    f = np.fft.fftfreq(SHAPE[1], PIXEL)[:18]
    assert np.allclose(np.angle(bent[0, :18] / flat[0, :18]), -np.pi / 2 * WAVE**3 * 2e6 * f**4, atol=1e-2)


def test_defocus_is_free_space() -> None:
    on = filtered(torch.as_tensor(focused()), angular_spectrum(SHAPE, PIXEL, 90.0, WAVE))
    assert np.allclose(on.numpy(), focused(90.0), atol=1e-6)


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
    assert shape_of({"probe_outer_zone_um": 0.05, "probe_stop": 0.4}, 1e-4).na == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"probe_defocus_um": 3.0}, "probe_defocus_um is given alone; give probe_diameter_um"),
        ({"probe_na": 0.1, "probe_semi_angle_mrad": 100.0}, "leave one out, they say the same"),
        ({"probe_na": 0.001, "probe_diameter_um": 2.0, "probe_defocus_um": 9.0}, "two of them are enough"),
        ({"probe_na": 0.001, "probe_stop": 40.0}, "probe_stop is 40; it must be the share of the aperture's diameter"),
        ({"probe_diameter_um": 2.0, "probe_stop": 0.4}, "probe_stop is of a lens whose angle is not given"),
        ({"probe_na": -0.1}, "probe_na is -0.1; it must be larger than 0"),
        ({"probe_na": 1.5}, "sine of 1.5; it must be less than 1"),
        ({"probe_diameter_um": 9.0}, "probe_diameter_um 9 is 9 um wide, but the window .* is 4.8 um"),
        ({"probe_na": 0.03}, "probe_na 0.03 has an NA of 0.03, but pixels of 0.02 um hold at most 0.025"),
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        described_probe(said, SHAPE, PIXEL, WAVE)

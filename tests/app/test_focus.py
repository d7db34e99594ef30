from __future__ import annotations

import numpy as np
import pytest
import torch
from toy import ToyField

from napari_neuralfield.app.focus import all_in_focus, normal_variance
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.types import InputError


class Wedge(ToyField):
    """Fine stripes whose contrast is best at z = x / 10: what a tilted slide looks like."""

    def render(self, z_um, y_um, x_um):
        z, y, x = (torch.atleast_1d(torch.as_tensor(a, dtype=torch.float64)) for a in (z_um, y_um, x_um))
        self.rendered.append(z.numel() * y.numel() * x.numel())
        sharp = torch.exp(-((z[:, None, None] - x / 10) ** 2))
        return (1 + 0.5 * sharp * torch.cos(2 * torch.pi * (y[:, None] + x) / 2)).to(torch.complex64)


def test_every_pixel_takes_its_own_depth():
    field = Wedge((64, 96), 0.5, (0, 5))
    found = all_in_focus(field, np.linspace(0, 5, 11), window=9)
    _, x = field.extent.axes()
    error = np.abs(found.z_um - x[None] / 10)[8:-8, 8:-8]
    assert error.max() <= 0.5  # planes lie 0.5 um apart
    assert error.mean() < 0.2
    assert np.abs(np.diff(found.z_um, axis=1)).max() < 0.2  # and the depth passes smoothly from one to the next
    assert np.abs(found.values)[8:-8, 8:-8].std() > 0.3  # a single plane has 0.35 where sharp, 0 where not
    assert max(field.rendered) == 64 * 96  # never more than one plane at a time


class Turned(ToyField):
    """A field whose phase drifts from depth to depth: what no measurement tells."""

    def __init__(self, field, rad_per_um):
        super().__init__(field.extent.shape, field.extent.pixel_um, field.extent.z_um)
        self.field, self.rad_per_um = field, rad_per_um

    def render(self, z_um, y_um, x_um):
        z = torch.as_tensor(z_um, dtype=torch.float32)[:, None, None]
        return self.field.render(z_um, y_um, x_um) * torch.exp(1j * self.rad_per_um * z)


def whole_error(values, truth):
    """RMS of amplitude and of phase (rad) of a picture against the truth, one complex factor free, the rim left out."""
    v, t = values[8:-8, 8:-8], truth[8:-8, 8:-8]
    v = v * (np.vdot(v, t) / np.vdot(v, v))
    return (np.mean((abs(v) - abs(t)) ** 2)) ** 0.5, np.mean(np.angle(v * t.conj()) ** 2) ** 0.5


def test_a_tilted_slide_has_neither_rings_nor_patches():
    acquisition, truth = SIMULATORS["tilted-slide"](3, pixels=96)
    *_, done = reconstruct(acquisition, build_recipe("fpm-sequential", {}))
    field = done.result.field
    depths = np.linspace(-16, 16, 17)
    found = all_in_focus(field, depths)
    amplitude, phase = whole_error(found.values, truth["object"])
    assert amplitude < 0.02  # measured 0.0167; 0.033 where every pixel comes from its sharpest plane
    assert phase < 0.09  # measured 0.077
    slope = max(np.abs(np.diff(found.z_um, axis=axis)).max() for axis in (0, 1))
    assert slope < 3.5  # um from pixel to pixel, measured 2.7; jumps of 20 um and more before
    drifting = all_in_focus(Turned(field, 0.2), depths)
    assert whole_error(drifting.values, truth["object"])[1] < phase + 0.05  # as it stands it is 1 rad


def test_it_can_be_stopped_with_what_was_seen():
    told = []

    def report(done, total):
        told.append((done, total))
        return done < 2

    all_in_focus(ToyField(), [0.0, 1.0, 2.0], report=report)
    assert told == [(1, 6), (2, 6), (5, 6), (6, 6)]  # two of three depths are seen a second time


def test_a_region_at_a_coarser_pixel():
    found = all_in_focus(ToyField(), [0.0], pixel_um=2.0, region_um=(0, 0, 8, 16))
    assert found.values.shape == (4, 8)
    assert found.values.dtype == np.complex64


def test_no_depth_is_refused():
    with pytest.raises(InputError, match="an all-in-focus image needs at least one"):
        all_in_focus(ToyField(), [])


def test_normal_variance_of_stripes_is_variance_over_mean():
    stripes = np.tile(np.array([1.0, 3.0], np.float32), (40, 20))
    middle = normal_variance(stripes, 10)[20, 20]
    assert middle == pytest.approx(1.0 / 2.0, rel=0.05)


def test_phase_that_defocus_makes_visible_does_not_mislead():
    """A phase cell has no contrast in focus and strong rings out of it; its own depth is found all the same."""
    n, wavelength, pixel = 96, 0.5, 0.25
    y, x = np.indices((n, n)) - n // 2
    cell = np.exp(1j * 1.2 * (0.5 + 0.5 * np.cos(10 * np.arctan2(y, x))) / (1 + np.exp(np.hypot(y, x) - 24)))
    f = np.fft.fftfreq(n, pixel)
    radius = np.hypot(f[:, None], f[None, :])
    spectrum = np.fft.fft2(cell) * (radius < 0.9)

    class Cell(ToyField):
        def render(self, z_um, y_um, x_um):
            axial = np.sqrt(wavelength**-2 - np.minimum(radius, 1) ** 2)
            seen = np.exp(-(((radius / 0.6) * (np.asarray(z_um)[:, None, None] - 3) / 8) ** 2))  # what the optics keep
            turn = np.exp(2j * np.pi * (np.asarray(z_um)[:, None, None] - 3) * (axial - 1 / wavelength))
            return torch.from_numpy(np.fft.ifft2(spectrum * turn * seen).astype(np.complex64))

    found = all_in_focus(Cell((n, n), pixel, (-9, 9)), np.arange(-9.0, 10.0, 3.0), window=21)
    assert np.abs(found.z_um[np.hypot(y, x) < 20] - 3).max() < 0.5  # measured 0.25

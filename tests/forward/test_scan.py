"""Windows of an object array: what they read, their adjoints, and the three ways to the detector."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest
import scan_scene
import torch

from napari_neuralfield.data.acquisition import Draft, Ptychography
from napari_neuralfield.forward.ptychography import counts, from_detector, kernel, predict, to_detector
from napari_neuralfield.forward.scan import Scan, add_windows, measure, scan_of, windows
from napari_neuralfield.simulate.scans import coded, far_field
from napari_neuralfield.types import InputError

Geometry = Literal["far_field", "near_field", "coded"]


def scan(geometry: Geometry, periodic: bool = False) -> Scan:
    object_array = (16, 16) if periodic else (30, 28)
    place = torch.tensor([[2.3, 4.8], [5.0, 1.0], [7.45, 6.1]], dtype=torch.float64)
    binning = 4 if geometry == "coded" else 1
    return Scan(geometry, (16, 16), object_array, 0.5, (0.0, 0.0), place, binning, periodic, 0.5, 40.0)


@pytest.mark.parametrize(
    ("geometry", "periodic"), [("far_field", False), ("near_field", False), ("coded", False), ("coded", True)]
)
def test_adding_is_the_adjoint_of_reading(geometry: Geometry, periodic: bool) -> None:
    torch.manual_seed(1)
    where = scan(geometry, periodic)
    object_array = torch.randn(where.object_shape, dtype=torch.complex64)
    patches = torch.randn(3, *where.window, dtype=torch.complex64)
    read = torch.vdot(patches.flatten(), windows(object_array, where, where.position).flatten())
    added = add_windows(torch.zeros_like(object_array), patches, where, where.position)
    torch.testing.assert_close(read, torch.vdot(added.flatten(), object_array.flatten()), rtol=1e-4, atol=1e-4)


def test_a_window_starts_where_its_position_says() -> None:
    where = scan("far_field")
    object_array = torch.arange(30 * 28, dtype=torch.float32).reshape(30, 28).to(torch.complex64)
    found = windows(object_array, where, where.position)
    torch.testing.assert_close(found[1], object_array[5:21, 1:17])
    torch.testing.assert_close(found[0], object_array[2:18, 5:21])  # 2.3, 4.8: the fraction is the probe's


def test_near_field_windows_move_by_fractions() -> None:
    where = dataclasses.replace(scan("near_field"), object_shape=(16, 16), periodic=True)
    y, x = np.indices((16, 16))
    wave = torch.tensor(np.exp(2j * np.pi * (2 * y - 3 * x) / 16), dtype=torch.complex64)
    found = windows(wave, where, where.position)[0]
    expected = torch.tensor(np.exp(2j * np.pi * (2 * (y + 2.3) - 3 * (x + 4.8)) / 16), dtype=torch.complex64)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("geometry", ["far_field", "near_field"])
def test_light_is_kept_and_comes_back(geometry: Geometry) -> None:
    torch.manual_seed(0)
    where = scan(geometry)
    wave = torch.randn(2, 1, 16, 16, dtype=torch.complex64)
    free = kernel(dataclasses.replace(where, periodic=True))
    there = to_detector(wave, free)
    assert float(counts(there, 1).sum()) == pytest.approx(float(wave.abs().square().sum()), rel=1e-5)
    torch.testing.assert_close(from_detector(there, free), wave, atol=1e-5, rtol=1e-5)


def test_far_field_derivatives_are_those_of_autograd() -> None:
    """Written out, they agree with what autograd makes of the plain formula, in object and probe of two modes."""
    acquisition, _ = scan_scene.far_field(side=16, across=3)
    where = scan_of(acquisition)
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(*shape, 2, generator=generator, dtype=torch.float64) for shape in
             (where.object_shape, (2, *where.window))]  # fmt: skip
    weight = torch.randn(4, *where.window, generator=generator, dtype=torch.float64)
    found = []
    for moving in (False, True):  # with positions that are learnt the plain formula is used
        given = [torch.view_as_complex(values.clone()).requires_grad_() for values in start]
        counts_ = predict(given[0], given[1], where, torch.arange(4), where.position.clone().requires_grad_(moving))
        found.append((counts_.detach(), *torch.autograd.grad((counts_ * weight).sum(), given)))
    for ours, plain in zip(*found, strict=True):
        assert torch.allclose(ours, plain, rtol=1e-6, atol=1e-6 * float(plain.abs().max()))


def test_prediction_is_differentiable_in_positions() -> None:
    torch.manual_seed(2)
    where = scan("far_field")
    smooth = torch.fft.ifft2(torch.fft.fft2(torch.randn(30, 28)) * (torch.fft.fftfreq(30).abs() < 0.2)[:, None])
    object_array, probe = smooth.to(torch.complex64), torch.randn(2, 16, 16, dtype=torch.complex64)
    place = where.position.clone().requires_grad_()
    value = predict(object_array, probe, where, torch.arange(3), place).pow(2).sum()
    (slope,) = torch.autograd.grad(value, place)
    moved = where.position.clone()
    moved[0, 1] += 1e-3
    after = predict(object_array, probe, where, torch.arange(3), moved).pow(2).sum()
    moved[0, 1] -= 2e-3
    before = predict(object_array, probe, where, torch.arange(3), moved).pow(2).sum()
    assert float(slope[0, 1]) == pytest.approx(float(after - before) / 2e-3, rel=2e-2)


def test_frames_that_repeat_are_seen() -> None:
    around, _ = coded(0, pixels=24, upsampling=2, frames=12, spread=8.0)
    ended, _ = coded(0, pixels=24, upsampling=2, frames=12, spread=8.0, periodic=False, surface_to_sensor_um=60.0)
    assert scan_of(around).periodic
    assert scan_of(around).object_shape == (48, 48)
    assert not scan_of(ended).periodic
    assert not scan_of(around, borders="open").periodic


def test_a_scan_without_positions_is_refused() -> None:
    acquisition, _ = coded(0, pixels=16, upsampling=2, frames=6, spread=4.0, positions_known=False)
    with pytest.raises(InputError, match="there are no positions"):
        scan_of(acquisition)


def test_masked_pixels_are_dark_and_not_good() -> None:
    mask = np.ones((8, 8), bool)
    mask[2, 3] = False
    acquisition = Draft(
        "ptychography",
        np.full((5, 8, 8), 4.0, np.float32),
        {
            "wavelength_um": 1e-4, "geometry": "far_field", "detector_pixel_um": 1.0, "distance_um": 8e4,
            "object_pixel_um": 1.0, "positions_um": np.arange(10.0).reshape(5, 2), "mask": mask,
        },
    ).complete()  # fmt: skip
    found = measure(acquisition, scan_of(acquisition))  # type: ignore[arg-type]
    assert found.good is not None
    assert not found.good[6, 7]  # the detector's centre comes first
    assert float(found.amplitude[0, 6, 7]) == 0
    assert found.energy() == pytest.approx(5 * 63 * 4)


def shadowed(noise: float, floor: float = 0.0) -> Ptychography:
    """A far-field scan as a camera of that read noise has it, or on a floor of photons, the floor taken off."""
    rng, found = np.random.default_rng(3), far_field(pixels=32, frames=12, spot=14, counts=5e3, probe="none")[0]
    counts = found.frames[:] + rng.poisson(floor, found.frames.shape) - floor + rng.normal(0, noise, found.frames.shape)
    return found.replace(frames=counts.astype(np.float32))


@pytest.mark.parametrize(("noise", "floor", "extra"), [(3.0, 0.0, 9.0), (0.0, 2.0, 2.0), (0.0, 0.0, 0.0)])
def test_what_noise_drives_below_zero_is_no_light(noise: float, floor: float, extra: float) -> None:
    acquisition = shadowed(noise, floor)
    measured = measure(acquisition, scan_of(acquisition))
    assert (measured.background is None) == (extra == 0)
    if measured.background is None:
        return
    assert float(measured.background.mean()) == pytest.approx(extra, rel=0.25)
    clean = shadowed(0.0).frames[:].mean((1, 2)).mean()
    everywhere = float(measured.mean_counts(torch.arange(12)).mean())
    assert everywhere == pytest.approx(clean, rel=0.1)  # measured: 7 %
    dark = torch.as_tensor(np.fft.ifftshift(shadowed(0.0).frames[:].sum(0) == 0))
    assert 0.4 < float(measured.amplitude[:, dark].std()) < 0.66  # 0.5 of many photons, 0.6 of two


class Counted:
    """A stack that counts how often its frames are read."""

    def __init__(self, stack: np.ndarray) -> None:
        self.stack, self.shape, self.dtype, self.reads = stack, stack.shape, stack.dtype, 0

    def __getitem__(self, key: object) -> np.ndarray:
        self.reads += 1
        return np.asarray(self.stack[key])  # type: ignore[index]


def test_every_frame_is_read_once() -> None:
    frames = Counted(shadowed(0.0).frames[:])
    acquisition = shadowed(0.0).replace(frames=frames)
    where = scan_of(acquisition)
    frames.reads = 0
    measure(acquisition, where)
    assert frames.reads == 12

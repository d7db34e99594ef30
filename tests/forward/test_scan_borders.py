"""Frames with light from outside: windows larger than frames, and results that keep the frames' sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bench.scan_truth import compare

from napari_neuralfield import Done, build_recipe, reconstruct
from napari_neuralfield.forward.ptychography import kernel, predict
from napari_neuralfield.forward.scan import measure, narrowed, scan_of, widened
from napari_neuralfield.recon.residual.fit import image_from_file
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.simulate.scans import coded, far_field, near_field
from napari_neuralfield.types import Extent, InputError

SMALL = {"pixels": 48, "frames": 10, "spread": 6.0, "border": 24}


def assert_same(a: Extent, b: Extent) -> None:
    assert (a.shape, a.pixel_um) == (b.shape, b.pixel_um)
    np.testing.assert_allclose(a.origin_um, b.origin_um, atol=1e-9)


def test_a_window_reaches_beyond_its_frame() -> None:
    acquisition, _ = near_field(**SMALL)
    plain, wide = scan_of(acquisition), scan_of(acquisition, pad=5)
    assert (wide.window, wide.rim) == ((58, 58), 5)
    assert_same(wide.shown, plain.extent)
    corners = [s.position.numpy() * s.pixel_um + s.origin_um for s in (plain, wide)]
    np.testing.assert_allclose(corners[0] - corners[1], 5 * wide.pixel_um, atol=1e-9)
    seen = measure(acquisition, wide)
    assert seen.good is not None
    assert seen.pixels == 48 * 48
    torch.testing.assert_close(narrowed(seen.amplitude, 5), measure(acquisition, plain).amplitude)
    torch.testing.assert_close(seen.energy(), measure(acquisition, plain).energy())


def test_light_spreads_as_far_as_the_finest_details_send_it() -> None:
    acquisition, _ = near_field(**SMALL)
    assert scan_of(acquisition, pad=None).pad == 8  # 1500 um at wavelength / 2 pixel: 7.5 pixels
    assert scan_of(acquisition.replace(distance_um=30000.0), pad=None).pad == 12  # a quarter of the frame
    assert scan_of(far_field(frames=5)[0], pad=7).pad == 0
    lensless, _ = coded(frames=6, pixels=16)
    assert scan_of(lensless, borders="periodic", pad=None).pad == 0
    wide = scan_of(lensless, borders="open", pad=None)
    assert (wide.pad, wide.rim, wide.window) == (4, 16, (96, 96))


def test_the_truth_predicts_frames_once_the_windows_are_wide_enough() -> None:
    acquisition, truth = near_field(**SMALL, counts=1e6, probe="true")
    errors = []
    for pad in (0, 8):
        scan = scan_of(acquisition, pad=pad)
        object_array = widened(torch.as_tensor(truth["object"]), pad)
        probe = widened(torch.as_tensor(truth["probe"]), pad)
        counts = predict(object_array, probe, scan, torch.arange(scan.frames), None, kernel(scan))
        miss = narrowed(torch.sqrt(counts), pad) - narrowed(measure(acquisition, scan).amplitude, pad)
        errors.append(float(miss.norm() / measure(acquisition, scan).amplitude.norm()))
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize("method", ["least-squares", "rpie"])
def test_a_known_probe_gives_a_better_object_with_light_from_outside(method: str) -> None:
    acquisition, truth = near_field(**SMALL, probe="true")
    found = []
    for pad in (0, None):
        recipe = build_recipe(method, {"pad": pad, "update_probe": False, "passes": 15, "device": "cpu"})
        found.append(next(e.result for e in reconstruct(acquisition, recipe) if isinstance(e, Done)))
        assert found[-1].calibration["probe"].shape == (1, 48, 48)
        assert_same(found[-1].field.extent, scan_of(acquisition).extent)
    plain, wide = (result.figures["relative_amplitude_error"] for result in found)
    assert wide < 0.7 * plain
    assert compare(found[1], truth)["error"] < 0.8 * compare(found[0], truth)["error"]


@pytest.mark.parametrize(
    ("method", "options"), [("sparse-pixels", {"iterations": 4}), ("residual-field", {"epochs": 2})]
)
def test_open_coded_frames_run_with_a_rim(method: str, options: dict[str, int]) -> None:
    acquisition, _ = coded(pixels=16, frames=8, spread=6.0, periodic=False, border=32, surface_to_sensor_um=10.0,
                           object_to_surface_um=20.0)  # fmt: skip
    given = {"borders": "open", "correct_positions": False, "device": "cpu", **options}
    assert problem_of(acquisition, build_recipe(method, given)).scan.pad == 4
    result = next(e.result for e in reconstruct(acquisition, build_recipe(method, given)) if isinstance(e, Done))
    assert result.calibration["coded_surface"].shape == (64, 64)
    assert result.figures["relative_amplitude_error"] < 0.3


def test_a_prior_without_its_rim_gets_one(tmp_path) -> None:
    file = tmp_path / "prior.npy"
    np.save(file, np.arange(12, dtype=complex).reshape(3, 4))
    image = image_from_file(str(file), (7, 8), 2)
    assert image.shape == (7, 8)
    torch.testing.assert_close(narrowed(image, 2), image_from_file(str(file), (3, 4)))


def test_modes_are_for_the_far_field() -> None:
    for acquisition, _ in (near_field(**SMALL), coded(frames=6, pixels=16)):
        with pytest.raises(InputError, match=r"option modes is 2, but .* is not a far-field scan .*; leave it at 1"):
            problem_of(acquisition, build_recipe("rpie", {"modes": 2}))

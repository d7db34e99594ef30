"""Frames on disk: the same as in memory, and only some of them there at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scan_scene
import torch

from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.data.frames import end_of_scale, full_pixels, noise_beside_counting
from napari_neuralfield.forward import scan_streamed, streamed
from napari_neuralfield.forward.fourier import measure, windows
from napari_neuralfield.forward.scan import measure as measure_whole
from napari_neuralfield.forward.scan import scan_of
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.types import Done, InputError, Result

RNG = np.random.default_rng(0)
FRAMES = torch.from_numpy(RNG.random((50, 12, 10), dtype=np.float32))


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stack is too large, and four of these frames at once are the most."""
    monkeypatch.setattr(streamed, "LARGE", 0)
    monkeypatch.setattr(streamed, "HELD", 4 * FRAMES[0].numel() * 4)


def kept(frames: torch.Tensor) -> Any:
    parts = streamed.Parts(tuple(frames.shape))
    for some in frames.split(7):
        parts.append(some)
    return parts.joined()


@pytest.mark.parametrize(
    "asked",
    [
        lambda stack: stack[3],
        lambda stack: stack[-1],
        lambda stack: stack[2:4],
        lambda stack: stack[[7, 1]],
        lambda stack: stack[torch.tensor([9, 0, 9])],
        lambda stack: stack[:, 2:5, 1:3].square().sum((1, 2)),
        lambda stack: stack[..., 2:5, 1:3].mean(),
        lambda stack: stack[torch.arange(40)].square().sum(0),
        lambda stack: (stack**2).sum((1, 2)).double(),
        lambda stack: (stack.double() ** 2).sum(dim=(1, 2)),
        lambda stack: stack.square().mean().sqrt(),
        lambda stack: stack.mean(0),
        lambda stack: stack.var(0),
        lambda stack: torch.sqrt(torch.clamp(stack / 2 - 0.1, min=0.0)).sum(dtype=torch.float64),
        lambda stack: (stack * FRAMES[:, :1, :1]).mean((1, 2)),
        lambda stack: (stack.square() - stack * 2 + 1).sum(),
        lambda stack: FRAMES[0] * stack[5] + (1 - stack).amax() + (stack > 0.5).sum(dtype=torch.int64),
        lambda stack: torch.stack([frame.sum() for frame in stack]),
        lambda stack: torch.tensor([len(stack), stack.numel(), *stack.shape]),
    ],
)
def test_what_is_kept_on_disk_answers_as_a_tensor_does(on_disk: None, asked: Callable[[Any], torch.Tensor]) -> None:
    found = asked(kept(FRAMES))
    assert isinstance(found, torch.Tensor)
    torch.testing.assert_close(found, asked(FRAMES))


def test_no_more_than_a_few_frames_are_in_memory(on_disk: None) -> None:
    most = 0

    def part(numbers: np.ndarray) -> torch.Tensor:
        nonlocal most
        most = max(most, len(numbers))
        return FRAMES[torch.from_numpy(numbers)]

    stack = streamed.Streamed(part, len(FRAMES))
    for value in (stack.square().sum((1, 2)), stack.mean(0), stack.var(0), (stack[5:45] ** 2).sum()):
        assert torch.isfinite(value).all()
    assert most == 4


class Counted:
    """Frames in a file, as it were: how many are asked for together."""

    def __init__(self, frames: np.ndarray) -> None:
        self.frames, self.most = frames, 0
        self.shape, self.dtype = frames.shape, frames.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        found = self.frames[key]
        self.most = max(self.most, math.prod(found.shape[:-2]))
        return found


def test_the_frames_of_leds_and_scans_are_measured_the_same_a_few_at_a_time(
    led_array: Callable[..., Acquisition], on_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    leds = led_array()
    found = measure(leds.replace(frames=Counted(np.asarray(leds.frames))), windows(leds))  # type: ignore[arg-type]
    scans = []
    for make in (scan_scene.far_field, scan_scene.coded):
        scan = make()[0]
        frames = np.asarray(scan.frames)
        frames = np.minimum(frames, np.quantile(frames, 0.999)).astype(np.float32)  # saturated
        frames[0, 0, :3] = -1
        scans.append(scan.replace(frames=Counted(frames)))
    disk = [scan_streamed.measured_scan(scan, scan_of(scan, pad=None)) for scan in scans]
    assert isinstance(found.amplitude, streamed.Streamed)
    assert max(scan.frames.most for scan in scans) == 1
    monkeypatch.setattr(streamed, "LARGE", 2**40)
    torch.testing.assert_close(found.amplitude.whole(), measure(leds, windows(leds)).amplitude)
    for scan, one in zip(scans, disk, strict=True):
        plain = measure_whole(scan, scan_of(scan, pad=None))
        torch.testing.assert_close(one.amplitude.whole(), plain.amplitude)
        assert one.added == pytest.approx(plain.added)
        for name in ("good", "full"):
            a, b = getattr(one, name), getattr(plain, name)
            assert (a is None) == (b is None)
            if a is not None:
                assert torch.equal(a.whole() if isinstance(a, streamed.Streamed) else a, b)


def test_noise_below_zero_is_told_the_same_frame_by_frame(on_disk: None) -> None:
    scan = scan_scene.far_field()[0]
    frames = np.asarray(scan.frames) / np.asarray(scan.frames).max() * 20
    scan = scan.replace(frames=(frames + RNG.normal(0, 3, frames.shape)).astype(np.float32))
    expected = noise_beside_counting(scan.intensity(), None)
    assert expected > 1
    assert scan_streamed.measured_scan(scan, scan_of(scan)).added == pytest.approx(expected, rel=1e-5)


def test_the_end_of_the_scale_is_the_same_as_of_all_frames_together() -> None:
    frames = np.minimum(RNG.poisson(50, (9, 16, 16)), 60).astype(np.uint16)
    good = RNG.random((16, 16)) > 0.1
    assert end_of_scale(frames) == 60
    assert np.array_equal(full_pixels(frames, good), (frames == 60) & good)
    assert full_pixels(RNG.random((4, 8, 8))) is None


@pytest.mark.parametrize(("method", "options"), [("fpm-sequential", {"z_um": 0.0}), ("rpie", {})])
def test_a_run_from_disk_gives_the_same_field(
    led_array: Callable[..., Acquisition], monkeypatch: pytest.MonkeyPatch, method: str, options: dict[str, Any]
) -> None:
    acquisition = led_array() if method == "fpm-sequential" else scan_scene.coded()[0]

    def run() -> Result:
        *_, done = reconstruct(acquisition, build_recipe(method, {**options, "passes": 1, "device": "cpu"}))
        assert isinstance(done, Done)
        return done.result

    plain = run()
    monkeypatch.setattr(streamed, "LARGE", 0)
    assert_alike(run(), plain)


def assert_alike(found: Result, plain: Result) -> None:
    y, x = plain.field.extent.axes()
    seen, expected = (result.field.render([0.0], y, x) for result in (found, plain))
    assert float((seen - expected).norm() / expected.norm()) < 1e-5


def test_where_disks_have_no_room_is_said(on_disk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match=r"put aside on disk .* has so much room: free some, or set TMPDIR"):
        kept(FRAMES)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is left where frames were put aside."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(streamed.tempfile, "tempdir", None)
    yield
    streamed.tempfile.tempdir = None
    assert not list(tmp_path.iterdir())

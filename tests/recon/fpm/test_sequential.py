"""The classical reconstruction on small simulated recordings."""

from __future__ import annotations

import dataclasses
import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest
import solved
import torch
from scene import OBJECTIVE_NA, PIXEL_UM, WAVELENGTH_UM, board, relative_error, scene
from solved import error_of

from napari_neuralfield.fields.planes import PlanesField
from napari_neuralfield.forward import fourier
from napari_neuralfield.optics.pupil import zernike
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.fpm.sequential import depths_that_fit, seen_by_some_led
from napari_neuralfield.types import Done, InputError, Note, Preview, Progress, Result

BOARD = board(7, 0.0431)
QUIET: dict[str, Any] = {"check_orientation": False, "half": False}
events_of = partial(solved.events_of, method="fpm-sequential", **QUIET)
result_of = partial(solved.result_of, method="fpm-sequential", **QUIET)


def planes_of(result: Result) -> PlanesField:
    assert isinstance(result.field, PlanesField)
    return result.field


@pytest.mark.parametrize(("shape", "z_um"), [((48, 48), 0.0), ((48, 41), -7.0)])
def test_a_noise_free_sample_is_found(shape: tuple[int, int], z_um: float) -> None:
    acquisition, sample = scene(shape, z_um, BOARD)
    result = result_of(acquisition, z_um=z_um, recover_pupil=False, recover_gain=False)
    assert result.field.extent.shape == sample.shape
    assert error_of(result, sample, z_um) < 1e-5  # measured 2e-7; an empty slide has 0.19
    assert result.figures["relative_amplitude_error"] < 1e-5


def test_the_known_depth_of_the_sample_is_used() -> None:
    acquisition, sample = scene((48, 48), 6.0, BOARD, sample_z_um=6.0)
    result = result_of(acquisition, recover_pupil=False, recover_gain=False)
    assert result.field.extent.z_um == (6.0, 6.0)
    assert result.optics["sample_z_um"] == 6.0
    assert error_of(result, sample, 6.0) < 1e-5


def test_pupil_and_gains_are_recovered_and_lower_the_error_a_lot() -> None:
    cutoff = OBJECTIVE_NA / WAVELENGTH_UM

    def pupil(fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
        y, x = torch.as_tensor(fy), torch.as_tensor(fx)
        wave = 0.35 * zernike(5, y, x, cutoff) - 0.25 * zernike(10, y, x, cutoff) + 0.15 * zernike(11, y, x, cutoff)
        return np.exp(1j * wave.numpy())

    gains = np.random.default_rng(0).uniform(0.8, 1.2, len(BOARD))
    acquisition, sample = scene((48, 48), 0.0, BOARD, strength=1.5, pupil=pupil, gains=gains)
    without = result_of(acquisition, z_um=0.0, recover_pupil=False, recover_gain=False)
    found = result_of(acquisition, z_um=0.0)
    assert found.figures["relative_amplitude_error"] < 0.4 * without.figures["relative_amplitude_error"]
    assert error_of(found, sample) < 0.4 * error_of(without, sample)  # measured 0.031 and 0.116
    assert np.corrcoef(found.calibration["gains"], gains)[0, 1] > 0.95  # measured 0.972
    fy, fx = ((np.arange(n) - n // 2) / (48 * PIXEL_UM) for n in found.calibration["pupil"].shape)
    inside = np.hypot(fy[:, None], fx) < 0.9 * cutoff
    truth = pupil(fy[:, None], fx[None, :])[inside]
    assert relative_error(found.calibration["pupil"][inside], truth) < 0.1  # measured 0.055; a flat pupil has 0.345


def test_a_pupil_that_is_ideal_costs_nothing_and_is_said() -> None:
    acquisition, sample = scene((48, 48), 0.0, BOARD)
    without = result_of(acquisition, z_um=0.0, recover_pupil=False)
    events = events_of(acquisition, z_um=0.0)
    done = next(event for event in events if isinstance(event, Done))
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("LEDs left out" in note and "as known" in note for note in notes)
    smooth = result_of(acquisition, z_um=0.0, recover_pupil=True, pupil_shape="smooth")
    assert error_of(done.result, sample) < 1.2 * error_of(without, sample)
    assert error_of(smooth, sample) < 2 * error_of(without, sample)


def test_the_stored_pupil_holds_every_bin_that_some_led_sees() -> None:
    acquisition, _ = scene((48, 41), 0.0, BOARD)
    plan, device = fourier.windows(acquisition), torch.device("cpu")
    seen = seen_by_some_led(plan, device)
    passed = fourier.pupils(plan, slice(None), torch.zeros(1))[:, 0].abs() > 0
    assert bool(seen[passed.any(0)].all())
    shares = np.linspace(-0.5, 0.5, 41)
    between = np.stack(np.meshgrid(shares, shares), -1).reshape(-1, 2) * plan.bin
    anywhere = dataclasses.replace(plan, remainder=between, corner=np.zeros(between.shape, int))
    assert torch.equal(fourier.pupils(anywhere, slice(None), torch.zeros(1))[:, 0].abs().amax(0) > 0, seen)
    pupil = result_of(acquisition, z_um=0.0, passes=3, recover_pupil=True).calibration["pupil"]
    stored = fourier.windows(acquisition, margin=0.03) if pupil.shape != plan.box else plan
    assert np.array_equal(pupil != 0, seen_by_some_led(stored, device).numpy())


def test_depths_in_several_goes_are_all_depths_at_once() -> None:
    acquisition, _ = scene((32, 32), 2.0)
    at_once = result_of(acquisition, z_um=(-6.0, 6.0), planes=5)
    in_goes = result_of(acquisition, z_um=(-6.0, 6.0), planes=5, depths_at_once=2)
    depths = np.linspace(-6, 6, 5)
    assert planes_of(at_once).depths_um == pytest.approx(depths)
    assert torch.allclose(planes_of(at_once).spectra(depths), planes_of(in_goes).spectra(depths), atol=1e-6)
    first, second = (r.figures["relative_amplitude_error"] for r in (at_once, in_goes))
    assert first == pytest.approx(second, rel=1e-5)


@pytest.mark.parametrize("options", [{}, {"depths_at_once": 2}, {"momentum": 0.3}, {"z_um": 0.0}])
def test_progress_runs_to_its_end_and_never_backwards(options: dict[str, Any]) -> None:
    acquisition, _ = scene((24, 24))
    found = events_of(acquisition, **{"z_um": (-4.0, 4.0), "planes": 5, **options})
    progress = [e for e in found if isinstance(e, Progress)]
    assert all(a.done <= b.done for a, b in itertools.pairwise(progress))
    assert all(0 < e.done <= e.total == progress[0].total and 0 < e.loss < 1 for e in progress)


def test_previews_show_the_stack_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(np.arange(0.0, 1e6))
    monkeypatch.setattr("napari_neuralfield.recon.engine.preview_pace.time.monotonic", ticks.__next__)
    acquisition, _ = scene((32, 32))
    found = events_of(acquisition, z_um=(-4.0, 4.0), planes=3)
    previews = [e for e in found if isinstance(e, Preview)][1:]  # the first is a frame, shown while waiting
    assert len(previews) > 3
    assert all(e.z_um in (-4.0, 0.0, 4.0) and planes_of(Result(e.field)).depths_um == [-4, 0, 4] for e in previews)
    early, late = planes_of(Result(previews[0].field)).spectra(0.0), planes_of(Result(previews[-1].field)).spectra(0.0)
    assert (early - late).norm() > 0.01 * late.norm()  # a snapshot, not the tensor that goes on changing


@pytest.mark.parametrize("failing", ["ifft2", "fft2"])
def test_out_of_memory_goes_on_with_fewer_planes(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    acquisition, _ = scene((24, 24))
    options = {"z_um": (-4.0, 4.0), "planes": 5}
    expected = planes_of(result_of(acquisition, **options))
    original, left = getattr(torch.fft, failing), [40]

    def sometimes(values: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        if values.ndim == 3 and len(values) == 5:
            left[0] -= 1
            if left[0] == 0:
                raise torch.OutOfMemoryError("CUDA out of memory")
        return original(values, *args, **kwargs)

    monkeypatch.setattr(torch.fft, failing, sometimes)
    found = events_of(acquisition, **options)
    assert [e for e in found if isinstance(e, Note)] == [
        Note("the device ran out of memory; going on with 3 planes at once", "warning")
    ]
    last = found[-1]
    assert isinstance(last, Done)
    assert torch.allclose(planes_of(last.result).spectra([-4, 0, 4]), expected.spectra([-4, 0, 4]), atol=1e-6)


def test_out_of_memory_with_a_single_plane_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **kwargs: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    acquisition, _ = scene((24, 24))
    monkeypatch.setattr(torch.fft, "fft2", never)
    monkeypatch.setattr("napari_neuralfield.forward.fourier.centred_spectrum", lambda image: image)
    with pytest.raises(InputError, match=r"method fpm-sequential on cpu: memory ran out .* what helps: a smaller part"):
        events_of(acquisition, z_um=0.0)


def test_other_mistakes_are_not_taken_for_a_full_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> torch.Tensor:
        raise RuntimeError("something else")

    acquisition, _ = scene((24, 24))
    monkeypatch.setattr("napari_neuralfield.recon.projection.solver.Solver.sweep", broken)
    with pytest.raises(RuntimeError, match="something else"):
        events_of(acquisition, z_um=(-4.0, 4.0), planes=3)


def test_closing_ends_it() -> None:
    acquisition, _ = scene((24, 24))
    stream = reconstruct(acquisition, build_recipe("fpm-sequential", QUIET))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert list(stream) == []


def test_the_unit_of_light_does_not_matter() -> None:
    acquisition, _ = scene((24, 24))
    brighter = acquisition.replace(frames=5e4 * np.asarray(acquisition.frames))
    one, other = (planes_of(result_of(a, z_um=0.0)).spectra(0.0) for a in (acquisition, brighter))
    assert torch.allclose(one, other, atol=1e-4)


def test_a_rank_is_stored() -> None:
    acquisition, _ = scene((24, 24))
    assert len(planes_of(result_of(acquisition, z_um=(-4.0, 4.0), planes=5, rank=2)).modes) == 2


def test_a_batch_fits_in_a_quarter_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = fourier.windows(scene((24, 24))[0])
    for free, expected in ((0, 1), (10**9, None)):
        monkeypatch.setattr("napari_neuralfield.compute.free_bytes", lambda where, free=free: free)
        planes = depths_that_fit(plan, torch.device("cpu"))
        assert planes == expected or planes * np.prod(plan.image_shape) * 8 * 6 < free / 4


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"z_um": (3.0, -3.0)}, "option z_um is 3,-3; the first depth must be the smaller one"),
        (
            {"z_um": 200.0},
            r"option z_um is 200,200; with NA 0\.2 at 0\.5 um the light allows depths within 125 um of 0",
        ),
        ({"z_um": (-3.0, 3.0), "planes": 1}, "option planes is 1; a range of depths -3,3 um needs at least 2"),
    ],
)
def test_depths_that_cannot_be_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        events_of(scene((24, 24))[0], **options)

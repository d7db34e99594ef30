"""Transport of intensity: closed forms, uneven stacks, cut-offs from the noise, bad input."""

import math

import h5py
import numpy as np
import pytest
import torch
from solved import events_of

from napari_neuralfield.checks.through_focus import distinct_planes
from napari_neuralfield.data.acquisition import Draft, ThroughFocus
from napari_neuralfield.forward.brightfield import BrightField
from napari_neuralfield.recon.focus.transport.cosines import cosines, from_cosines
from napari_neuralfield.recon.focus.transport.linear import Transport
from napari_neuralfield.recon.focus.transport.phase_spectrum import phase_spectrum
from napari_neuralfield.recon.focus.transport.teague import auxiliary, unevenness
from napari_neuralfield.simulate.scenes.random_scenes import cells
from napari_neuralfield.types import Done, InputError, Note

OPTICS = {"wavelength_um": 0.5, "objective_na": 0.4, "condenser_na": 0.0, "pixel_um": 1.0}
UNEVEN = (-3.0, 0.5, 1.0, 6.0)


def stack(frames, z_um, **changes) -> ThroughFocus:
    values = {**OPTICS, "z_um": np.array(z_um, float), **changes}
    return Draft("through_focus", np.asarray(frames, np.float32), values, "stack.acq.h5").complete()


def answer(acquisition, method="tie-fft", **options):
    events = events_of(acquisition, method, **{"upsampling": 1, **options})
    assert isinstance(events[-1], Done)
    return events[-1].result, [event for event in events if isinstance(event, Note)]


def plane(result, acquisition, pixel_um=None):
    y, x = (np.arange(n) * acquisition.pixel_um for n in acquisition.frame_shape)
    return result.field.render(0.0, y, x)[0].numpy()


def wave(size=96, period=16.0, height=0.05):
    y = np.arange(size)[:, None] + np.zeros(size)
    return height * np.cos(2 * np.pi * (y + 0.5) / period)


def centred(phase, rim=8):
    inner = phase[rim:-rim, rim:-rim]
    return inner - inner.mean()


def share(found, truth):
    """How much of the truth was found."""
    return np.vdot(centred(found, 24), centred(truth, 24)) / np.vdot(centred(truth, 24), centred(truth, 24))


def decibel(found, truth):
    found, truth = centred(found), centred(truth)
    return 10 * math.log10(np.ptp(truth) ** 2 / ((found - truth) ** 2).mean())


@pytest.mark.parametrize("method", ["tie-fft", "tie-tv"])
@pytest.mark.parametrize("z_um", [(-1.0, 1.0), UNEVEN, (2.0, 5.0)])
def test_a_weak_wave_is_found_to_the_percent_with_its_sign(method, z_um):
    phase = wave()
    f2 = (1 / 16.0) ** 2
    frames = [1 + 2 * math.sin(math.pi * 0.5 * z * f2) * phase for z in z_um]
    acquisition = stack(frames, z_um)
    options = {"cutoff_cycles_per_um": 0.015} | ({"edges": 0} if method == "tie-tv" else {})
    result, _ = answer(acquisition, method, **options)
    assert share(plane(result, acquisition), phase) == pytest.approx(1, abs=0.01)
    assert np.abs(centred(plane(result, acquisition), 24) - centred(phase, 24)).max() < 0.05 * 0.05
    shuffled = stack(frames[::-1], z_um[::-1])
    again, _ = answer(shuffled, method, **options)
    np.testing.assert_allclose(plane(again, shuffled), plane(result, acquisition), atol=1e-5)


def test_the_parabola_agrees_with_the_sine_near_focus_and_not_far_from_it():
    phase, f2 = wave(period=8.0), (1 / 8.0) ** 2
    for z, same in ((0.5, True), (30.0, False)):
        frames = [1 + s * 2 * math.sin(math.pi * 0.5 * z * f2) * phase for s in (-1, 1)]
        acquisition = stack(frames, (-z, z))
        found = [
            plane(answer(acquisition, kernel=kernel, cutoff_cycles_per_um=0.02)[0], acquisition)
            for kernel in ("ctf", "tie")
        ]
        assert share(found[0], phase) == pytest.approx(1, abs=0.01)
        assert (abs(share(found[1], phase) - 1) < 0.01) == same


def test_half_of_the_phase_at_the_cutoff_is_kept():
    phase = wave(period=48.0)
    frames = [1 + 2 * math.sin(math.pi * 0.5 * z / 48.0**2) * phase for z in (-4.0, 4.0)]
    transport = Transport(np.array(frames, np.float32), np.array([-4.0, 4.0]), stack(frames, (-4, 4)), margin=0)
    transport.believed[:] = 1
    transport.contrast[:] = np.array(frames) - 1
    kept = from_cosines(transport.solve(transport.slope_ridge(1 / 48.0))[0])
    assert np.vdot(kept, phase) / np.vdot(phase, phase) == pytest.approx(0.5, abs=0.005)


def test_images_and_back_are_adjoint():
    rng = np.random.default_rng(0)
    transport = Transport(np.ones((4, 24, 20), np.float32), np.array(UNEVEN), stack(np.ones((4, 24, 20)), UNEVEN))
    sample = rng.standard_normal((2, *transport.shape)).astype(np.float32)
    images = rng.standard_normal((4, *transport.shape)).astype(np.float32)
    assert np.vdot(transport.images(sample), images) == pytest.approx(np.vdot(sample, transport.back(images)), rel=1e-3)


def test_uneven_light_is_taken_into_account_by_either_method():
    """A stripe that lets 60 % through lies along a wave: I grad phase has no curl, so Teague's way is exact."""
    size, z = 96, 0.5
    phase = wave(size, 24.0, 0.2)
    light = 0.8 + 0.2 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / 12)[:, None] + np.zeros(size)
    u, k, stripe = np.arange(size)[:, None] + 0.5, 2 * np.pi / 24, 2 * np.pi / 12
    flow = -light * k**2 * phase + 0.04 * k * stripe * np.sin(k * u) * np.sin(stripe * u)  # d/dy (light d/dy phase)
    slope = -(0.5 / (2 * np.pi)) * flow
    frames = np.array([light - z * slope, light + z * slope], np.float32)
    acquisition = stack(frames, (-z, z))
    transport = Transport(frames / frames.mean((1, 2), keepdims=True), np.array([-z, z]), acquisition, "tie")
    ridge = transport.slope_ridge(0.015)

    def off(spectrum):
        return np.abs(centred(transport.cut(spectrum), 24) - centred(phase, 24)).max()

    sample = transport.solve(ridge)
    before = off(sample[0])
    assert before > 0.02
    assert off(auxiliary(transport, sample)) < 0.3 * before
    for _ in range(6):
        sample = transport.solve(ridge, transport.contrast - unevenness(transport, sample))
    assert off(sample[0]) < 0.3 * before


@pytest.fixture(scope="module")
def slide():
    """Cells under a partly closed condenser at four uneven depths, without noise; and their phase on camera pixels."""
    phase = 0.5 * cells(224, 2, np.random.default_rng(5))
    microscope = BrightField(0.5, 0.4, 0.1, 0.5, 2, 8)
    transmission = torch.polar(torch.ones(224, 224), torch.from_numpy(phase.astype(np.float32)))
    with torch.no_grad():
        frames = microscope.images(transmission, torch.tensor(UNEVEN)).numpy()
    inner = (slice(None), slice(8, -8), slice(8, -8))
    return frames[inner], phase.reshape(112, 2, 112, 2).mean((1, 3))[8:-8, 8:-8]


@pytest.mark.parametrize("noise", [0.002, 0.01])
def test_the_cutoff_comes_from_the_noise(slide, noise):
    frames, phase = slide
    noisy = frames + noise * np.random.default_rng(3).standard_normal(frames.shape)
    acquisition = stack(noisy, UNEVEN, condenser_na=0.1)
    transport = Transport(noisy / noisy.mean((1, 2), keepdims=True), np.array(UNEVEN), acquisition)
    found = phase_spectrum(transport)
    assert math.sqrt(found.noise) == pytest.approx(noise, rel=0.35)
    best = max(
        decibel(transport.cut(transport.solve(transport.slope_ridge(cutoff))[0]), phase)
        for cutoff in np.geomspace(0.002, 0.1, 12)
    )
    result, notes = answer(acquisition)
    assert decibel(plane(result, acquisition), phase) > best - 1.0
    assert any("cycles/um" in note.text and "noise" in note.text for note in notes)
    assert result.figures["planes"] == 4


def test_more_noise_raises_the_cutoff(slide):
    frames, _ = slide
    cutoffs = []
    for noise in (0.001, 0.01, 0.05):
        noisy = frames + noise * np.random.default_rng(3).standard_normal(frames.shape)
        cutoffs.append(answer(stack(noisy, UNEVEN, condenser_na=0.1))[0].figures["cutoff_cycles_per_um"])
    assert cutoffs[0] < cutoffs[1] < cutoffs[2]


def test_few_edges_beat_the_ridge_on_cells(slide):
    frames, phase = slide
    noisy = frames + 0.01 * np.random.default_rng(3).standard_normal(frames.shape)
    acquisition = stack(noisy, UNEVEN, condenser_na=0.1)
    plain, edged = (decibel(plane(answer(acquisition, m)[0], acquisition), phase) for m in ("tie-fft", "tie-tv"))
    assert edged > plain + 1.0


def test_the_field_covers_the_camera_pixels_and_knows_the_indices(slide):
    frames, _ = slide
    acquisition = stack(frames, UNEVEN, condenser_na=0.1, sample_index=1.38, medium_index=1.33)
    result, _ = answer(acquisition, upsampling=4)
    extent = result.field.extent
    assert extent.shape == (384, 384)
    assert extent.pixel_um == pytest.approx(0.25)
    assert extent.origin_um == pytest.approx((-0.375, -0.375))
    assert (result.optics["sample_index"], result.optics["medium_index"]) == (1.38, 1.33)
    assert result.figures["relative_amplitude_error"] < 0.02
    fine = result.field.render(0.0, *extent.axes())[0].numpy().reshape(96, 4, 96, 4).mean((1, 3))
    coarse = answer(acquisition, upsampling=1)[0].field.phase
    assert coarse.shape == (1, 96, 96)
    assert np.isfinite(fine).all()


def test_the_wrong_sign_is_said(slide):
    frames, _ = slide
    right = answer(stack(frames, UNEVEN, condenser_na=0.1))
    wrong = answer(stack(frames, [-z for z in UNEVEN], condenser_na=0.1))
    assert right[0].optics["sign_of_defocus"] == "right"
    assert wrong[0].optics["sign_of_defocus"] == "wrong"
    assert any("z_um has the wrong sign" in note.text and note.level == "warning" for note in wrong[1])


def test_cosines_return():
    image = np.random.default_rng(0).standard_normal((3, 10, 12)).astype(np.float32)
    np.testing.assert_allclose(from_cosines(cosines(image)), image, atol=1e-5)
    finer = from_cosines(cosines(image), 3)
    np.testing.assert_allclose(finer.mean((1, 2)), image.mean((1, 2)), atol=1e-5)


def test_bad_input_is_refused(slide):
    frames, _ = slide
    with pytest.raises(InputError, match="one frame, at z_um 4"):
        answer(stack(frames[:1], [4.0]))
    with pytest.raises(InputError, match="all 2 frames are at z_um 4"):
        answer(stack(frames[:2], [4.0, 4.0]))
    with pytest.raises(InputError, match="12 x 96 pixels; the transport of intensity needs at least 16"):
        answer(stack(frames[:, :12], UNEVEN))
    with pytest.raises(InputError, match=r"cutoff_cycles_per_um is 0\.7; pixels of 1 um hold frequencies up to 0\.5"):
        answer(stack(frames, UNEVEN), cutoff_cycles_per_um=0.7)
    with pytest.raises(InputError, match="frame 1 has a mean of 0"):
        answer(stack([frames[0], 0 * frames[0]], [0.0, 4.0]), as_given=True)
    broken = frames.copy()
    broken[2, 5, 5] = np.nan
    with pytest.raises(InputError, match="frame 2 holds values that are not finite"):
        answer(stack(broken, UNEVEN), as_given=True)
    assert list(distinct_planes(stack(frames, [1.0, 0.0, 3.0, 2.0]))) == [1, 0, 3, 2]


def test_the_bench_is_solved_with_a_cutoff_from_the_noise(shared_bench):
    from napari_neuralfield.io import open_draft

    acquisition = open_draft(shared_bench / "through_focus.acq.h5").complete()
    with h5py.File(shared_bench / "through_focus.truth.h5") as stored:
        truth = stored["phase_rad"][:]
    for method, least in (("tie-fft", 26.0), ("tie-tv", 30.0)):  # measured: 26.2 and 30.2
        field = answer(acquisition, method, upsampling=None)[0].field
        found = field.render(0.0, *field.extent.axes())[0].numpy()
        assert decibel_cut(found, truth, 24) > least


def decibel_cut(found, truth, rim):
    found, truth = centred(found, rim), centred(truth, rim)
    return 10 * math.log10(np.ptp(truth) ** 2 / ((found - truth) ** 2).mean())

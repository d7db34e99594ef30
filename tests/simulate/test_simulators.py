"""The virtual microscope against closed forms: it is what the fast forward model is checked with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scene import OBJECTIVE_NA, PIXEL_UM, WAVELENGTH_UM, thin_sample

from napari_neuralfield.forward import fourier
from napari_neuralfield.optics.board import BoardPose, fit_pose
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum
from napari_neuralfield.optics.pupil import zernike
from napari_neuralfield.simulate import phantoms
from napari_neuralfield.simulate import simulators as simulate
from napari_neuralfield.simulate.spectra import seen

OPTICS = {"objective_na": OBJECTIVE_NA, "wavelength_um": WAVELENGTH_UM, "pixel_um": PIXEL_UM, "upsampling": 2}


def test_two_waves_make_the_fringe_of_the_textbook() -> None:
    """Light from `na` and a weak grating of frequency g: the pupil sees two waves, defocus turns their difference."""
    n, z, na, weak = 32, 7.0, (0.06, -0.02), 0.3
    field_um = n * PIXEL_UM
    g = np.array([2, -3]) / field_um
    y, x = (np.arange(2 * n) * PIXEL_UM / 2)[:, None], (np.arange(2 * n) * PIXEL_UM / 2)[None, :]
    layer = weak * np.exp(2j * np.pi * (g[0] * y + g[1] * x))
    (frame,) = simulate.led_frames(layer[None], np.array([z]), np.array([na]), **OPTICS)
    light = np.array(na) / WAVELENGTH_UM
    axial = [np.sqrt(WAVELENGTH_UM**-2 - f @ f) for f in (light, light + g)]
    phase = 2 * np.pi * (g[0] * y + g[1] * x)[::2, ::2] + 2 * np.pi * z * (axial[1] - axial[0])
    assert np.abs(frame - (1 + weak**2 + 2 * weak * np.cos(phase))).max() < 1e-12


def test_the_aperture_follows_the_light() -> None:
    """A wave of the object enters where na / wavelength + g lies inside the NA, on the side of the light."""
    n, field_um = 32, 32 * PIXEL_UM
    x = np.arange(2 * n) * PIXEL_UM / 2
    steps = round(0.3 / WAVELENGTH_UM * field_um)  # a wave of NA 0.3, beyond the objective
    layer = np.broadcast_to(0.5 * np.exp(2j * np.pi * steps * x / field_um), (2 * n, 2 * n))
    na = np.array([[0.0, 0.0], [0.0, -0.15], [0.0, 0.15], [0.0, -0.25]])
    frames = simulate.led_frames(layer[None], np.zeros(1), na, **OPTICS)
    assert np.allclose(frames[[0, 2]], 1)  # only the light
    assert np.ptp(frames[1]) == pytest.approx(2, rel=0.01)  # light and wave: a fringe
    assert np.allclose(frames[3], 0.25)  # dark field: only the wave


def test_an_object_shifted_by_whole_pixels_shifts_its_frames() -> None:
    sample, z = thin_sample((64, 48))[None] - 1, np.array([5.0])
    na = np.array([[0.03, 0.051]])
    straight = simulate.led_frames(sample, z, na, **OPTICS)
    moved = simulate.led_frames(np.roll(sample, (4, -6), axis=(1, 2)), z, na, **OPTICS)
    # the tilt of light between bins is not periodic on the grid, so only the frame's content moves
    assert np.allclose(moved, np.roll(straight, (2, -3), axis=(1, 2)), atol=1e-12)


def test_half_a_turn_of_the_light_with_reversed_depth_conjugates_the_object() -> None:
    sample, z, na = thin_sample((32, 32))[None] - 1, np.array([5.0]), np.array([[0.03, 0.051], [-0.1, 0.02]])
    one = simulate.led_frames(sample, z, na, **OPTICS)
    other = simulate.led_frames(sample.conj(), -z, -na, **OPTICS)
    assert np.allclose(one, other, atol=1e-12)


def test_noise_has_the_mean_and_variance_of_its_electrons() -> None:
    frame = np.full((300, 300), 0.8)
    noisy = simulate.expose(frame, 1000.0, np.random.default_rng(0), read_noise=10.0)
    assert noisy.dtype == np.float32
    assert noisy.mean() == pytest.approx(0.8, abs=5e-4)
    assert noisy.var() == pytest.approx(0.8 / 1000 + (10 / 1000) ** 2, rel=0.02)


def test_cells_do_not_touch_and_lie_inside_their_masks() -> None:
    cells, masks = phantoms.cell_phantom((128, 160), np.random.default_rng(3))
    assert cells.shape == masks.shape == (16, 128, 160)
    assert (np.abs(cells) > 0.2).sum(0).max() == 1
    assert max(np.abs(cell[~mask]).max() for cell, mask in zip(cells, masks, strict=True)) < 0.2
    assert all(np.abs(1 + cell).max() <= 1 + 1e-9 for cell in cells)  # they absorb, they do not shine


def test_the_board_starts_at_its_centre_and_stays_inside_the_limit() -> None:
    na = simulate.led_grid_na(15, 4.0, 74.0, 0.236)
    assert np.array_equal(na[0], [0, 0])
    radius = np.hypot(*na.T)
    assert np.all(np.diff(radius) >= -1e-15)
    assert radius.max() <= 0.236
    assert np.allclose(np.abs(na[1:5]).max(1), 4 / np.hypot(4, 74))


def test_a_seed_gives_the_same_sample_again() -> None:
    acquisition, truth = simulate.tilted_slide(4, pixels=32, led_limit_na=0.1)
    again, _ = simulate.tilted_slide(4, pixels=32, led_limit_na=0.1)
    other, _ = simulate.tilted_slide(5, pixels=32, led_limit_na=0.1)
    assert np.array_equal(acquisition.frames, again.frames)
    assert not np.array_equal(acquisition.frames, other.frames)
    assert truth["object"].shape == (64, 64)
    assert np.abs(truth["cell_z_um"]).max() == 12
    assert truth["pixel_um"] == pytest.approx(0.345 / 2)
    assert len(truth["cell_masks"]) == len(truth["cell_z_um"])


def test_a_texture_absorbs_everywhere_and_goes_on_across_its_borders() -> None:
    (texture,), (mask,) = phantoms.texture_phantom((96, 128), np.random.default_rng(1))
    transmission = 1 + texture
    assert np.abs(transmission).max() <= 1 + 1e-12
    assert 0.3 < np.angle(transmission).std() < 0.6
    steps = np.abs(np.diff(transmission, axis=0, append=transmission[:1])).mean(1)
    assert steps[-1] < 1.5 * np.median(steps)
    assert mask.sum() == 64 * 96


def test_only_what_some_led_shows_can_be_seen() -> None:
    n, pixel = 32, 0.25
    x = np.arange(n) * pixel
    waves = [np.broadcast_to(np.exp(2j * np.pi * f * x), (n, n)) for f in (0.0, 0.5, 1.0, -0.5)]
    light, cutoff = np.array([[0.0, 0.0], [0.0, -0.4]]), 0.3  # the second shows 0.1 to 0.7
    assert np.allclose(seen(sum(waves), pixel, light, cutoff), waves[0] + waves[1])


def test_the_fast_forward_model_predicts_the_miscalibrated_board() -> None:
    """With the true directions, gains, pupil, depth and ambient light: two programs of the same physics."""
    acquisition, truth = simulate.miscalibrated_board(
        1, pixels=48, electrons=1e12, read_noise=0.0, ambient=0.01, zernike_rad={5: 0.3, 8: -0.25, 11: 0.2}
    )
    real = acquisition.replace(illumination_na=truth["illumination_na"])
    plan = fourier.windows(real, crop=False)
    fy, fx = fourier.pupil_frequencies(plan, dtype=torch.float64)
    terms = zip(truth["zernike_noll"].tolist(), truth["zernike_rad"].tolist(), strict=True)
    phase = sum(value * zernike(noll, fy, fx, plan.cutoff) for noll, value in terms)
    depth = torch.tensor(truth["cell_z_um"][:1])
    pupil = fourier.pupils(plan, slice(None), depth, torch.exp(1j * phase)[:, None])
    spectrum = fit_spectrum(centred_spectrum(torch.from_numpy(truth["object"])), plan.spectrum_shape)
    image = fourier.predict(spectrum[None], pupil, plan.corner, plan.image_shape)[:, 0].abs().numpy()
    predicted = truth["gains"][:, None, None] * image**2 + truth["background"]
    assert np.abs(predicted - acquisition.intensity()).max() < 2e-5  # 4.7e-6, of a bright field near 1


def test_a_miscalibrated_board_is_where_its_truth_says() -> None:
    pose = BoardPose(0.05, (0.02, -0.01), 0.97)
    acquisition, truth = simulate.miscalibrated_board(0, pixels=32, pose=pose, jitter_na=1e-3)
    found = fit_pose(acquisition.illumination_na, truth["illumination_na"])
    assert np.allclose(found.vector, pose.vector, atol=[2e-3, 5e-4, 5e-4, 2e-3])
    left = pose.place(acquisition.illumination_na) - truth["illumination_na"]
    assert left.std() == pytest.approx(1e-3, rel=0.15)
    assert acquisition.frame_count == 129
    assert truth["gains"].mean() == pytest.approx(1)
    assert acquisition.sample_z_um is None


def test_spoilt_frames_are_blocked_saturated_or_without_structure() -> None:
    spoilt, truth = simulate.miscalibrated_board(0, pixels=32, blocked=[0], saturated=[3], noise=[5])
    frames, good = spoilt.frames, simulate.miscalibrated_board(0, pixels=32)[0].frames
    assert truth["bad_frames"].tolist() == [0, 3, 5]
    assert frames[0].mean() == pytest.approx(0.002, abs=1e-4)
    assert (frames[3] == frames.max()).mean() == pytest.approx(0.5, abs=0.01)
    assert frames[5].mean() == pytest.approx(good[5].mean(), rel=0.01)
    neighbours = (np.corrcoef(f[:, 1:].ravel(), f[:, :-1].ravel())[0, 1] for f in (frames[5], good[5]))
    assert [abs(c) > 0.5 for c in neighbours] == [False, True]

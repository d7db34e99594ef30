"""What was found is written into the acquisition so that reading it predicts the frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scene import OBJECTIVE_NA, PIXEL_UM, WAVELENGTH_UM, board, scene

from napari_neuralfield.forward import fourier
from napari_neuralfield.optics.grids import at_frequencies, centred_spectrum, fit_spectrum
from napari_neuralfield.recon.calibration.apply import central, corrected
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.calibration.trial_microscope import TrialMicroscope
from napari_neuralfield.simulate.simulators import aberrated_pupil

TERMS = {5: 0.3, 8: -0.25}
KNOWN = {6: 0.2}
Z_UM = 4.0
NA = np.vstack([board(5), [[0.22, 0.06], [-0.05, -0.23]]])
GAINS = np.random.default_rng(0).uniform(0.7, 1.3, len(NA))
GAINS /= GAINS.mean()
AMBIENT = np.random.default_rng(1).uniform(0.01, 0.03, len(NA))
ALL = CalibrationRecipe(learn_background="frame")


@pytest.fixture(scope="module")
def truth():
    """A recording with its faults and a file that knows nothing of them; the object; the true microscope."""
    acquisition, sample = scene(
        (64, 64), Z_UM, NA, gains=GAINS, pupil=aberrated_pupil({**TERMS, **KNOWN}, OBJECTIVE_NA / WAVELENGTH_UM)
    )
    ignorant = acquisition.replace(
        frames=np.asarray(acquisition.frames) + AMBIENT[:, None, None], illumination_na=NA + 0.01
    )
    microscope = TrialMicroscope(NA, GAINS, AMBIENT, tuple(TERMS), np.array(list(TERMS.values())), Z_UM, WAVELENGTH_UM)
    return ignorant, sample, microscope


def known_pupil() -> np.ndarray:
    """The part of the aberration that was measured before, on the frames' frequencies (y, x)."""
    y, x = np.meshgrid(*2 * [np.fft.fftshift(np.fft.fftfreq(64, PIXEL_UM))], indexing="ij")
    made = aberrated_pupil(KNOWN, OBJECTIVE_NA / WAVELENGTH_UM)
    assert made is not None
    return made(y, x)


def unexplained(acquisition, sample: np.ndarray) -> float:
    """Relative amplitude error of the true object under the microscope that `acquisition` describes."""
    plan = fourier.windows(acquisition)
    measured = fourier.measure(acquisition, plan)
    spectrum = fit_spectrum(centred_spectrum(torch.from_numpy(sample)), plan.spectrum_shape).to(torch.complex64)
    pupil = fourier.pupils(plan, slice(None), torch.tensor([acquisition.sample_z_um or 0.0]))
    light = fourier.predict(spectrum[None], pupil, plan.corner, plan.image_shape)[:, 0].abs() ** 2
    light = light * measured.gain[:, None, None] ** 2
    most = [float((light[k] * (measured.amplitude[k] ** 2 - measured.floor[k])).sum()) for k in range(len(light))]
    light = light * (sum(most) / float((light**2).sum()))  # the mean brightness is the object's
    model = torch.sqrt(light + measured.floor[:, None, None])
    return float((model - measured.amplitude).norm() / measured.amplitude.norm())


@pytest.mark.parametrize("pupil", [False, True])
@pytest.mark.parametrize("exposure", [None, 3.0])
def test_the_corrected_acquisition_explains_the_frames(truth, exposure: float | None, pupil: bool) -> None:
    ignorant, sample, microscope = truth
    given = ignorant if exposure is None else ignorant.replace(exposure=np.full(len(NA), exposure))
    if pupil:
        given = given.replace(pupil=known_pupil())
    else:  # then the whole aberration is found
        microscope = microscope.changed(
            noll=(*microscope.noll, *KNOWN), coefficients=np.array([*TERMS.values(), *KNOWN.values()])
        )
    found = corrected(given, microscope, ALL, 1.0, dark=True, flat=True)
    assert unexplained(given, sample) > 0.1
    assert unexplained(found, sample) < 0.0015  # measured 0.0007: the pupil between its bins
    assert np.asarray(found.exposure).mean() == pytest.approx(exposure or 1.0)
    assert np.abs(found.pupil) == pytest.approx(1, abs=1e-6)
    assert found.sample_z_um == Z_UM


def test_ambient_light_is_in_counts_about_its_mean(truth) -> None:
    """One frame's own light is its difference from the background, which keeps the shape that it had."""
    given, _, microscope = truth
    shape = np.linspace(0, 0.02, 64)[:, None] * np.ones((64, 64))
    found = corrected(given.replace(background=shape), microscope, ALL, 5.0, dark=True, flat=True)
    assert fourier.ambient_light(found) == pytest.approx(5 * AMBIENT)
    assert np.asarray(found.background) - shape == pytest.approx(5 * AMBIENT.mean() - shape.mean())
    assert np.asarray(found.ambient).mean() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("background", ["common", "frame"])
def test_ambient_light_that_was_known_is_not_counted_twice(truth, background: str) -> None:
    given, _, microscope = truth
    given = given.replace(ambient=np.linspace(0.01, 0.02, len(NA)))
    found = corrected(given, microscope, CalibrationRecipe(learn_background=background), 1.0, dark=True, flat=True)
    assert fourier.ambient_light(found) == pytest.approx(AMBIENT)


def test_what_was_not_learnt_stays_as_it_is(truth) -> None:
    given, _, microscope = truth
    given = given.replace(
        exposure=np.linspace(1, 2, len(NA)), background=np.full((64, 64), 0.02), sample_z_um=1.5, led_height_mm=70.0
    )
    held = CalibrationRecipe(learn_gains=False, learn_background="none", learn_pupil="none", learn_z=False)
    found = corrected(given, microscope.changed(noll=(), coefficients=np.zeros(0)), held, 1.0, dark=True, flat=True)
    for name in ("exposure", "background", "sample_z_um", "led_height_mm"):
        assert np.array_equal(getattr(found, name), getattr(given, name)), name
    assert found.pupil is None
    assert np.array_equal(found.illumination_na, NA)
    tilted = corrected(given, microscope, ALL, 1.0, dark=False, flat=False)
    assert tilted.sample_z_um == 1.5  # a tilted sample has no depth
    assert np.array_equal(tilted.background, given.background)  # bright frames tell of no ambient light


def test_pupil_pixels_need_no_zernike_terms(truth) -> None:
    """As with learn_pupil pixels and pupil_terms 1, which leaves no term that can be learnt."""
    given, _, microscope = truth
    bare = microscope.changed(noll=(), coefficients=np.zeros(0))
    found = corrected(given, bare, ALL, 1.0, known_pupil(), dark=True, flat=True)
    assert found.pupil == pytest.approx(known_pupil())


def test_the_central_square_keeps_the_microscope(truth) -> None:
    given, _, _ = truth
    whole = given.replace(pupil=known_pupil(), background=np.arange(64.0**2).reshape(64, 64))
    assert central(whole, 64) is whole
    part = central(whole, 32)
    assert part.frame_shape == (32, 32)
    assert np.array_equal(part.frames[3], np.asarray(given.frames[3])[16:48, 16:48])
    assert np.array_equal(part.background, np.asarray(whole.background)[16:48, 16:48])
    assert np.allclose(part.pupil, known_pupil()[::2, ::2], atol=1e-6)  # half the bins lie on the old ones
    assert central(given, 40).pupil is None
    assert central(given.crop(slice(0, 50), slice(0, 20)), 40).frame_shape == (40, 20)


def test_a_pupil_is_read_between_its_frequencies() -> None:
    fy, fx = (np.fft.fftshift(np.fft.fftfreq(n, PIXEL_UM)) for n in (48, 36))
    plane = 0.3 + 0.2 * fy[:, None] - 0.5j * fx[None, :]
    small = at_frequencies(plane, PIXEL_UM, (20, 15))
    gy, gx = (np.fft.fftshift(np.fft.fftfreq(n, PIXEL_UM)) for n in (20, 15))
    assert np.allclose(small, 0.3 + 0.2 * gy[:, None] - 0.5j * gx[None, :], atol=1e-12)

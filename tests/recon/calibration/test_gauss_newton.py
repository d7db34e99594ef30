"""The equations of one step against a plain sum of waves, their solution against a dense one, and what they doubt."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scene import board, scene

from napari_neuralfield.forward import fourier
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum
from napari_neuralfield.optics.pupil import wavefront
from napari_neuralfield.recon.calibration.gauss_newton import (
    DAMPING,
    Equations,
    doubts,
    linearise,
    named,
    shared_by,
    solve,
)
from napari_neuralfield.recon.calibration.trial_microscope import Belief, TrialMicroscope

NOLL = (5, 7, 11)
OWN = ("na_y", "na_x", "gain", "floor")
SHARED = ("zernike_5", "zernike_7", "zernike_11", "z_um", "wavelength_um")
STEP_BINS = 0.3


@pytest.fixture(scope="module")
def setting():
    """A microscope that is somewhat wrong, six bright and dark LEDs, an object, and counts that it does not explain."""
    na = np.vstack([board(3, 0.0731)[[0, 2, 4, 7]], [[0.22, 0.05], [-0.1, -0.21]]])
    acquisition, sample = scene((30, 33), 2.0, na)
    rng = np.random.default_rng(1)
    microscope = TrialMicroscope(
        na=na + rng.normal(0, 1e-3, na.shape), gain=rng.uniform(0.8, 1.2, 6), floor=rng.uniform(0.01, 0.03, 6),
        noll=NOLL, coefficients=np.array([0.3, -0.05, 0.02]), z_um=3.0, wavelength_um=acquisition.wavelength_um,
    )  # fmt: skip
    plan = microscope.plan(acquisition)
    spectrum = fit_spectrum(centred_spectrum(torch.from_numpy(sample)), plan.spectrum_shape).to(torch.complex64)
    counts = fourier.measure(acquisition, plan).amplitude ** 2
    return acquisition, microscope, plan, spectrum, counts, rng.uniform(0.5, 2, 6) * 1e-9


def plain_images(microscope: TrialMicroscope, plan: fourier.Windows, spectrum: torch.Tensor) -> np.ndarray:
    """Sum over all waves of the object of what the pupil lets through, (led, y, x), float64, no FFT.

    Cut-off times wavelength is the NA of the objective, which does not change with the wavelength.
    """
    cutoff = plan.cutoff * plan.wavelength_um / microscope.wavelength_um
    whole = [np.arange(n) - n // 2 for n in plan.spectrum_shape]
    waves = [np.exp(2j * np.pi * np.outer(np.arange(n), k) / n) for n, k in zip(plan.image_shape, whole, strict=True)]
    images = []
    for na in microscope.na:
        fy, fx = (
            torch.from_numpy(k * b + s / microscope.wavelength_um) for k, b, s in zip(whole, plan.bin, na, strict=True)
        )
        fy, fx = torch.meshgrid(fy, fx, indexing="ij")
        inside = fy**2 + fx**2 <= cutoff**2
        axial = torch.sqrt(torch.where(inside, microscope.wavelength_um**-2 - fy**2 - fx**2, 1.0))
        phase = 2 * np.pi * microscope.z_um * (axial - 1 / microscope.wavelength_um)
        phase = phase + wavefront(microscope.noll, torch.from_numpy(microscope.coefficients), fy, fx, cutoff)
        passed = spectrum.numpy() * inside.numpy() * np.exp(1j * phase.numpy())
        images.append(waves[0] @ passed @ waves[1].T)
    return np.array(images)


def plain_model(images: np.ndarray, microscope: TrialMicroscope) -> np.ndarray:
    """Amplitudes (led, y, x); what the noise's variance adds is nothing where it is 1e-9."""
    floor = microscope.floor[:, None, None]
    return np.sqrt(microscope.gain[:, None, None] * np.abs(images) ** 2 + floor)


def moved(microscope: TrialMicroscope, name: str, by: float) -> TrialMicroscope:
    """The microscope with one parameter changed, that of every LED where each has its own."""
    if name.startswith("na_"):
        return microscope.changed(na=microscope.na + by * np.array([name == "na_y", name == "na_x"]))
    if name == "gain":
        return microscope.changed(gain=microscope.gain * np.exp(by))
    if name.startswith("zernike_"):
        which = np.array([name == f"zernike_{j}" for j in microscope.noll])
        return microscope.changed(coefficients=microscope.coefficients + by * which)
    return microscope.changed(**{name: getattr(microscope, name) + by})


def plain_columns(setting) -> dict[str, np.ndarray]:
    """Change of the model per unit of each parameter (led, y, x).

    The aperture's edge is hard: for what moves it, the change of the complex image over the step that was asked for.
    """
    _, microscope, plan, spectrum, _, _ = setting
    images = plain_images(microscope, plan, spectrum)
    model = plain_model(images, microscope)
    steps = {"na_y": plan.bin[0] * plan.wavelength_um, "na_x": plan.bin[1] * plan.wavelength_um}
    steps["wavelength_um"] = plan.bin[0] / plan.cutoff * plan.wavelength_um
    columns = {}
    for name in (*OWN, *SHARED):
        step = STEP_BINS * steps[name] if name in steps else 1e-5
        both = [moved(microscope, name, sign * step) for sign in (1, -1)]
        ahead, behind = (plain_images(m, plan, spectrum) for m in both)
        if name in steps:
            change = (ahead - behind) / (2 * step)
            columns[name] = microscope.gain[:, None, None] * (images.conj() * change).real / model
        else:
            ends = [plain_model(i, m) for i, m in zip((ahead, behind), both, strict=True)]
            columns[name] = (ends[0] - ends[1]) / (2 * step)
    return columns


def test_the_equations_are_those_of_the_plain_model(setting) -> None:
    """Products of all columns, each divided by the columns' lengths: cosines."""
    _, microscope, plan, spectrum, counts, noise = setting
    belief = Belief(microscope=microscope, plan=plan, spectrum=spectrum, counts=counts, noise=noise)
    found = linearise(belief, own=OWN, shared=SHARED, step_bins=STEP_BINS)
    sigma = np.sqrt(noise)[:, None, None]
    columns = plain_columns(setting)
    own, shared = (np.stack([columns[name].reshape(6, -1) for name in names], 1) / sigma for names in (OWN, SHARED))
    seen = np.sqrt(np.maximum(counts.double().numpy(), 0))
    residual = seen - plain_model(plain_images(microscope, plan, spectrum), microscope)
    rest = (residual / sigma).reshape(6, -1)
    length, common, far = (np.linalg.norm(a, axis=-1) for a in (own, shared, rest))  # (led, own), (led, shared), (led,)
    common, total = np.linalg.norm(common, axis=0), np.linalg.norm(far)
    assert (found.own, found.shared) == (OWN, SHARED)
    assert np.allclose(found.misfit, (residual**2).mean((1, 2)), rtol=1e-4)
    errors = {
        "own": (found.own_matrix - own @ own.transpose(0, 2, 1)) / (length[:, :, None] * length[:, None]),
        "cross": (found.cross - own @ shared.transpose(0, 2, 1)) / (length[:, :, None] * common),
        "own_right": (found.own_right - np.einsum("lop,lp->lo", own, rest)) / (length * far[:, None]),
        "shared": (found.shared_matrix - np.einsum("lsp,ltp->st", shared, shared)) / np.outer(common, common),
        "shared_right": (found.shared_right - np.einsum("lsp,lp->s", shared, rest)) / (common * total),
    }
    for name, error in errors.items():
        assert np.abs(error).max() < 0.01, name  # directions: 0.005, their phase beside a bin is extrapolated
    assert np.abs(errors["own"][:, 2:, 2:]).max() < 1e-5
    assert np.abs(errors["cross"][:, 2:]).max() < 1e-5
    assert max(np.abs(errors[name]).max() for name in ("shared", "shared_right")) < 1e-5  # 2e-6


def test_without_the_edge_a_direction_is_the_slope_of_the_phase(setting) -> None:
    """An object whose waves all pass well inside the rim: the column is the derivative itself."""
    acquisition, microscope, _, spectrum, _, noise = setting
    microscope = microscope.changed(na=0.4 * microscope.na)
    plan = microscope.plan(acquisition)
    spectrum = fit_spectrum(spectrum, plan.spectrum_shape)
    fy, fx = ((np.arange(n) - n // 2) * b for n, b in zip(plan.spectrum_shape, plan.bin, strict=True))
    spectrum = spectrum * torch.from_numpy(np.hypot(fy[:, None], fx[None, :]) < 0.4 * plan.cutoff)
    counts = torch.zeros((6, *plan.image_shape))
    belief = Belief(microscope=microscope, plan=plan, spectrum=spectrum, counts=counts, noise=noise)
    found = linearise(belief, own=OWN, shared=(), step_bins=STEP_BINS)
    for k, name in enumerate(OWN[:2]):
        ends = []
        for sign in (1, -1):
            there = moved(microscope, name, sign * 1e-6)
            ends.append(plain_model(plain_images(there, plan, spectrum), there))
        column = ((ends[0] - ends[1]) / 2e-6).reshape(6, -1) / np.sqrt(noise)[:, None]
        assert found.own_matrix[:, k, k] == pytest.approx(
            (column**2).sum(1), rel=0.05
        )  # 0.027: ten bins across the pupil


def test_equations_of_fewer_pixels_ask_for_the_same_step(setting) -> None:
    """Noise-free and band-limited images lose little on every second pixel."""
    _, microscope, plan, spectrum, counts, noise = setting
    steps = []
    for stride in (1, 2):
        belief = Belief(microscope=microscope, plan=plan, spectrum=spectrum, counts=counts, noise=noise, stride=stride)
        steps.append(solve(linearise(belief, own=("gain",), shared=("z_um",), step_bins=STEP_BINS)))
    assert steps[1].shared == pytest.approx(steps[0].shared, rel=0.05)
    assert steps[1].own == pytest.approx(steps[0].own, abs=0.02)


def equations_of(
    shared: np.ndarray,
    own: np.ndarray,
    shared_names: tuple[str, ...],
    own_names: tuple[str, ...],
    rest: np.ndarray | None = None,
) -> Equations:
    """Of columns `shared` (led, s, pixel) and `own` (led, p, pixel), and a residual (led, pixel); 0 where None."""
    rest = np.zeros(own[:, 0].shape) if rest is None else rest
    return Equations(
        own=own_names,
        shared=shared_names,
        own_matrix=own @ own.transpose(0, 2, 1),
        cross=own @ shared.transpose(0, 2, 1),
        shared_matrix=np.einsum("lsp,ltp->st", shared, shared),
        own_right=np.einsum("lop,lp->lo", own, rest),
        shared_right=np.einsum("lsp,lp->s", shared, rest),
        misfit=(rest**2).mean(1),
    )


def random_equations(leds: int = 4, own: int = 3, shared: int = 2, pixels: int = 30) -> tuple[Equations, np.ndarray]:
    """Equations of random columns, and the columns of all of them side by side with the residual last."""
    rng = np.random.default_rng(3)
    mine, ours = rng.standard_normal((leds, own, pixels)), rng.standard_normal((leds, shared, pixels))
    rest = rng.standard_normal((leds, pixels))
    equations = equations_of(ours, mine, ("u", "v")[:shared], ("a", "b", "c")[:own], rest)
    columns = np.zeros((leds * pixels, leds * own + shared + 1))
    for led in range(leds):
        rows = slice(led * pixels, (led + 1) * pixels)
        columns[rows, led * own : (led + 1) * own] = mine[led].T
        columns[rows, leds * own : -1] = ours[led].T
        columns[rows, -1] = rest[led]
    return equations, columns


def damped(matrix: np.ndarray) -> np.ndarray:
    return matrix + DAMPING * np.diag(np.diag(matrix))


def test_led_by_led_gives_what_all_at_once_gives() -> None:
    equations, columns = random_equations()
    matrix, right = columns[:, :-1].T @ columns[:, :-1], columns[:, :-1].T @ columns[:, -1]
    wanted = np.linalg.solve(damped(matrix), right)
    step = solve(equations)
    assert step.own.ravel() == pytest.approx(wanted[:12], abs=1e-10)
    assert step.shared == pytest.approx(wanted[12:], abs=1e-10)
    assert np.array_equal(solve(dataclasses.replace(equations, shared_right=np.zeros(2))).curvature, step.curvature)


def test_a_chain_puts_what_moves_together_into_the_shared_ones() -> None:
    """(a, b) of each LED = chain @ (p, q, r): substituted column by column."""
    equations, columns = random_equations()
    chain = np.random.default_rng(5).standard_normal((4, 2, 3))
    found = shared_by(equations, ("a", "b"), chain, ("p", "q", "r"))
    assert found.own == ("c",)
    assert found.shared == ("p", "q", "r", "u", "v")
    change = np.zeros((columns.shape[1] - 1, 4 + 3 + 2))  # old parameters by the new ones
    for led in range(4):
        change[3 * led + 2, led] = 1
        change[3 * led : 3 * led + 2, 4:7] = chain[led]
    change[12:, 7:] = np.eye(2)
    new = columns[:, :-1] @ change
    wanted = np.linalg.solve(damped(new.T @ new), new.T @ columns[:, -1])
    step = solve(found)
    assert step.own.ravel() == pytest.approx(wanted[:4], abs=1e-10)
    assert step.shared == pytest.approx(wanted[4:], abs=1e-10)


def doubtful(shared: np.ndarray, own: np.ndarray) -> Equations:
    """Of columns `shared` (led, s, pixel) and the gains' (led, 1, pixel)."""
    return equations_of(shared, own, ("turn", "scale", "zernike_5", "wavelength_um")[: shared.shape[1]], ("gain",))


@pytest.fixture
def columns() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((6, 4, 200)), rng.standard_normal((6, 1, 200))


def test_columns_of_their_own_raise_no_doubt(columns) -> None:
    assert list(doubts(doubtful(*columns))) == []
    single = doubtful(columns[0][:, :1], columns[1])
    assert list(doubts(single)) == []


@pytest.mark.parametrize("unit", [1.0, 1e-4, 1e5])
def test_nearly_parallel_columns_are_named_whatever_their_units(columns, unit: float) -> None:
    """A wavelength that acts as the board's size but for a tenth."""
    shared, own = columns
    shared[:, 3] = unit * (-shared[:, 1] + 0.1 * shared[:, 3])
    (text,) = doubts(doubtful(shared, own))
    assert text == (
        "the frames hardly tell the board's height (or pitch) from the wavelength (correlation 0.995); give one of "
        "them and learn only the other"
    )


def test_what_the_leds_own_gains_can_mimic_is_set_aside_first(columns) -> None:
    """Two parameters that differ only by what each LED's gain can do as well."""
    shared, own = columns
    shared[:, 2] = shared[:, 0] + np.arange(1, 7)[:, None] * own[:, 0] + 0.05 * shared[:, 2]
    (text,) = doubts(doubtful(shared, own))
    assert "the board's turn from Zernike term 5 of the pupil (correlation -0.99" in text


def test_parameters_have_names_in_words() -> None:
    assert named("zernike_11") == "Zernike term 11 of the pupil"
    assert named("z_um") == "the sample's depth"
    assert named("something_new") == "something_new"

"""Every correction of the microscope: what it stands for, and that a fit can learn it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scene import OBJECTIVE_NA, PIXEL_UM, WAVELENGTH_UM, board, scene

from napari_neuralfield.forward import corrections as module
from napari_neuralfield.forward import fourier
from napari_neuralfield.forward.corrections import LedCorrections
from napari_neuralfield.optics.board import turn_matrix
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum
from napari_neuralfield.recon.engine.adam import Adam
from napari_neuralfield.simulate.simulators import aberrated_pupil

NOLL = (5, 8, 11)
CUTOFF = OBJECTIVE_NA / WAVELENGTH_UM
NA = np.vstack([board(3, 0.0631), [[0.231, 0.052], [-0.063, -0.242]]])  # the last two are dark field
EVERY = dict.fromkeys(LedCorrections.UNITS, 1.0)
SIZES = {"board": 4, "directions": (len(NA), 2), "gains": len(NA), "background": 1, "pupil": len(NOLL), "z_um": (),
         "wavelength_um": ()}  # fmt: skip


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All of the forward model in double precision."""
    for where in (fourier, module):
        monkeypatch.setattr(where, "REAL", torch.float64)
    precise = functools.partial(fourier.pupil_frequencies, dtype=torch.float64)
    monkeypatch.setattr(fourier, "pupil_frequencies", precise)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def set_up(shape: tuple[int, int] = (20, 18), names: tuple[str, ...] = tuple(EVERY), per_frame: bool = False, **values):
    """Windows, frames and corrections of a tiny scene, and its true object's spectrum."""
    acquisition, sample = scene(shape, na=NA, background=np.full(shape, 0.02), **values)
    acquisition = acquisition.replace(frames=np.asarray(acquisition.frames) + 0.02)
    plan = fourier.windows(acquisition)
    measured = fourier.measure(acquisition, plan)
    spectrum = fit_spectrum(centred_spectrum(torch.from_numpy(sample)), plan.spectrum_shape) / measured.scale**0.5
    steps = {name: EVERY[name] for name in names}
    return plan, measured, LedCorrections(plan, measured, steps, NOLL, per_frame), spectrum.to(torch.complex64)


@torch.no_grad()
def believe(corrections: LedCorrections, **values: object) -> None:
    for name, value in values.items():
        corrections.learnt[name].value.copy_(torch.as_tensor(value))


@pytest.mark.parametrize("names", [(), tuple(EVERY)])
@pytest.mark.parametrize("known", [False, True])
def test_with_nothing_learnt_the_optics_are_those_of_the_forward_model(names: tuple[str, ...], known: bool) -> None:
    pupil = np.exp(0.1j * np.arange(20)[:, None]) * np.ones((20, 18)) if known else None
    exposure = np.linspace(0.5, 1.5, len(NA))
    plan, measured, corrections, _ = set_up(names=names, exposure=exposure, pupil=None)
    plan = dataclasses.replace(plan, pupil=fourier.on_window(pupil, plan.box))
    corrections.plan = plan
    leds, z = np.array([9, 0, 4]), torch.tensor([3.5])
    factor = torch.polar(torch.rand(plan.box), torch.rand(plan.box))
    wanted = fourier.pupils(plan, leds, z, factor, edge=0.5 * min(plan.bin))[:, 0]
    found = corrections.pupils(leds, z[0], factor)
    assert torch.allclose(found, wanted * measured.gain[leds, None, None], atol=1e-6)
    assert torch.equal(corrections.floors(leds), measured.floor[leds])
    assert torch.allclose(corrections.directions(), torch.tensor(NA, dtype=torch.float32), atol=1e-7)
    assert float(corrections.penalty(leds, 0.004).detach()) == 0


POINTS = {"board": 0.004, "directions": 0.004, "gains": 0.2, "background": 0.003, "pupil": 0.3, "z_um": 2.0,
          "wavelength_um": 0.004}  # fmt: skip


@pytest.mark.parametrize("per_frame", [False, True])
@pytest.mark.parametrize("name", POINTS)
@pytest.mark.usefixtures("double")
def test_the_misfit_has_the_right_gradient_by_every_correction(name: str, per_frame: bool) -> None:
    plan, measured, corrections, spectrum = set_up((12, 10), per_frame=per_frame)
    spectrum, random = spectrum.to(torch.complex128), np.random.default_rng(3)
    for other, item in corrections.learnt.items():
        believe(corrections, **{other: POINTS[other] * random.standard_normal(tuple(item.value.shape))})
    leds = np.array([0, 4, 7, 9, 10])

    def misfit(value: torch.Tensor) -> torch.Tensor:
        corrections.learnt[name].value = value
        pupil = corrections.pupils(leds, torch.tensor(1.0), torch.ones(plan.box, dtype=torch.complex128))
        floor, amplitude = corrections.floors(leds), measured.amplitude[leds].double()
        return fourier.misfit(spectrum, pupil, plan.corner[leds], amplitude, floor)

    start = corrections.learnt[name].value.detach().clone().requires_grad_()
    slope = torch.autograd.grad(misfit(start), start)[0].abs()
    assert float(slope.max()) > 0
    assert torch.autograd.gradcheck(misfit, start, eps=1e-6, rtol=1e-4, atol=1e-5 * float(slope.max()))


def test_depth_wavelength_and_directions_are_those_of_such_a_microscope() -> None:
    plan, _, corrections, _ = set_up(names=("board", "directions", "z_um", "wavelength_um"))
    own = np.random.default_rng(0).normal(0, 0.003, NA.shape)
    believe(corrections, board=[0.01, 0.002, -0.004, 0.006], directions=own, z_um=-2.5, wavelength_um=0.012)
    reach, longer = np.hypot(*NA.T).max(), WAVELENGTH_UM + 0.012
    directions = (1 + 0.006 / reach) * NA @ turn_matrix(0.01 / reach).T + [0.002, -0.004] + own
    truth = dataclasses.replace(
        plan, wavelength_um=longer, cutoff=OBJECTIVE_NA / longer,
        remainder=plan.remainder + directions / longer - NA / WAVELENGTH_UM,
    )  # fmt: skip
    leds = np.arange(len(NA))
    wanted = fourier.pupils(truth, leds, torch.tensor([1.5]), edge=0.5 * min(plan.bin))[:, 0]
    found = corrections.pupils(leds, torch.tensor(4.0), torch.ones(plan.box, dtype=torch.complex64))
    assert torch.allclose(found, wanted, atol=1e-4)
    report = corrections.found()
    assert np.allclose(report["illumination_na"], directions, atol=1e-6)
    assert (float(report["z_um"]), float(report["wavelength_um"])) == pytest.approx((-2.5, longer))


@pytest.mark.parametrize("which", range(4))
def test_every_motion_of_the_board_moves_the_outermost_led_alike(which: int) -> None:
    _, _, corrections, _ = set_up()
    believe(corrections, board=0.001 * np.eye(4)[which])
    moved = np.linalg.norm(corrections.found()["illumination_na"] - NA, axis=1)
    assert moved.max() == pytest.approx(0.001, rel=1e-3)
    assert np.argmax(np.hypot(*NA.T)) == np.argmax(moved) or np.ptp(moved) < 1e-6  # a shift moves all alike


def test_ambient_light_of_all_frames_or_of_each() -> None:
    for per_frame in (False, True):
        _, measured, corrections, _ = set_up(per_frame=per_frame)
        added = np.linspace(-0.05, 0.01, len(NA)) if per_frame else 0.01
        believe(corrections, background=added)
        wanted = np.maximum(measured.floor.numpy() + added, 0)  # light is never negative
        assert corrections.floors(np.array([10, 2])).tolist() == pytest.approx(wanted[[10, 2]])
        assert np.allclose(corrections.found()["floor"], wanted)


def test_what_the_object_can_take_is_taken_out() -> None:
    _, _, corrections, _ = set_up()
    random = np.random.default_rng(1)
    own, gains = random.normal(0.002, 0.001, NA.shape), random.normal(0.3, 0.1, len(NA))
    believe(corrections, board=[0.0, 0.003, 0.001, 0.0], directions=own, gains=gains, z_um=1.5)
    before = corrections.found()
    corrections.settle()
    after = corrections.found()
    assert np.allclose(corrections.value("directions").detach(), own - own.mean(0), atol=1e-7)
    assert float(corrections.value("gains").detach().mean()) == pytest.approx(0, abs=1e-7)
    assert np.allclose(after["illumination_na"], before["illumination_na"] - own.mean(0), atol=1e-7)
    assert np.allclose(after["gains"], np.exp(gains) / np.exp(gains).mean(), rtol=1e-5)
    assert np.allclose(after["gains"], before["gains"], rtol=1e-5)
    assert corrections.value("board").tolist() == pytest.approx([0.0, 0.003, 0.001, 0.0])
    assert float(after["z_um"]) == 1.5


def test_leds_off_the_board_are_held_back() -> None:
    _, _, corrections, _ = set_up()
    own = np.zeros(NA.shape)
    own[[1, 3]] = [[0.004, 0.0], [0.004, 0.008]]
    believe(corrections, directions=own)
    assert float(corrections.penalty(np.array([1, 5]), 0.004).detach()) == pytest.approx(0.5)
    assert float(corrections.penalty(np.array([1, 3]), 0.004).detach()) == pytest.approx(3.0)


GAINS = np.exp(np.random.default_rng(5).normal(0, 0.1, len(NA)))
LEARNT = {  # name -> (step, what the file has wrong, the truth, how near the soft edge lets it come)
    "z_um": (0.2, {"z_um": 3.0}, 3.0, 0.2),
    "gains": (0.02, {"gains": GAINS}, np.log(GAINS) - np.log(GAINS).mean(), 0.04),
    "pupil": (0.03, {"pupil": aberrated_pupil({5: 0.4, 8: -0.3}, CUTOFF)}, [0.4, -0.3, 0.0], 0.05),
}


@pytest.mark.parametrize("name", LEARNT)
def test_with_the_object_known_the_microscope_is_found(name: str) -> None:
    step, wrong, truth, near = LEARNT[name]
    plan, measured, corrections, spectrum = set_up((32, 32), (name,), **wrong)
    item, leds = corrections.learnt[name], np.arange(len(NA))
    optimizer, factor = Adam([item.value], step), torch.ones(plan.box, dtype=torch.complex64)
    for number in range(60):
        pupil = corrections.pupils(leds, torch.tensor(0.0), factor)
        loss = fourier.misfit(spectrum, pupil, plan.corner, measured.amplitude, corrections.floors(leds))
        optimizer.step(loss, step * (1 - number / 60))
        corrections.settle()
    assert np.abs(item.value.detach().numpy() - truth).max() < near


def test_pixels_between_aperture_and_window_stay_dark() -> None:
    plan, _, corrections, _ = set_up()
    found = corrections.pupils(np.arange(len(NA)), torch.tensor(0.0), torch.ones(plan.box, dtype=torch.complex64))
    fy, fx = fourier.pupil_frequencies(plan)
    far = torch.hypot(*torch.broadcast_tensors(fy, fx)) > plan.cutoff + 1.0 / (PIXEL_UM * 18)
    assert float(found.detach().abs()[far].max()) < 2e-3

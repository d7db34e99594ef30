"""How far off a phase may be: the sum of what is known, the light, samples that absorb, the least that noise leaves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from defocus_scene import through_focus

from napari_neuralfield.networks.cards import Widening
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.focus.report import DefocusReport, explain
from napari_neuralfield.recon.focus.transport.linear import Transport
from napari_neuralfield.recon.focus.transport.phase_spectrum import phase_spectrum
from napari_neuralfield.recon.focus.trust import (
    ALL_PLANES,
    LEFT_ALONE,
    OPEN,
    SURE_ALONE,
    SURE_STACK,
    PhaseTrust,
    of_network,
    of_transport,
    told_by,
)
from napari_neuralfield.types import Done, Result

PHASE = torch.tensor([[0.0, 2.0], [2.0, 0.0]]) * 0.75**0.5  # deviation 1, as torch divides by n - 1


def seen(explained: float = 1.0, misfit: float = 1.0, level: str = "green") -> DefocusReport:
    none = np.zeros((1, 2, 2))
    return DefocusReport(0.1, misfit, explained, mirrored=0.0, regions=none[0], shown=none, difference=none, whole=True,
                         level=level, sentence="simulated again")  # fmt: skip


def trusted(scale: float, planes: float | None = None, **known: float) -> PhaseTrust:
    given = {"untold_rad": known.pop("untold_rad", 0.0), "widening": Widening(known.pop("factor", 1.0), 0.5)}
    return of_network(seen(**known), PHASE, torch.full((2, 2), scale), planes=planes, **given)


def test_what_may_be_wrong_of_a_networks_phase_adds_up() -> None:
    found = trusted(0.12, untold_rad=0.5, explained=0.8, factor=1.5, misfit=4.0)
    assert found.expected == pytest.approx(1.5 * 2 * np.sqrt(0.12**2 + 0.2**2 + (0.3 * 0.5) ** 2))
    assert found.within_rad.shape == (2, 2)
    assert found.figures["expected_error"] == found.expected


def test_one_frame_asks_for_a_surer_network_than_planes_that_come_back() -> None:
    between = (SURE_ALONE + SURE_STACK) / 2
    assert trusted(0.9 * SURE_ALONE).level == "green"
    alone = trusted(between)
    assert alone.level == "amber"
    assert "another plane would" in alone.sentence
    assert trusted(between, planes=1.0).level == "green"
    assert trusted(0.01, planes=ALL_PLANES - 0.01).level == "amber"
    assert trusted(0.1, planes=0.2).level == "red"
    assert trusted(1.1).level == "red"
    assert trusted(0.1, level="amber").level == "amber"


@pytest.mark.parametrize("planes", [None, 1.0])
def test_slow_phase_that_the_frame_does_not_show_is_not_believed(planes: float | None) -> None:
    assert trusted(0.01, planes, untold_rad=0.99 * OPEN).level == "green"
    unseen = trusted(0.01, planes, untold_rad=1.01 * OPEN)
    assert unseen.level == "amber"
    assert "to what the network was taught" in unseen.sentence


def test_what_is_left_of_one_frame_must_be_little() -> None:
    assert trusted(0.01, misfit=0.99 * LEFT_ALONE).level == "green"
    assert trusted(0.01, misfit=LEFT_ALONE).level == "amber"
    assert trusted(0.01, planes=1.0, misfit=LEFT_ALONE).level == "green"


def test_a_network_that_tells_no_scale_is_never_green() -> None:
    found = of_network(seen(), PHASE, None, widening=Widening(), untold_rad=0.0, planes=None)
    assert (found.level, found.known, found.figures) == ("amber", False, {})


def test_transport_is_never_green_and_says_why() -> None:
    phase = PHASE.numpy()
    found = of_transport(seen(), phase, 0.1, 0.8)
    assert (found.level, found.expected) == ("amber", pytest.approx(0.8 * 0.1 / phase.std()))
    assert "phase slower than the frames show may be missing" in found.sentence
    assert of_transport(seen(level="red"), phase, 0.1, 0.8).level == "red"
    large = of_transport(seen(), phase, 3.0, 0.8)
    assert large.level == "red"
    assert "larger than the phase's own deviation" in large.sentence


def answer(method: str, absorption: float, z_um: tuple[float, ...] = (-4.0, 0.0, 4.0)) -> Result:
    *_, last = reconstruct(through_focus(48, 3, z_um, absorption)[0], build_recipe(method))
    assert isinstance(last, Done)
    return last.result


def test_what_absorbs_as_strongly_as_it_delays_is_not_trusted_to_the_network() -> None:
    assert answer("srqpi", 0.0).optics["trust_level"] == "green"
    absorbing = answer("srqpi", 1.0, (4.0,))  # expects an error beyond every half-precision number
    assert absorbing.optics["trust_level"] == "red"
    assert np.isfinite(absorbing.calibration["uncertainty_rad"]).all()


@pytest.mark.parametrize("method", ["tie-fft", "tie-dct", "tie-tv"])
def test_transport_says_how_far_off_it_may_be(method: str) -> None:
    result = answer(method, 0.0)
    assert result.optics["trust_level"] == "amber"
    assert result.calibration["uncertainty_rad"].shape == (48, 48)
    assert 0 < result.figures["expected_error"] < 1


def test_the_nearer_the_focus_the_less_a_frame_tells() -> None:
    found = []
    for z in (0.5, 8.0):
        alone, phase = through_focus(64, 3, (z,))
        of = torch.from_numpy(phase)
        found.append(told_by(alone, of, explain(alone, of, [0], upsampling=4)))
    assert [told.share for told in found] == pytest.approx([0.82, 0.2], abs=0.05)
    assert found[0].detail_um < found[1].detail_um
    assert "not told by these frames" in found[0].sentence


def test_no_ridge_leaves_less_open_than_that_of_the_noise() -> None:
    acquisition, _ = through_focus(48, 3)
    transport = Transport(acquisition.intensity(), np.asarray(acquisition.z_um), acquisition)
    spectrum = phase_spectrum(transport)
    best = spectrum.ridge(transport.f)
    power = np.where(transport.f > 0, spectrum.power(transport.f), 0)
    wiener = np.sqrt((power * best / (transport.told() + best)).mean())
    assert spectrum.untold_rad(transport, best) == pytest.approx(wiener, rel=1e-5)
    assert spectrum.untold_rad(transport, 2 * best) > 1.001 * wiener
    assert spectrum.untold_rad(transport, best / 2) > 1.001 * wiener
    assert spectrum.untold_rad(transport, 0.0) > 2 * wiener  # as noise comes through where no ridge holds it

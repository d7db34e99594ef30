"""Virtual electron microscopes against the textbook's numbers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.data.derived import wavelength_of
from napari_neuralfield.simulate.electrons import (
    CHARGE_V_A,
    LATTICE_A,
    MO,
    electrons_near_field,
    honeycomb,
    interaction,
    mos2,
    projected_potential,
)


@pytest.mark.parametrize(("voltage", "sigma"), [(80, 1.0087e-3), (100, 0.9244e-3), (200, 0.7288e-3)])
def test_the_interaction_is_kirklands(voltage: float, sigma: float) -> None:
    assert interaction(voltage) == pytest.approx(sigma, rel=1e-4)  # rad / (V angstrom)
    assert wavelength_of("acceleration_voltage_kv", 80) == pytest.approx(4.1757e-6, rel=1e-4)


def test_an_atom_is_as_strong_as_molieres() -> None:
    """The volume under a projected potential is 4 pi k Z s^2 sum a / b^2, wherever between pixels the atom lies."""
    found = projected_potential((96, 96), 0.2, np.array([[40.3, 50.6]]), np.array([MO]))
    screening = 0.8853 * 0.529177 / MO ** (1 / 3)
    strength = 4 * np.pi * CHARGE_V_A * MO * screening**2 * (0.1 / 36 + 0.55 / 1.44 + 0.35 / 0.09)
    assert found.sum() * 0.2**2 == pytest.approx(strength, rel=1e-6)
    assert np.unravel_index(found.argmax(), found.shape) == (40, 51)


def test_a_monolayer_has_its_lattice() -> None:
    sites, numbers = honeycomb((40, 40))
    area = 3**0.5 / 2 * LATTICE_A**2
    assert (numbers == MO).sum() == pytest.approx(1600 / area, rel=0.06)
    assert len(sites) == pytest.approx(3 * (numbers == MO).sum(), rel=0.05)
    middle = sites[numbers == MO][np.argmin(np.linalg.norm(sites[numbers == MO] - 20, axis=1))]
    others = np.sort(np.linalg.norm(sites - middle, axis=1))
    assert others[1:7] == pytest.approx(LATTICE_A / 3**0.5)  # three columns of two sulphur atoms


def test_the_dose_and_the_cone_are_those_asked_for() -> None:
    acquisition, truth = mos2(1, pixels=48, scan=6, dose=1e4, step_a=1.5)
    frames = acquisition.intensity()
    assert frames.sum(axis=(1, 2)).mean() == pytest.approx(1e4 * 1.5**2, rel=0.01)
    mean = frames.mean(axis=0)
    radius = np.sqrt((mean > mean.max() / 2).sum() / np.pi) * 104 / 48  # mrad
    assert radius == pytest.approx(21.4, rel=0.06)
    assert len(truth["vacancies_um"]) == 2
    away = np.linalg.norm(truth["atoms_um"][:, None] - truth["vacancies_um"], axis=2)
    assert away.min() > 1e-4  # nothing within an angstrom


def test_a_rotated_scan_differs_by_its_rotation_alone() -> None:
    straight, _ = mos2(1, pixels=48, scan=5)
    turned, truth = mos2(1, pixels=48, scan=5, rotation_deg=30)
    assert np.allclose(np.asarray(straight.positions_um), np.asarray(turned.positions_um))
    given, true = (p - p.mean(0) for p in (np.asarray(turned.positions_um), truth["positions_um"]))
    angle = np.angle(np.vdot(given[:, 0] + 1j * given[:, 1], true[:, 0] + 1j * true[:, 1]), deg=True)
    assert angle == pytest.approx(30)


def test_near_field_electrons_keep_their_count() -> None:
    acquisition, truth = electrons_near_field(1, pixels=48, frames=4)
    assert (np.abs(truth["probe"]) ** 2).mean() == pytest.approx(500, rel=1e-3)
    assert acquisition.wavelength_um == pytest.approx(2.5079e-6, rel=1e-4)

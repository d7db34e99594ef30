from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_neuralfield.optics.grids import frequencies
from napari_neuralfield.optics.pupil import defocus, wavefront, zernike
from napari_neuralfield.optics.pupil_field import PupilField, defocus_coefficient, order_of, powers

PLACES = np.array([(y, x) for y in (100, 900, 1700) for x in (200, 1000, 1800)], dtype=float)  # um


def curved() -> PupilField:
    """Defocus and astigmatism that grow with the square of the distance from (700, 1100) um."""
    table = np.zeros((2, 6))
    table[0, [3, 5]], table[1, [3, 5]] = 2.0, (-1.0, 1.0)
    return PupilField((4, 6), table).moved((-700.0, -1100.0))


def test_a_curved_field_is_what_it_says() -> None:
    field = curved()
    np.testing.assert_allclose(field.at(700.0, 1100.0), 0, atol=1e-12)
    np.testing.assert_allclose(field.at(np.array([700.0, 1700.0]), 2100.0), [[2, 1], [4, 0]], atol=1e-12)
    np.testing.assert_allclose(field.moved((300.0, -50.0)).at(0.0, 10.0), field.at(300.0, -40.0), atol=1e-12)
    again = PupilField.of_table(field.table)
    assert again.noll == (4, 6)
    np.testing.assert_array_equal(again.coefficients, field.coefficients)


def test_regions_give_the_field_back_and_smooth_their_errors() -> None:
    truth = curved()
    rng = np.random.default_rng(0)
    found = truth.at(*PLACES.T) + rng.normal(0, 0.03, (9, 2))
    field = PupilField.fit(truth.noll, PLACES, found)
    y, x = rng.uniform(100, 1800, (2, 200))
    assert field.order == 2
    assert np.sqrt(np.mean((field.at(y, x) - truth.at(y, x)) ** 2)) < 0.03
    np.testing.assert_allclose(
        PupilField.fit(truth.noll, PLACES, truth.at(*PLACES.T)).at(y, x), truth.at(y, x), atol=1e-9
    )


@pytest.mark.parametrize(("count", "order"), [(1, 0), (2, 0), (4, 1), (9, 2)])
def test_few_regions_tell_a_lower_order(count: int, order: int) -> None:
    chosen = PLACES[[4, 0, 2, 6, 8, 1, 3, 5, 7][:count]]
    assert PupilField.fit((4,), chosen, np.ones((count, 1))).order == order
    assert order_of(len(powers(order))) == order


def test_its_pupil_is_the_wavefront_there() -> None:
    cutoff, shape, pixel = 0.1 / 0.522, (64, 48), 1.6
    pupil = curved().pupil((200.0, 300.0), shape, pixel, cutoff)
    fy, fx = np.meshgrid(*(frequencies(n, pixel) for n in shape), indexing="ij")
    inside = np.hypot(fy, fx) < cutoff
    phase = wavefront(
        (4, 6), torch.from_numpy(curved().at(200.0, 300.0)), torch.from_numpy(fy), torch.from_numpy(fx), cutoff
    )
    np.testing.assert_allclose(pupil[inside], np.exp(1j * phase.numpy())[inside], atol=1e-5)


def test_defocus_as_a_zernike_term() -> None:
    cutoff = 0.25 / 0.522
    fy, fx = (torch.from_numpy(a) for a in np.meshgrid(*[np.linspace(-cutoff, cutoff, 301)] * 2, indexing="ij"))
    inside = torch.hypot(fy, fx) < cutoff
    phase = torch.angle(defocus(fy, fx, 0.522, 3.0))[inside]
    expected = (phase * zernike(4, fy, fx, cutoff)[inside]).mean()
    assert defocus_coefficient(3.0, 0.25, 0.522) == pytest.approx(float(expected), rel=0.02)

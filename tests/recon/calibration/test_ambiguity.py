"""What goes hand in hand is named with the remedy; what the frames can tell is not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_neuralfield.recon.calibration.ambiguity import doubts, named
from napari_neuralfield.recon.calibration.gauss_newton import Equations

SHARED = ("turn", "scale", "zernike_5", "wavelength_um")


def equations(shared: np.ndarray, own: np.ndarray, names: tuple[str, ...] = SHARED) -> Equations:
    """Of columns `shared` (led, s, pixel) and `own` (led, p, pixel)."""
    return Equations(
        ("gain", "floor")[: own.shape[1]], names, own @ own.transpose(0, 2, 1), own @ shared.transpose(0, 2, 1),
        np.einsum("lsp,ltp->st", shared, shared), np.zeros(own.shape[:2]), np.zeros(len(names)), np.ones(len(own)),
    )  # fmt: skip


@pytest.fixture
def columns() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((6, 4, 200)), rng.standard_normal((6, 1, 200))


def test_columns_of_their_own_raise_no_doubt(columns) -> None:
    assert list(doubts(equations(*columns))) == []
    single = dataclasses.replace(equations(columns[0][:, :1], columns[1], ("turn",)))
    assert list(doubts(single)) == []


@pytest.mark.parametrize("unit", [1.0, 1e-4, 1e5])
def test_nearly_parallel_columns_are_named_whatever_their_units(columns, unit: float) -> None:
    """A wavelength that acts as the board's size but for a tenth."""
    shared, own = columns
    shared[:, 3] = unit * (-shared[:, 1] + 0.1 * shared[:, 3])
    (text,) = doubts(equations(shared, own))
    assert text == (
        "the frames hardly tell the board's height (or pitch) from the wavelength (correlation 0.995); give one of "
        "them and learn only the other"
    )


def test_what_the_leds_own_gains_can_mimic_is_set_aside_first(columns) -> None:
    """Two parameters that differ only by what each LED's gain can do as well."""
    shared, own = columns
    shared[:, 2] = shared[:, 0] + np.arange(1, 7)[:, None] * own[:, 0] + 0.05 * shared[:, 2]
    (text,) = doubts(equations(shared, own))
    assert "the board's turn from Zernike term 5 of the pupil (correlation -0.99" in text


def test_parameters_have_names_in_words() -> None:
    assert named("zernike_11") == "Zernike term 11 of the pupil"
    assert named("z_um") == "the sample's depth"
    assert named("something_new") == "something_new"

"""Grid artefacts of raster scans: the figure, the picture, and the preset that avoids them."""

from __future__ import annotations

import numpy as np
import pytest
from bench.raster import grid_of, picture, repeated

from napari_neuralfield import build_recipe
from napari_neuralfield.registry import SIMULATORS

Y, X = np.indices((120, 100))
LIT = np.hypot(Y - 60, X - 50) < 45


def test_only_what_repeats_with_the_step_counts() -> None:
    wave = 0.1 * np.cos(2 * np.pi * Y / 20) * np.exp(0.7j)
    assert repeated(1 + wave, LIT, 20) == pytest.approx(0.1 / 2**0.5, rel=0.02)
    assert repeated(1 + wave, LIT, 17) < 0.03
    noise = np.random.default_rng(0).standard_normal((*Y.shape, 2)) @ [0.1, 0.1j]
    assert repeated(1 + noise, LIT, 20) == pytest.approx(0.1 * 2**0.5 * (400 / LIT.sum()) ** 0.5, rel=0.1)


def test_a_grid_on_an_object_is_found_beside_a_ramp() -> None:
    rng = np.random.default_rng(1)
    details = rng.standard_normal((120, 100))
    truth = {"object": 1 + 0.2j * details, "seen": LIT}
    grid = 1 + 0.2 * np.cos(2 * np.pi * X / 20)
    clean, plain = grid_of(truth["object"] * 3 * np.exp(0.05j * Y), truth)
    spoilt, _ = grid_of(truth["object"] * grid, truth)
    assert clean["grid"] < 0.01
    np.testing.assert_allclose(plain[LIT], truth["object"][LIT], rtol=1e-3)
    assert spoilt["grid"] == pytest.approx(0.2 / 2**0.5, rel=0.1)
    assert spoilt["grid"] > spoilt["others"] > clean["others"]
    assert picture({"clean": plain, "truth": truth["object"]}, LIT).size == (2 * (2 * 89 + 4) - 4, 2 * (2 * 89 + 22))


def test_the_raster_scene_tells_of_a_lens_without_stop() -> None:
    acquisition, truth = SIMULATORS["far-field-raster"](0)
    steps = np.unique(np.round(np.diff(np.sort(truth["positions_um"][:, 0])) / truth["pixel_um"], 6))
    np.testing.assert_allclose(steps, [0, 20])
    given = np.abs(acquisition.probe[0]) ** 2  # type: ignore[attr-defined]
    assert given.sum() == pytest.approx((np.abs(truth["probe"]) ** 2).sum(), rel=1e-3)
    assert np.abs(given - np.abs(truth["probe"][0]) ** 2).sum() > 0.1 * given.sum()
    recipe = build_recipe("residual-field", {}, "raster")
    assert (recipe.prior, recipe.probe_field) == ("flat", True)

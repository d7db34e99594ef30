from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.optics.illumination import direction_cosines, grid_positions
from napari_neuralfield.optics.wide_field import seen_from, variation

LEDS = grid_positions(9, 9, 4.0)
HEIGHT = 72.0


def test_from_another_place_leds_lie_where_geometry_says() -> None:
    away_mm = np.array([0.7, -1.6])
    there = direction_cosines(LEDS - away_mm, HEIGHT)
    np.testing.assert_allclose(seen_from(direction_cosines(LEDS, HEIGHT), HEIGHT, 1000 * away_mm), there, atol=1e-12)
    corner = seen_from(np.zeros((1, 2)), HEIGHT, (1500.0, 1500.0))
    assert np.hypot(*corner[0]) == pytest.approx(variation((3000, 3000), HEIGHT), rel=1e-3)

"""Slow phase under LED patterns: LEDs that end inside the rim of the pupil are blind to wide waves."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.recon.patterns.slow_phase import told_by

NA, WAVELENGTH_UM, PIXEL_UM, SIZE = 0.1, 0.5, 0.8, 96
RING = np.arange(32) * np.pi / 16


def rings(radius: float) -> MultiplexedLed:
    """Two noisy frames under the halves of a ring of LEDs at `radius`, an NA."""
    side = np.where(np.cos(RING + 0.1) > 0, 1.0, 0.0)
    frames = 1000 + np.random.default_rng(0).normal(0, 1, (2, SIZE, SIZE))
    return MultiplexedLed(
        frames=frames.astype(np.float32), wavelength_um=WAVELENGTH_UM, objective_na=NA, pixel_um=PIXEL_UM,
        led_na=radius * np.stack([np.cos(RING), np.sin(RING)], 1), patterns=np.stack([side, 1 - side]),
    )  # fmt: skip


@pytest.mark.parametrize("radius", [0.06, 0.08])
def test_a_ring_inside_the_rim_tells_no_wave_that_stays_inside(radius: float) -> None:
    phase = np.random.default_rng(1).standard_normal((SIZE, SIZE))
    found = told_by(rings(radius), phase)
    assert found is not None
    field_um = SIZE * PIXEL_UM
    waves = np.ceil(field_um * (NA - radius) / WAVELENGTH_UM)  # the fewest per field that leave the pupil
    assert found.detail_um == pytest.approx(0.5 * field_um / waves)


def test_a_ring_at_the_rim_tells_nearly_all() -> None:
    phase = np.random.default_rng(1).standard_normal((SIZE, SIZE))
    found, inside = told_by(rings(0.0995), phase), told_by(rings(0.06), phase)
    assert found is not None
    assert inside is not None
    assert found.detail_um > 4 * inside.detail_um

"""A stained slide and a transparent sample in three colours."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield import testing
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.simulate import stained


@pytest.mark.parametrize("name", ["stained-slide", "through-focus-colour"])
def test_virtual_microscopes_in_colour(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small = SIMULATORS[name]
    monkeypatch.setitem(SIMULATORS._entries, name, lambda seed: small(seed, pixels=32))
    testing.check_simulator(name)


def test_stains_absorb_by_their_own_laws_and_delay_all_colours_by_one_path() -> None:
    rng = np.random.default_rng(0)
    section = stained.tissue((96, 96), rng)
    light = stained.transmission(section)
    density = -2 * np.log10(np.abs(light))
    assert np.allclose(density[1] - density[2], 0.41 * section[0] + 0.88 * section[1])
    path = np.angle(light) * np.array(stained.WAVELENGTHS_UM)[:, None, None] / (2 * np.pi)
    assert np.allclose(path, section[2], atol=1e-9)
    assert (np.abs(light).min(axis=0) > 0.97).mean() > 0.1  # some of it is empty

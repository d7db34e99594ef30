"""A field of three colours on one geometry."""

from __future__ import annotations

import numpy as np
import torch

from napari_neuralfield import testing
from napari_neuralfield.fields.colour import ColourField
from napari_neuralfield.fields.phase_map import PhaseMap
from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.types import Extent

WAVES = [0.46, 0.63, 0.53]
SHIFTS = [[0.25, -0.5], [0, 0], [0, 0.75]]


def of_planes(z_um: float = 0.0) -> ColourField:
    rng = np.random.default_rng(0)
    extent = Extent((z_um, z_um), (32, 40), 0.5)
    images = rng.normal(size=(3, 1, 32, 40)) + 1j * rng.normal(size=(3, 1, 32, 40)) + 3
    planes = [planes_of_images(torch.from_numpy(image).to(torch.complex64), [z_um], extent) for image in images]
    return ColourField.of(planes, extent, WAVES, shift_um=SHIFTS, z_um=[1, 0, -2], white=[4, 1, 9])


def test_it_keeps_to_the_contract() -> None:
    testing.check_field(of_planes())
    phase = np.random.default_rng(1).normal(size=(24, 24))
    maps = [PhaseMap.from_grid(phase * k, 0.0, 0.5) for k in (1, 2, 3)]
    field = ColourField.of(maps, maps[0].extent, WAVES, shift_um=SHIFTS, z_um=[0, 0, 0], white=[1, 1, 1])
    assert not field.complex_valued
    testing.check_field(field)


def test_every_colour_is_read_where_it_lies() -> None:
    field = of_planes()
    y, x = np.arange(4, 10) * 0.5, np.arange(6, 20) * 0.5
    found = field.render_channels([0.0], y, x)
    assert found.shape == (3, 1, 6, 14)
    for number, ((down, across), white) in enumerate(zip(SHIFTS, field.white, strict=True)):
        wanted = field.channels[number].render([0.0], y + down, x + across) / white**0.5
        assert torch.allclose(found[number], wanted)
    assert torch.equal(field.render([0.0], y, x), found[2])  # green is the middle one
    assert field.middle == 2

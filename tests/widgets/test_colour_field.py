"""A field of several colours in the viewer: it opens and shows the middle one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from napari_neuralfield.fields.colour import ColourField
from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.io import save_result
from napari_neuralfield.types import Extent, Result
from napari_neuralfield.widgets import contributions


def test_the_middle_colour_is_shown(tmp_path: Path) -> None:
    extent = Extent((0.0, 0.0), (24, 24), 0.5)
    planes = [planes_of_images(torch.full((1, 24, 24), k, dtype=torch.complex64), [0.0], extent) for k in (1, 2, 3)]
    no = [[0.0, 0.0]] * 3
    field = ColourField.of(planes, extent, [0.63, 0.53, 0.46], shift_um=no, z_um=[0, 0, 0], white=[1, 1, 1])
    save_result(tmp_path / "slide.nfield", Result(field))
    read = contributions.field_reader(str(tmp_path / "slide.nfield"))
    assert read is not None
    layers = read(str(tmp_path / "slide.nfield"))
    assert any(
        np.allclose(np.asarray(data[0] if isinstance(data, list) else data), 2, atol=1e-2) for data, *_ in layers
    )

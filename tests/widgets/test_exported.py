"""What we have exported comes back with its scale; files of others are left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import toy

from napari_neuralfield.app.rendering import write
from napari_neuralfield.widgets.view.exported import laid, lies, put_back

Z = [-2.0, 0.0, 2.0]


@pytest.mark.parametrize("quantity", ["amplitude", ""])
def test_an_exported_tiff_lies_where_the_field_was(tmp_path: Path, quantity: str, qapp: object) -> None:
    from napari import layers
    from napari.layers._source import layer_source

    field = toy.ToyField((40, 30), 0.8)
    y, x = field.extent.axes()
    path = tmp_path / "planes.ome.tif"
    write(path, field, Z, y + 3.0, x - 1.0, pixel_um=0.8, quantity=quantity)
    import tifffile

    with layer_source(path=str(path)):
        layer = layers.Image(tifffile.imread(path))
    assert put_back(layer)
    channel = [] if quantity else [1.0]
    np.testing.assert_allclose(layer.scale, [2.0, *channel, 0.8, 0.8])
    np.testing.assert_allclose(layer.translate[[0, -2, -1]], [-2.0, y[0] + 3.0, x[0] - 1.0])
    assert [str(unit) for unit in layer.units][-2:] == ["micrometer", "micrometer"]
    assert not put_back(layer)  # once is enough
    ((_, meta),) = laid(lambda name: [(tifffile.imread(name),)])(str(path))  # as the front door does
    np.testing.assert_allclose(meta["scale"], layer.scale)


def test_files_of_others_stay_as_they_are(tmp_path: Path) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "other.ome.tif", np.zeros((4, 8, 8), np.float32), ome=True)
    (tmp_path / "no.ome.tif").write_bytes(b"II*\0 not really")
    assert lies(tmp_path / "other.ome.tif") is None
    assert lies(tmp_path / "no.ome.tif") is None
    assert lies(tmp_path / "none.ome.tif") is None

"""Fields as arrays: the same values, and nothing is evaluated that is not asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiled_scene import WHOLE, Counted, one_piece, tiled_waves

import napari_neuralfield as nf
from napari_neuralfield.fields.time_series import TimeSeries
from napari_neuralfield.types import InputError


def test_the_values_are_those_of_the_field() -> None:
    field = one_piece()
    array = nf.to_dask(field, value="complex", chunk=32)
    y, x = WHOLE.axes()
    assert array.shape == (2, 96, 128)
    assert array.chunksize == (1, 32, 32)
    assert np.array_equal(np.asarray(array[1, 10:20, 5:9]), field.render([4.0], y[10:20], x[5:9])[0].numpy())
    amplitude = nf.to_dask(tiled_waves(), [1.0, 2.0], 1.0, "amplitude", 40)
    y, x = WHOLE.axes(1.0)
    assert np.allclose(np.asarray(amplitude), tiled_waves().render([1.0, 2.0], y, x).abs(), atol=1e-6)


def test_a_part_evaluates_no_more_than_its_chunks_ask() -> None:
    field = Counted()
    array = nf.to_dask(field, [0.0, 1.0])
    assert not field.seen
    assert float(array[1, 300:310, 1000:1030].mean()) == 0
    assert field.pixels == 10 * 30
    assert [level.shape for level in nf.to_pyramid(field, [0.0])][-1] == (1, 256, 256)


def test_xarray_says_where_everything_lies() -> None:
    array = nf.to_xarray(one_piece(), [0.0, 2.0], 0.25, "amplitude")
    assert array.dims == ("z", "y", "x")
    assert array.attrs["units"] == "1"
    assert {axis: array[axis].attrs["units"] for axis in array.dims} == dict.fromkeys("zyx", "um")
    near = array.sel(z=2.0, y=20.1, x=3.3, method="nearest")
    y, x = WHOLE.axes(0.25)
    assert (float(near.y), float(near.x)) == (20.0, 3.25)
    assert float(near) == pytest.approx(float(one_piece().render([2.0], y, x)[0, 40, 41].abs()), abs=1e-4)


def test_a_time_series_has_its_times_in_front() -> None:
    series = TimeSeries(times_s=[0.0, 5.0], fields=[one_piece(), one_piece()])
    array = nf.to_xarray(series, [0.0])
    assert array.dims == ("t", "z", "y", "x")
    assert array.shape == (2, 1, 96, 128)
    assert nf.layer_keywords(series, [0.0]) == {
        "scale": [5.0, 1.0, 0.5, 0.5],
        "translate": [0.0, 0.0, 10.0, -7.0],
        "units": ["s", "um", "um", "um"],
        "axis_labels": ["t", "z", "y", "x"],
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"value": "height"}, "value is 'height'; this field has amplitude, phase, intensity, complex"),
        ({"pixel_um": -1.0}, "a pixel must be larger than 0 um"),
        ({"pixel_um": 1e-9}, "choose a larger one"),
        ({"chunk": 0}, "chunk is 0; it is the side of a chunk in pixels"),
        ({"chunk": 2}, r"into 285212672 pieces; choose a larger chunk"),
        ({"z_um": [np.nan]}, "give one or more depths in um"),
    ],
)
def test_what_makes_no_array_is_said(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        nf.to_dask(Counted(), **options)

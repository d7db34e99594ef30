"""Turned, mirrored, rescaled pixels on the sample: points and axes agree."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_neuralfield.fields.placement import Placement

SQUARE = [((a, 0.0), (0.0, b)) for a in (1.0, -1.0) for b in (1.0, -1.0)]
EXCHANGED = [((0.0, a), (b, 0.0)) for a in (1.0, -1.0) for b in (1.0, -1.0)]


@pytest.mark.parametrize("matrix", [*SQUARE, *EXCHANGED])
def test_axes_are_the_rows_and_columns_of_points(matrix: tuple[tuple[float, float], tuple[float, float]]) -> None:
    found = Placement(0.4, matrix, (3.0, -2.0))
    y, x = np.array([1.0, 2.5, 7.0]), np.array([-1.0, 0.25])
    rows, columns = found.points(*np.meshgrid(y, x, indexing="ij"))
    along_rows, along_columns, exchanged = found.axes(y, x)
    assert along_rows is not None
    assert along_columns is not None
    assert exchanged == (matrix in EXCHANGED)
    expected = np.meshgrid(along_rows, along_columns, indexing="ij")
    for one, other in zip((rows, columns), expected, strict=True):
        assert np.allclose(one, other.T if exchanged else other)
    assert np.allclose(found.points(np.array(3.0), np.array(-2.0)), 0)


def test_a_turn_by_less_than_a_quarter_has_no_axes() -> None:
    turn = np.deg2rad(30)
    matrix = ((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn)))
    found = Placement(0.5, matrix, (1.0, 1.0))
    assert found.axes(np.arange(3.0), np.arange(4.0)) == (None, None, False)
    rows, columns = found.points(np.array([1.0, 2.0]), np.array([2.0, 1.0]))
    assert rows == pytest.approx([1.0, np.sqrt(3)])
    assert columns == pytest.approx([np.sqrt(3), -1.0])


def test_round_trip() -> None:
    found = Placement(0.4, ((0.0, -1.0), (1.0, 0.0)), (3.0, -2.0))
    assert Placement.from_dict(json.loads(json.dumps(found.to_dict()))) == found

from __future__ import annotations

import numpy as np
import pytest
from toy import ToyField, expected

from napari_neuralfield.app import lazy
from napari_neuralfield.types import Extent, InputError


@pytest.fixture
def field():
    return ToyField()


def test_a_plane_holds_the_values_of_its_depth(field):
    view = lazy.plane(field, 3.0, "amplitude")
    assert (view.shape, view.ndim, view.size, len(view)) == ((64, 96), 2, 64 * 96, 64)
    assert view.dtype == np.float32
    assert field.rendered == []
    y, x = field.extent.axes()
    np.testing.assert_allclose(np.asarray(view), np.abs(expected(3.0, y, x)), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(lazy.plane(field, 3.0, "phase")), np.angle(expected(3.0, y, x)), atol=1e-6)


@pytest.mark.parametrize(
    "key",
    [
        2, -1, slice(1, 3), (1, slice(4, 9), slice(None, None, 3)), (slice(None), 5), (Ellipsis, 7), (0, Ellipsis, 7),
        (slice(None), slice(60, 10, -7)), ([0, 2], slice(0, 4)), (np.int64(1), np.arange(3)), (1, 2, 3), Ellipsis,
        np.array([True, False, True]),
    ],
)  # fmt: skip
def test_slicing_is_lazy_and_equals_numpys(field, key):
    stack = lazy.stack(field, [-1.0, 0.0, 4.0], "intensity")
    whole = np.asarray(stack)
    field.rendered.clear()
    view = stack[key]
    assert field.rendered == []
    assert view.shape == whole[key].shape
    np.testing.assert_array_equal(np.asarray(view), whole[key])


def test_cropping_first_and_depth_last_computes_one_small_plane(field):
    stack = lazy.stack(field, np.linspace(-10, 10, 50), "amplitude")
    np.asarray(stack[:, 10:20, 30:50][25])
    assert field.rendered == [10 * 20]


def test_too_many_indices_and_a_scalar_length_are_refused(field):
    view = lazy.plane(field, 0.0, "phase")
    with pytest.raises(IndexError, match="3 indices for an array of 2 dimensions"):
        view[0, 0, 0]
    with pytest.raises(IndexError, match="integer, a slice or a 1-D index"):
        view[np.zeros((2, 2), int)]
    with pytest.raises(TypeError, match="no length"):
        len(view[0, 0])


def test_an_empty_slice_is_empty(field):
    assert np.asarray(lazy.plane(field, 0.0, "phase")[5:5]).shape == (0, 96)
    assert field.rendered == []


def test_a_pyramid_halves_until_it_is_small(field):
    levels = lazy.pyramid(field, [0.0], "amplitude", smallest=30)
    assert [level.shape for level in levels] == [(1, 64, 96), (1, 32, 48), (1, 16, 24)]
    assert field.rendered == []


def test_a_phase_only_field_has_a_phase_and_nothing_else(field):
    field.complex_valued = False
    assert lazy.quantities(field) == ("phase",)
    values = np.linspace(-9, 9, 4, dtype=np.float32)
    np.testing.assert_array_equal(lazy.measure(values, "phase"), values)
    with pytest.raises(InputError, match="quantity is 'amplitude'; this field has phase"):
        lazy.measure(values, "amplitude")


def test_unknown_quantities_name_the_known_ones():
    with pytest.raises(InputError, match="quantity is 'colour'; this field has amplitude, phase, intensity"):
        lazy.measure(np.ones(2, np.complex64), "colour")


EXTENT = Extent((0, 0), (100, 200), 0.5, (10.0, -20.0))  # edges: 9.75..59.75 and -20.25..79.75


def test_the_visible_box_is_cut_to_the_field_and_to_the_screen():
    y, x = lazy.visible_axes(EXTENT, (0, 0, 30, 1000), 2.0)
    assert y[0] - 1 == pytest.approx(9.75)  # the first pixel begins at the edge of the field
    assert 30 <= y[-1] + 1 < 32
    assert x[0] - 1 <= 0
    assert x[-1] + 1 == pytest.approx(79.75)
    assert np.allclose(np.diff(x), 2.0)


def test_the_visible_box_is_never_finer_than_the_native_pixel():
    y, x = lazy.visible_axes(EXTENT, (-100, -100, 100, 100), 0.001)
    ny, nx = EXTENT.axes()
    np.testing.assert_allclose(y, ny)
    np.testing.assert_allclose(x, nx)


def test_panning_moves_by_whole_pixels_so_that_nothing_shimmers():
    a, _ = lazy.visible_axes(EXTENT, (20, 0, 40, 20), 0.7)
    b, _ = lazy.visible_axes(EXTENT, (22.34, 0, 42.34, 20), 0.7)
    assert ((b[0] - a[0]) / 0.7) == pytest.approx(round((b[0] - a[0]) / 0.7), abs=1e-9)


def test_a_view_beside_the_field_shows_nothing():
    assert lazy.visible_axes(EXTENT, (100, 0, 200, 10), 1.0) is None

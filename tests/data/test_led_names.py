"""Rows, columns and numbers of LEDs in names of images."""

from __future__ import annotations

import pytest

from napari_neuralfield.data.names.led_names import numbers, places
from napari_neuralfield.types import InputError


@pytest.mark.parametrize("form", ["r{:02}_c{:02}.tif", "im_row{}col{}.png", "R{}C{}.tif"])
@pytest.mark.parametrize("first", [0, 1])
def test_rows_and_columns(form: str, first: int) -> None:
    wanted = [[row, column] for row in range(3) for column in range(4)]
    assert places([form.format(r + first, c + first) for r, c in wanted], 3, 4).tolist() == wanted


def test_rows_and_columns_that_do_not_fit() -> None:
    assert places(["r1_c1.tif", "flat.tif"], 3, 3) is None
    assert places(["scar1_c1.tif"], 3, 3) is None
    with pytest.raises(InputError, match="3 rows and 3 columns, but the names of the images say rows 0 to 3"):
        places(["r0_c0.tif", "r3_c3.tif"], 3, 3)
    with pytest.raises(InputError, match="from 0 or from 1 does not show"):
        places(["r1_c1.tif", "r2_c2.tif"], 3, 3)


def test_numbers_with_gaps() -> None:
    assert numbers([f"led_{n}.tif" for n in (0, 2, 3)], 5) == (0, 2, 3)
    assert numbers([f"LED{n:03}.tif" for n in (2, 5)], 5) == (1, 4)
    assert numbers([f"led_{n}.tif" for n in (1, 2, 3)], 5) == (0, 1, 2)
    assert numbers([f"led_{n}.tif" for n in range(5)], 5) == ()  # all of them
    assert numbers(["led_1_a.tif", "led_1_b.tif"], 5) == ()
    with pytest.raises(InputError, match="from 0 or from 1 does not show, so give use"):
        numbers([f"led_{n}.tif" for n in (2, 3)], 5)

"""Orders of LED boards against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.optics import illumination
from napari_neuralfield.optics.illumination import ORIENTATIONS
from napari_neuralfield.optics.led_orders import CORNERS, GRID_ORDERS, SENSES, SIDES, grid_orders, lit_order
from napari_neuralfield.types import InputError

# number n of a board of 3 rows and 4 columns -> row, column
CLOSED = {
    "raster": lambda n: (n // 4, n % 4),
    "serpentine": lambda n: (n // 4, n % 4 if n // 4 % 2 == 0 else 3 - n % 4),
    "columns": lambda n: (n % 3, n // 3),
    "columns_serpentine": lambda n: (n % 3 if n // 3 % 2 == 0 else 2 - n % 3, n // 3),
}


@pytest.mark.parametrize("order", CLOSED)
def test_rows_and_columns_in_closed_form(order: str) -> None:
    assert lit_order(3, 4, order).tolist() == [list(CLOSED[order](n)) for n in range(12)]


@pytest.mark.parametrize("sense", SENSES)
@pytest.mark.parametrize("start", SIDES)
def test_a_spiral_in_closed_form(start: str, sense: str) -> None:
    """Legs of 1, 1, 2, 2, 3, 3 ... steps; each turn is a quarter; LED (2 k)^2 ends a square of side 2 k."""
    steps = (lit_order(15, 15, "spiral", start=start, sense=sense) - 7).astype(float)
    moves = np.diff(steps[:, ::-1] @ np.array([1, 1j]))  # x + i y, y down: times i is a quarter turn clockwise
    way = 1j if sense == "clockwise" else -1j
    legs = [n // 2 + 1 for n in range(28)] + [14]
    wanted = np.concatenate([np.full(leg, 1j ** SIDES.index(start) * way**n) for n, leg in enumerate(legs)])
    assert np.allclose(moves, wanted)
    assert np.abs(steps[: (2 * 3 + 1) ** 2]).max() == 3


def test_a_spiral_inwards_is_the_one_outwards_backwards() -> None:
    inwards = lit_order(5, 5, "spiral_inwards", start="top_left", sense="clockwise")
    assert inwards[:6].tolist() == [[0, 0], [0, 1], [0, 2], [0, 3], [0, 4], [1, 4]]
    assert inwards[::-1].tolist() == lit_order(5, 5, "spiral", start="left", sense="anticlockwise").tolist()
    other = lit_order(3, 4, "spiral_inwards", start="bottom_right", sense="anticlockwise")
    assert other[:6].tolist() == [[2, 3], [1, 3], [0, 3], [0, 2], [0, 1], [0, 0]]
    assert lit_order(3, 4, "spiral", first=(0, 0))[:3].tolist() == [[0, 0], [0, 1], [1, 1]]


@pytest.mark.parametrize("order", [order for order in GRID_ORDERS if order != "spiral"])
@pytest.mark.parametrize("start", CORNERS)
def test_corners_mirror_the_board(order: str, start: str) -> None:
    """The first LED is the corner; the board as a whole is the one from the top left, mirrored."""
    found, plain = lit_order(4, 5, order, start=start), lit_order(4, 5, order)
    assert found[0].tolist() == [3 * start.startswith("bottom"), 4 * start.endswith("right")]
    turned = np.where([start.startswith("bottom"), start.endswith("right")], np.array([3, 4]) - found, found)
    assert np.array_equal(turned, plain)


@pytest.mark.parametrize("order", GRID_ORDERS)
def test_every_order_lights_every_led_of_an_uneven_grid_once(order: str) -> None:
    steps = illumination.grid_positions(3, 4, 2.0, order)
    assert sorted(map(tuple, steps)) == sorted((y, x) for y in (-2.0, 0.0, 2.0) for x in (-3.0, -1.0, 1.0, 3.0))
    assert np.allclose(steps.mean(axis=0), 0.0)


def test_orders_and_orientations_are_all_starts_and_senses() -> None:
    """What a search over GRID_ORDERS and ORIENTATIONS tries on a square board leaves out none that can be named."""
    tried = {((order - 2.0) @ matrix.T).tobytes() for order in grid_orders(5, 5).values() for _, matrix in ORIENTATIONS}
    for order in GRID_ORDERS:
        starts, senses = (SIDES if order == "spiral" else CORNERS), (SENSES if "spiral" in order else SENSES[:1])
        for start in starts:
            for sense in senses:
                assert (lit_order(5, 5, order, start=start, sense=sense) - 2.0).tobytes() in tried


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "zigzag"}, "order is 'zigzag'; it must be one of raster, serpentine, columns"),
        ({"start": "left"}, "start is 'left'; of order raster it must be one of top_left, top_right"),
        ({"order": "spiral", "start": "top_left"}, "of order spiral it must be one of right, down, left, up"),
        ({"sense": "anticlockwise"}, "sense is anticlockwise; order raster has none"),
        ({"order": "spiral", "sense": "left"}, "sense is 'left'; it must be one of clockwise"),
        ({"order": "spiral", "first": (3, 0)}, "row 3, column 0, which is not on the board of 3 x 3"),
        ({"first": (1, 1)}, r"first LED is \[1, 1\]; only order spiral has one"),
    ],
)
def test_mistakes_are_named(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        lit_order(3, 3, **options)

"""Charts: where values land on the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_neuralfield.app.figures.charts import FINE, PANEL, Axis, Chart, Page, round_step

RED = (255, 0, 0)


def chart(x: Axis, y: Axis) -> Chart:
    return Chart(Page(300, 300), 0, 0, 300, 300, "title", x, y)


def pixel(drawn: Chart, x: float, y: float) -> tuple[int, ...]:
    return drawn.page.image.getpixel((round(x * FINE), round(y * FINE)))


def test_ticks_are_round_and_inside() -> None:
    assert Axis(-0.35, 0.35).ticks() == pytest.approx([-0.2, 0, 0.2])
    assert Axis(-1, 1).ticks() == pytest.approx([-1, -0.5, 0, 0.5, 1])
    assert Axis(0.004, 0.6, log=True).ticks() == pytest.approx([0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
    assert Axis(1e-5, 10, log=True).ticks() == pytest.approx([1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10])
    assert [round_step(v) for v in (0.011, 0.02, 3.0, 7.0)] == pytest.approx([0.02, 0.02, 5, 10])


def test_values_land_between_the_ends_of_their_axes() -> None:
    up = chart(Axis(0, 10), Axis(0.01, 1, log=True))
    assert up.place_x([0, 5, 10, 99]) == pytest.approx([up.left, (up.left + up.right) / 2, up.right, up.right])
    assert up.place_y([0.01, 0.1, 1]) == pytest.approx([up.bottom, (up.top + up.bottom) / 2, up.top])
    down = chart(Axis(0, 10), Axis(0, 1, down=True))
    assert down.place_y([0, 1]) == pytest.approx([down.top, down.bottom])


def test_dots_bars_and_lines_are_drawn_there_and_what_is_no_number_is_not() -> None:
    drawn = chart(Axis(-1, 1), Axis(-1, 1))
    drawn.dots([0.5, np.nan], [0.5, 0.0], RED)
    (x,), (y,) = drawn.place_x([0.5]), drawn.place_y([0.5])
    assert pixel(drawn, x, y) == RED
    drawn.line([-0.9, np.nan, -0.7], [-0.8, 0.0, -0.8], RED)
    assert pixel(drawn, drawn.place_x([-0.8])[0], drawn.place_y([-0.8])[0]) == RED
    drawn.rings([0.0, np.nan], [np.nan, 0.0], ["a", "b"], RED)

    bars = Chart(Page(300, 300), 0, 0, 300, 300, "", Axis(-1, 1), Axis(-0.5, 1.5, down=True), labels=["a", "b"])
    bars.bars([0.8, -0.8], [RED, RED])
    for row, value in ((0, 0.4), (1, -0.4)):
        (x,), (y,) = bars.place_x([value]), bars.place_y([row])
        assert pixel(bars, x, y) == RED
        assert pixel(bars, bars.place_x([-value])[0] + 1, y) == PANEL


def test_a_page_is_reduced_and_saved_whole(tmp_path: Path) -> None:
    page = Page(40, 30)
    page.box(10, 10, 20, 20, RED)
    page.sideways(30, 15, "up")
    page.save(tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as image:
        assert image.size == (40, 30)
        assert image.getpixel((15, 15)) == RED
    assert [p.name for p in tmp_path.iterdir()] == ["page.png"]

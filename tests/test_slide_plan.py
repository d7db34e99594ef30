"""The plan of a slide in numbers that can be worked out by hand."""

from __future__ import annotations

import argparse

import pytest
from bench.slide_plan import OVERLAP, Slide, table_of_bytes, table_of_cost

TILE = {
    "side": 32.0 + OVERLAP, "object_side": 2 * (32.0 + OVERLAP), "leds": 10.0, "depths": 5.0, "seconds": 11.0,
    "verdict": 1.0, "writing": 0.0, "field_mb": 1.0, "peak_mb": 100.0,
}  # fmt: skip


def test_cost_follows_tiles_leds_and_depths() -> None:
    slide = Slide(640, leds=20, depths=10, tile=TILE)
    assert slide.tiles == 100
    assert slide.core_s == 10 * 4 + 1
    assert slide.raw_bytes == 2 * 20 * 64**2
    given = argparse.Namespace(card_cores=100, storage_gb_s=1.0, core_hour=3.6, card_hour=36.0)
    rows = table_of_cost(slide, given)
    assert rows[2].startswith("| 1 core | 68 min | 0 s | 68 min | computing | 4 |")
    assert "| 8 cards | 5 s |" in rows[5]
    assert table_of_bytes(slide)[3] == "| the field: 100 tiles of 2.1 MB | 210 MB |"


@pytest.mark.parametrize(("storage", "limit"), [(1.0, "computing"), (1e-6, "storage")])
def test_the_longer_of_both_is_the_bottleneck(storage: float, limit: str) -> None:
    given = argparse.Namespace(card_cores=100, storage_gb_s=storage, core_hour=1.0, card_hour=1.0)
    assert limit in table_of_cost(Slide(640, 20, 10, TILE), given)[-1]

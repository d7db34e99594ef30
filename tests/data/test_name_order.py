"""Natural order of names: numbers, and signs that belong to them."""

from __future__ import annotations

import random
import re

import pytest

from napari_neuralfield.data.names.name_order import families, in_natural_order, signed_numbers


@pytest.mark.parametrize(
    "names",
    [
        ["On Axis - z=-4.png", "On Axis - z=0.png", "On Axis - z=4.png"],
        ["-10.png", "-4.png", "0.png", "4.png"],
        ["z-12.tif", "z-4.tif", "z0.tif", "z4.tif"],  # signs in some: they belong to the number
        ["led-2.tif", "led-10.tif"],  # a hyphen in all
        ["2024-01-15_3.tif", "2024-01-15_10.tif"],
        ["z=-1.tif", "z=-0.25.tif", "z=0.5.tif"],
        ["f1.9.tif", "f1.10.tif", "f1.11.tif"],
        ["z_0.25.tif", "z_0.5.tif", "z_1.tif"],
        ["x-1_y-2.tif", "x-1_y2.tif", "x1_y-2.tif"],
        ["z−4.tif", "z+4.tif"],
        ["frame9.tif", "frame10.TIF", "Frame11.tif"],
        ["a.tif", "b2.tif", "b10.tif"],
    ],
)
def test_orders(names: list[str]) -> None:
    for seed in range(5):
        mixed = random.Random(seed).sample(names, len(names))
        assert in_natural_order(mixed) == names


@pytest.mark.parametrize("form", ["z={}.tif", "pos {} um.png", "a_{}_b3.tif", "{}.tif", "cell7 z={} t-3.tif"])
def test_random_numbers_with_signs(form: str) -> None:
    numbers = random.Random(1)
    for _ in range(20):
        values = sorted(numbers.sample(range(-30, 30), 9))
        names = [form.format(value) for value in values]
        assert in_natural_order(numbers.sample(names, 9)) == names


def test_families_and_numbers() -> None:
    assert families(["a_1.tif", "a_-2.tif", "b_1.tif"]) == {"a_#.tif": ["a_1.tif", "a_-2.tif"], "b_#.tif": ["b_1.tif"]}
    word = re.compile(r"z=$")
    assert signed_numbers(["a1 z=-4.tif", "a1 z=0.5.tif"], word) == [-4, 0.5]
    assert signed_numbers(["z=3.tif", "flat.tif"], word) is None

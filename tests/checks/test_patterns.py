"""Frames of LED patterns: which is which, swapped frames, turned boards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield.checks import findings as checks
from napari_neuralfield.checks.patterns import five_frames
from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.io import open_acquisition
from napari_neuralfield.optics.illumination import ORIENTATIONS, orient
from napari_neuralfield.optics.patterns import arc
from napari_neuralfield.simulate.patterns import multiplexed
from napari_neuralfield.types import InputError


@pytest.fixture(scope="module")
def cells() -> MultiplexedLed:
    return multiplexed(0)[0]


def found(acquisition: MultiplexedLed) -> dict[str, checks.Check]:
    return {c.name: c for c in checks.check(acquisition)}


def warnings(acquisition: MultiplexedLed) -> set[str]:
    return {c.name for c in checks.check(acquisition) if c.level == "warning"}


def test_good_frames(cells: MultiplexedLed) -> None:
    assert warnings(cells) == set()
    assert "a bright-field half towards 45 deg" in found(cells)["patterns"].text
    roles = five_frames(cells)
    assert (roles.bright, roles.dark, roles.axis_deg) == ((0, 1), (2, 3, 4), pytest.approx(45))
    assert roles.arcs_deg == pytest.approx((0, 120, 240), abs=3)


def test_the_order_of_the_frames_is_free(cells: MultiplexedLed) -> None:
    roles = five_frames(cells.subset([3, 1, 4, 0, 2]))
    assert (roles.bright, roles.dark, roles.axis_deg) == ((1, 3), (0, 2, 4), pytest.approx(225))
    assert warnings(cells.subset([3, 1, 4, 0, 2])) == set()


def test_other_patterns_are_refused(cells: MultiplexedLed) -> None:
    with pytest.raises(InputError, match=r"its 4 frames are a bright-field half .*; neuph needs 5 patterns"):
        five_frames(cells.subset([0, 1, 2, 3]))
    with pytest.raises(InputError, match=r"the bright-field halves lie towards 45 and 45 degrees; neuph needs"):
        five_frames(cells.subset([0, 0, 2, 3, 4]))
    near = cells.patterns.copy()
    near[4] = arc(cells.led_na, 0.1, 30.0)
    with pytest.raises(InputError, match=r"arcs lie towards 0, 120, 30 degrees, not 120 apart; neuph needs"):
        five_frames(cells.replace(patterns=near))
    with pytest.raises(InputError, match=r"its 5 frames are .*bright and dark field.*correct led_na, patterns or"):
        five_frames(cells.replace(objective_na=0.07))


def test_swapped_frames_are_named(cells: MultiplexedLed) -> None:
    swapped = cells.replace(frames=cells.frames[[2, 1, 0, 3, 4]])
    assert "swapped" in warnings(swapped)
    assert found(swapped)["swapped"].text.startswith("Darker than frame 2 although")
    assert found(swapped)["swapped"].text.endswith("(frames 0, 1).")
    longer = np.array([1.0, 1, 200, 200, 200])
    exposed = cells.replace(frames=cells.frames * longer[:, None, None].astype(np.float32))
    assert "give 'exposure'" in found(exposed)["swapped"].text
    assert "swapped" not in warnings(exposed.replace(exposure=longer))


@pytest.mark.parametrize("number", range(1, 8))
def test_a_turned_board_is_found(cells: MultiplexedLed, number: int) -> None:
    name, turn = ORIENTATIONS[number]
    turned = cells.replace(led_na=orient(cells.led_na, turn.T))  # what the file says, so that `turn` puts it right
    assert found(turned)["board"].level == "warning"
    assert (f"a LED board that is {name} (" if number > 1 else "half a turn") in found(turned)["board"].text.replace(
        "an LED", "a LED"
    )


def test_tiny_frames_and_frames_that_say_nothing(cells: MultiplexedLed) -> None:
    assert "below 32" in found(cells.crop(slice(0, 20), slice(0, 40)))["size"].text
    noise = np.random.default_rng(0).uniform(0.9, 1.1, cells.frames.shape).astype(np.float32)
    noise[2:] *= 0.01
    assert found(cells.replace(frames=noise))["board"].level == "info"


def test_nan_saturation_and_empty_patterns(cells: MultiplexedLed) -> None:
    broken = cells.frames.copy()
    broken[3, 5, 6] = np.nan
    assert warnings(cells.replace(frames=broken)) == set()
    assert "struck_pixels" in {c.name for c in checks.check(cells.replace(frames=broken))}
    broken[3] = np.nan
    assert "finite" in warnings(cells.replace(frames=broken))
    assert "saturation" in warnings(cells.replace(frames=np.minimum(cells.frames, 0.95)))
    empty = cells.patterns.copy()
    empty[4] = 0
    assert "for frame 4;" in next(c for c in checks.check(cells.replace(patterns=empty)) if c.level == "warning").text


@pytest.mark.parametrize("name", [f"cells_{k}" for k in range(4)] + ["natural_4", "natural_5"])
def test_the_bench_is_fine(shared_bench: Path, name: str) -> None:
    acquisition = open_acquisition(shared_bench / f"multiplexed_{name}.acq.h5")
    assert warnings(acquisition) == set()
    assert five_frames(acquisition).axis_deg == pytest.approx(45)


def test_the_real_cells_are_fine(shared_data: Path) -> None:
    assert warnings(open_acquisition(shared_data / "multiplexed_hela" / "22.npy")) == set()

"""Values with a unit in names of images."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.data.name_values import exposures_s, positions_um, times_s


@pytest.mark.parametrize(
    ("names", "exposures", "times"),
    [
        (["a_exp10ms.tif", "b_exp_200us.tif"], [0.01, 0.0002], None),
        (["led1_200us.tif", "led1_2ms.tif", "led2_200us.tif", "led2_2ms.tif"], [2e-4, 2e-3] * 2, None),
        (["led1_200us.tif", "led2_250us.tif"], None, None),  # every one another: of which kind is not told
        (["a_000120ms.tif", "a_000240ms.tif"], None, [0.12, 0.24]),
        (["t0010s.tif", "t0020s.tif"], None, [10, 20]),
        (["t1min_exp5ms.tif", "t2min_exp10ms.tif"], [0.005, 0.01], [60, 120]),
        (["exp10ms_1.tif", "exp10ms_2.tif"], None, None),  # one for all says nothing
        (["exp10ms.tif", "dark.tif"], None, None),
        (["start3s.tif", "start4s.tif"], None, None),
        (["exp10.tif", "exp20.tif"], None, None),
    ],
)
def test_exposures_and_times(names: list[str], exposures: list[float] | None, times: list[float] | None) -> None:
    for found, wanted in ((exposures_s(names), exposures), (times_s(names), times)):
        assert (found is None) == (wanted is None)
        assert wanted is None or np.allclose(found, wanted)


def test_positions() -> None:
    assert positions_um(["x1.5um_y-2um.tif", "x0um_y1mm.tif"]).tolist() == [[-2, 1.5], [1000, 0]]
    assert positions_um(["x1_y2.tif"]) is None

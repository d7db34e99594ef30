"""Planes of a recording, chosen and put into another order."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import yaml

from napari_neuralfield import InputError, open_draft


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(
        path, np.arange(4, dtype=np.uint16)[:, None, None] * np.ones((1, 8, 8), np.uint16), photometric="minisblack"
    )
    return path


def say(stack, **said):
    stack.with_suffix(".yaml").write_text(yaml.safe_dump({"kind": "led_array", **said}))
    return open_draft(stack)


def test_planes_are_taken_in_the_order_given(stack):
    draft = say(stack, planes=[3, 1], exposure=[1.0, 2.0])
    assert [int(frame.max()) for frame in draft.frames] == [3, 1]
    assert list(draft.values["exposure"]) == [1, 2]


def test_a_scan_grid_counts_the_planes_that_are_left_out(stack):
    draft = say(stack, planes=[0, 3], kind="ptychography", scan_grid={"rows": 2, "step_um": 1.5})
    assert draft.values["positions_um"].tolist() == [[0, 0], [1.5, 1.5]]


@pytest.mark.parametrize("planes", [[4, 0], [1, 1], [0.5], 3, []])
def test_what_is_no_list_of_planes_is_refused(stack, planes):
    with pytest.raises(InputError, match=r"stack.yaml: planes .*from 0 to 3"):
        say(stack, planes=planes)

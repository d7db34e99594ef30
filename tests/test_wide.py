"""Whole fields in strips: every row comes once, in order, at the finer pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_neuralfield.recon.wide import stream_phase


def test_strips_follow_each_other_and_are_the_whole() -> None:
    whole = np.random.default_rng(0).standard_normal((50 * 6, 20 * 6)).astype(np.float32)
    asked: list[slice] = []

    def render(rows: slice) -> torch.Tensor:
        asked.append(rows)
        return torch.from_numpy(whole[rows.start * 6 : rows.stop * 6])

    found = list(stream_phase(render, (50, 20), 6, pixels=16 * 20 * 36, multiple=8))
    assert [y for y, _ in found] == [rows.start * 6 for rows in asked]
    assert all(rows.start % 8 == 0 and rows.stop - rows.start <= 16 for rows in asked)
    assert np.array_equal(np.concatenate([strip for _, strip in found]), whole)


def test_a_strip_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rows 0 to 10 gave a strip of shape \(3, 3\), not \(20, 20\)"):
        next(stream_phase(lambda rows: np.zeros((3, 3)), (10, 10), 2))

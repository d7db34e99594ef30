"""The pyramid's features: read as bilinear interpolation says, hashed as published, with an exact adjoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bench import plain_residual

from napari_neuralfield.compute import seed
from napari_neuralfield.fields.encodings import START, Bags, Pyramid, cells_of


def port_of(pyramid: Pyramid, table_size: int) -> plain_residual.HashPyramid:
    """The direct port with the same features."""
    port = plain_residual.HashPyramid(levels=len(pyramid.levels), table_size=table_size)
    assert pyramid.table is not None
    used, grids = iter(pyramid.used), iter(pyramid.grids)
    tables = iter(pyramid.table.split([len(entries) for entries in pyramid.used]))
    with torch.no_grad():
        for level, table in zip(pyramid.levels, port.tables, strict=True):
            if level.hashed:
                table.weight[next(used)] = next(tables)
            else:
                table.weight.copy_(next(grids).transpose(0, 1).flatten(0, 1))
    return port


def points(shape: tuple[int, int]) -> torch.Tensor:
    y, x = (torch.arange(n) / n for n in shape)
    return torch.stack(torch.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 2)


def test_levels_grow_by_the_scale_and_end_with_the_pixels_where_capped() -> None:
    assert cells_of(256, 16, 16, 1.5, cap=False)[-3:] == [3113, 4670, 7006]
    assert cells_of(256, 16, 16, 1.5, cap=True) == [16, 24, 36, 54, 81, 121, 182, 256]
    assert cells_of(256, 3, 16, 1.5, cap=True) == [16, 24, 36]
    assert cells_of(9, 16, 16, 1.5, cap=True) == [9]


def test_bags_are_a_sparse_matrix_and_its_adjoint() -> None:
    rng = np.random.default_rng(0)
    index, weight = rng.integers(0, 9, (30, 4)), rng.normal(size=(30, 4))
    dense = np.zeros((30, 9))
    np.add.at(dense, (np.arange(30)[:, None], index), weight)
    bags, table = Bags(index, weight, 9), torch.randn(9, 3, generator=seed(0)).requires_grad_()
    assert np.allclose(bags(table).detach().numpy(), dense @ table.detach().numpy(), atol=1e-5)
    back = torch.randn(30, 3, generator=seed(1))
    (gradient,) = torch.autograd.grad(bags(table), table, back)
    assert np.allclose(gradient.numpy(), dense.T @ back.numpy(), atol=1e-5)


@pytest.mark.parametrize(("table_size", "hashed"), [(512, 15), (2**19, 6)])
def test_features_and_gradients_are_those_of_the_direct_port(table_size: int, hashed: int) -> None:
    shape = (64, 64)
    pyramid = Pyramid(shape, encoding="hash", cap=False, table_size=table_size)
    pyramid.start(seed(0))
    assert sum(level.hashed for level in pyramid.levels) == hashed
    port = port_of(pyramid, table_size)
    back = torch.randn(32, 64 * 64, generator=seed(1))
    ours, theirs = pyramid(), port(points(shape)).T
    assert torch.allclose(ours, theirs, atol=1e-9)
    mine = torch.autograd.grad(ours, [*pyramid.grids, pyramid.table], back)
    wanted = torch.autograd.grad(theirs, [table.weight for table in port.tables], back)
    expected = [w.reshape(level.nodes[0], level.nodes[1], 2).transpose(0, 1)
                for w, level in zip(wanted, pyramid.levels, strict=True) if not level.hashed]  # fmt: skip
    own = [w for w, level in zip(wanted, pyramid.levels, strict=True) if level.hashed]
    expected.append(torch.cat([w[entries] for w, entries in zip(own, pyramid.used, strict=True)]))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(mine, expected, strict=True))
    for gradient, entries in zip(own, pyramid.used, strict=True):  # what is left out never learns
        rest = np.setdiff1d(np.arange(len(gradient)), entries)
        assert not gradient[torch.from_numpy(rest)].any()


def test_the_finest_level_of_a_multigrid_is_the_pixels_and_a_ramp_stays_a_ramp() -> None:
    pyramid = Pyramid((20, 32), base=4, scale=2.0)
    assert [level.cells for level in pyramid.levels] == [4, 8, 16, 32]
    with torch.no_grad():
        for level, grid in zip(pyramid.levels, pyramid.grids, strict=True):
            step = 32 / level.cells
            grid[..., 0] = step * torch.arange(level.nodes[1])[:, None]
            grid[..., 1] = step * torch.arange(level.nodes[0])[None, :]
    found = pyramid().reshape(4, 2, 20, 32)
    assert torch.allclose(found[:, 0], torch.arange(32.0).expand(4, 20, 32), atol=1e-4)
    assert torch.allclose(found[:, 1], torch.arange(20.0)[:, None].expand(4, 20, 32), atol=1e-4)


def test_a_multigrid_never_shares_nodes_nor_goes_below_the_pixels() -> None:
    pyramid = Pyramid((60, 40), table_size=64, cap=False)
    assert not any(level.hashed for level in pyramid.levels)
    assert pyramid.levels[-1].cells == 60
    assert pyramid.table is None


def test_it_starts_small_and_the_same_for_the_same_seed() -> None:
    one, two = (Pyramid((30, 30), encoding="hash", table_size=256) for _ in range(2))
    one.start(seed(3))
    two.start(seed(3))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
        assert 0.5 * START < float(a.detach().abs().max()) <= START

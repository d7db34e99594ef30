"""The residual field: the same function as the direct port, a field like the others, and what a file gives back."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from bench import plain_residual, residual_step

from napari_neuralfield.compute import seed
from napari_neuralfield.fields.phasor import phasor
from napari_neuralfield.fields.residual import ResidualField
from napari_neuralfield.io import load_result, save_result
from napari_neuralfield.recon.engine.adam import Adam
from napari_neuralfield.types import Extent, Field, InputError, Result

EXTENT = Extent((0.0, 0.0), (36, 48), 0.4, (3.0, -2.0))
HEADS = [
    {},
    {"head": "relu", "hidden": 12},
    {"head": "phasor", "hidden": 8, "encoding": "hash", "cap": False, "table_size": 256},
    {"head": "modrelu", "hidden": 8, "complex_first": True, "frequency": (5.0, 5.0)},
]


def learned(**options) -> ResidualField:
    """A field with features of a size that matters, and a prior that is not flat."""
    field = ResidualField(extent=EXTENT, **options)
    with torch.no_grad():
        for numbers in field.parameters():
            numbers.add_(0.1 * torch.randn(numbers.shape, generator=seed(1)))
    y, x = torch.meshgrid(*(torch.arange(n) / n for n in EXTENT.shape), indexing="ij")
    field.set_prior(torch.polar(1 + 0.2 * torch.cos(2 * torch.pi * 3 * y), torch.sin(2 * torch.pi * 2 * x)))
    return field


def published_pair(pixels: int) -> tuple[ResidualField, plain_residual.PlainResidual]:
    """The published preset and the port with the same numbers, of a size that matters."""
    torch.manual_seed(0)
    port = plain_residual.PlainResidual((pixels, pixels))
    ours = ResidualField(extent=Extent((0, 0), (pixels, pixels), 0.4), **residual_step.PUBLISHED)
    with torch.no_grad():
        port.factor.fill_(0.3)
        for table in port.pyramid.tables:
            table.weight.uniform_(-1, 1)
        head = ours.head
        for mine, theirs in (
            (head.first, port.first.weight), (head.first_bias, port.first.bias), (head.frequency, port.first.frequency),
            (head.second, port.second.weight), (head.second_bias, port.second.bias),
            (head.last, port.last), (head.factor, port.factor),
        ):  # fmt: skip
            mine.copy_(torch.view_as_real(theirs) if theirs.is_complex() else theirs)
        grids, tables, used = iter(ours.pyramid.grids), [], iter(ours.pyramid.used)
        for level, table in zip(ours.pyramid.levels, port.pyramid.tables, strict=True):
            if level.hashed:
                tables.append(table.weight[next(used)])
            else:
                next(grids).copy_(table.weight.reshape(*level.nodes, 2).transpose(0, 1))
        ours.pyramid.table.copy_(torch.cat(tables))
    return ours, port


def test_the_published_preset_is_the_direct_port_with_its_gradients() -> None:
    ours, port = published_pair(64)
    mine, theirs = ours.at_pixels(), port()
    residual = (theirs - 1).norm()
    assert residual > 5  # the network matters
    assert (mine - theirs).norm() / residual < 1e-5
    amplitude, *optics = residual_step.scene(64)
    head = ours.head
    numbers = [head.first, head.first_bias, head.frequency, head.second, head.second_bias, head.last, head.factor]
    found = torch.autograd.grad(
        residual_step.forward_loss(mine, amplitude, *optics), [*numbers, ours.pyramid.grids[3], ours.pyramid.table]
    )
    layers = port.first, port.second
    wanted = torch.autograd.grad(
        residual_step.forward_loss(theirs, amplitude, *optics),
        [layers[0].weight, layers[0].bias, layers[0].frequency, layers[1].weight, layers[1].bias, port.last,
         port.factor, *[table.weight for table in port.pyramid.tables]],
    )  # fmt: skip
    tables = wanted[7:]
    level = ours.pyramid.levels[3]
    hashed = [t for t, own in zip(tables, ours.pyramid.levels, strict=True) if own.hashed]
    expected = [torch.view_as_real(w) if w.is_complex() else w for w in wanted[:7]]
    expected.append(tables[3].reshape(*level.nodes, 2).transpose(0, 1))
    expected.append(torch.cat([w[entries] for w, entries in zip(hashed, ours.pyramid.used, strict=True)]))
    for a, b in zip(found, expected, strict=True):
        assert (a - b).norm() < 1e-4 * b.norm()


def test_the_phasor_networks_adjoint_passes_gradcheck() -> None:
    def number(*shape: int, k: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return (0.5 * torch.randn(*shape, dtype=dtype, generator=seed(k))).requires_grad_()

    second, last = (number(m, 4, k=k, dtype=torch.complex128) for m, k in ((4, 1), (1, 2)))
    x, first = number(3, 7, k=3), number(4, 3, k=4)
    assert torch.autograd.gradcheck(phasor, (x, first, second, last))
    exact = last @ torch.exp(1j * (second @ torch.exp(1j * (first @ x))))
    assert torch.allclose(phasor(x, first, second, last), torch.view_as_real(exact[0]).T)


def test_relu_heads_gradients_are_those_of_autograd() -> None:
    field = learned(**HEADS[1])
    head, x = field.head, torch.randn(field.pyramid.channels, 3000, generator=seed(5)).requires_grad_()
    numbers, back = [x, head.first, head.bias, head.last], torch.randn(2, 3000, generator=seed(6))
    plain = head.last @ torch.relu(head.first @ x + head.bias[:, None])
    assert torch.allclose(head(x), plain, atol=1e-5)
    found, wanted = (torch.autograd.grad(out, numbers, back) for out in (head(x), plain))
    assert all((a - b).norm() < 1e-5 * b.norm() for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("options", HEADS)
def test_a_new_field_is_its_prior_and_learns(options: dict) -> None:
    field = ResidualField(extent=EXTENT, **options)
    assert isinstance(field, Field)
    assert (field.at_pixels() - 1).abs().max() < 1e-6
    target = learned(**options).prior
    optimizer, errors = Adam(field.parameters(), 1e-2), []
    for _ in range(60):
        errors.append((field.at_pixels() - target).abs().square().mean())
        optimizer.step(errors[-1])
    assert errors[-1].item() < 0.3 * errors[0].item()


@pytest.mark.parametrize("options", HEADS)
def test_every_way_to_read_it_agrees(options: dict) -> None:
    field = learned(**options)
    y, x = EXTENT.axes()
    native = field.render([0.0, 7.0], y, x)
    assert native.dtype == torch.complex64
    assert torch.equal(native[0], native[1])
    assert torch.equal(native[0], field.at_pixels().detach())
    assert (field.query(0.0, y[:, None], x[None, :]) - native[0]).abs().max() < 1e-3
    fine = field.render([0.0], *EXTENT.axes(0.2))[0]
    assert (fine[::2, ::2] - native[0]).abs().max() < 1e-3
    some_y, some_x = y[0] + 1.13, x[0] + np.array([0.7, 0.83, 1.01])
    assert (field.query(0.0, some_y, some_x) - field.render([0.0], [some_y], some_x)[0, 0]).abs().max() < 1e-3
    assert field.query(0.0, 4.0, 1.0).shape == ()


def test_between_pixels_the_prior_is_band_limited_and_a_linear_head_linear() -> None:
    field = learned()
    y, x = EXTENT.axes(0.1, (4.0, 0.0, 8.0, 6.0))
    rows, columns = (
        torch.from_numpy((a - o) / s) for a, o, s in zip((y, x), EXTENT.origin_um, EXTENT.size_um, strict=True)
    )
    prior = torch.polar(
        (1 + 0.2 * torch.cos(6 * torch.pi * rows))[:, None].expand(-1, x.size),
        torch.sin(4 * torch.pi * columns).expand(y.size, -1),
    )
    network, found = field.network().detach(), field.render([0.0], y, x)[0] - prior
    at = round((y[0] - EXTENT.origin_um[0]) / 0.4 * 1e6) / 1e6, round((x[0] - EXTENT.origin_um[1]) / 0.4 * 1e6) / 1e6
    low = int(at[0]), int(at[1])
    fy, fx = at[0] - low[0], at[1] - low[1]
    corner = network[low[0] : low[0] + 2, low[1] : low[1] + 2]
    expected = torch.tensor([1 - fy, fy]).cfloat() @ corner @ torch.tensor([1 - fx, fx]).cfloat()
    assert abs(complex(found[0, 0]) - complex(expected)) < 1e-3


def test_what_is_kept_for_speed_follows_new_numbers_and_stays_out_of_copies() -> None:
    field = learned()
    before = field.query(0.0, 4.07, 1.03)
    snapshot = copy.deepcopy(field)
    Adam(field.parameters(), 0.1).step(field.network().abs().square().sum())
    moved = field.query(0.0, 4.07, 1.03)
    assert abs(complex(moved - before)) > 1e-3
    field.set_prior(torch.tensor(2j))
    assert abs(complex(field.query(0.0, 4.07, 1.03) - moved)) > 0.1
    assert torch.equal(snapshot.query(0.0, 4.07, 1.03), before)


@pytest.mark.parametrize("options", HEADS)
def test_a_file_gives_the_equal_field_back(tmp_path: Path, options: dict) -> None:
    field = learned(**options, prior_half=False)
    save_result(tmp_path / "a.nfield", Result(field))
    back = load_result(tmp_path / "a.nfield").field
    assert isinstance(back, ResidualField)
    assert back.options() == field.options()
    assert torch.equal(back.at_pixels(), field.at_pixels())


def test_half_precision_and_a_flat_prior_keep_files_small(tmp_path: Path) -> None:
    whole, half = learned(prior_half=False), learned(half=True)
    files = []
    for name, field in (("whole", whole), ("half", half), ("flat", copy.deepcopy(half))):
        if name == "flat":
            field.set_prior(torch.tensor(0.5 + 0.1j))
        files.append(tmp_path / f"{name}.nfield")
        save_result(files[-1], Result(field))
    sizes = [file.stat().st_size for file in files]
    pixels = 36 * 48
    assert sizes[0] - sizes[1] > 0.9 * pixels * (4 + 2 * 2)  # prior and finest level, half of their bytes
    assert sizes[1] - sizes[2] == pytest.approx(4 * pixels, abs=2000)
    back = load_result(files[1]).field
    assert (back.at_pixels() - half.at_pixels()).norm() < 1e-3 * half.at_pixels().norm()
    assert torch.equal(load_result(files[2]).field.prior, torch.full(EXTENT.shape, 0.5 + 0.1j))


def test_a_prior_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"the prior has \(3, 4\) pixels and the field \(36, 48\)"):
        ResidualField(extent=EXTENT).set_prior(torch.ones(3, 4, dtype=torch.complex64))


def test_a_step_is_many_times_faster_than_the_direct_port() -> None:
    """11 and 100 times at 256 x 256 on one thread; a small field here, so less, and a wide margin."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = {row["preset"]: row for row in residual_step.measure(128, 1)}
    finally:
        torch.set_num_threads(threads)
    assert rows["published"]["times"] > 4
    assert rows["default: multigrid, linear"]["times"] > 15
    assert residual_step.table(list(rows.values())).count("\n") == 1 + len(rows)

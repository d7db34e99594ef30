"""Planes as a field: nothing is lost between storing and reading, whatever way it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_neuralfield.fields.planes import PlanesField, planes_of_images
from napari_neuralfield.io import load_result, save_result
from napari_neuralfield.optics.grids import fit_spectrum, image_of
from napari_neuralfield.types import Extent, Field, Result

DEPTHS = [-6.0, -1.0, 2.0, 8.0]
EXTENT = Extent((-6.0, 8.0), (36, 48), 0.25, (3.0, -1.0))


def spectra(planes: int = 4, shape: tuple[int, int] = (21, 25), seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Spectra (z, y, x) of images near 1 inside an elliptic support (y, x)."""
    y, x = np.indices(shape)
    inside = ((y - shape[0] // 2) / (shape[0] / 2)) ** 2 + ((x - shape[1] // 2) / (shape[1] / 2)) ** 2 < 1
    support = torch.from_numpy(inside)
    values = torch.randn(planes, *shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))
    values = 0.02 * values * support
    values[:, shape[0] // 2, shape[1] // 2] = 1
    return values, support


def field(**storage) -> PlanesField:
    values, support = spectra()
    return PlanesField.from_spectra(values, DEPTHS, EXTENT, support, **storage)


def exact(values: torch.Tensor, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The Fourier sum of one centred spectrum at 1-D axes, um: (y, x)."""
    fy = (np.arange(values.shape[0]) - values.shape[0] // 2) / EXTENT.size_um[0]
    fx = (np.arange(values.shape[1]) - values.shape[1] // 2) / EXTENT.size_um[1]
    ey = np.exp(2j * np.pi * np.outer(y - EXTENT.origin_um[0], fy))
    ex = np.exp(2j * np.pi * np.outer(x - EXTENT.origin_um[1], fx))
    return ey @ values.numpy() @ ex.T


def test_it_is_a_field_and_holds_what_it_was_given() -> None:
    values, _ = spectra()
    stored = field(half=False)
    assert isinstance(stored, Field)
    assert (stored.spectra(DEPTHS) - values).abs().max() < 1e-7
    assert list(stored.parameters()) == []


def test_half_precision_costs_4e_4_at_most_and_half_the_bytes() -> None:
    values, _ = spectra()
    whole, half = field(half=False), field()
    error = (half.spectra(DEPTHS) - values).norm() / values.norm()
    assert error < 4e-4
    assert half.modes.nbytes == whole.modes.nbytes / 2


@pytest.mark.parametrize(("z_um", "low", "part"), [(-6, 0, 0), (-3.5, 0, 0.5), (2, 2, 0), (3.5, 2, 0.25), (8, 2, 1)])
def test_it_is_linear_between_planes(z_um: float, low: int, part: float) -> None:
    values, _ = spectra()
    expected = (1 - part) * values[low] + part * values[low + 1]
    assert (field(half=False).spectra(z_um)[0] - expected).abs().max() < 1e-6


def test_beyond_its_ends_it_holds() -> None:
    values, _ = spectra()
    found = field(half=False).spectra([-100.0, 100.0])
    assert (found - values[[0, -1]]).abs().max() < 1e-7


def test_the_whole_grid_any_region_and_points_agree_with_the_fourier_sum() -> None:
    values, _ = spectra()
    stored = field(half=False)
    y, x = EXTENT.axes()
    assert np.abs(stored.render([-1.0], y, x)[0].numpy() - exact(values[1], y, x)).max() < 1e-5
    fine_y, fine_x = EXTENT.axes(0.07, (4.1, 0.3, 6.0, 5.0))
    truth = exact(values[1], fine_y, fine_x)
    region = stored.render([-1.0], fine_y, fine_x)[0].numpy()
    assert region.shape == (27, 67)
    assert np.abs(region - truth).max() < 5e-4 * np.abs(truth).max()
    points = stored.query(-1.0, fine_y[:, None], fine_x[None, :]).numpy()
    assert np.abs(points - region).max() < 1e-5


def test_the_fast_path_for_the_whole_grid_is_the_interpolation() -> None:
    stored = field()
    y, x = EXTENT.axes()
    fast = stored.render(DEPTHS, y, x)
    slow = stored.query(np.array(DEPTHS)[:, None, None], y[:, None], x[None, :])
    assert fast.dtype == slow.dtype == torch.complex64
    assert (fast - slow).abs().max() < 5e-4 * fast.abs().max()


def test_regions_across_the_edge_continue_periodically() -> None:
    stored = field()
    y, x = EXTENT.axes(0.3, (2.0, -2.5, 13.0, 4.0))
    height, width = EXTENT.size_um
    here = stored.render([0.5], y, x)
    assert torch.allclose(here, stored.render([0.5], y + height, x - width), atol=2e-4)
    outside = stored.query(0.5, y + 3 * height, x[0] + width)
    assert torch.allclose(outside, here[0, :, 0], atol=2e-4)


def test_points_broadcast() -> None:
    stored = field()
    assert stored.query(0.0, np.zeros((3, 1)), np.zeros((1, 4))).shape == (3, 4)
    assert stored.query(0.0, 4.0, 1.0).shape == ()


def test_planes_of_rank_two_are_stored_exactly_as_two_modes() -> None:
    values, support = spectra(2)
    mixed = torch.einsum("zr,ryx->zyx", torch.tensor([[1, 0], [0.5, 0.5], [0.2, 0.8], [0, 1]]).cfloat(), values)
    low = PlanesField.from_spectra(mixed, DEPTHS, EXTENT, support, rank=2, half=False)
    assert len(low.modes) == 2
    assert (low.spectra(DEPTHS) - mixed).abs().max() < 1e-6


def test_a_lower_rank_keeps_the_strongest_modes() -> None:
    values, _ = spectra()
    matrix = torch.view_as_real(values).reshape(4, -1)
    singular = torch.linalg.svdvals(matrix)
    for rank in (1, 2, 3):
        error = (field(rank=rank, half=False).spectra(DEPTHS) - values).norm()
        assert float(error) == pytest.approx(float(singular[rank:].norm()), rel=1e-3)


def test_a_single_plane_answers_every_depth() -> None:
    values, support = spectra(1)
    extent = Extent((3.0, 3.0), (36, 48), 0.25)
    single = PlanesField.from_spectra(values, [3.0], extent, support)
    y, x = extent.axes()
    found = single.render([-50.0, 3.0, 4.0], y, x)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[1], found[2])
    assert torch.equal(single.query(-50.0, 4.0, 1.0), single.query(3.0, 4.0, 1.0))


def test_empty_planes_stay_empty() -> None:
    values, support = spectra()
    empty = PlanesField.from_spectra(0 * values, DEPTHS, EXTENT, support, rank=2)
    assert empty.spectra([0.0]).abs().max() == 0


@pytest.mark.parametrize("storage", [{}, {"rank": 2}, {"half": False}])
def test_a_file_gives_the_equal_field_back(tmp_path: Path, storage: dict) -> None:
    stored = field(**storage)
    stored.query(0.0, 4.0, 1.0)  # what is kept for speed must not travel
    save_result(tmp_path / "a.nfield", Result(stored))
    back = load_result(tmp_path / "a.nfield").field
    assert isinstance(back, PlanesField)
    assert back.options() == stored.options()
    assert torch.equal(back.modes, stored.modes)
    y, x = EXTENT.axes(0.4)
    assert torch.equal(back.render([-2.0, 5.0], y, x), stored.render([-2.0, 5.0], y, x))


def test_loading_new_values_replaces_what_was_kept_for_speed() -> None:
    values, support = spectra(seed=1)
    other = PlanesField.from_spectra(values, DEPTHS, EXTENT, support)
    stored = field()
    before = stored.query(0.0, 4.0, 1.0)
    stored.load_state_dict(other.state_dict())
    assert not torch.allclose(before, stored.query(0.0, 4.0, 1.0))
    assert torch.equal(stored.query(0.0, 4.0, 1.0), other.query(0.0, 4.0, 1.0))


@pytest.mark.parametrize("shape", [(36, 48), (35, 41)])
def test_images_become_a_field_that_shows_them(shape: tuple[int, int]) -> None:
    extent = Extent((0.0, 5.0), shape, 0.25, (1.0, 2.0))
    images = image_of(fit_spectrum(spectra(2)[0], shape))
    stored = planes_of_images(images, [0.0, 5.0], extent, half=False)
    assert (stored.render([0.0, 5.0], *extent.axes()) - images).abs().max() < 1e-5


def test_a_look_at_one_depth_works_out_that_depth_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    spectrum = PlanesField.mode_spectrum
    monkeypatch.setattr(PlanesField, "mode_spectrum", lambda self, mode: made.append(mode) or spectrum(self, mode))
    stored = field()
    y, x = (axis[:9] for axis in EXTENT.axes(0.2))
    stored.render([DEPTHS[2]], y, x)
    stored.query(DEPTHS[3], y, x)
    assert made == [2, 3]

import copy

import numpy as np
import pytest
import torch

from napari_neuralfield.fields.plane_axis import PlaneAxisField, start_from_planes, start_linear, start_random
from napari_neuralfield.types import Extent

EXTENT = Extent((-6.0, 6.0), (40, 52), 0.2, (1.0, -2.0))


def random_field(interpolation: str = "smooth", output: str = "cartesian", **options) -> PlaneAxisField:
    given = {"plane_shape": (20, 26), "features": 6, "depth_nodes": 4, "hidden": 8, **options}
    field = PlaneAxisField(extent=EXTENT, interpolation=interpolation, output=output, **given)
    generator = torch.Generator().manual_seed(1)
    start_random(field, generator)
    with torch.no_grad():
        for part in field.parts:
            part.plane.normal_(generator=generator)
    return field


@pytest.mark.parametrize("interpolation", ["smooth", "bilinear"])
@pytest.mark.parametrize("output", ["cartesian", "polar"])
def test_points_grid_and_training_path_agree(interpolation: str, output: str) -> None:
    field = random_field(interpolation, output)
    z, y, x = np.array([-6.0, 0.3, 5.9]), np.linspace(1.2, 8.7, 11), np.linspace(-1.9, 8.0, 13)
    grid = field.render(z, y, x)
    points = field.query(z[:, None, None], y[:, None], x)
    trained = field.on_grid(field.place(z), y, x)
    assert grid.shape == (3, 11, 13)
    torch.testing.assert_close(points, grid, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(trained.detach(), grid, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("interpolation", ["smooth", "bilinear"])
def test_nodes_are_reached_exactly_and_the_field_repeats(interpolation: str) -> None:
    field = random_field(interpolation)
    y = EXTENT.origin_um[0] + EXTENT.size_um[0] * np.arange(20) / 20
    x = EXTENT.origin_um[1] + EXTENT.size_um[1] * np.arange(26) / 26
    at_nodes = field.at_nodes(field.place(1.7)).detach()
    torch.testing.assert_close(field.render([1.7], y, x), at_nodes, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(field.render([1.7], y + EXTENT.size_um[0], x), at_nodes, rtol=1e-4, atol=1e-4)


def test_depth_is_held_beyond_the_ends_and_a_single_plane_answers_every_depth() -> None:
    field = random_field()
    y, x = np.array([3.0]), np.array([2.0])
    assert field.render([99.0], y, x) == field.render([6.0], y, x)
    single = PlaneAxisField(extent=Extent((2.0, 2.0), (8, 8), 0.5), plane_shape=(8, 8), features=3, depth_nodes=1)
    start_linear(single, torch.Generator().manual_seed(0), 1.0)
    values = single.query(np.array([-50.0, 2.0, 70.0]), 1.0, 1.0)
    assert values[0] == values[1] == values[2]


def test_the_start_from_planes_is_exact_where_features_suffice() -> None:
    field = PlaneAxisField(extent=EXTENT, plane_shape=(20, 26), features=6, depth_nodes=5, hidden=4)
    generator = torch.Generator().manual_seed(0)
    planes = torch.randn(5, 20, 26, dtype=torch.complex64, generator=generator)
    start_from_planes(field, planes, generator)
    found = field.at_nodes(field.place(np.linspace(-6, 6, 5)))
    torch.testing.assert_close(found, planes, rtol=1e-4, atol=1e-4)


def test_the_linear_start_has_a_gradient_everywhere_it_needs_one() -> None:
    field = PlaneAxisField(extent=EXTENT, plane_shape=(20, 26), features=6, depth_nodes=5)
    start_linear(field, torch.Generator().manual_seed(0), 0.9)
    value = field.at_nodes(field.place(1.0))
    assert torch.allclose(value.real, torch.tensor(0.9), atol=0.05)
    gradients = torch.autograd.grad(value.abs().square().sum(), field.parts[0].plane)
    assert (gradients[0].abs() > 0).float().mean() > 0.9


def test_a_copy_is_independent_and_half_precision_halves_the_state() -> None:
    field = random_field()
    other = copy.deepcopy(field)
    axes = np.array([2.0, 3.0])
    before = field.render([0.0], axes, axes)
    with torch.no_grad():
        field.parts[0].plane.add_(1)
    torch.testing.assert_close(other.render([0.0], axes, axes), before)
    assert not torch.allclose(field.render([0.0], axes, axes), before)  # the kept features are dropped
    half = PlaneAxisField(**{**field.options(), "half": True})
    sizes = [sum(v.numel() * v.element_size() for v in f.state_dict().values()) for f in (field, half)]
    assert sizes[0] == 2 * sizes[1]


def test_published_size_of_a_2048_field() -> None:
    with torch.device("meta"):
        field = PlaneAxisField(
            extent=Extent((-20, 20), (2048, 2048), 0.1725), plane_shape=(512, 512), features=32, depth_nodes=5
        )
    per_component = sum(v.numel() * v.element_size() for v in field.parts[0].state_dict().values())
    assert per_component / 2**20 == pytest.approx(32.0, abs=0.05)
    network = [p for n, p in field.parts[0].named_parameters() if n.split(".")[0] in ("first", "second", "last")]
    assert sum(p.numel() for p in network) == 2145


def test_the_gradient_of_a_negative_amplitude_is_right() -> None:
    field = random_field(output="polar")
    amplitude = torch.tensor([-0.7, 0.4], dtype=torch.float64, requires_grad=True)
    phase = torch.tensor([0.3, -2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, p: torch.view_as_real(field.combine([a, p])), (amplitude, phase))


def test_a_view_in_bands_is_read_once_for_all_depths_and_anew_where_the_plane_has_changed() -> None:
    field = random_field()
    y, x = EXTENT.axes()
    whole = field.render([1.0], y, x)
    bands = torch.cat([field.render([1.0], part, x) for part in np.array_split(y, 3)], dim=1)
    torch.testing.assert_close(bands, whole, rtol=1e-6, atol=1e-6)
    kept = list(field._cached)
    for part in np.array_split(y, 3):
        field.render([2.0], part, x)
    assert list(field._cached) == kept
    with torch.no_grad():
        field.parts[0].plane.mul_(2)
    assert not torch.equal(field.render([1.0], y, x), whole)

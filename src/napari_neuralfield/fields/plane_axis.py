"""A feature plane times a depth vector, decoded by small MLPs.

Each of two components (amplitude and phase, or real and imaginary part) is
value(z, y, x) = MLP(M(y, x) * u(z)): features of a plane, weighted by features of depth (Zhou et al., Optica 10, 1679
(2023), eq. 2-4). The plane is read bilinearly as published or through a windowed sinc, which keeps fine detail on a
coarser plane; the depth vector is linear between its nodes. The field repeats at the edges of its extent.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from ..registry import FIELDS
from ..types import Extent
from .encodings import even_handed
from .interpolation import (
    Taps,
    bilinear_points,
    interpolate_points,
    linear_taps,
    matrix_of,
    read_grid,
    taps,
)
from .placement import Options, axis_of, extent_of, nodes_of, points_of

CHUNK = 2**18  # points read at once: bounds memory to a few hundred MB
KEPT = 2**27  # numbers of plane features that stay for the next depth
PIECE = 2**12  # points decoded at once: they fit in the cache


class Component(nn.Module):
    """One real function of (z, y, x).

    plane : (feature, y, x); depth : (node, feature); then feature -> hidden -> hidden -> 1 with ReLU.
    """

    def __init__(self, plane_shape: tuple[int, int], features: int, depth_nodes: int, hidden: int) -> None:
        super().__init__()
        self.plane = nn.Parameter(torch.zeros(features, *plane_shape))
        self.depth = nn.Parameter(torch.zeros(depth_nodes, features))
        self.first = nn.Linear(features, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 1)

    def depth_features(self, place: torch.Tensor) -> torch.Tensor:
        """Depth vector at fractional nodes (z,): (z, feature)."""
        low = place.long().clamp(0, max(len(self.depth) - 2, 0))
        part = (place - low)[:, None]
        return self.depth[low] * (1 - part) + self.depth[(low + 1).clamp(max=len(self.depth) - 1)] * part

    def first_layer(self, features: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Hidden values before the first ReLU (z, hidden, point).

        The depth vector is folded into the weights; the result is linear in the plane.

        Parameters
        ----------
        features : of the plane (feature, point).
        place : fractional nodes of the depth vector (z,).
        """
        folded = self.first.weight * self.depth_features(place)[:, None, :]  # (z, hidden, feature)
        return folded @ features + self.first.bias[:, None]

    def other_layers(self, hidden: torch.Tensor) -> torch.Tensor:
        """Values (z, point) from hidden values before the first ReLU (z, hidden, point)."""
        hidden = torch.relu(self.second.weight @ torch.relu(hidden) + self.second.bias[:, None])
        return (self.last.weight @ hidden + self.last.bias[:, None])[:, 0]

    def values(self, features: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """As the call, of one depth `place` (1,) and without gradients: `features` (feature, point) to (1, point)."""
        hidden = torch.addmm(self.first.bias[:, None], self.first.weight * self.depth_features(place), features).relu_()
        hidden = torch.addmm(self.second.bias[:, None], self.second.weight, hidden).relu_()
        return torch.addmm(self.last.bias[:, None], self.last.weight, hidden)

    def forward(self, features: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Values (z, point) from plane `features` (feature, point) at fractional depth nodes, `place` (z,)."""
        return self.other_layers(self.first_layer(features, place))


@FIELDS.register("plane-axis")
class PlaneAxisField(nn.Module):
    """FPM-INR's field: feature plane x depth vector -> two small MLPs.

    Parameters
    ----------
    extent : `Extent` or its dict.
    plane_shape : (y, x) nodes of the feature plane over the extent; None: one for every two pixels.
    features : features per node, Q.
    depth_nodes : nodes of the depth vector over `extent.z_um`.
    hidden : width of the MLPs.
    output : what the two components are: `polar` amplitude and phase, `cartesian` real and imaginary part.
    interpolation : between nodes of the plane: `bilinear` (published) or `smooth` (windowed sinc).
    half : store in half precision.
    """

    type_name = "plane-axis"
    complex_valued = True

    def __init__(
        self,
        *,
        extent: Extent | Options,
        plane_shape: tuple[int, int] | None = None,
        features: int = 32,
        depth_nodes: int = 5,
        hidden: int = 32,
        output: Literal["polar", "cartesian"] = "cartesian",
        interpolation: Literal["bilinear", "smooth"] = "smooth",
        half: bool = False,
    ) -> None:
        super().__init__()
        self.extent = extent_of(extent)
        rows, columns = plane_shape or (max(2, n // 2) for n in self.extent.shape)
        self.plane_shape = (int(rows), int(columns))
        self.features, self.depth_nodes, self.hidden = features, depth_nodes, hidden
        self.output, self.interpolation, self.half_precision = output, interpolation, half
        self._weights: Taps = linear_taps if interpolation == "bilinear" else taps
        sizes = (self.plane_shape, features, depth_nodes, hidden)
        self.components = nn.ModuleList([Component(*sizes), Component(*sizes)])
        self._cached: dict[tuple[object, ...], list[torch.Tensor]] = {}

    @property
    def parts(self) -> tuple[Component, Component]:
        """The two components, amplitude or real part first."""
        first, second = self.components
        assert isinstance(first, Component)
        assert isinstance(second, Component)
        return first, second

    def options(self) -> Options:
        return {
            "extent": self.extent.to_dict(),
            "plane_shape": list(self.plane_shape),
            "features": self.features,
            "depth_nodes": self.depth_nodes,
            "hidden": self.hidden,
            "output": self.output,
            "interpolation": self.interpolation,
            "half": self.half_precision,
        }

    def state_dict(self, *args, **kwargs):
        state = super().state_dict(*args, **kwargs)
        return {k: v.half() for k, v in state.items()} if self.half_precision else state

    def place(self, z_um: ArrayLike) -> torch.Tensor:
        """Fractional depth nodes of depths (z,), held beyond the ends."""
        low, high = self.extent.z_um
        z = np.clip(axis_of(z_um), low, high)
        fraction = (z - low) / (high - low) * (self.depth_nodes - 1) if high > low else np.zeros_like(z)
        return torch.as_tensor(fraction, dtype=torch.float32, device=self.parts[0].plane.device)

    def combine(self, values: list[torch.Tensor]) -> torch.Tensor:
        """Complex field from the values of the two components."""
        first, second = values
        if self.output == "polar":  # torch.polar has the wrong gradient where the amplitude is negative
            return torch.complex(first * torch.cos(second), first * torch.sin(second))
        return torch.complex(first, second)

    @torch.no_grad()
    def brighten(self, factor: float) -> None:
        """Multiply the field by a positive `factor`."""
        for component in self.parts[: 1 if self.output == "polar" else 2]:
            for value in component.last.parameters():
                value.mul_(factor)

    def at_nodes(self, place: torch.Tensor) -> torch.Tensor:
        """The field on the nodes of the feature plane (z, y, x), differentiable."""
        values = [c(c.plane.flatten(1), place).reshape(len(place), *self.plane_shape) for c in self.parts]
        return self.combine(values)

    def on_grid(self, place: torch.Tensor, y_um: np.ndarray, x_um: np.ndarray) -> torch.Tensor:
        """The field on axes (z, y, x), differentiable.

        The first layer is linear, so it runs on the nodes of the plane, before reading between them.

        Parameters
        ----------
        place : fractional nodes of the depth vector (z,), of `place`.
        y_um, x_um : axes (y,) and (x,), um.
        """
        down, across = (
            matrix_of(self._nodes(axis, dim), self.plane_shape[dim], self._weights).to(place.device)
            for dim, axis in enumerate((y_um, x_um))
        )
        values = []
        for component in self.parts:
            hidden = component.first_layer(component.plane.flatten(1), place)
            hidden = down @ hidden.reshape(len(place), -1, *self.plane_shape) @ across.T
            values.append(component.other_layers(hidden.flatten(2)).reshape(len(place), len(y_um), len(x_um)))
        return self.combine(values)

    def sample(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """The field on the grid of axes `z_um`, `y_um`, `x_um`, um: (z, y, x), differentiable."""
        return self.on_grid(self.place(z_um), axis_of(y_um), axis_of(x_um))

    def start(self, generator: torch.Generator) -> None:
        """Begin as an empty sample; `generator` draws what is random."""
        start_linear(self, generator, 1.0)

    def _nodes(self, axis: np.ndarray, dim: int) -> np.ndarray:
        return nodes_of(axis, self.extent, dim, self.plane_shape[dim])

    def _grid_features(self, y: np.ndarray, x: np.ndarray) -> list[torch.Tensor]:
        """Plane features of each component on axes in um: (feature, y, x)."""
        py, px = self._nodes(y, 0), self._nodes(x, 1)
        return [read_grid(c.plane.detach(), py, px, self._weights) for c in self.parts]

    @torch.no_grad()
    def render(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value (z, y, x), complex64, on axes `z_um`, `y_um`, `x_um`, um."""
        y, x = axis_of(y_um), axis_of(x_um)
        place = self.place(z_um)
        out = torch.empty((len(place), y.size, x.size), dtype=torch.complex64, device=place.device)
        small = self.features * y.size * x.size <= 2**26
        rows = y.size if small else max(1, CHUNK // x.size)
        for start in range(0, y.size, rows):
            part = slice(start, start + rows)
            features = self._kept_features(y, x) if small else self._grid_features(y[part], x)
            for k in range(len(place)):
                out[k, part] = self._decode(features, place[k : k + 1])
        return out

    def _kept_features(self, y: np.ndarray, x: np.ndarray) -> list[torch.Tensor]:
        """Features of the last boxes asked for: while the depth slides, they stay, also those of a view in bands."""
        key = (y.tobytes(), x.tobytes(), *(c.plane._version for c in self.parts))
        kept, size = dict(self._cached), 2 * self.features * y.size * x.size
        if key not in kept:
            while kept and sum(f.numel() for part in kept.values() for f in part) + size > KEPT:
                del kept[next(iter(kept))]
            kept[key] = self._grid_features(y, x)
            self._cached = kept  # as a whole: another thread may look
        return kept[key]

    def _decode(self, features: list[torch.Tensor], place: torch.Tensor) -> torch.Tensor:
        """One depth from plane features (feature, y, x): (y, x), in pieces that fit in the cache."""
        values = []
        for component, f in zip(self.parts, features, strict=True):
            pieces = [component.values(some, place)[0] for some in f.flatten(1).split(PIECE, 1)]
            values.append(torch.cat(pieces).reshape(f.shape[1:]))
        return self.combine(values)

    @torch.no_grad()
    def query(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value, complex64, at points `z_um`, `y_um`, `x_um`, um, whose shapes broadcast."""
        z, y, x = points_of(z_um, y_um, x_um)
        read = bilinear_points if self.interpolation == "bilinear" else interpolate_points
        py, px, place = self._nodes(y.ravel(), 0), self._nodes(x.ravel(), 1), self.place(z.ravel())
        parts = []
        for start in range(0, len(place), 2**12):
            part = slice(start, start + 2**12)
            values = []
            for component in self.parts:
                features = read(component.plane, py[part], px[part]) * component.depth_features(place[part]).T
                hidden = component.first.weight @ features + component.first.bias[:, None]
                values.append(component.other_layers(hidden[None])[0])
            parts.append(self.combine(values))
        return torch.cat(parts).reshape(z.shape)

    def __deepcopy__(self, memo: dict[int, object]) -> PlaneAxisField:
        copy = PlaneAxisField(**{**self.options(), "extent": self.extent})
        copy.load_state_dict(nn.Module.state_dict(self))
        return copy.to(self.parts[0].plane.device)


def start_random(field: PlaneAxisField, generator: torch.Generator, amplitude: float = 0.0) -> None:
    """As published: plane 2e-4 N(0, 1), depth N(0, 1), linear layers uniform in 1 / sqrt(width).

    Parameters
    ----------
    field : what is filled; generator : of the random numbers.
    amplitude : where not 0, what the first component's last layer adds at first; the second's adds nothing.
    """
    with torch.no_grad():
        for component in field.parts:
            component.plane.copy_(even_handed(component.plane.normal_(0, 2e-4, generator=generator)))
            component.depth.normal_(0, 1, generator=generator)
            for layer in (component.first, component.second, component.last):
                bound = layer.in_features**-0.5
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)
        if amplitude:
            field.parts[0].last.bias.fill_(amplitude)
            field.parts[1].last.bias.zero_()


def start_linear(field: PlaneAxisField, generator: torch.Generator, amplitude: float) -> None:
    """A network that begins as a sum of its features, so that the first steps are those of a linear model.

    The first two hidden neurons carry plus and minus the sum through both ReLUs; the others start weak. The first two
    depth features begin as a constant and a slope.

    Parameters
    ----------
    field : what is filled; generator : of the random numbers.
    amplitude : value of the first component at first; that of the second is 0.
    """
    start_random(field, generator)
    with torch.no_grad():
        for k, component in enumerate(field.parts):
            component.plane.copy_(even_handed(component.plane.normal_(0, 1e-3, generator=generator)))
            component.depth[:, 0] = 1.5
            if field.features > 1:
                component.depth[:, 1] = torch.linspace(-1.5, 1.5, field.depth_nodes)
            _carry_sum(component, torch.full((field.features,), 1.5 * field.features**-0.5))
            component.last.bias.fill_(amplitude if k == 0 else 0.0)


def start_from_planes(field: PlaneAxisField, planes: torch.Tensor, generator: torch.Generator) -> None:
    """The best sum of features for given planes, in closed form: a truncated singular value decomposition over depth.

    Parameters
    ----------
    field : what is filled, of output `cartesian`; generator : of the random numbers where no plane has a say.
    planes : complex planes (node, y, x) at the field's depth nodes, on the nodes of its feature plane.
    """
    start_random(field, generator)
    with torch.no_grad():
        for component, values in zip(field.parts, (planes.real, planes.imag), strict=True):
            left, strength, right = torch.linalg.svd(values.flatten(1).contiguous(), full_matrices=False)
            rank = min(field.features, len(strength))
            depth = left[:, :rank] * strength[:rank]
            size = depth.abs().mean(0).clamp(min=1e-12)
            component.plane.mul_(50)
            component.plane[:rank] = right[:rank].reshape(rank, *field.plane_shape) * size[:, None, None]
            component.depth[:, :rank] = depth / size
            weights = torch.zeros(field.features, device=planes.device)
            weights[:rank] = 1
            _carry_sum(component, weights)
            component.last.weight[0, 2:] = 0
            component.last.bias.zero_()


def _carry_sum(component: Component, weights: torch.Tensor) -> None:
    """Let hidden neurons 0 and 1 carry +- the weighted sum of the features to the output."""
    component.first.weight.mul_(0.3)
    component.first.weight[0], component.first.weight[1] = weights, -weights
    component.first.bias.zero_()
    component.second.weight.mul_(0.3)
    component.second.weight[:2] = 0
    component.second.weight[0, 0] = component.second.weight[1, 1] = 1
    component.second.bias.zero_()
    component.last.weight.mul_(0.1)
    component.last.weight[0, 0], component.last.weight[0, 1] = 1, -1

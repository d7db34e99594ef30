"""A field: a sum of round Gaussians on a clear background."""

from collections.abc import Mapping

import torch

from napari_neuralfield import Extent, field


def axis(values: object) -> torch.Tensor:
    """Coordinates, um, as float64."""
    return torch.as_tensor(values, dtype=torch.float64)


UNIT = 0.2  # a fit moves every number by about 0.01 a step, and Gaussians overlap


@field("gaussians")
class GaussiansField(torch.nn.Module):
    """1 + the sum of complex Gaussians, each with a place, a width and a strength of its own.

    Parameters
    ----------
    extent : where the field lies, or its dict.
    count : number of Gaussians.
    """

    type_name = "gaussians"
    complex_valued = True

    def __init__(self, *, extent: Extent | Mapping[str, object], count: int = 400) -> None:
        super().__init__()
        self.extent = extent if isinstance(extent, Extent) else Extent.from_dict(extent)
        self.count = count
        self.place_um = torch.nn.Parameter(torch.zeros(count, 3, dtype=torch.float64))  # (gaussian, z y x)
        self.width_um = torch.nn.Parameter(torch.ones(count, dtype=torch.float64))
        self.strength = torch.nn.Parameter(torch.zeros(count, 2, dtype=torch.float64))  # real, imaginary

    def start(self, generator: torch.Generator) -> None:
        """Spread the Gaussians over the extent, one for each patch of it, with nothing in them yet."""
        low = torch.tensor([self.extent.z_um[0], *self.extent.origin_um], dtype=torch.float64)
        size = torch.tensor([self.extent.z_um[1] - self.extent.z_um[0], *self.extent.size_um], dtype=torch.float64)
        share = torch.rand(self.count, 3, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            self.place_um.copy_(low + size * share)
            self.width_um.fill_(float((size[1] * size[2] / self.count).sqrt()) / 2)
            self.strength.zero_()

    def options(self) -> dict[str, object]:
        """What builds an equal, empty field."""
        return {"extent": self.extent.to_dict(), "count": self.count}

    def query(self, z_um: object, y_um: object, x_um: object) -> torch.Tensor:
        """Value at points, um, whose coordinates broadcast against each other."""
        z, y, x = torch.broadcast_tensors(axis(z_um), axis(y_um), axis(x_um))
        points = torch.stack([z, y, x], -1)[..., None, :].to(self.place_um.device)  # (..., 1, 3)
        distance = ((points - self.place_um) ** 2).sum(-1)  # (..., gaussian)
        bells = torch.exp(-distance / (2 * self.width_um**2)).to(torch.complex128)
        return (1 + UNIT * (bells @ torch.view_as_complex(self.strength))).to(torch.complex64)

    def render(self, z_um: object, y_um: object, x_um: object) -> torch.Tensor:
        """Value on the grid of three axes, um: (z, y, x) complex64. A Gaussian is a product over the axes: fast."""
        bells = []
        for values, place in zip((z_um, y_um, x_um), self.place_um.T, strict=True):
            distance = torch.atleast_1d(axis(values)).to(place.device)[:, None] - place  # (point, gaussian)
            bells.append(torch.exp(-(distance**2) / (2 * self.width_um**2)))
        real, imaginary = (torch.einsum("g,zg,yg,xg->zyx", part, *bells) for part in UNIT * self.strength.T)
        return torch.complex(1 + real, imaginary).to(torch.complex64)

"""A residual neural field: what is known already plus what a small network learns on top of it.

value(r) = prior(r) + head(features(r)), complex, one plane. Features come from a pyramid of grids (`encodings`), the
head is linear, split ReLU or the published phasor network (`heads`). The prior is an image of the native grid: flat,
averaged back-propagation, an earlier result. Serves for an object as for a probe or a coded surface.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from ..compute import COMPLEX, seed
from ..registry import FIELDS
from ..types import Extent, InputError
from .activations import ComplexHead
from .encodings import Encoding, Pyramid
from .heads import Head, Linear, Phasor, head_of
from .interpolation import bilinear_axis, bilinear_points, linear_taps, read_grid, step_of
from .placement import Options, axis_of, extent_of, pixels_of, points_of
from .planes import PlanesField, planes_of_images

CHUNK = 2**17  # points read at once
Made = TypeVar("Made")


@FIELDS.register("residual")
class ResidualField(nn.Module):
    """Prior plus network, on the pixels of an extent and between them.

    Parameters
    ----------
    extent : `Extent` or its dict, of one plane.
    encoding, levels, features, table_size, base, scale, cap : as in `encodings.Pyramid`.
    head : of `heads.Head`; hidden : neurons of the hidden layer.
    frequency : w of a complex head's first layer, lowest and highest at first.
    complex_first : that layer's weights are complex.
    prior_half : store the prior in half precision. half : store the pyramid's features in half precision.
    """

    type_name = "residual"
    complex_valued = True

    prior: torch.Tensor

    def __init__(
        self,
        *,
        extent: Extent | Options,
        encoding: Encoding = "multigrid",
        levels: int = 16,
        features: int = 2,
        table_size: int = 2**19,
        base: int = 16,
        scale: float = 1.5,
        cap: bool = True,
        head: Head = "linear",
        hidden: int = 64,
        frequency: tuple[float, float] = (1.0, 20.0),
        complex_first: bool = False,
        prior_half: bool = True,
        half: bool = False,
    ) -> None:
        super().__init__()
        self.extent = extent_of(extent)
        shape = self.extent.shape
        self._pyramid_options: Options = {
            "encoding": encoding,
            "levels": levels,
            "features": features,
            "table_size": table_size,
            "base": base,
            "scale": scale,
            "cap": cap,
        }
        self.head_kind, self.hidden, self.frequency = head, hidden, (float(frequency[0]), float(frequency[1]))
        self.complex_first = complex_first
        self.prior_half, self.half_precision = prior_half, half
        self.pyramid = Pyramid(shape, **self._pyramid_options)
        self.head = head_of(head, self.pyramid.channels, hidden, self.frequency, complex_first)
        self.register_buffer("prior", torch.ones(shape, dtype=COMPLEX), persistent=False)
        self._kept: dict[str, tuple[list[complex], Any]] = {}
        self.start(seed(0))

    def start(self, generator: torch.Generator) -> None:
        """Forget what was learned: small random features, and a head that gives 0 or nearly so."""
        self.pyramid.start(generator)
        self.head.start(generator)

    @torch.no_grad()
    def start_alone(self, generator: torch.Generator) -> None:
        """Forget what was learned, and take no prior: random numbers, drawn by `generator`, whose output matters."""
        self.start(generator)
        for numbers in self.pyramid.parameters():
            numbers.uniform_(-0.1, 0.1, generator=generator)
        last = self.head.weight if isinstance(self.head, Linear) else self.head.last
        last.uniform_(-1 / last.shape[1] ** 0.5, 1 / last.shape[1] ** 0.5, generator=generator)
        if isinstance(self.head, Phasor | ComplexHead):
            self.head.factor.fill_(1.0)
        self.set_prior(torch.tensor(0j))

    def options(self) -> Options:
        return {
            "extent": self.extent.to_dict(),
            **self._pyramid_options,
            "head": self.head_kind,
            "hidden": self.hidden,
            "frequency": list(self.frequency),
            "complex_first": self.complex_first,
            "prior_half": self.prior_half,
            "half": self.half_precision,
        }

    def set_prior(self, prior: torch.Tensor) -> None:
        """Take a complex image (y, x), or one complex number for a flat prior."""
        if prior.ndim and tuple(prior.shape) != self.extent.shape:
            raise InputError(
                f"the prior has {tuple(prior.shape)} pixels and the field {self.extent.shape}; both must be the same"
            )
        self.prior = prior.detach().to(self.prior).expand(self.extent.shape).clone()

    def network(self) -> torch.Tensor:
        """The residual on the native grid (y, x), complex, differentiable."""
        real, imag = self.head(self.pyramid())
        return torch.complex(real, imag).reshape(self.extent.shape)

    def at_pixels(self) -> torch.Tensor:
        """The field on the native grid (y, x), complex, differentiable."""
        return self.prior + self.network()

    forward = at_pixels

    def sample(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value (z, y, x) on axes `z_um`, `y_um`, `x_um`, um, differentiable; linear between the native pixels."""
        image = self.at_pixels()
        axes = [pixels_of(axis_of(axis), self.extent, dim) for dim, axis in enumerate((y_um, x_um))]
        if not all(len(a) == n and np.allclose(a, np.arange(n)) for a, n in zip(axes, image.shape, strict=True)):
            parts = torch.view_as_real(image).permute(2, 0, 1)
            real, imag = bilinear_axis(bilinear_axis(parts, axes[0], -2), axes[1], -1)
            image = torch.complex(real, imag)
        return image.expand(axis_of(z_um).size, -1, -1)

    @torch.no_grad()
    def render(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value (z, y, x), complex64, on axes `z_um`, `y_um`, `x_um`, without detail that coarse axes cannot show."""
        depths, y, x = axis_of(z_um), axis_of(y_um), axis_of(x_um)
        native = self.extent.axes()
        if all(len(a) == len(b) and np.allclose(a, b) for a, b in zip((y, x), native, strict=True)):
            plane = self.at_pixels()
        elif max(step_of(y), step_of(x)) > self.extent.pixel_um * (1 + 1e-6):
            plane = self._as_planes("value", self.at_pixels).render([0.0], y, x)[0]
        else:
            plane = self._as_planes("prior", lambda: self.prior).render([0.0], y, x)[0] + self._between_grid(y, x)
        return plane.expand(len(depths), -1, -1).clone()

    @torch.no_grad()
    def query(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value, complex64, at points `z_um`, `y_um`, `x_um`, um, whose shapes broadcast."""
        z, y, x = points_of(z_um, y_um, x_um)
        prior = self._as_planes("prior", lambda: self.prior).query(0.0, y.ravel(), x.ravel())
        image, last = self._image()
        parts = []
        for start in range(0, z.size, CHUNK):
            some = slice(start, start + CHUNK)
            at = [pixels_of(axis.ravel()[some], self.extent, dim) for dim, axis in enumerate((y, x))]
            parts.append(last(bilinear_points(image, at[0], at[1])))
        real, imag = torch.cat(parts, 1) if parts else torch.zeros(2, 0)
        return (prior + torch.complex(real, imag)).reshape(z.shape)

    def _between_grid(self, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
        """The network on axes in um (y, x), its features linear between the pixels."""
        image, last = self._image()
        at_y, at_x = pixels_of(y, self.extent, 0), pixels_of(x, self.extent, 1)
        rows, parts = max(1, CHUNK // x.size), []
        for start in range(0, y.size, rows):
            read = read_grid(image, at_y[start : start + rows], at_x, linear_taps)
            parts.append(torch.complex(*last(read.flatten(1))).reshape(-1, x.size))
        return torch.cat(parts)

    def _image(self) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
        """What is read between pixels (channel, y, x), and what makes it the network's two parts afterwards."""
        if self.head_kind == "linear":  # the same before and after reading
            return self._keep("image", lambda: self.head(self.pyramid()).reshape(2, *self.extent.shape)), lambda x: x
        return self._keep("image", lambda: self.pyramid().reshape(-1, *self.extent.shape)), self.head

    def _as_planes(self, name: str, image: Callable[[], torch.Tensor]) -> PlanesField:
        def make() -> PlanesField:
            return planes_of_images(image()[None], [0.0], self.extent, half=False).to(self.prior.device)

        return self._keep(name, make)

    def _keep(self, name: str, make: Callable[[], Made]) -> Made:
        """What `make` gives, made again only where parameters or prior have changed."""
        # sums: torch's own count of changes misses those of a fused optimizer
        now = [complex(numbers.detach().sum()) for numbers in (self.prior, *self.parameters())]
        if name not in self._kept or self._kept[name][0] != now:
            self._kept[name] = (now, make())
        return self._kept[name][1]

    def state_dict(self, *args, **kwargs):
        state = super().state_dict(*args, **kwargs)
        if self.half_precision:
            state |= {name: numbers.half() for name, numbers in state.items() if name.startswith("pyramid.")}
        flat = self.prior.flatten()[:1]
        if bool((self.prior == flat).all()):
            state["prior"] = flat.clone()
        else:
            parts = torch.view_as_real(self.prior)
            state["prior"] = parts.half() if self.prior_half else parts.clone()
        return state

    def _load_from_state_dict(self, state: dict[str, torch.Tensor], prefix: str, *args) -> None:
        prior = state.pop(f"{prefix}prior", None)
        super()._load_from_state_dict(state, prefix, *args)
        if prior is not None:
            self.set_prior(prior.squeeze() if prior.is_complex() else torch.view_as_complex(prior.float()))

    def __deepcopy__(self, memo: dict[int, object]) -> ResidualField:
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        copied.__dict__.update({k: copy.deepcopy(v, memo) for k, v in self.__dict__.items() if k != "_kept"}, _kept={})
        return copied

"""Band-limited complex planes, low rank over depth, half precision: the classical answer as a field.

A stack of reconstructed planes is stored as the bins its synthetic aperture really holds. Over depth it is
P_k(r) = sum_j U_kj M_j(r): `rank` modes M instead of planes, linear between the planes' depths. Propagating a
plane to another depth would be wrong for a thick sample; interpolating is what the data support.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from ..optics.grids import centred_spectrum, fast_length, fit_spectrum, image_of, image_on
from ..registry import FIELDS
from ..types import Extent
from .interpolation import (
    KAISER_TAPS,
    OVERSAMPLING,
    covers_period,
    interpolate_axis,
    interpolate_points,
    kaiser_response,
    kaiser_taps,
    step_of,
)
from .kept.tensors import Kept
from .placement import Options, axis_of, extent_of, nodes_of, points_of

PAGES_BYTES = 2**30  # memory for depth modes kept as pixels


@FIELDS.register("planes")
class PlanesField(nn.Module):
    """Complex planes at given depths, linear between them, exact between pixels.

    Parameters
    ----------
    extent : `Extent` or its dict.
    depths_um : depth of each plane, um, increasing.
    spectrum_shape : (y, x) size of the centred spectrum.
    bins : number of bins stored of each spectrum.
    rank : number of depth modes; equal to the planes for a stack stored as it is.
    half : store the bins in half precision.
    period : `Extent` or its dict over which the spectra repeat, where that reaches beyond what the field shows.
    """

    type_name = "planes"
    complex_valued = True

    modes: torch.Tensor
    mode_scale: torch.Tensor
    depth_weights: torch.Tensor
    support: torch.Tensor

    def __init__(
        self,
        *,
        extent: Extent | Options,
        depths_um: list[float],
        spectrum_shape: tuple[int, int],
        bins: int,
        rank: int,
        half: bool = True,
        period: Extent | Options | None = None,
    ) -> None:
        super().__init__()
        self.extent = extent_of(extent)
        self.period = self.extent if period is None else extent_of(period)
        self.depths_um = [float(z) for z in depths_um]
        self.spectrum_shape = (int(spectrum_shape[0]), int(spectrum_shape[1]))
        self.half_precision = half
        number = torch.float16 if half else torch.float32
        packed = math.ceil(self.spectrum_shape[0] * self.spectrum_shape[1] / 8)
        self.register_buffer("modes", torch.zeros(rank, bins, 2, dtype=number))
        self.register_buffer("mode_scale", torch.ones(rank))
        self.register_buffer("depth_weights", torch.zeros(len(self.depths_um), rank))
        self.register_buffer("support", torch.zeros(packed, dtype=torch.uint8))
        self._pages = Kept(PAGES_BYTES, least=2)
        self._where: torch.Tensor | None = None

    @classmethod
    def from_spectra(
        cls,
        spectra: torch.Tensor,
        depths_um: np.ndarray | list[float],
        extent: Extent,
        support: torch.Tensor,
        rank: int | None = None,
        half: bool = True,
        period: Extent | None = None,
    ) -> PlanesField:
        """A field that holds the spectra of planes.

        Parameters
        ----------
        spectra : centred (z, y, x), complex.
        depths_um : depth of each plane (z,), um, increasing.
        extent : what the planes cover, or what is shown of it.
        support : where the spectra may differ from zero (y, x), bool.
        rank : depth modes kept, the strongest (truncated singular value decomposition); None: as many as planes.
        half : store the bins in half precision.
        period : what the planes cover where that is more than the field shows, `extent`.
        """
        stack = spectra.detach()[:, support.to(spectra.device)].cpu()  # (z, bin)
        planes = stack.shape[0]
        weights = torch.eye(planes)
        if rank is not None and rank < planes:
            gram = torch.view_as_real(stack).reshape(planes, -1).double()
            _, vectors = torch.linalg.eigh(gram @ gram.T)
            basis = vectors[:, -rank:].float()  # (z, rank), orthonormal and real
            stack, weights = basis.to(stack.dtype).T @ stack, basis
        scale = torch.view_as_real(stack).abs().amax(dim=(1, 2)).clamp(min=1e-30)
        field = cls(
            extent=extent,
            depths_um=list(map(float, depths_um)),
            spectrum_shape=(spectra.shape[-2], spectra.shape[-1]),
            bins=stack.shape[1],
            rank=stack.shape[0],
            half=half,
            period=period,
        )
        top = 30000.0 if half else 1.0
        field.modes.copy_(torch.view_as_real(stack) / scale[:, None, None] * top)
        field.mode_scale.copy_(scale / top)
        field.depth_weights.copy_(weights)
        field.support.copy_(torch.from_numpy(np.packbits(support.cpu().numpy())))
        return field

    def options(self) -> Options:
        beyond = {} if self.period == self.extent else {"period": self.period.to_dict()}
        return beyond | {
            "extent": self.extent.to_dict(),
            "depths_um": self.depths_um,
            "spectrum_shape": list(self.spectrum_shape),
            "bins": int(self.modes.shape[1]),
            "rank": int(self.modes.shape[0]),
            "half": self.half_precision,
        }

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._pages.clear()
        self._where = None
        if len(self._bins()) != self.modes.shape[1]:
            raise ValueError(f"{len(self._bins())} places in the spectrum for {self.modes.shape[1]} numbers")

    @property
    def kept_bytes(self) -> int:
        """Memory of the pages that were worked out."""
        return self._pages.nbytes

    def _bins(self) -> torch.Tensor:
        """Places of the stored bins in the flattened spectrum (bin,), int64."""
        if self._where is None:
            rows, columns = self.spectrum_shape
            bits = np.unpackbits(self.support.cpu().numpy(), count=rows * columns)
            self._where = torch.from_numpy(np.flatnonzero(bits)).to(self.modes.device)
        return self._where

    def mode_spectrum(self, mode: int) -> torch.Tensor:
        """Centred spectrum of one depth mode (y, x), complex64."""
        rows, columns = self.spectrum_shape
        spectrum = torch.zeros(rows * columns, dtype=torch.complex64, device=self.modes.device)
        spectrum[self._bins()] = torch.view_as_complex(self.modes[mode].float() * self.mode_scale[mode])
        return spectrum.reshape(rows, columns)

    def spectra(self, z_um: ArrayLike) -> torch.Tensor:
        """Centred spectra at depths (z,): (z, y, x), complex64."""
        weights = self._weights(z_um)
        out = torch.zeros((len(weights), *self.spectrum_shape), dtype=torch.complex64, device=self.modes.device)
        for mode in torch.nonzero(weights.any(0)).ravel().tolist():
            out += weights[:, mode, None, None] * self.mode_spectrum(mode)
        return out

    def _weights(self, z_um: ArrayLike) -> torch.Tensor:
        """Mode weights at depths (z,): (z, rank), linear between planes, held beyond the ends."""
        z = np.clip(axis_of(z_um), self.depths_um[0], self.depths_um[-1])
        place = np.interp(z, self.depths_um, np.arange(len(self.depths_um)))
        low = np.clip(place.astype(int), 0, max(len(self.depths_um) - 2, 0))
        high = np.minimum(low + 1, len(self.depths_um) - 1)
        part = torch.as_tensor(place - low, dtype=torch.float32, device=self.modes.device)[:, None]
        return self.depth_weights[low] * (1 - part) + self.depth_weights[high] * part

    def _page(self, mode: int, level: int) -> torch.Tensor:
        """One depth mode for `kaiser_taps` to read (y, x), without what a pixel 2^level larger cannot show."""
        return self._pages.made((mode, level), lambda: self._worked_out(mode, level))

    def _worked_out(self, mode: int, level: int) -> torch.Tensor:
        shape = self._low_pass(level)
        grid = self._grid(level)
        low_pass = fit_spectrum(self.mode_spectrum(mode), shape)
        along_y, along_x = (kaiser_response(n, total).to(low_pass.device) for n, total in zip(shape, grid, strict=True))
        low_pass /= along_y[:, None] * along_x
        return image_on(low_pass, grid)

    def _low_pass(self, level: int) -> tuple[int, int]:
        """(y, x) of the spectrum that a page of this `level` shows."""
        rows, columns = self.spectrum_shape
        return max(1, rows >> level), max(1, columns >> level)

    def _grid(self, level: int) -> tuple[int, int]:
        """(y, x) pixels of a page of this `level`."""
        rows, columns = (fast_length(math.ceil(OVERSAMPLING * n)) for n in self._low_pass(level))
        return rows, columns

    def _level(self, *axes: np.ndarray) -> int:
        """How often the spectrum can be halved and still hold what axes (y, x) this coarse can show."""
        levels = [
            int(math.log2(max(1.0, n * step / size)))
            for axis, size, n in zip(axes, self.period.size_um, self.spectrum_shape, strict=True)
            if (step := step_of(axis))
        ]
        return min(levels, default=0)

    @torch.no_grad()
    def render(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value (z, y, x), complex64, on axes `z_um`, `y_um`, `x_um`, without detail that coarse axes cannot show."""
        y, x = axis_of(y_um), axis_of(x_um)
        origin, size = self.period.origin_um, self.period.size_um
        whole = covers_period(y, origin[0], size[0]) and covers_period(x, origin[1], size[1])
        if whole and all(n >= s for n, s in zip((y.size, x.size), self.spectrum_shape, strict=True)):
            return torch.cat([image_of(fit_spectrum(self.spectra(z), (y.size, x.size))) for z in axis_of(z_um)])
        level = self._level(y, x)
        rows, columns = self._grid(level)
        py, row_part = _window(nodes_of(y, self.period, 0, rows), rows)
        px, column_part = _window(nodes_of(x, self.period, 1, columns), columns)
        planes = []
        for weights in self._weights(z_um):
            used = torch.nonzero(weights).ravel().tolist() or [0]
            part = sum(self._page(mode, level)[row_part, column_part] * weights[mode] for mode in used)
            planes.append(interpolate_axis(interpolate_axis(part, py, -2, kaiser_taps), px, -1, kaiser_taps))
        return torch.stack(planes)

    @torch.no_grad()
    def query(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value, complex64, at points `z_um`, `y_um`, `x_um`, um, whose shapes broadcast."""
        z, y, x = points_of(z_um, y_um, x_um)
        weights = self._weights(z.ravel())
        rows, columns = self._grid(0)
        py, px = nodes_of(y.ravel(), self.period, 0, rows), nodes_of(x.ravel(), self.period, 1, columns)
        out = torch.zeros(z.size, dtype=torch.complex64, device=self.modes.device)
        for mode in torch.nonzero(weights.any(0)).ravel().tolist():
            out += weights[:, mode] * interpolate_points(self._page(mode, 0), py, px, kaiser_taps)
        return out.reshape(z.shape)

    forward = query


def _window(position: np.ndarray, n: int) -> tuple[np.ndarray, slice]:
    """The pixels needed to read `position`s on an axis of `n`, and the positions counted from the first of them."""
    first, last = int(np.floor(position.min())) - KAISER_TAPS, int(np.ceil(position.max())) + KAISER_TAPS + 1
    return (position - first, slice(first, last)) if first >= 0 and last <= n else (position, slice(None))


def planes_of_images(
    images: torch.Tensor, depths_um: list[float], extent: Extent, rank: int | None = None, half: bool = True
) -> PlanesField:
    """A `planes` field of periodic images.

    Parameters
    ----------
    images : complex (z, y, x), each over the whole extent.
    depths_um, extent, rank, half : as in `PlanesField.from_spectra`.
    """
    spectra = centred_spectrum(images)
    whole = torch.ones(spectra.shape[-2:], dtype=torch.bool)
    return PlanesField.from_spectra(spectra, depths_um, extent, whole, rank=rank, half=half)

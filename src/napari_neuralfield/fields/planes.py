"""Band-limited complex planes, low rank over depth, half precision: the classical answer as a field.

A stack of reconstructed planes is stored as the bins its synthetic aperture really holds. Over depth it is
P_k(r) = sum_j U_kj M_j(r): `rank` modes M instead of planes, linear between the planes' depths. Propagating a
plane to another depth would be wrong for a thick sample; interpolating is what the data support.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from ..optics.grids import centred_spectrum, fast_length, fit_spectrum, image_of
from ..registry import FIELDS
from ..types import Extent
from .interpolation import covers_period, interpolate_axis, interpolate_points


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
        extent: Extent | dict[str, Any],
        depths_um: list[float],
        spectrum_shape: tuple[int, int],
        bins: int,
        rank: int,
        half: bool = True,
    ) -> None:
        super().__init__()
        self.extent = extent if isinstance(extent, Extent) else Extent.from_dict(extent)
        self.depths_um = [float(z) for z in depths_um]
        self.spectrum_shape = (int(spectrum_shape[0]), int(spectrum_shape[1]))
        self.half_precision = half
        number = torch.float16 if half else torch.float32
        packed = math.ceil(self.spectrum_shape[0] * self.spectrum_shape[1] / 8)
        self.register_buffer("modes", torch.zeros(rank, bins, 2, dtype=number))
        self.register_buffer("mode_scale", torch.ones(rank))
        self.register_buffer("depth_weights", torch.zeros(len(self.depths_um), rank))
        self.register_buffer("support", torch.zeros(packed, dtype=torch.uint8))
        self._images: torch.Tensor | None = None

    @classmethod
    def from_spectra(
        cls,
        spectra: torch.Tensor,
        depths_um: np.ndarray | list[float],
        extent: Extent,
        support: torch.Tensor,
        rank: int | None = None,
        half: bool = True,
    ) -> PlanesField:
        """A field that holds centred spectra (z, y, x), of which `support` (y, x) bool may differ from zero.

        `rank` below the number of planes keeps the strongest depth modes (truncated singular value decomposition).
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
        )
        top = 30000.0 if half else 1.0
        field.modes.copy_(torch.view_as_real(stack) / scale[:, None, None] * top)
        field.mode_scale.copy_(scale / top)
        field.depth_weights.copy_(weights)
        field.support.copy_(torch.from_numpy(np.packbits(support.cpu().numpy())))
        return field

    def options(self) -> dict[str, Any]:
        return {
            "extent": self.extent.to_dict(),
            "depths_um": self.depths_um,
            "spectrum_shape": list(self.spectrum_shape),
            "bins": int(self.modes.shape[1]),
            "rank": int(self.modes.shape[0]),
            "half": self.half_precision,
        }

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._images = None

    def mode_spectra(self) -> torch.Tensor:
        """Centred spectra of the depth modes (rank, y, x), complex64."""
        rows, columns = self.spectrum_shape
        bits = np.unpackbits(self.support.cpu().numpy(), count=rows * columns)
        support = torch.from_numpy(bits.astype(bool)).reshape(rows, columns).to(self.modes.device)
        spectra = torch.zeros(len(self.modes), rows, columns, dtype=torch.complex64, device=self.modes.device)
        spectra[:, support] = torch.view_as_complex(self.modes.float() * self.mode_scale[:, None, None])
        return spectra

    def spectra(self, z_um: Any) -> torch.Tensor:
        """Centred spectra at depths (z,): (z, y, x), complex64."""
        return torch.einsum("zr,ryx->zyx", self._weights(z_um).to(torch.complex64), self.mode_spectra())

    def _weights(self, z_um: Any) -> torch.Tensor:
        """Mode weights at depths (z,): (z, rank), linear between planes, held beyond the ends."""
        z = np.clip(np.atleast_1d(np.asarray(z_um, dtype=np.float64)), self.depths_um[0], self.depths_um[-1])
        place = np.interp(z, self.depths_um, np.arange(len(self.depths_um)))
        low = np.clip(place.astype(int), 0, max(len(self.depths_um) - 2, 0))
        high = np.minimum(low + 1, len(self.depths_um) - 1)
        part = torch.as_tensor(place - low, dtype=torch.float32, device=self.modes.device)[:, None]
        return self.depth_weights[low] * (1 - part) + self.depth_weights[high] * part

    def _pixels(self) -> torch.Tensor:
        """Depth modes on a grid 1.5 times above Nyquist (rank, y, x); made once, then kept."""
        if self._images is None:
            shape = [fast_length(math.ceil(1.5 * n)) for n in self.spectrum_shape]
            self._images = image_of(fit_spectrum(self.mode_spectra(), (shape[0], shape[1])))
        return self._images

    def _positions(self, axis: Any, dim: int, n: int) -> np.ndarray:
        """Fractional working-grid pixels of coordinates in um."""
        return (np.asarray(axis, dtype=np.float64) - self.extent.origin_um[dim]) / self.extent.size_um[dim] * n

    def _combine(self, weights: torch.Tensor, rows: slice = slice(None)) -> torch.Tensor:
        used = torch.nonzero(weights).ravel().tolist()
        images = self._pixels()
        out = images[used[0], rows] * weights[used[0]]
        for j in used[1:]:
            out = torch.add(out, images[j, rows] * weights[j])
        return out

    @torch.no_grad()
    def render(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        y, x = np.atleast_1d(np.asarray(y_um, float)), np.atleast_1d(np.asarray(x_um, float))
        origin, size = self.extent.origin_um, self.extent.size_um
        whole = covers_period(y, origin[0], size[0]) and covers_period(x, origin[1], size[1])
        if whole and all(n >= s for n, s in zip((y.size, x.size), self.spectrum_shape, strict=True)):
            return torch.cat([image_of(fit_spectrum(self.spectra(z), (y.size, x.size))) for z in np.atleast_1d(z_um)])
        rows, columns = self._pixels().shape[-2:]
        py, px = self._positions(y, 0, rows), self._positions(x, 1, columns)
        planes = []
        for weights in self._weights(z_um):
            first, last = int(np.floor(py.min())) - 8, int(np.ceil(py.max())) + 9
            inside = first >= 0 and last <= rows
            band = self._combine(weights, slice(first, last) if inside else slice(None))
            along_y = interpolate_axis(band, py - first if inside else py, -2)
            planes.append(interpolate_axis(along_y, px, -1))
        return torch.stack(planes)

    @torch.no_grad()
    def query(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        z, y, x = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (z_um, y_um, x_um)))
        rows, columns = self._pixels().shape[-2:]
        values = interpolate_points(
            self._pixels(), self._positions(y.ravel(), 0, rows), self._positions(x.ravel(), 1, columns)
        )  # (rank, point)
        return torch.einsum("pr,rp->p", self._weights(z.ravel()).to(values.dtype), values).reshape(z.shape)

    def forward(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        return self.query(z_um, y_um, x_um)


def planes_of_images(images: torch.Tensor, depths_um: list[float], extent: Extent, **storage: Any) -> PlanesField:
    """A `planes` field of periodic complex images (z, y, x) over the extent; `storage` as in `from_spectra`."""
    spectra = centred_spectrum(images)
    return PlanesField.from_spectra(
        spectra, depths_um, extent, torch.ones(spectra.shape[-2:], dtype=torch.bool), **storage
    )

"""Unwrapped phase on a grid: what differential phase contrast, transport of intensity and polished networks end in.

Cubic between pixels (Catmull-Rom: exact at them, continuous in slope), linear between planes, held at the borders.
Seen from far away it is averaged over the pixels that fall together, so that fine detail does not flicker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from ..registry import FIELDS
from ..types import Extent, InputError
from .interpolation import cubic_grid, cubic_taps, interpolate_points, level_of, needed
from .kept.tensors import Kept
from .placement import Options, axis_of, extent_of, pixels_of, points_of

LARGEST_ERROR = 1e-3  # rad, that storing in two bytes may cost
STEPS = 32767  # whole steps of a 16-bit number to either side of zero
COARSE_PAGES = 8  # averaged planes kept


@FIELDS.register("phase-map")
class PhaseMap(nn.Module):
    """Real phase, rad, on one or more planes.

    Parameters
    ----------
    extent : `Extent` or its dict.
    depths_um : depth of each plane, um, increasing.
    step_rad : phase of one step of the 16-bit numbers that are stored; None: 32-bit floating point numbers are.
    offset_rad : phase of the stored number 0.
    """

    type_name = "phase-map"
    complex_valued = False
    on_grid = True  # between its pixels there is nothing but interpolation

    phase: torch.Tensor

    def __init__(
        self,
        *,
        extent: Extent | Options,
        depths_um: list[float],
        step_rad: float | None = None,
        offset_rad: float = 0.0,
    ) -> None:
        super().__init__()
        self.extent = extent_of(extent)
        self.depths_um = [float(z) for z in depths_um]
        self.step_rad, self.offset_rad = step_rad, float(offset_rad)
        number = torch.float32 if step_rad is None else torch.int16
        self.register_buffer("phase", torch.zeros((len(self.depths_um), *self.extent.shape), dtype=number))
        self._pages = Kept(0, least=COARSE_PAGES)

    @classmethod
    def from_grid(
        cls,
        phase: torch.Tensor | np.ndarray,
        z_um: float | Sequence[float],
        pixel_um: float,
        origin_um: tuple[float, float] = (0.0, 0.0),
    ) -> PhaseMap:
        """A field of unwrapped phase on square pixels.

        In two bytes per pixel where that changes no phase by more than 1e-3 rad, else in four.

        Parameters
        ----------
        phase : (z, y, x) or (y, x), rad.
        z_um : depth of each plane, um, increasing.
        pixel_um : of the phase, um.
        origin_um : (y, x) of the centre of pixel (0, 0), um.

        Raises
        ------
        InputError : where a value is not finite, or depths and planes do not agree.
        """
        planes = torch.as_tensor(phase).detach().cpu()
        planes = planes[None] if planes.ndim == 2 else planes
        depths = axis_of(z_um).tolist()
        if len(depths) != len(planes) or sorted(set(depths)) != depths:
            raise InputError(
                f"z_um is {depths} for {len(planes)} planes of phase; give one depth per plane, in increasing order"
            )
        if not bool(torch.isfinite(planes).all()):
            raise InputError("the phase holds values that are not finite (NaN or infinity); every pixel needs a number")
        low, high = float(planes.min()), float(planes.max())
        step = max((high - low) / (2 * STEPS), 1e-12)
        small = step / 2 < LARGEST_ERROR
        extent = Extent((depths[0], depths[-1]), (planes.shape[1], planes.shape[2]), float(pixel_um), origin_um)
        middle = (low + high) / 2 if small else 0.0
        field = cls(extent=extent, depths_um=depths, step_rad=step if small else None, offset_rad=middle)
        for kept, plane in zip(field.phase, planes, strict=True):  # one at a time: a camera's whole field is large
            kept.copy_(torch.round((plane.double() - middle) / step) if small else plane)
        return field

    def options(self) -> Options:
        return {
            "extent": self.extent.to_dict(),
            "depths_um": self.depths_um,
            "step_rad": self.step_rad,
            "offset_rad": self.offset_rad,
        }

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._pages.clear()

    def plane(self, number: int, y: slice = slice(None), x: slice = slice(None)) -> torch.Tensor:
        """Rows `y` and columns `x` of the plane of this `number`: (y, x), rad, float32."""
        part = self.phase[number, y, x].float()
        return part if self.step_rad is None else part.mul_(self.step_rad).add_(self.offset_rad)

    def _coarse(self, number: int, level: int) -> torch.Tensor:
        """A plane averaged over squares of 2^level pixels (y, x); at the far borders the last pixels count twice."""
        if level == 0:
            return self.plane(number)
        return self._pages.made((number, level), lambda: self._averaged(number, level))

    def _averaged(self, number: int, level: int) -> torch.Tensor:
        fine = self._coarse(number, level - 1)[None, None]
        odd = [n % 2 for n in fine.shape[-2:]]
        fine = nn.functional.pad(fine, (0, odd[1], 0, odd[0]), mode="replicate")
        return nn.functional.avg_pool2d(fine, 2)[0, 0]

    def _between(self, z_um: float) -> list[tuple[int, float]]:
        """Planes whose sum with these weights lies at a depth."""
        place = float(np.interp(z_um, self.depths_um, np.arange(len(self.depths_um))))
        low = int(place)
        pairs = [(low, 1 - (place - low)), (low + 1, place - low)]
        return [(number, weight) for number, weight in pairs if weight > 0]

    @torch.no_grad()
    def render(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Phase (z, y, x), float32, rad, on axes `z_um`, `y_um`, `x_um`, averaged where the axes are coarse."""
        at = [pixels_of(axis_of(axis), self.extent, dim) for dim, axis in enumerate((y_um, x_um))]
        level = min(level_of(position) for position in at)
        at = [(position + 0.5) / 2**level - 0.5 for position in at]
        planes = []
        for z in axis_of(z_um):
            parts = [weight * self._seen(number, level, at[0], at[1]) for number, weight in self._between(float(z))]
            planes.append(parts[0] if len(parts) == 1 else parts[0] + parts[1])
        return torch.stack(planes)

    def _seen(self, number: int, level: int, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
        """One averaged plane read at fractional pixels of its own (y, x); only what is needed is unpacked."""
        shape = [math.ceil(n / 2**level) for n in self.extent.shape]
        rows, columns = (needed(position, n) for position, n in zip((y, x), shape, strict=True))
        part = self.plane(number, rows, columns) if level == 0 else self._coarse(number, level)[rows, columns]
        return cubic_grid(part, y - rows.start, x - columns.start)

    @torch.no_grad()
    def query(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Phase, float32, rad, at points `z_um`, `y_um`, `x_um`, um, whose shapes broadcast."""
        z, y, x = points_of(z_um, y_um, x_um)
        place = np.interp(z.ravel(), self.depths_um, np.arange(len(self.depths_um)))
        at_y, at_x = pixels_of(y.ravel(), self.extent, 0), pixels_of(x.ravel(), self.extent, 1)
        out = torch.zeros(z.size, device=self.phase.device)
        for number in range(len(self.depths_um)):
            weight = np.clip(1 - np.abs(place - number), 0, None)
            used = np.flatnonzero(weight)
            if used.size:
                values = interpolate_points(self.plane(number), at_y[used], at_x[used], cubic_taps)
                out[torch.from_numpy(used)] += values * torch.from_numpy(weight[used]).to(values)
        return out.reshape(z.shape)

    forward = query

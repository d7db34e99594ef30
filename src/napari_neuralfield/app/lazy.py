"""Array views of a field: one plane, a stack, a pyramid. Nothing is computed before it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import EllipsisType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..types import Extent, Field, InputError

if TYPE_CHECKING:
    import torch

    from ..fields.colour import ColourField

QUANTITIES = ("amplitude", "phase", "intensity")
Region = tuple[float, float, float, float]
Index = int | slice | EllipsisType | np.ndarray | Sequence[int]


def quantities(field: Field) -> tuple[str, ...]:
    """What can be shown of a field: a phase-only field has no amplitude."""
    return QUANTITIES if field.complex_valued else ("phase",)


def evaluate(field: Field, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> np.ndarray:
    """Values of `field` on the grid of three 1-D axes, `z_um`, `y_um` and `x_um` (um), without gradients.

    Returns
    -------
    (z, y, x) complex64, or float32 radians where the field is phase only.
    """
    return _evaluated(field.complex_valued, field.render, z_um, y_um, x_um)


def evaluate_channel(field: ColourField, channel: int, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> np.ndarray:
    """As `evaluate`, of one `channel` of a `field` of several colours on `z_um`, `y_um`, `x_um`: (z, y, x)."""
    return _evaluated(field.complex_valued, partial(field.render_channel, channel), z_um, y_um, x_um)


def _evaluated(
    complex_valued: bool, render: Callable[..., torch.Tensor], z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike
) -> np.ndarray:
    import torch

    axes = [np.ascontiguousarray(np.atleast_1d(a), dtype=np.float64) for a in (z_um, y_um, x_um)]
    if min(a.size for a in axes) == 0:
        return np.zeros([a.size for a in axes], np.complex64 if complex_valued else np.float32)
    with torch.no_grad():
        return render(*axes).detach().cpu().numpy()


def measure(values: np.ndarray, quantity: str) -> np.ndarray:
    """Amplitude, phase (radians, -pi..pi) or intensity of field `values`, float32; real values are a phase already.

    `quantity` is one of `QUANTITIES`, or complex: the values as they are.

    Raises
    ------
    InputError : for a quantity that the values do not have.
    """
    known = QUANTITIES if np.iscomplexobj(values) else ("phase",)
    if quantity == "complex" and np.iscomplexobj(values):
        return values
    if quantity not in known:
        raise InputError(f"quantity is {quantity!r}; this field has {', '.join(known)}")
    if not np.iscomplexobj(values):
        return np.asarray(values, dtype=np.float32)
    if quantity == "amplitude":
        return np.abs(values)
    if quantity == "phase":
        return np.angle(values)
    return values.real**2 + values.imag**2


class LazyView:
    """A numpy-like array over a field, float32 or complex64; slicing gives another view, `np.asarray` computes.

    napari up to 0.9 crops y and x first and takes z after, so that only lazy slicing keeps a look at one plane from
    computing all of them.

    Parameters
    ----------
    field : any field.
    z_um, y_um, x_um : the axes, um. A scalar axis is a dropped dimension.
    quantity : 'amplitude', 'phase', 'intensity' or 'complex'.
    """

    def __init__(self, field: Field, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike, quantity: str) -> None:
        self.field, self.quantity = field, quantity
        self.dtype = np.dtype(np.complex64 if quantity == "complex" else np.float32)
        self._axes = tuple(np.asarray(a, dtype=np.float64) for a in (z_um, y_um, x_um))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(a.size for a in self._axes if a.ndim)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a single value has no length")
        return self.shape[0]

    def __getitem__(self, key: Index | tuple[Index, ...]) -> LazyView:
        open_axes = [i for i, axis in enumerate(self._axes) if axis.ndim]
        keys = list(key) if isinstance(key, tuple) else [key]
        if any(k is Ellipsis for k in keys):
            at = next(i for i, k in enumerate(keys) if k is Ellipsis)
            keys[at : at + 1] = [slice(None)] * (len(open_axes) - len(keys) + 1)
        if len(keys) > len(open_axes):
            raise IndexError(f"{len(keys)} indices for an array of {len(open_axes)} dimensions")
        axes = list(self._axes)
        for i, k in zip(open_axes, keys, strict=False):
            axes[i] = axes[i][k]
            if axes[i].ndim > 1:
                raise IndexError("an axis takes an integer, a slice or a 1-D index")
        return LazyView(self.field, axes[0], axes[1], axes[2], self.quantity)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        z, y, x = (np.atleast_1d(a) for a in self._axes)
        block = np.empty((z.size, y.size, x.size), dtype=self.dtype)
        for i, depth in enumerate(z):  # one plane in complex numbers at a time
            block[i] = measure(evaluate(self.field, depth, y, x), self.quantity)[0]
        block = block.reshape(self.shape)
        return block if dtype is None else block.astype(dtype, copy=False)


def plane(
    field: Field, z_um: float, quantity: str, pixel_um: float | None = None, region_um: Region | None = None
) -> LazyView:
    """The plane (y, x) of `field` at the depth `z_um`, um.

    Parameters
    ----------
    quantity : see `LazyView`.
    pixel_um : pixel of the plane, um; native where None.
    region_um : (y0, x0, y1, x1), um, half open; all where None.
    """
    return LazyView(field, float(z_um), *field.extent.axes(pixel_um, region_um), quantity)


def stack(field: Field, z_um: Sequence[float] | np.ndarray, quantity: str, pixel_um: float | None = None) -> LazyView:
    """Planes (z, y, x) of `field` at depths `z_um` (z,), um; `quantity` and `pixel_um` as in `plane`."""
    return LazyView(field, np.asarray(z_um, dtype=np.float64), *field.extent.axes(pixel_um), quantity)


def pyramid(field: Field, z_um: Sequence[float] | np.ndarray, quantity: str, smallest: int = 256) -> list[LazyView]:
    """The native `stack` (z, y, x) of `field` and coarser ones, each of twice the pixel.

    Parameters
    ----------
    z_um : depths (z,), um.
    quantity : see `LazyView`.
    smallest : no side of the coarsest exceeds it, pixels.
    """
    levels, step = [stack(field, z_um, quantity)], field.extent.pixel_um
    while max(levels[-1].shape[-2:]) > smallest:
        step *= 2
        levels.append(stack(field, z_um, quantity, step))
    return levels


def beyond_pixels(field: Field) -> bool:
    """Whether a closer look may ask for more than the native pixels: one plane of phase, continuous between them."""
    low, high = field.extent.z_um
    return not field.complex_valued and not high > low


def on_grid(field: Field) -> bool:
    """Whether a closer look shows nothing new: between its pixels the field is interpolated."""
    return bool(getattr(field, "on_grid", False))


def round_step(extent: Extent, screen_pixel_um: float, finest: float) -> float:
    """The native pixel times or over a power of two that is nearest to a screen pixel, um.

    So that pictures of neighbouring views meet on the same points, and densities are round.

    Parameters
    ----------
    extent : of the field.
    screen_pixel_um : size of a screen pixel, um.
    finest : no pixel smaller than this times the native one.
    """
    doublings = round(float(np.log2(screen_pixel_um / extent.pixel_um)))
    return extent.pixel_um * max(2.0**doublings, finest)


def visible_axes(
    extent: Extent, view_um: Region, screen_pixel_um: float, finest: float = 1.0
) -> tuple[np.ndarray, np.ndarray] | None:
    """Pixel centres of the part of a field that a view shows, at the resolution of the screen.

    Parameters
    ----------
    extent : of the field.
    view_um : (y0, x0, y1, x1) of the view, um.
    screen_pixel_um : size of a screen pixel, um.
    finest : no pixel smaller than this times the native one: there is nothing more to see.

    Returns
    -------
    (y, x) axes, um, or None where the view misses the field.
    """
    half = extent.pixel_um / 2
    low = [origin - half for origin in extent.origin_um]
    high = [start + size for start, size in zip(low, extent.size_um, strict=True)]
    step = max(screen_pixel_um, finest * extent.pixel_um)
    axes = []
    for axis in (0, 1):
        start, stop = max(view_um[axis], low[axis]), min(view_um[axis + 2], high[axis])
        if stop <= start:
            return None
        first, last = np.floor((start - low[axis]) / step), np.ceil((stop - low[axis]) / step)
        count = int(min(last, np.ceil((high[axis] - low[axis]) / step)) - first)
        axes.append(low[axis] + (first + 0.5 + np.arange(max(count, 1))) * step)
    return axes[0], axes[1]

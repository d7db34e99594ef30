"""Fields as lazy arrays for other programs: dask and xarray, in um. A chunk evaluates its own part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...types import Extent, Field, InputError
from .. import lazy

if TYPE_CHECKING:
    import dask.array
    import xarray

    from ...fields.time_series import TimeSeries

CHUNK = 256  # pixels along a side
PLANES = 17  # depths where a field names none
MOST_CHUNKS = 2_000_000  # of an array: each is an entry in memory
VALUES = (*lazy.QUANTITIES, "complex")
UNITS = {"phase": "rad"}


def depths_of(field: Field, z_um: Sequence[float] | float | None = None) -> np.ndarray:
    """Depths (z,), um, float64, of an array of `field`: `z_um`, or evenly over its range as many as it has planes."""
    if z_um is not None:
        return np.atleast_1d(np.asarray(z_um, dtype=np.float64))
    low, high = field.extent.z_um
    return np.linspace(low, high, (len(getattr(field, "depths_um", ())) or PLANES) if high > low else 1)


def to_dask(
    field: Field,
    z_um: Sequence[float] | float | None = None,
    pixel_um: float | None = None,
    value: str = "phase",
    chunk: int = CHUNK,
) -> dask.array.Array:
    """A field as a lazy array (z, y, x); a time series as (t, z, y, x).

    Parameters
    ----------
    field : any field; of one of several colours the middle one is taken.
    z_um : depths (z,), um; evenly over the field's range where None.
    pixel_um : pixel along y and x, um; native where None.
    value : phase (rad), amplitude, intensity or complex.
    chunk : pixels along a side of what is evaluated at once.

    Raises
    ------
    InputError : where the field has no such value, or the array would have more chunks than can be listed.
    """
    import dask.array

    if field.type_name == "time-series":
        every = [to_dask(one, z_um, pixel_um, value, chunk) for one in cast("TimeSeries", field).fields]
        return dask.array.stack(every)
    view = _view(field, depths_of(field, z_um), pixel_um, value)
    side = _chunk(chunk, view.shape)
    return dask.array.from_array(view, chunks=(1, side, side), name=False, meta=np.empty((0,) * 3, view.dtype))


def to_pyramid(
    field: Field, z_um: Sequence[float] | float | None = None, value: str = "phase", chunk: int = CHUNK
) -> list[dask.array.Array]:
    """`to_dask` at the native pixel and at coarser ones, each of twice the pixel, as viewers show at any zoom.

    napari evaluates the chunks on the screen alone, and in 3-D the coarsest level, whose sides are 256 at most.

    Parameters
    ----------
    field, z_um, value, chunk : as of `to_dask`.
    """
    pixel, levels = field.extent.pixel_um, []
    for level in range(levels_of(field.extent, pixel)):
        levels.append(to_dask(field, z_um, pixel * 2**level, value, chunk))
    return levels


def to_xarray(
    field: Field,
    z_um: Sequence[float] | float | None = None,
    pixel_um: float | None = None,
    value: str = "phase",
    chunk: int = CHUNK,
) -> xarray.DataArray:
    """`to_dask` with its axes: dimensions (z, y, x), or (t, z, y, x), whose coordinates are in um and s.

    Parameters
    ----------
    field, z_um, pixel_um, value, chunk : as of `to_dask`.
    """
    import xarray

    y, x = field.extent.axes(pixel_um)
    axes: dict[str, Any] = {"z": depths_of(field, z_um), "y": y, "x": x}
    units = dict.fromkeys(axes, "um")
    if field.type_name == "time-series":
        axes, units = {"t": cast("TimeSeries", field).times_s, **axes}, {"t": "s", **units}
    coordinates = {name: (name, along, {"units": units[name]}) for name, along in axes.items()}
    about = {"units": UNITS.get(value, "1"), "long_name": value, "pixel_um": pixel_um or field.extent.pixel_um}
    data = to_dask(field, z_um, pixel_um, value, chunk)
    return xarray.DataArray(data, dims=tuple(axes), coords=coordinates, name=value, attrs=about)


def layer_keywords(
    field: Field, z_um: Sequence[float] | float | None = None, pixel_um: float | None = None
) -> dict[str, Any]:
    """Where `to_dask` of the same arguments lies, for `viewer.add_image`: scale, translate, units and axis labels.

    Parameters
    ----------
    field, z_um, pixel_um : as of `to_dask`.
    """
    depths, pixel = depths_of(field, z_um), float(pixel_um or field.extent.pixel_um)
    scale, translate = [step_of(depths), pixel, pixel], [float(depths[0]), *map(float, field.extent.origin_um)]
    units, labels = ["um"] * 3, ["z", "y", "x"]
    if field.type_name == "time-series":
        times = cast("TimeSeries", field).times_s
        scale, translate = [step_of(np.array(times)), *scale], [times[0], *translate]
        units, labels = ["s", *units], ["t", *labels]
    return {"scale": scale, "translate": translate, "units": units, "axis_labels": labels}


def step_of(along: np.ndarray) -> float:
    """Mean step of an axis `along` (n,); 1 where there is one value or no step."""
    return abs(float(along[-1] - along[0])) / (len(along) - 1) or 1.0 if len(along) > 1 else 1.0


def levels_of(extent: Extent, pixel_um: float, smallest: int = CHUNK) -> int:
    """How many levels a pyramid has.

    Parameters
    ----------
    extent : of the field.
    pixel_um : of the finest level, um.
    smallest : no side of the coarsest level is larger, pixels.
    """
    levels = 1
    while max(extent.size_um) / (pixel_um * 2 ** (levels - 1)) > smallest + 0.5:
        levels += 1
    return levels


def require_value(field: Field, value: str) -> None:
    """Refuse a `value` that the `field` does not have.

    Raises
    ------
    InputError : naming those that it has.
    """
    known = VALUES if field.complex_valued else ("phase",)
    if value not in known:
        raise InputError(f"value is {value!r}; this field has {', '.join(known)}")


def _view(field: Field, depths: np.ndarray, pixel_um: float | None, value: str) -> lazy.LazyView:
    require_value(field, value)
    if not np.isfinite(depths).all() or depths.ndim != 1 or not depths.size:
        raise InputError(f"z_um is {depths.tolist()}; give one or more depths in um")
    if pixel_um is not None and not 0 < pixel_um < np.inf:
        raise InputError(f"pixel_um is {pixel_um:g}; a pixel must be larger than 0 um")
    pixel = pixel_um or field.extent.pixel_um
    if max(field.extent.size_um) / pixel > 2**31:
        raise InputError(f"pixel_um is {pixel:g}, which makes more than 2147483647 pixels a side; choose a larger one")
    return lazy.LazyView(field, depths, *field.extent.axes(pixel), value)


def _chunk(chunk: int, shape: tuple[int, ...]) -> int:
    if chunk < 1:
        raise InputError(f"chunk is {chunk}; it is the side of a chunk in pixels, 1 or more")
    count = shape[0] * -(-shape[1] // chunk) * -(-shape[2] // chunk)
    if count > MOST_CHUNKS:
        raise InputError(
            f"chunk is {chunk}, which cuts {shape[0]} x {shape[1]} x {shape[2]} pixels into {count} pieces; choose a "
            f"larger chunk, a larger pixel_um or fewer depths, {MOST_CHUNKS} pieces at most"
        )
    return chunk

"""What a field keeps to."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..registry import FIELDS
from ..types import Extent, Result
from .asking import array, attempt, check_gradient, near, require, through_json

if TYPE_CHECKING:
    from ..types import Field

HALF = 2e-3  # of the largest value: what storing in half precision may cost


def check_field(field: Field | str, *, trained: bool | None = None, **options: object) -> None:
    """A field answers where it says it lies, alike by `render` and `query`, and comes whole out of a file.

    Parameters
    ----------
    field : the field, or its registered name; filled with more than zeros, so that mistakes can be seen.
    trained : whether a gradient must reach its parameters; None: it is checked where `render` carries one.
    options : that build the field where only its name is given.

    Raises
    ------
    AssertionError : in one sentence, for the first thing that is not so.
    """
    if isinstance(field, str):
        field = FIELDS[field](**options)
    name = field.type_name
    require(name in FIELDS and FIELDS[name] is type(field), f"field {name!r} is not registered under its type_name")
    _check_extent(field)
    _check_values(field)
    _check_rebuilt(field)
    _check_file(field)
    _check_training(field, trained)


def _axes(field: Field, most: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two depths and at most `most` native pixels along y and x from the middle of the field, um."""
    y, x = field.extent.axes()
    low, high = field.extent.z_um
    middle = [slice(max(0, (len(axis) - most) // 2), (len(axis) + most) // 2) for axis in (y, x)]
    return np.array([low, (low + high) / 2]), y[middle[0]], x[middle[1]]


def _render(field: Field, *axes: np.ndarray) -> torch.Tensor:
    return attempt(f"render of field {field.type_name}", lambda: field.render(*axes))


def _check_extent(field: Field) -> None:
    name, extent = field.type_name, field.extent
    require(isinstance(extent, Extent), f"field {name}: extent is {type(extent).__name__}, not an Extent")
    require(extent.pixel_um > 0, f"field {name}: pixel_um is {extent.pixel_um:g}; it must be above 0 um")
    require(extent.z_um[0] <= extent.z_um[1], f"field {name}: z_um is {extent.z_um}; the smaller depth comes first")
    require(min(extent.shape) > 0, f"field {name}: shape is {extent.shape}; it must hold a pixel")


def _check_values(field: Field) -> None:
    """Shape, type and place of what it answers."""
    name = field.type_name
    z, y, x = _axes(field)
    values = _render(field, z, y, x)
    wanted = (len(z), len(y), len(x))
    require(tuple(values.shape) == wanted, f"field {name}: render gives {tuple(values.shape)}, not (z, y, x) {wanted}")
    is_complex = values.is_complex()
    require(
        is_complex == field.complex_valued,
        f"field {name}: render gives {values.dtype} but complex_valued is {field.complex_valued}",
    )
    require(bool(values.isfinite().all()), f"field {name}: render gives values that are not finite")
    one = _render(field, z[1:], y[1:-1], x[2:])
    require(
        near(one[0], values[1, 1:-1, 2:]),
        f"field {name}: a part of the grid has other values than the whole; coordinates are um, not pixels",
    )
    points = attempt(f"query of field {name}", lambda: field.query(z[:, None, None], y[:, None], x))
    require(tuple(points.shape) == wanted, f"field {name}: query gives {tuple(points.shape)} for coordinates {wanted}")
    require(near(points, values, 1e-2), f"field {name}: query and render differ at the same points")
    lone = attempt(f"query of field {name} at one point", lambda: field.query(float(z[0]), float(y[1]), float(x[1])))
    require(lone.numel() == 1, f"field {name}: query at one point gives {lone.numel()} values")
    if field.extent.z_um[0] == field.extent.z_um[1]:
        far = _render(field, z[:1] + 5, y, x)
        require(near(far, values[:1]), f"field {name} is a single plane but differs 5 um away; it answers every depth")
    places = {tensor.device for tensor in [*field.state_dict().values(), values, points]}
    require(len(places) <= 1, f"field {name}: its tensors and values lie on {', '.join(map(str, places))}")


def _check_rebuilt(field: Field) -> None:
    """`options` and `state_dict` are all there is to it."""
    name, axes = field.type_name, _axes(field)
    options = through_json(f"options() of field {name}", field.options())
    twin = attempt(f"field {name} built from its own options()", lambda: type(field)(**options))
    attempt(f"load_state_dict of field {name}", lambda: twin.load_state_dict(field.state_dict()))
    require(twin.extent == field.extent, f"field {name}: the extent is lost through options()")
    require(
        near(_render(twin, *axes), _render(field, *axes), HALF),
        f"field {name}: options() and state_dict() do not hold all that its values depend on",
    )


def _check_file(field: Field) -> None:
    from ..io import load_result, save_result

    name, axes = field.type_name, _axes(field)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "field.nfield"
        attempt(f"saving field {name}", lambda: save_result(path, Result(field)))
        back = attempt(f"loading field {name} from its file", lambda: load_result(path).field)
        require(back.extent == field.extent, f"field {name}: the extent is not the same after saving and loading")
        same = near(_render(back, *axes), array(_render(field, *axes)), HALF)
    require(same, f"field {name}: its values are not the same after saving and loading")


def _check_training(field: Field, trained: bool | None) -> None:
    name, axes = field.type_name, _axes(field, most=8)
    carried = _render(field, *axes).requires_grad
    if trained is False or (trained is None and not carried):
        return
    require(carried, f"field {name}: the values of render carry no gradient, so it cannot be trained")
    check_gradient(f"render of field {name}", lambda: field.render(*axes), field.parameters())

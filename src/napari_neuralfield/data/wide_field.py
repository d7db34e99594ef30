"""What a place in a wide field changes: the directions of near LEDs, and a pupil that varies over the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..optics.pupil_field import PupilField, order_of, powers
from ..optics.wide_field import seen_from
from ..types import InputError
from .quantity import quantity

Box = tuple[slice, slice]


def optical_axis() -> Any:
    said = "where the optical axis crosses the frame, which may lie outside; LED directions as given hold there"
    return quantity("Optical axis", "um (y, x)", said, optional=True, shape=(2,))


def directions_at() -> Any:
    said = "where in the frame the LED directions hold; left out: at the optical axis, where that is given"
    return quantity("Directions hold at", "um (y, x)", said, optional=True, shape=(2,))


def pupil_field() -> Any:
    said = "Zernike terms over the field: Noll index, then the coefficients of 1, y, x, y^2, y x, x^2 in mm"
    return quantity("Pupil over the field", "rad", said, optional=True, shape=("term", "power"))


def settled(values: Mapping[str, object], frame_shape: tuple[int, int], where: str) -> dict[str, object]:
    """What follows for the middle of the frame: directions that are given at the optical axis, and the pupil.

    Parameters
    ----------
    values : checked values of an acquisition, by name.
    frame_shape : (y, x), pixels.
    where : the file, for errors.

    Raises
    ------
    InputError : where the pupil field is not a table of Zernike terms.
    """
    axis, height, table = (values.get(name) for name in ("optical_axis_um", "led_height_mm", "pupil_field"))
    changes = dict[str, object]()
    if axis is not None and height is not None and values.get("directions_at_um") is None:
        changes |= _from(values, np.asarray(axis), _middle(frame_shape, _number(values["pixel_um"])))
    if table is not None:
        field = _checked(np.asarray(table), where)
        if values.get("pupil") is None:
            changes["pupil"] = _pupil(values, field, frame_shape)
    return changes


def _checked(table: np.ndarray, where: str) -> PupilField:
    order = order_of(table.shape[1] - 1)
    noll = table[:, 0]
    if len(powers(order)) != table.shape[1] - 1 or (noll < 1).any() or (noll % 1 != 0).any():
        raise InputError(
            f"{where}: pupil_field has rows of {table.shape[1]} numbers, the first {noll[:1].tolist()}; a row is the "
            "Noll index of a Zernike term, then its 1, 3 or 6 coefficients of 1, y, x, y^2, y x, x^2 (mm)"
        )
    return PupilField.of_table(table)


def _pupil(values: Mapping[str, object], field: PupilField, shape: tuple[int, int]) -> np.ndarray:
    """Of the middle of frames of a `shape`."""
    pixel, cutoff = (_number(values[n]) for n in ("pixel_um", "objective_na"))
    return field.pupil(_middle(shape, pixel), shape, pixel, cutoff / _number(values["wavelength_um"]))


def cut_out(values: Mapping[str, object], box: Box, frame_shape: tuple[int, int]) -> dict[str, object]:
    """What of an acquisition changes where a region is cut out of its frames.

    Parameters
    ----------
    values : of the acquisition, by name.
    box : rows and columns of the region.
    frame_shape : (y, x), pixels, before.
    """
    if "illumination_na" not in values:
        return {}
    pixel = _number(values["pixel_um"])
    starts, stops, _ = zip(*(part.indices(n) for part, n in zip(box, frame_shape, strict=True)), strict=True)
    origin, shape = np.array(starts) * pixel, (stops[0] - starts[0], stops[1] - starts[1])
    middle, changes = _middle(shape, pixel), dict[str, object]()
    held = values.get("directions_at_um")
    if held is not None:
        known = values.get("led_height_mm") is not None
        moved = np.asarray(held) - origin
        changes |= _from(values, moved, middle) if known else {"directions_at_um": moved}
    axis, table = values.get("optical_axis_um"), values.get("pupil_field")
    if axis is not None:
        changes["optical_axis_um"] = np.asarray(axis) - origin
    if table is not None:
        field = PupilField.of_table(np.asarray(table)).moved(origin)
        changes |= {"pupil_field": field.table, "pupil": _pupil(values, field, shape)}
    return changes


def _from(values: Mapping[str, object], held: np.ndarray, wanted: np.ndarray) -> dict[str, object]:
    na = seen_from(np.asarray(values["illumination_na"]), _number(values["led_height_mm"]), wanted - held)
    return {"illumination_na": na, "directions_at_um": wanted}


def _middle(shape: tuple[int, int], pixel_um: float) -> np.ndarray:
    return (np.array(shape) - 1) / 2 * pixel_um


def _number(value: object) -> float:
    return float(np.asarray(value))

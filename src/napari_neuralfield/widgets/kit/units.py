"""Units in the status bar: what lies under the mouse in µm, and a value of ours in rad and degrees, or µm."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from .one_unit import PIXEL, own_units

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer
    from napari.utils.events import Event

UNITS = {"phase": "rad", "phase, unwrapped": "rad", "height": "µm", "depth in focus": "µm"}  # others have none
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?$")


def value_text(value: str, quantity: str) -> str:
    """A `value` as napari writes it, with the unit of its `quantity`; an angle in degrees too."""
    number = NUMBER.search(value)
    unit = UNITS.get(quantity, "")
    if not unit or number is None:
        return value
    return f"{value} {unit}" + (f" ({math.degrees(float(number[0])):.0f}°)" if unit == "rad" else "")


def place_text(coordinates: str, layer: Layer) -> str:
    """Where the mouse is: the number of a frame as such, lengths in brackets.

    Parameters
    ----------
    coordinates : numbers in brackets, as napari writes them.
    layer : that they are of.
    """
    numbers, units = coordinates.strip("[]").split(", "), own_units(layer)
    counted = [unit == PIXEL for unit in units]
    if len(numbers) != len(units) or not any(unit == "micrometer" for unit in units):
        return coordinates
    before = [f"{name} {float(n):.0f}" for n, name, one in zip(numbers, layer.axis_labels, counted, strict=True) if one]
    lengths = ", ".join(n for n, one in zip(numbers, counted, strict=True) if not one)
    return ", ".join([*before, f"[{lengths}] µm"])


def quantity_of(layer: Layer | None, key: str) -> str | None:
    """What a layer of ours shows, as its metadata say under `key`; None for a layer of somebody else."""
    ours = None if layer is None else layer.metadata.get(key)
    if not isinstance(ours, dict):
        return None
    lapse = getattr(ours.get("lapse"), "lapse", None)
    return str(getattr(lapse, "quantity", ours.get("quantity", "")))


def name_units(viewer: napari.Viewer, key: str) -> None:
    """Write the units of layers that hold `key` in their metadata into the status bar of `viewer`, from now on."""

    def look(event: Event) -> None:
        status, layer = viewer.status, viewer.layers.selection.active
        quantity = quantity_of(layer, key)
        if quantity is None or not isinstance(status, dict) or not status.get("coords") or status.get("said"):
            return
        place, value = place_text(status["coords"], layer), value_text(status["value"], quantity)
        viewer.status = {**status, "coords": place, "value": value, "coordinates": f"{place}: {value}", "said": "ours"}

    viewer.events.status.connect(look, position="last")  # or napari overwrites it

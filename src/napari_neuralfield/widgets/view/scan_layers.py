"""A scan's result as napari layers, all in micrometres of the object: positions, moves, probe or coded surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...types import Extent, Result
from ..kit.session import KEY
from .layers import COLORMAPS, LayerData, Meta, contrast
from .scan_facts import ScanFacts

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer, Points

GIVEN, FOUND, MOVE, CHOSEN = "#f0ad4e", "#5bc0de", "#ff5ce1", "#ff5c5c"
UNITS = ("um", "um")


def position_layers(facts: ScanFacts, title: str) -> list[LayerData]:
    """Windows' middles as points, as given and as found, and the way between as vectors; one layer where none moved.

    `facts` are of the scan; the names begin with `title`.
    """
    size = 0.28 * facts.gap_um
    shared: Meta = {"units": UNITS, "metadata": {KEY: {"positions": "found"}}}
    dots = {"size": size, "border_width": 0, "face_color": FOUND, **shared}
    if not facts.moved:
        return [(facts.found_um, {"name": f"{title} positions", **dots}, "points")]
    rings = {"size": 1.6 * size, "border_width": 0.15, "border_color": GIVEN, "face_color": "transparent", **shared}
    rings["metadata"] = {KEY: {"positions": "given"}}
    times = facts.times
    longer = f", drawn {times} times as long" if times > 1 else ""
    arrows = np.stack([facts.given_um, times * facts.moves_um], axis=1)
    drawn = {"edge_color": MOVE, "edge_width": 0.3 * size, "vector_style": "arrow", "opacity": 0.9}
    return [
        (facts.given_um, {"name": f"{title} positions as given", **rings}, "points"),
        (facts.found_um, {"name": f"{title} positions found", **dots}, "points"),
        (arrows, {"name": f"{title} moves{longer}", **drawn, "units": UNITS, "metadata": {KEY: {}}}, "vectors"),
    ]


def surface_layers(facts: ScanFacts, extent: Extent, title: str) -> list[LayerData]:
    """Amplitude and below it phase of the probe or coded surface, right of the object; modes side by side.

    `facts` are of the scan, `extent` is the object's; the names begin with `title`.
    """
    tiled = np.concatenate(list(facts.surface), axis=1)
    (y0, x0), (_, width), step = extent.origin_um, extent.size_um, facts.pixel_um
    gap = 0.04 * width
    layers: list[LayerData] = []
    for row, (quantity, image) in enumerate((("amplitude", np.abs(tiled)), ("phase", np.angle(tiled)))):
        down = row * (tiled.shape[0] * step + gap)
        meta = {
            "name": f"{title} {facts.name} {quantity}",
            "scale": (step, step),
            "translate": (y0 + down, x0 + width + gap),
            "units": UNITS,
            "contrast_limits": contrast(image, quantity) if quantity == "amplitude" else (-np.pi, np.pi),
            "colormap": "inferno" if quantity == "amplitude" else COLORMAPS[quantity],
            "metadata": {KEY: {}},
        }
        layers.append((image.astype(np.float32), meta, "image"))
    return layers


def add_all(viewer: napari.Viewer, layers: list[LayerData]) -> list[Layer]:
    """Put `layers` into a `viewer`; the selection stays as it was."""
    before = viewer.layers.selection.active
    added = [getattr(viewer, f"add_{kind}")(data, **meta) for data, meta, kind in layers]
    viewer.layers.selection.active = before
    return added


def layers_of(viewer: napari.Viewer, result: Result) -> list[Layer]:
    """The layers of `viewer` that show `result`, from below."""
    return [layer for layer in viewer.layers if layer.metadata.get(KEY, {}).get("result") is result]


def add_below(viewer: napari.Viewer, layers: list[LayerData], result: Result) -> None:
    """Put `layers` into a `viewer`, below the ones that show `result`."""
    at = min((viewer.layers.index(layer) for layer in layers_of(viewer, result)), default=len(viewer.layers))
    for layer in add_all(viewer, layers):
        viewer.layers.move(viewer.layers.index(layer), at)
        at += 1


def mark_point(layer: Points, frame: int | None) -> None:
    """The point of a `frame` of a positions `layer` in another colour; all alike where None."""
    colours = [FOUND] * len(layer.data)
    if frame is not None:
        colours[frame] = CHOSEN
    layer.face_color = colours

"""A scan's result as napari layers, all in micrometres of the object: positions, moves, probe or coded surface."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...types import Extent, Result
from ..kit.session import KEY
from .layers import COLORMAPS, LayerData, contrast
from .scan_facts import ScanFacts

GIVEN, FOUND, MOVE, CHOSEN = "#f0ad4e", "#5bc0de", "#ff5ce1", "#ff5c5c"
UNITS = ("um", "um")


def position_layers(facts: ScanFacts, title: str) -> list[LayerData]:
    """Windows' middles as points, as given and as found, and the way between as vectors; one layer where none moved."""
    size = 0.28 * facts.gap_um
    shared: dict[str, Any] = {"units": UNITS, "metadata": {KEY: {"positions": "found"}}}
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
    """Amplitude and below it phase of the probe or coded surface, right of the object; modes side by side."""
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


def add_all(viewer: Any, layers: list[LayerData]) -> list[Any]:
    """Put layers into a viewer; the selection stays as it was."""
    before = viewer.layers.selection.active
    added = [getattr(viewer, f"add_{kind}")(data, **meta) for data, meta, kind in layers]
    viewer.layers.selection.active = before
    return added


def layers_of(viewer: Any, result: Result) -> list[Any]:
    """The layers that show a result, from below."""
    return [layer for layer in viewer.layers if layer.metadata.get(KEY, {}).get("result") is result]


def add_below(viewer: Any, layers: list[LayerData], result: Result) -> None:
    """Put layers into a viewer, below the ones that show a result."""
    at = min((viewer.layers.index(layer) for layer in layers_of(viewer, result)), default=len(viewer.layers))
    for layer in add_all(viewer, layers):
        viewer.layers.move(viewer.layers.index(layer), at)
        at += 1


def mark_point(layer: Any, frame: int | None) -> None:
    """One point of a positions layer in another colour; all alike where None."""
    colours = np.tile(_rgba(FOUND), (len(layer.data), 1))
    if frame is not None:
        colours[frame] = _rgba(CHOSEN)
    layer.face_color = colours


def _rgba(colour: str) -> np.ndarray:
    return np.array([*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)), 1.0])

"""A rectangle drawn in the viewer that limits what is reconstructed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import napari
    from napari.layers import Shapes


Corners = tuple[float, float, float, float]  # (y0, x0, y1, x1), um


class RegionTool:
    """Owns at most one shapes layer; the last rectangle drawn counts. The user may delete the layer at any time."""

    NAME = "Region to reconstruct"

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self.layer: Shapes | None = None

    @property
    def alive(self) -> bool:
        return self.layer is not None and self.layer in self._viewer.layers

    def draw(self) -> None:
        """Let the user draw a rectangle, in place of an earlier one."""
        self.clear()
        self.layer = self._viewer.add_shapes(
            ndim=2, name=self.NAME, edge_color="#f0ad4e", face_color="transparent", edge_width=2, units=("um", "um")
        )
        self.layer.mode = "add_rectangle"
        self._viewer.layers.selection.active = self.layer

    def clear(self) -> None:
        if self.layer is not None and self.alive:
            self._viewer.layers.remove(self.layer)
        self.layer = None

    def corners_um(self) -> Corners | None:
        """Of the last rectangle; None where none is drawn."""
        every = self.every_corners_um()
        return every[-1] if every else None

    def every_corners_um(self) -> list[Corners]:
        """Of all rectangles, in the order in which they were drawn."""
        if self.layer is None or not self.alive:
            return []
        found: list[Corners] = []
        for shape in self.layer.data:
            world = np.asarray([self.layer.data_to_world(corner) for corner in shape])[:, -2:]
            (y0, x0), (y1, x1) = world.min(axis=0), world.max(axis=0)
            found.append((float(y0), float(x0), float(y1), float(x1)))
        return found

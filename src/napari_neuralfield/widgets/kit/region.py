"""A rectangle drawn in the viewer that limits what is reconstructed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from .one_unit import give_back
from .session import KEY, Session

if TYPE_CHECKING:
    import napari
    from napari.layers import Shapes

REGION_OF = "region_of"  # in the metadata of its layer: a frame layer's metadata, so that each has a region of its own


Corners = tuple[float, float, float, float]  # (y0, x0, y1, x1), um


class RegionTool:
    """At most one shapes layer for the frames that are open in `session`; the last rectangle drawn counts.

    That of other frames is not seen, and counts again with them. The user may delete the layer at any time.
    """

    NAME = "Region to reconstruct"

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        self._viewer, self._session = viewer, session
        session.draft_changed.connect(self._on_draft)
        session.resized.connect(self._on_resized)

    @property
    def layer(self) -> Shapes | None:
        """That of the open frames."""
        mine = self._session.frames_key()
        return next((layer for layer, of in self._layers() if of is not None and of is mine), None)

    def _layers(self) -> list[tuple[Shapes, object]]:
        ours = [(layer, layer.metadata.get(KEY, {})) for layer in self._viewer.layers]
        return [(cast("Shapes", layer), known[REGION_OF]) for layer, known in ours if REGION_OF in known]

    def draw(self) -> None:
        """Let the user draw a rectangle, in place of an earlier one."""
        self.clear()
        unit = self._session.unit()
        layer = self._viewer.add_shapes(
            ndim=2, name=self.NAME, edge_color="#f0ad4e", face_color="transparent", edge_width=2, units=(unit, unit),
            metadata={KEY: {REGION_OF: self._session.frames_key()}},
        )  # fmt: skip
        layer.mode = "add_rectangle"
        self._viewer.layers.selection.active = layer

    def clear(self) -> None:
        if (layer := self.layer) is not None:
            self._viewer.layers.remove(layer)

    def corners_um(self) -> Corners | None:
        """Of the last rectangle; None where none is drawn."""
        every = self.every_corners_um()
        return every[-1] if every else None

    def every_corners_um(self) -> list[Corners]:
        """Of all rectangles, in the order in which they were drawn."""
        layer = self.layer
        if layer is None:
            return []
        found: list[Corners] = []
        for shape in layer.data:
            world = np.asarray([layer.data_to_world(corner) for corner in shape])[:, -2:]
            (y0, x0), (y1, x1) = world.min(axis=0), world.max(axis=0)
            found.append((float(y0), float(x0), float(y1), float(x1)))
        return found

    def _on_draft(self, draft: object) -> None:
        """Only the region of what is open is seen."""
        mine = self.layer
        for layer, _ in self._layers():
            layer.visible = layer is mine

    def _on_resized(self, times: float) -> None:
        """The region stays on the same pixels of the frames."""
        if (layer := self.layer) is not None:
            layer.scale, layer.translate = np.asarray(layer.scale) * times, np.asarray(layer.translate) * times
            give_back(layer)
            layer.units = (self._session.unit(),) * 2

"""Pictures next to each other, moved and zoomed as one: phases of several runs, or a phase and what lies below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..kit.session import KEY
from .layers import Limits, set_limits

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Layer

GAP = 6  # screen pixels between two pictures that are compared
ALIKE = ("contrast_limits", "contrast_limits_range", "gamma", "colormap")


class SideBySide:
    """Lays out one viewer and puts it back.

    Parameters
    ----------
    shows : whether a layer shows the whole of a phase, and of what: 'phase', 'height', or '' for another layer.
    """

    def __init__(self, viewer: napari.Viewer, shows: Callable[[Layer], str]) -> None:
        self._viewer, self._shows = viewer, shows
        self._before: list[tuple[Layer, bool]] = []  # other layers and whether they were seen
        self._limits: list[tuple[Image, Limits]] = []  # phases, and their contrast before it was made alike

    @property
    def several(self) -> bool:
        """Whether phases of several runs are compared now."""
        return bool(self._limits)

    def put(self, whole: Image | None, closer: Image | None) -> bool:
        """The phase `whole` beside the phases that other runs found, in one contrast, else beside the layer below it.

        `closer` is the closer look at it, or None. Where there is nothing to compare it with, nothing happens: False.
        """
        layers, grid = self._viewer.layers, self._viewer.canvas.grid
        what = "" if whole is None else self._shows(whole)
        phases = [layer for layer in layers if what and self._shows(layer) == what]
        at = layers.index(whole) - 1 if what else -1
        if len(phases) > 1:
            seen, hidden = phases, [layer for layer in layers if layer not in phases]
        elif at >= 0 and "beside" in layers[at].metadata.get(KEY, {}):
            seen, hidden = [layers[at]], [layer for layer in layers if layer not in (whole, closer, layers[at])]
        else:
            return False
        self._before = [(layer, layer.visible) for layer in (*seen, *hidden)]
        for layer, _ in self._before:
            layer.visible = layer in seen
        grid.stride, grid.shape, grid.spacing = (1 if len(phases) > 1 else -2), (1, -1), GAP
        if len(phases) > 1:
            self._make_alike(phases)
        grid.enabled = True
        return True

    def _make_alike(self, phases: list[Image]) -> None:
        """One contrast in which all of them are seen, that changes for all."""
        self._limits = [(layer, tuple(layer.contrast_limits)) for layer in phases]
        limits = min(low for _, (low, _) in self._limits), max(high for _, (_, high) in self._limits)
        for layer in phases:
            set_limits(layer, limits)
        self._viewer.layers.link_layers(phases, ALIKE)

    def back(self) -> None:
        """As it was before."""
        layers = self._viewer.layers
        self._viewer.canvas.grid.enabled = False
        there = [(layer, limits) for layer, limits in self._limits if layer in layers]
        if there:
            layers.unlink_layers([layer for layer, _ in there], ALIKE)
        for layer, limits in there:
            set_limits(layer, limits)
        for layer, visible in self._before:
            layer.visible = visible
        self._before, self._limits = [], []

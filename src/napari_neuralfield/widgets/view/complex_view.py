"""A complex field in colours, and its phase unwrapped: layers made on request. Imports no Qt."""

from __future__ import annotations

import numpy as np

from ...app import lazy
from ...app.figures.colour_wheel import coloured, wheel
from ...types import Field
from ..kit.session import KEY
from .depth_view import View
from .layers import LayerData, Meta, contrast, placed

WHEEL = "colour wheel: hue phase, brightness amplitude"
LEGEND = 0.28  # of the picture's shorter side


def colour_layers(field: Field, z_um: float, title: str, view: View) -> list[LayerData]:
    """What `view` shows as an RGB image, hue the phase and brightness the amplitude, and in its corner the wheel.

    Parameters
    ----------
    field, z_um : what is drawn, and its depth, um.
    title : what the layer's name begins with.
    view : the part of the world, and how finely.
    """
    values, y, x = _values(field, z_um, view)
    side = LEGEND * min(y[-1] - y[0], x[-1] - x[0])
    pixels = 160
    ours: Meta = {"units": ("um", "um"), "metadata": {KEY: {}}, "rgb": True}
    corner = {"scale": (side / pixels,) * 2, "translate": (y[-1] - 1.08 * side, x[-1] - 1.08 * side)}
    return [
        (coloured(values), {**ours, **placed(y, x), "name": f"{title} in colours"}, "image"),
        (wheel(pixels), {**ours, **corner, "name": WHEEL, "interpolation2d": "linear"}, "image"),
    ]


def unwrapped_layer(field: Field, z_um: float, title: str, view: View) -> list[LayerData]:
    """The phase of what `view` shows without its jumps of 2 pi, rad, its median 0.

    Unwrapped by reliability: Herraez, Burton, Lalor, Gdeisat, Applied Optics 41, 7437 (2002).
    `field`, `z_um`, `title` and `view` as for `colour_layers`.
    """
    from skimage.restoration import unwrap_phase

    values, y, x = _values(field, z_um, view)
    phase = lazy.measure(values, "phase")
    if field.complex_valued:  # else it has no jumps
        phase = unwrap_phase(phase, rng=0).astype(np.float32)
    phase = phase - np.float32(np.median(phase))
    meta = {
        "name": f"{title} phase, unwrapped", "contrast_limits": contrast(phase, "phase"), "colormap": "viridis",
        "metadata": {KEY: {}}, **placed(y, x),
    }  # fmt: skip
    return [(phase, meta, "image")]


def _values(field: Field, z_um: float, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Field values (y, x) of a view and their axes, um; of the whole field where the view misses it."""
    axes = lazy.visible_axes(field.extent, view.box_um, view.screen_pixel_um)
    y, x = field.extent.axes() if axes is None else axes
    return lazy.evaluate(field, z_um, y, x)[0], y, x

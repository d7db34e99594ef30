"""A wide field whose places are apart: each a field of its own that repeats, with its own directions and pupil."""

from __future__ import annotations

import numpy as np

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.optics.wide_field import seen_from
from napari_neuralfield.simulate.led_optics import Optics, aberrated_pupil, led_frames, led_grid_na
from napari_neuralfield.simulate.phantoms import PHANTOMS
from napari_neuralfield.simulate.recording import Truth, expose, recorded
from napari_neuralfield.simulate.wide_field import curved_field


def places_apart(
    seed: int, tiles: int, pixels: int, *, objective_na: float = 0.1, height_mm: float = 25.0, pitch_mm: float = 1.2,
    limit_na: float = 0.24,
) -> tuple[LedArray, Truth]:  # fmt: skip
    """Frames, and `optical_axis_um`, `places_um` (place, 2), `illumination_na` (place, led, 2) and `pupil_field`."""
    rng, up, wavelength_um, pixel_um = np.random.default_rng(seed), 3, 0.522, 1.6
    na = led_grid_na(15, pitch_mm, height_mm, limit_na)
    optics = Optics(objective_na=objective_na, wavelength_um=wavelength_um, pixel_um=pixel_um)
    axis = (tiles * pixels - 1) / 2 * pixel_um + 60 * rng.normal(size=2)
    pupils = curved_field(axis)
    places = [(np.array(k) * pixels + (pixels - 1) / 2) * pixel_um for k in np.ndindex(tiles, tiles)]
    directions = [seen_from(na, height_mm, place - axis) for place in places]
    parts = []
    for place, here in zip(places, directions, strict=True):
        cells = PHANTOMS["cells"]((pixels * up,) * 2, rng)[0].sum(0)
        pupil = aberrated_pupil(dict(zip(pupils.noll, pupils.at(*place), strict=True)), objective_na / wavelength_um)
        light = led_frames(cells[None], np.zeros(1), here, upsampling=up, pupil=pupil, **optics)
        parts.append(expose(light, 8000.0, rng))
    rows = [np.concatenate(parts[k * tiles : (k + 1) * tiles], axis=2) for k in range(tiles)]
    truth = {
        "optical_axis_um": axis, "places_um": np.array(places), "illumination_na": np.array(directions),
        "pupil_field": pupils.table,
    }  # fmt: skip
    return recorded(LedArray, np.concatenate(rows, axis=1), "places", illumination_na=na, **optics), truth

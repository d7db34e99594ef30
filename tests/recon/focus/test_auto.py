"""What decides between the network and the transport of intensity."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.recommended import recommended
from napari_neuralfield.simulate.through_focus import GUARD, abbe_frames, passed, through_focus
from napari_neuralfield.types import Done, Note, Result

OPTICS = {"wavelength_um": 0.53, "objective_na": 0.4, "condenser_na": 0.16}
PIXELS, FINER, PIXEL_UM = 64, 4, 2.6
INDEX_STEP = 0.46  # of fused silica in air


def lens_array() -> tuple[ThroughFocus, np.ndarray]:
    """Three planes of round lenses of 4 rad, and their phase (y, x), rad."""
    size, pitch = (PIXELS + 2 * GUARD) * FINER, 32 * FINER
    axis = np.arange(size) % pitch - pitch / 2
    square = (axis[:, None] ** 2 + axis[None] ** 2) / (0.45 * pitch) ** 2
    phase = 4 * np.clip(1 - square, 0, None)
    z_um = (-4.0, 0.0, 4.0)
    light = passed(phase.shape, z_um, pixel_um=PIXEL_UM / FINER, **OPTICS)
    frames = abbe_frames(np.exp(1j * phase), light, FINER)[:, GUARD:-GUARD, GUARD:-GUARD]
    frames = frames + np.random.default_rng(0).normal(0, 0.0025, frames.shape)
    inner = slice(GUARD * FINER, -GUARD * FINER)
    made = ThroughFocus(frames=frames.astype(np.float32), pixel_um=PIXEL_UM, z_um=np.array(z_um), **OPTICS)
    return made, phase[inner, inner]


def run(acquisition: ThroughFocus) -> tuple[Result, str]:
    name, options = recommended(acquisition)
    assert name == "focus-auto"
    *events, last = reconstruct(acquisition, build_recipe(name, options))
    assert isinstance(last, Done)
    return last.result, "\n".join(event.text for event in events if isinstance(event, Note))


def apart_rad(result: Result, phase: np.ndarray) -> float:
    """Root mean square, without the mean and the border."""
    axis = (np.arange(PIXELS * FINER) - (FINER - 1) / 2) * PIXEL_UM / FINER
    inner = slice(6 * FINER, -6 * FINER)
    difference = (result.field.render(0.0, axis, axis)[0].numpy() - phase)[inner, inner]
    return float(difference.std())


def test_lenses_that_no_network_knows_are_seen_by_transport() -> None:
    acquisition, phase = lens_array()
    result, said = run(acquisition)
    assert result.optics["taken"] == "tie-tv"
    assert "less than 65%" in said
    assert "check the sign" not in said
    assert apart_rad(result, phase) * 0.53 / (2 * np.pi * INDEX_STEP) < 0.2


def test_cells_that_the_network_knows_stay_its_own() -> None:
    acquisition, truth = through_focus(3, pixels=PIXELS)
    result, said = run(acquisition)
    assert result.optics["taken"] == "srqpi"
    assert result.figures["network_explains"] > 0.5
    assert "of all 3 planes" in said
    assert apart_rad(result, truth["phase_rad"]) < 0.6 * truth["phase_rad"].std()


def test_one_plane_has_nothing_to_be_held_against() -> None:
    acquisition, _ = through_focus(3, pixels=PIXELS)
    assert recommended(acquisition.subset([2]))[0] == "srqpi"
    lapse = dataclasses.replace(acquisition.subset([2, 2]), source="lapse")
    *events, last = reconstruct(lapse, build_recipe("focus-auto", {}))  # the sample explains little, whatever it is
    assert isinstance(last, Done)
    assert last.result.optics["taken"] == "srqpi"
    assert "frames at one depth" in "\n".join(event.text for event in events if isinstance(event, Note))


@pytest.mark.parametrize("least", [-1.0, 1.0])
def test_the_option_decides(least: float) -> None:
    acquisition, _ = through_focus(3, pixels=48)
    *_, last = reconstruct(acquisition, build_recipe("focus-auto", {"least_explained": least}))
    assert isinstance(last, Done)
    assert last.result.optics["taken"] == ("srqpi" if least < 0 else "tie-tv")

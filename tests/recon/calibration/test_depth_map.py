"""A flat sample is told from a tilted one, and where it lies."""

from __future__ import annotations

import numpy as np
import pytest
from scene import OBJECTIVE_NA, WAVELENGTH_UM, board, scene

from napari_neuralfield.recon.calibration.depth_map import DepthMap, depth_map
from napari_neuralfield.simulate.simulators import tilted_slide

DEPTH_OF_FIELD_UM = WAVELENGTH_UM / OBJECTIVE_NA**2


@pytest.mark.parametrize("z_um", [0.0, 9.0, -14.0])
def test_a_flat_sample_lies_at_the_plane_nearest_to_it(z_um: float) -> None:
    """Planes are half a depth of field apart."""
    acquisition, _ = scene((64, 64), z_um, board(5))
    found = depth_map(acquisition, 0.0)
    assert found.flat
    assert found.depth_of_field_um == pytest.approx(DEPTH_OF_FIELD_UM)
    assert abs(found.usual_um - z_um) <= DEPTH_OF_FIELD_UM / 4 + 1e-6
    assert depth_map(acquisition, 5.0).usual_um == pytest.approx(z_um, abs=DEPTH_OF_FIELD_UM / 4 + 1e-6)


def test_a_tilted_slide_is_not_flat_and_its_depths_follow_the_tilt() -> None:
    acquisition, truth = tilted_slide(0, pixels=64, tilt_um=12.0)
    found = depth_map(acquisition, 0.0)
    assert not found.flat
    assert found.spread_um == pytest.approx(24, abs=acquisition.wavelength_um / 0.25**2)
    middles = np.array([np.argwhere(mask).mean(0) for mask in truth["cell_masks"]])
    patches = found.z_um[tuple((middles / 32).astype(int).T)]
    assert np.corrcoef(patches, truth["cell_z_um"])[0, 1] > 0.9


def test_one_odd_patch_does_not_make_a_sample_tilted() -> None:
    z = np.full((4, 4), 3.0)
    z[2, 1] = 40.0
    odd = DepthMap(z, 8.0)
    assert odd.flat
    assert odd.spread_um == 0
    assert odd.usual_um == 3
    assert not DepthMap(np.linspace(-8, 8, 16).reshape(4, 4), 8.0).flat
    assert DepthMap(np.linspace(-6, 6, 16).reshape(4, 4), 8.0).flat


def test_dark_frames_alone_tell_no_depth() -> None:
    acquisition, _ = scene((32, 32), 9.0, board(3) + 0.35)
    found = depth_map(acquisition, 2.5)
    assert found.flat
    assert found.usual_um == 2.5


def test_an_led_that_has_failed_says_nothing_of_the_depth() -> None:
    """Its frame is noise, which the tiny gain that was found for it would make as bright as the others."""
    acquisition, _ = scene((64, 64), 0.0, board(5))
    frames = np.array(acquisition.frames[:])
    frames[7] = 1e-3 * np.random.default_rng(0).random(frames.shape[1:])
    exposure = np.ones(len(frames))
    exposure[7] = 1e-3 * 0.5
    found = depth_map(acquisition.replace(frames=frames, exposure=exposure), 0.0)
    assert found.flat
    assert abs(found.usual_um) <= DEPTH_OF_FIELD_UM / 4 + 1e-6

"""Whether, which way and how far the frames move with the specimen."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.checks.near_or_far import ORIENTATIONS, moving_shadows
from napari_neuralfield.data.acquisition import Ptychography
from napari_neuralfield.registry import SIMULATORS

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def near_field() -> Ptychography:
    acquisition, _ = SIMULATORS["near-field"](0)
    assert isinstance(acquisition, Ptychography)
    return acquisition


def test_the_pixel_at_the_specimen(near_field: Ptychography) -> None:
    seen = moving_shadows(near_field.frames, near_field.positions_um)
    assert seen is not None
    assert seen.as_given
    assert seen.pixel_um == pytest.approx(near_field.object_pixel_um, rel=0.03)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_is_told(near_field: Ptychography, orientation: tuple[bool, int, int]) -> None:
    """Positions of which the right ones are `orientation`: exchanged first, then the signs."""
    transposed, sign_y, sign_x = orientation
    given = near_field.positions_um * (sign_y, sign_x)
    given = given[:, ::-1] if transposed else given
    seen = moving_shadows(near_field.frames, given)
    assert seen is not None
    assert seen.orientation == orientation


def test_large_frames_are_binned(near_field: Ptychography) -> None:
    large = near_field.frames[:].repeat(3, axis=1).repeat(3, axis=2)
    seen = moving_shadows(large, near_field.positions_um)
    assert seen is not None
    assert seen.pixel_um == pytest.approx(near_field.object_pixel_um / 3, rel=0.05)


def test_what_does_not_move() -> None:
    far, _ = SIMULATORS["far-field"](0)
    assert moving_shadows(far.frames, far.positions_um) is None
    noise = RNG.poisson(90, (30, 32, 32))
    assert moving_shadows(noise, RNG.uniform(0, 9, (30, 2))) is None
    assert moving_shadows(noise, np.zeros((30, 2))) is None
    assert moving_shadows(np.zeros((30, 32, 32)), RNG.uniform(0, 9, (30, 2))) is None
    assert moving_shadows(noise[:3], RNG.uniform(0, 9, (3, 2))) is None


@pytest.mark.parametrize("spot", [60.0, -75.0])
def test_the_shadow_of_a_defocused_spot_is_far_field(spot: float) -> None:
    """It moves with the specimen, either way, but is no wider than far-field frames can hold."""
    far, _ = SIMULATORS["far-field"](3, spot=spot, phantom="bars", overlap=0.8)
    seen = moving_shadows(far.frames, far.positions_um)
    assert seen is not None
    assert not seen.near_field(far.wavelength_um, far.distance_um, far.detector_pixel_um)


@pytest.mark.parametrize("magnification", [1.0, 30.0])
def test_near_fields_are_wider(magnification: float) -> None:
    near, _ = SIMULATORS["near-field"](1, magnification=magnification)
    hot = near.frames[:].copy()
    hot[:, 40, 50] = 1e6  # a single pixel makes nothing narrow
    seen = moving_shadows(hot, near.positions_um)
    assert seen is not None
    assert seen.near_field(near.wavelength_um, near.distance_um, near.detector_pixel_um)

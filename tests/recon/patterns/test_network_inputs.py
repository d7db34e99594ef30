"""Five frames of any microscope become the channels that the network knows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.fields.local_conditional import LocalConditionalField
from napari_neuralfield.networks.encoder import LocalConditionalNetwork
from napari_neuralfield.optics.illumination import ORIENTATIONS, orient
from napari_neuralfield.optics.patterns import halves_and_arcs
from napari_neuralfield.optics.propagation import shifted
from napari_neuralfield.recon.patterns import network_inputs as phase_inputs
from napari_neuralfield.recon.patterns.network_inputs import CANONICAL, inputs_of, normalise
from napari_neuralfield.simulate.led_optics import led_grid_na
from napari_neuralfield.simulate.patterns import cells, multiplexed, pattern_frames
from napari_neuralfield.types import Extent, InputError


@pytest.fixture(scope="module")
def whole() -> MultiplexedLed:
    """Frames that repeat at their borders."""
    return multiplexed(1, pixels=48, absorption=0.0)[0]


@pytest.fixture(scope="module")
def part(whole: MultiplexedLed) -> MultiplexedLed:
    """Frames of a larger sample, not square."""
    return whole.replace(frames=whole.intensity()[:, 2:44, 5:41])


def phase(acquisition: MultiplexedLed) -> np.ndarray:
    """What a random network makes of the acquisition, on a grid 2 x finer that is the same from every corner."""
    inputs = inputs_of(acquisition)
    torch.manual_seed(0)
    network = LocalConditionalNetwork(groups=((0, 1, 2, 3, 4, 5, 6),), channels=8, blocks=2, width=8, depth=2)
    rows, columns = acquisition.frame_shape
    extent = Extent((0.0, 0.0), (2 * rows - 1, 2 * columns - 1), acquisition.pixel_um / 2)
    found = LocalConditionalField.of(network, inputs.channels, inputs.placement, extent)
    return found.render(0.0, *extent.axes())[0].numpy()


def mounted(acquisition: MultiplexedLed, turn: np.ndarray) -> MultiplexedLed:
    """The same sample and board before a camera that is turned or mirrored by `turn` on (y, x)."""
    frames = transformed(acquisition.frames, turn)
    return acquisition.replace(frames=frames, led_na=orient(acquisition.led_na, turn))


def transformed(images: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Images (..., y, x) whose coordinates went through `turn`."""
    swapped = abs(turn[0, 1]) > 0.5
    images = images.swapaxes(-2, -1) if swapped else images
    return np.flip(images, [axis for axis, row in zip((-2, -1), turn, strict=True) if row.sum() < 0])


@pytest.mark.parametrize(("name", "turn"), ORIENTATIONS)
def test_every_mounting_of_the_camera(part: MultiplexedLed, name: str, turn: np.ndarray) -> None:
    one = phase(part)
    other = phase(mounted(part, np.asarray(turn, float)))
    assert np.abs(other - transformed(one, np.asarray(turn, float))).max() < 1e-3 * np.ptp(one), name


def test_any_order_of_the_frames(part: MultiplexedLed) -> None:
    one = phase(part)
    for order in ([4, 1, 0, 3, 2], [1, 0, 2, 3, 4], [2, 3, 4, 0, 1]):
        assert np.abs(phase(part.subset(order)) - one).max() < 1e-5
    assert inputs_of(part.subset([2, 3, 4, 0, 1])).orientation.order == (3, 4, 0, 1, 2)


def test_a_board_turned_by_any_angle(part: MultiplexedLed) -> None:
    """Where the bright-field axis lies 20 degrees off, the channels are turned, and so is what is made of them."""
    whole_turn = np.deg2rad(20)
    turned = part.led_na @ np.array(
        [[np.cos(whole_turn), -np.sin(whole_turn)], [np.sin(whole_turn), np.cos(whole_turn)]]
    )
    inputs = inputs_of(part.replace(led_na=turned))
    (a, b), (c, d) = inputs.placement.matrix
    assert np.allclose(np.array([[a, b], [c, d]]) @ np.array([[a, c], [b, d]]), np.eye(2))
    assert min(abs(a), abs(b)) > 0.3
    assert abs(inputs.orientation.turn_deg) < 1
    assert min(inputs.channels.shape[1:]) > max(part.frame_shape)
    rows, columns = (n * part.pixel_um for n in part.frame_shape)
    y, x = np.meshgrid([0, rows], [0, columns], indexing="ij")
    at = np.stack(inputs.placement.points(y, x))
    assert at.min() > -1.5
    assert (at.max((1, 2)) < np.array(inputs.channels.shape[1:]) + 1.5).all()


def test_small_turns_are_told_not_turned(whole: MultiplexedLed) -> None:
    arcs = halves_and_arcs(whole.led_na, 0.1, 45.0, (8.0, 128.0, 248.0))
    inputs = inputs_of(whole.replace(patterns=arcs))
    assert inputs.placement.matrix == ((1.0, 0.0), (0.0, 1.0))
    assert inputs.orientation.turn_deg == pytest.approx(8, abs=2.5)
    told = inputs.channels[6]
    assert torch.allclose(told, torch.full_like(told, inputs.orientation.turn_deg / phase_inputs.TURN_UNIT_DEG))


def test_channels_know_no_units(part: MultiplexedLed) -> None:
    one = inputs_of(part)
    scaled = part.replace(
        wavelength_um=2 * part.wavelength_um, objective_na=0.5 * part.objective_na, led_na=0.5 * part.led_na,
        pixel_um=4 * part.pixel_um, frames=700 * part.frames,
    )  # fmt: skip
    other = inputs_of(scaled)
    assert (one.channels - other.channels).abs().max() < 1e-4
    assert other.placement.pixel_um == pytest.approx(4 * one.placement.pixel_um)


@pytest.mark.parametrize("upsampling", [4, 5])
def test_other_pixels_are_resampled(upsampling: int) -> None:
    """The same sample through cameras of finer pixels."""
    scene = np.exp(1j * cells(240, 6, np.random.default_rng(0)))
    na = led_grid_na(17, 4.0, 67.5, 0.41)
    patterns = halves_and_arcs(na, 0.1)

    def frames(factor: int) -> MultiplexedLed:
        pixel_um = 1.625 * factor / 6
        optics = {"wavelength_um": 0.63, "objective_na": 0.1, "pixel_um": pixel_um}
        made = pattern_frames(scene, na, patterns, upsampling=factor, **optics)  # type: ignore[arg-type]
        return MultiplexedLed(frames=made.astype(np.float32), led_na=na, patterns=patterns, **optics)

    one, other = inputs_of(frames(6)), inputs_of(frames(upsampling))
    assert other.placement.pixel_um == pytest.approx(one.placement.pixel_um)
    assert other.channels.shape == one.channels.shape
    apart = np.subtract(other.placement.origin_um, one.placement.origin_um) / one.placement.pixel_um
    moved = shifted(other.channels[:6], torch.tensor(apart, dtype=torch.float32)).real
    inner = slice(4, -4)
    spread = one.channels[:6].std((1, 2))
    assert ((moved - one.channels[:6])[:, inner, inner].std((1, 2)) < 0.05 * spread).all()


@pytest.mark.parametrize("size", [40, 41])
def test_turned_frames_on_other_pixels_give_the_same_channels(part: MultiplexedLed, size: int) -> None:
    wide = part.crop(slice(0, size), slice(0, size)).replace(pixel_um=1.1 * part.pixel_um)
    turned = wide.replace(
        frames=np.rot90(wide.intensity(), axes=(1, 2)).copy(),
        led_na=np.stack([-wide.led_na[:, 1], wide.led_na[:, 0]], 1),
    )
    assert (inputs_of(turned).channels - inputs_of(wide).channels).abs().max() < 1e-4


def test_an_empty_sample_is_nothing() -> None:
    frames = torch.ones(2, 5, 4, 4)
    frames[:, 2:] = 0
    channels = normalise(3 * frames, torch.zeros(2, 4, 4), torch.tensor([15.0, -30.0]))
    assert torch.equal(channels[:, :6], torch.zeros(2, 6, 4, 4))
    assert torch.equal(channels[:, 6, 0, 0], torch.tensor([0.5, -1.0]))
    assert CANONICAL.pixel == pytest.approx(0.2579, abs=1e-4)


def test_other_patterns_are_refused(whole: MultiplexedLed) -> None:
    rule = (
        "neuph needs 5 patterns, two opposite bright-field halves and three dark-field arcs; correct led_na, .* or use"
    )
    with pytest.raises(InputError, match=rf"its 4 frames are a bright-field half .*; {rule}"):
        inputs_of(whole.subset([0, 1, 2, 3]))
    near = halves_and_arcs(whole.led_na, 0.1, 45.0, (0.0, 120.0, 240.0))
    near[4] = near[3]
    with pytest.raises(InputError, match=rf"arcs lie towards 0, 120, 120 degrees, not 120 apart; {rule}"):
        inputs_of(whole.replace(patterns=near))

"""Phase from bright-field patterns: weak samples whose images are known, any set of patterns, borders."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.recon import build_recipe, recommended, reconstruct
from napari_neuralfield.recon.patterns.dpc import DpcSolver, bright_frames, dpc_of
from napari_neuralfield.recon.patterns.linear import known_pupil
from napari_neuralfield.types import Done, InputError

OBJECTIVE_NA, WAVELENGTH_UM, PIXEL_UM, SHAPE = 0.1, 0.63, 1.6, (48, 60)
BOARD = np.array([[y, x] for y in np.arange(-4, 5) for x in np.arange(-4, 5)]) * 0.026
INSIDE = np.hypot(*BOARD.T) < OBJECTIVE_NA


def halves(turn_deg: float) -> np.ndarray:
    """Two halves of the bright-field disc (2, led), LEDs on the line at half brightness."""
    direction = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    side = np.sign(np.round(BOARD @ direction, 6))
    return np.stack([(1 + side) / 2, (1 - side) / 2]) * INSIDE


def images(sample: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Intensity (pattern, y, x) of a periodic sample: every LED's image from its Fourier transform."""
    fy, fx = (np.fft.fftfreq(n, PIXEL_UM) for n in sample.shape)
    spectrum, total = np.fft.fft2(sample), np.zeros((len(patterns), *sample.shape))
    for led, (y, x) in enumerate(BOARD / WAVELENGTH_UM):
        passed = np.hypot(fy[:, None] + y, fx[None, :] + x) <= OBJECTIVE_NA / WAVELENGTH_UM
        total += patterns[:, led, None, None] * np.abs(np.fft.ifft2(spectrum * passed)) ** 2
    return total


def gratings(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    y, x = (np.arange(n) / n for n in shape)
    return 0.01 * np.cos(2 * np.pi * (3 * y[:, None] + 2 * x)) + 0.01 * np.sin(2 * np.pi * (2 * y[:, None] - 5 * x))


def acquisition(patterns: np.ndarray, frames: np.ndarray) -> MultiplexedLed:
    return MultiplexedLed(
        frames=frames.astype(np.float32),
        wavelength_um=WAVELENGTH_UM,
        objective_na=OBJECTIVE_NA,
        pixel_um=PIXEL_UM,
        led_na=BOARD,
        patterns=patterns,
    )


def channel(patterns: np.ndarray, frames: np.ndarray, **more: float) -> np.ndarray:
    shape = (frames.shape[-2], frames.shape[-1])
    return solver(patterns, shape, **more)(torch.tensor(frames, dtype=torch.float32)).numpy()


def solver(patterns: np.ndarray, shape: tuple[int, int] = SHAPE, **more: float) -> DpcSolver:
    return DpcSolver(
        BOARD,
        patterns,
        objective_na=OBJECTIVE_NA,
        wavelength_um=WAVELENGTH_UM,
        pixel_um=PIXEL_UM,
        shape=shape,
        **more,
    )


@pytest.mark.parametrize(
    "patterns",
    [
        halves(0),
        halves(0) * [[1.0], [1.7]],
        np.concatenate([halves(0), halves(90)]),
        np.stack([halves(20)[0], halves(110)[0], INSIDE.astype(float)]),
    ],
    ids=["halves", "uneven halves", "four halves", "two halves and the disc"],
)
def test_any_patterns_tell_a_weak_phase(patterns: np.ndarray) -> None:
    phase = gratings()
    found = channel(patterns, images(np.exp(1j * phase), patterns), regulariser=1e-6)
    assert np.abs(found - phase).max() < 4e-4


def test_absorption_does_not_leak_into_the_phase() -> None:
    patterns = np.concatenate([halves(0), halves(90)])
    phase, absorption = gratings(), 0.01 * np.cos(2 * np.pi * 4 * np.arange(SHAPE[1]) / SHAPE[1])
    found = channel(patterns, images(np.exp(1j * phase - absorption), patterns), regulariser=1e-6)
    assert np.abs(found - phase).max() < 6e-4


def test_a_batch_is_its_images_in_any_unit() -> None:
    patterns = halves(0)
    one, two = images(np.exp(1j * gratings()), patterns), images(np.exp(-3j * gratings()), patterns)
    both = solver(patterns)(torch.tensor(np.stack([one, two * 700]), dtype=torch.float32))
    cut = solver(patterns, margin=8)
    pair, alone = (cut(torch.tensor(f, dtype=torch.float32)) for f in (np.stack([one, two]), two))
    assert (pair[1] - alone).abs().max() < 1e-6
    assert both.shape == (2, *SHAPE)
    assert both.mean((1, 2)).abs().max() < 1e-7
    assert np.abs(both[1].numpy() - channel(patterns, two)).max() < 1e-5


def test_a_cut_out_of_a_field_looks_like_the_field() -> None:
    patterns = halves(90)
    rng = np.random.default_rng(1)
    fy, fx = (np.fft.fftfreq(n) for n in (120, 130))
    shape = np.exp(-((np.hypot(fy[:, None], fx) * 8) ** 2))
    phase = np.fft.ifft2(np.fft.fft2(rng.standard_normal((120, 130))) * shape).real * 3
    whole = acquisition(patterns, images(np.exp(1j * phase), patterns))
    part = whole.crop(slice(30, 90), slice(30, 100))
    known, found = dpc_of(whole)[30:90, 30:100], dpc_of(part)
    difference = (found - known)[6:-6, 6:-6]
    wrapped = (torch.as_tensor(channel(patterns, part.intensity())) - known)[6:-6, 6:-6]
    assert difference.std() < 0.3 * known.std()
    assert difference.std() < 0.85 * wrapped.std()


def test_frames_without_bright_field_are_left_out() -> None:
    patterns = np.stack([halves(0)[0], (~INSIDE).astype(float), halves(0)[1]])
    frames = images(np.exp(1j * gratings()), patterns)
    found = acquisition(patterns, frames)
    assert bright_frames(found).tolist() == [0, 2]
    assert np.abs(dpc_of(found, 1e-6).numpy() - gratings()).max() < 4e-4


def test_mistakes_are_named() -> None:
    frames = images(np.exp(1j * gratings()), halves(0))
    with pytest.raises(InputError, match="1 of 2 patterns are bright field"):
        dpc_of(acquisition(np.stack([halves(0)[0], (~INSIDE).astype(float)]), frames))
    with pytest.raises(InputError, match="too much alike"):
        dpc_of(acquisition(np.stack([INSIDE, INSIDE]).astype(float), frames))
    with pytest.raises(InputError, match="pattern 1 has a mean of 0"):
        dpc_of(acquisition(halves(0), frames * [[[1.0]], [[0.0]]]))


def test_a_measured_pupil_is_divided_out() -> None:
    """Defocus turns absorption into what looks like phase, unless the pupil is known."""
    fy, fx = (np.fft.fftshift(np.fft.fftfreq(n, PIXEL_UM)) for n in SHAPE)
    turn = np.exp(1j * 120 * (fy[:, None] ** 2 + fx[None, :] ** 2)).astype(np.complex64)
    patterns = np.concatenate([halves(0), halves(90)])

    def pupil(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return known_pupil(torch.tensor(turn), OBJECTIVE_NA / WAVELENGTH_UM, (PIXEL_UM, PIXEL_UM))(y, x)

    found = pupil(torch.tensor(fy[:, None]), torch.tensor(fx[None, :])).numpy()
    inside = np.hypot(fy[:, None], fx[None, :]) <= OBJECTIVE_NA / WAVELENGTH_UM
    assert np.abs(found - turn * inside).max() < 1e-6
    whole = acquisition(patterns, images(np.exp(1j * gratings()), patterns))
    with_pupil = dataclasses.replace(whole, pupil=np.ones(SHAPE, np.complex64))
    assert torch.allclose(dpc_of(with_pupil), dpc_of(whole), atol=1e-6)


def test_the_method_gives_a_phase_map() -> None:
    patterns = halves(0)
    given = acquisition(patterns, images(np.exp(1j * gratings()), patterns))
    name, values = recommended(given)
    assert name == "dpc"
    events = list(reconstruct(given, build_recipe(name, {**values, "regulariser": 1e-6})))
    assert isinstance(events[-1], Done)
    result = events[-1].result
    assert result.field.type_name == "phase-map"
    assert result.figures["relative_amplitude_error"] < 1e-3
    assert "dark_field_correlation" not in result.figures
    rendered = result.field.render([0.0], *result.field.extent.axes())[0].numpy()
    assert np.abs(rendered - gratings()).max() < 4e-4

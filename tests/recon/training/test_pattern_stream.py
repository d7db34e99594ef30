"""The training's microscope against the plain one; batches that fit their phase."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from training_scene import led_patterns

from napari_neuralfield.optics.pupil import wavefront
from napari_neuralfield.recon.patterns.network_inputs import CANONICAL, inputs_of
from napari_neuralfield.recon.training.pattern_stream import NOLL, Board, TrainingStream, Variety, random_board
from napari_neuralfield.simulate.patterns import pattern_frames
from napari_neuralfield.simulate.scenes.random_scenes import random_scene

SIZE = 48
STILL = Variety(
    aberration_rad=(0.0,) * 6, electrons=(1e12, 1e12), dark_gain=(0.0, 0.0), ambient=0.0, uneven=0.0, arc_turn_deg=0.0,
    axis_turn_deg=0.0, pitch=(1.0, 1.0), limit=(1.0, 1.0), rings=0.0, shift=0.0, brightness=0.0, resampled=0.0,
)  # fmt: skip


def stream(variety: Variety | None = None, **options: object) -> TrainingStream:
    given: dict[str, object] = {"size": SIZE, "patch": 32, "pool": 3, "boards": 2, "seed": 4} | options
    return TrainingStream(CANONICAL, variety, **given)  # type: ignore[arg-type]


def test_the_plain_microscope_sees_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Directions off the frame's grid of frequencies, aberrations, absorption."""
    boards: list[tuple[np.ndarray, np.ndarray]] = []
    begun = Board.__init__

    def noted(board: Board, *given: object, true: tuple[np.ndarray, np.ndarray]) -> None:
        boards.append(true)
        begun(board, *given, true=true)  # type: ignore[arg-type]

    monkeypatch.setattr(Board, "__init__", noted)
    board = random_board(CANONICAL, Variety(), SIZE, np.random.default_rng(3))
    ((na, patterns),) = boards
    phase, absorption = random_scene(6 * SIZE, 6, np.random.default_rng(1), {"cells": 1.0})
    transmission = np.exp(1j * phase - absorption)
    aberration = np.array([0.3, -0.2, 0.1, 0.05, -0.1, 0.05])

    def pupil(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        return np.exp(1j * wavefront(NOLL, torch.tensor(aberration), torch.tensor(y), torch.tensor(x), 1.0).numpy())

    plain = pattern_frames(
        transmission, na, patterns, objective_na=1.0, wavelength_um=1.0, pixel_um=CANONICAL.pixel, upsampling=6,
        pupil=pupil,
    )  # fmt: skip
    found = board.image(torch.tensor(transmission.astype(np.complex64)), aberration).numpy()
    assert np.abs(found - plain / board.light[:, None, None]).max() < 1e-3
    assert found[:2].mean() > 10 * found[2:].mean() > 0


def test_frames_are_differentiable() -> None:
    board = random_board(CANONICAL, STILL, 16, np.random.default_rng(0))
    phase = torch.zeros(96, 96, requires_grad=True)
    aberration = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    scene = torch.polar(torch.ones(96, 96), phase + torch.randn(96, 96, generator=torch.Generator().manual_seed(0)))
    board.imaged(scene, aberration).square().sum().backward()
    assert phase.grad is not None
    assert aberration.grad is not None
    assert phase.grad.abs().max() > 0
    assert aberration.grad.abs().max() > 0


def test_batches_repeat_and_vary() -> None:
    one, other = stream(), stream()
    first, second = one.batch(4), one.batch(4)
    for made, again in zip((first, second), (other.batch(4), other.batch(4)), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(made, again, strict=True))
    assert not torch.equal(first[0], second[0])
    assert not torch.equal(first[0], stream(seed=5).batch(4)[0])
    channels, phases = first
    assert (channels.shape, phases.shape) == ((4, 7, 32, 32), (4, 192, 192))
    assert channels.isfinite().all()
    assert channels[:, :2].abs().mean() > 0.01


def test_scenes_are_replaced_after_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stream(per_scene=4)
    count, scene = [0], made.scene

    def counted() -> tuple[torch.Tensor, torch.Tensor, int]:
        count[0] += 1
        return scene()

    monkeypatch.setattr(made, "scene", counted)
    made.batch(2)
    assert count[0] == 3  # the pool
    for _ in range(8):
        made.batch(2)
    assert count[0] == 3 + 8 * 2 // 4


def test_chances_decide_what_is_shown() -> None:
    made = stream(pool=3, per_scene=1e9, chance=lambda channels: 0.0 if len(made.pool.scenes) else 1.0)
    made.batch(6)
    _, phases = made.batch(6)
    shown = made.pool.scenes[0][1].float()
    for phase in phases:
        assert any(
            torch.equal(phase, shown[y : y + 192, x : x + 192]) for y in range(0, 97, 6) for x in range(0, 97, 6)
        )


def test_what_is_trained_on_is_what_is_shown_later() -> None:
    """An acquisition of the same board goes through `inputs_of` to the channels of the stream."""
    acquisition, _ = led_patterns(SIZE)
    made = stream(dataclasses.replace(STILL), boards=1)
    frames = torch.tensor(acquisition.intensity() / made.boards[0].light[:, None, None], dtype=torch.float32)
    trained = made.channels(frames, 0)
    shown = inputs_of(acquisition).channels
    for channel in range(6):
        assert (trained[channel] - shown[channel]).std() < 0.05 * trained[channel].std()
    assert torch.equal(trained[6], torch.zeros_like(trained[6]))
    assert shown[6].abs().max() < 0.05

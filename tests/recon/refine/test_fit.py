"""Object and microscope fitted together, on small recordings with known truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scene import board, relative_error, scene

from napari_neuralfield.recon.refine.fit import Fit, too_dim
from napari_neuralfield.recon.refine.noise_filter import share_of_object, without_noise
from napari_neuralfield.recon.refine.rounds import FitPlan, Start, field_of, fitted
from napari_neuralfield.types import Note, Preview, Progress

CPU, BOARD = torch.device("cpu"), board(7, 0.0431)


def run(fit: Fit, steps: int, learn: tuple[str, ...]) -> float:
    fit.project()
    return list(fit.descend(steps, learn))[-1]


def error(fit: Fit, sample: np.ndarray) -> float:
    """Of the picture away from the border (y, x)."""
    field = field_of(fit, half=False)
    picture = field.render([0.0], *field.extent.axes())[0].numpy()
    inner = (slice(16, -16), slice(16, -16))
    return relative_error(picture[inner], sample[inner])


def test_directions_and_gains_that_are_wrong_are_found() -> None:
    rng = np.random.default_rng(3)
    gains = rng.uniform(0.8, 1.2, len(BOARD))
    given, sample = scene((48, 48), na=BOARD, gains=gains)
    wrong = given.replace(illumination_na=BOARD * 1.06 + rng.normal(0, 0.006, BOARD.shape))
    held, free = Fit(wrong, CPU), Fit(wrong, CPU)
    run(held, 60, ())
    for _ in range(2):
        run(free, 60, ("gain", "directions", "board"))
        free.moved_to(wrong.replace(illumination_na=free.directions()))
    run(free, 60, ("gain", "directions", "board"))
    before, after = (np.std(na - BOARD, axis=0).mean() for na in (wrong.illumination_na, free.directions()))
    assert after < 0.5 * before
    found = np.exp(free.microscope.values["gain"].numpy())
    assert np.corrcoef(found, gains)[0, 1] > 0.9
    assert error(free, sample) < 0.7 * error(held, sample)


def test_an_led_that_hardly_shines_is_not_used() -> None:
    gain = np.ones(len(BOARD))
    gain[30] = 0.05
    assert np.flatnonzero(too_dim(gain, BOARD)).tolist() == [30]
    given, _ = scene((48, 48), na=BOARD, gains=gain)
    fit = Fit(given, CPU)
    fit.project((1.0, 0.5))
    fit.find_gains()
    assert np.flatnonzero(~fit.used).tolist() == [30]


def test_noise_is_filtered_where_it_is_more_than_the_object() -> None:
    y, x = np.indices((64, 64)) - 32
    away = np.hypot(y, x)
    rng = torch.Generator().manual_seed(0)
    drawn = [torch.view_as_complex(torch.randn(64, 64, 2, generator=rng)) for _ in range(2)]
    signal = torch.as_tensor(np.where(away < 12, 30.0, 0.0))
    kept = share_of_object(signal + drawn[0], drawn[1] / 2**0.5, away).numpy()
    assert kept[away < 8].min() > 0.98
    assert kept[away > 20].mean() < 0.1


def test_rounds_say_how_far_they_are_and_start_from_what_is_known() -> None:
    rng = np.random.default_rng(1)
    given, sample = scene((48, 48), na=BOARD)
    noisy = rng.poisson(2000 * np.asarray(given.frames[:])).astype(np.float32)
    acquisition = given.replace(frames=noisy)
    events, plan = [], FitPlan(steps=40, seed=5)
    stream = fitted(acquisition, Start(z_um=0.0, gains=np.ones(len(BOARD))), plan, CPU)
    while True:
        try:
            events.append(next(stream))
        except StopIteration as end:
            fit = end.value
            break
    progress = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in progress] == list(range(1, progress[-1].total + 1))
    assert any(isinstance(event, Preview) for event in events)
    assert not [event for event in events if isinstance(event, Note)]
    assert error(fit, sample) < 0.06  # measured 0.04; an empty slide has 0.19
    assert 0.5 < fit.over_noise() < 2.5


def test_a_noise_that_is_not_known_is_not_filtered() -> None:
    fit = Fit(scene((48, 48), na=BOARD)[0], CPU)
    assert not list(without_noise(fit, 0))
    assert fit.counts.variance == pytest.approx(0)

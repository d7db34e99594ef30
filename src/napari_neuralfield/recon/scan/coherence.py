"""What the light of a scan is: how many modes it has, which of them are empty, and whether it flickers.

Modes of the far field are those that predict frames left out better than fewer. The rest is told by passes under way.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator

import torch

from ...data.acquisition import Ptychography
from ...forward.ptychography import predict
from ...forward.scan_problem import Problem, ScanState
from ...optics.grids import intensity
from ...types import Event, Note, Progress
from .exit_waves import orthogonal
from .probe_trials import noise_of, trial

LONG = 20  # passes of the trials that tell coherent from partly coherent light
COHERENT = 0.93  # of one mode's error: what three must reach to be taken
EXCESS = (
    0.78  # of the squared error beyond the counts' noise: what three must reach besides; coherent ones from 0.797 on
)
MORE_MODES = 0.985  # of three modes' error: what five must reach
FEWER_MODES = 1.025  # of three modes' error: what two may have
EMPTY = 0.005  # of the light: a mode with less is left out, unless the frames miss it
MISSED = 1.005  # of the error: without a mode that the frames miss
FLICKERS = 0.97  # of the squared misfit: what is left where each frame has a brightness of its own
SIDE_MODE = 0.1  # share of the light in each of the first two further modes at the start


def modes_of(problem: Problem, probe: torch.Tensor, seed: int) -> Generator[Event, None, int]:
    """How many modes predict the frames of `problem` left out best: 1, 2, 3 or 5; says so.

    Parameters
    ----------
    problem : with frames left out.
    probe : of coherent light (1, y, x).
    seed : of the order of the frames.
    """
    errors: dict[int, float] = {}
    noise = noise_of(problem)
    for count in (1, 3, 5, 2):
        if count in (5, 2) and chosen(errors, noise) in (1, 5):
            break
        errors[count] = trial(problem, of_a_source(probe, count), seed, LONG)[0]
        yield Progress(len(errors), 4, errors[count], "looking how coherent the light is")
    best = chosen(errors, noise)
    told = ", ".join(f"{n}: {errors[n]:.3g}" for n in sorted(errors))
    what = "coherent" if best == 1 else "partly coherent"
    yield Note(
        f"the light is {what}: the error of frames left out by number of modes of the probe is {told} (noise of the "
        f"counts {noise:.3g}), so {best} "
        f"{'is' if best == 1 else 'are'} solved for; --modes chooses"
    )
    return best


def chosen(errors: dict[int, float], noise: float = 0.0) -> int:
    """The number of modes by the `errors` of 1 and 3 modes, and of 5 and 2 where they are known.

    Three must be clearly better than one also in what is left beyond the `noise` of the counts, which no mode explains.
    """
    one, three = (max(errors[n] ** 2 - noise**2, 1e-30) for n in (1, 3))
    if errors[3] > COHERENT * errors[1] or three > EXCESS * one:
        return 1
    if errors.get(5, math.inf) < MORE_MODES * errors[3]:
        return 5
    return 2 if errors.get(2, math.inf) < FEWER_MODES * errors[3] else 3


def of_a_source(probe: torch.Tensor, modes: int = 3) -> torch.Tensor:
    """A `probe` (1, y, x) and the first modes of a source that moves it up and down and across: (mode, y, x).

    `modes` : 1, 2, 3 or 5; two are of a source along the diagonal, five are curved along both axes too.
    """
    y, x = (torch.fft.fftfreq(n, device=probe.device) for n in probe.shape[-2:])
    up, across = y[:, None], x[None, :]
    slopes = {1: (), 2: (up + across,), 3: (up, across), 5: (up, across, up**2, across**2)}[modes]
    spectrum, whole = torch.fft.fft2(probe[0]), probe.abs().square().sum()
    shares = [SIDE_MODE, SIDE_MODE, SIDE_MODE / 4, SIDE_MODE / 4][: len(slopes)]
    found = [probe[0] * (1 - sum(shares)) ** 0.5]
    for slope, share in zip(slopes, shares, strict=True):
        mode = torch.fft.ifft2(spectrum * slope)
        found.append(mode * (share * whole / mode.abs().square().sum().clamp(min=1e-30)).sqrt())
    return torch.stack(found)


class Light:
    """Looks at the light of a scan between passes: empty modes go, and frames get the brightness that they have."""

    def __init__(self, modes: int | None) -> None:
        self._keep, self._told = modes is not None, False  # modes that were asked for stay

    def looked_at(self, problem: Problem, state: ScanState) -> Generator[Event, None, tuple[Problem, ScanState]]:
        """`problem` and `state` without empty modes and flicker; says what was found."""
        if not isinstance(problem.acquisition, Ptychography) or not problem.solve_probe:
            return problem, state
        state = yield from self._without_empty_modes(problem, state)
        gain, left = brightness(problem, state)
        if problem.measured.gain is None and left > FLICKERS:
            return problem, state
        if not self._told:
            yield Note(
                f"the frames' brightness differs by {float(gain.std()):.2g} (standard deviation "
                f"over mean) beyond what object and probe explain, as of light that flickers: each has its own "
                f"({1 - left:.0%} of the squared misfit)"
            )
        self._told = True
        return problem.with_gain(gain), state

    def _without_empty_modes(self, problem: Problem, state: ScanState) -> Generator[Event, None, ScanState]:
        shares = intensity(state.probe).sum((1, 2))
        full = shares >= EMPTY * shares.sum()
        if self._keep or bool(full.all()):
            return state
        rest = dataclasses.replace(state, probe=state.probe[full])
        if problem.error(rest) > MISSED * problem.error(state):
            return state
        gone, told = len(full) - len(rest.probe), (shares / shares.sum())[~full].tolist()
        it = "it" if gone == 1 else "them"
        yield Note(
            f"{gone} of {len(full)} modes of the probe {'is' if gone == 1 else 'are'} left out, with "
            f"{', '.join(f'{share:.2g}' for share in told)} of the light: the frames do not miss {it}"
        )
        return rest


@torch.no_grad()
def brightness(problem: Problem, state: ScanState, at_once: int = 16) -> tuple[torch.Tensor, float]:
    """How bright each frame of `problem` is against what `state` predicts (frame,), mean 1; the misfit left with it.

    The misfit is squared, over that without a brightness of each frame; `at_once` frames are predicted together.
    """
    measured, factor, before, after = problem.measured, [], 0.0, 0.0
    alike = dataclasses.replace(measured, gain=None)
    for part in problem.every.split(at_once):
        counts = predict(
            state.object_array, state.probe, problem.scan, part, position=state.position, kernel=problem.kernel
        )
        seen = problem.masked(alike.shown(counts, part), part)
        amplitude = problem.masked(measured.amplitude[part], part)
        share = (amplitude * seen).sum((1, 2)) / seen.square().sum((1, 2)).clamp(min=1e-30)
        before += float((amplitude - seen).square().sum())
        after += float((amplitude - share[:, None, None] * seen).square().sum())
        factor.append(share.square())
    gain = torch.cat(factor)
    return gain / gain.mean(), after / max(before, 1e-30)


def shares_told(probe: torch.Tensor) -> str:
    """The shares of the light of the modes of a `probe` (mode, y, x), the brightest first, in words."""
    shares = intensity(orthogonal(probe)).sum((1, 2))
    told = ", ".join(f"{float(share):.1%}" for share in shares / shares.sum())
    return f"shares of the light of the probe's {len(shares)} modes: {told}"

"""How many modes the light of a far-field scan has: those that predict frames left out better than fewer."""

from __future__ import annotations

from collections.abc import Generator

import torch

from ...forward.scan_problem import Problem
from ...types import Event, Note, Progress
from .probe_trials import trial

LONG = 20  # passes of the trials that tell coherent from partly coherent light
# of 26 random scans 4 of 13 partly coherent ones and 2 of 13 coherent ones reach COHERENT; of those six three of the
# strongest blur reach MORE_MODES, and the two coherent ones are within FEWER_MODES
COHERENT = 0.93  # of one mode's error: what three must reach to be taken
MORE_MODES = 0.985  # of three modes' error: what five must reach
FEWER_MODES = 1.025  # of three modes' error: what two may have
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
    for count in (1, 3, 5, 2):
        if count in (5, 2) and errors[3] > COHERENT * errors[1]:
            break
        errors[count] = trial(problem, of_a_source(probe, count), seed, LONG)[0]
        yield Progress(len(errors), 4, errors[count], "looking how coherent the light is")
    best = chosen(errors)
    told = ", ".join(f"{n}: {errors[n]:.3g}" for n in sorted(errors))
    what = "coherent" if best == 1 else "partly coherent"
    yield Note(
        f"the light is {what}: the error of frames left out by number of modes of the probe is {told}, so {best} "
        f"{'is' if best == 1 else 'are'} solved for; --modes chooses"
    )
    return best


def chosen(errors: dict[int, float]) -> int:
    """The number of modes by the `errors` of 1 and 3 modes, and of 5 and 2 where three are clearly better than one."""
    if errors[3] > COHERENT * errors[1]:
        return 1
    if errors[5] < MORE_MODES * errors[3]:
        return 5
    return 2 if errors[2] < FEWER_MODES * errors[3] else 3


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

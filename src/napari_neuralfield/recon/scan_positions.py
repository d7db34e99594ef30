"""Positions corrected from the frames: one Gauss-Newton step per frame in its two coordinates.

A frame's amplitudes change with its position like those of a window of the canvas's derivatives:
d|wave| / d position = Re(conj(wave) * to_detector(probe * d canvas)) / |wave|, pooled like the counts. Moving the
window and moving the probe differ only by a common move of the wave, which the far field does not see.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from ..forward.ptychography import counts, pooled, probes, to_detector
from ..forward.scan import windows
from ..optics.propagation import frequency_axis
from ..types import Event, Note
from .scan_setup import Problem, ScanState

DAMPING = 1e-3  # of the normal matrix's mean diagonal
LONGEST = 1.0  # step of one frame, px
WORTH = 0.01  # share by which corrected positions must lower the misfit to be corrected on and on
FASTER, SLOWER, FASTEST = 1.3, 0.5, 2.0


def slopes(canvas: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Derivatives of `canvas` (y, x) along y and x per pixel, by Fourier; zero at the Nyquist frequency."""
    spectrum = torch.fft.fft2(canvas)
    found = []
    for axis in (0, 1):
        n = canvas.shape[axis]
        f = frequency_axis(n, device=canvas.device).to(torch.float32)
        if n % 2 == 0:
            f[n // 2] = 0
        along = f[:, None] if axis == 0 else f[None, :]
        found.append(torch.fft.ifft2(spectrum * (2j * math.pi * along)))
    return found[0], found[1]


@torch.no_grad()
def position_steps(
    problem: Problem, state: ScanState, frames: torch.Tensor, at_once: int = 8
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gauss-Newton steps (frame, 2) of the named frames' positions, px, and their squared misfits (frame,)."""
    scan, steps, misfits = problem.scan, [], []
    along = slopes(state.canvas)
    for part in frames.split(at_once):
        place = state.position[part]
        probe = probes(state.probe, scan, place)
        wave = to_detector(probe * windows(state.canvas, scan, place)[:, None], problem.kernel)
        seen = torch.sqrt(counts(wave, scan.binning))
        miss = problem.measured.amplitude[part] - seen
        if problem.measured.good is not None:
            miss = miss * problem.measured.good
        rows = []
        for slope in along:
            moved = to_detector(probe * windows(slope, scan, place)[:, None], problem.kernel)
            both = torch.view_as_real(wave) * torch.view_as_real(moved)
            row = pooled(both.sum(-1).sum(1), scan.binning) / seen.clamp(min=1e-3 * float(seen.mean()))
            rows.append(row if problem.measured.good is None else row * problem.measured.good)
        jacobian = torch.stack(rows, 1).flatten(2).double()  # (frame, 2, pixel)
        normal = jacobian @ jacobian.transpose(1, 2)
        pull = jacobian @ miss.double().flatten(1)[:, :, None]
        size = normal.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-30)
        normal += DAMPING * size[:, None, None] * torch.eye(2, device=normal.device, dtype=normal.dtype)
        steps.append(torch.linalg.solve(normal, pull)[:, :, 0])
        misfits.append((miss * miss).sum((1, 2)))
    return torch.cat(steps).clamp(-LONGEST, LONGEST), torch.cat(misfits)


def moved(problem: Problem, position: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """Positions (frame, 2) after `steps` (frame, 2), the mean of the used frames kept, all windows on the canvas."""
    position = position + steps - steps[problem.train].mean(0)
    if problem.scan.periodic:
        return position
    room = [c - w for c, w in zip(problem.scan.canvas, problem.scan.window, strict=True)]
    return torch.stack([position[:, axis].clamp(0, room[axis]) for axis in (0, 1)], 1)


class PositionCorrection:
    """Corrects all positions between passes; held-out frames too, whose two numbers nothing else can give.

    Steps that keep their direction from pass to pass grow, steps that turn back shrink: canvas and positions are
    solved in turns, and the canvas has half followed the wrong positions.

    Parameters
    ----------
    wanted : whether to correct; None: where the first step lowers the misfit by at least a hundredth.
    """

    def __init__(self, wanted: bool | None) -> None:
        self.wanted = wanted
        self._gain, self._last = 1.0, None  # type: float, torch.Tensor | None
        self._notes: list[Event] = []

    def corrected(self, problem: Problem, state: ScanState) -> ScanState:
        """The state with better positions, or as it was where they are not to be corrected."""
        if self.wanted is False:
            return state
        every = torch.arange(problem.scan.frames, device=problem.device)
        steps, misfit = position_steps(problem, state, every)
        if self._last is not None:
            agree = float((steps * self._last).sum())
            self._gain = min(FASTEST, self._gain * FASTER) if agree > 0 else max(1.0, self._gain * SLOWER)
        better = ScanState(state.canvas, state.probe, moved(problem, state.position, self._gain * steps))
        if self.wanted is None:
            judges = problem.held if len(problem.held) else problem.train
            before, after = float(misfit[judges].sum()), float(problem.frame_misfit(better, judges)[0].sum())
            self.wanted = after < (1 - WORTH) * before
            self._notes.append(Note("the frames ask for other positions: they are corrected")) if self.wanted else None
        if not self.wanted:
            return state
        self._last = steps
        return better

    def notes(self) -> Iterator[Event]:
        """What there is to say, once."""
        yield from self._notes
        self._notes = []

"""Positions corrected from the frames: one Gauss-Newton step per frame in its two coordinates.

What all frames have in common is left out where the object can follow it: a common move always, and in the far field,
where frames are small beside the scan, a common scale, shear and turn too. A frame over nothing to see stays.

A frame's amplitudes change with its position like those of a window of the object array's derivatives:
d|wave| / d position = Re(conj(wave) * to_detector(probe * d object_array)) / |wave|, pooled like the counts. Moving the
window and moving the probe differ only by a common move of the wave, which the far field does not see.
"""

from __future__ import annotations

import math

import torch

from ...forward.ptychography import counts, probes, to_detector
from ...forward.scan import windows
from ...forward.scan_problem import Problem, ScanState
from ...optics.grids import binned
from ...optics.propagation import frequency_axis

DAMPING = 1e-3  # of the normal matrix's mean diagonal
AT_ONCE = 8  # frames whose derivatives are computed together
LONGEST = 1.0  # step of one frame, px
UNSURE = 0.1  # px; a step whose noise is as large is halved
WORTH = 0.01  # share by which a step must lower the misfit where positions are wrong
LASTING = 0.75  # of the steps asked for at first that must still be asked for by a sharper object
FASTER, SLOWER, FASTEST = 1.3, 0.5, 2.0


def slopes(object_array: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Derivatives of `object_array` (y, x) along y and x per pixel, by Fourier; zero at the Nyquist frequency."""
    spectrum = torch.fft.fft2(object_array)
    found = []
    for axis in (0, 1):
        n = object_array.shape[axis]
        f = frequency_axis(n, device=object_array.device).to(torch.float32)
        if n % 2 == 0:
            f[n // 2] = 0
        along = f[:, None] if axis == 0 else f[None, :]
        found.append(torch.fft.ifft2(spectrum * (2j * math.pi * along)))
    return found[0], found[1]


@torch.no_grad()
def pulls_of(
    problem: Problem, state: ScanState, frames: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What `frames` (indices) of `problem` say at `state` about their positions, all float64.

    Normal matrices (frame, 2, 2), right-hand sides (frame, 2) and squared misfits (frame,).
    """
    scan, normals, pulls, misfits = problem.scan, [], [], []
    along = slopes(state.object_array)
    for part in frames.split(AT_ONCE):
        place = state.position[part]
        probe = probes(state.probe, scan, place)
        wave = to_detector(probe * windows(state.object_array, scan, place)[:, None], problem.kernel)
        seen = problem.measured.shown(counts(wave, scan.binning), part)
        miss = problem.masked(problem.measured.amplitude[part] - seen, part)
        rows = []
        for slope in along:
            moved = to_detector(probe * windows(slope, scan, place)[:, None], problem.kernel)
            row = binned((wave * moved.conj()).real.sum(1), scan.binning) / seen.clamp(min=1e-3 * float(seen.mean()))
            rows.append(problem.masked(row, part))
        jacobian = torch.stack(rows, 1).flatten(2).double()  # (frame, 2, pixel)
        normals.append(jacobian @ jacobian.transpose(1, 2))
        pulls.append((jacobian @ miss.double().flatten(1)[:, :, None])[:, :, 0])
        misfits.append((miss * miss).sum((1, 2)).double())
    return torch.cat(normals), torch.cat(pulls), torch.cat(misfits)


def common_motion(position: torch.Tensor, normal: torch.Tensor, pull: torch.Tensor, affine: bool) -> torch.Tensor:
    """The move of all positions that the frames ask for together, px (frame, 2).

    Parameters
    ----------
    position : px (frame, 2).
    normal, pull : of each frame's two coordinates (frame, 2, 2) and (frame, 2).
    affine : scale, shear and turn are common motion too.
    """
    one = torch.ones_like(position[:, :1])
    basis = torch.cat([one, position - position.mean(0)], 1) if affine else one
    n = 2 * basis.shape[1]
    matrix = torch.einsum("ik,il,ide->kdle", basis, basis, normal).reshape(n, n)
    right = torch.einsum("ik,id->kd", basis, pull).reshape(n)
    scale = matrix.diagonal().clamp(min=1e-30).rsqrt()  # coordinates in units of their own
    inverse = torch.linalg.pinv(scale[:, None] * matrix * scale, rtol=1e-9, hermitian=True)
    return basis @ (scale * (inverse @ (scale * right))).reshape(-1, 2)


def position_steps(problem: Problem, state: ScanState, frames: torch.Tensor) -> tuple[torch.Tensor, float, float]:
    """Gauss-Newton steps of the positions of `frames` (indices) of `problem` at `state`, beside their common motion.

    Returns
    -------
    steps : px (frame, 2); damped where the frame's noise is large beside what it tells.
    worth : share of the misfit that they take away, as far as the misfit is quadratic.
    length : their rms length, px, frames weighed by what they tell.
    """
    normal, pull, misfit = pulls_of(problem, state, frames)
    common = common_motion(state.position[frames], normal, pull, problem.scan.geometry == "far_field")
    pull = pull - (normal @ common[:, :, None])[:, :, 0]
    information = normal.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-30)
    damping = DAMPING * information + misfit / problem.measured.pixels / UNSURE**2
    eye = torch.eye(2, device=normal.device, dtype=normal.dtype)
    steps = torch.linalg.solve(normal + damping[:, None, None] * eye, pull)
    gained = max(float((steps * pull).sum()), 0.0)
    length = math.sqrt(gained / float(information.sum()))
    return steps.clamp(-LONGEST, LONGEST), gained / max(float(misfit.sum()), 1e-30), length


def moved(problem: Problem, position: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """Each `position`, px (frame, 2), after `steps` (frame, 2), the mean of the frames that `problem` uses kept.

    All windows stay on the object array.
    """
    position = position + steps - steps[problem.train].mean(0)
    if problem.scan.periodic:
        return position
    room = [c - w for c, w in zip(problem.scan.object_shape, problem.scan.window, strict=True)]
    most = torch.tensor(room, dtype=position.dtype, device=position.device)
    return torch.minimum(position.clamp(min=0), most)


class PositionCorrection:
    """Corrects all positions between passes; held-out frames too, whose two numbers nothing else can give.

    Steps that keep their direction from pass to pass grow, steps that turn back shrink: object_array and positions are
    solved in turns, and the object array has half followed the wrong positions.

    An object array that is not yet solved asks for other positions too, even if they are right, but for ever smaller
    changes the sharper it gets. Where positions are wrong, a sharper one asks for as much as before, or more. A known
    coded surface pins the object array down, which hardly drifts.

    Parameters
    ----------
    wanted : whether to correct; None: where `decide` finds it worth it.
    """

    def __init__(self, wanted: bool | None) -> None:
        self.wanted = wanted
        self._gain, self._last = 1.0, None  # type: float, torch.Tensor | None
        self._first: float | None = None

    def look(self, problem: Problem, state: ScanState) -> bool:
        """Remember how far the frames of `problem` want to move at a `state` not sharp yet; whether that is enough."""
        _, worth, self._first = position_steps(problem, state, problem.every)
        if worth > WORTH and _pinned(problem):
            self.wanted = True
        return bool(self.wanted)

    def decide(self, problem: Problem, state: ScanState) -> bool:
        """Whether positions of `problem` are wrong, by a `state` that got sharper since `look`; False without one."""
        if self._first is None:
            self.wanted = False
        else:
            _, worth, length = position_steps(problem, state, problem.every)
            self.wanted = worth > WORTH and (length > LASTING * self._first or _pinned(problem))
        return self.wanted

    def corrected(self, problem: Problem, state: ScanState) -> ScanState:
        """`state` with positions that fit the frames of `problem` better."""
        steps, _, _ = position_steps(problem, state, problem.every)
        if self._last is not None:
            agree = float((steps * self._last).sum())
            self._gain = min(FASTEST, self._gain * FASTER) if agree > 0 else max(1.0, self._gain * SLOWER)
        self._last = steps
        return ScanState(state.object_array, state.probe, moved(problem, state.position, self._gain * steps))


def _pinned(problem: Problem) -> bool:
    return problem.scan.geometry == "coded" and not problem.solve_probe

"""Frames of a scan as exit waves: what a frame sees, what the detector says about it, and where a change belongs.

The classical engines visit frames one or a few at a time and change object and probe in between. Whatever is moved
by a fraction of a pixel in every frame is kept as a spectrum, so that a move costs one transform: the object array of a
periodic scan, the probe of a far-field scan.
"""

from __future__ import annotations

import torch

from ...forward.ptychography import counts, from_detector, to_detector
from ...forward.scan import whole_and_fraction
from ...forward.scan_problem import Problem, ScanState
from ...optics.grids import intensity, spread
from ...optics.propagation import shift_ramp

FAINT = 1e-6  # of the mean amplitude: below, a wave has no phase to keep


def orthogonal(probe: torch.Tensor) -> torch.Tensor:
    """The modes (mode, y, x) of the same light that are orthogonal, the brightest first."""
    if len(probe) == 1:
        return probe
    flat = probe.flatten(1)
    _, mixing = torch.linalg.eigh(flat @ flat.conj().T)
    return (mixing.conj().T.flip(0) @ flat).reshape(probe.shape)


def likely(measured: torch.Tensor, seen: torch.Tensor, miss: torch.Tensor, faint: float) -> torch.Tensor:
    """Share (frame, y, x) by which waves grow for the likelihood of counts.

    Parameters
    ----------
    measured, seen : amplitudes (frame, y, x).
    miss : measured less seen, 0 at masked pixels.
    faint : amplitude below which a wave is dark.

    The gradient of seen^2 - measured^2 log seen^2 asks for shares measured^2 / seen^2 - 1; a wave (1 + s share) has the
    curvature 2 seen^2 share^2 (2 + share), by which s is the same for all pixels of a frame.
    """
    floor = (0.1 * seen.square().mean((1, 2), keepdim=True)).clamp(min=faint**2)
    bright = seen.square()
    share = miss * (measured + seen) / (bright + floor)
    curved = (bright * share.square() * (2 + share)).sum((1, 2), keepdim=True)
    return share * (bright * share.square()).sum((1, 2), keepdim=True) / curved.clamp(min=1e-30)


class ExitWaves:
    """A scan state in the form in which frames are visited fastest.

    Attributes
    ----------
    object_array : complex (y, x); its spectrum where the scan is periodic.
    probe : complex (mode, y, x); its spectrum in the far field.
    """

    def __init__(self, problem: Problem, state: ScanState) -> None:
        self.problem, self.scan = problem, problem.scan
        self.faint = FAINT * float(problem.measured.amplitude.square().mean().sqrt())
        self.load(state)

    def load(self, state: ScanState) -> None:
        """Take over a state."""
        scan = self.scan
        self.position = state.position.clone()
        whole, fraction = whole_and_fraction(state.position)
        room = torch.tensor([c - w for c, w in zip(scan.object_shape, scan.window, strict=True)], device=whole.device)
        self._corner = whole.clamp(torch.zeros_like(room), room).tolist()
        move = -state.position if scan.periodic else fraction if scan.geometry == "far_field" else -fraction
        self._ramp_y = shift_ramp(move, (scan.window[0], 1))  # (frame, y, 1)
        self._ramp_x = shift_ramp(move, (1, scan.window[1]))  # (frame, 1, x)
        self.object_array, self.probe = self.kept(state.object_array).clone(), self.kept_probe(state.probe).clone()

    def kept_state(self) -> ScanState:
        """What is being solved, in the form in which it is kept: to go on from, to the last bit, with `go_on`."""
        return ScanState(self.object_array, self.probe, self.position)

    def go_on(self, kept: ScanState) -> None:
        """Take over a `kept_state`."""
        self.load(ScanState(self.plain(kept.object_array), self.plain_probe(kept.probe), kept.position))
        self.object_array, self.probe = kept.object_array, kept.probe

    def state(self) -> ScanState:
        """A copy of what is being solved."""
        return ScanState(self.plain(self.object_array), self.plain_probe(self.probe), self.position).copy()

    def plain(self, kept: torch.Tensor) -> torch.Tensor:
        """An object array (y, x) out of the form in which it is kept."""
        return torch.fft.ifft2(kept) if self.scan.periodic else kept

    def kept(self, plain: torch.Tensor) -> torch.Tensor:
        """Inverse of `plain`."""
        return torch.fft.fft2(plain) if self.scan.periodic else plain

    def plain_probe(self, kept: torch.Tensor) -> torch.Tensor:
        """A probe (mode, y, x) out of the form in which it is kept."""
        return torch.fft.ifft2(kept) if self.scan.geometry == "far_field" else kept

    def kept_probe(self, plain: torch.Tensor) -> torch.Tensor:
        """Inverse of `plain_probe`."""
        return torch.fft.fft2(plain) if self.scan.geometry == "far_field" else plain

    def ramp(self, frames: list[int]) -> torch.Tensor:
        """What moves each frame by its fraction: (frame, y, x)."""
        return _picked(self._ramp_y, frames) * _picked(self._ramp_x, frames)

    def cut(self, object_array: torch.Tensor, frames: list[int]) -> torch.Tensor:
        """Windows of `frames` (frame, y, x) on a kept `object_array` (y, x)."""
        if self.scan.periodic:
            return torch.fft.ifft2(object_array * self.ramp(frames))
        window = torch.stack([self._slice(object_array, frame) for frame in frames])
        if self.scan.geometry == "far_field":
            return window
        return torch.fft.ifft2(torch.fft.fft2(window) * self.ramp(frames))

    def put(self, object_array: torch.Tensor, frames: list[int], patches: torch.Tensor) -> None:
        """Add `patches` (frame, y, x) of `frames` to a kept `object_array` (y, x) in place: the adjoint of `cut`."""
        if self.scan.periodic:
            object_array += (torch.fft.fft2(patches) * self.ramp(frames).conj()).sum(0)
            return
        if self.scan.geometry != "far_field":
            patches = torch.fft.ifft2(torch.fft.fft2(patches) * self.ramp(frames).conj())
        for frame, patch in zip(frames, patches, strict=True):
            self._slice(object_array, frame).add_(patch)

    def _slice(self, object_array: torch.Tensor, frame: int) -> torch.Tensor:
        y, x = self._corner[frame]
        return object_array[y : y + self.scan.window[0], x : x + self.scan.window[1]]

    def illumination(self, frames: list[int]) -> torch.Tensor:
        """Light of all the named frames together on the object array (y, x)."""
        bright = intensity(self.plain_probe(self.probe)).sum(0)
        light = bright.new_zeros(self.scan.object_shape)
        for frame in frames:
            self.shine(light, frame, bright)
        return light

    def shine(self, light: torch.Tensor, frame: int, bright: torch.Tensor) -> None:
        """Add one `frame`'s light `bright` (y, x) to `light` on the object array in place, at the nearest pixel."""
        if self.scan.periodic:
            light += bright.mean()
        else:
            self._slice(light, frame).add_(bright)

    def meet(self, probe: torch.Tensor, frames: list[int]) -> torch.Tensor:
        """A kept `probe` (mode, y, x) as it meets the windows of `frames`: (frame or 1, mode, y, x)."""
        if self.scan.geometry != "far_field":
            return probe[None]
        return torch.fft.ifft2(probe * self.ramp(frames)[:, None])

    def put_probe(self, probe: torch.Tensor, frames: list[int], patches: torch.Tensor) -> None:
        """Add `patches` (frame, mode, y, x) of `frames` to a kept `probe` in place: the adjoint of `meet`."""
        if self.scan.geometry == "far_field":
            patches = torch.fft.fft2(patches) * self.ramp(frames).conj()[:, None]
        probe += patches.sum(0)

    def change(
        self, exit_wave: torch.Tensor, frames: list[int], poisson: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the amplitudes of `frames` ask of each `exit_wave` (frame, mode, y, x), and the squared misfit (frame,).

        The detector pixel's amplitude is scaled to the measured one, the same for all its modes and fine pixels;
        masked pixels stay as they are, and saturated ones that are bright enough. `poisson`: down the gradient of the
        likelihood of counts instead, by a Newton step per frame along it (`likely`).
        """
        kernel, binning = self.problem.kernel, self.scan.binning
        wave = to_detector(exit_wave, kernel)
        seen = self.problem.measured.shown(counts(wave, binning), _index(frames))
        measured = _picked(self.problem.measured.amplitude, frames)
        miss = self.problem.masked(measured - seen, _index(frames))
        share = likely(measured, seen, miss, self.faint) if poisson else miss / (seen + self.faint)
        wave *= spread(share, binning)[:, None]
        return from_detector(wave, kernel), (miss * miss).sum((1, 2))


def _picked(values: torch.Tensor, frames: list[int]) -> torch.Tensor:
    """Those of `values` (frame, ...) that belong to `frames`; without a copy where it is one."""
    return values[_index(frames)]


def _index(frames: list[int]) -> slice | list[int]:
    """Of a tensor's first axis; a slice where it is one frame, which takes no copy."""
    return slice(frames[0], frames[0] + 1) if len(frames) == 1 else frames

"""Frames of a scan as exit waves: what a frame sees, what the detector says about it, and where a change belongs.

The classical engines visit frames one or a few at a time and change canvas and probe in between. Whatever is moved by
a fraction of a pixel in every frame is kept as a spectrum, so that a move costs one transform: the canvas of a
periodic scan, the probe of a far-field scan.
"""

from __future__ import annotations

import torch

from ..forward.ptychography import counts, from_detector, spread, to_detector
from ..forward.scan import whole_and_fraction
from ..optics.propagation import shift_ramp
from .scan_setup import Problem, ScanState

FAINT = 1e-6  # of the mean amplitude: below, a wave has no phase to keep


def power(wave: torch.Tensor) -> torch.Tensor:
    """|wave|^2 in memory order: a view would make the next steps slow."""
    return (wave * wave.conj()).real.contiguous()


class ExitWaves:
    """A scan state in the form in which frames are visited fastest.

    Attributes
    ----------
    canvas : complex (y, x); its spectrum where the scan is periodic.
    probe : complex (mode, y, x); its spectrum in the far field.
    """

    def __init__(self, problem: Problem, state: ScanState) -> None:
        self.problem, self.scan = problem, problem.scan
        self.faint = FAINT * float(problem.measured.amplitude.square().mean().sqrt())
        self.load(state)

    def load(self, state: ScanState) -> None:
        """Take over a state."""
        scan, far = self.scan, self.scan.geometry == "far_field"
        self.position = state.position.clone()
        whole, fraction = whole_and_fraction(state.position)
        room = torch.tensor([c - w for c, w in zip(scan.canvas, scan.window, strict=True)], device=whole.device)
        self._corner = whole.clamp(torch.zeros_like(room), room).tolist()
        move = -state.position if scan.periodic else fraction if far else -fraction
        self._ramp_y = shift_ramp(move, (scan.window[0], 1))  # (frame, y, 1)
        self._ramp_x = shift_ramp(move, (1, scan.window[1]))  # (frame, 1, x)
        self.canvas = torch.fft.fft2(state.canvas) if scan.periodic else state.canvas.clone()
        self.probe = torch.fft.fft2(state.probe) if far else state.probe.clone()

    def state(self) -> ScanState:
        """A copy of what is being solved."""
        probe = torch.fft.ifft2(self.probe) if self.scan.geometry == "far_field" else self.probe.clone()
        return ScanState(self.plain(self.canvas).clone(), probe, self.position.clone())

    def plain(self, kept: torch.Tensor) -> torch.Tensor:
        """A canvas (y, x) out of the form in which it is kept."""
        return torch.fft.ifft2(kept) if self.scan.periodic else kept

    def kept(self, plain: torch.Tensor) -> torch.Tensor:
        """Inverse of `plain`."""
        return torch.fft.fft2(plain) if self.scan.periodic else plain

    def ramp(self, frames: list[int]) -> torch.Tensor:
        """What moves each frame by its fraction: (frame, y, x)."""
        if len(frames) == 1:
            one = slice(frames[0], frames[0] + 1)
            return self._ramp_y[one] * self._ramp_x[one]
        return self._ramp_y[frames] * self._ramp_x[frames]

    def cut(self, canvas: torch.Tensor, frames: list[int]) -> torch.Tensor:
        """Windows (frame, y, x) of a kept canvas."""
        if self.scan.periodic:
            return torch.fft.ifft2(canvas * self.ramp(frames))
        window = torch.stack([self._slice(canvas, frame) for frame in frames])
        if self.scan.geometry == "far_field":
            return window
        return torch.fft.ifft2(torch.fft.fft2(window) * self.ramp(frames))

    def put(self, canvas: torch.Tensor, frames: list[int], patches: torch.Tensor) -> None:
        """Add patches (frame, y, x) to a kept canvas in place: the adjoint of `cut`."""
        if self.scan.periodic:
            canvas += (torch.fft.fft2(patches) * self.ramp(frames).conj()).sum(0)
            return
        if self.scan.geometry != "far_field":
            patches = torch.fft.ifft2(torch.fft.fft2(patches) * self.ramp(frames).conj())
        for frame, patch in zip(frames, patches, strict=True):
            self._slice(canvas, frame).add_(patch)

    def _slice(self, canvas: torch.Tensor, frame: int) -> torch.Tensor:
        y, x = self._corner[frame]
        return canvas[y : y + self.scan.window[0], x : x + self.scan.window[1]]

    def meet(self, probe: torch.Tensor, frames: list[int]) -> torch.Tensor:
        """A kept probe as it meets each window: (frame or 1, mode, y, x)."""
        if self.scan.geometry != "far_field":
            return probe[None]
        return torch.fft.ifft2(probe * self.ramp(frames)[:, None])

    def put_probe(self, probe: torch.Tensor, frames: list[int], patches: torch.Tensor) -> None:
        """Add patches (frame, mode, y, x) to a kept probe in place: the adjoint of `meet`."""
        if self.scan.geometry == "far_field":
            patches = torch.fft.fft2(patches) * self.ramp(frames).conj()[:, None]
        probe += patches.sum(0)

    def change(self, exit_wave: torch.Tensor, frames: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """What the measured amplitudes ask of exit waves (frame, mode, y, x), and the squared misfit (frame,).

        The detector pixel's amplitude is scaled to the measured one, the same for all its modes and fine pixels;
        masked pixels stay as they are.
        """
        kernel, binning = self.problem.kernel, self.scan.binning
        wave = to_detector(exit_wave, kernel)
        seen = torch.sqrt(counts(wave, binning))
        miss = self.measured(frames) - seen
        if self.problem.measured.good is not None:
            miss *= self.problem.measured.good
        wave *= spread(miss / (seen + self.faint), binning)[:, None]
        return from_detector(wave, kernel), (miss * miss).sum((1, 2))

    def measured(self, frames: list[int]) -> torch.Tensor:
        """Measured amplitudes (frame, y, x)."""
        amplitude = self.problem.measured.amplitude
        return amplitude[frames[0] : frames[0] + 1] if len(frames) == 1 else amplitude[frames]

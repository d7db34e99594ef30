"""Far-field counts with their derivatives written out: what autograd would do, without its copies.

For counts = sum over modes of |wave|^2 and wave = FFT(shifted probe * window), dL = sum g dcounts gives the waves
2 g wave, which travel back by the inverse transform; windows of the object gather conj(shifted probe) times them,
the probe conj(window) times them, shifted back.
"""

from __future__ import annotations

from typing import Any

import torch

from ..optics.grids import intensity, over_modes
from ..optics.propagation import shift_ramp
from .scan import Scan, whole_and_fraction


def far_field_counts(
    object_array: torch.Tensor, probe: torch.Tensor, scan: Scan, position: torch.Tensor
) -> torch.Tensor:
    """Counts (frame, y, x) in the order of `torch.fft`, differentiable in object and probe, not in the positions.

    Parameters
    ----------
    object_array : complex (y, x); probe : complex (mode, y, x).
    scan : geometry.
    position : corners of the windows (frame, 2), px; those beyond the object array are moved to its edge.
    """
    whole, fraction = whole_and_fraction(position)
    room = [max(0, n - w) for n, w in zip(object_array.shape, scan.window, strict=True)]
    corners = [(min(max(y, 0), room[0]), min(max(x, 0), room[1])) for y, x in whole.tolist()]
    ramp = shift_ramp(fraction, scan.window)[:, None]
    return _FarFieldCounts.apply(object_array, probe, ramp.to(probe.dtype), corners)


class _FarFieldCounts(torch.autograd.Function):
    """Of object array, probe, ramps (frame, 1, y, x) that shift it, and whole corners of the windows."""

    @staticmethod
    def forward(
        ctx: Any, object_array: torch.Tensor, probe: torch.Tensor, ramp: torch.Tensor, corners: list[tuple[int, int]]
    ) -> torch.Tensor:
        rows, columns = probe.shape[-2:]
        window = torch.stack([object_array[y : y + rows, x : x + columns] for y, x in corners])[:, None]
        shifted = torch.fft.ifft2(torch.fft.fft2(probe) * ramp)
        wave = torch.fft.fft2(shifted * window, norm="ortho")
        ctx.save_for_backward(window, shifted, wave, ramp)
        ctx.corners, ctx.shape = corners, object_array.shape
        return over_modes(intensity(wave))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        window, shifted, wave, ramp = ctx.saved_tensors
        back = torch.fft.ifft2(wave * (2 * grads[0])[:, None], norm="ortho")
        of_object = of_probe = None
        if ctx.needs_input_grad[0]:
            of_object = back.new_zeros(ctx.shape)
            patches = (shifted.conj() * back).sum(1)
            rows, columns = patches.shape[-2:]
            for (y, x), patch in zip(ctx.corners, patches, strict=True):
                of_object[y : y + rows, x : x + columns] += patch
        if ctx.needs_input_grad[1]:
            of_probe = torch.fft.ifft2((torch.fft.fft2(back * window.conj()) * ramp.conj()).sum(0))
        return of_object, of_probe, None, None

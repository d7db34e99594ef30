"""From window and probe to the detector: far field, near field, and the pooled sensor of coded ptychography.

exit wave = probe * window;  far field: wave = FFT(exit) / sqrt(pixels);  near and coded: wave = free space(exit);
counts of a detector pixel = sum over modes, mean over its binning x binning window pixels, of |wave|^2.
"""

from __future__ import annotations

import torch

from ..optics.grids import binned, intensity, over_modes
from ..optics.propagation import angular_spectrum, filtered, shift_ramp
from .far_field import far_field_counts
from .scan import Scan, whole_and_fraction, windows


def kernel(
    scan: Scan, distance_um: float | torch.Tensor | None = None, wavelength_um: float | torch.Tensor | None = None
) -> torch.Tensor | None:
    """Free space from the window to the detector (y, x), complex64; None in the far field.

    Parameters
    ----------
    scan : geometry; its distance and wavelength hold where the others are None.
    distance_um : from the window to the detector, um, differentiable.
    wavelength_um : in vacuum, um, differentiable.
    """
    if scan.geometry == "far_field":
        return None
    return angular_spectrum(
        scan.window,
        scan.pixel_um,
        scan.to_detector_um if distance_um is None else distance_um,
        scan.wavelength_um if wavelength_um is None else wavelength_um,
        limited=not scan.periodic,
        device=scan.device,
    )


def to_detector(exit_wave: torch.Tensor, kernel: torch.Tensor | None) -> torch.Tensor:
    """At the detector (..., y, x): `exit_wave` (..., y, x) after `kernel`'s free space.

    Far field, in the order of `torch.fft`, where `kernel` is None.
    """
    return torch.fft.fft2(exit_wave, norm="ortho") if kernel is None else filtered(exit_wave, kernel)


def from_detector(wave: torch.Tensor, kernel: torch.Tensor | None) -> torch.Tensor:
    """Adjoint of `to_detector` with this `kernel` on a `wave` (..., y, x); the inverse for all waves that travel."""
    return torch.fft.ifft2(wave, norm="ortho") if kernel is None else filtered(wave, kernel.conj())


def probes(probe: torch.Tensor, scan: Scan, position: torch.Tensor) -> torch.Tensor:
    """The probe as it meets each window: (frame, mode, y, x), or (1, mode, y, x) where it meets all alike.

    Parameters
    ----------
    probe : complex (mode, y, x).
    scan : geometry; in the far field the probe moves by the fraction of a pixel.
    position : of the windows (frame, 2), px.
    """
    if scan.geometry != "far_field":
        return probe[None]
    _, fraction = whole_and_fraction(position)
    return filtered(probe[None], shift_ramp(fraction, scan.window)[:, None])


def counts(wave: torch.Tensor, binning: int) -> torch.Tensor:
    """Counts (frame, y, x) of a `wave` at the detector (frame, mode, y, x), `binning` x `binning` pixels pooled."""
    return binned(over_modes(intensity(wave)), binning)


def predict(
    object_array: torch.Tensor,
    probe: torch.Tensor,
    scan: Scan,
    frames: torch.Tensor,
    position: torch.Tensor | None = None,
    kernel: torch.Tensor | None = None,
) -> torch.Tensor:
    """Counts (frame, y, x) of the named frames: plain and differentiable in everything.

    Parameters
    ----------
    object_array : complex (y, x); probe : complex (mode, y, x).
    scan : geometry.
    frames : indices (frame,).
    position : of all frames (frame, 2), px; the scan's where None.
    kernel : as `kernel` makes it; not used in the far field.
    """
    place = (scan.position if position is None else position)[frames]
    if scan.geometry == "far_field" and not place.requires_grad:
        return far_field_counts(object_array, probe, scan, place)
    window = windows(object_array, scan, place)[:, None]
    return counts(to_detector(probes(probe, scan, place) * window, kernel), scan.binning)

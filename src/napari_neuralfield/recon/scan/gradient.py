"""How the frames of a near-field or coded scan pull at the object array, the positions and the geometry.

The misfit is the squared difference of predicted and measured amplitudes, summed over detector pixels. Everything is
written out by hand, since autograd keeps every intermediate image: a 256 x 256 frame costs about 2 ms.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch

from ... import compute
from ...forward.ptychography import kernel as kernel_of
from ...forward.scan import Scan, add_windows, window_spectra
from ...forward.scan_problem import Problem, ScanState
from ...optics.grids import binned, intensity, spread
from ...optics.propagation import frequency_axis, shift_ramp

TINY = 1e-12
DAMPING = 1e-3  # of the mean diagonal of the positions' equations


@dataclasses.dataclass
class Pull:
    """What some frames say.

    misfit : sum over the frames' good detector pixels, left on the device.
    object_array : d misfit / d conj(object_array) times binning^2, summed over the frames (y, x).
    probe : the same for the probe (y, x); None unless asked for.
    normal, pull : Gauss-Newton matrix (frame, n, n) and right-hand side (frame, n) of each frame for its two
        coordinates and then the geometry's values; None unless asked for.
    """

    misfit: torch.Tensor
    object_array: torch.Tensor
    probe: torch.Tensor | None = None
    normal: torch.Tensor | None = None
    pull: torch.Tensor | None = None


@torch.no_grad()
def pull_of(
    problem: Problem,
    state: ScanState,
    frames: torch.Tensor,
    *,
    positions: bool = False,
    geometry: Sequence[torch.Tensor] = (),
    solve_probe: bool = False,
    spectral: bool = False,
) -> Pull:
    """Misfit and gradients of the named frames.

    Parameters
    ----------
    problem, state : a near-field or coded scan, and where it is now, with one probe mode.
    frames : indices.
    positions, solve_probe : whether to tell how the frames pull at their positions and at the probe.
    geometry : derivatives of the kernel (y, x) with each value of the geometry to be learnt.
    spectral : of a periodic scan the object array is given, and pulled at, as its spectrum: for many calls with one.
    """
    scan, kernel, object_array, probe = problem.scan, problem.kernel, state.object_array, state.probe[0]
    assert kernel is not None
    place = state.position[frames]
    ramp = shift_ramp(-place, scan.object_shape) if spectral else None
    spectra = window_spectra(object_array, scan, place) if ramp is None else object_array * ramp
    window = torch.fft.ifft2(spectra)
    exit_spectra = torch.fft.fft2(window * probe)
    wave = torch.fft.ifft2(exit_spectra * kernel)
    amplitude = problem.measured.shown(binned(intensity(wave), scan.binning).clamp_(min=TINY), frames)
    miss = problem.masked(amplitude - problem.measured.amplitude[frames], frames)
    back = torch.fft.fft2(wave * spread(miss / amplitude, scan.binning)).mul_(kernel.conj())
    patch = torch.fft.ifft2(back)
    toward = patch * probe.conj()
    if ramp is None:
        pulled = add_windows(torch.zeros_like(object_array), toward, scan, place)
    else:
        pulled = (torch.fft.fft2(toward) * ramp.conj()).sum(0)
    found = Pull((miss**2).sum(dtype=compute.precise(miss.device)), pulled)
    if solve_probe:
        found.probe = (patch * window.conj()).sum(0)
    if positions or len(geometry):
        slopes = []
        if positions:
            slopes += [
                torch.fft.ifft2(torch.fft.fft2(torch.fft.ifft2(spectra * factor) * probe) * kernel)
                for factor in _derivatives(scan)
            ]
        slopes += [torch.fft.ifft2(exit_spectra * change) for change in geometry]
        told = miss != 0  # neither masked nor saturated
        columns = [binned((wave.conj() * slope).real, scan.binning) / amplitude * told for slope in slopes]
        flat = torch.stack(columns, 1).flatten(2)  # (frame, value, pixel)
        found.normal = (flat @ flat.transpose(1, 2)).double()
        found.pull = -(flat @ miss.flatten(1)[:, :, None])[..., 0].double()
    return found


def _derivatives(scan: Scan) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors (y, 1) and (1, x) on a window's spectrum that give its derivative with the position along y and x."""
    y, x = (2j * math.pi * frequency_axis(n, device=scan.device).to(torch.complex64) for n in scan.window)
    return y[:, None], x[None, :]


def kernel_slope(scan: Scan, name: str) -> torch.Tensor:
    """Derivative (y, x) of the kernel of `scan` per relative change of `name`: to_detector_um or wavelength_um."""
    step, value = 1e-4, getattr(scan, name)

    def at(relative: float) -> torch.Tensor:
        found = kernel_of(scan.replace(**{name: value * (1 + relative)}))
        assert found is not None
        return found

    return (at(step) - at(-step)) / (2 * step)


def position_steps(pull: Pull, largest: float = 0.5) -> torch.Tensor:
    """Gauss-Newton steps (frame, 2), px, that the positions take by `pull`; each coordinate at most `largest`, px."""
    assert pull.normal is not None
    assert pull.pull is not None
    normal, right = pull.normal[:, :2, :2], pull.pull[:, :2]
    level = normal.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]
    held = normal + (DAMPING * level + TINY) * torch.eye(2, dtype=normal.dtype, device=normal.device)
    return torch.linalg.solve(held, right).clamp(-largest, largest)


def low_pass(scan: Scan, cutoff: float) -> torch.Tensor:
    """1 below `cutoff`, cycles per pixel, and 0 above (y, x): on the object array of `scan`, as `torch.fft` orders."""
    y, x = (frequency_axis(n, device=scan.device) for n in scan.object_shape)
    return (y[:, None] ** 2 + x[None, :] ** 2 <= cutoff**2).to(torch.float32)

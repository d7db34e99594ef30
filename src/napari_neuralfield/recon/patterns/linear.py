"""Linear phase retrieval: differential phase contrast, by Tikhonov-regularised inversion of the weak-object model.

L. Tian, L. Waller, Opt. Express 23, 11394 (2015). An object exp(i phase - absorption) that is nearly 1 changes the
image of a source point at pupil frequency s by

    I(u) / I(0) = i [P*(s) P(s + u) - P(s) P*(s - u)] phase(u) - [P*(s) P(s + u) + P(s) P*(s - u)] absorption(u)

Source points add up. What two sources show differently, over what they show together, is linear in the phase.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ...optics.pupil import aperture

Pupil = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # frequencies fy, fx, cycles/um -> complex
DARK = 0.05  # sums of two images below this share of their mean are not divided by


def clear_pupil(cutoff: float) -> Pupil:
    """A pupil without aberrations: 1 inside `cutoff`, cycles/um."""
    return lambda fy, fx: aperture(fy, fx, cutoff).to(torch.complex64)


def known_pupil(values: torch.Tensor, cutoff: float, pixel_um: tuple[float, float]) -> Pupil:
    """A measured pupil: its nearest bin inside `cutoff`, cycles/um.

    Parameters
    ----------
    values : complex (y, x), centred, on the frames' frequency grid.
    pixel_um : of the frames (y, x).
    """
    shape = (values.shape[-2], values.shape[-1])

    def at(fy: torch.Tensor, fx: torch.Tensor) -> torch.Tensor:
        bins = zip((fy, fx), shape, pixel_um, strict=True)
        y, x = (torch.round(f * n * pixel).long() % n for f, n, pixel in bins)
        here = values.to(fy.device)[(y + shape[0] // 2) % shape[0], (x + shape[1] // 2) % shape[1]]
        return here * aperture(fy, fx, cutoff)

    return at


def weak_transfer(
    source: torch.Tensor,
    na: np.ndarray,
    shape: tuple[int, int],
    *,
    pixel_um: tuple[float, float],
    wavelength_um: float,
    pupil: Pupil,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Transfer functions of weak phase and absorption for each illumination.

    Parameters
    ----------
    source : brightness of each LED in each pattern (pattern, led).
    na : direction cosines (led, 2).
    shape, pixel_um : of the images (y, x).
    wavelength_um : in vacuum.
    pupil : complex, of frequencies in cycles/um.

    Returns
    -------
    Of phase and of absorption (pattern, y, x) complex, in the order of `torch.fft`, as changes of intensity that are
    not divided by the mean; and that mean, the light of the pattern without a sample (pattern,).
    """
    device = source.device
    sizes = zip(shape, pixel_um, strict=True)
    u = [torch.fft.fftfreq(n, pixel, dtype=torch.float64, device=device) for n, pixel in sizes]
    uy, ux = u[0][:, None], u[1][None, :]
    phase = torch.zeros((len(source), *shape), dtype=torch.complex64, device=device)
    absorption, light = torch.zeros_like(phase), torch.zeros(len(source), device=device)
    for led in torch.nonzero(source.abs().sum(0))[:, 0].tolist():
        sy, sx = (torch.tensor(float(v) / wavelength_um, dtype=torch.float64, device=device) for v in na[led])
        here = pupil(sy, sx).conj()
        above = (here * pupil(sy + uy, sx + ux)).to(torch.complex64)
        below = (here * pupil(sy - uy, sx - ux)).conj().to(torch.complex64)
        weight = source[:, led, None, None]
        phase += weight * 1j * (above - below)
        absorption -= weight * (above + below)
        light += source[:, led] * float(here.abs() ** 2)
    return phase, absorption, light


def differences(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(left - right) / (left + right) of images (pair, y, x); where both are dark the sum counts as a little light."""
    total = left + right
    return (left - right) / torch.maximum(total, DARK * total.mean((1, 2), keepdim=True).clamp(min=1e-12))


def dpc_phase(
    left: torch.Tensor,
    right: torch.Tensor,
    left_source: torch.Tensor,
    right_source: torch.Tensor,
    na: np.ndarray,
    *,
    pixel_um: tuple[float, float],
    wavelength_um: float,
    pupil: Pupil,
    regulariser: float = 1e-2,
) -> torch.Tensor:
    """Phase (y, x), rad, of a weak object from pairs of images lit from two sides.

    Parameters
    ----------
    left, right : intensities (pair, y, x), ambient light taken off.
    left_source, right_source : brightness of each LED in them (pair, led), in one unit.
    na : direction cosines of the LEDs (led, 2).
    pixel_um : of the images (y, x).
    wavelength_um : in vacuum.
    pupil : of the microscope, with aperture, defocus and aberrations as they are known.
    regulariser : Tikhonov's, against |transfer|^2 of at most about 4 per pair.

    The mean phase is 0: no image tells it.
    """
    shape = (left.shape[-2], left.shape[-1])
    (one, _, light_one), (two, _, light_two) = (
        weak_transfer(source, na, shape, pixel_um=pixel_um, wavelength_um=wavelength_um, pupil=pupil)
        for source in (left_source, right_source)
    )
    both = (light_one + light_two).clamp(min=1e-12)
    empty = ((light_one - light_two) / both)[:, None, None]  # what uneven sources show without a sample
    transfer = (one - two) / both[:, None, None] - empty * (one + two) / both[:, None, None]
    shown = torch.fft.fft2(differences(left, right) - empty)
    solved = (transfer.conj() * shown).sum(0) / (transfer.abs().square().sum(0) + regulariser)
    solved[0, 0] = 0
    return torch.fft.ifft2(solved).real


def half_circles(na: np.ndarray, objective_na: float) -> tuple[np.ndarray, np.ndarray]:
    """LEDs inside the objective's NA on either side of the axis, for pairs along y and along x: (pair, led) 0 or 1.

    `na` are direction cosines (led, 2), `objective_na` the radius of the disc that is halved. LEDs on the dividing
    line belong to neither side.
    """
    bright = np.hypot(*np.asarray(na).T) < objective_na
    side = np.asarray(na).T
    line = 1e-3 * objective_na
    return (bright & (side > line)).astype(np.float32), (bright & (side < -line)).astype(np.float32)

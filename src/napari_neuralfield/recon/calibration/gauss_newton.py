"""One Gauss-Newton step for everything about the microscope at once, the object held.

With the model a = sqrt(gain |image|^2 + floor) of an LED's amplitude m, every parameter p contributes a column
da/dp = gain Re(conj(image) d image/dp) / a to the residual m - a. A direction moves the pupil against the object:
its column is a central difference of the hard-edged pupil. Each LED's own parameters only meet those that all share,
so they are eliminated LED by LED (Schur complement).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from ...forward import fourier
from .trial_microscope import TrialMicroscope

OWN = ("na_y", "na_x", "gain", "floor")  # of each LED; gain is its logarithm
CHUNK = 32
DAMPING = 1e-3
OFFSET = 1.5  # of the noise, added under both roots: 3/8 electron, so that few electrons are as noisy as many


@dataclasses.dataclass(frozen=True)
class Equations:
    """Normal equations, each LED's part divided by its noise.

    own : names of the parameters each LED has (p); shared : of those that all have in common (s).
    own_matrix (led, p, p), cross (led, p, s), shared_matrix (s, s); own_right (led, p), shared_right (s,).
    misfit : mean squared residual of each LED (led,).
    """

    own: tuple[str, ...]
    shared: tuple[str, ...]
    own_matrix: np.ndarray
    cross: np.ndarray
    shared_matrix: np.ndarray
    own_right: np.ndarray
    shared_right: np.ndarray
    misfit: np.ndarray


def linearise(
    microscope: TrialMicroscope,
    plan: fourier.Windows,
    spectrum: torch.Tensor,
    counts: torch.Tensor,
    *,
    own: Sequence[str],
    shared: Sequence[str],
    noise: np.ndarray,
    step_bins: float,
    stride: int = 1,
    region: torch.Tensor | None = None,
) -> Equations:
    """The normal equations about `microscope`.

    Parameters
    ----------
    spectrum : centred object spectrum (Y, X); counts : frames on the image grid (led, y, x), bright field 1.
    own : of OWN; shared : of 'floor', 'z_um', 'wavelength_um' and 'zernike_J'.
    noise : variance of each LED's amplitude (led,): weighs the LEDs, and keeps the root away from zero.
    step_bins : half the width of the central differences, bins of the pupil's grid.
    stride : look at every `stride`-th pixel of each axis only.
    region : weight of each pixel of the image, 0 to 1 (y, x); 1 where None.
    """
    region = torch.ones(plan.image_shape) if region is None else region
    parts: list[tuple[torch.Tensor, ...]] = []
    for start in range(0, len(counts), CHUNK):
        leds = np.arange(start, min(start + CHUNK, len(counts)))
        frames = counts[leds]
        parts.append(_part(microscope, plan, spectrum, frames, leds, own, shared, noise, region, step_bins, stride))
    own_matrix, cross, own_right, misfit = (torch.cat([p[k] for p in parts]).double().numpy() for k in range(4))
    shared_matrix = sum(p[4].double() for p in parts).numpy()  # type: ignore[union-attr]
    shared_right = sum(p[5].double() for p in parts).numpy()  # type: ignore[union-attr]
    return Equations(
        tuple(own), tuple(shared), own_matrix, cross, shared_matrix, own_right, shared_right, misfit
    )


def _part(
    microscope: TrialMicroscope,
    plan: fourier.Windows,
    spectrum: torch.Tensor,
    counts: torch.Tensor,
    leds: np.ndarray,
    own: Sequence[str],
    shared: Sequence[str],
    noise: np.ndarray,
    region: torch.Tensor,
    step_bins: float,
    stride: int,
) -> tuple[torch.Tensor, ...]:
    """The sums over one chunk of LEDs, in the order `linearise` reads them."""
    rows, columns = plan.box
    cut = torch.stack([spectrum[y : y + rows, x : x + columns] for y, x in plan.corner[leds].tolist()])
    variance, gain, floor = (
        torch.as_tensor(values[leds], dtype=torch.float32)[:, None, None]
        for values in (noise, microscope.gain, microscope.floor)
    )
    phases = microscope.phases(plan, leds)
    phase = microscope.phase(phases)
    pupil = microscope.pupils(plan, leds, phase)
    view = sampler(plan, stride)
    image = view(cut * pupil)
    light = gain * (image.real**2 + image.imag**2)
    model = torch.sqrt(light + floor + OFFSET * variance)
    field = region[::stride, ::stride]
    residual = (rooted(counts[:, ::stride, ::stride], variance) - model) * field
    weight = field / (model * variance.sqrt())

    def changes() -> Iterator[tuple[str, torch.Tensor]]:
        """Name and change of the pupil (led, y, x) of every parameter that acts through it."""
        for axis, name in enumerate(("na_y", "na_x")):
            if name in own:
                yield name, _by_direction(microscope, plan, leds, axis, step_bins, phase)
        for name in shared:
            if name in phases:
                yield name, pupil * (1j * phases[name])
            elif name == "wavelength_um":
                yield name, _by_wavelength(microscope, plan, leds, step_bins)

    columns_of = {
        name: (gain * weight * (image.real * moved.real + image.imag * moved.imag)).flatten(1)
        for name, change in changes()
        for moved in (view(cut * change),)
    }
    columns_of["gain"] = (light * weight / 2).flatten(1)
    columns_of["floor"] = (weight / 2).flatten(1)
    mine = torch.stack([columns_of[name] for name in own], 1)  # (led, p, pixel)
    ours = torch.stack([columns_of[name] for name in shared], 1) if shared else mine[:, :0]  # (led, s, pixel)
    rest = (residual / variance.sqrt()).flatten(1)[:, :, None]
    many = float(stride**2)
    return (
        mine @ mine.transpose(1, 2) * many,
        mine @ ours.transpose(1, 2) * many,
        (mine @ rest)[..., 0] * many,
        residual.square().mean(dim=(1, 2)) / field.square().mean(),
        (ours @ ours.transpose(1, 2) * many).sum(0),
        (ours @ rest)[..., 0].sum(0) * many,
    )


def rooted(counts: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """Root of counts whose root has this variance, so that its noise is the same for few electrons: Anscombe 1948."""
    return torch.sqrt(torch.clamp(counts + OFFSET * variance, min=0))


def sampler(plan: fourier.Windows, stride: int) -> Any:
    """Images of windows at every `stride`-th pixel: the spectrum, folded onto the coarser grid, gives them exactly."""
    if stride == 1 or any(n % stride for n in plan.image_shape):
        return lambda spectra: torch.fft.ifft2(spectra, s=plan.image_shape, norm="forward")[..., ::stride, ::stride]
    small = [n // stride for n in plan.image_shape]
    pad = [-(-b // n) * n - b for b, n in zip(plan.box, small, strict=True)]

    def view(spectra: torch.Tensor) -> torch.Tensor:
        whole = torch.nn.functional.pad(spectra, (0, pad[1], 0, pad[0]))
        folds = whole.unflatten(-1, (-1, small[1])).sum(-2).unflatten(-2, (-1, small[0])).sum(-3)
        return torch.fft.ifft2(folds, norm="forward")

    return view


def _by_direction(
    microscope: TrialMicroscope,
    plan: fourier.Windows,
    leds: np.ndarray,
    axis: int,
    step_bins: float,
    phase: torch.Tensor,
) -> torch.Tensor:
    """Derivative of the pupils by na along `axis`, as a central difference that carries the hard edge along.

    The phase is smooth: its value beside a bin follows from the neighbours' by its first two differences.
    """
    step = step_bins * plan.bin[axis] * plan.wavelength_um
    ahead, behind = phase.roll(-1, axis + 1), phase.roll(1, axis + 1)  # what rolls in lies outside the aperture
    slope, bend = (ahead - behind) / 2, ahead - 2 * phase + behind
    both = []
    for sign in (1, -1):
        shift = (sign * step, 0.0) if axis == 0 else (0.0, sign * step)
        moved = phase + sign * step_bins * slope + step_bins**2 / 2 * bend
        both.append(torch.polar(microscope.apertures(plan, leds, shift), moved))
    change = (both[0] - both[1]) / (2 * step)
    return change if plan.pupil is None else change * fourier.between_bins(plan, leds)


def _by_wavelength(
    microscope: TrialMicroscope, plan: fourier.Windows, leds: np.ndarray, step_bins: float
) -> torch.Tensor:
    """Derivative of the pupils by the wavelength: the windows, the aperture and the defocus all scale with it."""
    step = step_bins * plan.bin[0] / plan.cutoff * plan.wavelength_um
    ahead, behind = (_at_wavelength(microscope, plan, leds, plan.wavelength_um + sign * step) for sign in (1, -1))
    return (ahead - behind) / (2 * step)


def _at_wavelength(
    microscope: TrialMicroscope, plan: fourier.Windows, leds: np.ndarray, wavelength_um: float
) -> torch.Tensor:
    moved = dataclasses.replace(
        plan,
        wavelength_um=wavelength_um,
        cutoff=plan.cutoff * plan.wavelength_um / wavelength_um,
        remainder=plan.remainder + microscope.na * (1 / wavelength_um - 1 / plan.wavelength_um),
    )
    return microscope.pupils(moved, leds)


@dataclasses.dataclass(frozen=True)
class NewtonStep:
    """Changes of each LED's own parameters (led, p) and of the shared ones (s), in the order of the equations.

    curvature : what is left of the shared matrix once the LEDs' own parameters may follow (s, s).
    """

    own: np.ndarray
    shared: np.ndarray
    curvature: np.ndarray


def solve(equations: Equations, prior: np.ndarray | None = None, pull: np.ndarray | None = None) -> NewtonStep:
    """The step that the equations ask for.

    Parameters
    ----------
    prior : inverse variance that holds each own parameter (p,), in its unit; none where None.
    pull : where the prior wants each LED's own parameters to go from here (led, p).
    """
    own, right = equations.own_matrix.copy(), equations.own_right.copy()
    diagonal = np.arange(own.shape[1])
    if prior is not None:
        own[:, diagonal, diagonal] += prior
        right += prior * (0 if pull is None else pull)
    own[:, diagonal, diagonal] *= 1 + DAMPING
    own[:, diagonal, diagonal] += 1e-12
    inverse = np.linalg.inv(own)
    cross = equations.cross
    curvature = equations.shared_matrix - (cross.transpose(0, 2, 1) @ inverse @ cross).sum(0)
    damped = curvature + DAMPING * np.diag(np.diag(equations.shared_matrix)) + 1e-12 * np.eye(len(curvature))
    slope = equations.shared_right - (cross.transpose(0, 2, 1) @ (inverse @ right[..., None]))[..., 0].sum(0)
    shared = np.linalg.solve(damped, slope)
    return NewtonStep((inverse @ (right - cross @ shared)[..., None])[..., 0], shared, curvature)


def shared_by(equations: Equations, names: Sequence[str], chain: np.ndarray, into: Sequence[str]) -> Equations:
    """Equations in which the own parameters `names` only move together: by `chain` (led, names, into) with `into`."""
    which = [equations.own.index(name) for name in names]
    stay = [k for k in range(len(equations.own)) if k not in which]
    turned = chain.transpose(0, 2, 1)  # (led, into, names)
    block = equations.own_matrix[:, which][:, :, which]
    top = (turned @ block @ chain).sum(0)
    side = (turned @ equations.cross[:, which]).sum(0)
    right = (turned @ equations.own_right[:, which, None])[..., 0].sum(0)
    with_chain = equations.own_matrix[:, stay][:, :, which] @ chain
    return dataclasses.replace(
        equations,
        own=tuple(equations.own[k] for k in stay),
        shared=(*into, *equations.shared),
        own_matrix=equations.own_matrix[:, stay][:, :, stay],
        cross=np.concatenate([with_chain, equations.cross[:, stay]], axis=2),
        shared_matrix=np.block([[top, side], [side.T, equations.shared_matrix]]),
        own_right=equations.own_right[:, stay],
        shared_right=np.concatenate([right, equations.shared_right]),
    )

"""One Gauss-Newton step for everything about the microscope at once, the object held.

With the model a = sqrt(gain |image|^2 + floor) of an LED's amplitude m, every parameter p contributes a column
da/dp = gain Re(conj(image) d image/dp) / a to the residual m - a. A direction moves the pupil against the object:
its column is a central difference of the hard-edged pupil. Each LED's own parameters only meet those that all share,
so they are eliminated LED by LED (Schur complement). What the frames cannot tell apart shows in the same equations.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ...forward import fourier
from .trial_microscope import OFFSET, Belief, TrialMicroscope

OWN = ("na_y", "na_x", "gain", "floor")  # of each LED; gain is its logarithm
DAMPING = 1e-3
ALIKE = 0.98  # correlation of two answers above which the frames hardly tell them apart
WORDS = {
    "turn": "the board's turn",
    "shift_y": "the board's shift along y",
    "shift_x": "the board's shift along x",
    "scale": "the board's height (or pitch)",
    "z_um": "the sample's depth",
    "wavelength_um": "the wavelength",
    "floor": "the ambient light",
}


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


def linearise(belief: Belief, *, own: Sequence[str], shared: Sequence[str], step_bins: float) -> Equations:
    """The normal equations about `belief`.

    Parameters
    ----------
    own : parameters that each LED has for itself, of OWN.
    shared : those that all have in common, of 'floor', 'z_um', 'wavelength_um' and 'zernike_J'.
    step_bins : half the width of the central differences, bins of the pupil's grid.
    """
    parts = [_part(belief, leds, own, shared, step_bins) for leds in belief.chunks()]
    found = {
        name: torch.stack([p[name].double() for p in parts]).sum(0)
        if name.startswith("shared_")
        else torch.cat([p[name] for p in parts]).double()
        for name in parts[0]
    }
    return Equations(tuple(own), tuple(shared), **{name: value.numpy() for name, value in found.items()})


def _part(
    belief: Belief, leds: np.ndarray, own: Sequence[str], shared: Sequence[str], step_bins: float
) -> dict[str, torch.Tensor]:
    """The sums over one chunk of LEDs, by their names in `Equations`."""
    microscope, plan, field, cut = belief.microscope, belief.plan, belief.weight, belief.windows(leds)
    gain, floor, variance = belief.brightness(leds)
    phases = microscope.phases(plan, leds)
    phase = microscope.phase(phases)
    pupil = microscope.pupils(plan, leds, phase)
    image = belief.images(cut * pupil)
    light = gain * (image.real**2 + image.imag**2)
    model = torch.sqrt(light + floor + OFFSET * variance)
    residual = (belief.roots(leds, variance) - model) * field
    weight = field / (model * variance.sqrt())

    def changes() -> Iterator[tuple[str, torch.Tensor]]:
        """Name and change of the pupil (led, y, x) of every parameter that acts through it."""
        for axis, name in enumerate(("na_y", "na_x")):
            if name in own:
                yield name, _by_direction(belief, leds, axis, step_bins, phase)
        for name in shared:
            if name in phases:
                yield name, pupil * (1j * phases[name])
            elif name == "wavelength_um":
                yield name, _by_wavelength(microscope, plan, leds, step_bins)

    columns_of = {
        name: (gain * weight * (image.real * moved.real + image.imag * moved.imag)).flatten(1)
        for name, change in changes()
        for moved in (belief.images(cut * change),)
    }
    columns_of["gain"] = (light * weight / 2).flatten(1)
    columns_of["floor"] = (weight / 2).flatten(1)
    mine = torch.stack([columns_of[name] for name in own], 1)  # (led, p, pixel)
    ours = torch.stack([columns_of[name] for name in shared], 1) if shared else mine[:, :0]  # (led, s, pixel)
    rest = (residual / variance.sqrt()).flatten(1)[:, :, None]
    many = float(belief.stride**2)
    return {
        "own_matrix": mine @ mine.transpose(1, 2) * many,
        "cross": mine @ ours.transpose(1, 2) * many,
        "own_right": (mine @ rest)[..., 0] * many,
        "misfit": residual.square().mean(dim=(1, 2)) / field.square().mean(),
        "shared_matrix": (ours @ ours.transpose(1, 2) * many).sum(0),
        "shared_right": (ours @ rest)[..., 0].sum(0) * many,
    }


def _by_direction(belief: Belief, leds: np.ndarray, axis: int, step_bins: float, phase: torch.Tensor) -> torch.Tensor:
    """Derivative of the pupils by na along `axis`, as a central difference that carries the hard edge along.

    The phase is smooth: its value beside a bin follows from the neighbours' by its first two differences.
    """
    plan = belief.plan
    step = step_bins * plan.bin[axis] * plan.wavelength_um
    ahead, behind = phase.roll(-1, axis + 1), phase.roll(1, axis + 1)  # what rolls in lies outside the aperture
    slope, bend = (ahead - behind) / 2, ahead - 2 * phase + behind
    both = []
    for sign in (1, -1):
        shift = (sign * step, 0.0) if axis == 0 else (0.0, sign * step)
        moved = phase + sign * step_bins * slope + step_bins**2 / 2 * bend
        both.append(torch.polar(belief.microscope.apertures(plan, leds, shift), moved))
    change = (both[0] - both[1]) / (2 * step)
    return change if plan.pupil is None else change * fourier.between_bins(plan, leds)


def _by_wavelength(
    microscope: TrialMicroscope, plan: fourier.Windows, leds: np.ndarray, step_bins: float
) -> torch.Tensor:
    """Derivative of the pupils by the wavelength: the windows, the aperture and the defocus all scale with it."""
    step = step_bins * plan.bin[0] / plan.cutoff * plan.wavelength_um
    both = []
    for wavelength in (plan.wavelength_um + step, plan.wavelength_um - step):
        moved = dataclasses.replace(
            plan,
            wavelength_um=wavelength,
            cutoff=plan.cutoff * plan.wavelength_um / wavelength,
            remainder=plan.remainder + microscope.na * (1 / wavelength - 1 / plan.wavelength_um),
        )
        both.append(microscope.pupils(moved, leds))
    return (both[0] - both[1]) / (2 * step)


@dataclasses.dataclass(frozen=True)
class NewtonStep:
    """Changes of each LED's own parameters (led, p) and of the shared ones (s), in the order of the equations.

    curvature : what is left of the shared matrix once the LEDs' own parameters may follow (s, s).
    """

    own: np.ndarray
    shared: np.ndarray
    curvature: np.ndarray


def solve(equations: Equations) -> NewtonStep:
    """The step that the equations ask for."""
    reduced = eliminated(equations)
    curvature = reduced.curvature
    damped = curvature + DAMPING * np.diag(np.diag(equations.shared_matrix)) + 1e-12 * np.eye(len(curvature))
    shared = np.linalg.solve(damped, reduced.right)
    return NewtonStep(reduced.own(shared), shared, curvature)


@dataclasses.dataclass(frozen=True)
class Reduced:
    """Equations of the shared parameters alone, the LEDs' own ones following.

    equations : all of them; inverse : of each LED's own matrix, damped (led, p, p).
    curvature (s, s), right (s,) : of the shared ones.
    """

    equations: Equations
    inverse: np.ndarray
    curvature: np.ndarray
    right: np.ndarray

    def own(self, shared: np.ndarray) -> np.ndarray:
        """What each LED's own parameters do (led, p) where the shared ones do `shared` (s,)."""
        rest = self.equations.own_right - self.equations.cross @ shared
        found: np.ndarray = (self.inverse @ rest[..., None])[..., 0]
        return found


def eliminated(equations: Equations) -> Reduced:
    """`equations` without the LEDs' own parameters: Schur's complement."""
    own, right = equations.own_matrix.copy(), equations.own_right
    diagonal = np.arange(own.shape[1])
    own[:, diagonal, diagonal] *= 1 + DAMPING
    own[:, diagonal, diagonal] += 1e-12
    inverse = np.linalg.inv(own)
    cross = equations.cross
    curvature = equations.shared_matrix - (cross.transpose(0, 2, 1) @ inverse @ cross).sum(0)
    slope = equations.shared_right - (cross.transpose(0, 2, 1) @ (inverse @ right[..., None]))[..., 0].sum(0)
    return Reduced(equations, inverse, curvature, slope)


def shared_by(equations: Equations, names: Sequence[str], chain: np.ndarray, into: Sequence[str]) -> Equations:
    """`equations` in which some of the LEDs' own parameters only move together.

    Parameters
    ----------
    names : the own parameters that no longer move freely.
    chain : their change per unit of each parameter in `into` (led, names, into).
    into : the shared parameters that move them, put first.
    """
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


def doubts(equations: Equations) -> Iterator[str]:
    """A sentence for each pair of shared parameters whose answers go hand in hand.

    The inverse of what is left of their matrix, once each LED's own parameters may follow, is their covariance.
    """
    if len(equations.shared) < 2:
        return
    curvature = solve(equations).curvature
    size = np.sqrt(np.maximum(np.diag(curvature), 1e-30))
    scaled = curvature / np.outer(size, size)
    covariance = np.linalg.inv(scaled + 1e-9 * np.eye(len(scaled)))
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-30))
    correlation = covariance / np.outer(deviation, deviation)
    for i, first in enumerate(equations.shared):
        for j in range(i):
            if abs(correlation[i, j]) > ALIKE:
                yield (
                    f"the frames hardly tell {named(equations.shared[j])} from {named(first)} "
                    f"(correlation {correlation[i, j]:.3f}); give one of them and learn only the other"
                )


def named(parameter: str) -> str:
    """A parameter in words."""
    if parameter.startswith("zernike_"):
        return f"Zernike term {parameter[8:]} of the pupil"
    return WORDS.get(parameter, parameter)

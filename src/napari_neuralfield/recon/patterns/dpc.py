"""Phase from bright-field patterns: differential phase contrast of any set of patterns, solved at once.

Each bright-field frame, over its own mean, is compared with the mean of all of them: i_k / mean(i) - 1. To first order
that is linear in phase and absorption (`linear.weak_transfer`); for two halves it is the familiar
(left - right) / (left + right). All frames are solved together for both by Tikhonov least squares (L. Tian, L. Waller,
Opt. Express 23, 11394 (2015)): one filter per frame where frames are periodic; else what lies round them is
unknown, and a few steps of conjugate gradients find an object on a larger grid that explains what was seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from scipy.linalg import helmert

from ... import compute
from ...data.acquisition import MultiplexedLed
from ...data.borders import patterns_repeat
from ...fields.phase_map import PhaseMap
from ...optics.grids import fast_length
from ...types import Done, Event, InputError, Note, Preview, Progress, Result
from ..engine.recipe import Recipe, method, option
from .linear import DARK, Pupil, clear_pupil, known_pupil, weak_transfer
from .report import report

REGULARISER = 3e-3  # of the largest |transfer|^2: little enough for the middle, enough for the edge of what is seen
ABSORPTION = 10.0  # times the regulariser: absorption is expected to be this much weaker (in power) than phase
BLIND = 1e-4  # patterns whose largest |transfer|^2 is below this do not tell phase
FINER = 4  # pixels per frame pixel at which the frames are simulated again
MARGIN = 16  # pixels round frames whose borders do not agree
STEPS = 3  # of conjugate gradients: more change nothing that can be seen
PRECONDITION = 0.03  # regulariser of the inverse that starts each step


class DpcSolver:
    """Phase of images under given bright-field patterns; built once, called thousands of times.

    Parameters
    ----------
    led_na : direction cosines of the LEDs (led, 2).
    patterns : brightness of each LED in each bright-field pattern (pattern, led), two patterns or more.
    objective_na, wavelength_um : of the microscope; in vacuum.
    pixel_um, shape : of the images; (y, x).
    regulariser : Tikhonov's, a share of the largest squared transfer.
    pupil : of the microscope; without aberrations where None.
    margin : pixels round the images where the object goes on unseen; 0: the images are periodic.

    Raises
    ------
    InputError : where the patterns light the sample too much alike to tell its phase.
    """

    def __init__(
        self,
        led_na: np.ndarray,
        patterns: np.ndarray | torch.Tensor,
        *,
        objective_na: float,
        wavelength_um: float,
        pixel_um: float,
        shape: tuple[int, int],
        regulariser: float = REGULARISER,
        pupil: Pupil | None = None,
        margin: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.shape, self.margin = shape, margin
        rows, columns = (fast_length(n + 2 * margin) for n in shape) if margin else shape
        self.grid = rows, columns
        source = torch.tensor(np.asarray(patterns), dtype=torch.float32, device=device)
        pupil = pupil or clear_pupil(objective_na / wavelength_um)
        phase, absorption, light = weak_transfer(
            source, led_na, self.grid, pixel_um=(pixel_um, pixel_um), wavelength_um=wavelength_um, pupil=pupil
        )
        if len(source) < 2 or not bool((light > 0).all()):
            raise InputError(
                f"phase needs at least 2 patterns with light inside the objective's NA of {objective_na:g}, of these "
                f"{int((light > 0).sum())} have some; check the LED directions and the NA"
            )
        self.contrasts = torch.tensor(helmert(len(source)), dtype=torch.float32, device=device)  # what differs
        both = torch.stack([phase, absorption], dim=1)[..., : columns // 2 + 1] / light[:, None, None, None]
        both = torch.einsum("ck,kuyx->cuyx", self.contrasts.to(both.dtype), both)  # (contrast, unknown, y, x)
        power = both.abs().square().sum(0).amax((1, 2)).tolist()
        if power[0] < BLIND:
            raise InputError(
                "the bright-field patterns light the sample too much alike to tell its phase; "
                "patterns must differ to the sides, such as two halves of the disc"
            )
        self.transfer = both if power[1] > 1e-6 * power[0] else both[:, :1]
        self.floor = power[0] * torch.tensor([1.0, ABSORPTION], device=device)[: self.transfer.shape[1]]
        self.regulariser = regulariser
        if margin:
            self.inverse = _inverse(self.transfer, self.floor * max(PRECONDITION, regulariser))
        else:
            inverse = _inverse(self.transfer, self.floor * regulariser)
            self.filters = torch.einsum("uvyx,cvyx->cuyx", inverse, self.transfer.conj())[:, 0]

    @torch.no_grad()
    def __call__(self, bright: torch.Tensor) -> torch.Tensor:
        """Phase (..., y, x), rad, mean 0, of intensities (..., pattern, y, x), each in any unit of its own."""
        level = bright / bright.mean((-2, -1), keepdim=True).clamp(min=1e-12)
        level = level / level.mean(-3, keepdim=True).clamp(min=DARK)
        change = torch.einsum("ck,...kyx->...cyx", self.contrasts, level)
        if not self.margin:
            phase = torch.fft.irfft2((self.filters * torch.fft.rfft2(change)).sum(-3), s=self.grid)
        else:
            phase = self._among_unknown(change)
        return phase - phase.mean((-2, -1), keepdim=True)

    def _among_unknown(self, change: torch.Tensor) -> torch.Tensor:
        """Phase (..., y, x) of a cut-out: preconditioned conjugate gradients for spectra (..., unknown, y, x)."""
        seen = (..., *(slice(self.margin, self.margin + n) for n in self.shape))
        ends = [total - n - self.margin for total, n in zip(self.grid, self.shape, strict=True)]
        around = (self.margin, ends[1], self.margin, ends[0])

        def back(images: torch.Tensor) -> torch.Tensor:
            spectra = torch.fft.rfft2(torch.nn.functional.pad(images, around), norm="ortho")
            return torch.einsum("cuyx,...cyx->...uyx", self.transfer.conj(), spectra)

        def again(spectra: torch.Tensor) -> torch.Tensor:
            images = torch.fft.irfft2(
                torch.einsum("cuyx,...uyx->...cyx", self.transfer, spectra), s=self.grid, norm="ortho"
            )
            return back(images[seen]) + self.regulariser * self.floor[:, None, None] * spectra

        residual = back(change)
        found, direction = torch.zeros_like(residual), torch.zeros_like(residual)
        before = residual.new_ones(()).real
        for _ in range(STEPS):
            eased = torch.einsum("uvyx,...vyx->...uyx", self.inverse, residual)
            slope = self._product(residual, eased)
            direction = eased + slope / before * direction
            image = again(direction)
            step = slope / self._product(direction, image).clamp(min=1e-30)
            found, residual, before = found + step * direction, residual - step * image, slope.clamp(min=1e-30)
        return torch.fft.irfft2(found[..., 0, :, :], s=self.grid, norm="ortho")[seen]

    def _product(self, one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
        """Inner product of real images given as halves of their spectra (..., 1, 1, 1)."""
        twice = one.new_full((one.shape[-1],), 2.0).real
        twice[0] = 1.0
        if self.grid[1] % 2 == 0:
            twice[-1] = 1.0
        return ((one.conj() * two).real * twice).sum((-3, -2, -1), keepdim=True)


def bright_frames(acquisition: MultiplexedLed) -> np.ndarray:
    """Frames most of whose light comes from inside the objective's NA (index,), two at least.

    Raises
    ------
    InputError : where there are fewer.
    """
    patterns = np.asarray(acquisition.patterns, dtype=float)
    inside = np.hypot(*np.asarray(acquisition.led_na).T) <= acquisition.objective_na
    found = np.flatnonzero(patterns @ inside > 0.5 * np.maximum(patterns.sum(1), 1e-12))
    if len(found) < 2:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: {len(found)} of {acquisition.frame_count} patterns are bright "
            f"field (LEDs inside the NA of {acquisition.objective_na:g}); phase needs at least 2 that differ, such as "
            "halves of the disc"
        )
    return found


def dpc_of(
    acquisition: MultiplexedLed, regulariser: float = REGULARISER, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Phase (y, x), rad, mean 0, of an acquisition on the pixels of its frames, from its bright-field patterns.

    `regulariser` as of `DpcSolver`; `device` is the one that computes.

    Raises
    ------
    InputError : where fewer than two bright-field patterns differ, or a frame holds no light.
    """
    chosen = acquisition.subset(bright_frames(acquisition))
    bright = torch.as_tensor(chosen.intensity(), device=device)
    dark = torch.nonzero(bright.mean((1, 2)) <= 0)[:, 0].tolist()
    if dark:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: bright-field pattern {dark[0]} has a mean of "
            f"{float(bright[dark[0]].mean()):g}; it must hold light, so check the background that is subtracted"
        )
    solver = DpcSolver(
        np.asarray(chosen.led_na),
        np.asarray(chosen.patterns),
        objective_na=chosen.objective_na,
        wavelength_um=chosen.wavelength_um,
        pixel_um=chosen.pixel_um,
        shape=chosen.frame_shape,
        regulariser=regulariser,
        pupil=_pupil_of(acquisition),
        margin=0 if patterns_repeat(acquisition.intensity()) else MARGIN,
        device=device,
    )
    return solver(bright).to(compute.REAL)


class DpcRecipe(Recipe):
    """Options of `dpc`."""

    method: str = "dpc"
    regulariser: float = option(
        REGULARISER,
        "what is added to the squared transfer before dividing by it, as a share of its largest value; "
        "larger: smoother, with less noise",
        gt=0,
        le=10,
    )


@method("dpc", DpcRecipe, kinds=("multiplexed_led",))
def dpc(acquisition: MultiplexedLed, recipe: DpcRecipe) -> Iterator[Event]:
    """Differential phase contrast: phase of one plane from the bright-field patterns, at once.

    `acquisition`: with two bright-field patterns that differ; `recipe`: how smooth the phase is.
    """
    started = time.process_time()
    phase = dpc_of(acquisition, recipe.regulariser, compute.device(recipe.device))
    field = PhaseMap.from_grid(phase, 0.0, acquisition.pixel_um)
    yield Progress(1, 1, math.nan, "filters")
    yield Preview(field, 0.0)
    about = report(acquisition, field, FINER)
    told = {name: value for name, value in about.optics.items() if not name.startswith("trust")}  # of networks' phases
    if about.untold:
        yield Note(about.untold)
    figures = about.figures | {"cpu_seconds": time.process_time() - started}
    yield Done(Result(field, recipe.model_dump(), told, figures=figures, title=acquisition.title))


def _pupil_of(acquisition: MultiplexedLed) -> Pupil | None:
    if acquisition.pupil is None:
        return None
    values = torch.from_numpy(np.array(acquisition.pupil, np.complex64))
    cutoff = acquisition.objective_na / acquisition.wavelength_um
    return known_pupil(values, cutoff, (acquisition.pixel_um, acquisition.pixel_um))


def _inverse(transfer: torch.Tensor, regulariser: torch.Tensor) -> torch.Tensor:
    """Inverse normal matrix (unknown, unknown, y, x) of one or two unknowns at every frequency; nothing at zero."""
    normal = torch.einsum("cuyx,cvyx->uvyx", transfer.conj(), transfer)
    normal = normal + torch.diag(regulariser)[..., None, None]
    if len(normal) == 1:
        inverse = 1 / normal
    else:
        (a, b), (c, d) = normal
        inverse = torch.stack([torch.stack([d, -b]), torch.stack([-c, a])]) / (a * d - b * c)
    inverse[..., 0, 0] = 0
    return inverse

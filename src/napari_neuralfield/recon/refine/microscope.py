"""What a fit may change of the microscope, and the images that follow from it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...forward import fourier
from ...forward.soft_rim import sharp_rim, soft_aperture
from ...optics.grids import at_frequencies, fast_length
from ...optics.pupil import axial_frequency, wavefront
from ..calibration.trial_microscope import tables

BEYOND = 16  # camera pixels around the frame in which the object goes on
SOFT_MARGIN = 0.06  # of the NA: how far light beyond the rim is looked for
NOLL = tuple(range(5, 23))  # to the second spherical aberration; defocus is learnt as a depth
DEPTH = 0.2  # depths of field by which the depth changes where its parameter changes by 1
BOARD = 6  # terms of a quadratic surface: shift, turn and scale, and what a tilted board does

Values = dict[str, torch.Tensor]


@dataclasses.dataclass(frozen=True)
class FitGrid:
    """Where everything lies: the windows of the LEDs on a grid that reaches beyond the frame.

    Parameters
    ----------
    plan : windows; cut-off at the nominal NA.
    inside : the frame on the grid (y, x).
    object_shape : (y, x) samples of the object over the grid.
    corner : first bin of each LED's window in the object's centred spectrum (led, 2).
    known : factor on the pupil in each window that was known before (led, y, x), or None.
    """

    plan: fourier.Windows
    inside: tuple[slice, slice]
    object_shape: tuple[int, int]
    corner: list[list[int]]
    known: torch.Tensor | None
    device: torch.device

    @property
    def offset(self) -> tuple[int, int]:
        """(y, x) pixels of the grid before the frame's first."""
        return self.inside[0].start, self.inside[1].start


def grid_of(acquisition: LedArray, device: torch.device, beyond: int = BEYOND) -> FitGrid:
    """The grid on which an `acquisition` is fitted on `device`, `beyond` pixels wider than the frame all round."""
    rows, columns = acquisition.frame_shape
    shape = (fast_length(rows + 2 * beyond), fast_length(columns + 2 * beyond))
    plan = fourier.windows(acquisition, crop=False, margin=SOFT_MARGIN, shape=shape)
    plan = dataclasses.replace(plan, cutoff=acquisition.objective_na / acquisition.wavelength_um)
    known = None
    if acquisition.pupil is not None:
        pupil = at_frequencies(np.asarray(acquisition.pupil), acquisition.pixel_um, shape)
        known = fourier.between_bins(
            dataclasses.replace(plan, pupil=fourier.on_window(pupil, plan.box)), slice(None), device
        )
    size = tuple(fast_length(n) for n in plan.spectrum_shape)
    lead = np.array([n // 2 - m // 2 for n, m in zip(size, plan.spectrum_shape, strict=True)])
    first = [(n - m) // 2 for n, m in zip(shape, (rows, columns), strict=True)]
    inside = (slice(first[0], first[0] + rows), slice(first[1], first[1] + columns))
    corner = (plan.corner + lead).tolist()
    return FitGrid(plan=plan, inside=inside, object_shape=(size[0], size[1]), corner=corner, known=known, device=device)


class FitMicroscope:
    """The microscope of a fit: the values that may change, by name, and what they mean.

    Attributes
    ----------
    values : `directions` (led, 2) and `board` (6, 2): changes of the windows' places, bins; `gain` (led,): logarithm
        of the LEDs' brightness, mean brightness 1; `zernike` (term,): rad; `rim` (6,): see `soft_rim`; `depth` (1,):
        change of the depth; `ambient` (2,): light that grows with the exposure, and light that does not.
    """

    def __init__(self, acquisition: LedArray, grid: FitGrid, z_um: float, gains: np.ndarray, ambient: float) -> None:
        """Start as `acquisition` says on its `grid`, at depth `z_um`, with intensities `gains` (led,) and `ambient`."""
        count, device = acquisition.frame_count, grid.device
        self.grid, self.z_um = grid, z_um
        self.depth_of_field = acquisition.wavelength_um / acquisition.objective_na**2
        na = np.asarray(acquisition.illumination_na)
        place = na / np.abs(na).max()
        terms = np.c_[np.ones(count), place, place**2, place[:, :1] * place[:, 1:]]
        self.terms = torch.as_tensor(terms, dtype=torch.float32, device=device)
        gain = torch.as_tensor(np.asarray(gains), dtype=torch.float32)
        self.values: Values = {
            "directions": torch.zeros(count, 2), "board": torch.zeros(BOARD, 2),
            "gain": torch.log(gain / gain.mean()), "zernike": torch.zeros(len(NOLL)), "rim": sharp_rim(),
            "depth": torch.zeros(1), "ambient": torch.tensor([ambient, 0.0]),
        }  # fmt: skip
        self.values = {name: value.to(device) for name, value in self.values.items()}

    def moved(self, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Change of every LED's window, bins (led, 2)."""
        return values["directions"] + self.terms @ values["board"]

    def pupils(self, leds: np.ndarray, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Pupil in the windows of `leds` (led,), complex (led, y, x), differentiable in `values`."""
        plan = self.grid.plan
        step = torch.tensor(plan.bin, dtype=torch.float32, device=self.grid.device) * plan.wavelength_um
        fy, fx = fourier.pupil_frequencies(plan, leds, self.grid.device, na_shift=self.moved(values)[leds] * step)
        table = torch.einsum("t,tab->ab", values["zernike"], tables(NOLL).to(fy.device))
        powers = torch.arange(len(table), device=fy.device)
        phase = (fy / plan.cutoff) ** powers @ table @ ((fx / plan.cutoff).mT ** powers).mT
        z = self.z_um + values["depth"] * DEPTH * self.depth_of_field
        phase = phase + 2 * math.pi * z * (axial_frequency(fy, fx, plan.wavelength_um) - 1 / plan.wavelength_um)
        found = torch.polar(soft_aperture(fy, fx, plan.cutoff, values["rim"]), phase)
        return found if self.grid.known is None else found * self.grid.known[leds]

    def light(self, spectrum: torch.Tensor, leds: np.ndarray, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """What the camera sees of each of `leds` (led, y, x) at a gain and an exposure of 1, without ambient light.

        `spectrum` : of the object, centred, on the object's grid (Y, X).
        """
        rows, columns = self.grid.plan.box
        corners = [self.grid.corner[k] for k in leds.tolist()]
        cut = torch.stack([spectrum[y : y + rows, x : x + columns] for y, x in corners])
        image = torch.fft.ifft2(cut * self.pupils(leds, values), s=self.grid.plan.image_shape, norm="forward")
        image = image[:, self.grid.inside[0], self.grid.inside[1]]
        return image.real**2 + image.imag**2

    def directions_na(self) -> np.ndarray:
        """Direction of each LED as it is believed to be now, NA (led, 2)."""
        plan = self.grid.plan
        moved: np.ndarray = self.moved(self.values).double().cpu().numpy() * np.array(plan.bin)
        return (moved - fourier.window_centres(plan)) * plan.wavelength_um

    @property
    def depth_um(self) -> float:
        """Depth of the sample as it is believed to be now, um."""
        return self.z_um + float(self.values["depth"]) * DEPTH * self.depth_of_field

    def pupil_on(self, shape: tuple[int, int], pixel_um: float) -> np.ndarray:
        """Rim and aberration, without defocus and without what was known before, on frequencies of a frame (y, x).

        Parameters
        ----------
        shape, pixel_um : (y, x) pixels of the frame, and their pitch, um.
        """
        from ...optics.grids import frequencies

        plan, values = self.grid.plan, {name: value.cpu() for name, value in self.values.items()}
        fy, fx = (torch.from_numpy(frequencies(n, pixel_um)).float() for n in shape)
        fy, fx = fy[:, None], fx[None, :]
        modulus = soft_aperture(fy, fx, plan.cutoff, values["rim"])
        modulus = torch.where(torch.hypot(fy, fx) <= (1 + SOFT_MARGIN) * plan.cutoff, modulus, 0)
        shrink = torch.clamp((1 + SOFT_MARGIN) * plan.cutoff / torch.hypot(fy, fx).clamp(min=1e-12), max=1)
        phase = wavefront(NOLL, values["zernike"], fy * shrink, fx * shrink, plan.cutoff)
        return torch.polar(modulus, phase).numpy().astype(np.complex64)

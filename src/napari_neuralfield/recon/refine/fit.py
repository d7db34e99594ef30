"""Object and microscope fitted to the frames: projections to begin with, then gradients of everything together.

Projection copies what one LED says into the object, noise and all; the mean slope over many LEDs forgives both noise
and what the model does not know. So rounds of a few projection passes and some steps of Adam follow each other while
the microscope is looked for, and a longer one ends it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...data.frames import order_of_use
from ...optics.grids import centred_spectrum, image_of
from ...optics.wide_field import UM_PER_MM
from ..engine import checkpoint
from ..engine.adam import Adam, warm_cosine
from .counts import LedCounts, ambient_light, counts_of, with_noise
from .microscope import NOLL, FitMicroscope, grid_of
from .slow_phase import RATE as SLOW_RATE
from .slow_phase import SlowPhase, sphere

PASSES = (1.0, 1.0, 1.0, 0.5, 0.25, 0.12)
AT_ONCE = 24  # LEDs in a step
LOOK = 32  # LEDs looked at together
RATE = 0.03  # step of the object's samples, whose modulus is about 1
RATES = {
    "gain": 0.02, "directions": 0.05, "board": 0.1, "zernike": 0.01, "rim": 0.002, "ambient": 2e-4, "depth": 0.05,
}  # fmt: skip
BETAS = (0.9, 0.99)
ALONE = 20  # steps of a round in which the object moves alone
DEAD = 0.3  # of the brightness of the LEDs around: below it, a frame says nothing
NEIGHBOURS = 8  # LEDs around one
DIMMEST = 1e-4
DARK = 1.2  # of the NA: LEDs beyond give dark frames
PASSED = 0.1  # of the pupil's modulus: a bin that passes less is not shown
TINY = 1e-12


class Fit:
    """A microscope, its frames, and the object that explains them.

    Parameters
    ----------
    acquisition : frames of single LEDs.
    device : to work on.
    z_um : depth of the sample, um.
    gains : intensity of each LED (led,), where something is known of it.
    seed : of the order of the LEDs.
    """

    def __init__(
        self,
        acquisition: LedArray,
        device: torch.device,
        z_um: float = 0.0,
        gains: np.ndarray | None = None,
        seed: int = 0,
    ) -> None:
        self.acquisition = acquisition
        self.counts: LedCounts = counts_of(acquisition, device)
        self.draw = np.random.default_rng(seed)
        self.order = order_of_use(self.counts.roots.sum(dim=(1, 2), dtype=torch.float64).cpu().numpy())
        count = acquisition.frame_count
        dark = np.hypot(*np.asarray(acquisition.illumination_na).T) > DARK * acquisition.objective_na
        self.microscope = FitMicroscope(
            acquisition, grid_of(acquisition, device), z_um,
            np.ones(count) if gains is None else gains, ambient_light(self.counts, dark),
        )  # fmt: skip
        self.slow = SlowPhase(self.microscope.grid.object_shape, device)
        self.light_bend = 0.0
        self.object = self._begun()
        self.used = np.ones(count, bool)
        self.unfiltered: torch.Tensor | None = None  # the object before its noise was filtered, where it was

    def solved(self) -> tuple[Any, ...]:
        """What is solved and known so far."""
        known = self.counts.offset, self.counts.variance, self.draw.bit_generator.state
        return self.object, self.microscope.values, self.used, self.slow.found, known

    def go_on(self, solved: tuple[Any, ...]) -> None:
        """Go on from what was `solved` before."""
        self.object, self.microscope.values, self.used, self.slow.found, known = solved
        self.counts = dataclasses.replace(self.counts, offset=known[0], variance=known[1])
        self.draw.bit_generator.state = known[2]

    @property
    def leds(self) -> int:
        return self.acquisition.frame_count

    @property
    def bins_from_axis(self) -> np.ndarray:
        """Distance of every bin of the object's centred spectrum from the zero frequency, bins (Y, X)."""
        y, x = (np.arange(n) - n // 2 for n in self.object.shape)
        return np.hypot(y[:, None], x)

    def take_up(self, zernike_rad: Mapping[int, float]) -> None:
        """Begin with Zernike terms (Noll index -> rad)."""
        terms = [float(zernike_rad.get(index, 0.0)) for index in NOLL]
        self.microscope.values["zernike"] = torch.tensor(terms, device=self.object.device)

    def bend(self, bend: float) -> None:
        """Begin with a sphere in the object's phase, `bend` rad/um^2, that of the light."""
        self.light_bend = bend
        self.object = self._begun()

    @property
    def known_bend(self) -> float:
        """How the waves of the LEDs are bent by their height, rad/um^2; 0 where that is not known or not seen."""
        height = self.acquisition.led_height_mm
        if height is None or self.light_bend <= 0:
            return 0.0
        return math.pi / (self.acquisition.wavelength_um * height * UM_PER_MM)

    def _begun(self) -> torch.Tensor:
        """The slow phase that is known of an object (Y, X)."""
        light = sphere(self.microscope.grid, self.acquisition.pixel_um, self.light_bend)
        return self.slow.wave(self.slow.found) * torch.polar(torch.ones_like(light), light)

    def support(self) -> torch.Tensor:
        """Bins of the object's spectrum that some LED passes (Y, X), bool."""
        seen = torch.zeros(self.object.shape, dtype=torch.bool)
        rows, columns = self.microscope.grid.plan.box
        for leds in self._some():
            passed = self.microscope.pupils(leds, self.microscope.values).abs().cpu() > PASSED
            for led, part in zip(leds.tolist(), passed, strict=True):
                y, x = self.microscope.grid.corner[led]
                seen[y : y + rows, x : x + columns] |= part
        return seen

    def directions(self) -> np.ndarray:
        """Direction of each LED as it is believed to be now, NA (led, 2)."""
        na = self.microscope.directions_na()
        return na / np.maximum(np.hypot(*na.T), 1.0)[:, None]

    def ambient(self) -> np.ndarray:
        """Light in each frame that is not its LED's, counts beyond what the acquisition says (led,)."""
        return (self._floor(self.microscope.values) * self.counts.scale).double().cpu().numpy()

    def error(self) -> float:
        """Relative amplitude error over the frames that are used."""
        counts, misfit = self.counts, self.misfits() * (self.counts.variance or 1.0)
        energy = counts.light.clamp(min=0).mean(dim=(1, 2)).double().cpu().numpy()
        return float((misfit[self.used].sum() / max(energy[self.used].sum(), TINY)) ** 0.5)

    def over_noise(self) -> float:
        """Mean square misfit over that of the noise, the median of the frames that are used; NaN where not known."""
        return float(np.median(self.misfits()[self.used])) if self.counts.variance else float("nan")

    def relative(self, misfit: float) -> float:
        """Relative amplitude error that a mean square `misfit` of the roots is."""
        return float((misfit / self.counts.light.clamp(min=0).mean().clamp(min=TINY)) ** 0.5)

    def moved_to(self, acquisition: LedArray) -> None:
        """Take the windows about where the LEDs are believed to be now; of the object only its slow phase stays."""
        old, known = self.microscope, self.microscope.values
        grid = grid_of(acquisition, old.grid.device)
        self.acquisition = acquisition
        self.microscope = FitMicroscope(acquisition, grid, old.z_um, np.ones(self.leds), 0.0)
        kept = {name: value for name, value in known.items() if name not in ("directions", "board")}
        self.microscope.values |= kept
        found, self.slow = self.slow.found, SlowPhase(grid.object_shape, grid.device)
        self.slow.take_up(found)
        self.object = self._begun()

    @torch.no_grad()
    def project(self, steps: Sequence[float] = PASSES) -> None:
        """Passes over all LEDs, the axis first, that put the measured modulus into the object."""
        m, values = self.microscope, self.microscope.values
        order = np.argsort(np.hypot(*np.asarray(self.acquisition.illumination_na).T), kind="stable")
        order = order[self.used[order]]
        pupils = m.pupils(np.arange(self.leds), values)
        top = float(pupils.abs().amax()) ** 2
        spectrum, (rows, columns) = centred_spectrum(self.object), m.grid.plan.box
        bright, floor, offset = self._bright(values), self._floor(values), self.counts.offset
        back = torch.zeros(m.grid.plan.image_shape, dtype=torch.complex64, device=m.grid.device)
        for step in steps:
            for led in order.tolist():
                y, x = m.grid.corner[led]
                window = spectrum[y : y + rows, x : x + columns]
                image = torch.fft.ifft2(window * pupils[led], s=m.grid.plan.image_shape, norm="forward")[m.grid.inside]
                light = (image.real**2 + image.imag**2) * bright[led]
                own = (self.counts.light[led] - floor[led]).clamp(min=0)
                ratio = torch.sqrt((own + offset) / (light + offset)) - 1
                back[m.grid.inside] = image * (ratio * self.counts.good[led])
                seen = torch.fft.fft2(back, norm="forward")[:rows, :columns]
                window.addcmul_(pupils[led].conj(), seen, value=step / top)
        self.object = image_of(spectrum)

    @torch.no_grad()
    def find_gains(self) -> None:
        """The brightness of every LED by least squares, the object held; LEDs that hardly shine are not used."""
        spectrum, gains = centred_spectrum(self.object), []
        floor, values = self._floor(self.microscope.values), self.microscope.values
        for leds in self._some():
            light = self.microscope.light(spectrum, leds, values) * self.counts.exposure[leds, None, None]
            seen = (self.counts.light[leds] - floor[leds, None, None]) * self.counts.good[leds]
            light = light * self.counts.good[leds]
            weight = 1 / (light + self.counts.offset)
            gains.append((light * seen * weight).sum((1, 2)) / (light**2 * weight).sum((1, 2)).clamp(min=TINY))
        gain = torch.cat(gains).clamp(min=DIMMEST)
        self.used = ~too_dim(gain.cpu().numpy(), np.asarray(self.acquisition.illumination_na))
        used = torch.as_tensor(self.used, device=gain.device)
        mean = gain[used].mean()
        values["gain"] = torch.log(gain / mean)
        self.object = self.object * mean.sqrt()

    def _some(self) -> list[np.ndarray]:
        """All LEDs, some at a time."""
        return np.split(np.arange(self.leds), range(LOOK, self.leds, LOOK))

    def _bright(self, values: dict[str, torch.Tensor]) -> torch.Tensor:
        return values["gain"].exp() * self.counts.exposure

    def _floor(self, values: dict[str, torch.Tensor]) -> torch.Tensor:
        return values["ambient"][0] * self.counts.exposure + values["ambient"][1]

    def predicted(self, leds: np.ndarray, spectrum: torch.Tensor, values: dict[str, torch.Tensor]) -> torch.Tensor:
        """LedCounts over their scale of `leds` (led, y, x) from an object `spectrum` and a microscope's `values`."""
        light = self.microscope.light(spectrum, leds, values)
        return light * self._bright(values)[leds, None, None] + self._floor(values)[leds, None, None]

    def _loss(self, given: torch.Tensor, leds: np.ndarray, values: dict[str, torch.Tensor]) -> torch.Tensor:
        spectrum = centred_spectrum(given)
        model = torch.sqrt((self.predicted(leds, spectrum, values) + self.counts.offset).clamp(min=TINY))
        good = self.counts.good[leds]
        measured = torch.sqrt((self.counts.light[leds] + self.counts.offset).clamp(min=0))
        return ((model - measured) * good).square().sum() / good.sum()

    def descend(self, steps: int, learn: Sequence[str] = tuple(RATES)) -> Iterator[torch.Tensor]:
        """Steps of Adam over some LEDs at a time; yields the mean square misfit of each, left on the device.

        Parameters
        ----------
        steps : how many.
        learn : names of what may change of the microscope.
        """
        values = {name: value.clone().requires_grad_(name in learn) for name, value in self.microscope.values.items()}
        given = torch.view_as_real(self.object.contiguous()).clone().requires_grad_()
        slow = torch.zeros_like(self.slow.found, requires_grad=bool(learn))
        beside = [(values[name], RATES[name]) for name in learn] + ([(slow, SLOW_RATE)] if learn else [])
        adam = Adam([given], RATE, BETAS, beside)
        queue, used = np.zeros(0, int), torch.as_tensor(np.flatnonzero(self.used), device=given.device)
        moving = [given, slow, *values.values(), *adam.remembered()]
        loop, begin, number = checkpoint.loop("steps"), 0, -1
        if loop.found is not None:
            begin, kept, queue, self.draw.bit_generator.state = loop.found
            with torch.no_grad():
                for value, one in zip(moving, kept, strict=True):
                    value.copy_(one)

        def now() -> tuple[object, ...]:
            return number + 1, [value.detach() for value in moving], queue, self.draw.bit_generator.state

        for number in range(begin, steps):
            if len(queue) < AT_ONCE:
                queue = np.concatenate([queue, self.draw.permutation(self.order[self.used[self.order]])])
            leds, queue = np.unique(queue[:AT_ONCE]), queue[AT_ONCE:]
            loss = self._loss(torch.view_as_complex(given) * self.slow.wave(slow), leds, values)
            adam.step(loss, RATE * warm_cosine(number, steps), float(number >= ALONE))
            with torch.no_grad():
                if "gain" in learn:
                    values["gain"] -= values["gain"][used].exp().mean().log()
            yield loss.detach()
            loop.reached(now)
        loop.ended(now)
        self.slow.found = self.slow.found + slow.detach()
        self.object = torch.view_as_complex(given.detach()) * self.slow.wave(slow.detach())
        self.microscope.values = {name: value.detach() for name, value in values.items()}

    @torch.no_grad()
    def frames(self) -> torch.Tensor:
        """All frames as they should be (led, y, x), counts over their scale; the object's noise still in them."""
        spectrum = centred_spectrum(self.object if self.unfiltered is None else self.unfiltered)
        return torch.cat([self.predicted(leds, spectrum, self.microscope.values) for leds in self._some()])

    @torch.no_grad()
    def misfits(self, frames: torch.Tensor | None = None) -> np.ndarray:
        """Mean square misfit of the roots of each frame (led,), against the noise's where that is known.

        `frames` : as they should be, where they were computed already.
        """
        model = torch.sqrt((self.frames() if frames is None else frames).add(self.counts.offset).clamp(min=TINY))
        good = self.counts.good
        rest = ((model - self.counts.roots) * good).square().sum(dim=(1, 2)) / good.sum(dim=(1, 2)).clamp(min=1)
        return rest.double().cpu().numpy() / (self.counts.variance or 1.0)

    def look_at_the_noise(self) -> None:
        """Take the noise from what the fit leaves of the dimmer frames."""
        self.counts = with_noise(self.counts, self.frames())


def too_dim(gain: np.ndarray, na: np.ndarray) -> np.ndarray:
    """LEDs that hardly shine (led,) bool: far dimmer than those around.

    Parameters
    ----------
    gain : intensity of each (led,).
    na : direction of each (led, 2).
    """
    away = np.hypot(*(na[:, None] - na[None]).transpose(2, 0, 1))
    near = np.argsort(away, axis=1)[:, 1 : NEIGHBOURS + 1]
    if not near.size:
        return np.zeros(len(gain), bool)
    found: np.ndarray = gain < DEAD * np.median(gain[near], axis=1)
    return found

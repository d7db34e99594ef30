"""The published per-slice baseline: every plane on its own, LED by LED, on full frames, 25 passes.

What FPM-INR was compared with (Zhou et al., Optica 10, 1679 (2023)). Written plainly, as in the textbooks, with a
shifted spectrum on the full output grid; the fast reconstruction is checked against it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch

from ... import compute
from ...data.acquisition import Acquisition, LedArray
from ...data.frames import order_of_use
from ...data.geometry import refuse_coded_surface
from ...fields.planes import planes_of_images
from ...forward.led_grid import extent
from ...optics.grids import centred_spectrum, frequencies, image_of
from ...optics.pupil import aperture, defocus
from ...types import Event, Preview, Progress
from ..engine import checkpoint
from ..engine.preview_pace import PreviewPace
from ..engine.recipe import Recipe, method, option
from ..projection.orientation import orientation_notes
from ..projection.setup import CHECK_ORIENTATION, Z_UM, Depths, finished, first_look, open_depths, plane_depths


class PerSliceRecipe(Recipe):
    """Options of `fpm-per-slice`."""

    method: str = "fpm-per-slice"
    z_um: Depths = Z_UM
    planes: int | None = option(None, "planes of a stack; empty: 0.3 depths of field apart", ge=1, le=2000)
    passes: int = option(25, "passes over all LEDs for each plane", ge=1, le=1000)
    step: float = option(1.0, "share of each correction that is applied", gt=0, le=1)
    check_orientation: bool = CHECK_ORIENTATION

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """Depths and planes of an `acquisition`."""
        return open_depths(acquisition, self.z_um)


@method("fpm-per-slice", PerSliceRecipe, kinds=("led_array",))
def fpm_per_slice(acquisition: LedArray, recipe: PerSliceRecipe) -> Iterator[Event]:
    """The textbook baseline, plane by plane on full frames: slow, there to compare with.

    `acquisition` is reconstructed as `recipe` says.
    """
    started = time.process_time()
    refuse_coded_surface(acquisition)
    device = compute.device(recipe.device)
    depths = plane_depths(acquisition, recipe.z_um, recipe.planes)
    yield first_look(acquisition, depths)
    if recipe.check_orientation:
        yield from orientation_notes(acquisition, device)
    where = extent(acquisition, depths)
    frames = torch.as_tensor(acquisition.intensity(), device=device)
    scale = float(frames.mean(dim=(1, 2)).max())
    amplitude = torch.sqrt(torch.clamp(frames / scale, min=0.0))
    images = torch.ones((len(depths), *where.shape), dtype=torch.complex64, device=device)
    norm, misfit, done = float((amplitude**2).sum()), 0.0, 0

    def file() -> Preview:
        return Preview(planes_of_images(images, list(depths), where), float(depths[min(done, len(depths) - 1)]))

    pace = PreviewPace(file, every_s=2.0)
    loop = checkpoint.loop("planes")
    begun, spectrum, number, misfit, images = loop.found or (0, centred_spectrum(images[0]), -1, misfit, images)

    def now() -> tuple[object, ...]:
        return done, spectrum, number, misfit, images

    for done in range(begun, len(depths)):
        z, first = depths[done], number + 1
        spectrum = spectrum if first else centred_spectrum(images[done])
        for number in range(first, recipe.passes):
            error = one_pass(spectrum, amplitude, acquisition, float(z), recipe.step)
            images[done] = image_of(spectrum)
            yield Progress(
                done * recipe.passes + number + 1, len(depths) * recipe.passes, (error / norm) ** 0.5, "planes"
            )
            yield from pace.events()
            loop.reached(now)
        number = -1
        misfit += one_pass(spectrum, amplitude, acquisition, float(z), 0.0)
    figures = {
        "relative_amplitude_error": (misfit / norm / len(depths)) ** 0.5,
        "intensity_scale": scale,
    }
    field = planes_of_images(images, list(depths), where)
    yield finished(field, recipe, acquisition, started, figures)


def one_pass(spectrum: torch.Tensor, amplitude: torch.Tensor, acquisition: LedArray, z_um: float, step: float) -> float:
    """One pass over all LEDs in order of NA; returns the squared misfit before it.

    Parameters
    ----------
    spectrum : centred spectrum of the plane at `z_um` (Y, X), changed in place.
    amplitude : root of the frames (led, y, x).
    acquisition : the recording, for its LED directions and optics.
    step : share of each correction that is applied, 0 to 1; 0 only looks.
    """
    rows, columns = acquisition.frame_shape
    size = np.array([rows, columns]) * acquisition.pixel_um
    cutoff = acquisition.objective_na / acquisition.wavelength_um
    fy, fx = (torch.as_tensor(frequencies(n, acquisition.pixel_um)) for n in (rows, columns))
    direction = np.asarray(acquisition.illumination_na)
    misfit = []
    light = amplitude.sum(dim=(1, 2), dtype=torch.float64).cpu().numpy()
    for led in order_of_use(light, np.hypot(*direction.T)).tolist():
        centre = -direction[led] / acquisition.wavelength_um * size
        whole = np.round(centre).astype(int)
        rest = (whole - centre) / size
        py, px = (fy + rest[0])[:, None], (fx + rest[1])[None, :]
        pupil = (aperture(py, px, cutoff) * defocus(py, px, acquisition.wavelength_um, z_um)).to(spectrum)
        y, x = (np.array(spectrum.shape) // 2 + whole - np.array([rows, columns]) // 2).tolist()
        inside_y = (y + torch.arange(rows, device=spectrum.device)) % spectrum.shape[0]  # the pupil itself never wraps
        inside_x = (x + torch.arange(columns, device=spectrum.device)) % spectrum.shape[1]
        window = spectrum[inside_y[:, None], inside_x]
        image = image_of(window * pupil)
        misfit.append(((image.abs() - amplitude[led]) ** 2).sum())
        if step:
            corrected = image * (amplitude[led] / (image.abs() + 1e-9))
            change = pupil.conj() * (centred_spectrum(corrected) - window * pupil)
            spectrum[inside_y[:, None], inside_x] = window + step * change
    return sum(torch.stack(misfit).tolist())

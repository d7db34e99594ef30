"""A virtual microscope: glass beads under a small LED board."""

import numpy as np

from napari_neuralfield import Acquisition, Draft, simulator


@simulator("beads")
@simulator("many-beads", beads=60)
def beads(seed: int = 0, *, beads: int = 12, pixels: int = 48) -> tuple[Acquisition, dict[str, np.ndarray | float]]:
    """Phase discs in focus, 25 LEDs inside the NA, shot noise; the truth is the object on the camera's pixels.

    Parameters
    ----------
    seed : of places and noise.
    beads : how many there are.
    pixels : along each side of a frame.
    """
    rng = np.random.default_rng(seed)
    wavelength_um, objective_na, pixel_um = 0.53, 0.2, 0.8
    y, x = np.mgrid[:pixels, :pixels] * pixel_um
    phase = np.zeros((pixels, pixels))
    for cy, cx in rng.uniform(0, pixels * pixel_um, (beads, 2)):
        phase += 0.8 / (1 + np.exp((np.hypot(y - cy, x - cx) - 2.5) / 0.4))
    truth = np.exp(1j * phase)
    ticks = (np.arange(5) - 2) * 0.06
    na = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    f = np.fft.fftfreq(pixels, pixel_um)
    pupil = np.hypot(f[:, None], f) <= objective_na / wavelength_um
    frames = []
    for ny, nx in na:
        tilt = np.exp(2j * np.pi * (ny * y + nx * x) / wavelength_um)
        frames.append(np.abs(np.fft.ifft2(np.fft.fft2(truth * tilt) * pupil)) ** 2)
    counts = rng.poisson(5000 * np.array(frames)).astype(np.float32)
    values = {"wavelength_um": wavelength_um, "objective_na": objective_na, "pixel_um": pixel_um}
    acquisition = Draft("led_array", counts, {**values, "illumination_na": na, "title": "beads"}, "beads").complete()
    return acquisition, {"object": truth.astype(np.complex64), "pixel_um": pixel_um}

"""How good a coded surface is that was found with neither surface nor positions known: on a sample recorded later.

`python -m bench.surface` prints, for two upsamplings, the relative error of a later sample (40 frames of cells, no
linear phase) with the true surface and with the one found from a textured specimen.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from napari_neuralfield.data.acquisition import CodedPtychography
from napari_neuralfield.forward.ptychography import kernel, predict
from napari_neuralfield.forward.scan import scan_of
from napari_neuralfield.optics.propagation import angular_spectrum, filtered
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.simulate.scans import coded
from napari_neuralfield.types import Done, Result

PHOTONS = 2000


def solved(acquisition: CodedPtychography, method: str) -> Result:
    *_, last = reconstruct(acquisition, build_recipe(method))
    assert isinstance(last, Done)
    return last.result


def later_sample(surface: np.ndarray, upsampling: int) -> tuple[CodedPtychography, np.ndarray]:
    """Frames of cells above `surface` (y, x), which they know, and the cells (y, x)."""
    like, truth = coded(5, phantom="cells", frames=40, upsampling=upsampling)
    known = like.replace(coded_surface=surface)
    scan, probe = scan_of(known), torch.tensor(surface)[None]
    away = angular_spectrum(scan.object_shape, scan.pixel_um, scan.to_object_um, scan.wavelength_um)
    object_array = filtered(torch.tensor(truth["object"]), away)
    light = torch.cat(
        [predict(object_array, probe, scan, f[None], None, kernel(scan)) for f in torch.arange(scan.frames)]
    )
    frames = np.random.default_rng(0).poisson(light.numpy() * PHOTONS) / PHOTONS
    return known.replace(frames=frames.astype(np.float32)), truth["object"]


def error(result: Result, truth: np.ndarray, border: int = 16) -> float:
    """Relative error inside, a complex scale and a linear phase being free."""
    found = result.field.render([0.0], *result.field.extent.axes())[0].numpy()
    spectrum = np.fft.fft2(found.conj() * truth, s=(1024, 1024))
    at = np.unravel_index(np.abs(spectrum).argmax(), spectrum.shape)
    ky, kx = (np.fft.fftfreq(1024)[k] for k in at)
    y, x = np.indices(found.shape)
    found = found * np.exp(2j * np.pi * (ky * y + kx * x))
    found = found * (np.vdot(found, truth) / np.vdot(found, found))
    inside = (slice(border, -border), slice(border, -border))
    return float(np.linalg.norm((found - truth)[inside]) / np.linalg.norm(truth[inside]))


def row(upsampling: int, frames: int) -> dict[str, Any]:
    """Figures of one calibration."""
    specimen, truth = coded(
        0, phantom="texture", frames=frames, upsampling=upsampling, surface_known=False, positions_known=False
    )
    started = time.process_time()
    found = solved(specimen, "coded-surface")
    seconds = time.process_time() - started
    wrong = (found.calibration["positions_um"] - truth["positions_um"]) / truth["pixel_um"]
    sample, cells = later_sample(truth["coded_surface"], upsampling)
    calibrated = sample.replace(coded_surface=found.calibration["coded_surface"])
    return {
        "upsampling": upsampling,
        "frames": frames,
        "cpu_seconds": round(seconds, 1),
        "positions_px": round(float(np.sqrt(((wrong - wrong.mean(0)) ** 2).sum(1).mean())), 3),
        "true_surface": round(error(solved(sample, "sparse-pixels"), cells), 4),
        "found_surface": round(error(solved(calibrated, "sparse-pixels"), cells), 4),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    for upsampling, frames in ((2, 100), (4, 200)):
        print(row(upsampling, frames), flush=True)

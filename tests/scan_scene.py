"""Small simulated scans whose object, probe and positions are known."""

from __future__ import annotations

import numpy as np
import torch

from napari_neuralfield.compute import COMPLEX
from napari_neuralfield.data.acquisition import CodedPtychography, Draft, Ptychography
from napari_neuralfield.forward.ptychography import kernel, predict
from napari_neuralfield.forward.scan import scan_of
from napari_neuralfield.optics.propagation import angular_spectrum, filtered

PIXEL_UM = 0.1


def smooth(shape: tuple[int, int], seed: int, finest_px: float = 4.0) -> np.ndarray:
    """Random real image (y, x) of standard deviation 1 without details below `finest_px`."""
    rng = np.random.default_rng(seed)
    f = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None])
    image = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * (f < 1 / finest_px)).real
    return image / image.std()


def thin_object(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Complex (y, x) transmission with amplitude and phase of their own."""
    return np.clip(1 - 0.15 * smooth(shape, seed), 0.2, 1.5) * np.exp(0.6j * smooth(shape, seed + 1))


def far_field(side: int = 32, across: int = 6, step_px: float = 5.0) -> tuple[Ptychography, np.ndarray]:
    """A `across` x `across` scan on a jittered grid, and its object on the scan's object_array."""
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(*2 * [np.arange(across) * step_px], indexing="ij"), -1).reshape(-1, 2)
    positions = (grid + rng.uniform(-1.5, 1.5, grid.shape)) * PIXEL_UM
    axis = np.arange(side) - side // 2
    radius = np.hypot(axis[:, None], axis[None]) / side
    probe = 30 * np.exp(-((radius / 0.2) ** 2)) * np.exp(40j * radius**2)
    values = {
        "geometry": "far_field", "wavelength_um": 0.5, "detector_pixel_um": 10.0, "object_pixel_um": PIXEL_UM,
        "distance_um": PIXEL_UM * side * 10.0 / 0.5, "positions_um": positions, "probe": probe[None],
    }  # fmt: skip
    empty = Draft("ptychography", np.zeros((len(positions), side, side), np.float32), values, "far.acq.h5").complete()
    scan = scan_of(empty)
    truth = thin_object(scan.object_shape)
    frames = _frames(scan, truth, probe)
    return empty.replace(frames=np.fft.fftshift(frames, axes=(1, 2))), truth


def near_field() -> tuple[Ptychography, np.ndarray]:
    """The far-field scan with its detector close behind the object, and its object on the scan's object_array."""
    acquisition, truth = far_field()
    acquisition = acquisition.replace(geometry="near_field", distance_um=50.0)
    return acquisition.replace(frames=_frames(scan_of(acquisition), truth, np.array(acquisition.probe[0]))), truth


def coded(side: int = 24, upsampling: int = 2, frames: int = 16) -> tuple[CodedPtychography, np.ndarray]:
    """A lensless scan with a known surface and periodic borders, and its object on fine pixels."""
    rng = np.random.default_rng(5)
    fine = (side * upsampling, side * upsampling)
    turn = np.arange(frames) * 2.4
    positions = 6 * PIXEL_UM * np.sqrt(np.arange(frames))[:, None] * np.stack([np.sin(turn), 0.5 * np.cos(turn)], 1)
    values = {
        "wavelength_um": 0.4, "sensor_pixel_um": PIXEL_UM * upsampling, "upsampling": upsampling,
        "object_to_surface_um": 3.0, "surface_to_sensor_um": 5.0, "positions_um": positions + 2.0,
        "coded_surface": np.exp(2j * np.pi * rng.integers(0, 2, fine) / 2.5),
    }  # fmt: skip
    empty = Draft("coded_ptychography", np.ones((frames, side, side), np.float32), values, "coded.acq.h5").complete()
    scan = scan_of(empty, borders="periodic")
    truth = thin_object(fine, 7)
    away = angular_spectrum(fine, PIXEL_UM, scan.to_object_um, scan.wavelength_um)
    object_array = filtered(torch.as_tensor(truth, dtype=COMPLEX), away).numpy()
    return empty.replace(frames=1000 * _frames(scan, object_array, values["coded_surface"])), truth


def _frames(scan, object_array: np.ndarray, probe: np.ndarray) -> np.ndarray:
    every = torch.arange(scan.frames)
    found = predict(
        torch.as_tensor(object_array, dtype=COMPLEX), torch.as_tensor(probe, dtype=COMPLEX)[None], scan, every,
        None, kernel(scan),
    )  # fmt: skip
    return found.numpy().astype(np.float32)

"""The published FPM-INR loop, driven over one of our files, to compare with.

The network is imported from a checkout of the authors' code named in NEURALFIELD_PEER_FPM_INR; nothing of it is kept
here. The loop follows Zhou et al., Optica 10, 1679 (2023), and the settings of the public script: one LED per step
in order of NA, the whole field rendered for each, a double-precision pupil, Adam 1e-3 divided by 10 every 6 of 15
epochs, no mixed precision on a CPU. The script's floored depth step and its axial frequencies, half a bin off, are
kept: this is what one gets by running it.
"""

from __future__ import annotations

import importlib.util
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import pad, smooth_l1_loss

EPOCHS, DECAY_EVERY, RATE, FEATURES, UPSAMPLING = 15, 6, 1e-3, 32, 2
VARIABLE = "NEURALFIELD_PEER_FPM_INR"


def checkout() -> Path | None:
    """Where the authors' code is; None where the variable is not set or names no checkout."""
    folder = Path(os.environ.get(VARIABLE, ""))
    return folder if VARIABLE in os.environ and (folder / "network.py").is_file() else None


def network(pixels: int, z_um: tuple[float, float]) -> torch.nn.Module:
    """Their model for an output of `pixels` squared: a quarter as many feature nodes per axis, five over depth."""
    folder = checkout()
    assert folder is not None, f"{VARIABLE} names no checkout with network.py"
    spec = importlib.util.spec_from_file_location("peer_network", folder / "network.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FullModel(
        w=pixels, h=pixels, num_feats=FEATURES, x_mode=pixels // 4, y_mode=pixels // 4,
        z_min=z_um[0], z_max=z_um[1], ds_factor=1, use_layernorm=False,
    )  # fmt: skip


def depths_of(epoch: int, objective_na: float, z_um: tuple[float, float]) -> torch.Tensor:
    """Uniform planes first and in every other epoch, else half as many random ones, um."""
    low, high = z_um
    count = math.ceil((high - low) / (0.8 * 0.5 / objective_na**2))
    if epoch % 2 == 0:
        return torch.linspace(low, high, count)
    half = count // 2
    return low + ((high - low) // (count - 1)) * (torch.randperm(count - 1)[:half] + torch.rand(half))


def pupil_and_axial(acquisition: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The hard aperture (float64) and 2 pi times the axial frequency (complex64), both (y, x) on the frame's bins."""
    n = acquisition.frame_shape[0]
    frequency = 1 / (n * acquisition.pixel_um)
    centred = (np.arange(n) - n // 2) * frequency
    aperture = np.hypot(centred[:, None], centred[None, :]) <= acquisition.objective_na / acquisition.wavelength_um
    off = (np.arange(n) - (n - 1) / 2) * frequency
    square = acquisition.wavelength_um**-2 - off[:, None] ** 2 - off[None, :] ** 2
    axial = 2 * np.pi * np.sqrt(np.clip(square, 0, None))
    return torch.from_numpy(aperture.astype(np.float64)), torch.from_numpy(axial.astype(np.complex64))


def image(field: torch.Tensor, corner: tuple[int, int], kernel: torch.Tensor) -> torch.Tensor:
    """Modulus (1, y, x) of what one LED shows of `field` (1, Y, X), all spectra shifted as published."""
    n, m = kernel.shape[-1], field.shape[-1]
    spectrum = torch.fft.fftshift(torch.fft.fft2(field), dim=(-2, -1))
    margin = (UPSAMPLING * n - m) // 2
    spectrum = pad(spectrum, (margin, margin, margin, margin))
    window = spectrum[:, corner[0] : corner[0] + n, corner[1] : corner[1] + n] * kernel
    return torch.fft.ifft2(torch.fft.ifftshift(window, dim=(-2, -1))).abs()


def reconstruct(
    acquisition: Any, depths_um: list[float], z_um: tuple[float, float] = (-20.0, 20.0), seed: int = 0
) -> tuple[np.ndarray, int]:
    """Fit, then render `depths_um` on twice the frame's pixels: complex (z, y, x), and the bytes of the weights."""
    torch.manual_seed(seed)
    n = acquisition.frame_shape[0]
    direction = np.asarray(acquisition.illumination_na, dtype=float)
    order = np.argsort(np.hypot(*direction.T), kind="stable")
    whole = np.round(-direction[order] / acquisition.wavelength_um * n * acquisition.pixel_um).astype(int)
    corners = [tuple(c) for c in (whole + UPSAMPLING * n // 2 - n // 2).tolist()]
    frames = torch.from_numpy(acquisition.intensity()[order])
    measured = torch.sqrt((frames / frames.max()).clamp(min=0))
    aperture, axial = pupil_and_axial(acquisition)
    model = network(UPSAMPLING * n, z_um)
    fitted = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(fitted, lr=RATE)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=DECAY_EVERY, gamma=0.1)
    for epoch in range(EPOCHS):
        for z in depths_of(epoch, acquisition.objective_na, z_um):
            for led, corner in enumerate(corners):
                optimizer.zero_grad()
                kernel = aperture * torch.exp(1j * torch.angle(torch.exp(1j * axial * z)).double())
                amplitude, phase = model(z[None])
                seen = image(amplitude * torch.exp(1j * phase), corner, kernel)
                loss = smooth_l1_loss(measured[led][None], seen)
                loss.backward()
                optimizer.step()
        schedule.step()
        print(f"published loop: epoch {epoch + 1} of {EPOCHS}, loss {loss.item():.3e}", file=sys.stderr, flush=True)
    with torch.no_grad():
        planes = []
        for z in depths_um:
            amplitude, phase = model(torch.tensor([z], dtype=torch.float32))
            planes.append((amplitude * torch.exp(1j * phase))[0].numpy())
    return np.stack(planes), sum(p.numel() * p.element_size() for p in fitted)

"""A small time-lapse, and a stand-in for a network that makes phase of each of its frames."""

from __future__ import annotations

import functools

import numpy as np
import torch

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.fields.phase_map import PhaseMap

PIXEL = 2.0  # um
SHAPE = (32, 40)


@functools.cache
def _texture(size: int = 256) -> np.ndarray:
    """Spectrum of a smooth random picture of unit standard deviation."""
    f = np.fft.fftfreq(size)
    grain = np.random.default_rng(0).standard_normal((size, size))
    spectrum = np.fft.fft2(grain) * np.exp(-(f[:, None] ** 2 + f[None, :] ** 2) / 0.08**2)
    return spectrum / np.std(np.fft.ifft2(spectrum).real)


def places(count: int) -> np.ndarray:
    """A stage that drifts, (frame, 2) px."""
    t = np.arange(count)
    moves = np.stack([0.2 * t + 2 * np.sin(t / 5), -0.1 * t + 0.3 * np.cos(t)], 1)
    return moves - moves[0]


def drifting(moves: np.ndarray, side: int = 128, noise: float = 0.005) -> list[np.ndarray]:
    """Frames (y, x) of a picture that is moved by `moves` (frame, 2), px."""
    rng, f = np.random.default_rng(1), np.fft.fftfreq(256)
    frames = []
    for y, x in moves:
        seen = np.fft.ifft2(_texture() * np.exp(-2j * np.pi * (f[:, None] * y + f[None, :] * x))).real
        part = seen[60 : 60 + side, 60 : 60 + side]
        frames.append((1 + 0.1 * part + noise * rng.standard_normal(part.shape)).astype(np.float32))
    return frames


def time_lapse(count: int, frames: np.ndarray | None = None, z_um: float = 4.0) -> ThroughFocus:
    """Frames of a cell that grows, every 2 s."""
    if frames is None:
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        radius = np.hypot(y - 14, x - 22)
        frames = np.stack([1 + 0.2 * np.exp(-(radius**2) / (20 + 3 * n)) for n in range(count)]).astype(np.float32)
    return ThroughFocus(
        frames=frames, wavelength_um=0.53, objective_na=0.4, condenser_na=0.16, pixel_um=PIXEL,
        z_um=np.full(count, z_um), time_s=2.0 * np.arange(count), source="lapse.tif", title="lapse",
    )  # fmt: skip


def stacks(count: int, z_um: tuple[float, ...] = (-4.0, 0.0, 4.0)) -> tuple[ThroughFocus, np.ndarray]:
    """`count` different samples through focus, one every 30 s, and their phases (time, y, x)."""
    from napari_neuralfield.simulate.through_focus import through_focus

    made = [through_focus(seed, z_um=z_um, pixels=64, upsampling=2) for seed in range(count)]
    frames = np.concatenate([np.asarray(acquisition.frames) for acquisition, _ in made])
    first = made[0][0]
    return first.replace(
        frames=frames, z_um=np.tile(z_um, count), time_s=np.repeat(30.0 * np.arange(count), len(z_um)), title="stacks"
    ), np.stack([truth["phase_rad"] for _, truth in made])


def alike(found: np.ndarray, truths: np.ndarray) -> float:
    """Smallest correlation of phases (time, y, x) with those of their times, at the frames' pixels."""
    small = [array.reshape(len(array), 64, array.shape[1] // 64, 64, -1).mean((2, 4)) for array in (found, truths)]
    return min(float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for a, b in zip(*small, strict=True))


def phase_of(acquisition: ThroughFocus, number: int) -> PhaseMap:
    """The frame itself, twice as fine, as if it were phase."""
    frame = torch.from_numpy(acquisition.intensity([number]))[None]
    fine = torch.nn.functional.interpolate(frame, scale_factor=2, mode="bicubic")[0, 0]
    return PhaseMap.from_grid(fine, 0.0, acquisition.pixel_um / 2, (-acquisition.pixel_um / 4,) * 2)

"""The frames of a scan as amplitudes, whatever room they take: as a whole, or put aside on disk part by part."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ..compute import REAL
from ..data.acquisition import CodedPtychography, Ptychography
from ..data.frames import BELOW_ZERO, dark_noise, end_of_scale, good_pixels
from ..optics.grids import to_corner
from .scan import Measured, Scan, measure
from .streamed import Parts, at_once, is_large

Scanned = Ptychography | CodedPtychography


def measured_scan(acquisition: Scanned, scan: Scan, device: torch.device | str = "cpu") -> Measured:
    """The frames as amplitudes, see `scan.measure`; of a stack that memory should not hold, put aside on disk.

    Parameters
    ----------
    acquisition : the frames; scan : its geometry.
    device : where the amplitudes are wanted.
    """
    rows, columns = (n + 2 * scan.pad for n in acquisition.frame_shape)
    shape = (acquisition.frame_count, rows, columns)
    if not is_large(shape, device) and not is_large(shape):
        return measure(acquisition, scan, device)
    raw, mask = getattr(acquisition.frames, "measured", acquisition.frames), good_pixels(acquisition)
    top = end_of_scale(raw, mask)
    extra = 0.0 if scan.geometry == "coded" else _noise_beside_counting(acquisition, mask)
    amplitude, full = Parts(shape, device), Parts(shape, device)
    for some in _in_turn(acquisition):
        counts = acquisition.intensity(some)
        lit = _good(mask, some, len(counts))
        root = torch.as_tensor(np.sqrt(np.clip(counts + np.float32(extra), 0, None)), dtype=REAL)
        amplitude.append(_on_detector(root * lit, scan))
        if top is not None:
            stack = np.stack([np.asarray(raw[int(i)]) for i in some])
            full.append(_on_detector(torch.as_tensor(stack == top) & lit, scan))
    good = _good_of_all(mask, acquisition.frame_shape, scan)
    background = torch.full(shape[1:], extra, device=device) if extra else None
    return Measured(
        amplitude.joined(), None if good is None else good.to(device), None if top is None else full.joined(),
        background, added=extra,
    )  # fmt: skip


def _in_turn(acquisition: Scanned) -> Iterator[np.ndarray]:
    """Numbers of frames that are worked on together."""
    step = at_once(acquisition.frame_shape, acquisition.frame_count)
    return (np.arange(i, min(i + step, acquisition.frame_count)) for i in range(0, acquisition.frame_count, step))


def _good(mask: np.ndarray | None, some: np.ndarray, count: int) -> torch.Tensor:
    """Good pixels of `some` frames, of which there are `count`, as they broadcast against them."""
    if mask is None:
        return torch.ones((count, 1, 1), dtype=torch.bool)
    return torch.as_tensor(np.array(mask[some] if mask.ndim == 3 else mask[None], dtype=bool))


def _good_of_all(mask: np.ndarray | None, shape: tuple[int, int], scan: Scan) -> torch.Tensor | None:
    """Good pixels as a `Measured` holds them; those around frames of `shape` are none. None where all are."""
    if mask is None and not scan.pad:
        return None
    plain = torch.ones(shape, dtype=torch.bool) if mask is None else torch.as_tensor(np.array(mask, dtype=bool))
    return _on_detector(plain, scan)


def _on_detector(values: torch.Tensor, scan: Scan) -> torch.Tensor:
    """`values` (..., y, x) with nothing around them where a `scan` looks beyond its frames, in its order."""
    values = torch.nn.functional.pad(values, (scan.pad,) * 4) if scan.pad else values
    return to_corner(values) if scan.geometry == "far_field" else values


def _noise_beside_counting(acquisition: Scanned, mask: np.ndarray | None) -> float:
    """As `data.frames.noise_beside_counting`, for the frames one after the other."""
    shape = acquisition.frame_shape
    below, used = 0, 0
    total, times = np.zeros(shape), np.zeros(shape)
    for some in _in_turn(acquisition):
        counts, good = acquisition.intensity(some), _good(mask, some, len(some)).numpy()
        below += int((good & (counts < 0)).sum())
        good = np.broadcast_to(good, counts.shape)
        used += int(good.sum())
        total += counts.sum(0, where=good, dtype=np.float64)
        times += good.sum(0)
    if below < BELOW_ZERO * used:
        return 0.0
    mean, spread = total / np.maximum(times, 1), np.zeros(shape)
    for some in _in_turn(acquisition):
        counts, good = acquisition.intensity(some), _good(mask, some, len(some)).numpy()
        good = np.broadcast_to(good, counts.shape)
        spread += np.square(counts - mean).sum(0, where=good, dtype=np.float64)
    return dark_noise(mean, spread / np.maximum(times - 1, 1), times)

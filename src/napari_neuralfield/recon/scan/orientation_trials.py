"""Eight small pictures of a scan, one per orientation of its positions: a few passes of rPIE on part of the frames.

rPIE in batches: Maiden, Johnson, Li, Optica 4, 736 (2017).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch

from ... import compute
from ...compute import COMPLEX
from ...data.acquisition import Acquisition, CodedPtychography, Ptychography
from ...forward.ptychography import counts, from_detector, probes, to_detector
from ...forward.scan import add_windows, windows
from ...forward.scan_problem import Problem, ScanState, first_state, object_of
from ...optics.grids import intensity, over_modes, resample, spread
from ...types import InputError, Progress
from .orientation import NAMES, Orientation, oriented
from .recipe import ScanRecipe
from .setup import problem_of

PIXELS = 1_500_000  # of all frames used, on the grid that is computed on
SIDE = {"far_field": 128, "near_field": 160, "coded": 256}  # window pixels used of larger frames
FEWEST, MOST = 24, 200  # frames
PASSES, BATCH, CALM = 10, 4, 0.1


@dataclasses.dataclass(frozen=True)
class Trial:
    """What one orientation gives.

    picture : object, complex (y, x), its middle phase 0.
    error : relative amplitude error of the frames used.
    """

    orientation: Orientation
    picture: np.ndarray
    error: float


def orientation_trials(acquisition: Acquisition, device: str = "auto", seed: int = 0) -> Iterator[Progress | Trial]:
    """Try the eight orientations one after the other: a `Trial` each, and `Progress` between passes.

    At most 200 frames near the middle of the scan are used, and of large frames the middle.

    Parameters
    ----------
    acquisition : a scan with positions.
    device : auto, cpu, or a card such as cuda:0.
    seed : of the order of frames.

    Raises
    ------
    InputError : where the acquisition is no scan, or has no positions.
    """
    small = part_of(acquisition)
    recipe = ScanRecipe(device=device, seed=seed)
    total = len(NAMES) * PASSES
    for number, name in enumerate(NAMES):
        problem = problem_of(oriented(small, name), recipe)
        state = first_state(problem, recipe.modes, recipe.seed_probe)
        order = compute.seed(seed)
        for turn in range(PASSES):
            _sweep(problem, state, problem.train[torch.randperm(len(problem.train), generator=order)], turn > 1)
            yield Progress(number * PASSES + turn + 1, total, float("nan"), f"positions {name}")
        yield Trial(name, _picture(problem, state), problem.error(state))


def part_of(acquisition: Acquisition) -> Ptychography | CodedPtychography:
    """The frames nearest the middle of the scan, cut to their middle where they are large.

    Raises
    ------
    InputError : where the acquisition is no scan, or has no positions.
    """
    where = acquisition.source or "the acquisition"
    if not isinstance(acquisition, Ptychography | CodedPtychography):
        raise InputError(f"{where} is of kind {acquisition.kind}; only the positions of a scan can be turned")
    if acquisition.positions_um is None:
        raise InputError(f"{where} has no positions, so there is nothing to turn; they are found from the frames")
    small = _cut(acquisition)
    binning = small.upsampling if isinstance(small, CodedPtychography) else 1
    window = small.frame_shape[0] * small.frame_shape[1] * binning**2
    keep = int(np.clip(PIXELS // window, FEWEST, MOST))
    positions = np.asarray(small.positions_um)
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
    nearest = np.argsort(np.abs(positions - middle).max(axis=1), kind="stable")[:keep]
    return small.subset(np.sort(nearest)) if keep < small.frame_count else small


def _cut(acquisition: Ptychography | CodedPtychography) -> Ptychography | CodedPtychography:
    """The middle of large frames, and of what lies on their grid."""
    if isinstance(acquisition, CodedPtychography):
        most = SIDE["coded"] // acquisition.upsampling
    else:
        most = SIDE[acquisition.geometry]
    if max(acquisition.frame_shape) <= most:
        return acquisition
    starts = [max(0, n // 2 - most // 2) for n in acquisition.frame_shape]
    y, x = (slice(low, low + min(n, most)) for low, n in zip(starts, acquisition.frame_shape, strict=True))
    if isinstance(acquisition, CodedPtychography):
        return acquisition.crop(y, x)
    return cut_patterns(acquisition, y, x)


def cut_patterns(acquisition: Ptychography, y: slice, x: slice) -> Ptychography:
    """Rows `y` and columns `x` of the frames of `acquisition`, with a probe to match.

    In the far field fewer angles are the same window in larger pixels; in the near field the window is smaller.
    """
    rows, columns = y.stop - y.start, x.stop - x.start
    far = acquisition.geometry == "far_field"
    changes: dict[str, object] = {}
    if far:
        changes["object_pixel_um"] = acquisition.object_pixel_um * acquisition.frame_shape[0] / rows
    if acquisition.probe is not None:
        probe = torch.as_tensor(np.array(acquisition.probe), dtype=COMPLEX)
        changes["probe"] = (resample(probe, (rows, columns)) if far else probe[:, y, x]).numpy()
    return acquisition.replace(probe=None).crop(y, x).replace(**changes)  # grids must agree at every step


@torch.no_grad()
def _sweep(problem: Problem, state: ScanState, order: torch.Tensor, with_probe: bool) -> None:
    """One pass over the frames in `order`; updates the object array and, if unknown and `with_probe`, the probe."""
    scan, measured = problem.scan, problem.measured
    for part in order.split(BATCH):
        place = state.position[part]
        window, probe = windows(state.object_array, scan, place)[:, None], probes(state.probe, scan, place)
        wave = to_detector(probe * window, problem.kernel)
        ratio = measured.amplitude[part] / measured.shown(counts(wave, scan.binning), part).clamp(min=1e-4)
        good = measured.good_in(part)
        if good is not None:
            ratio = torch.where(good, ratio, 1.0)
        miss = from_detector(wave * (spread(ratio, scan.binning)[:, None] - 1), problem.kernel)
        blank = torch.zeros_like(state.object_array)
        light = over_modes(intensity(probe)).expand(len(part), -1, -1)
        above = add_windows(blank, (probe.conj() * miss).sum(1), scan, place)
        below = add_windows(blank, light.to(COMPLEX), scan, place).real.clamp(min=0)
        state.object_array = state.object_array + above / ((1 - CALM) * below + CALM * below.max())
        if problem.solve_probe and with_probe:
            bright = intensity(window).sum((0, 1))
            step = (window.conj() * miss).sum(0) / ((1 - CALM) * bright + CALM * bright.max())
            state.probe = state.probe + step


def _picture(problem: Problem, state: ScanState) -> np.ndarray:
    """The object where at least a window's middle half has been, its middle phase turned to 0."""
    found = object_of(state, problem.scan)
    if not problem.scan.periodic:
        quarter = [n // 4 for n in problem.scan.window]
        low = [int(state.position[:, axis].min()) + quarter[axis] for axis in (0, 1)]
        high = [int(state.position[:, axis].max()) + problem.scan.window[axis] - quarter[axis] for axis in (0, 1)]
        found = found[low[0] : high[0], low[1] : high[1]]
    values = found.cpu().numpy()
    total = values.sum()
    return (values * np.conj(total) / max(abs(total), 1e-30)).astype(np.complex64)

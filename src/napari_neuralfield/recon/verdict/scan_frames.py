"""The frames of a scan as the answer would have them, beside those that were measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ...compute import COMPLEX
from ...data.acquisition import CodedPtychography, Ptychography
from ...data.frames import evenly_chosen
from ...forward.ptychography import predict
from ...forward.scan import Scan, widened
from ...forward.scan_problem import Problem, ScanState, first_state
from ...optics.grids import to_corner
from ...optics.propagation import angular_spectrum, filtered
from ...types import Result
from ..scan.recipe import ScanRecipe
from ..scan.setup import problem_of

Scanned = Ptychography | CodedPtychography
KEPT = ("borders", "pad", "device", "hold_out", "use_every")  # of a recipe: what says how frames were looked at
MOST_PIXELS = 8_000_000  # of the frames looked at
AT_ONCE = 16  # frames
JITTER = 0.7, 1.4  # of a frame's amplitude, which is left free
ALIKE = 1e-8  # of the light: frames that differ by no more are the same
DARK = 0.25  # of the counts of bright frames
FULL = 0.001  # share of the pixels at the highest value, above which it is the detector's end
WHOLE = 1e-3  # by which counts may differ from whole numbers
FINE = 0.2  # share of the misfit beyond the noise of counts that is believed even if neighbouring pixels know nothing
SPECKLED = 0.05  # share of what tells frames apart that neighbouring pixels have in common, above which it is a measure


@dataclasses.dataclass(frozen=True)
class ScanMisfits:
    """Of each frame, sums over its good pixels, of amplitudes (square roots of counts).

    frames : their numbers. residual : of measured minus predicted, squared (frame,).
    noise : what counting explains of it (frame,). structure : of measured minus mean frame, squared (frame,).
    residual_near, structure_near : products with neighbouring pixels instead of the squares (frame,), in which noise
    has no share. energy : counts (frame,).
    brightness : of each frame against the prediction (frame,), amplitude. fixed : share of the residual that is the
    same in all frames. brighter : share of that which is light that the picture does not predict.
    rings : the residual over the structure, both less noise, from the middle of the detector outwards (4,).
    full : share of the pixels that hold the highest value.
    """

    frames: np.ndarray
    residual: np.ndarray
    noise: np.ndarray
    structure: np.ndarray
    residual_near: np.ndarray
    structure_near: np.ndarray
    energy: np.ndarray
    brightness: np.ndarray
    fixed: float
    brighter: float
    rings: np.ndarray
    full: float

    def unexplained(self, chosen: np.ndarray | slice = slice(None)) -> float:
        """Share of what tells the frames `chosen` apart that neither picture nor noise explains; 1 as by a mean frame.

        Told in two ways, each of which may take noise for more: by what counting explains (where less than a tenth is
        no noise, it is held against that tenth), and by what neighbouring pixels have in common, which is no noise. Of
        misfit that is as fine as noise the second knows nothing, so of the first a share is believed anyway.
        """
        structure, noise = self.structure[chosen].sum(), self.noise[chosen].sum()
        signal = max(structure - noise, 0.1 * structure, 1e-30)
        beyond = float(max(self.residual[chosen].sum() - noise, 0.0) / signal)
        if not self.speckled(chosen):
            return beyond
        near = float(abs(self.residual_near[chosen].sum()) / self.structure_near[chosen].sum())
        return min(beyond, max(near, FINE * beyond))

    def speckled(self, chosen: np.ndarray | slice = slice(None)) -> bool:
        """Whether what tells the frames `chosen` apart is wider than a pixel, so that neighbours tell it from noise."""
        return bool(self.structure_near[chosen].sum() > SPECKLED * self.structure[chosen].sum())

    def alike(self) -> bool:
        """Whether all frames are the same picture, but for rounding."""
        return bool(self.structure.sum() <= ALIKE * self.energy.sum())

    def error(self) -> float:
        """Relative amplitude error."""
        return float(np.sqrt(self.residual.sum() / max(self.energy.sum(), 1e-30)))

    def noises(self) -> float:
        """How many times the noise the misfit is; inf where nothing is known of the noise."""
        return float(np.sqrt(self.residual.sum() / max(self.noise.sum(), 1e-30)))

    def noisy(self) -> float:
        """Share of what tells the frames apart that is counting noise."""
        return float(self.noise.sum() / max(self.structure.sum(), 1e-30))

    def dark(self) -> np.ndarray:
        """Numbers of the frames that have hardly any light beside the brighter ones."""
        return self.frames[self.energy < DARK * np.quantile(self.energy, 0.9)]

    def odd(self) -> np.ndarray:
        """Numbers of the frames that come back far worse than the others."""
        share = self.residual / np.maximum(self.structure, 1e-3 * self.structure.mean())
        away = share - np.median(share)
        spread = max(1.5 * float(np.median(np.abs(away))), 0.02)
        off = np.abs(np.log(np.maximum(self.brightness / np.median(self.brightness), 1e-6))) > np.log(1.35)
        return self.frames[(away > 6 * spread) | off]


def rebuilt(acquisition: Scanned, result: Result) -> tuple[Problem, ScanState]:
    """The scan as the result says it was, and its answer on pixels.

    Parameters
    ----------
    acquisition : whose frames were reconstructed.
    result : object as a field; positions and probe or coded surface in its calibration, as far as they were found.
    """
    found, count = result.calibration, acquisition.frame_count
    told = {name: result.recipe[name] for name in KEPT if name in result.recipe}
    nominal = found.get("nominal_positions_um")
    if nominal is not None and len(nominal) == count:
        acquisition = acquisition.replace(positions_um=np.asarray(nominal, dtype=float))
    problem = problem_of(acquisition, ScanRecipe.model_validate(told))
    lengths = {n: float(str(result.optics[n])) for n in ("to_detector_um", "wavelength_um") if n in result.optics}
    problem = problem.with_geometry(**lengths)
    background = found.get("background")
    if background is not None and np.shape(background) == problem.measured.amplitude.shape[1:]:
        added = to_corner(torch.as_tensor(np.array(background))).to(problem.device, problem.measured.amplitude.dtype)
        problem = dataclasses.replace(problem, measured=dataclasses.replace(problem.measured, background=added))
    state, scan = first_state(problem, None), problem.scan
    light = found.get("coded_surface" if scan.geometry == "coded" else "probe")
    if light is not None:
        probe = torch.as_tensor(np.array(light), dtype=COMPLEX, device=problem.device)
        state.probe = widened(probe[None] if probe.ndim == 2 else probe, scan.rim)
    places = found.get("positions_um")
    if places is not None and len(places) == count:
        corner = np.asarray(places, dtype=float) * (-1 if scan.geometry == "coded" else 1)
        position = (corner - np.asarray(scan.origin_um)) / scan.pixel_um
        state.position = torch.as_tensor(position, dtype=torch.float64, device=problem.device)
    state.object_array = _object_array(result, scan)
    return problem, state


def _object_array(result: Result, scan: Scan) -> torch.Tensor:
    """The object, or its field at a coded surface, on the object array of a `scan`."""
    whole = result.field.extent.shape == scan.object_shape
    extent = scan.extent if whole else scan.shown
    picture = result.field.render([0.0], *extent.axes())[0].detach().to(COMPLEX).to(scan.device)
    picture = picture if whole else widened(picture, scan.rim)
    if not scan.to_object_um:
        return picture
    there = angular_spectrum(
        scan.object_shape, scan.pixel_um, scan.to_object_um, scan.wavelength_um, limited=not scan.periodic,
        device=scan.device,
    )  # fmt: skip
    return filtered(picture, there)


@torch.no_grad()
def compared(problem: Problem, state: ScanState, result: Result | None = None) -> ScanMisfits:
    """How far the frames of a scan are from those that `state` predicts, each at the brightness that fits best.

    Parameters
    ----------
    problem, state : the scan and its answer. result : with `gains` and `background` in its calibration, where found.
    """
    measured, good, chosen = _looked_at(problem)
    total, rows = float(measured.square().sum()), []
    for part, index in zip(chosen.split(AT_ONCE), torch.arange(len(chosen)).split(AT_ONCE), strict=True):
        seen = predict(state.object_array, state.probe, problem.scan, part, position=state.position,
                       kernel=problem.kernel)  # fmt: skip
        seen = _with_light(seen, problem, part, result)
        seen = problem.measured.shown(seen, part).square()
        rows.append(seen * (good if good.ndim == 2 else good[index]))
    seen = torch.cat(rows)
    seen = seen * (total / max(float(seen.sum()), 1e-30))
    root = seen.sqrt()
    gain = (measured * root).sum((1, 2)) / seen.sum((1, 2)).clamp(min=1e-30)
    miss = measured - gain.clamp(*JITTER)[:, None, None] * root
    mean = measured.square().mean(0).sqrt()
    light = (measured * mean).sum((1, 2)) / mean.square().sum().clamp(min=1e-30)
    change = measured - light[:, None, None] * mean
    counted = problem.measured.added > 0 or _are_counts(measured)
    noise = _counting_noise(seen) * good if counted else torch.zeros_like(seen)
    residual, noise = miss.square().sum((1, 2)), noise.sum((1, 2))
    common = miss.mean(0)
    n = len(miss)
    between = (n * float(common.square().sum()) - float(residual.sum()) / n) / max(float(residual.sum()), 1e-30)
    bright = float(common.clamp(min=0).square().sum() / common.square().sum().clamp(min=1e-30))
    highest = measured.amax()
    return ScanMisfits(
        frames=chosen.cpu().numpy(), residual=residual.double().cpu().numpy(),
        noise=np.minimum(noise.double().cpu().numpy(), residual.double().cpu().numpy()),
        structure=change.square().sum((1, 2)).double().cpu().numpy(),
        residual_near=_with_neighbours(miss),
        structure_near=_with_neighbours(change) * (problem.scan.geometry != "coded"),  # a coded surface's is too fine
        energy=measured.square().sum((1, 2)).double().cpu().numpy(), brightness=gain.double().cpu().numpy(),
        fixed=max(between, 0.0), brighter=bright, rings=_rings(miss, change, problem.scan),
        full=float((measured >= 0.9999 * highest).float().mean()),
    )  # fmt: skip


def _with_neighbours(values: torch.Tensor) -> np.ndarray:
    """Sum over pixels (frame,) of each of `values` (frame, y, x) times the mean of its neighbours above and left."""
    products = sum((values * values.roll(1, axis)).sum((1, 2)).double() for axis in (1, 2))
    return (0.5 * torch.as_tensor(products)).cpu().numpy()


def _looked_at(problem: Problem) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Amplitudes (frame, y, x) of the frames that are looked at, their good pixels, and the numbers of the frames.

    Borders to which light comes from beyond the answer are left out.
    """
    scan = problem.scan
    most = max(8, MOST_PIXELS // int(np.prod(scan.window)))
    chosen = torch.as_tensor(evenly_chosen(scan.frames, most), device=problem.device)
    measured = problem.measured.amplitude[chosen]
    good = problem.measured.good_in(chosen)
    good = torch.ones_like(measured[0], dtype=torch.bool) if good is None else good.clone()
    if scan.pad:
        rim = 2 * scan.pad
        inner = torch.zeros(measured.shape[1:], dtype=torch.bool, device=problem.device)
        inner[rim : inner.shape[0] - rim, rim : inner.shape[1] - rim] = True
        good = good & inner
    return measured * good, good, chosen


def _with_light(seen: torch.Tensor, problem: Problem, part: torch.Tensor, result: Result | None) -> torch.Tensor:
    """Counts `seen` (frame, y, x) of the frames `part` with the gains and the ambient light that a result found."""
    found = {} if result is None else result.calibration
    for name, adds in (("gains", False), ("background", True)):
        values = found.get(name)
        if values is not None and np.shape(values) == (problem.scan.frames,):
            value = torch.as_tensor(np.array(values), dtype=seen.dtype, device=seen.device)[part][:, None, None]
            seen = seen + value if adds else seen * value
    return seen


def _rings(miss: torch.Tensor, change: torch.Tensor, scan: Scan) -> np.ndarray:
    """Squared misfit over squared change, in four parts of the detector of as much change, from the middle outwards."""
    rows, columns = miss.shape[1:]
    if scan.geometry == "far_field":
        y, x = (torch.fft.fftfreq(n, 1 / n, device=miss.device) for n in (rows, columns))
    else:
        y, x = (torch.arange(n, device=miss.device) - (n - 1) / 2 for n in (rows, columns))
    radius = torch.hypot(y[:, None].expand(rows, columns), x[None, :].expand(rows, columns)).ravel()
    order = radius.argsort()
    told, lost = (values.square().sum(0).ravel()[order].cumsum(0).double() for values in (change, miss))
    ends = [int(torch.searchsorted(told, told[-1] * share)) for share in (0.25, 0.5, 0.75)] + [len(told) - 1]
    a, b = told[ends].cpu().numpy(), lost[ends].cpu().numpy()
    return np.diff(b, prepend=0) / np.maximum(np.diff(a, prepend=0), 1e-30)


def _are_counts(measured: torch.Tensor) -> bool:
    """Whether amplitudes are roots of whole numbers, so that their noise is known."""
    values = measured[: min(len(measured), 8)].square()
    values = values[values > 0]
    near = (values - values.round()).abs() < WHOLE * values.clamp(min=1)
    return bool(len(values)) and float(near.float().mean()) > 0.99 and float(values.min()) < 1e4


def stored_otherwise(problem: Problem) -> dict[str, float]:
    """Whether the frames of a scan are logarithms or square roots of whole numbers, 1 for what they are, or nothing."""
    values = problem.measured.amplitude[:8].square().double()
    values = values[values > 0]
    if not len(values) or _whole(values) > 0.5:
        return {}
    ways = {"logarithms": values.expm1(), "roots": values.square()}
    few = {name: counts[counts < 200] for name, counts in ways.items()}
    return {name: 1.0 for name, counts in few.items() if len(counts) > 100 and _whole(counts) > 0.99}


def _whole(values: torch.Tensor) -> float:
    """Share of `values` that are whole numbers."""
    return float(((values - values.round()).abs() < 20 * WHOLE).double().mean())


def _counting_noise(expected: torch.Tensor) -> torch.Tensor:
    """Mean square of sqrt(n) - sqrt(expected) where n counts are Poisson with mean `expected`; 1/4 of bright light.

    From 2 expected - 2 sqrt(expected) E sqrt(n), tabled where it is not 1/4 within a few percent.
    """
    table = torch.linspace(0, 12, 241, dtype=torch.float64)
    n = torch.arange(80, dtype=torch.float64)
    chance = torch.exp(n * torch.log(table[:, None].clamp(min=1e-12)) - table[:, None] - torch.lgamma(n + 1))
    noise = 2 * table - 2 * table.sqrt() * (chance * n.sqrt()).sum(1)
    at = (expected.clamp(0, 12) / 12 * 240).cpu()
    low = at.floor().long().clamp(max=239)
    value = noise[low] + (noise[low + 1] - noise[low]) * (at - low)
    return value.to(expected.dtype).to(expected.device)

"""Short runs on some frames of a scan: halves of them apart, frames left out, and other readings of the positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from ...compute import COMPLEX
from ...data.acquisition import Ptychography
from ...forward.scan_problem import Problem, ScanState, first_state, object_of
from ...types import InputError, Result
from ..scan.exit_waves import ExitWaves
from ..scan.orientation import Orientation, oriented_positions
from ..scan.orientation_trials import cut_patterns
from ..scan.recipe import ScanRecipe
from ..scan.sequential import Sequential
from ..scan.setup import problem_of
from ..scan.whole_scan import rows_of
from .scan_frames import Scanned, compared

FRAMES, SIDE = 64, 128  # used, near the middle of the scan; and pixels of the middle of larger far-field frames
FEW_FRAMES, SMALL_SIDE = 48, 64  # the same for the many trials of quite other positions, with one mode of the probe
WORK = FEW_FRAMES * SMALL_SIDE**2 * 12  # pixels of such a trial, times passes
PASSES, FEW_PASSES, MORE_PASSES, EVERY = 10, 6, 12, 6  # more: for a probe that was found with other positions
SLOW = 10.0  # pixels: wider slopes, which hardly any frame tells, are left out
BENT = 0.2  # rad, of the other start in the near field
LIT = 0.15  # of the light of a bright place, above which a place counts
LOWEST = 0.003  # share left, below which no reading is better
SCALES, TURN_DEG = (0.93, 1.07), 8.0  # of the positions, in other readings
ORIENTATIONS: tuple[Orientation, ...] = (
    "flip-x", "flip-y", "half-turn", "swap-yx", "swap-yx-half-turn", "quarter-turn", "quarter-turn-back",
)  # fmt: skip
Part = Literal["fair", "coarse", "as_given"]
Change = Callable[[np.ndarray], np.ndarray]  # of places (frame, 2), um


def small_part(acquisition: Scanned, problem: Problem, state: ScanState, part: Part = "fair") -> Scanned:
    """Some frames near the middle, with the positions, the probe or the coded surface that were found.

    Parameters
    ----------
    acquisition : as it was reconstructed. problem, state : the answer, from `scan_frames.rebuilt`.
    part : `fair`; or `coarse`, of fewer and smaller frames and one mode; `as_given`, so too, with the probe as given.
    """
    scan, rim = problem.scan, problem.scan.rim
    frames, side = (FRAMES, SIDE) if part == "fair" else (FEW_FRAMES, SMALL_SIDE)
    corner = state.position.cpu().numpy() * scan.pixel_um + np.asarray(scan.origin_um) + rim * scan.pixel_um
    light = state.probe.detach().cpu().numpy()
    light = light[:, rim : light.shape[1] - rim, rim : light.shape[2] - rim]
    if isinstance(acquisition, Ptychography):
        given = acquisition.probe
        light = np.asarray(given) if part == "as_given" and given is not None else light
        light = light if part == "fair" or light.ndim == 2 else light[:1]
        known: Scanned = acquisition.replace(positions_um=corner, probe=light)
        if acquisition.geometry == "far_field" and max(acquisition.frame_shape) > side:
            starts = [max(0, n // 2 - side // 2) for n in acquisition.frame_shape]
            y, x = (slice(a, a + min(n, side)) for a, n in zip(starts, acquisition.frame_shape, strict=True))
            known = cut_patterns(known, y, x)  # type: ignore[arg-type]
    else:
        known = acquisition.replace(positions_um=-corner, coded_surface=light[0])
    used = problem.train.cpu().numpy()
    away = np.abs(corner[used] - np.median(corner[used], axis=0)).max(1)
    return known.subset(np.sort(used[np.argsort(away, kind="stable")[:frames]]))


def of_part(part: Scanned, told: ScanRecipe) -> Problem:
    """The scan of a `part`, its borders and device as in the recipe `told`."""
    return problem_of(part, ScanRecipe(device=told.device, borders=told.borders, pad=told.pad))


@torch.no_grad()
def short_run(
    problem: Problem, frames: torch.Tensor, *, passes: int = PASSES, probe_too: bool = False, bent: float = 0.0
) -> ScanState:
    """From a flat object and the given probe: a few passes of rPIE.

    Parameters
    ----------
    problem : from `of_part`. frames : indices of those used. passes : over them. probe_too : the probe may change.
    bent : slow random phase of the object at the start, rad.
    """
    state = first_state(problem, None)
    if bent:
        field = gaussian_filter(np.random.default_rng(0).standard_normal(problem.scan.object_shape), SLOW / 2)
        phase = torch.as_tensor(bent * field / field.std(), device=problem.device)
        state.object_array = state.object_array * torch.polar(torch.ones_like(phase), phase).to(COMPLEX)
    engine = Sequential(problem, state, object_alpha=0.5)
    for _ in engine.few_passes(frames, passes, 0, probe_too):
        pass
    return engine.waves.state()


def independent(problem: Problem, result: Result) -> dict[str, float]:
    """Whether halves of the frames, apart, show the same object, and whether it is the one of the result.

    The probe is the one found; everything else begins anew. In the near field, where slow phase is hardly told, one
    half starts from a bent wave: what stays of it was not told by the frames.

    Parameters
    ----------
    problem : from `of_part`. result : the answer.
    """
    bent = BENT if problem.scan.geometry == "near_field" else 0.0
    halves = [short_run(problem, problem.every[start::2], bent=start * bent) for start in (0, 1)]
    first, second = (object_of(half, problem.scan).cpu().numpy() for half in halves)
    light = torch.stack([ExitWaves(problem, half).illumination(list(range(k, problem.scan.frames, 2)))
                         for k, half in enumerate(halves)]).amin(0).cpu().numpy()  # fmt: skip
    lit = light > LIT * np.quantile(light, 0.95)
    picture = result.field.render([0.0], *problem.scan.extent.axes())[0].detach().cpu().numpy().astype(complex)
    agree, detail = alike(first, second, lit)
    whole, _ = alike(picture, first if bent else first + second, lit)
    return {
        "halves_agree": agree,
        "halves_detail_um": problem.scan.pixel_um / max(detail, 1e-3),
        "picture_agrees": whole,
    }


def alike(first: np.ndarray, second: np.ndarray, lit: np.ndarray) -> tuple[float, float]:
    """Correlation of two complex pictures where `lit`, slow parts left out, and the frequency up to which they agree.

    Parameters
    ----------
    first, second : (y, x). lit : (y, x), bool. The frequency, cycles per pixel, is where Fourier rings fall below 1/2.
    """
    second = second * np.exp(1j * np.angle((first * second.conj())[lit].sum()))
    a, b = (_fine(values, lit) for values in (first, second))
    size = np.linalg.norm(a) * np.linalg.norm(b)
    rows, columns = a.shape
    f = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)[None, :])
    ring = (f * 32).astype(int).ravel()
    fa, fb = np.fft.fft2(a).ravel(), np.fft.fft2(b).ravel()
    cross, pa, pb = (np.bincount(ring, v) for v in ((fa * fb.conj()).real, np.abs(fa) ** 2, np.abs(fb) ** 2))
    rings = (cross / np.maximum(np.sqrt(pa * pb), 1e-30))[1:17]
    below = np.flatnonzero(rings < 0.5)
    reach = (1 + (below[0] if len(below) else len(rings))) / 32
    return float((a * b.conj()).sum().real / max(size, 1e-30)), float(reach)


def _fine(picture: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """A picture (y, x) less its surroundings where `lit`, 0 elsewhere."""
    weight = gaussian_filter(lit.astype(float), SLOW)
    masked = np.where(lit, picture, 0)
    around = (gaussian_filter(masked.real, SLOW) + 1j * gaussian_filter(masked.imag, SLOW)) / np.maximum(weight, 1e-3)
    return np.where(lit, picture - around, 0)


def held_out(problem: Problem, passes: int = PASSES, probe_too: bool = False) -> dict[str, float]:
    """Share of what frames show that a short run without every sixth does not explain: of those used, and left out.

    Parameters
    ----------
    problem : from `of_part`. passes, probe_too : as of `short_run`.
    """
    out = torch.zeros(problem.scan.frames, dtype=torch.bool, device=problem.device)
    out[EVERY // 2 :: EVERY] = True
    found = compared(problem, short_run(problem, problem.every[~out], passes=passes, probe_too=probe_too))
    held = out.cpu().numpy()[found.frames]
    return {"misfit_used": found.unexplained(~held), "misfit_held_out": found.unexplained(held)}


class Readings:
    """What short runs with the positions read otherwise leave unexplained over what one with them as given does.

    Parameters
    ----------
    part : `fair` from `small_part`. told : as for `of_part`. coarse : for quite other positions, `coarse` and, where a
        probe was given, `as_given`, for the probe found was found with the positions as they are.
    """

    def __init__(self, part: Scanned, told: ScanRecipe, *coarse: Scanned) -> None:
        self._part, self._coarse, self._told = part, coarse, told
        self.own = max(self._left(part, FEW_PASSES), LOWEST)

    def _left(self, one: Scanned, passes: int, held: bool = False) -> float:
        try:
            problem = of_part(one, self._told)
            if held:
                return min(held_out(problem, passes, problem.solve_probe)["misfit_held_out"], 2.0)
            state = short_run(problem, problem.every, passes=passes, probe_too=problem.solve_probe)
            return min(compared(problem, state).unexplained(), 2.0)
        except InputError:  # such positions are no scan
            return 2.0

    def _far(self, change: Change, *, held: bool = False, probes: int = 1) -> float:
        """The least that is left with quite other positions, over the first so many `probes` to start from."""
        found = []
        for one in self._coarse[:probes]:
            passes = int(np.clip(WORK / (one.frame_count * np.prod(one.frame_shape)), FEW_PASSES, MORE_PASSES))
            found.append(self._left(_moved(one, change), passes, held))
        return min(found)

    def scaled(self) -> dict[str, float]:
        """Positions closer together and farther apart, and what those as given leave."""
        closer, farther = (self._left(_moved(self._part, times(f)), FEW_PASSES) / self.own for f in SCALES)
        return {"share_short_run": self.own, "if_closer": closer, "if_farther": farther}

    def others(self) -> dict[str, float]:
        """Positions in other orientations, turned, of other size, in another order, by longer runs."""
        ways = {
            "if_turned": [turned(TURN_DEG), turned(-TURN_DEG)],
            "if_half": [times(0.5)],
            "if_one_frame_off": [frames_on(1), frames_on(-1)],
        }
        place = np.asarray(self._coarse[0].positions_um, dtype=float)
        if not np.array_equal(both_ways(place), place):
            ways["if_lines_both_ways"] = [both_ways]
        left = {f"if_{name.replace('-', '_')}": self._far(oriented(name), probes=2) for name in ORIENTATIONS}
        left |= {name: min(map(self._far, some)) for name, some in ways.items()}
        own = max(self._far(times(1), probes=2), LOWEST)
        # frames with little in common are explained by anything: those left out are asked
        apart, as_given = (self._far(times(factor), held=True) for factor in (2, 1))
        return {name: value / own for name, value in left.items()} | {"if_double": apart / max(as_given, LOWEST)}


def _moved(one: Scanned, change: Change) -> Scanned:
    """A scan whose places are changed about their middle."""
    place = np.asarray(one.positions_um, dtype=float)
    middle = place.mean(0)
    return one.replace(positions_um=middle + change(place - middle))


def oriented(name: Orientation) -> Change:
    """What turns or mirrors places (frame, 2) by the name of an orientation."""
    return lambda place: oriented_positions(place, name)


def both_ways(place: np.ndarray) -> np.ndarray:
    """Places (frame, 2) of a raster, every second line of it backwards; a last line may be cut short."""
    found = next(filter(None, (rows_of(place[:end]) for end in range(len(place), len(place) // 2, -1))), None)
    if found is None:
        return place
    back, row = place.copy(), found[1]
    for number in range(1, int(row.max()) + 1, 2):
        back[: len(row)][row == number] = place[: len(row)][row == number][::-1]
    return back


def times(factor: float) -> Change:
    """What makes places (frame, 2) so many times as far apart."""
    return lambda place: factor * place


def frames_on(count: int) -> Change:
    """What gives every frame the place (frame, 2) of the one so many before it."""
    return lambda place: np.roll(place, count, axis=0)


def turned(degrees: float) -> Change:
    """What turns places (frame, 2) by so many degrees about (0, 0)."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return lambda place: place @ np.array([[c, s], [-s, c]])

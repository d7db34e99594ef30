"""The angle between the axes of a scan and those of its detector, by trials judged on frames left out.

Lenses of an electron microscope turn the diffraction pattern against the scan, by any angle, and detectors may be
mirrored. Centres of mass tell the angle in closed form only where steps are finer than the detail and the probe is too;
a few passes on the middle of the scan tell it from a described probe of either focus, at 1000 electrons per square
angstrom as well. The probe's defocus also tells one half of a turn from the other, which a flat phase does not.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator

import numpy as np
import torch

from ...data.acquisition import CodedPtychography, Ptychography
from ...forward.scan_problem import first_state
from ...optics.electrons import ELECTRONS_UM
from ...types import Event, Note, Preview, Progress
from ..engine import checkpoint
from ..engine.preview_pace import PreviewPace
from .orientation import oriented
from .probe_search import flat
from .probe_trials import trial
from .recipe import ScanRecipe
from .setup import described, field_of, problem_of

FEWEST, MOST = 36, 49  # frames of a trial
STEP_DEG = 6
FINER_DEG = (3.0, 1.5, 0.75)
VALLEY_DEG = 24  # on both sides of the best angle, where others are better than wrong ones too
PASSES, HELD = 6, 5
NEXT_BEST = 0.6  # of the depth of the best angle's valley: what another one may have at most
AS_GOOD = 0.1  # of the depth of the best angle's valley: positions as given that are this near stay
OTHER_HAND = 0.95, 0.75  # of that depth: what mirrored angles may reach; and others, where a mirrored one is best
SCATTER = 4.0  # times the scatter of wrong angles: what the best must be better by


@dataclasses.dataclass(frozen=True)
class Turn:
    """The angle found.

    degrees : by which positions are to be turned, from y towards x.
    mirrored : rows and columns of the scan are swapped before.
    error, given : relative amplitude error of frames left out, so and as given.
    clear : whether it stands out against wrong angles.
    """

    degrees: float
    mirrored: bool
    error: float
    given: float
    clear: bool


def turned(
    acquisition: Ptychography | CodedPtychography, recipe: ScanRecipe
) -> Generator[Event, None, Ptychography | CodedPtychography]:
    """`acquisition` with its positions turned to its detector: by `recipe`, or for electrons as the frames tell it."""
    if not isinstance(acquisition, Ptychography) or acquisition.geometry != "far_field":
        return acquisition
    if recipe.scan_rotation_deg is not None:
        return rotated(acquisition, recipe.scan_rotation_deg)
    acquisition = described(acquisition, recipe)
    assert isinstance(acquisition, Ptychography)
    known = recipe.seed_probe and acquisition.probe is not None and not flat(torch.tensor(acquisition.probe))
    if acquisition.wavelength_um > ELECTRONS_UM or not known or recipe.orientation != "as-given":
        return acquisition
    if acquisition.frame_count < FEWEST:
        return acquisition
    found = yield from checkpoint.once_from("scan rotation", turn_of(acquisition, recipe))
    if not found.clear:
        yield Note(
            "no angle and handedness of the scan against the detector predicts frames left out clearly better "
            "than others, so the positions stay as given; check their rotation, or give --scan-rotation-deg"
        )
        return acquisition
    if not found.degrees and not found.mirrored:
        return acquisition
    how = "mirrored (rows and columns swapped) and " if found.mirrored else ""
    yield Note(
        f"the scan is {how}turned by {found.degrees:.3g} degrees against the detector: frames left out are predicted "
        f"with an error of {found.error:.4g}, as given {found.given:.4g}; it is taken. --scan-rotation-deg 0 for as "
        "given; with a defocus of the other sign half a turn more fits as well, and the phase changes its sign"
    )
    facing = oriented(acquisition, "swap-yx") if found.mirrored else acquisition
    assert isinstance(facing, Ptychography)
    return rotated(facing, found.degrees)


def rotated(acquisition: Ptychography, degrees: float) -> Ptychography:
    """`acquisition` with its positions turned about the middle of their range by `degrees`, from y towards x."""
    if not degrees:
        return acquisition
    positions = np.asarray(acquisition.positions_um, dtype=float)
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
    return acquisition.replace(positions_um=turned_places(positions - middle, degrees) + middle)


def turned_places(place: np.ndarray, degrees: float) -> np.ndarray:
    """Places (frame, 2) turned about (0, 0) by `degrees`, from y towards x."""
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    return place @ np.array([[cosine, sine], [-sine, cosine]])


def turn_of(acquisition: Ptychography, recipe: ScanRecipe) -> Generator[Event, None, Turn]:
    """The angle that predicts frames of `acquisition` left out best, mirrored or not.

    `recipe` says on which device.
    """
    some = acquisition.subset(middle_frames(acquisition, MOST))
    every = sorted(range(-180, 180, STEP_DEG), key=abs)  # as given first: it is seen first
    scans = (some, oriented(some, "swap-yx"))
    tried: list[dict[float, float]] = [{}, {}]
    least, pace = math.inf, PreviewPace(lambda: picture)
    for number, (mirrored, degrees) in enumerate((m, float(d)) for m in (0, 1) for d in every):
        error, picture = _held_out(scans[mirrored], degrees, recipe)
        tried[mirrored][degrees] = error
        yield Progress(number + 1, 2 * len(every), error, "looking for the scan's rotation")
        if error < least:
            least = error
            yield from pace.events()
    given = tried[0][0.0]
    clear = [mirrored for mirrored in (0, 1) if _stands_out(tried[mirrored])]
    if not clear:
        return Turn(0.0, False, given, given, False)
    best = [_refined(scan, errors, recipe) for scan, errors in zip(scans, tried, strict=True)]
    mirrored = min(clear, key=lambda number: tried[number][best[number]])
    error, angle = tried[mirrored][best[mirrored]], best[mirrored]
    depth = float(np.median(list(tried[mirrored].values()))) - error
    if tried[1 - mirrored][best[1 - mirrored]] - error < (1 - OTHER_HAND[mirrored]) * depth:
        return Turn(0.0, False, given, given, False)
    if not mirrored and (abs(angle) <= 2 * FINER_DEG[-1] or given - error < AS_GOOD * depth):
        angle = 0.0
    return Turn(angle, bool(mirrored), error, given, True)


def _refined(scan: Ptychography | CodedPtychography, tried: dict[float, float], recipe: ScanRecipe) -> float:
    """The best angle between those `tried`, to which it is added with its error; for `scan` by `recipe`."""
    best = min(tried, key=lambda angle: tried[angle])
    for finer in FINER_DEG:
        for angle in (best - finer, best + finer):
            tried[angle], _ = _held_out(scan, angle, recipe)
        best = min(tried, key=lambda angle: tried[angle])
    return best


def _stands_out(tried: dict[float, float]) -> bool:
    """Whether the best angle's error lies far below the others' scatter and the next best, its neighbours left out.

    `tried` : errors by angles, degrees.
    """
    best = min(tried, key=lambda angle: tried[angle])
    apart = np.array([abs((angle - best + 180) % 360 - 180) for angle in tried])
    others = np.array(list(tried.values()))[apart > VALLEY_DEG]
    wrong = float(np.median(others))
    scatter = 1.48 * float(np.median(np.abs(others - wrong)))
    depth = wrong - tried[best]
    return depth > SCATTER * scatter and wrong - float(others.min()) < NEXT_BEST * depth


def middle_frames(acquisition: Ptychography, most: int) -> np.ndarray:
    """Indices of so many frames, nearest the middle of the scan."""
    place = np.asarray(acquisition.positions_um)
    away = np.abs(place - (place.min(axis=0) + place.max(axis=0)) / 2).max(axis=1)
    return np.sort(np.argsort(away, kind="stable")[:most])


def _held_out(
    acquisition: Ptychography | CodedPtychography, degrees: float, recipe: ScanRecipe
) -> tuple[float, Preview]:
    """Error of frames left out, positions turned by `degrees`, after some passes from the given probe; their end."""
    assert isinstance(acquisition, Ptychography)
    plain = ScanRecipe(device=recipe.device, seed=recipe.seed, hold_out=HELD)
    problem = problem_of(rotated(acquisition, degrees), plain)
    error, end = trial(problem, first_state(problem, 1).probe, recipe.seed, PASSES)
    return error, Preview(field_of(end, problem.scan), 0.0)

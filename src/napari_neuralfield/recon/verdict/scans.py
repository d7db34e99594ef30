"""What is known for and against a picture from a scan, and the verdict on it."""

from __future__ import annotations

from ...registry import judge
from ...types import Result, Verdict
from ..scan.recipe import ScanRecipe
from . import scan_rules
from .scan_frames import KEPT, Scanned, compared, rebuilt, stored_otherwise
from .scan_picture import plausible
from .scan_positions import positions_as_a_whole
from .scan_trials import Part, Readings, held_out, independent, of_part, small_part

FEWEST = 8  # frames, of which halves can be told apart


@judge("ptychography")
@judge("coded_ptychography")
def judge_scans(acquisition: Scanned, result: Result) -> Verdict:
    """How far a picture can be trusted, from the frames alone.

    Parameters
    ----------
    acquisition : whose frames were reconstructed.
    result : the picture, and what was found of probe and positions.
    """
    return scan_rules.verdict(evidence(acquisition, result))


def evidence(acquisition: Scanned, result: Result, readings: bool | None = None) -> dict[str, float]:
    """The figures behind a verdict; those that cannot be had are left out.

    Parameters
    ----------
    acquisition, result : as for `judge_scans`.
    readings : whether positions are tried turned, mirrored and in another order; None: where there is doubt.
    """
    problem, state = rebuilt(acquisition, result)
    found = compared(problem, state, result)
    if found.alike():
        return {"alike": 1.0, "frames": float(len(found.frames))}
    odd, total = found.odd(), len(found.frames)
    figures = {
        "unexplained": found.unexplained(), "relative_error": found.error(), "noise_in_frames": found.noisy(),
        "unexplained_middle": float(found.rings[0]), "unexplained_rim": float(found.rings[-1]),
        "fixed_pattern": found.fixed, "fixed_brighter": found.brighter, "full_pixels": found.full,
        "frames": float(total), "odd_frames": len(odd) / total,
        "dark_frames": len(found.dark()) / total,
    }  # fmt: skip
    figures |= stored_otherwise(problem) | {"told_by_neighbours": float(found.speckled())}
    if found.noise.sum() > 0:
        figures["noises"] = found.noises()
    if getattr(acquisition, "coded_surface", None) is not None:
        figures["surface_known"] = 1.0
    for name, which in (("oddest_frame", odd), ("first_dark_frame", found.dark())):
        figures |= {name: float(which[0])} if len(which) else {}
    figures |= plausible(problem, state) | positions_as_a_whole(acquisition, result)
    told = ScanRecipe.model_validate({name: result.recipe[name] for name in KEPT[:3] if name in result.recipe})
    part = small_part(acquisition, problem, state)
    if part.frame_count >= FEWEST:
        small = of_part(part, told)
        kinds: tuple[Part, ...] = ("coarse",) if getattr(acquisition, "probe", None) is None else ("coarse", "as_given")
        tried = Readings(part, told, *(small_part(acquisition, problem, state, kind) for kind in kinds))
        figures |= independent(small, result) | held_out(small) | tried.scaled()
        doubt = scan_rules.verdict(figures).level != "green"
        if doubt if readings is None else readings:
            figures |= tried.others()
    return figures

"""From the figures of a scan to green, amber or red, and one sentence.

A figure beyond its first limit makes the verdict amber, beyond its second red; what names a cause is said first. The
limits were chosen on random scans (`python -m bench.verdict --method scans`), and each means something by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...types import Verdict
from .led_rules import Doubt, gravest, level_of

UNEXPLAINED = 0.08, 0.45  # share of what tells the frames apart that neither picture nor noise explains
HELD_OUT = 0.32, 0.70  # the same of frames left out, which the others are to predict
HALVES = 0.62, 0.30  # correlation of what two halves of the frames show, apart
BY_SURFACE = {"unexplained": (0.22, 0.5), "held": (0.52, 1.0), "halves": (0.38, 0.2)}  # where a surface is known: few
# frames do then, of which halves are hardly enough
PICTURE = 0.65, 0.40  # the same of the picture and what short runs show
VORTICES = 0.05, 0.50  # phase vortices, over those of a random picture
OVERLAP = 0.40, 0.10  # of the light of neighbouring frames, along a line
MODULUS = 1.45  # of the brightest places over the brightest tenth; 1.3 at most in samples
RAMP = 0.05  # cycles a pixel
ODD = 0.06, 0.25  # share of frames that come back far worse than the others
GRID = 0.10, 0.40  # share of the picture's structure that repeats with the steps of the scan
FIXED = 0.12  # share of the misfit that is the same in all frames, above which it is said
AT_EDGE = 0.5  # light at the border of the probe's window, over that of a mean pixel
FULL = 0.003  # share of the pixels at the highest value
NOISY = 0.5  # share of what tells frames apart that is noise, above which it is said
UNSURE = 0.17, 0.45  # the same where nothing is known of the noise
BETTER = 0.72, 0.35  # share left with another reading of the positions over that with the given one
WORTH = 0.02  # share left by a short run, below which another reading does not matter
FEWEST = 8  # frames
LENGTHS = "check their unit, the object's pixel, wavelength and distance"
READINGS = {
    "if_run_otherwise": "the positions mirrored or turned by a quarter (try --orientations)",
    "if_closer": f"the positions 7 % closer together ({LENGTHS})",
    "if_farther": f"the positions 7 % farther apart ({LENGTHS})",
    "if_turned": "the positions turned by 8 degrees (check the angle between scan and detector)",
    "if_one_frame_off": "every frame at its neighbour's position (check the order of the frames)",
}
GOOD = "The frames come back from this picture, halves of them show it apart, and frames left out are predicted."


def verdict(figures: Mapping[str, float]) -> Verdict:
    """The verdict from the `figures` of `scans.evidence`."""
    doubts = list(_doubts(figures))
    if figures["overlap"] < OVERLAP[0] and figures["unexplained"] < UNEXPLAINED[0]:  # parts have too little in common
        doubts = [("amber", doubt) for _, doubt in doubts]
    level, sentence = gravest(doubts, GOOD)
    cause = next(_causes(figures), "") if doubts else ""
    return Verdict(level, f"{sentence} {cause}".strip(), dict(figures))


def _doubts(f: Mapping[str, float]) -> Iterator[Doubt]:
    """What speaks against a picture, the most telling first."""
    if level := level_of(f["overlap"], OVERLAP):
        yield level, f"The light of neighbouring frames overlaps by {max(f['overlap'], 0):.0%} only."
    limits = {"unexplained": UNEXPLAINED if "noises" in f else UNSURE, "held": HELD_OUT, "halves": HALVES}
    limits = BY_SURFACE if f.get("surface_known") else limits
    if level := level_of(f["unexplained"], limits["unexplained"]):
        yield level, f"{_share(f['unexplained'])} of what tells the frames apart does not come back from this picture."
    if "halves_agree" not in f:
        yield "amber", f"There are only {f['frames']:.0f} frames, too few to check the picture against each other."
        return
    if level := level_of(f["misfit_held_out"], limits["held"]):
        yield (
            level,
            f"{_share(f['misfit_held_out'])} of what frames left out of a test show is not what the others predict.",
        )
    if level := level_of(f["halves_agree"], limits["halves"]):
        agree = max(f["halves_agree"], 0.0)
        yield level, f"Two halves of the frames show different pictures (they agree by {agree:.0%})."
    if level := level_of(f["picture_agrees"], PICTURE):
        agree = max(f["picture_agrees"], 0.0)
        yield level, f"Short runs with the probe that was found show another picture (they agree by {agree:.0%})."
    if (best := _best_reading(f)) and (level := level_of(f[best], BETTER)):
        yield level, "The positions may not be as described."
    yield from _pathologies(f)


def _best_reading(f: Mapping[str, float]) -> str:
    """The reading of the positions that explains frames clearly better than the given one; empty where none does."""
    known = {name: f[name] for name in READINGS if name in f}
    name = min(known, key=lambda one: known[one], default="")
    return name if name and level_of(known[name], BETTER) and f["share_short_run"] > WORTH else ""


def _pathologies(f: Mapping[str, float]) -> Iterator[Doubt]:
    """What no sample looks like."""
    if level := level_of(f.get("phase_vortices", 0.0), VORTICES):
        yield (
            level,
            f"The picture has {f['phase_vortices']:.0%} of the phase vortices of a random one: it is mostly noise.",
        )
    if f.get("modulus_range", 1.0) > MODULUS:
        yield "amber", f"A few places of the picture are {f['modulus_range']:.1f} times as bright as its bright parts."
    if f.get("object_ramp", 0.0) > RAMP:
        yield (
            "amber",
            f"The phase of the picture is a ramp of {f['object_ramp']:.2f} cycles a pixel: centre the patterns.",
        )
    if level := level_of(f.get("grid_at_scan_step", 0.0), GRID):
        yield level, f"{f['grid_at_scan_step']:.0%} of the picture's structure repeats with the steps of the scan."
    if level := level_of(f["odd_frames"], ODD):
        yield level, f"{_share(f['odd_frames'])} of the frames do not fit the others."


def _causes(f: Mapping[str, float]) -> Iterator[str]:
    """Why, as far as the frames show it, the best supported first; with the remedy."""
    if best := _best_reading(f):
        yield f"A short run explains them {1 / max(f[best], 0.02):.1f} times better with {READINGS[best]}."
    if level_of(f["odd_frames"], ODD):
        first = f" (the first is frame {f['oddest_frame']:.0f})" if "oddest_frame" in f else ""
        yield f"{f['odd_frames']:.0%} of the frames are far off{first}: leave out dark and spoiled ones (--leave-out)."
    if f.get("noise_in_frames", 0.0) > NOISY and f["unexplained"] < UNEXPLAINED[0]:
        yield f"{f['noise_in_frames']:.0%} of what tells the frames apart is noise: count longer."
    if level_of(f["overlap"], OVERLAP):
        yield f"Frames {1 - OVERLAP[0]:.0%} of the light's width apart at most are needed: take smaller steps."
    if f["full_pixels"] > FULL:
        yield f"{f['full_pixels']:.1%} of the pixels hold the highest value: they are saturated, so mask them."
    if f["fixed_pattern"] > FIXED:
        more = f["fixed_brighter"] > 0.5
        what = (
            "light that the picture does not make: subtract the background" if more else "less light than it should be"
        )
        yield f"{f['fixed_pattern']:.0%} of the misfit is the same in all frames, {what}, and mask bad pixels."
    if f.get("probe_at_edge", 0.0) > AT_EDGE:
        yield "The probe fills its window to the border: these patterns cannot hold it, or are no far field."
    if f.get("grid_at_scan_step", 0.0) > GRID[0]:
        yield "A regular raster leaves this open: scan a spiral, or try the preset raster of residual-field."
    if f.get("noises", 9.0) > 2 or f["unexplained"] > UNEXPLAINED[0]:
        yield "Check positions (order, unit, signs), wavelength, distance and pixel, and the probe to start from."


def _share(value: float) -> str:
    return f"{min(value, 1):.0%}"

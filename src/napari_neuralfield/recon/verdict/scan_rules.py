"""From the figures of a scan to green, amber or red, and one sentence.

A figure beyond its first limit makes the verdict amber, beyond its second red; what names a cause is said first. The
limits were chosen on random scans (`python -m bench.verdict --method scans`), and each means something by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...types import Level, Verdict
from .led_rules import Doubt, gravest, level_of

UNEXPLAINED = 0.06, 0.45  # share of what tells the frames apart that neither picture nor noise explains
AT_NOISE, UNEXPLAINED_THERE = 1.1, (0.08, 0.45)  # the same where the misfit is hardly more than the noise
HELD_OUT = 0.25, 0.70  # the same of frames left out, which the others are to predict
HALVES = 0.62, 0.30  # correlation of what two halves of the frames show, apart
BY_SURFACE = {"unexplained": (0.22, 0.5), "held": (0.52, 1.0), "halves": (0.38, 0.2)}  # where a surface is known: few
# frames do then, of which halves are hardly enough
PICTURE = 0.65, 0.40  # the same of the picture and what short runs show
VORTICES = 0.05, 0.50  # phase vortices, over those of a random picture
OVERLAP = 0.25, 0.10  # of the light of neighbouring frames, along a line
SINGLE = 0.40  # of it, below which half of the frames have hardly anything in common
ALL_BACK = 0.02  # share unexplained, below which halves are not asked then
MODULUS = 1.45  # of the brightest places over the brightest tenth; 1.3 at most in samples
RAMP = 0.05  # cycles a pixel
ODD = 0.06, 0.25  # share of frames that come back far worse than the others
GRID = 0.10, 0.40  # share of the picture's structure that repeats with the steps of the scan
SHARED = 0.23  # of the probe's fine structure that lies in the object too
SCALED = 0.03  # by which positions found are closer together or farther apart than those given
EMPTY = 0.002  # share of the light in the weakest mode
FIXED = 0.12  # share of the misfit that is the same in all frames, above which it is said
AT_EDGE = 0.5  # light at the border of the probe's window, over that of a mean pixel
FULL = 0.003  # share of the pixels at the highest value
NOISY = 0.5  # share of what tells frames apart that is noise, above which it is said
UNSURE = 0.17, 0.45  # the same where nothing is known of the noise
BETTER = 0.79, 0.35  # share left with another reading of the positions over that with the given one
NEAR, CLEARLY = ("if_closer", "if_farther", "if_turned"), 0.6  # readings that differ little; what others must reach
WORTH = 0.02  # share left by a short run, below which another reading does not matter
FEWEST = 8  # frames
LENGTHS = "check their unit, the object's pixel, wavelength and distance"
READINGS = {
    "if_flip_x": "x mirrored in the positions",
    "if_flip_y": "y mirrored in the positions",
    "if_half_turn": "the positions turned by half a turn",
    "if_swap_yx": "x and y of the positions exchanged, as where frames are stored transposed",
    "if_swap_yx_half_turn": "x and y of the positions exchanged and both reversed",
    "if_quarter_turn": "the positions turned by a quarter",
    "if_quarter_turn_back": "the positions turned back by a quarter",
    "if_closer": f"the positions 7 % closer together ({LENGTHS})",
    "if_farther": f"the positions 7 % farther apart ({LENGTHS})",
    "if_half": f"the positions half as far apart ({LENGTHS}, and whether frames were binned)",
    "if_double": f"the positions twice as far apart ({LENGTHS}, and whether frames were binned)",
    "if_turned": "the positions turned by 8 degrees (check the angle between scan and detector)",
    "if_one_frame_off": "every frame at its neighbour's position (check whether a frame is missing or too many)",
    "if_lines_both_ways": "every second line of the raster run backwards (list the positions as they were visited)",
}
ORIENTED = ("if_flip_x", "if_flip_y", "if_half_turn", "if_swap_yx", "if_swap_yx_half_turn", "if_quarter_turn")
GOOD = "The frames come back from this picture, halves of them show it apart, and frames left out are predicted."
ALONE = "The frames come back from this picture; they overlap too little for halves of them to show it apart."


def verdict(figures: Mapping[str, float]) -> Verdict:
    """The verdict from the `figures` of `scans.evidence`."""
    if figures.get("alike"):
        sentence = "All frames are the same, so they tell nothing of a sample that was moved: look at them one by one."
        return Verdict("red", sentence, dict(figures))
    doubts = list(_doubts(figures))
    if figures["overlap"] < SINGLE and figures["unexplained"] < UNEXPLAINED[0]:  # parts have too little in common
        doubts = [("amber", doubt) for _, doubt in doubts]
    level, sentence = gravest(doubts, ALONE if _single(figures) else GOOD)
    more = next(_causes(figures), "") if doubts else _remark(figures)
    more = "" if doubts and ": " in sentence else more  # it says by itself what to do
    return Verdict(level, f"{sentence} {more}".strip(), dict(figures))


def _single(f: Mapping[str, float]) -> bool:
    """Whether frames overlap so little that halves say nothing, and all of them come back."""
    return f["overlap"] < SINGLE and f["unexplained"] < ALL_BACK and "noises" in f


def _too_far_apart(f: Mapping[str, float]) -> Level | None:
    """The level that too little overlap makes; None where frames do not come back: that light may not be so narrow."""
    return level_of(f["overlap"], OVERLAP) if f["unexplained"] < UNEXPLAINED_THERE[0] else None


def _doubts(f: Mapping[str, float]) -> Iterator[Doubt]:
    """What speaks against a picture, the most telling first."""
    if f.get("logarithms") or f.get("roots"):
        what = "logarithms" if f.get("logarithms") else "square roots"
        yield "red", f"The frames hold {what} of whole numbers, not counts: give the counts themselves."
    if level := level_of(f["odd_frames"], ODD):
        yield level, f"{_share(f['odd_frames'])} of the frames do not fit the others."
    sure = "noises" in f or f.get("told_by_neighbours")
    known = UNEXPLAINED_THERE if f.get("noises", AT_NOISE) < AT_NOISE else UNEXPLAINED
    limits = {"unexplained": known if sure else UNSURE, "held": HELD_OUT, "halves": HALVES}
    limits = BY_SURFACE if f.get("surface_known") else limits
    if level := level_of(f["unexplained"], limits["unexplained"]):
        noises = f" (the misfit is {f['noises']:.3g} times the noise)" if "noises" in f else ""
        yield level, f"{_share(f['unexplained'])} of what differs from frame to frame is not in this picture{noises}."
    if level := _too_far_apart(f):
        yield level, f"The light of neighbouring frames overlaps by {max(f['overlap'], 0):.0%} only."
    if "halves_agree" not in f:
        yield "amber", f"There are only {f['frames']:.0f} frames, too few to check the picture against each other."
        return
    if not _single(f):
        yield from _short_runs(f, limits)
    if (best := _best_reading(f)) and (level := level_of(f[best], BETTER)):
        yield level, "The positions may not be as described."
    if abs(f.get("positions_scaled", 1.0) - 1) > SCALED:
        more = f["positions_scaled"]
        how = f"{more - 1:.0%} farther apart" if more > 1 else f"{1 - more:.0%} closer together"
        yield (
            "amber",
            f"The frames fit with the positions {how} than given, so either these or the pixel are wrong, and the "
            f"scale of the picture is open: {LENGTHS}.",
        )
    yield from _pathologies(f)


def _short_runs(f: Mapping[str, float], limits: Mapping[str, tuple[float, float]]) -> Iterator[Doubt]:
    """What short runs on some of the frames say."""
    if level := level_of(f["misfit_held_out"], limits["held"]):
        yield (
            level,
            f"{_share(f['misfit_held_out'])} of what frames left out of a test show is not as the others predict.",
        )
    if level := level_of(f["halves_agree"], limits["halves"]):
        agree = max(f["halves_agree"], 0.0)
        yield level, f"Two halves of the frames show different pictures (they agree by {agree:.0%})."
    if level := level_of(f["picture_agrees"], PICTURE):
        agree = max(f["picture_agrees"], 0.0)
        yield level, f"Short runs with the probe that was found show another picture (they agree by {agree:.0%})."


def _best_reading(f: Mapping[str, float]) -> str:
    """The reading of the positions that explains frames clearly better than the given one; empty where none does."""
    known = {name: f[name] for name in READINGS if name in f and (name in NEAR or f[name] < CLEARLY)}
    name = min(known, key=lambda one: known[one], default="")
    return name if name and level_of(known[name], BETTER) and f["share_short_run"] > WORTH else ""


def _pathologies(f: Mapping[str, float]) -> Iterator[Doubt]:
    """What no sample and no light looks like."""
    if level := level_of(f.get("phase_vortices", 0.0), VORTICES):
        yield (
            level,
            f"The picture has {f['phase_vortices']:.0%} of the phase vortices of a random one: noise, or phase that "
            "runs away.",
        )
    if f.get("modulus_range", 1.0) > MODULUS:
        yield "amber", f"A few places of the picture are {f['modulus_range']:.1f} times as bright as its bright parts."
    if f.get("object_ramp", 0.0) > RAMP:
        yield (
            "amber",
            f"The phase of the picture is a ramp of {f['object_ramp']:.2f} cycles a pixel, which no frame tells from "
            "one of the probe: take it off before phase is measured.",
        )
    if level := level_of(f.get("grid_at_scan_step", 0.0), GRID):
        yield level, f"{f['grid_at_scan_step']:.0%} of the picture's structure repeats with the steps of the scan."
    if f.get("probe_like_object", 0.0) > SHARED:
        yield (
            "amber",
            f"Probe and object have structure in common (correlation {f['probe_like_object']:.2f}), so one may have "
            "taken what belongs to the other: move the sample farther between frames, or give the probe.",
        )


def _remark(f: Mapping[str, float]) -> str:
    """What is worth knowing of a picture that can be trusted."""
    if f.get("least_mode", 1.0) < EMPTY:
        return f"The weakest mode of the probe is empty ({f['least_mode']:.1%} of the light): fewer will do (--modes)."
    return ""


def _causes(f: Mapping[str, float]) -> Iterator[str]:
    """Why, as far as the frames show it, the best supported first; with the remedy."""
    if best := _best_reading(f):
        how = " (--orientations shows all)" if best.removesuffix("_back") in ORIENTED else ""
        yield f"A short run explains the frames {1 / max(f[best], 0.02):.1f} times better with {READINGS[best]}{how}."
    if f.get("dark_frames", 0.0) > ODD[0]:
        yield (
            f"{f['dark_frames']:.0%} of the frames are dark beside the others (the first is frame "
            f"{f['first_dark_frame']:.0f}): leave them out (--leave-out), and look at the shutter."
        )
    if level_of(f["odd_frames"], ODD):
        first = f" (the first is frame {f['oddest_frame']:.0f})" if "oddest_frame" in f else ""
        yield f"Look at these{first}, and leave out spoiled ones (--leave-out)."
    if f.get("noise_in_frames", 0.0) > NOISY and f["unexplained"] < UNEXPLAINED[0]:
        yield f"{_share(f['noise_in_frames'])} of what differs from frame to frame is noise: count longer."
    if _too_far_apart(f):
        yield f"Take smaller steps, of {1 - SINGLE:.0%} of the light's width at most."
    if f["full_pixels"] > FULL:
        yield f"{f['full_pixels']:.1%} of the pixels hold the highest value, as of a saturated detector: expose less."
    if f["fixed_pattern"] > FIXED:
        more = f["fixed_brighter"] > 0.5
        what = "more light than the picture makes: subtract a background" if more else "less light than it makes"
        yield f"{f['fixed_pattern']:.0%} of the misfit is the same in all frames, {what}; mask bad pixels."
    if f.get("probe_at_edge", 0.0) > AT_EDGE:
        yield "The probe fills its window to the border: these patterns cannot hold it, or are no far field."
    if f.get("grid_at_scan_step", 0.0) > GRID[0]:
        yield "A regular raster leaves this open: scan a spiral, or try the preset raster of residual-field."
    if f["unexplained"] > UNEXPLAINED[0]:
        yield _nothing_better(f)


def _nothing_better(f: Mapping[str, float]) -> str:
    """That no other reading of the positions helps, where they were tried."""
    if "if_flip_x" not in f or _best_reading(f):
        return ""
    return (
        "The cause does not show: positions mirrored, turned, exchanged, scaled or one frame on fit hardly better; not "
        "tried were other orders, places each several pixels off, a wrong distance, and light that is less coherent "
        "than assumed."
    )


def _share(value: float) -> str:
    return f"{min(value, 1):.0%}"

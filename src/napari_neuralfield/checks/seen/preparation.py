"""What the frames hold against what is said of them, and what is done about it unless somebody says otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ...data.acquisition import Acquisition
from .floors import without_floor
from .frame_faults import odd_frames, unlit
from .frames import Check, Survey, middle_part, named
from .look import Looked, look
from .parted import parted, said_of_parted
from .pixel_faults import bad_pixels, repaired, said_of_pixels


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """An acquisition as it is worked on.

    Parameters
    ----------
    acquisition : without frames that hold nothing, pixels without data masked or filled, the dark floor taken off.
    findings : what was seen, and what was done.
    whole : the same with the frames that hold nothing still in it.
    survey : the figures of the frames for the other checks, where the frames stay as they are.
    kept : numbers that the frames of `acquisition` have in `whole`, and in what was given (n,).
    """

    acquisition: Acquisition
    findings: tuple[Check, ...]
    whole: Acquisition
    kept: np.ndarray
    survey: Survey | None = None

    @property
    def left_out(self) -> np.ndarray:
        """Numbers of the frames that are left out."""
        return np.setdiff1d(np.arange(self.whole.frame_count), self.kept)


def prepared(
    acquisition: Acquisition, most_bytes: int | None = None, seen: Looked | None = None, one_microscope: bool = False
) -> Prepared:
    """What the frames hold, and the acquisition with what is done about it by default.

    Parameters
    ----------
    acquisition : as it was read.
    most_bytes : of frames to look at; beyond, evenly chosen ones. None: as much as the other checks look at, of very
        large frames the middle, whose pixels are said but not made good then.
    seen : what `look` saw of the `middle_part`, where it was looked at already.
    one_microscope : leave out frames that no single direction of their LED explains all over the field.
    """
    part = acquisition if most_bytes is not None else middle_part(acquisition)
    seen = look(part, most_bytes) if seen is None else seen
    bad = bad_pixels(part, seen)
    findings = [*said_of_pixels(part, seen, bad)]
    found = repaired(part, bad)
    lost = _lost(seen)
    findings += _said_of_lost(seen, lost)
    found, findings_of_floor = without_floor(found, seen.without(lost))
    findings += findings_of_floor
    dark = unlit(found, seen.without(lost))
    if len(dark):
        findings.append(_said_of_unlit(dark))
    out = np.union1d(lost, dark).astype(int)
    findings += odd_frames(found, seen.without(out))
    apart = parted(found, seen.without(out))
    findings += said_of_parted(apart)
    if one_microscope:
        out = np.union1d(out, apart).astype(int)
    kept = np.setdiff1d(np.arange(acquisition.frame_count), out)
    if part is not acquisition:
        rest = acquisition if not len(out) else acquisition.subset(kept)
        return Prepared(rest, tuple(findings), acquisition, kept, None if len(out) else seen.survey)
    less = found if len(kept) == found.frame_count else found.subset(kept)
    same = less.frames is acquisition.frames and not hasattr(acquisition.frames, "measured")
    return Prepared(less, tuple(findings), found, kept, seen.survey if same else None)


def _lost(seen: Looked) -> np.ndarray:
    """Numbers of the frames that hold nothing; none where nothing would be left."""
    lost = np.union1d(seen.empty, seen.uniform).astype(int)
    return lost if len(lost) < len(seen.numbers) else lost[:0]


def _said_of_lost(seen: Looked, lost: np.ndarray) -> Iterator[Check]:
    by_default = "it is left out" if len(lost) == 1 else "they are left out"
    for name, numbers, what in (
        ("finite", np.intersect1d(seen.empty, lost), "No data (NaN, or values that stand for none) in"),
        ("constant_frames", np.intersect1d(seen.uniform, lost), "The same value in every pixel of"),
    ):
        if len(numbers):
            values = seen.means[np.isin(seen.numbers, numbers)]
            value = f", {values[0]:g}," if name == "constant_frames" and np.ptp(values) == 0 else ""
            text = f"{what} {named(numbers, 'frame')}{value} which says nothing of the sample: {by_default}."
            yield Check(name, "warning", len(numbers), "frames", text)
    if len(seen.uniform) == len(seen.numbers):
        text = f"The same value in every pixel of {named(seen.uniform, 'frame')}: there is nothing to reconstruct."
        yield Check("constant_frames", "warning", len(seen.uniform), "frames", text)


def _said_of_unlit(dark: np.ndarray) -> Check:
    one = len(dark) == 1
    text = (
        f"Almost no light in {named(dark, 'frame')}, though all LEDs around light theirs: "
        f"{'that LED' if one else 'those LEDs'} or the shutter failed; {'it is' if one else 'they are'} left out."
    )
    return Check("unlit_frames", "warning", len(dark), "frames", text)

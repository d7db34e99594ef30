"""Planes along channel, time and depth, whatever holds them: in which order they are frames, and what is said of them.

Frames run through depth first, then through time, then through the channels.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...data.acquisition import quantities
from ...data.derived import PER_STACK, THROUGH_FOCUS
from ...data.frames import Frames, FrameSelection
from ..sidecar import sidecar
from ..sidecar.finding import KindMissing, unread

AXES = "ctz"  # slowest first
UNPLACED = (
    "the planes are {:g} um apart; which is in focus, give as focus_frame (the first is 0), or the depth of the "
    "first as z_start_um"
)
COLOUR = re.compile(r"(?<![\d.,])(\d+(?:[.,]\d+)?)[ _-]*(nm|um|µm|μm)(?![a-z])", re.IGNORECASE)
LIGHT_UM = (0.1, 3.0)  # a length in the name of a channel between these is taken for its wavelength


@dataclasses.dataclass
class Planes:
    """What a file says of its planes; what it leaves open is None or empty.

    sizes : channels, times and depths.
    depths_um : (z,) where the planes are; distances from focus where `from_focus` is so or 0 lies among them.
    where : what says the depths, for a note.
    z_step_um, times_s : distance of the planes; when each time was (t,).
    channels, wavelengths_um : of each channel.
    light : what says the wavelengths.
    pixel_um : (y, x).
    rendered : they are of a field that this program rendered.
    notes : what else is to be said, whatever the planes are taken for.
    """

    sizes: tuple[int, int, int]
    depths_um: np.ndarray | None = None
    where: str = ""
    from_focus: bool = False
    z_step_um: float | None = None
    times_s: np.ndarray | None = None
    channels: tuple[str, ...] = ()
    wavelengths_um: tuple[float | None, ...] = ()
    light: str = "wavelength"
    pixel_um: tuple[float, float] | None = None
    objective_na: float | None = None
    rendered: bool = False
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def through_focus(self) -> bool:
        """Whether the planes are known to lie at different depths."""
        apart = self.depths_um is not None and bool(np.ptp(self.depths_um))
        return not self.rendered and self.sizes[2] > 1 and (apart or bool(self.z_step_um))

    def names(self) -> tuple[str, ...]:
        """'green, t 0, z 2' of every frame; empty for a single one."""
        channels, times, depths = self.sizes
        named = self.channels if len(self.channels) == channels else [f"channel {c}" for c in range(channels)]
        parts = [
            [named[c]] * (channels > 1) + [f"t {t}"] * (times > 1) + [f"z {z}"] * (depths > 1)
            for c in range(channels)
            for t in range(times)
            for z in range(depths)
        ]
        return tuple(", ".join(part) for part in parts) if len(parts) > 1 else ()

    @property
    def said_rendered(self) -> str:
        """That these are no frames, in words; empty where they may be."""
        return f"a rendered field ({' and '.join(self.channels)}), not a recording" if self.rendered else ""

    def told(self, kind: str, *, optics: bool = True) -> tuple[dict[str, object], list[str]]:
        """Values under the names of a `kind` of acquisition, and notes.

        `optics` : with what is said of pixel and objective.
        """
        values: dict[str, object] = {}
        notes = [f"this is {self.said_rendered}; its planes are taken for frames as the sidecar says"] * self.rendered
        notes += self.notes
        if optics:
            self._put_optics(values, notes)
        self._put_colours(values, notes, kind)
        if kind == THROUGH_FOCUS:
            self._put_depths(values, notes)
            self._put_times(values, notes)
        known = (*quantities(kind), "z_step_um", PER_STACK)
        return {name: value for name, value in values.items() if name in known}, notes

    def _put_optics(self, values: dict[str, object], notes: list[str]) -> None:
        down, across = self.pixel_um or (None, None)
        if across and down and abs(across - down) > 0.01 * across:
            notes.append(f"the file's pixels are {down:g} x {across:g} um; they must be square, so give pixel_um")
        elif across:
            values["pixel_um"] = across
        if self.sizes[0] == 1 and self.wavelengths_um and self.wavelengths_um[0]:
            values["wavelength_um"] = self.wavelengths_um[0]
            notes.append(f"the wavelength, {self.wavelengths_um[0]:g} um, is the {self.light}")
        if self.objective_na:
            values["objective_na"] = self.objective_na

    def _put_colours(self, values: dict[str, object], notes: list[str], kind: str) -> None:
        """The wavelengths of several channels, and which of them each frame is of."""
        channels, times, depths = self.sizes
        if channels == 1 or self.rendered:
            return
        known = [w for w in self.wavelengths_um if w]
        names = ", ".join(self.channels) or str(channels)
        if len(known) == channels:
            values["wavelengths_um"] = np.array(known)
            listed = ", ".join(f"{w:g}" for w in known)
            notes.append(f"channels {names}: the wavelengths, {listed} um, are each the {self.light}")
        else:
            notes.append(
                f"frames of one channel come after those of another ({names}); the file does not say their "
                "wavelengths, so if they are colours give wavelengths_um and the channel of each frame"
            )
        named = any(name != f"channel {n}" for n, name in enumerate(self.channels))
        apart = named or times * depths > 1  # channels without names are often a plain list of frames
        if "wavelengths_um" in values or (kind == THROUGH_FOCUS and apart):
            values["channel"] = np.repeat(np.arange(channels), times * depths)

    def _put_depths(self, values: dict[str, object], notes: list[str]) -> None:
        """Positions where they are distances from focus, else the step alone."""
        channels, times, depths = self.sizes
        z, step = self.depths_um, self.z_step_um
        if depths > 1 and channels * times > 1:
            values[PER_STACK] = depths
        if depths == 1:
            if z is not None and self.from_focus:
                values["z_um"] = np.repeat(z, channels * times)
            return
        if z is not None and np.ptp(z) > 0:
            steps = np.diff(z)
            step = float(steps.mean()) if np.allclose(steps, steps[0], rtol=0.02) else None
            if self.from_focus or z.min() <= 0 <= z.max():
                values["z_um"] = np.tile(z, channels * times)
                notes.append(f"depths are {self.where}; 0 is {'' if self.from_focus else 'taken to be '}the focus")
            else:
                notes.append(f"{self.where}, {z[0]:g} to {z[-1]:g} um, does not say where the focus is")
        if step:
            values["z_step_um"] = step
            if "z_um" not in values:
                notes.append(UNPLACED.format(step))

    def _put_times(self, values: dict[str, object], notes: list[str]) -> None:
        channels, times, depths = self.sizes
        if times == 1:
            return
        if self.times_s is not None:
            values["time_s"] = np.tile(np.repeat(self.times_s, depths), channels)
        elif depths > 1:
            notes.append(
                f"the file does not say how far apart its {times} times are; they are counted, a second each, unless "
                "frame_interval_s or time_s is given"
            )


def kind_without(path: Path, given: Mapping[str, object], beside: Path | None, said: Planes | None = None) -> str:
    """The kind of frames whose sidecar names none: through focus where they lie at different depths.

    Parameters
    ----------
    path : of the recording.
    given, beside : what the sidecar holds, and where it is; None without one.
    said : what the file says of its planes.

    Raises
    ------
    InputError : where it is not known.
    """
    if said is not None and said.through_focus:
        return THROUGH_FOCUS
    if beside is not None:
        return sidecar.kind_of(dict(given), beside)
    wanted = " or ".join(str(c) for c in sidecar.candidates(path)[:3])
    if said is not None and said.rendered:
        raise KindMissing(
            f"{path}: this is {said.said_rendered}; open the field, NAME.nfield; to take the planes for "
            f"frames all the same (there is no sidecar yet), write {wanted} with kind and the other values"
        )
    overlooked = unread(path)
    raise KindMissing(
        f"{path}: there is no sidecar, so what the frames show is not known; write {wanted} with kind, "
        f"wavelength_um and the other values{f' ({overlooked})' if overlooked else ''}"
    )


def seen_of(frames: Frames, planes: Planes) -> Frames:
    """The frames, of a rendered field those of its first channel alone: the amplitude, which is no phase.

    Parameters
    ----------
    frames : of all channels, one after the other.
    planes : what is said of them; changed to what is left.
    """
    channels, times, depths = planes.sizes
    if not planes.rendered or channels == 1 or channels * times * depths != frames.shape[0]:
        return frames
    planes.sizes, planes.notes = (1, times, depths), [*planes.notes, f"only its {planes.channels[0]} is taken"]
    return FrameSelection(frames, tuple(range(times * depths)), slice(None), slice(None))


def because(given: str | None, through_focus: bool) -> list[str]:
    """The note that says why the kind is what it is, where it was not `given` but follows from the depths."""
    return ["kind through_focus, as the frames lie at different depths"] if through_focus and given is None else []


def in_order(axes: str, shape: Sequence[int]) -> np.ndarray:
    """Where the planes of a stack stand among the stored ones, in the order of frames.

    Parameters
    ----------
    axes : letters of those before (y, x), of 'ctz', the slowest first.
    shape : of these axes.
    """
    stored = np.arange(int(np.prod(shape, dtype=int))).reshape(tuple(shape))
    return stored.transpose(sorted(range(len(axes)), key=lambda n: AXES.index(axes[n]))).ravel()


def sizes_of(axes: str, shape: Sequence[int]) -> tuple[int, int, int]:
    """Channels, times and depths.

    Parameters
    ----------
    axes : letters of those before (y, x), of 'ctz'.
    shape : of these axes.
    """
    found = dict(zip(axes, shape, strict=True))
    return found.get("c", 1), found.get("t", 1), found.get("z", 1)


def wavelength_in(name: str) -> float | None:
    """The wavelength, um, in the name of a channel such as 'LED 523 nm'."""
    if (found := COLOUR.search(name)) is None:
        return None
    wavelength = float(found[1].replace(",", ".")) * (1e-3 if found[2].lower() == "nm" else 1.0)
    return wavelength if LIGHT_UM[0] <= wavelength <= LIGHT_UM[1] else None

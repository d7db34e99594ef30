"""What was measured: frames and geometry with units, of five kinds.

A reader returns a `Draft`: frames, the values the file gave, and what it left open. `Draft.complete()` checks
every value and makes the frozen `Acquisition` of its kind; nothing that is missing is guessed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import PurePath
from typing import ClassVar, Self, cast

import numpy as np

from ..types import InputError
from . import common_values as common
from .colours import colours_left, frames_per_colour, moved_place, names_missing, one_colour, repeated
from .derived import IN_PIXELS, OPEN, SCANS, Assuming, Values, derived, not_needed, overridden, why_no_probe
from .frames import Frames, FrameSelection, check_finite, check_frames, check_lengths, good_pixels
from .quantity import Quantity, asked_for, check_value, length, quantity
from .wide_field import cut_out, directions_at, optical_axis, pupil_field, settled


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Acquisition:
    """Frames and what every kind shares. Build one with `Draft.complete` so that it is checked."""

    kind: ClassVar[str] = ""

    frames: Frames
    wavelength_um: float = length("Wavelength", "vacuum wavelength of the illumination", high=20.0)
    background: np.ndarray | None = common.dark_frame()
    pedestal: float | None = common.pedestal()
    exposure: np.ndarray | None = common.exposure()
    pupil: np.ndarray | None = common.pupil()
    wavelengths_um: np.ndarray | None = common.wavelengths()
    channel: np.ndarray | None = common.channel()
    white: np.ndarray | None = common.white()
    empty_um: np.ndarray | None = common.empty_place()
    title: str = ""
    source: str = ""

    @property
    def frame_count(self) -> int:
        return int(self.frames.shape[0])

    @property
    def frame_shape(self) -> tuple[int, int]:
        return int(self.frames.shape[1]), int(self.frames.shape[2])

    def intensity(
        self,
        index: int | slice | Sequence[int] | np.ndarray = slice(None),
        region: tuple[slice, slice] = (slice(None), slice(None)),
        *,
        per_exposure: bool = True,
    ) -> np.ndarray:
        """Frames `index` less background or pedestal, over exposure and white: (frame, y, x) float32.

        Parameters
        ----------
        index : of the frames, as NumPy indexes an axis.
        region : (y, x), pixels.
        per_exposure : whether to divide by exposure and white where they are given.

        Raises
        ------
        InputError : where a value is not finite that no mask calls bad; the sentence names the first such frame.
        """
        indices = np.atleast_1d(np.arange(self.frame_count)[index])
        stack = np.stack([np.asarray(self.frames[int(i)], dtype=np.float32)[region] for i in indices])
        if self.background is not None:
            stack -= np.asarray(self.background, dtype=np.float32)[region]
        elif self.pedestal:
            stack -= np.float32(self.pedestal)
        ambient = getattr(self, "ambient", None)
        if ambient is not None:
            stack -= np.asarray(ambient, dtype=np.float32)[indices, None, None]
        if self.exposure is not None and per_exposure:
            stack /= np.asarray(self.exposure, dtype=np.float32)[indices, None, None]
        if self.white is not None and self.channel is not None and per_exposure:
            stack /= np.asarray(self.white, dtype=np.float32)[self.channel[indices], None, None]
        check_finite(stack, indices, self.source or "the acquisition", good_pixels(self, indices, region))
        return stack

    def values(self) -> Values:
        """Everything but the frames, by name; what is None is left out."""
        named = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {k: v for k, v in named.items() if k not in ("frames", "source") and v is not None}

    def replace(self, **changes: object) -> Self:
        """A checked copy with other frames or other values."""
        frames = cast(Frames, changes.pop("frames", self.frames))
        return cast(Self, Draft(self.kind, frames, self.values(), self.source).complete(**changes))

    def of_channel(self, number: int) -> Self:
        """The frames of one colour, an acquisition of that wavelength alone; its white goes into the exposure."""
        indices, changes = one_colour(self.values(), number, self.source or "the acquisition")
        return self.subset(indices, **changes) if changes else self

    def colours(self) -> list[Self]:
        """An acquisition for each colour; only this one where the frames are of one wavelength."""
        return [self] if self.channel is None else [self.of_channel(n) for n in range(int(self.channel.max()) + 1)]

    def subset(self, frame_indices: Sequence[int] | np.ndarray, **changes: object) -> Self:
        """The named frames only, in that order, with the geometry that goes with them, and other `changes`."""
        indices = np.asarray(frame_indices)
        frames = FrameSelection(self.frames, tuple(int(i) for i in indices), slice(None), slice(None))
        per_frame = [n for n, q in quantities(type(self)).items() if q.shape[:1] == ("frame",)]
        chosen = {n: v[indices] for n, v in self.values().items() if n in per_frame}
        return self.replace(frames=frames, **(chosen | colours_left(self.values(), indices) | changes))

    def crop(self, y: slice, x: slice) -> Self:
        """Rows `y` and columns `x` of every frame, seen from there; a pupil without a pupil field must be absent."""
        if self.pupil is not None and getattr(self, "pupil_field", None) is None:
            raise InputError(
                f"{self.source}: a region cannot be cut while a measured pupil is given on the whole frame's grid"
            )
        images = [n for n, q in quantities(type(self)).items() if q.shape[-2:] == ("y", "x") and n != "probe"]
        changes = {n: v[..., y, x] for n, v in self.values().items() if n in images}
        if isinstance(self, CodedPtychography) and self.coded_surface is not None:
            (top, bottom, _), (left, right, _) = y.indices(self.frame_shape[0]), x.indices(self.frame_shape[1])
            n = self.upsampling
            changes["coded_surface"] = self.coded_surface[top * n : bottom * n, left * n : right * n]
        if self.empty_um is not None:
            changes["empty_um"] = moved_place(self.empty_um, (y, x), self.frame_shape, getattr(self, "pixel_um", 1.0))
        changes |= cut_out(self.values(), (y, x), self.frame_shape)
        return self.replace(frames=FrameSelection(self.frames, tuple(range(self.frame_count)), y, x), **changes)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LedArray(Acquisition):
    """One LED, one frame: Fourier ptychography."""

    kind: ClassVar[str] = "led_array"
    objective_na: float = common.objective_na()
    pixel_um: float = common.sample_pixel()
    illumination_na: np.ndarray = quantity(
        "LED directions",
        "NA (y, x)",
        "direction cosines of the light of each frame",
        low=-1.0,
        high=1.0,
        shape=("frame", 2),
    )
    sample_z_um: float | None = quantity(
        "Sample depth", "um", "known distance of the specimen from the focal plane", optional=True
    )
    ambient: np.ndarray | None = quantity(
        "Ambient light", "counts", "light besides the LED's in each frame", optional=True, shape=("frame",)
    )
    led_height_mm: float | None = quantity(
        "LED board", "mm", "distance of the LED board, to tell a shift in mm", optional=True, low=0.0, low_open=True
    )
    optical_axis_um: np.ndarray | None = optical_axis()
    directions_at_um: np.ndarray | None = directions_at()
    pupil_field: np.ndarray | None = pupil_field()
    coded_surface: np.ndarray | None = common.coded_surface(
        "transmission of a coded surface in the image plane, on fine pixels"
    )
    surface_to_sensor_um: float | None = quantity(
        "Surface to sensor", "um", "distance from the coded surface to the camera's sensor", optional=True, low=0.0
    )
    sensor_pixel_um: float | None = quantity(
        "Sensor pixel", "um", "pixel pitch of the camera behind a coded surface", optional=True, low=0.0, low_open=True
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MultiplexedLed(Acquisition):
    """Several LEDs per frame."""

    kind: ClassVar[str] = "multiplexed_led"
    objective_na: float = common.objective_na()
    pixel_um: float = common.sample_pixel()
    led_na: np.ndarray = quantity(
        "LED directions", "NA (y, x)", "direction cosines of each LED", low=-1.0, high=1.0, shape=("led", 2)
    )
    patterns: np.ndarray = quantity(
        "Patterns", "weight", "brightness of each LED in each frame", low=0.0, shape=("frame", "led")
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CodedPtychography(Acquisition):
    """Lensless: a coded surface between object and sensor."""

    kind: ClassVar[str] = "coded_ptychography"
    sensor_pixel_um: float = length("Sensor pixel", "pixel pitch of the sensor")
    upsampling: int = quantity("Upsampling", "", "fine pixels per sensor pixel and axis", low=1, high=64, integer=True)
    object_to_surface_um: float = length("Object to surface", "distance from the object to the coded surface")
    surface_to_sensor_um: float = length("Surface to sensor", "distance from the coded surface to the sensor")
    positions_um: np.ndarray | None = quantity(
        "Positions",
        "um (y, x)",
        "shift of the object's field in each frame; left out: found from the frames",
        optional=True,
        shape=("frame", 2),
    )
    coded_surface: np.ndarray | None = common.coded_surface("transmission of the surface on fine pixels")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Ptychography(Acquisition):
    """Diffraction patterns of overlapping spots, far or near field."""

    kind: ClassVar[str] = "ptychography"
    geometry: str = quantity("Geometry", "", "far_field or near_field", choices=("far_field", "near_field"))
    detector_pixel_um: float = length("Detector pixel", "pixel pitch of the detector")
    distance_um: float = length("Distance", "from the sample to the detector")
    object_pixel_um: float = length("Object pixel", "pixel of the reconstruction")
    positions_um: np.ndarray = quantity(
        "Positions", "um (y, x)", "corner of the probe window on the object", shape=("frame", 2)
    )
    probe: np.ndarray | None = quantity(
        "Probe", "complex", "illumination, one or more modes", optional=True, shape=("mode", "y", "x"), complex=True
    )
    mask: np.ndarray | None = quantity(
        "Mask", "bool", "True where a detector pixel is good", optional=True, shape=("y", "x")
    )
    frame_mask: np.ndarray | None = quantity(
        "Mask of each frame", "bool", "True where a pixel of a frame is good", optional=True, shape=("frame", "y", "x")
    )
    dose_per_angstrom2: float | None = common.dose()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ThroughFocus(Acquisition):
    """A bright-field stack through focus."""

    kind: ClassVar[str] = "through_focus"
    objective_na: float = common.objective_na()
    condenser_na: float = quantity("Condenser NA", "", "numerical aperture of the illumination", low=0.0, high=1.0)
    pixel_um: float = common.sample_pixel()
    z_um: np.ndarray = quantity(
        "Depth", "um", "distance of the sample from the focal plane in each frame, or one for all", shape=("frame",)
    )
    time_s: np.ndarray | None = quantity(
        "Time", "s", "when each frame was taken; given, the frames are a time-lapse", optional=True, shape=("frame",)
    )
    sample_index: float | None = common.refractive_index(
        "Sample index", "refractive index of the sample, to tell its height"
    )
    medium_index: float | None = common.refractive_index(
        "Medium index", "refractive index round the sample, to tell its height"
    )


KINDS: dict[str, type[Acquisition]] = {
    c.kind: c for c in (LedArray, MultiplexedLed, CodedPtychography, Ptychography, ThroughFocus)
}


def quantities(kind: str | type[Acquisition]) -> dict[str, Quantity]:
    """Name -> Quantity of every value of a kind, the required ones first."""
    cls = KINDS[kind] if isinstance(kind, str) else kind
    fields = [f for f in dataclasses.fields(cls) if "quantity" in f.metadata]
    fields.sort(key=lambda f: f.default is None)
    return {f.name: f.metadata["quantity"] for f in fields}


def required(kind: str) -> list[str]:
    return [
        f.name for f in dataclasses.fields(KINDS[kind]) if "quantity" in f.metadata and f.default is dataclasses.MISSING
    ]


@dataclasses.dataclass
class Draft:
    """What a reader found: the kind, lazy frames, the values given so far. Values may be added before `complete`.

    `assumed` holds what to take for a geometry or lengths that a file leaves out, and `reason` is the note that says so
    and why; see `derived`. `frame_names` are those of the files, pages or planes that the frames come from, where a
    reader knows them. `doubts` says of a value that the file holds why it was not taken, `remedies` how a missing one
    is best given, where that depends on the file. `assuming` gives `assumed` and `reason` anew from whatever is given
    by now, so that what a reader takes follows what a user says.
    """

    kind: str
    frames: Frames
    values: Values = dataclasses.field(default_factory=dict)
    source: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)
    assumed: Values = dataclasses.field(default_factory=dict)
    reason: str = ""
    frame_names: tuple[str, ...] = ()
    doubts: dict[str, str] = dataclasses.field(default_factory=dict)
    remedies: dict[str, str] = dataclasses.field(default_factory=dict)
    assuming: Assuming | None = None

    def assume(self, reason: str, **values: object) -> None:
        """Take `values` for what the file leaves out, until somebody says otherwise; `reason` becomes a note."""
        self.assumed, self.reason = values, reason
        self.notes.append(reason)

    def missing(self) -> list[str]:
        """Names of required values that are not known yet and do not follow from the others."""
        return _missing(self.kind, self.derived())

    def derived(self, **values: object) -> Values:
        """What is known, given or following from it; `values` come before the draft's own."""
        count, *size = self.frames.shape or (1,)
        given = overridden(self.values, values)
        if self.assuming is not None:
            notes = [note for note in self.notes if note != self.reason]
            self.assumed, self.reason = self.assuming(given)
            self.notes = [*notes, self.reason] if self.reason else notes
            if self.reason and "geometry" not in self.assumed:
                self.doubts["geometry"] = self.reason
        each = frames_per_colour(given.get("channel"), int(count))
        found = derived(self.kind, given, self.assumed, tuple(size), each)
        known = quantities(self.kind) if self.kind in KINDS else {}
        return repeated(found, [n for n, q in known.items() if q.shape[:1] == ("frame",)], each, int(count))

    def complete(self, **values: object) -> Acquisition:
        """The checked acquisition; `values` come before the draft's own.

        Raises
        ------
        InputError : for the first value that is missing, unknown or breaks its rule.
        """
        where = self.source or "the acquisition"
        if self.kind not in KINDS:
            raise InputError(f"{where}: kind is {self.kind!r}; it must be one of {', '.join(KINDS)}")
        given = self.derived(**values)
        known = quantities(self.kind)
        if self.kind == SCANS[0] and (wrong := why_no_probe(given, tuple(self.frames.shape[1:]))):
            raise InputError(f"{where}: {wrong}")
        unknown = sorted(set(given) - set(known) - {"title"} - set(OPEN.get(self.kind, ())))
        if unknown:
            raise InputError(f"{where}: {unknown[0]} is not a value of kind {self.kind}; known are {', '.join(known)}")
        missing = _missing(self.kind, given)
        if missing:
            name, doubts = PurePath(self.source).name, {n: why for n, why in self.doubts.items() if n not in given}
            raise InputError(f"{where}: {asked_for(missing, known, doubts, name, self.remedies)}")
        check_frames(self.frames, where)
        checked = {n: check_value(n, known[n], v, where) for n, v in given.items() if n in known}
        check_lengths(self.kind, known, checked, self.frames, where)
        checked |= settled(checked, cast(tuple[int, int], tuple(self.frames.shape[1:])), where)
        if "title" in given:
            checked["title"] = str(given["title"])
        return KINDS[self.kind](frames=self.frames, source=self.source, **checked)


def _missing(kind: str, known: Values) -> list[str]:
    names = set(known) | ({"positions_um"} if IN_PIXELS in known else set())
    return names_missing(known, [name for name in required(kind) if name not in names | not_needed(known)])

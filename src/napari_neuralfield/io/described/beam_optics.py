"""The probe to start from, by what a file tells of the beam's optics: a pupil, a semi-angle, a zone plate or a lens."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import h5py

from ...data.derived import Assuming, Values, derived
from ...data.frames import Frames
from ...optics import probe
from ..native.hdf5_frames import stored
from .geometry_from_frames import GeometryFromFrames
from .si_units import said_unit

ZONE, STOP, DIAMETER, FOCAL = "outermost_zone_width", "central_stop_diameter", "outer_diameter", "focal_length"
PLAUSIBLE = {ZONE: (1e-9, 1e-5), STOP: (1e-7, 1e-1), DIAMETER: (1e-6, 1.0), FOCAL: (1e-5, 10.0)}  # metres
IN_WORDS = {
    "probe_diameter_um": "is {:.4g} um wide", "probe_semi_angle_mrad": "has a semi-angle of {:.4g} mrad",
    "probe_outer_zone_um": "has an outermost zone of {:.4g} um", "probe_na": "has an NA of {:.3g}",
    "probe_stop": "a central stop of {:.2g} of the aperture",
}  # fmt: skip


@dataclasses.dataclass
class BeamOptics:
    """What to assume of the probe where nobody else says how wide it or its cone is, beside what else is assumed.

    frames : of the file.
    said : the probe in numbers, by `optics.probe.NAMES`; empty where the file tells none.
    source : what the file calls them.
    within : what else a reader assumes; None: near or far field, from the frames.
    """

    frames: Frames
    said: dict[str, float]
    source: str
    within: Assuming | None = None

    def __post_init__(self) -> None:
        self._else: Assuming = self.within or GeometryFromFrames(self.frames)

    def __call__(self, given: Values) -> tuple[Values, str]:
        """Assumed values by name, and the notes on them, from the values that are `given`."""
        assumed, note = self._else(given)
        geometry = given.get("geometry", assumed.get("geometry"))
        lens = set(self.said) - {"probe_diameter_um"}
        if not self.said or {"probe", *probe.SIZES} & set(given) or (lens and geometry != "far_field"):
            return assumed, note
        more = {**assumed, **self.said, "geometry": geometry}
        if "probe" not in derived("ptychography", given, more, self.frames.shape[1:]):
            return assumed, note
        used = {name: value for name, value in self.said.items() if name not in given}
        words = " and ".join(IN_WORDS[name].format(value) for name, value in used.items())
        told = f"the probe to start from {words}, the file's {self.source}"
        return more, f"{note}; {told}" if note else told


def lens_in(instrument: h5py.Group, path: Path, si: bool = False) -> tuple[dict[str, float], str, list[str]]:
    """The first zone plate or lens among the parts of an `instrument`, as NeXus names what there is to say of it.

    The probe in numbers, what they are called, and notes on those whose unit is not certain, which are not taken.

    Parameters
    ----------
    instrument : the group that holds the parts.
    path : the file.
    si : whether the format wants metres where nothing is said; else only what has an attribute `units` counts.
    """
    for part in instrument.values():
        if not isinstance(part, h5py.Group) or not any(name in part for name in (ZONE, DIAMETER)):
            continue
        lengths, notes = {}, []
        for name, metres, certain in _lengths(part, path, si):
            if certain:
                lengths[name] = metres
            else:
                notes.append(f"{part.name}/{name} {metres:g} is not used: its unit is not certain")
        said, names = _in_numbers(lengths)
        return said, f"{part.name}/{' and '.join(names)}", notes
    return {}, "", []


def _lengths(part: h5py.Group, path: Path, si: bool) -> Iterator[tuple[str, float, bool]]:
    """Name, length and whether it is sure to be in metres of what is known of a `part` of the file `path`."""
    for name, (low, high) in PLAUSIBLE.items():
        dataset = part.get(name)
        if isinstance(dataset, h5py.Dataset) and dataset.size == 1 and dataset.dtype.kind in "iuf":
            unit, value = said_unit(dataset), float(stored(dataset, (), path).reshape(-1)[0])
            yield name, value * (unit or 1.0), unit is not None or (si and low <= value <= high)


def _in_numbers(lengths: dict[str, float]) -> tuple[dict[str, float], list[str]]:
    """The probe in numbers from `lengths`, m, and the names of those that tell of it."""
    said, names = {}, []
    if lengths.get(ZONE, 0) > 0:
        said, names = {"probe_outer_zone_um": 1e6 * lengths[ZONE]}, [ZONE]
    elif lengths.get(DIAMETER, 0) > 0 and lengths.get(FOCAL, 0) > 0:
        radius = lengths[DIAMETER] / 2
        said, names = {"probe_na": radius / (radius**2 + lengths[FOCAL] ** 2) ** 0.5}, [DIAMETER, FOCAL]
    if said and 0 < lengths.get(STOP, 0) < lengths.get(DIAMETER, 0):
        said, names = {**said, "probe_stop": lengths[STOP] / lengths[DIAMETER]}, [*names, STOP]
    return said, names

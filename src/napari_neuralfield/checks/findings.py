"""What a user should know about an acquisition before waiting for its reconstruction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..data.acquisition import (
    Acquisition,
    CodedPtychography,
    LedArray,
    MultiplexedLed,
    Ptychography,
    ThroughFocus,
    quantities,
)
from ..data.colours import middle_of
from ..data.geometry import default_z_range_um, depth_of_field_um, led_directions, native_upsampling
from ..optics.illumination import is_bright_field, nearest_overlap, synthetic_na
from .colours import colour_checks
from .leds import led_array, multiplexed
from .scans import coded, ptychography, scan_facts
from .seen.frames import Check, Survey, frame_checks, survey
from .seen.look import Looked
from .seen.preparation import prepared
from .through_focus import through_focus, through_focus_facts

__all__ = ["Check", "check", "checks_of", "facts"]


def check(acquisition: Acquisition, seen: Looked | None = None) -> list[Check]:
    """Findings about the frames and the geometry, the warnings first.

    What the frames hold is made good as before a run, and the rest judged by what is left. Large recordings are looked
    at in evenly chosen frames; the sentences say in how many. Of several colours the middle one is looked at, and what
    they are to each other.

    Parameters
    ----------
    acquisition : to look at.
    seen : what `look` saw of its `middle_part`, where it was looked at already.
    """
    if acquisition.channel is not None:
        alone = acquisition.colours()
        found = [*check(alone[middle_of(np.asarray(acquisition.wavelengths_um))]), *colour_checks(acquisition, alone)]
    else:
        ready = prepared(acquisition, seen=seen)
        found = [*ready.findings, *checks_of(ready.acquisition, ready.survey)]
    return sorted(found, key=lambda c: ("warning", "ok", "info").index(c.level))


def checks_of(acquisition: Acquisition, seen: Survey | None = None) -> list[Check]:
    """Findings about an acquisition that is prepared, or taken as it is given.

    Parameters
    ----------
    acquisition : whose frames hold light.
    seen : its frames in figures; None: they are looked at now.
    """
    seen = seen or survey(acquisition)
    return [*frame_checks(seen), *GEOMETRY[type(acquisition)](acquisition, seen)]


def facts(acquisition: Acquisition) -> dict[str, object]:
    """Numbers that follow from the geometry, JSON-ready; lengths in um, the unit in the name."""
    found: dict[str, object] = {"frame_count": acquisition.frame_count, "frame_shape": list(acquisition.frame_shape)}
    for name, q in quantities(type(acquisition)).items():
        if not q.shape and getattr(acquisition, name) is not None:
            found[name] = getattr(acquisition, name)
    if acquisition.channel is not None:
        whole = {**found, "colours": len(np.asarray(acquisition.wavelengths_um))}
        return {**facts(acquisition.of_channel(middle_of(np.asarray(acquisition.wavelengths_um)))), **whole}
    na = led_directions(acquisition)
    if isinstance(acquisition, LedArray | MultiplexedLed) and na is not None:
        synthetic = synthetic_na(na, acquisition.objective_na)
        upsampling = native_upsampling(acquisition)
        overlap = nearest_overlap(na, acquisition.objective_na)
        found |= {
            "led_count": len(na),
            "synthetic_na": synthetic,
            "half_pitch_um": acquisition.wavelength_um / (2 * synthetic),
            "native_upsampling": upsampling,
            "native_pixel_um": acquisition.pixel_um / upsampling,
            "bright_field_leds": int(is_bright_field(na, acquisition.objective_na).sum()),
            "median_overlap": float(np.median(overlap)),
            "smallest_overlap": float(overlap.min()),
        }
    if isinstance(acquisition, LedArray | MultiplexedLed | ThroughFocus):
        found["depth_of_field_um"] = depth_of_field_um(acquisition)
        found["default_z_range_um"] = list(default_z_range_um(acquisition))
    if isinstance(acquisition, ThroughFocus):
        found |= through_focus_facts(acquisition)
    if isinstance(acquisition, CodedPtychography | Ptychography):
        found |= scan_facts(acquisition)
    return found


GEOMETRY: dict[type, Callable[[Any, Survey], Iterator[Check]]] = {
    LedArray: led_array,
    MultiplexedLed: multiplexed,
    CodedPtychography: coded,
    Ptychography: ptychography,
    ThroughFocus: through_focus,
}

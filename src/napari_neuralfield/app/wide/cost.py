"""What a tile costs: seconds, memory and bytes on disk, by a rule of thumb or measured."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...data.acquisition import Acquisition, LedArray, MultiplexedLed
from ...data.geometry import default_z_range_um, depth_of_field_um, native_upsampling

PROGRAM_BYTES = 400e6  # a process that has computed something small
PER_SAMPLE_BYTES = 40.0  # of a stack of frames, and of the planes that are solved
SECONDS_PER_SAMPLE = 4e-7  # of every frame at every depth, on one core
FELT = 1.2  # of the NA: LEDs up to here feel what lies outside a tile
PASSES_OF_LOOK = 20  # over their frames, of the whole field
PASSES_OF_WAVES = 50  # as many more take, in time, a first look and the waves of each LED, where those are near
LOOK_BYTES = 16.0  # of every pixel of those frames, and four times of every sample of the object
LOOK_SECONDS = 2.6e-8  # of every pixel of those frames in every pass, on one core, and a second before
STORED_BYTES = 4.0  # of a complex number in half precision


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one tile.

    Parameters
    ----------
    seconds : on one core.
    peak_bytes : memory of the process that works on it, the program itself included.
    stored_bytes : its file.
    measured : whether a tile was made to know; else it is a rule of thumb, right within some times.
    """

    seconds: float
    peak_bytes: float
    stored_bytes: float
    measured: bool = False


def guessed(acquisition: Acquisition, tile_px: int, options: Mapping[str, object]) -> Cost:
    """The cost of a tile by a rule.

    Parameters
    ----------
    acquisition : of which tiles are cut.
    tile_px : side of a tile, frame pixels.
    options : of the method; its depths and planes count.
    """
    area = float(np.prod([min(n, tile_px) for n in acquisition.frame_shape]))
    leds = isinstance(acquisition, LedArray | MultiplexedLed)
    fine = area * (native_upsampling(acquisition) if isinstance(acquisition, LedArray | MultiplexedLed) else 1) ** 2
    planes = _planes(acquisition, options) if leds else 1
    frames = area * acquisition.frame_count
    return Cost(
        seconds=2 + SECONDS_PER_SAMPLE * frames * (planes if planes > 1 else 8),
        peak_bytes=PROGRAM_BYTES + PER_SAMPLE_BYTES * (frames + 2 * fine * planes),
        stored_bytes=STORED_BYTES * fine * planes,
    )


def felt_leds(whole: LedArray) -> np.ndarray:
    """Numbers of the frames of the `whole` field whose LEDs feel what lies outside a tile."""
    return np.flatnonzero(np.hypot(*np.asarray(whole.illumination_na).T) < FELT * whole.objective_na)


def cost_of_look(whole: LedArray) -> Cost:
    """The cost, by a rule, of a coarse look at the `whole` field before its tiles are made."""
    leds, area = len(felt_leds(whole)), float(np.prod(whole.frame_shape))
    near = whole.led_height_mm is not None and whole.directions_at_um is not None
    return Cost(
        seconds=1 + LOOK_SECONDS * (PASSES_OF_LOOK + 7 + near * PASSES_OF_WAVES) * leds * area,
        peak_bytes=PROGRAM_BYTES + LOOK_BYTES * area * (leds + 4 * native_upsampling(whole) ** 2),
        stored_bytes=STORED_BYTES * area * leds,
    )


def _planes(acquisition: Acquisition, options: Mapping[str, object]) -> int:
    """Depths that are solved, as methods for LED arrays choose them."""
    given, z_um = options.get("planes"), options.get("z_um")
    assert isinstance(acquisition, LedArray | MultiplexedLed)
    if z_um is None and getattr(acquisition, "sample_z_um", None) is None and "planes" in options:
        z_um = default_z_range_um(acquisition)
    if not isinstance(z_um, tuple | list) or z_um[0] == z_um[1]:
        return 1
    if isinstance(given, int):
        return given
    return max(2, 1 + int(np.ceil((z_um[1] - z_um[0]) / (0.3 * depth_of_field_um(acquisition)))))


def forget_peak() -> None:
    """From now on `peak_bytes` counts anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_bytes() -> float:
    """The most memory that this process has held, since `forget_peak` where the system can tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024.0 * float(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError, ValueError):
        pass
    try:
        import resource
    except ImportError:
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most) * (1 if sys.platform == "darwin" else 1024)

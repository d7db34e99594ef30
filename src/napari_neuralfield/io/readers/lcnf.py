"""NumPy files of frames (`.npy`), among them those of NeuPh (LCNF): five LED patterns as vertical differences."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from ...data.acquisition import Draft
from ...data.differences import are_differences, intensities
from ...optics.illumination import direction_cosines, grid_positions
from ...optics.patterns import halves_and_arcs
from ...registry import READERS
from ...types import InputError
from ..native.hdf5_frames import WholeFrames
from ..native.reading import explained, real_numbers
from ..sidecar import layout, sidecar

PATTERNS = 5
MICROSCOPE = {"wavelength_um": 0.63, "objective_na": 0.1, "pixel_um": 1.625}
LIMIT_NA, PITCH_MM, HEIGHT_MM, ROWS = 0.412, 4.0, 67.5, 17
AXIS_DEG, ARCS_DEG = 225.0, (120.0, 240.0, 0.0)


@READERS.register("lcnf")
class LcnfReader:
    """(5 or 6, y, x) differences of two bright-field halves and three dark-field arcs; the sixth, a phase, is left out.

    Other stacks, of any axes, are taken with a sidecar that says what they show.
    """

    reads = "NumPy stacks (.npy) of NeuPh (LCNF), or of any kind with a sidecar"

    def supports(self, path: Path) -> bool:
        return path.suffix.lower() == ".npy"

    def read(self, path: Path) -> Draft:
        """Frames (lazy) and, for NeuPh's differences, the optics of the published microscope."""
        with explained(path, "this is not a NumPy array of numbers, or it is cut short"):
            stack = np.load(path, mmap_mode="r", allow_pickle=False)
        if stack.dtype.kind not in "uifc":
            raise InputError(
                f"{path}: the array has shape {stack.shape} and type {stack.dtype}; it must be frames of numbers, "
                "(frame, y, x), or (5, y, x) or (6, y, x) as NeuPh keeps them"
            )
        count = stack.shape[0] if stack.ndim == 3 and stack.dtype.kind in "uif" else 0
        if count in (PATTERNS, PATTERNS + 1) and are_differences(np.asarray(stack[:PATTERNS])):
            return _published(path, stack.shape)
        found = sidecar.find(path)
        if found is None:
            raise InputError(
                f"{path}: this is an array of shape {stack.shape}, not the vertical differences of NeuPh (whose first "
                f"row is zero), so what it shows is not known; write {sidecar.candidates(path)[0]} with kind, "
                "wavelength_um and the other values"
            )
        given = sidecar.load(found)
        kind = sidecar.kind_of(given, found)
        mapped = functools.partial(np.load, mmap_mode="r", allow_pickle=False)
        array = WholeFrames(path.absolute(), stack.shape, stack.dtype, mapped)
        return Draft(kind, layout.arranged(array, given, kind, str(path)), {}, str(path))


def _published(path: Path, shape: tuple[int, ...]) -> Draft:
    led_na = _published_directions()
    values = {
        **MICROSCOPE,
        "led_na": led_na,
        "patterns": halves_and_arcs(led_na, MICROSCOPE["objective_na"], AXIS_DEG, ARCS_DEG),
        "title": "NeuPh frames, integrated from differences; brightness of the dark field is relative",
    }
    frames = WholeFrames(path.absolute(), (PATTERNS, *shape[1:]), np.dtype(np.float32), _integrated)
    draft = Draft("multiplexed_led", frames, values, str(path))
    draft.notes.append(
        "the file holds vertical differences, about one in seven of them lost; they are integrated, the level of the "
        "bright field is chosen and the brightness of the dark field is relative"
    )
    draft.notes.append(
        "optics, LED board and patterns are those of the published microscope (4x / 0.1 NA, 630 nm, 185 LEDs to NA "
        "0.41); a sidecar may say otherwise"
    )
    return draft


def _published_directions() -> np.ndarray:
    """Directions (led, 2) of the 185 LEDs of the published microscope: 4 mm apart, 67.5 mm away."""
    na = direction_cosines(grid_positions(ROWS, ROWS, PITCH_MM), HEIGHT_MM)
    return na[np.hypot(na[:, 0], na[:, 1]) <= LIMIT_NA]


def _integrated(path: Path) -> np.ndarray:
    """Intensities of a file of differences, found at the first access and kept for the last file."""
    return _integrated_once(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _integrated_once(path: Path, written_ns: int) -> np.ndarray:
    stack = real_numbers(np.load(path, allow_pickle=False)[:PATTERNS], path, "its array")
    if not np.isfinite(stack).all():
        bad = int(np.argmin(np.isfinite(stack).all(axis=(1, 2))))
        raise InputError(
            f"{path}: frame {bad} holds values that are not finite (NaN or infinity), which spoil all below them in "
            "their column; repair the file"
        )
    return intensities(stack, np.arange(PATTERNS) < 2)

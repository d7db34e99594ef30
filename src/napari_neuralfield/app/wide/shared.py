"""What is decided once for all tiles: the pupil and the brightness of the LEDs, as the tile in the middle finds them.

Tiles that each find their own take different ones where a sample tells little, and no longer fit together.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import torch

from ...checks.seen.parted import at_odds
from ...data.acquisition import LedArray
from ...data.selection import USED, Selected
from ...io.native.atomic import writing
from ...io.results.tiled_folder import tile_file
from ...optics.grids import at_frequencies, fit_spectrum
from ...types import Options
from .plan import PlannedTile, WidePlan

NAME = "microscope.h5"
RECOVERED = ("recover_pupil", "recover_gain")  # options of methods that find what is shared


@dataclasses.dataclass(frozen=True)
class SharedByTiles:
    """What tiles know of the whole field.

    Parameters
    ----------
    around : file of the whole field, from `surroundings.look_around`.
    apart : frames that are bright in one part of the field and dark in another; a tile takes those that do what their
        direction says there.
    microscope : file of the pupil and the gains, from `keep_microscope`.
    """

    around: str | None = None
    apart: tuple[int, ...] = ()
    microscope: str | None = None


def decides(plan: WidePlan) -> bool:
    """Whether the middle tile of a `plan` finds what the others can take from it."""
    wanted = all(name in plan.options for name in RECOVERED) and any(plan.options[n] is not False for n in RECOVERED)
    return len(plan.tiles) > 1 and plan.content["kind"] == "led_array" and wanted


def keep_microscope(plan: WidePlan, chosen: Selected, folder: Path) -> Path | None:
    """Write the pupil and the gains that the middle tile found; None where that tile is not there.

    Parameters
    ----------
    plan : of the run.
    chosen : the frames that are cut into tiles.
    folder : of the tiles.
    """
    from ...io import load_result

    tile, whole = plan.middle_tile, chosen.acquisition
    made = tile_file(folder, tile.name)
    if not made.exists() or not isinstance(whole, LedArray):
        return None
    found = load_result(made).calibration
    with writing(folder / NAME) as temporary, h5py.File(temporary, "w") as kept:
        if "pupil" in found:
            kept["correction"] = _correction(whole, tile, np.asarray(found["pupil"]))
        if "gains" in found:
            given = np.ones(whole.frame_count) if whole.exposure is None else np.asarray(whole.exposure, dtype=float)
            used = np.isin(chosen.numbers, found.get(USED, chosen.numbers))
            exposure = given / given[used].mean()
            exposure[used] = np.asarray(found["gains"], dtype=float)
            kept["exposure"] = exposure
    return folder / NAME


def _correction(whole: LedArray, tile: PlannedTile, found: np.ndarray) -> np.ndarray:
    """What the pupil that was `found` adds to the one that is known of a `tile`, in the frequencies of its frames."""
    y0, x0, y1, x1 = tile.box_px
    pupil = fit_spectrum(torch.from_numpy(found.astype(np.complex64)), (y1 - y0, x1 - x0)).numpy()
    known = whole.crop(slice(y0, y1), slice(x0, x1)).pupil
    return pupil if known is None else pupil * np.conj(known)


def with_shared(part: LedArray, file: Path) -> LedArray:
    """The frames of a tile, `part`, with the pupil and the gains in a `file` from `keep_microscope`."""
    changes: dict[str, object] = {}
    with h5py.File(file) as kept:
        if "correction" in kept:
            correction = at_frequencies(kept["correction"][()], part.pixel_um, part.frame_shape)
            changes["pupil"] = correction if part.pupil is None else correction * part.pupil
        if "exposure" in kept:
            changes["exposure"] = kept["exposure"][()]
    return part.replace(**changes)


def options_with(options: Options, shared: SharedByTiles) -> Options:
    """The `options` of a method for a tile that has what is `shared`."""
    return options if shared.microscope is None else {**options, **dict.fromkeys(RECOVERED, False)}


def without_odd(part: LedArray, shared: SharedByTiles) -> np.ndarray:
    """Numbers of the frames of a tile, `part`, that do what their direction says, of those that are `shared`."""
    return np.setdiff1d(np.arange(part.frame_count), at_odds(part, np.array(shared.apart, int)))

"""A whole time-lapse as one file, a strip of a frame at a time; stopped half-way nothing of it is left."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..data.tiles import STRIP_PIXELS, strips_of
from ..types import InputError
from .lapse_corrections import Unwanted
from .made_strips import made_strips
from .time_lapse import TimeLapse

ENDINGS = (".ome.zarr", ".tif", ".tiff", ".npy")


def export(
    lapse: TimeLapse,
    target: str | Path,
    frames: Sequence[int] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stopped: Callable[[], bool] = lambda: False,
    *,
    pixel_um: float | None = None,
    origin_um: tuple[float, float] = (0.0, 0.0),
    said: list[tuple[int, str]] | None = None,
) -> bool:
    """Write (t, y, x) float32 with its times (s) and pixels (um); memory holds a strip.

    Parameters
    ----------
    lapse : what is written.
    target : ends in .ome.zarr, .tif, .tiff or .npy; it appears when it is complete.
    frames : numbers of the frames to write; all where None.
    on_progress : called with (frames done, frames in all) after each.
    stopped : asked after each strip.
    pixel_um : pixel of the file, um; the native one where None.
    origin_um : (y, x) that is added to the place of the first pixel, um.
    said : list that what is said of the times goes to; taken up with those that an unfinished run had made.

    Returns
    -------
    Whether it was written: False where `stopped()` was True before the end.

    Raises
    ------
    InputError : for another ending, frames that are not there, or a file that cannot be written.
    """
    from ..io.writers.images import save_strips

    path = Path(target)
    if not path.name.lower().endswith(ENDINGS):
        raise InputError(f"{path}: a time-lapse is written as {', '.join(ENDINGS)}; choose one of these endings")
    chosen = list(range(len(lapse)) if frames is None else frames)
    if not chosen:
        raise InputError(f"{path}: no frame is chosen; choose some of frames 0 to {len(lapse) - 1}")
    lapse.check_frames(chosen)
    y, x = lapse.extent.axes(pixel_um)
    cut = strips_of((y.size, x.size), STRIP_PIXELS)

    def made(piece: tuple[int, slice]) -> tuple[np.ndarray]:
        if stopped():
            raise Unwanted
        number, rows = piece
        return (lapse.picture(number, y[rows], x, keep=False),)

    def strips() -> Iterator[np.ndarray]:
        pieces = list(itertools.product(chosen, cut))
        for done, (strip,) in enumerate(made_strips(path, pieces, made, said), start=1):
            yield strip
            if done % len(cut) == 0:
                on_progress(done // len(cut), len(chosen))

    place = (float(y[0]) + origin_um[0], float(x[0]) + origin_um[1])
    try:
        save_strips(
            path, strips(), [_depth_um(lapse, chosen[0])], pixel_um or lapse.extent.pixel_um,
            (y.size, x.size), origin_um=place, name=lapse.quantity, time_s=lapse.time_s[chosen], unit=lapse.unit,
        )  # fmt: skip
    except Unwanted:
        return False
    return True


def _depth_um(lapse: TimeLapse, number: int) -> float:
    """Where the frame of a time was taken; of a stack, the depth of its phase."""
    frames = lapse.groups[number]
    return float(lapse.acquisition.z_um[frames[0]]) if len(frames) == 1 else lapse.extent.z_um[0]

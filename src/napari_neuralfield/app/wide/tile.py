"""One tile: its part of the frames read, reconstructed and written; what a worker does. Small things go in and out."""

from __future__ import annotations

import dataclasses
import errno
import functools
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np

from ...data.acquisition import LedArray
from ...data.selection import Selected, pixel_of
from ...types import Done, Event, InputError, Note, Options, Preview, Progress, Result, Verdict
from .. import arguments
from ..selection import TypedSelection, placed
from .cost import forget_peak, peak_bytes
from .pieces import EndsAll
from .plan import PlannedTile, WidePlan, bytes_and_time
from .shared import SharedByTiles, options_with, with_shared, without_odd
from .surroundings import repeating

SAY_S = 0.5  # between two words on how far a tile is
ALONE = SharedByTiles()


@dataclasses.dataclass(frozen=True)
class TileJob:
    """What makes one tile.

    Parameters
    ----------
    file : of the frames.
    chosen : of them, as typed.
    options : of the method, its name among them.
    tile : its place and seed.
    target : file to write; None: nothing is written.
    content : what tells whether the file is still the one that was planned for.
    checked : whether its frames are held against what is said of the microscope.
    shared : what it knows of the whole field.
    """

    file: str
    chosen: Options
    options: Options
    tile: PlannedTile
    target: str | None
    content: Options
    checked: bool = False
    shared: SharedByTiles = ALONE


@dataclasses.dataclass(frozen=True)
class TileMade:
    """What came of a tile.

    Parameters
    ----------
    seconds, peak_bytes, stored_bytes : what it cost.
    figures, verdict : of its result.
    """

    seconds: float
    peak_bytes: float
    stored_bytes: float
    figures: dict[str, float]
    verdict: Verdict | None


def job_of(plan: WidePlan, tile: PlannedTile, target: Path | None, shared: SharedByTiles = ALONE) -> TileJob:
    """What makes a tile of a plan; the one in the middle checks the microscope for all.

    Parameters
    ----------
    plan, tile : of which one.
    target : file to write; None: nothing is written.
    shared : what it knows of the whole field.
    """
    options = {**plan.options, "device": plan.device}
    checked = target is not None and tile == plan.middle_tile
    where = None if target is None else str(target)
    return TileJob(
        plan.file, plan.chosen, options, tile, target=where, content=plan.content, checked=checked, shared=shared
    )  # fmt: skip


def make_tile(job: TileJob) -> Generator[Progress | Note, None, TileMade]:
    """Reconstruct the tile of a `job` and write its file; on one thread, so that it is the same wherever it is made.

    Raises
    ------
    EndsAll : where the disk is full: other tiles would not fit either.
    """
    from ...compute import on_one_thread

    forget_peak()
    started, said = time.perf_counter(), 0.0
    result: Result | None = None
    for event in on_one_thread(_events(job)):
        if isinstance(event, Done):
            result = event.result
        elif isinstance(event, Note):
            yield event
        elif isinstance(event, Progress) and time.perf_counter() - said > SAY_S:
            said = time.perf_counter()
            yield event
    if result is None:
        raise RuntimeError(f"method {job.options.get('method')} ended without a result")
    stored = _written(result, Path(job.target)) if job.target is not None else _size_of(result)
    return TileMade(time.perf_counter() - started, peak_bytes(), stored, result.figures, result.verdict)


def _events(job: TileJob) -> Iterator[Event]:
    from ...recon.engine.recipe import run
    from ...registry import METHODS

    recipe = METHODS[str(job.options["method"])].recipe.model_validate(
        {**options_with(job.options, job.shared), "seed": job.tile.seed}
    )
    part, count = cut_out(job)
    for event in placed(iter(run(part.acquisition, recipe, checked=job.checked)), part, count):
        if not isinstance(event, Preview):
            yield event


def cut_out(job: TileJob) -> tuple[Selected, int]:
    """The frames of a `job`'s tile, read once into memory, where they lie in the whole, and how many that has."""
    file = Path(job.file)
    if bytes_and_time(file) != (job.content["bytes"], job.content["written_ns"]):
        raise EndsAll(f"{file}: the file has changed since the run began; run again")
    whole, count = chosen_of(file, file.stat().st_mtime_ns, tuple(sorted(job.chosen.items())))
    y0, x0, y1, x1 = job.tile.box_px
    pixel, part = pixel_of(whole.acquisition), whole.acquisition
    if (y0, x0) != (0, 0) or (y1 - y0, x1 - x0) != part.frame_shape:
        part = part.crop(slice(y0, y1), slice(x0, x1))
    frames = np.stack([np.asarray(part.frames[number]) for number in range(part.frame_count)])
    numbers, origin = whole.numbers, (whole.origin_um[0] + y0 * pixel, whole.origin_um[1] + x0 * pixel)
    if not isinstance(part, LedArray):
        return Selected(part.replace(frames=frames), numbers, origin), count
    if job.shared.microscope is not None:
        part = with_shared(part, Path(job.shared.microscope))
    if job.shared.around is not None:
        frames = repeating(part, frames, job.tile.box_px, Path(job.shared.around))
        part = part.replace(led_height_mm=None)  # they are in a plane wave now
    part = part.replace(frames=frames)
    fits = without_odd(part, job.shared)
    if len(fits) < part.frame_count:
        part, numbers = part.subset(fits), numbers[fits]
    return Selected(part, numbers, origin), count


def chosen_frames(plan: WidePlan) -> Selected:
    """The frames that a `plan` cuts into tiles, still lazy."""
    file = Path(plan.file)
    return chosen_of(file, file.stat().st_mtime_ns, tuple(sorted(plan.chosen.items())))[0]


@functools.lru_cache(maxsize=1)
def chosen_of(file: Path, written_ns: int, chosen: tuple[tuple[str, str | None], ...]) -> tuple[Selected, int]:
    """What was chosen of the frames in a file, still lazy, and how many those are; kept for the next tile.

    Parameters
    ----------
    file : of any known format.
    written_ns : when, so that a file that has changed is read anew.
    chosen : what was typed, by name.
    """
    from ...io import open_acquisition

    typed = dict(chosen)
    acquisition = arguments.one_channel(open_acquisition(file), typed.pop("channel", None))
    return TypedSelection(**typed).of(acquisition), acquisition.frame_count


def _written(result: Result, target: Path) -> float:
    from ...io import save_result

    try:
        save_result(target, result)
    except InputError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EndsAll(f"{error}; the same command goes on from the tiles that are done") from error
        raise
    return float(target.stat().st_size)


def _size_of(result: Result) -> float:
    return float(sum(t.numel() * t.element_size() for t in result.field.state_dict().values()))

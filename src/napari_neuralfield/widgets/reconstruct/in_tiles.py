"""A run in tiles, without a window: from what is open to its plan, its folder and its events."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...types import Event, InputError, Note

if TYPE_CHECKING:
    from ...app.wide.plan import WidePlan
    from ...data.acquisition import Acquisition
    from ...recon.engine.recipe import Recipe

WORDS = {  # of the command line, as the window has them
    r"option --tile-px": "the side of a tile",
    r"option --overlap-px": "the overlap",
    r"smaller tiles \(--tile-px\)": "smaller tiles",
    r"fewer workers \(--workers\)": "fewer workers",
    r"--tile-px": "the side of a tile",
    r"(?:options --workers and --cluster|--workers)": "workers",
    r"repeat the command as it was, or remove that folder to begin anew": (
        "set everything as it was, choose another folder, or remove that one to begin anew"
    ),
    r"the same command goes on": "Run goes on",
}


SAVE = "save the acquisition as a file in the Acquisition dock and open that"
Ends = list[list[int]]  # first and last pixel along y and along x


@dataclasses.dataclass(frozen=True)
class Tiles:
    """How a run is cut, and where its tiles go.

    Parameters
    ----------
    side_px, overlap_px : side of a tile, and what neighbours share at least, frame pixels.
    workers : processes that make tiles; 1: this one alone.
    target : the folder to make, `*.nfield`.
    """

    side_px: int
    overlap_px: int
    workers: int
    target: Path


def free_target(source: Path) -> Path:
    """A folder beside the file `source` that no finished field has; tiles of a run that was stopped may be there."""
    name = source.name.removesuffix(".acq.h5") if source.name.endswith(".acq.h5") else source.stem
    names = [f"{name}.nfield", *(f"{name}-{n}.nfield" for n in range(2, 1000))]
    return next((path for path in map(source.with_name, names) if not path.exists()), source.with_name(names[-1]))


def made_already(target: Path) -> int:
    """How many tiles a run that was stopped has left for the field `target`."""
    from ...app.wide.run import unfinished_of

    return len(list(unfinished_of(target).glob("tiles/*.nfield")))


def events(whole: Acquisition, recipe: Recipe, region: Ends | None, tiles: Tiles) -> Iterator[Event]:
    """The events of a run in tiles; tiles that are there already are not made again.

    Parameters
    ----------
    whole, recipe : what is run, and how.
    region : first and last pixel (y, x) of the part of the frames; None: all of them.
    tiles : of which size, and where.

    Raises
    ------
    InputError : where the file does not hold what is run, tiles cannot be cut or do not fit, or the folder is taken.
    """
    from ...app.wide.executor import executor
    from ...app.wide.run import run_plan
    from ...app.wide.timed import fits
    from ...io.native.outputs import free

    try:
        free(tiles.target, False, "choose another folder")
        wide = wide_plan(whole, recipe, region, tiles)
        fits(wide, tiles.workers)
        for event in run_plan(wide, tiles.target, executor(tiles.workers if tiles.workers > 1 else None)):
            yield Note(in_words(event.text), event.level) if isinstance(event, Note) else event
    except InputError as error:
        raise InputError(in_words(str(error))) from error


def wide_plan(whole: Acquisition, recipe: Recipe, region: Ends | None, tiles: Tiles) -> WidePlan:
    """The plan of the tiles, which are read from the file of what is open.

    Parameters
    ----------
    whole, recipe, region, tiles : as of `events`.

    Raises
    ------
    InputError : where the file does not hold what is run, or tiles cannot be cut.
    """
    from ...app.selection import TypedSelection
    from ...app.wide.plan import Tiling, planned
    from ...data.selection import pixel_of
    from ...io import open_acquisition

    file = Path(whole.source)
    if not whole.source or not file.exists():
        raise InputError(f"tiles are read from a file, and there is none of {file.name or 'these frames'}; {SAVE}")
    read = open_acquisition(file)
    _check_same(whole, read, file)
    choice = TypedSelection(region_um=None if region is None else _corners_um(region, pixel_of(whole)))
    part = choice.of(read)
    return planned(
        file, read, (part.acquisition, part.origin_um), recipe.model_dump(mode="json"),
        chosen=vars(choice), tiling=Tiling(tiles.side_px, tiles.overlap_px),
    )  # fmt: skip


def _check_same(shown: Acquisition, whole: Acquisition, file: Path) -> None:
    from ...data.acquisition import quantities
    from ...io.native.checkpoint_file import fingerprint

    if fingerprint(shown) == fingerprint(whole):
        return
    before, now = whole.values(), shown.values()
    labels = {name: quantity.label for name, quantity in quantities(whole.kind).items()}
    changed = [labels[name] for name in labels if repr(before.get(name)) != repr(now.get(name))]
    what = ", ".join(changed) or "the frames"
    raise InputError(f"tiles are read from {file.name}, which does not say what the window does ({what}); {SAVE}")


def _corners_um(region: Ends, pixel_um: float) -> str:
    """A region as it is typed."""
    (y0, y1), (x0, x1) = region
    return ",".join(repr(edge * pixel_um) for edge in (y0, x0, y1, x1))


def in_words(text: str) -> str:
    """A sentence of the command line's about tiles in the words of the window."""
    for pattern, words in WORDS.items():
        text = re.sub(pattern, words, text)
    return text

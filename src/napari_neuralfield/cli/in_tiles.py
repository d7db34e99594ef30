"""`neuralfield reconstruct --tile-px N`: a wide field tile by tile, here, in several processes or on a cluster."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..types import InputError
from .terminal import Interrupted

if TYPE_CHECKING:
    from ..app.wide.plan import WidePlan
    from ..data.acquisition import Acquisition
    from ..data.selection import Selected
    from ..recon.engine.recipe import Recipe

GO_ON = "the same command goes on from there"


@Parameter(name="*")
@dataclasses.dataclass(frozen=True)
class InTiles:
    """How a wide field is cut, and where its tiles are made.

    Parameters
    ----------
    tile_px
        Reconstruct in tiles of so many frame pixels along a side, such as 256; the output is a folder then.
    overlap_px
        Pixels that neighbouring tiles share at least; where left out an eighth of a tile, 16 or more.
    workers
        Make tiles in so many processes of this machine.
    cluster
        Make tiles on a dask.distributed cluster: the address of its scheduler, such as tcp://10.0.0.5:8786.
    plan
        Print the tiles, their optics and what they cost, and stop; one tile is made to know.
    untimed
        With --plan: make no tile, and tell the cost by a rule of thumb.
    """

    tile_px: int | None = None
    overlap_px: int | None = None
    workers: int | None = None
    cluster: str | None = None
    plan: Annotated[bool, Parameter(negative=())] = False
    untimed: Annotated[bool, Parameter(negative=())] = False

    def check(self) -> None:
        """Refuse options that do nothing without tiles."""
        if self.tile_px is None:
            for name in ("overlap_px", "workers", "cluster", "plan", "untimed"):
                if getattr(self, name) not in (None, False):
                    raise InputError(
                        f"option --{name.replace('_', '-')} does nothing without tiles; add --tile-px, such as "
                        "--tile-px 256, or leave it out"
                    )


WHOLE = InTiles()


def plan_of(
    file: Path,
    whole: Acquisition,
    part: Selected,
    recipe: Recipe,
    *,
    chosen: Mapping[str, str | None],
    tiles: InTiles,
) -> WidePlan:
    """The plan of what was typed, its cost by a rule.

    Parameters
    ----------
    file : of the frames.
    whole, part : its frames, and those that were chosen.
    recipe : method and options.
    chosen : channel, frames and region, as typed.
    tiles : their size.
    """
    from ..app.wide.plan import Tiling, planned, usual_overlap

    assert tiles.tile_px is not None
    size = Tiling(tiles.tile_px, usual_overlap(tiles.tile_px) if tiles.overlap_px is None else tiles.overlap_px)
    here = part.acquisition, part.origin_um
    return planned(file, whole, here, recipe.model_dump(mode="json"), chosen=chosen, tiling=size)


def show_plan(plan: WidePlan, tiles: InTiles, as_json: bool) -> None:
    """Print a plan.

    Parameters
    ----------
    plan : of the run.
    tiles : as typed; unless untimed, one tile is made.
    as_json : print JSON.
    """
    from ..app.wide.plan import as_text
    from ..app.wide.timed import timed

    if not tiles.untimed:
        plan = timed(plan, apart=tiles.workers is not None)
    print(json.dumps(plan.to_dict(), indent=1) if as_json else "\n".join(as_text(plan, tiles.workers or 1)))


def run(plan: WidePlan, output: Path, tiles: InTiles) -> None:
    """Make all tiles and their field, and say how well it explains the frames.

    Parameters
    ----------
    plan : of the run.
    output : the folder to make, `*.nfield`.
    tiles : as typed.

    Raises
    ------
    Interrupted : on Ctrl-C; the tiles that are done stay.
    InputError : where nothing can be made, or tiles do not fit into memory.
    """
    from ..app.wide.executor import executor
    from ..app.wide.run import run_plan, unfinished_of
    from ..app.wide.timed import fits
    from . import terminal

    if tiles.cluster is None:
        fits(plan, tiles.workers or 1)
    where = executor(tiles.workers, tiles.cluster)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        result = terminal.returned(run_plan(plan, output, where))
    except KeyboardInterrupt:
        folder = unfinished_of(output)
        done = len(list(folder.glob("tiles/*.nfield")))
        raise Interrupted(f"interrupted; {done} of {len(plan.tiles)} tiles are in {folder}; {GO_ON}") from None
    print(terminal.took(time.perf_counter() - wall, time.process_time() - cpu))
    for line in terminal.figures(result):
        print(line)
    terminal.say_verdict(result)
    print(f"the field is in {output}, a folder of tiles; look at it with: napari {output}")

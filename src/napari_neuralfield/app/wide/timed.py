"""What a tile of a plan really costs, and whether tiles fit into memory."""

from __future__ import annotations

import dataclasses

from ... import memory
from ...types import InputError
from .cost import Cost
from .pieces import Ended, Executor, InProcess, Piece
from .plan import WidePlan
from .tile import TileMade, job_of, make_tile


def timed(plan: WidePlan, apart: bool = False) -> WidePlan:
    """The same `plan` with the cost of the tile in its middle, which is made for that and thrown away.

    Parameters
    ----------
    plan : of a run.
    apart : make it in a process of its own, as `--workers` does, so that its memory is a worker's.

    Raises
    ------
    InputError : where it cannot be made.
    """
    fits(plan, 1)
    tile = plan.middle_tile
    job = job_of(plan, tile, None)
    where: Executor = InProcess()
    if apart:
        from .cluster import LocalProcesses

        where = LocalProcesses(1)
    for news in where.run([Piece(tile.name, make_tile, (job,))]):
        if isinstance(news, Ended):
            if not isinstance(news.outcome, TileMade):
                raise InputError(f"{plan.file}: tile {tile.name} cannot be made: {news.error}")
            made = news.outcome
            cost = Cost(made.seconds, made.peak_bytes, made.stored_bytes, measured=True)
            return dataclasses.replace(plan, cost=cost)
    raise InputError(f"{plan.file}: tile {tile.name} has not ended")


def fits(plan: WidePlan, workers: int) -> None:
    """Refuse tiles that do not fit into memory.

    Parameters
    ----------
    plan : with its cost.
    workers : tiles that are made at once.

    Raises
    ------
    InputError : saying what is needed, what is free, and what helps.
    """
    free = memory.free_bytes()
    if plan.cost.peak_bytes * workers > free:
        fewer = " or fewer --workers" if workers > 1 else ""
        raise InputError(
            f"option --tile-px is {plan.tile_px}; such a tile takes about {memory.size(plan.cost.peak_bytes)} of "
            f"memory, {workers} at once, and {memory.size(free)} are free; choose smaller tiles{fewer}"
        )

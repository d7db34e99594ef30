"""Commands that take many recordings, or many fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..types import InputError, Note, Progress
from .program import Output, Overwrite, app

if TYPE_CHECKING:
    from ..app.batch.record import Row
    from ..app.batch.run import ManyRuns
    from ..app.wide.pieces import Executor

SETTLE_S = 5.0


@app.command
def batch(
    recipe: Path,
    /,
    *inputs: str,
    output: Output,
    overwrite: Overwrite = False,
    watch: Path | None = None,
    settle_s: float = SETTLE_S,
    workers: int | None = None,
    cluster: str | None = None,
) -> int:
    """Reconstruct many recordings by one recipe, and write a table of what became of each.

    In the folder: a field for each recording, table.csv, table.html (failures first) and, with pyarrow, table.parquet.
    The same command again goes on: fields of unchanged recordings stay. Exit status 1 where a recording failed.

    Parameters
    ----------
    recipe
        YAML file with options, as reconstruct --recipe takes it; "method: recommended" chooses for each recording.
    inputs
        Files, patterns ("day*/*.acq.h5"), folders of recordings, plates in OME-Zarr.
    output
        The folder of the results.
    overwrite
        Make all fields anew, also those of another recipe.
    watch
        A folder whose recordings are taken as they come, until Ctrl-C.
    settle_s
        With --watch: for how long, in s, nothing of a recording must have changed.
    workers
        Processes on this machine, one recording each; this process alone where left out.
    cluster
        Address of a dask.distributed scheduler, such as tcp://10.0.0.5:8786.
    """
    from ..app import arguments
    from ..app.batch.inputs import recordings
    from ..app.batch.run import ManyRuns
    from ..app.batch.watch import Watch
    from ..app.wide.executor import executor
    from ..recon.engine.recipe import load

    if not inputs and watch is None:
        raise InputError("batch: no recording is named; write neuralfield batch RECIPE.yaml INPUT... -o FOLDER")
    values, where = load(arguments.existing(recipe)), executor(workers, cluster)
    found, watched = recordings(inputs), None if watch is None else Watch(watch, settle_s)
    work = ManyRuns(output, recipe, values, overwrite)
    if found:
        _followed(work, found, where)
    if watched is not None:
        _watched(work, watched.rounds(), where)
    print(f"{len(work.rows) - work.failed} of {len(work.rows)} recordings have their field; the table is in {output}")
    return 1 if work.failed else 0


@app.command
def stitch(*fields: str, output: Output, overwrite: Overwrite = False, positions: Path | None = None) -> None:
    """Put fields of a stage scan together: places by what neighbours share, one phase for all; a folder of tiles.

    Parameters
    ----------
    fields
        Fields, .nfield, patterns, or folders of them; each shows some of what its neighbours show.
    output
        The field to make, a folder OUT.nfield.
    overwrite
        Replace what is there already under the name of the output.
    positions
        Table of stage positions: columns file, y_um and x_um, or rows in the order of the fields. Where left out,
        fields lie where they say.
    """
    from ..app import arguments
    from ..app.stitching.stitch import fields_in, stitch
    from . import terminal

    files = fields_in(fields)
    target = arguments.output(output, (".nfield",), overwrite=overwrite, inputs=files)
    table = None if positions is None else arguments.existing(positions)
    notes: list[str] = []
    result = dataclasses.replace(terminal.returned(stitch(files, table), notes), notes=tuple(notes))
    terminal.save(result, target)
    terminal.say_verdict(result)
    print(f"the field is in {target}, a folder of tiles; look at it with: napari {target}")


def _watched(work: ManyRuns, rounds: Iterable[list[Path]], where: Executor) -> None:
    """Take what comes; Ctrl-C while nothing is worked on is the end that is meant."""
    print("waiting for recordings; Ctrl-C ends")
    try:
        for found in rounds:
            if found:
                _followed(work, found, where)
    except KeyboardInterrupt as stopped:
        if str(stopped):
            raise
        work.write()


def _followed(work: ManyRuns, found: list[Path], where: Executor) -> None:
    """Run what is to do of the recordings `found`, a line for each that ended.

    Raises
    ------
    Interrupted : on Ctrl-C.
    """
    from ..app.batch.run import Begun
    from ..app.wide.pieces import Heard
    from . import terminal

    ended = 0
    events = work.run(found, where)
    try:
        with terminal.progress_bar() as bar:
            for event in events:
                if isinstance(event, Begun):
                    ended = event.kept
                    if ended:
                        bar.write(f"{ended} of {len(found)} are there already")
                elif not isinstance(event, Heard):
                    ended += 1
                    bar.write(_line(event))
                elif isinstance(event.what, Progress):
                    terminal.show(bar, event.what)
                elif isinstance(event.what, Note) and event.what.level == "warning":
                    bar.write(f"{event.key}: {terminal.said(event.what)}")
    except KeyboardInterrupt:
        left = len(found) - ended
        raise terminal.Interrupted(f"interrupted with {left} of {len(found)} to do; the same command goes on") from None
    finally:
        events.close()


def _line(row: Row) -> str:
    if row.status == "failed":
        return f"{row.name}: failed: {row.problem}"
    error = row.figures.get("relative_amplitude_error")
    figures = "" if error is None else f", relative amplitude error {error:.4f}"
    return f"{row.name}: {row.verdict or 'no verdict'}{figures}, {row.seconds:.1f} s"

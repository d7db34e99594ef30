"""One recording of many: opened, reconstructed, its field written, and what became of it."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import io
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

from ...types import Done, Event, InputError, Note, Options, Progress, Result
from .. import arguments
from ..job import sentence
from ..wide.pieces import EndsAll
from .record import Row
from .unchanged import state_of

OFTEN_S = 0.5  # between two words on how far a run is
PICTURE = 96  # pixels of a picture's height
RECOMMENDED = "recommended"


def reconstruct_one(asked: Row, folder: str, values: Mapping[str, object]) -> Generator[Event, None, Row]:
    """Progress and notes of one recording's run, and in the end what became of it.

    Parameters
    ----------
    asked : name and source of the recording, and the state of the recipe.
    folder : of the results.
    values : of the recipe.

    Raises
    ------
    EndsAll : where the result cannot be written.
    """
    started, source = time.perf_counter(), Path(asked.source)
    target = Path(folder) / f"{asked.name}.nfield"
    known: Options = {}  # of the recording and the method, also where the run fails
    asked = dataclasses.replace(asked, state=state_of(source))
    try:
        with arguments.about(source):
            result = yield from _reconstructed(source, values, known)
        row = dataclasses.replace(asked, status="done", **known, **_told(result))
        row = dataclasses.replace(row, picture=_written(result, target))
    except EndsAll:
        raise
    except Exception as error:
        problem = sentence(error).removesuffix("; what was computed is kept")
        row = dataclasses.replace(asked, status="failed", problem=problem, **known)
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    return dataclasses.replace(row, seconds=time.perf_counter() - started, finished=now)


def _reconstructed(source: Path, values: Mapping[str, object], known: Options) -> Generator[Event, None, Result]:
    from ...io import open_acquisition
    from ...recon import recommended
    from ...recon.engine.recipe import build, run

    acquisition = open_acquisition(source)
    known.update(kind=acquisition.kind, frames=acquisition.frame_count)
    name = str(values.get("method", RECOMMENDED))
    best: Options = {}
    if name == RECOMMENDED:
        name, best = recommended(acquisition)
    known.update(method=name)
    return (yield from _result(iter(run(acquisition, build(name, {**best, **values})))))


def _result(events: Iterator[Event]) -> Generator[Event, None, Result]:
    told = 0.0
    try:
        for event in events:
            if isinstance(event, Done):
                return event.result
            if isinstance(event, Note) or (isinstance(event, Progress) and time.monotonic() - told >= OFTEN_S):
                told = told if isinstance(event, Note) else time.monotonic()
                yield event
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()
    raise InputError("the method ended without a result; report it")


def _told(result: Result) -> Options:
    figures = {name: float(value) for name, value in result.figures.items() if not name.endswith("seconds")}
    verdict = result.verdict
    judged = {} if verdict is None else {"verdict": verdict.level, "sentence": verdict.sentence}
    return {"figures": figures, "notes": result.notes, **judged}


def _written(result: Result, target: Path) -> str:
    """Write the field; its small picture."""
    from ...io import read_header, save_result

    try:
        save_result(target, result)
    except InputError as error:
        if isinstance(error.__cause__, OSError):
            raise EndsAll(str(error)) from error
        raise
    return _small(read_header(target)["preview"])


def _small(preview: str) -> str:
    """A PNG as base64, smaller and as JPEG."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(preview))).convert("L")
    picture.thumbnail((4 * PICTURE, PICTURE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode("ascii")

"""A reconstruction in a terminal: progress, notes, and nothing computed is ever lost."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..types import Done, Event, Field, InputError, Note, Preview, Progress, Result

if TYPE_CHECKING:
    from tqdm import tqdm

    from ..data.acquisition import Acquisition
    from ..recon.engine.recipe import Recipe

T = TypeVar("T")
CAPTIONS = {"sample_z_um": "sample depth"}
INTERRUPTED = " (interrupted)"  # ends the title of what was kept of a run


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run; the message says what was kept."""


def follow(events: Iterator[Event], acquisition: Acquisition, recipe: Recipe, target: Path) -> Result:
    """Run the event stream to its end, with a bar on a terminal and every note as a line.

    Parameters
    ----------
    events : of a method.
    acquisition, recipe : what the method works on, for what is saved of an interrupted run.
    target : `*.nfield` that the result will be written to; it is left as it is.

    Raises
    ------
    Interrupted : on Ctrl-C, after the newest preview was saved beside `target`, as `partial_of` names it.
    """
    latest: Preview | None = None
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        with progress_bar() as bar:
            for event in events:
                _hear(bar, event)
                if isinstance(event, Preview):
                    latest = event
                elif isinstance(event, Done):
                    bar.close()
                    print(took(time.perf_counter() - wall, time.process_time() - cpu))
                    return event.result
    except KeyboardInterrupt:
        raise Interrupted(_keep(latest, acquisition, recipe, target)) from None
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()
    raise RuntimeError(f"method {recipe.method} ended without a result")


def returned(events: Generator[Event, None, T], notes: list[str] | None = None) -> T:
    """Run the generator `events` to its end as `follow` does; what it returns. `notes` gathers what was said."""
    try:
        with progress_bar() as bar:
            while True:
                event = next(events)
                _hear(bar, event)
                if notes is not None and isinstance(event, Note):
                    notes.append(event.text)
    except StopIteration as end:
        found: T = end.value
        return found
    finally:
        events.close()


def said(note: Note) -> str:
    return f"warning: {note.text}" if note.level == "warning" else note.text


def took(seconds: float, cpu_seconds: float) -> str:
    """How long a run took: `seconds` of the clock and `cpu_seconds` of the processors."""
    return f"{seconds:.1f} seconds ({cpu_seconds:.1f} of processor time)"


def _keep(latest: Preview | None, acquisition: Acquisition, recipe: Recipe, target: Path) -> str:
    if latest is None:
        return "interrupted before there was anything to keep"
    from ..io import save_result
    from ..io.native import atomic

    place, result = _place_of_partial(target), _unfinished(latest.field, acquisition, recipe)
    atomic.write_or_keep(place, lambda path: save_result(path, result), "field")
    return f"interrupted; the field as it was is saved in {place}"


def drop_partial(target: Path) -> None:
    """Remove what was kept of an interrupted run that was to write `target`, now that it is there."""
    place = _place_of_partial(target)
    if _is_partial(place):
        place.unlink(missing_ok=True)


def _place_of_partial(target: Path) -> Path:
    """Where an interrupted run leaves what it has; another file that happens to have that name stays."""
    from ..io.native.outputs import partial_of

    place = partial_of(target)
    while place.exists() and not _is_partial(place) and partial_of(place) != place:
        place = partial_of(place)
    return place


def _is_partial(path: Path) -> bool:
    """Whether a file is what `_keep` left, and nothing else that happens to have its name."""
    from ..io import read_header

    try:
        return str(read_header(path)["title"]).endswith(INTERRUPTED)
    except InputError:
        return False


def _unfinished(field: Field, acquisition: Acquisition, recipe: Recipe) -> Result:
    """A result around a field whose reconstruction did not end."""
    optics = {k: v for k, v in acquisition.values().items() if isinstance(v, int | float | str)}
    title = f"{acquisition.title or acquisition.source}{INTERRUPTED}".strip()
    return Result(field, recipe=recipe.model_dump(mode="json"), optics=optics, title=title)


def save(result: Result, target: Path) -> None:
    """Write `result` to `target`; where that fails, a copy in the temporary folder, so that nothing is lost.

    What was kept of an interrupted run of the same output is removed then.

    Raises
    ------
    InputError : naming the copy, or saying that there is none.
    """
    from ..io import save_result
    from ..io.native import atomic

    atomic.write_or_keep(target, lambda path: save_result(path, result), "field")
    drop_partial(target)


def figures(result: Result) -> list[str]:
    """The figures of a result as lines; the relative amplitude error first."""
    first = "relative_amplitude_error"
    names = sorted(result.figures, key=lambda name: (name != first, name))
    told = [name for name in names if not name.endswith("seconds")]
    return [f"{caption(name)} {result.figures[name]:.4g}{unit_of(name)}" for name in told]


def say_verdict(result: Result) -> None:
    """The verdict of a result as its last word; one that is red goes to standard error, as a warning."""
    if result.verdict is None:
        return
    if result.verdict.level == "red":
        print(f"warning: verdict {result.verdict}", file=sys.stderr)
    else:
        print(f"verdict {result.verdict}")


def caption(name: str) -> str:
    """What a figure is called: `sample_z_um` is the sample depth."""
    return CAPTIONS.get(name, name.replace("_", " "))


def unit_of(name: str) -> str:
    """The unit that a figure's name ends in."""
    return " um" if name.endswith("_um") and not name.endswith("_per_um") else ""


def columns(rows: list[tuple[str, str]]) -> list[str]:
    """Lines of name and text, the texts below each other; none for a name without a text."""
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name:<{width}}  {text}" for name, text in rows if text]


@contextlib.contextmanager
def progress_bar() -> Iterator[tqdm]:
    """A bar on a terminal; nothing where standard error is none."""
    from tqdm import tqdm

    form = "{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}"
    with tqdm(total=1, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False, bar_format=form) as bar:
        yield bar


def _hear(bar: tqdm, event: Event) -> None:
    if isinstance(event, Progress):
        show(bar, event)
    elif isinstance(event, Note):
        bar.write(said(event))


def show(bar: tqdm, event: Progress) -> None:
    """Move the `bar` to where the `event` says the run is."""
    bar.total = max(event.total, event.done, 1)
    bar.n = event.done
    if event.what:
        bar.set_description_str(event.what, refresh=False)
    if event.loss == event.loss:
        bar.set_postfix_str(f"error {event.loss:.4f}", refresh=False)
    bar.refresh()

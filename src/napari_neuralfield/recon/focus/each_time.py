"""A time-lapse of stacks: a method through focus takes each time by itself, and the field holds them all."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from ...data.acquisition import Acquisition, ThroughFocus
from ...data.times import lacking, of_stacks, starts_s, times
from ...fields.time_series import TimeSeries
from ...types import LEVELS, Done, Event, Field, InputError, Note, Preview, Progress, Result
from ..engine import checkpoint
from ..engine.recipe import Recipe, option

LARGEST = 2**31  # bytes of a field of all times
STEPS = 1000  # of the progress of one time
AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)
Run = Callable[[ThroughFocus, AnyRecipe], Iterator[Event]]


class TimedRecipe(Recipe):
    """What the methods through focus share."""

    time: int | None = option(
        None, "number of the time, from 0, of a time-lapse; empty: every time of a time-lapse of stacks", ge=0
    )

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """The times of an `acquisition`."""
        if not isinstance(acquisition, ThroughFocus):
            return {}
        count = len(times(acquisition))
        return {"time": f"all {count}" if count > 1 else "there is one"}


def each_time(run: Run[AnyRecipe]) -> Run[AnyRecipe]:
    """The method `run`, of one stack, for a time-lapse of stacks as well: one time after the other."""

    @functools.wraps(run)
    def over(acquisition: ThroughFocus, recipe: AnyRecipe) -> Iterator[Event]:
        number = getattr(recipe, "time", None)
        chosen = next((name for name in ("frame", "frames") if getattr(recipe, name, None) is not None), "")
        if chosen:
            if number is not None:
                raise InputError(f"options {chosen} and time are both given; {chosen} says which, so leave out time")
            yield from run(acquisition, recipe)
            return
        groups = times(acquisition)
        if number is not None:
            yield from run(_alone(acquisition, _chosen(acquisition, groups, number)), recipe)
        elif of_stacks(groups):
            yield from _all(run, acquisition, recipe, groups)
        else:
            yield from run(acquisition, recipe)

    return over


def _chosen(acquisition: ThroughFocus, groups: Sequence[np.ndarray], number: int) -> np.ndarray:
    if number >= len(groups):
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: option time is {number} but the file holds "
            + (f"times 0 to {len(groups) - 1}" if len(groups) > 1 else "one time, 0")
        )
    return groups[number]


def _named(number: int, events: Iterator[Event]) -> Iterator[Event]:
    """The events of a time; what cannot be used names it."""
    try:
        yield from events
    except InputError as error:
        raise InputError(f"time {number}: {error}") from None


def _alone(acquisition: ThroughFocus, frames: np.ndarray) -> ThroughFocus:
    """These frames as the stack that they are."""
    return acquisition.subset(frames).replace(time_s=None)


def _all(
    run: Run[AnyRecipe], acquisition: ThroughFocus, recipe: AnyRecipe, groups: Sequence[np.ndarray]
) -> Iterator[Event]:
    """Events of all times: what is said of the first, warnings of all, and one result."""
    yield from _opening(acquisition, groups)
    results: list[Result] = []
    warnings: list[tuple[int, str]] = []
    began = starts_s(acquisition, groups)
    for number, frames in enumerate(groups):
        events = _named(number, run(_alone(acquisition, frames), recipe))
        result, said = yield from checkpoint.once_from(f"time {number}", _one(number, len(groups), events))
        results.append(result)
        warnings += [(number, text) for text in said]
        _refuse_large(acquisition, results[0].field, len(groups))
        yield Progress(STEPS * (number + 1), STEPS * len(groups), float("nan"), f"time {number}")
        yield Preview(_series(results, began), results[0].field.extent.z_um[0])
    yield from (Note(text, "warning") for text in gathered(warnings))
    yield Done(_joined(results, began, recipe, acquisition))


def _one(number: int, count: int, events: Iterator[Event]) -> Generator[Event, None, tuple[Result, list[str]]]:
    """The events of the time `number` of `count`, as parts of all, pictures of the first alone; result and warnings."""
    result, warnings = None, []
    for event in events:
        if isinstance(event, Progress):
            done = STEPS * number + STEPS * event.done // max(event.total, 1)
            yield Progress(done, STEPS * count, event.loss, f"time {number}")
        elif isinstance(event, Note) and event.level == "warning":
            warnings.append(event.text)
        elif isinstance(event, Note) and number == 0:
            yield Note(f"time 0: {event.text}")
        elif isinstance(event, Preview) and number == 0:  # before the first time is done there is nothing else
            yield event
        elif isinstance(event, Done):
            result = event.result
    assert result is not None
    return result, warnings


def _opening(acquisition: ThroughFocus, groups: Sequence[np.ndarray]) -> Iterator[Note]:
    sizes = sorted({len(frames) for frames in groups})
    count = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    yield Note(f"{len(groups)} times of {count} frames each; every time is reconstructed by itself")
    for number, depths in lacking(acquisition, groups).items():
        named = ", ".join(f"{z:g}" for z in depths)
        yield Note(f"time {number} holds no frame at {named} um; what it has is used", "warning")


def _refuse_large(acquisition: ThroughFocus, field: Field, count: int) -> None:
    size = sum(t.numel() * t.element_size() for t in field.state_dict().values()) * count
    if size > LARGEST:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: a field of its {count} times would take {size / 1e9:.1f} GB; "
            "write them one after the other with neuralfield timelapse, or choose one with option time"
        )


def _series(results: Sequence[Result], began: np.ndarray) -> TimeSeries:
    return TimeSeries(times_s=began[: len(results)].tolist(), fields=[result.field for result in results])


def _joined(results: Sequence[Result], began: np.ndarray, recipe: Recipe, acquisition: ThroughFocus) -> Result:
    """All times as one: figures are means over them, the verdict is that of the worst."""
    every = [result.figures for result in results]
    figures = {name: float(np.mean([f[name] for f in every])) for name in every[0] if all(name in f for f in every)}
    figures |= {"times": float(len(results))}
    figures |= {name: sum(f[name] for f in every) for name in every[0] if name.endswith("cpu_seconds")}
    worst = max(results, key=lambda result: _badness(result))
    told = {name: value for name, value in worst.optics.items() if name.startswith("trust_")}
    optics = {**results[0].optics, **told, "times_s": [float(t) for t in began]}
    return Result(_series(results, began), recipe.model_dump(), optics, figures=figures, title=acquisition.title)


def _badness(result: Result) -> int:
    level = str(result.optics.get("trust_level", ""))
    return LEVELS.index(level) if level in LEVELS else -1


def gathered(warnings: Iterable[tuple[int, str]]) -> list[str]:
    """Sentences about times, given as (number, text); those that differ in numbers alone are said once."""
    alike: dict[str, list[tuple[int, str]]] = {}
    for number, text in warnings:
        alike.setdefault(re.sub(r"[-+]?\d[\d.,e+-]*", "#", text), []).append((number, text))
    return [f"{_times(sorted({n for n, _ in found}))}: {found[0][1]}" for found in alike.values()]


def _times(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"time {numbers[0]}"
    named = ", ".join(map(str, numbers[:8]))
    return f"times {named}" + (f" and {len(numbers) - 8} more" if len(numbers) > 8 else "") + f", of time {numbers[0]}"

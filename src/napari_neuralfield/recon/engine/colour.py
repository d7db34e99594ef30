"""Frames of several colours by a method that knows one: colour after colour, laid on one geometry, as one field."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...data.acquisition import Acquisition
from ...data.colours import middle_of, named_colour
from ...data.white import EmptyPlace, bright_frame, empty_place
from ...fields.colour import ColourField
from ...types import LEVELS, Done, Event, Extent, Field, Note, Preview, Progress, Result, Verdict
from .colour_shift import shift_between

FINE = 1000  # steps of the progress of each colour
ALIKE = 0.25  # likeness below which a shift is not believed


@dataclasses.dataclass(frozen=True)
class Aligned:
    """One colour as its method is to take it. z_um : how much deeper the sample lies in its field."""

    acquisition: Any
    recipe: Any
    z_um: float = 0.0


@dataclasses.dataclass(frozen=True)
class Alignment:
    """All colours, each about its own focus.

    at_um : depth in the middle colour at which they are compared; None: where its field is found.
    focus_um : distances of the colours' focal planes from the middle one's (channel,), where `Aligned.z_um` does not
        tell. self_focused : the method finds each colour's depth itself and says it as `sample_z_um`.
    """

    colours: list[Aligned]
    at_um: float | None = None
    focus_um: np.ndarray | None = None
    self_focused: bool = False


Align = Callable[[Sequence[Any], np.ndarray, Any], Generator[Event, None, Alignment]]  # colours, wavelengths, recipe
Run = Callable[[Any, Any], Iterator[Event]]


def in_colours(acquisition: Acquisition, recipe: Any, align: Align, run: Run) -> Iterator[Event]:
    """Events of a reconstruction of frames of several colours.

    Parameters
    ----------
    acquisition : of all colours.
    recipe : what the user chose.
    align : puts each colour about its own focus.
    run : reconstructs one colour.
    """
    started = time.process_time()
    colours, waves = acquisition.colours(), np.asarray(acquisition.wavelengths_um)
    middle = middle_of(waves)
    alignment = yield from align(colours, waves, recipe)
    results: dict[int, Result] = {}
    said: set[str] = set()
    for done, number in enumerate(sorted(range(len(waves)), key=lambda n: n != middle)):
        one = alignment.colours[number]
        events = run(one.acquisition, one.recipe)
        results[number] = yield from _one_colour(events, named_colour(waves[number]), done, len(waves), said)
        if number == middle:
            yield Preview(results[number].field, results[number].field.extent.z_um[0])
    whole = _Colours(acquisition, colours, waves, alignment, [results[n] for n in range(len(waves))])
    field, notes = whole.laid_together()
    yield from notes
    yield Preview(field, field.extent.z_um[0])
    yield Done(whole.result(field, recipe.model_dump(), time.process_time() - started))


def _one_colour(
    events: Iterator[Event], name: str, done: int, total: int, said: set[str]
) -> Generator[Event, None, Result]:
    """The events of one colour with its name, as a part of all; its result."""
    for event in events:
        if isinstance(event, Progress):
            part = done * FINE + round(FINE * event.done / max(event.total, 1))
            yield Progress(part, total * FINE, event.loss, f"{event.what}, {name}" if event.what else name)
        elif isinstance(event, Note):
            if event.text not in said:
                yield Note(f"{name}: {event.text}", event.level)
            said.add(event.text)
        elif isinstance(event, Done):
            return event.result
        elif not done:
            yield event
    raise RuntimeError("a method ended without a result")


@dataclasses.dataclass
class _Colours:
    """The colours' results and what they are of."""

    acquisition: Acquisition
    colours: list[Acquisition]
    waves: np.ndarray
    alignment: Alignment
    results: list[Result]

    def laid_together(self) -> tuple[ColourField, list[Note]]:
        """The field of all colours, registered and white-balanced, and what was found."""
        middle = middle_of(self.waves)
        fields = [result.field for result in self.results]
        extent = _common(fields, middle)
        offsets = self._offsets(middle)
        at = extent.z_um[0] if self.alignment.at_um is None else self.alignment.at_um
        at = float(np.clip(at, *extent.z_um))
        notes, shifts = [], np.zeros((len(fields), 2))
        y, x = extent.axes()
        pictures = [_seen(f, at + z, y, x) for f, z in zip(fields, offsets, strict=True)]
        for number, picture in enumerate(pictures):
            if number == middle:
                continue
            scale = 1.0 if np.iscomplexobj(picture) else self.waves[number] / self.waves[middle]
            found, alike = shift_between(pictures[middle], picture * np.float32(scale))
            if alike > ALIKE:
                shifts[number] = found * extent.pixel_um
            else:
                pair = f"{named_colour(self.waves[number])} looks unlike {named_colour(self.waves[middle])}"
                notes.append(Note(f"{pair}, so it is not shifted to lie on it", "warning"))
        self.focus_um = offsets if self.alignment.focus_um is None else self.alignment.focus_um
        self.shift_um = shifts
        notes.append(Note(self._sentence(middle)))
        white = np.ones(len(fields))
        if fields[middle].complex_valued:
            place = empty_place(self.acquisition)
            white = self._white(place, fields, at + offsets, shifts, extent.pixel_um)
            if self.acquisition.white is None:
                notes.append(Note(place.sentence, "warning" if place.doubtful else "info"))
        made = ColourField.of(fields, extent, self.waves.tolist(), shift_um=shifts, z_um=offsets, white=white)
        return made, notes

    def _offsets(self, middle: int) -> np.ndarray:
        """How much deeper the sample lies in each colour's field than in the middle one's (channel,), um."""
        if not self.alignment.self_focused:
            return np.array([one.z_um for one in self.alignment.colours])
        depths = [result.figures.get("sample_z_um", 0.0) for result in self.results]
        return np.array(depths) - depths[middle]

    def _white(
        self, place: EmptyPlace, fields: list[Field], at_um: np.ndarray, shifts: np.ndarray, pixel_um: float
    ) -> np.ndarray:
        """Intensity of an empty place in each field (channel,).

        Where white is given, from how bright field and frame are as a whole, else at the empty place.
        """
        found = []
        for one, field, z, shift in zip(self.colours, fields, at_um, shifts, strict=True):
            if self.acquisition.white is not None:
                frame = one.intensity([bright_frame(one)])[0]
                pixel = float(getattr(one, "pixel_um", pixel_um))
                y, x = (np.arange(n) * pixel for n in frame.shape)
                found.append(float((np.abs(_seen(field, z, y, x)) ** 2).mean() / frame.mean()))
                continue
            y0, x0, y1, x1 = place.region_um
            y, x = np.arange(y0, y1, pixel_um) + shift[0], np.arange(x0, x1, pixel_um) + shift[1]
            found.append(float(np.median(np.abs(_seen(field, z, y, x)) ** 2)))
        return np.maximum(np.array(found), 1e-12)

    def _sentence(self, middle: int) -> str:
        told = [
            f"{named_colour(wave)} lies {focus:+.2g} um deeper, {shift[0]:+.2g}, {shift[1]:+.2g} um (y, x) aside"
            for n, (wave, focus, shift) in enumerate(zip(self.waves, self.focus_um, self.shift_um, strict=True))
            if n != middle
        ]
        return f"the colours are laid on {named_colour(self.waves[middle])}: {'; '.join(told)}"

    def result(self, field: ColourField, recipe: dict[str, Any], seconds: float) -> Result:
        """Everything filed: the middle colour's optics and arrays under their names, the others' with their colour."""
        middle = middle_of(self.waves)
        figures = {n: v for n, v in self.results[middle].figures.items() if n != "intensity_scale"}
        errors = [r.figures.get("relative_amplitude_error", math.nan) for r in self.results]
        if np.isfinite(errors).all():
            figures["relative_amplitude_error"] = float(np.sqrt(np.mean(np.square(errors))))
        calibration = dict(self.results[middle].calibration)
        for number, (wave, result) in enumerate(zip(self.waves, self.results, strict=True)):
            name = f"{1000 * wave:.0f}nm"
            if number != middle:
                calibration.update({f"{key}_{name}": value for key, value in result.calibration.items()})
                figures[f"focus_{name}_um"] = float(self.focus_um[number])
                figures[f"shift_y_{name}_um"], figures[f"shift_x_{name}_um"] = map(float, self.shift_um[number])
        optics = {**self.results[middle].optics, "wavelengths_um": self.waves.tolist()}
        figures["cpu_seconds"] = seconds
        return Result(
            field, recipe, optics, calibration=calibration, figures=figures, title=self.acquisition.title,
            notes=tuple(
                f"{named_colour(wave)}: {text}"
                for wave, result in zip(self.waves, self.results, strict=True)
                for text in result.notes
            ),
            verdict=worst({n: r.verdict for n, r in zip(map(named_colour, self.waves), self.results, strict=True)}),
        )  # fmt: skip


def worst(verdicts: Mapping[str, Verdict | None]) -> Verdict | None:
    """The worst of the colours' `verdicts`, with the name of its colour; None where none was judged."""
    known = [(name, verdict) for name, verdict in verdicts.items() if verdict is not None]
    if not known:
        return None
    name, verdict = max(known, key=lambda pair: LEVELS.index(pair[1].level))
    return dataclasses.replace(verdict, sentence=f"{name}: {verdict.sentence}")


def _common(fields: Sequence[Field], middle: int) -> Extent:
    """The finest of the colours' grids, with the depths of the middle one."""
    finest = min((field.extent for field in fields), key=lambda extent: extent.pixel_um)
    return dataclasses.replace(finest, z_um=fields[middle].extent.z_um)


def _seen(field: Field, z_um: float, y_um: np.ndarray, x_um: np.ndarray) -> np.ndarray:
    """The plane (y, x) of a field, as an array."""
    return field.render([z_um], y_um, x_um)[0].detach().cpu().numpy()

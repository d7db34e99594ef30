"""What many tiles say, told once: how far they are together, and notes without their repetitions."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping

import numpy as np

from ...types import LEVELS, Note, Progress, Verdict

NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")
FAR_OFF, STEEP = 0.08, 0.5  # of the light of a tile, and turns of phase over it: from here on tiles contradict
NOTHING: tuple[dict[str, float], str] = {}, ""
PER_TILE = 1000  # steps of the progress of all tiles


@dataclasses.dataclass
class Together:
    """How far tiles are.

    Parameters
    ----------
    total : how many there are.
    done : how many have ended.
    """

    total: int
    done: int = 0
    shares: dict[str, float] = dataclasses.field(default_factory=dict)
    errors: dict[str, float] = dataclasses.field(default_factory=dict)

    def heard(self, name: str, event: Progress) -> None:
        """An `event` of the tile `name`; its method may begin anew more than once, which does not count back."""
        share = event.done / max(event.total, 1)
        self.shares[name] = max(self.shares.get(name, 0.0), min(share, 0.99))
        if event.loss == event.loss:
            self.errors[name] = event.loss

    def ended(self, name: str, error: float) -> None:
        """The tile `name` has ended, with this relative amplitude `error`, NaN where it has none."""
        self.shares.pop(name, None)
        self.errors.pop(name, None)
        if error == error:
            self.errors[name] = error
        self.done += 1

    @property
    def event(self) -> Progress:
        steps = PER_TILE * self.done + round(PER_TILE * sum(self.shares.values()))
        loss = float(np.mean(list(self.errors.values()))) if self.errors else float("nan")
        return Progress(steps, PER_TILE * self.total, loss, f"{self.done} of {self.total} tiles")


class Notes:
    """Sentences of many tiles; those that differ by their numbers alone are one."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, Note]] = {}
        self._tiles: dict[str, set[str]] = {}

    def heard(self, name: str, note: Note) -> Note | None:
        """A `note` of the tile `name`, to be said; None where another tile has said as much."""
        shape = NUMBER.sub("#", note.text)
        self._tiles.setdefault(shape, set()).add(name)
        if shape in self._first:
            return None
        self._first[shape] = name, note
        return Note(f"tile {name}: {note.text}", note.level)

    @property
    def kept(self) -> tuple[str, ...]:
        """Each once, with how many tiles have said it."""
        return tuple(
            f"tile {name}: {note.text}" if len(tiles) == 1 else f"{len(tiles)} tiles, such as {name}: {note.text}"
            for (name, note), tiles in zip(self._first.values(), self._tiles.values(), strict=True)
        )


def verdict_of(
    verdicts: dict[str, Verdict], left_out: int, apart: tuple[dict[str, float], str] = NOTHING
) -> Verdict | None:
    """On all tiles: as bad as the worst of them, which is named, and no better than amber where they contradict.

    Parameters
    ----------
    verdicts : by the name of the tile.
    left_out : how many tiles are.
    apart : how far tiles are from their neighbours, from `agreement`, and the one that is farthest.
    """
    if not verdicts:
        return None
    count = {level: sum(v.level == level for v in verdicts.values()) for level in LEVELS}
    worst = max(verdicts, key=lambda name: LEVELS.index(verdicts[name].level))
    level = verdicts[worst].level
    told = ", ".join(f"{n} {name}" for name, n in count.items() if n)
    text = f"{told} of {len(verdicts)} tiles" if level != "green" else f"All of {len(verdicts)} tiles are green"
    text += f"; the first that is {level}, {worst}: {verdicts[worst].sentence}" if level != "green" else "."
    far, name = apart
    for doubt in _doubts(far, name):
        level, text = "red" if level == "red" else "amber", f"{doubt} {text}"
    if left_out:
        level = "red" if level == "red" else "amber"
        text = f"{left_out} tile{'s are' if left_out > 1 else ' is'} left out and 0 in the field. {text}"
    return Verdict(level, text, {**{f"tiles_{name}": float(n) for name, n in count.items()}, **far})


def _doubts(far: Mapping[str, float], name: str) -> Iterator[str]:
    if far.get("overlaps_off", 0.0) > FAR_OFF:
        yield (
            f"Tiles contradict each other where they overlap, by {far['overlaps_off']:.0%} of the light at {name}: the "
            "microscope may change over the field, so calibrate with --regions 3,3, or tell z_um."
        )
    if far.get("tilt_turns", 0.0) > STEEP:
        yield (
            f"A tile's phase is inclined to the others' by {far['tilt_turns']:.1f} turns, as where LED directions "
            "change over the field and the file does not say so: calibrate with --regions 3,3."
        )

"""What became of each recording: a line of JSON for each that ended, kept beside the results."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Literal

from ...types import InputError

FILE = "batch.jsonl"


@dataclasses.dataclass(frozen=True)
class Row:
    """What became of a recording.

    Parameters
    ----------
    name : of its result, without .nfield.
    source : the recording, an absolute path.
    status : whether there is a result; begun: whatever lies under its name is of a run that was interrupted.
    problem : why there is none, a sentence.
    verdict, sentence : level and reason.
    kind, method, frames : of the recording and the run.
    figures : by name.
    notes : what was said on the way.
    seconds : of the clock.
    finished : when, ISO 8601.
    picture : a small JPEG as base64.
    state, recipe : of the recording and the recipe, see `unchanged`.
    """

    name: str
    source: str
    status: Literal["begun", "done", "failed"]
    problem: str = ""
    verdict: str = ""
    sentence: str = ""
    kind: str = ""
    method: str = ""
    frames: int = 0
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    finished: str = ""
    picture: str = ""
    state: str = ""
    recipe: str = ""


class Record:
    """The newest row of every recording that a folder of results knows.

    Parameters
    ----------
    folder : of the results.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.rows: dict[Path, Row] = {}
        names = {field.name for field in dataclasses.fields(Row)}
        for line in self._lines():
            try:
                values = json.loads(line)
                known = {name: value for name, value in values.items() if name in names}
                row = Row(**{**known, "notes": tuple(known.get("notes", ()))})
            except (ValueError, TypeError, AttributeError):  # the last line of a run that was killed
                continue
            self.rows[Path(row.source)] = row

    def _lines(self) -> list[str]:
        if not self.path.exists():
            return []
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{self.path}: what the results here are of cannot be read ({error}); choose another folder"
            ) from None

    def names(self) -> dict[Path, str]:
        """Names of results by their sources."""
        return {source: row.name for source, row in self.rows.items()}

    def add(self, *rows: Row) -> None:
        """Keep `rows`, at once and for good."""
        self.rows.update({Path(row.source): row for row in rows})
        lines = [json.dumps(dataclasses.asdict(row), ensure_ascii=False) for row in rows]
        try:
            with self.path.open("ab+") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    lines = lines if file.read(1) == b"\n" else ["", *lines]  # after the line of a run that was killed
                file.write("".join(f"{line}\n" for line in lines).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(
                f"{self.path}: it cannot be written ({error.strerror or error}); free some space or choose another "
                "folder, and run again"
            ) from None

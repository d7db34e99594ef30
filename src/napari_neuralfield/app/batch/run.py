"""Many recordings by one recipe: which are to do, and each as it ends; the table is whole at any time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from ...types import InputError
from ..wide.pieces import Ended, Executor, Heard, Piece
from .names import named
from .one import RECOMMENDED, reconstruct_one
from .page import write_page
from .record import Record, Row
from .table import write_csv, write_parquet
from .unchanged import state_of, state_of_recipe

CALM = 20  # page and Parquet take at most this part of the time, but are written at the end


@dataclasses.dataclass(frozen=True)
class Begun:
    """How many recordings have `kept` their result from an earlier run."""

    kept: int


class ManyRuns:
    """A folder of results by one recipe.

    Parameters
    ----------
    folder : of the results; made where it does not exist.
    recipe : the YAML file, for what is said.
    values : that it holds.
    overwrite : whether results may be replaced.

    Raises
    ------
    InputError : for a recipe that its method does not take, and a folder that cannot be written to.
    """

    def __init__(self, folder: Path, recipe: Path, values: Mapping[str, object], overwrite: bool = False) -> None:
        from ...recon.engine.recipe import build

        method = str(values.get("method", RECOMMENDED))
        if method != RECOMMENDED:
            build(method, values)
        self.folder, self.values, self._overwrite = folder, dict(values), overwrite
        self._about = f"{recipe.name}: " + ", ".join(f"{n} {v}" for n, v in {"method": method, **values}.items())
        self._state = state_of_recipe(values)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"output {folder}: the folder cannot be made ({reason}); choose another") from None
        self.record = Record(folder)
        self.rows: dict[Path, Row] = {}
        self._page_at, self._page_took = 0.0, 0.0

    @property
    def failed(self) -> int:
        """How many of the recordings have no result."""
        return sum(row.status == "failed" for row in self.rows.values())

    def run(self, sources: Sequence[Path], executor: Executor) -> Generator[Begun | Heard | Row, None, None]:
        """Reconstruct what is to do of the `sources`; a row for each that ended, and for each that must not.

        Parameters
        ----------
        sources : recordings.
        executor : where the work is done.

        Raises
        ------
        InputError : where results of another recipe are there, or nothing can be written.
        """
        to_do, refused = self._sorted([source.resolve() for source in sources])
        yield Begun(len(sources) - len(to_do) - len(refused))
        yield from refused
        if to_do:
            self.record.add(*(dataclasses.replace(row, status="begun") for row in to_do))
        pieces = [Piece(row.name, reconstruct_one, (row, str(self.folder), self.values)) for row in to_do]
        asked = {row.name: row for row in to_do}
        events = executor.run(pieces) if pieces else iter(())
        try:
            for event in events:
                if isinstance(event, Ended):
                    yield self._ended(event, asked[event.key])
                else:
                    yield event
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()
            self.write()

    def write(self) -> None:
        """Table and page as they are now."""
        started = time.monotonic()
        rows = list(self.rows.values())
        write_csv(self.folder, rows)
        write_parquet(self.folder, rows)
        write_page(self.folder, rows, self._about)
        self._page_at = time.monotonic()
        self._page_took = self._page_at - started

    def _sorted(self, sources: list[Path]) -> tuple[list[Row], list[Row]]:
        """Rows of what is to do, and of what must not be replaced; the others have their result."""
        names = named(sources, self.record.names())
        to_do, refused = [], []
        for source in sources:
            old = self.record.rows.get(source)
            row = Row(names[source], str(source), "failed", recipe=self._state, state=state_of(source))
            if problem := self._refusal(row, old):
                self.rows[source] = dataclasses.replace(old or row, status="failed", problem=problem)
                refused.append(self.rows[source])
            elif old is not None and self._is_there(row, old) and not self._overwrite:
                self.rows[source] = old
            else:
                to_do.append(row)
        return to_do, refused

    def _is_there(self, row: Row, old: Row) -> bool:
        same = (old.state, old.recipe) == (row.state, row.recipe)
        return old.status == "done" and same and self._target(row).exists()

    def _refusal(self, row: Row, old: Row | None) -> str:
        """Why a result must stay as it is; empty where it need not."""
        target = self._target(row)
        if self._overwrite or not target.exists() or (old is not None and self._is_there(row, old)):
            return ""
        if old is not None and (old.status, old.recipe) == ("begun", row.recipe):
            return ""
        if old is None or old.status != "done":
            return f"output {target} exists and would be replaced; add --overwrite, or choose another folder"
        if old.recipe != row.recipe:
            raise InputError(
                f"output {self.folder} holds results of another recipe, such as {target.name}; add --overwrite, or "
                "choose another folder"
            )
        return f"{row.source} has changed since {target.name} was made of it; add --overwrite to make it anew"

    def _target(self, row: Row) -> Path:
        return self.folder / f"{row.name}.nfield"

    def _ended(self, event: Ended, asked: Row) -> Row:
        row = event.outcome if isinstance(event.outcome, Row) else dataclasses.replace(asked, problem=event.error)
        self.rows[Path(row.source)] = row
        self.record.add(row)
        if time.monotonic() - self._page_at > CALM * self._page_took:
            self.write()
        else:
            write_csv(self.folder, list(self.rows.values()))
        return row

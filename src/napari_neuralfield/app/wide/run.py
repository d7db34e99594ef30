"""A planned run: tiles made wherever the executor says, put together, and kept so that the same command goes on.

Tiles lie in OUT.nfield.unfinished, with the plan, until all are there; then that folder becomes OUT.nfield.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from ...checks.seen.frames import named
from ...checks.seen.parted import parted_of
from ...data.acquisition import LedArray
from ...data.selection import Selected
from ...io.native.atomic import writing
from ...io.native.outputs import PLAN, real
from ...io.native.staging import aside, remove, staged, tidy
from ...io.results import overview_files
from ...io.results.tiled_folder import UNFINISHED, tile_file, write_index
from ...types import Done, Event, InputError, Note, Options, Preview, Progress, Result, Verdict
from . import surroundings
from .agreement import agreement
from .mosaic import header_of, looked_at, mosaic, overlaps, placed_tiles, reconciled
from .pieces import Ended, Executor, Heard, InProcess, Piece
from .plan import PlannedTile, WidePlan
from .shared import NAME as MICROSCOPE
from .shared import SharedByTiles, decides, keep_microscope
from .slow import with_slow_phase
from .telling import Notes, Together, verdict_of
from .tile import ALONE, TileMade, chosen_frames, job_of, make_tile

if TYPE_CHECKING:
    from ...fields.tiled import PlacedTile, TiledField
    from .differences import Difference

PREVIEW_S = 2.0  # between two pictures of the tiles that are done
MANY = 32  # tiles, from which on it is worth while to begin processes for their overlaps
ERROR = "relative_amplitude_error"


def unfinished_of(output: Path) -> Path:
    """Where the tiles of a run that writes `output` lie until it is whole."""
    place = real(output)
    return place.with_name(f"{place.name}{UNFINISHED}")


def run_plan(plan: WidePlan, output: Path, where: Executor) -> Generator[Event, None, Result]:
    """Make the tiles that are not there yet, then the field of all; events as of any run, `Done` the last.

    Parameters
    ----------
    plan : of the run.
    output : the folder to make, `*.nfield`; what is there under this name is replaced once all is whole.
    where : tiles are made.

    Raises
    ------
    InputError : where the tiles that are there are of another plan, no tile can be made, or the disk is full.
    """
    folder = unfinished_of(output)
    begin(plan, folder)
    done = {t.name: header for t in plan.tiles if (header := header_of(tile_file(folder, t.name))) is not None}
    state = _Tiled(plan, folder, Together(len(plan.tiles), len(done)))
    if done:
        yield Note(f"{len(done)} of {len(plan.tiles)} tiles are done already, in {folder.name}")
    yield from state.look_at_all(chosen_frames(plan))
    waiting = [tile for tile in plan.tiles if tile.name not in done]
    with where.kept() as kept:
        if decides(plan):
            yield from state.followed(kept, [tile for tile in waiting if tile == plan.middle_tile])
            yield from state.take_from_the_middle(chosen_frames(plan))
            waiting = [tile for tile in waiting if tile != plan.middle_tile]
        yield from state.followed(kept, waiting)
        joined = kept if len(plan.tiles) >= MANY else InProcess()
        result = yield from state.together(joined)
        seen = yield from state.overview(cast("TiledField", result.field), joined)
    write_index(folder, result, seen)
    for own in (surroundings.NAME, MICROSCOPE):
        (folder / own).unlink(missing_ok=True)
    into_place(folder, output)
    from ...io import load_result

    finished = load_result(output)
    yield Done(finished)
    return finished


def begin(plan: WidePlan, folder: Path) -> None:
    """Make the `folder` of a `plan`'s tiles, or go on with it.

    Raises
    ------
    InputError : where it holds tiles of another plan.
    """
    tiles = tile_file(folder, "x").parent
    try:
        tiles.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be made ({error.strerror}); choose another place") from None
    for tile in plan.tiles:
        tidy(tile_file(folder, tile.name))
    file = folder / PLAN
    if file.exists():
        _compare(plan, _read(file), folder)
        return
    with writing(file) as temporary:
        temporary.write_text(json.dumps({**plan.to_dict(), "decides": plan.decides}, indent=1), encoding="utf-8")


def _read(file: Path) -> Options:
    try:
        found: Options = json.loads(file.read_text(encoding="utf-8"))["decides"]
        return found
    except (OSError, ValueError, LookupError, TypeError):
        raise InputError(f"{file}: the plan cannot be read; remove the folder {file.parent} to begin anew") from None


def _compare(plan: WidePlan, before: Options, folder: Path) -> None:
    for name, value in plan.decides.items():
        if before.get(name) != value:
            there, here = (_short(v) for v in (before.get(name), value))
            what = "the file has changed since" if name == "content" else f"{name} was {there} and is {here} now"
            raise InputError(
                f"{folder}: the tiles in it are of another plan: {what}; repeat the command as it was, or remove that "
                "folder to begin anew"
            )


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def into_place(folder: Path, output: Path) -> None:
    """The finished `folder` becomes `output`; an older one makes room first, and comes back if this is cut short."""
    target = real(output)
    try:
        if target.exists():
            with staged(target) as room:
                aside(room).mkdir()
                target.rename(aside(room) / "0")
                folder.rename(target)
        else:
            folder.rename(target)
    except OSError as error:
        raise InputError(
            f"{output}: the finished field {folder} cannot be renamed ({error.strerror}); rename it"
        ) from error


@dataclasses.dataclass
class _Tiled:
    plan: WidePlan
    folder: Path
    progress: Together
    notes: Notes = dataclasses.field(default_factory=Notes)
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)
    shown: float = 0.0
    known: SharedByTiles = ALONE

    def look_at_all(self, chosen: Selected) -> Iterator[Event]:
        """What tiles should know of the whole field, from the frames that were `chosen`."""
        whole = chosen.acquisition
        apart = np.zeros(0, int)
        if isinstance(whole, LedArray) and len(self.plan.tiles) > 1 and not self.plan.options.get("as_given"):
            apart = parted_of(whole)
        if len(apart):
            one = len(apart) == 1
            yield Note(
                f"{named(apart, 'frame')} {'is' if one else 'are'} bright in one part of the field and dark in "
                f"another; tiles where {'it is' if one else 'they are'} not what the direction says do without",
                "warning",
            )
        around = yield from surroundings.look_around(self.plan, whole, self.folder, apart=apart)
        self.known = SharedByTiles(None if around is None else str(around), tuple(int(n) for n in apart))

    def take_from_the_middle(self, chosen: Selected) -> Iterator[Event]:
        """Give the other tiles the pupil and the gains of the middle one, cut from the frames that were `chosen`."""
        file = keep_microscope(self.plan, chosen, self.folder)
        if file is None:
            yield Note("the tile in the middle is left out, so each finds pupil and gains for itself", "warning")
            return
        self.known = dataclasses.replace(self.known, microscope=str(file))

    def followed(self, where: Executor, tiles: list[PlannedTile]) -> Iterator[Event]:
        """The events of the tiles that are still to be made."""
        news = where.run([self._piece(tile) for tile in tiles]) if tiles else iter(())
        try:
            for one in news:
                if isinstance(one, Heard):
                    yield from self._heard(one)
                else:
                    yield from self._ended(one)
        finally:
            close = getattr(news, "close", None)
            if close is not None:
                close()

    def _piece(self, tile: PlannedTile) -> Piece:
        job = job_of(self.plan, tile, tile_file(self.folder, tile.name), self.known)
        return Piece(tile.name, make_tile, (job,))

    def _heard(self, one: Heard) -> Iterator[Event]:
        if isinstance(one.what, Progress):
            self.progress.heard(one.key, one.what)
            yield self.progress.event
        elif isinstance(one.what, Note) and (note := self.notes.heard(one.key, one.what)) is not None:
            yield note

    def _ended(self, one: Ended) -> Iterator[Event]:
        figures = one.outcome.figures if isinstance(one.outcome, TileMade) else {}
        self.progress.ended(one.key, figures.get(ERROR, float("nan")))
        if one.error:
            self.left_out[one.key] = one.error
            yield Note(f"tile {one.key} is left out, after {one.tries} tries: {one.error}", "warning")
        yield self.progress.event
        if time.monotonic() - self.shown > PREVIEW_S and len(self.left_out) < self.progress.done:
            field = mosaic(self.plan, self.folder, placed_tiles(self.plan, self.folder, self.left_out))
            yield Preview(field, float(np.mean(field.extent.z_um)))
            self.shown = time.monotonic()

    def together(self, where: Executor) -> Generator[Event, None, Result]:
        """All tiles as one result, their overlaps looked at `where` they were made."""
        tiles = placed_tiles(self.plan, self.folder, self.left_out)
        if not any(tile.open for tile in tiles):
            why = next(iter(self.left_out.values()), "none was made")
            raise InputError(f"{self.plan.file}: none of {len(self.plan.tiles)} tiles could be made: {why}")
        headers = {tile.name: header_of(tile_file(self.folder, tile.name)) or {} for tile in tiles if tile.open}
        apart: tuple[dict[str, float], str] = {}, ""
        if len(headers) > 1:
            yield Note(f"{len(headers)} tiles are made one by their overlaps")
            around = None if self.known.around is None else Path(self.known.around)
            if around is not None:
                tiles = [t if t.open is None else with_slow_phase(self.plan, t, around) for t in tiles]
            pieces = [Piece(f"overlaps {n}", looked_at, (some,)) for n, some in enumerate(overlaps(self.plan, tiles))]
            found = yield from self._all_of(pieces, where)
            differences = [one for some in found for one in cast("list[Difference]", some)]
            told = around is not None and all(tile.correction.slow_rad for tile in tiles if tile.open)
            tiles = reconciled(tiles, differences, gains_alone=told)
            apart = agreement(tiles, differences, self.plan.tile_px * self.plan.pixel_um)
        verdicts = {name: Verdict(**h["verdict"]) for name, h in headers.items() if h.get("verdict")}
        tiles = [dataclasses.replace(tile, verdict=verdicts.get(tile.name)) for tile in tiles]
        return self._result(tiles, list(headers.values()), verdict_of(verdicts, len(self.left_out), apart))

    def overview(self, field: TiledField, where: Executor) -> Generator[Event, None, Options | None]:
        """Make the overview of the `field`; what the index says of it.

        Raises
        ------
        InputError : where it does not fit on the disk.
        """
        try:
            bands = overview_files.begin(self.folder, field)
        except OSError as error:
            raise InputError(
                f"{self.folder}: the overview cannot be written ({error.strerror}); make room, and the same command "
                "goes on"
            ) from error
        if not bands:
            return None
        pieces = [Piece(f"overview {n}", overview_files.make_band, (band,)) for n, band in enumerate(bands)]
        yield from self._all_of(pieces, where)
        return overview_files.described(self.folder, field.extent, bands[0].depths_um, bands[0].levels)

    def _all_of(self, pieces: Sequence[Piece], where: Executor) -> Generator[Event, None, list[object]]:
        """The outcomes of all `pieces`, in their order.

        Raises
        ------
        InputError : where one failed.
        """
        found: dict[str, object] = {}
        for one in where.run(pieces):
            if isinstance(one, Ended):
                if one.error:
                    raise InputError(f"{one.key}: {one.error}; the same command goes on from the tiles that are done")
                found[one.key] = one.outcome
                yield self.progress.event
        return [found[piece.key] for piece in pieces]

    def _result(self, tiles: list[PlacedTile], headers: list[Options], verdict: Verdict | None) -> Result:
        errors = [h["figures"][ERROR] for h in headers if ERROR in h["figures"]]
        figures = {ERROR: float(np.sqrt(np.mean(np.square(errors))))} if errors else {}
        lost = [f"tile {name} is left out: {why}" for name, why in self.left_out.items()]
        optics = {n: v for n, v in headers[0]["optics"].items() if all(h["optics"].get(n) == v for h in headers)}
        plan = {"tile_px": self.plan.tile_px, "overlap_px": self.plan.overlap_px, "plan": self.plan.digest}
        return Result(
            mosaic(self.plan, self.folder, tiles),
            recipe={**self.plan.options, **plan},
            optics={**optics, "frame_shape": list(self.plan.shape_px)},
            figures=figures,
            title=str(headers[0]["title"]),
            notes=(*self.notes.kept, *lost),
            verdict=verdict,
        )


def forget(output: Path) -> None:
    """Remove what an unfinished run of `output` left."""
    with contextlib.suppress(OSError):
        remove(unfinished_of(output))

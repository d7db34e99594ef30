"""Fields of a stage scan as one tiled field: neighbours registered, places solved for, phases brought together."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ...fields.kept.open_fields import OpenFields
from ...fields.tiled import PlacedTile, TiledField
from ...io import read_header
from ...io.results.tiled_folder import NAME, open_tile
from ...types import Extent, Field, InputError, Note, Options, Progress, Result, Verdict
from ..batch.inputs import fitting
from ..batch.names import named
from ..wide.differences import Difference, difference
from ..wide.reconcile import corrections
from ..wide.telling import verdict_of
from .axes import turned, way_of_axes
from .layout import Layout, layout
from .neighbours import LEAST_PX, Overlap, asked, overlap_of, shared, shows_the_same, values_at
from .positions import stage_positions

REACH = 0.1  # of a field's shorter side: how far a stage may be off from one field to the next
DEPTHS = (0.25, 0.5, 0.75)  # of the range, where phases are compared
KEPT_OPEN = 16  # fields at a time


@dataclasses.dataclass(frozen=True)
class _Piece:
    """A field to be put in its place."""

    name: str
    file: Path
    header: Options

    @property
    def extent(self) -> Extent:
        return Extent.from_dict(self.header["extent"])


def fields_in(asked: Sequence[str]) -> list[Path]:
    """Every field that is meant, in the order in which it was named.

    Parameters
    ----------
    asked : fields, folders of fields and patterns, as typed.

    Raises
    ------
    InputError : for a name or pattern that nothing fits, and a folder without fields.
    """
    found: list[Path] = []
    for text in asked:
        for path in fitting(text):
            inside = sorted(path.glob("*.nfield")) if path.is_dir() and path.suffix != ".nfield" else [path]
            if not inside:
                raise InputError(f"input {path}: no field, .nfield, is in this folder; name the fields themselves")
            found += inside
    return found


def stitch(files: Sequence[Path], table: Path | None = None) -> Generator[Progress | Note, None, Result]:
    """One field of many, each of which shows some of what its neighbours show; says how far the stage was off.

    Parameters
    ----------
    files : fields, `*.nfield`, of one pixel.
    table : of stage positions; None: as the fields lie.

    Raises
    ------
    InputError : for fields that do not go together, and where nothing says where they lie.
    """
    pieces = _pieces(files)
    nominal = stage_positions(table, files, [piece.extent for piece in pieces])
    kept = OpenFields(most=KEPT_OPEN)
    way = _way(pieces, nominal, kept)
    if way:
        nominal = turned(nominal, way)
        yield Note(f"the stage's axes run otherwise than the camera's, and are taken so: {way}", "warning")
    found = yield from _registered(pieces, nominal, kept)
    place = layout(nominal, found, pieces[0].extent.pixel_um)
    found, place = yield from _looked_again(pieces, place, found, kept)
    yield from _told(pieces, place, found)
    tiles = _placed(pieces, place, found)
    yield Note(f"the phases of {len(tiles)} fields are made one by their overlaps")
    planes = list(_differences(pieces, place, found, kept))
    centres = np.array([[(t.core_um[d] + t.core_um[d + 2]) / 2 for d in (0, 1)] for t in tiles])
    changes = corrections(planes, centres)
    return _result(pieces, [dataclasses.replace(t, correction=c) for t, c in zip(tiles, changes, strict=True)], place)


def _pieces(files: Sequence[Path]) -> list[_Piece]:
    """What the fields say, none of them opened yet."""
    if len(files) < 2:
        raise InputError(f"stitch: {len(files)} field is named; name two or more, or a folder of them")
    names = named([file.resolve() for file in files], {})
    if len(names) < len(files):
        raise InputError("stitch: a field is named twice; name each once")
    pieces = [_Piece(names[file.resolve()].replace("+", "-"), file, _header(file)) for file in files]
    first = pieces[0]
    for piece in pieces:
        if not np.isclose(piece.extent.pixel_um, first.extent.pixel_um, rtol=1e-3):
            raise InputError(
                f"{piece.file}: its pixel is {piece.extent.pixel_um:g} um and that of {first.file.name} is "
                f"{first.extent.pixel_um:g} um; fields of one slide need one pixel, so reconstruct them alike"
            )
        if piece.header["values"] != first.header["values"]:
            raise InputError(
                f"{piece.file}: its values are {piece.header['values']} and those of {first.file.name} are "
                f"{first.header['values']}; reconstruct them with one method"
            )
        if not NAME.fullmatch(piece.name):
            raise InputError(
                f"{piece.file}: a field of a slide is called by letters, digits, points, _ and -; rename it"
            )
    return pieces


def _header(file: Path) -> Options:
    if file.is_dir():
        raise InputError(f"{file}: this field is made of tiles already; name fields that are single files")
    return {name: value for name, value in read_header(file).items() if name != "preview"}


def _field(kept: OpenFields, piece: _Piece) -> Field:
    field = kept.get(piece.name, partial(open_tile, piece.file))
    kept.used(piece.name)
    return field


def _way(pieces: Sequence[_Piece], nominal: np.ndarray, kept: OpenFields) -> str:
    """How the stage's axes run, by a few pairs."""
    pixel = pieces[0].extent.pixel_um

    def alike(places: np.ndarray, pair: tuple[int, int]) -> bool:
        fields = _field(kept, pieces[pair[0]]), _field(kept, pieces[pair[1]])
        reach = round(REACH * min(pieces[pair[0]].extent.shape))
        return shows_the_same(overlap_of(pair, fields, places[pair[1]] - places[pair[0]], pixel, reach), True)

    return way_of_axes(nominal, lambda places: _pairs(pieces, places, [0.0] * len(pieces)), alike)


def _registered(
    pieces: Sequence[_Piece], nominal: np.ndarray, kept: OpenFields
) -> Generator[Progress, None, list[Overlap]]:
    """All pairs that may show the same, by the stage's places."""
    pixel = pieces[0].extent.pixel_um
    reach = [round(REACH * min(piece.extent.shape)) for piece in pieces]
    pairs = _pairs(pieces, nominal, [n * pixel for n in reach])
    found = []
    for done, (i, j) in enumerate(pairs):
        yield Progress(done, len(pairs), float("nan"), "neighbours")
        fields = _field(kept, pieces[i]), _field(kept, pieces[j])
        one = overlap_of((i, j), fields, nominal[j] - nominal[i], pixel, max(reach[i], reach[j]))
        if one is not None and shows_the_same(one, True):
            found.append(one)
    return found


def _pairs(pieces: Sequence[_Piece], places: np.ndarray, reach_um: Sequence[float]) -> list[tuple[int, int]]:
    sizes = np.array([piece.extent.size_um for piece in pieces])
    least = LEAST_PX * pieces[0].extent.pixel_um
    found = []
    for i in range(len(pieces)):
        low = np.maximum(places[i], places[i + 1 :])
        high = np.minimum(places[i] + sizes[i], places[i + 1 :] + sizes[i + 1 :])
        near = (high - low + reach_um[i] / 2 >= least).all(1)
        found += [(i, i + 1 + int(j)) for j in np.flatnonzero(near)]
    return found


def _looked_again(
    pieces: Sequence[_Piece], place: Layout, found: list[Overlap], kept: OpenFields
) -> Generator[Progress, None, tuple[list[Overlap], Layout]]:
    """Pairs that said nothing, or what others contradict, are looked at once more from where they must lie by now."""
    pixel = pieces[0].extent.pixel_um
    sure = {(o.first, o.second): o for o, wrong in zip(found, place.wrong, strict=True) if not wrong}
    left = [pair for pair in _pairs(pieces, place.places_um, [0.0] * len(pieces)) if pair not in sure]
    for done, (i, j) in enumerate(left):
        yield Progress(done, len(left), float("nan"), "neighbours again")
        fields = _field(kept, pieces[i]), _field(kept, pieces[j])
        step = place.places_um[j] - place.places_um[i]
        one = overlap_of((i, j), fields, step, pixel, 0)
        if one is not None and shows_the_same(one, False):
            sure[i, j] = one
    nominal = place.places_um - place.errors_um
    again = layout(nominal, list(sure.values()), pixel)
    turn, scale = place.turn_rad + again.turn_rad, place.scale * again.scale
    return list(sure.values()), dataclasses.replace(again, turn_rad=turn, scale=scale)


def _told(pieces: Sequence[_Piece], place: Layout, found: Sequence[Overlap]) -> Iterator[Note]:
    joined = {n for o in found for n in (o.first, o.second)}
    alone = [piece.name for n, piece in enumerate(pieces) if n not in joined]
    if alone:
        yield Note(
            f"{len(alone)} of {len(pieces)} fields show nothing that others show, such as {alone[0]}; they lie where "
            "the stage says",
            "warning",
        )
    if place.wrong.any():
        yield Note(
            f"{int(place.wrong.sum())} of {len(found)} overlaps contradict the others and count little", "warning"
        )
    pixel = pieces[0].extent.pixel_um
    off = np.linalg.norm(place.errors_um, axis=1)
    yield Note(
        f"{len(pieces)} fields, {len(found)} overlaps: the stage is off by {np.sqrt((off**2).mean()):.2f} um rms "
        f"({np.sqrt((off**2).mean()) / pixel:.1f} pixels), {off.max():.2f} um at most"
    )
    if len(found) > 2:
        yield Note(
            f"the stage's steps are turned by {np.degrees(place.turn_rad):.2f} deg, from y towards x, and "
            f"{place.scale:.4f} times as long as it says"
        )


def _placed(pieces: Sequence[_Piece], place: Layout, found: Sequence[Overlap]) -> list[PlacedTile]:
    """Every field at its place; what it shares with a neighbour is halved between them."""
    tiles = []
    for n, piece in enumerate(pieces):
        low = place.places_um[n]
        size = np.array(piece.extent.size_um)
        margins = np.zeros((2, 2))  # (low, high), (y, x)
        for o in found:
            if n not in (o.first, o.second):
                continue
            other = o.second if n == o.first else o.first
            step = place.places_um[other] - low
            axis = int(np.argmax(np.abs(step) / size))
            theirs = np.array(pieces[other].extent.size_um)[axis]
            depth = size[axis] - step[axis] if step[axis] > 0 else step[axis] + theirs
            end = int(step[axis] > 0)
            half = min(max(depth, 0.0), size[axis]) / 2
            margins[end, axis] = min(margins[end, axis], half) if margins[end, axis] else half
        core = (*(low + margins[0]), *(low + size - margins[1]))
        extent = dataclasses.replace(piece.extent, origin_um=(float(low[0]), float(low[1])))
        verdict = Verdict(**piece.header["verdict"]) if piece.header.get("verdict") else None
        way = partial(open_tile, piece.file)
        y0, x0, y1, x1 = (float(v) for v in core)
        tiles.append(PlacedTile(piece.name, extent, (y0, x0, y1, x1), way, verdict=verdict))
    return tiles


def _differences(
    pieces: Sequence[_Piece], place: Layout, found: Sequence[Overlap], kept: OpenFields
) -> Iterator[Difference]:
    pixel = pieces[0].extent.pixel_um
    for o, wrong in zip(found, place.wrong, strict=True):
        low, step = place.places_um[o.first], place.places_um[o.second] - place.places_um[o.first]
        fields = _field(kept, pieces[o.first]), _field(kept, pieces[o.second])
        axes = None if wrong else asked(fields[0], shared(fields, step)[0], pixel)
        if axes is None:
            continue
        y, x = axes
        values = values_at(fields[0], y, x, DEPTHS), values_at(fields[1], y - step[0], x - step[1], DEPTHS)
        plane = difference((o.first, o.second), values, low[0] + y, low[1] + x)
        if plane is not None:
            yield plane


def _result(pieces: Sequence[_Piece], tiles: Sequence[PlacedTile], place: Layout) -> Result:
    pixel = pieces[0].extent.pixel_um
    low = np.min([tile.extent.origin_um for tile in tiles], axis=0)
    high = np.max([np.add(tile.extent.origin_um, tile.extent.size_um) for tile in tiles], axis=0)
    ranges = np.array([tile.extent.z_um for tile in tiles])
    flat = bool((ranges[:, 0] == ranges[:, 1]).all())
    z_um = (float(np.median(ranges)),) * 2 if flat else (float(ranges[:, 0].min()), float(ranges[:, 1].max()))
    rows, columns = (int(np.ceil(n / pixel - 1e-6)) for n in high - low)
    headers = [piece.header for piece in pieces]
    field = TiledField(
        extent=Extent(z_um, (rows, columns), pixel, (float(low[0]), float(low[1]))),
        tiles=tiles,
        complex_valued=headers[0]["values"] == "complex",
    )
    off = float(np.sqrt((place.errors_um**2).sum(1).mean()))
    verdicts = {tile.name: tile.verdict for tile in tiles if tile.verdict is not None}
    return Result(
        field,
        recipe=_common([header["recipe"] for header in headers]),
        optics=_common([header["optics"] for header in headers]),
        title=f"{len(tiles)} fields",
        figures={"stage_error_um": off, "stage_turn_rad": place.turn_rad, "stage_scale": place.scale},
        verdict=verdict_of(verdicts, 0),
    )


def _common(values: Sequence[Options]) -> Options:
    return {name: value for name, value in values[0].items() if all(v.get(name) == value for v in values)}

"""What a wide field is cut into, before anything is computed: frozen, printable, JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ... import __version__, memory
from ...data.acquisition import Acquisition, LedArray
from ...data.selection import LEAST, pixel_of, select
from ...data.tiles import Tile, even_tiles
from ...optics.pupil_field import PupilField
from ...types import InputError, Options
from .cost import Cost, cost_of_look, guessed

SAME_ANSWER = ("cost", "look", "device")  # they do not change what comes out
FADE = 4  # pixels of the frames along a tile's border that are made to repeat
CHOSEN = ("channel", "frames", "leave_out", "region_um", "optical_axis_um")
Box = tuple[int, int, int, int]  # y0, x0, y1, x1, pixels, half open


@dataclasses.dataclass(frozen=True)
class PlannedTile:
    """One tile.

    Parameters
    ----------
    name : by its row and column.
    box_px : the pixels it is reconstructed from; neighbours share some.
    core_px : the pixels it answers for alone, but for what it passes over to its neighbours.
    seed : of its random choices, which hangs on its place alone.
    middle_um : (y, x) of the tile's middle.
    directions_na : (y, x) mean change of the LED directions from those of the middle of the frame.
    pupil_rad : Zernike coefficients of its pupil by Noll index, where the file tells them.
    """

    name: str
    box_px: Box
    core_px: Box
    seed: int
    middle_um: tuple[float, float]
    directions_na: tuple[float, float] = (0.0, 0.0)
    pupil_rad: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class WidePlan:
    """Everything that decides what a tiled run computes, and what it will cost.

    Parameters
    ----------
    file : of the frames, absolute.
    content : size and time of the file, and what its frames are.
    chosen : channel, frames, leave_out, region_um, optical_axis_um as typed.
    options : of the method, its name among them.
    tile_px, overlap_px : side of a tile, and what neighbours share at least, frame pixels.
    shape_px, pixel_um, origin_um : of the frames that are cut: (y, x), um, and (y, x) of their first pixel, um.
    tiles : row by row.
    cost : of a tile.
    look : cost of a coarse look at the whole field before the tiles; None where there is none.
    device : where it is computed.
    version : of the package.
    """

    file: str
    content: Options
    chosen: Options
    options: Options
    tile_px: int
    overlap_px: int
    shape_px: tuple[int, int]
    pixel_um: float
    origin_um: tuple[float, float]
    tiles: tuple[PlannedTile, ...]
    cost: Cost
    look: Cost | None = None
    device: str = "auto"
    version: str = __version__

    def to_dict(self) -> Options:
        """JSON-ready."""
        found: Options = json.loads(json.dumps(dataclasses.asdict(self)))
        return found

    @property
    def decides(self) -> Options:
        """What decides the answer, JSON-ready, by the names that a user knows."""
        own = {n: v for n, v in self.to_dict().items() if n not in SAME_ANSWER}
        told = {f"option {n}": v for n, v in own.pop("options").items() if n != "device"}
        return {**own, **{f"option {n}": v for n, v in own.pop("chosen").items()}, **told}

    @property
    def middle_tile(self) -> PlannedTile:
        """The tile that lies nearest the middle of the frames."""
        ends = np.array([tile.box_px for tile in self.tiles])
        away = (ends[:, :2] + ends[:, 2:]) / 2 - np.array(self.shape_px) / 2
        return self.tiles[int(np.hypot(*away.T).argmin())]

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of what decides the answer."""
        return hashlib.sha256(json.dumps(self.decides, sort_keys=True).encode()).hexdigest()[:16]


def content_of(file: Path, acquisition: Acquisition) -> Options:
    """What tells a file from another of its name: bytes, time of writing, kind and shape of the frames.

    Parameters
    ----------
    file : or folder; of a folder the files in it count, not those further down.
    acquisition : whole, as it was read.
    """
    size, written = bytes_and_time(file)
    return {
        "bytes": size,
        "written_ns": written,
        "kind": acquisition.kind,
        "frames": [int(n) for n in acquisition.frames.shape],
    }


def bytes_and_time(file: Path) -> tuple[int, int]:
    """Size of a file, or of the files in a folder, and when it was written, ns."""
    parts = [one.stat() for one in (file.iterdir() if file.is_dir() else [file])]
    return sum(one.st_size for one in parts), max((one.st_mtime_ns for one in parts), default=0)


def usual_overlap(tile_px: int) -> int:
    """Pixels that neighbours share where nobody says more, of tiles of `tile_px`: what a look at the whole needs."""
    return min(max(tile_px // 8, 4 * FADE), tile_px // 2)


@dataclasses.dataclass(frozen=True)
class Tiling:
    """How large tiles are, as typed.

    Parameters
    ----------
    tile_px : side of a tile, frame pixels.
    overlap_px : what neighbours share at least.
    """

    tile_px: int
    overlap_px: int

    def check(self) -> None:
        """Raise an InputError unless tiles of this size can be cut."""
        if self.tile_px < LEAST or self.tile_px % 2:
            raise InputError(
                f"option --tile-px is {self.tile_px}; it must be an even number of pixels, {LEAST} or more, such as 256"
            )
        if not 0 < self.overlap_px <= self.tile_px // 2:
            raise InputError(
                f"option --overlap-px is {self.overlap_px}; it must be from 1 to half of --tile-px {self.tile_px}, "
                f"such as {usual_overlap(self.tile_px)}"
            )


def planned(
    file: Path, whole: Acquisition, part: tuple[Acquisition, tuple[float, float]], options: Options, *,
    chosen: Mapping[str, str | None], tiling: Tiling,
) -> WidePlan:  # fmt: skip
    """The plan of a tiled run, its cost by a rule.

    Parameters
    ----------
    file : of the frames.
    whole : as it was read from it.
    part : the frames and the region that were chosen, and where its first pixel lies, (y, x), um.
    options : of the method, JSON-ready and complete.
    chosen : by `CHOSEN`, as typed.
    tiling : size of the tiles.

    Raises
    ------
    InputError : where tiles cannot be cut.
    """
    tiling.check()
    acquisition, origin_um = part
    if acquisition.kind == "ptychography":
        raise InputError(
            f"option --tile-px is {tiling.tile_px}, but {file} is of kind ptychography; diffraction patterns cannot be "
            "cut into tiles, so choose parts of the object with --region-um"
        )
    if acquisition.channel is not None:
        raise InputError(
            f"option --tile-px is {tiling.tile_px}, but {file} has frames of several colours; take them one by one, "
            "such as --channel 0"
        )
    pixel, seed = pixel_of(acquisition), int(options.get("seed", 0))
    cut = even_tiles(acquisition.frame_shape, tiling.tile_px, tiling.overlap_px)
    first = cut[0][0]
    select(acquisition, region_um=_corners_um(first, pixel))  # what cannot be cut says so now
    alone = len(cut) * len(cut[0]) == 1
    tiles = tuple(
        _tile(acquisition, tile, f"r{row:03d}c{column:03d}", seed if alone else _seed(seed, tile))
        for row, line in enumerate(cut)
        for column, tile in enumerate(line)
    )
    plan = WidePlan(
        file=str(file.absolute()),
        content=content_of(file, whole),
        chosen={name: chosen.get(name) for name in CHOSEN},
        options=options,
        tile_px=tiling.tile_px,
        overlap_px=tiling.overlap_px,
        shape_px=acquisition.frame_shape,
        pixel_um=pixel,
        origin_um=origin_um,
        tiles=tiles,
        cost=guessed(acquisition, tiling.tile_px, options),
        device=str(options.get("device", "auto")),
    )
    if isinstance(acquisition, LedArray) and helps(plan):
        return dataclasses.replace(plan, look=cost_of_look(acquisition))
    return plan


def helps(plan: WidePlan) -> bool:
    """Whether tiles of a `plan` are better with a look at the whole field."""
    return plan.content["kind"] == "led_array" and len(plan.tiles) > 1 and not why_alone(plan)


def why_alone(plan: WidePlan) -> str:
    """What is against a look at the whole field of a `plan` of single LEDs; empty where nothing is."""
    if plan.content["kind"] != "led_array" or len(plan.tiles) == 1:
        return ""
    z_um = plan.options.get("z_um")
    depths = z_um if isinstance(z_um, list | tuple) else [z_um]
    if not all(isinstance(z, int | float) for z in depths) or len(set(depths)) != 1:
        return "that is for one depth, told as z_um"
    if plan.overlap_px < 4 * FADE:  # a quarter of an overlap, at either end, is thrown away
        return f"that needs overlaps of {4 * FADE} pixels"
    return ""


def _corners_um(tile: Tile, pixel_um: float) -> tuple[float, float, float, float]:
    y, x = tile.padded
    return y.start * pixel_um, x.start * pixel_um, y.stop * pixel_um, x.stop * pixel_um


def _seed(seed: int, tile: Tile) -> int:
    """Of a tile at this place: in whatever order tiles come, it is the same."""
    y, x = tile.padded
    return int(np.random.SeedSequence([seed, y.start, x.start]).generate_state(1)[0] >> 1)


def _tile(acquisition: Acquisition, tile: Tile, name: str, seed: int) -> PlannedTile:
    pixel, (y, x) = pixel_of(acquisition), tile.padded
    middle = tuple(((part.start + part.stop - 1) / 2) * pixel for part in (y, x))
    optics = _optics(acquisition, tile, np.array(middle)) if isinstance(acquisition, LedArray) else {}
    return PlannedTile(name, _box(tile.padded), _box(tile.core), seed, middle, **optics)


def _box(part: tuple[slice, slice]) -> Box:
    y, x = part
    return y.start, x.start, y.stop, x.stop


def _optics(acquisition: LedArray, tile: Tile, middle_um: np.ndarray) -> Options:
    """What of the microscope is another at this tile."""
    from ...data.wide_field import cut_out

    changed = cut_out(acquisition.values(), tile.padded, acquisition.frame_shape)
    found: Options = {}
    if "illumination_na" in changed:
        change = np.asarray(changed["illumination_na"]) - acquisition.illumination_na
        found["directions_na"] = tuple(float(v) for v in change.mean(0).round(6))
    if acquisition.pupil_field is not None:
        field = PupilField.of_table(np.asarray(acquisition.pupil_field))
        values = field.at(float(middle_um[0]), float(middle_um[1]))
        found["pupil_rad"] = {str(n): float(v) for n, v in zip(field.noll, values.round(4), strict=True)}
    return found


def as_text(plan: WidePlan, workers: int = 1) -> list[str]:
    """The plan in lines for a terminal.

    Parameters
    ----------
    plan : to say.
    workers : processes that share the work.
    """
    rows, columns = plan.shape_px
    count, frames = len(plan.tiles), plan.content["frames"][0]
    across = len({tile.box_px[0] for tile in plan.tiles}), len({tile.box_px[1] for tile in plan.tiles})
    moved = [float(np.hypot(*tile.directions_na)) for tile in plan.tiles]
    lines = [
        f"{Path(plan.file).name}: {frames} frames, {rows} x {columns} pixels of {plan.pixel_um:g} um",
        f"{count} tiles ({across[0]} x {across[1]}) of {plan.tile_px} pixels; they share {plan.overlap_px} or more",
    ]
    if max(moved) > 0:
        lines.append(f"LED directions change by up to {max(moved):.4f} NA from the middle of the frame")
    if plan.tiles[0].pupil_rad:
        every = np.array([list(tile.pupil_rad.values()) for tile in plan.tiles])
        lines.append(f"the pupil changes by up to {np.sqrt((every**2).sum(1)).max():.2f} rad rms")
    how = "measured with one tile" if plan.cost.measured else "by a rule of thumb; measured without --untimed"
    hours = plan.cost.seconds * count / max(workers, 1)
    if plan.look is not None:
        lines.append(
            f"before them a coarse look at the whole field takes about {_time(plan.look.seconds)} and "
            f"{memory.size(plan.look.peak_bytes)} of memory, by a rule of thumb"
        )
    return [
        *lines,
        f"a tile takes {plan.cost.seconds:.3g} s and {memory.size(plan.cost.peak_bytes)} of memory, {how}",
        f"all of them take {_time(hours)} with {workers} worker{'s' * (workers > 1)}",
        f"each tile becomes a file of about {memory.size(plan.cost.stored_bytes)} in OUT.nfield/tiles, "
        f"{memory.size(plan.cost.stored_bytes * count)} together",
    ]


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

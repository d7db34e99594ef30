"""A field as image files: whole planes where they are small, strip by strip where memory would not hold them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from ..data.colours import named_colour
from ..data.tiles import STRIP_PIXELS, strips_of
from ..fields.colour import ColourField
from ..types import Field, InputError, Result
from . import arguments, in_focus
from . import height_units as heights
from .lazy import evaluate, evaluate_channel, measure
from .made_strips import made_strips

if TYPE_CHECKING:
    from ..fields.time_series import TimeSeries

Piece = tuple[int | None, tuple[Field, float], slice]  # colour, field and depth, rows
WHOLE = 2**24  # pixels of a plane that is rendered at once
PICTURE_COLOURS = 3
SAMPLE = 512  # rows and columns, at most, from which a large PNG takes its black and white


def run(
    file: Path,
    output: Path,
    *,
    z_um: str | None,
    pixel_um: str | None,
    region_um: str | None,
    height: str | None,
    time: int | None = None,
    all_in_focus: bool = False,
    depth_map: Path | None = None,
    overwrite: bool = False,
) -> None:
    """`neuralfield render`: write what was typed, and say what is in it.

    Parameters
    ----------
    file, output : the field, and the images to write.
    z_um, pixel_um, region_um, height : as typed; None where nothing was.
    time : number of the time of a time-lapse; None: all.
    all_in_focus, depth_map : one plane in which everything is sharp, and the file for its depths, if any.
    overwrite : whether outputs may replace older ones.

    Raises
    ------
    InputError : for options that do not fit the field, and for whatever cannot be read or written.
    """
    from ..io import load_result
    from ..registry import WRITERS

    endings, inputs = tuple(WRITERS), [arguments.existing(file)]
    target = arguments.output(output, endings, overwrite=overwrite, inputs=inputs)
    if depth_map is not None:
        arguments.output(depth_map, endings, "--depth-map", overwrite=overwrite, inputs=inputs, outputs=[target])
    if depth_map is not None and not all_in_focus:
        raise InputError(f"option --depth-map is {depth_map}; it goes with --all-in-focus, so give that too")
    result = load_result(file)
    field, times = _at_time(result.field, time)
    factor = None if height is None else _um_per_rad(result, height, file)
    step = None if pixel_um is None else arguments.numbers("--pixel-um", pixel_um, count=1)[0]
    y, x = field.extent.axes(step, arguments.region(region_um, field.extent))
    pixel = step or field.extent.pixel_um
    what = "" if factor is None else " of height, um,"
    if all_in_focus:
        chosen = in_focus.depths_to_look_at(z_um, field.extent, result.optics, str(file))
        if times:
            raise InputError(f"{file} holds {len(times)} times; choose one with --time to see it all in focus")
        used = in_focus.write(target, field, chosen, y, x, pixel_um=pixel, um_per_rad=factor, depth_map=depth_map)
        print(used.sentence)
        what += _alone(field)
        print(
            f"1 x {len(y)} x {len(x)} (z, y, x){what} in {target}"
            + (f", depths, um, in {depth_map}" if depth_map else "")
        )
        return
    depths = arguments.depths(z_um, field.extent)
    if times and len(depths) > 1:
        raise InputError(
            f"option --z-um is {z_um}, and {file} holds {len(times)} times; give one depth, or a time with --time"
        )
    write(target, field, z_um=depths, y_um=y, x_um=x, pixel_um=pixel, um_per_rad=factor, times=bool(times))
    if colours := colours_in(field, target, plain=factor is None):
        print(f"{len(colours)} x {len(depths)} x {len(y)} x {len(x)} (channel, z, y, x) in {target}")
    else:
        count, axes = (len(times), "t") if times else (len(depths), "z")
        print(f"{count} x {len(y)} x {len(x)} ({axes}, y, x){what}{_alone(field)} in {target}")
    if not times and (said := said_of_order(target, depths)):
        print(said)


def _alone(field: Field) -> str:
    """Which colour is written where the file shows one of several."""
    if not isinstance(field, ColourField):
        return ""
    return f" of {named_colour(field.wavelengths_um[field.middle])} alone,"


def _at_time(field: Field, time: int | None) -> tuple[Field, list[float]]:
    """The field to render, and its times, s, where all of them are rendered."""
    if isinstance(field, ColourField) and field.channels[0].type_name == "time-series":
        return _colours_at(field, time), []
    series = cast("TimeSeries", field) if field.type_name == "time-series" else None
    if time is None:
        return field, [] if series is None else series.times_s
    if series is not None:
        return series.at(time), []
    if time != 0:
        raise InputError(f"option --time is {time}, but this field has no times; leave it out")
    return field, []


def _colours_at(field: ColourField, time: int | None) -> ColourField:
    """Several colours at one of their times."""
    every = [cast("TimeSeries", one) for one in field.channels]
    if time is None:
        raise InputError(
            f"this field holds {len(every[0].times_s)} times in {len(every)} colours; choose one with --time, from 0"
        )
    return ColourField.of(
        [one.at(time) for one in every], field.extent, field.wavelengths_um, shift_um=field.shift_um, z_um=field.z_um,
        white=field.white,
    )  # fmt: skip


def said_of_order(target: Path, z_um: Sequence[float]) -> str:
    """What to know of the places of depths (z,), um, in a file; '' where they ascend evenly, as every reader expects.

    Parameters
    ----------
    target : its ending says the format.
    z_um : in the order in which they were asked for.
    """
    steps = np.diff(z_um)
    if target.name.endswith(".ome.zarr") and (steps < 0).any():
        return f"OME-Zarr holds depths in ascending order: {', '.join(f'{z:g}' for z in sorted(z_um))} um"
    if target.suffix in (".tif", ".tiff") and len(steps) and (steps.min() <= 0 or np.ptp(steps) > 1e-3 * steps.mean()):
        return "the depths do not ascend evenly: the file gives no step, but the depth of every plane (PositionZ)"
    return ""


def _um_per_rad(result: Result, height: str, file: Path) -> float:
    if result.field.complex_valued:
        raise InputError(
            f"{file}: this field is complex, and its phase jumps by 2 pi; only unwrapped phase, as of one frame "
            "or of transport of intensity, can be turned into height, so leave out --height"
        )
    return heights.um_per_rad(result.optics, height, str(file))


def write(
    path: Path,
    field: Field,
    z_um: Sequence[float] | np.ndarray,
    y_um: np.ndarray,
    x_um: np.ndarray,
    *,
    pixel_um: float,
    quantity: str = "",
    um_per_rad: float | None = None,
    times: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write planes of a field; memory holds some strips of a large one (PNG: 8 bits of every pixel).

    Parameters
    ----------
    field : of any type.
    path : ends in .npy, .tif, .tiff, .ome.zarr or .png.
    z_um, y_um, x_um : pixel centres, um, y and x evenly spaced by `pixel_um`.
    quantity : 'amplitude', 'phase' or 'intensity'; the values as they are where empty.
    um_per_rad : height of one radian, um: heights are written in place of phase.
    times : whether the planes are the times of a time series, at the first of the depths.
    report : called with the pieces that are made and all of them; what it raises ends it, and no file is left.

    Raises
    ------
    InputError : for another ending, or a file that cannot be written.
    """
    from ..io.writers.images import save_strips, writer_of

    writer_of(path)
    shape = (len(y_um), len(x_um))
    cut = strips_of(shape, STRIP_PIXELS) if shape[0] * shape[1] > WHOLE else [slice(0, shape[0])]

    series = cast("TimeSeries", field) if times else None
    views = [(field, z) for z in z_um] if series is None else [(one, z_um[0]) for one in series.fields]
    colours = colours_in(field, path, plain=not quantity and um_per_rad is None)

    def seen(one: Field, z: float, y: np.ndarray, x: np.ndarray, colour: int | None = None) -> np.ndarray:
        if colour is not None and isinstance(one, ColourField):
            return evaluate_channel(one, colour, z, y, x)[0]
        values = evaluate(one, z, y, x)[0]
        if um_per_rad is not None:
            return measure(values, "phase") * np.float32(um_per_rad)
        return measure(values, quantity) if quantity else values

    def made(piece: Piece) -> tuple[np.ndarray]:
        colour, (one, z), rows = piece
        return (seen(one, z, y_um[rows], x_um, colour),)

    pieces: list[Piece] = list(itertools.product([*range(len(colours))] or [None], views, cut))
    strips = _reported((strip for (strip,) in made_strips(path, pieces, made)), len(pieces), report)

    sample = None
    if len(cut) > 1 and path.suffix == ".png":
        coarse = [axis[len(axis) // SAMPLE // 2 :: max(1, len(axis) // SAMPLE)] for axis in (y_um, x_um)]
        sample = seen(*views[0], coarse[0], coarse[1])
    origin, (name, unit) = (float(y_um[0]), float(x_um[0])), (quantity or "phase", "")
    if um_per_rad is not None:
        name, unit = "height", "um"
    save_strips(
        path, strips, z_um if series is None else z_um[:1], pixel_um, shape, origin_um=origin, name=name,
        sample=sample, unit=unit, time_s=None if series is None else series.times_s, wavelengths_um=colours,
    )  # fmt: skip


def _reported(strips: Iterator[np.ndarray], total: int, report: Callable[[int, int], None]) -> Iterator[np.ndarray]:
    """The strips; after each `report` gets how many of the `total` were made."""
    for done, strip in enumerate(strips, 1):
        report(done, total)
        yield strip


def colours_in(field: Field, path: Path, *, plain: bool) -> list[float]:
    """Wavelengths that a file at `path` gets a channel of each for; none for a field, or a file, of one colour.

    A picture shows three colours that have amplitudes; of phase, or of other numbers of colours, it shows the middle
    one. Heights and single quantities are the middle one's.

    Parameters
    ----------
    field : of any type.
    path : of the file.
    plain : the values are written as they are.
    """
    if not isinstance(field, ColourField) or not plain:
        return []
    in_colour = field.complex_valued and len(field.wavelengths_um) == PICTURE_COLOURS
    return [] if path.suffix.lower() == ".png" and not in_colour else field.wavelengths_um

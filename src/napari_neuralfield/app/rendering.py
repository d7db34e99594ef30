"""A field as image files: whole planes where they are small, strip by strip where memory would not hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..data.colours import named_colour
from ..data.tiles import STRIP_PIXELS, strips_of
from ..fields.colour import ColourField
from ..types import Field, InputError
from . import arguments
from . import height_units as heights
from .lazy import evaluate, evaluate_channel, measure

WHOLE = 2**24  # pixels of a plane that is rendered at once
PICTURE_COLOURS = 3
SAMPLE = 512  # rows and columns, at most, from which a large PNG takes its black and white


def run(
    file: Path, output: Path, *, z_um: str | None, pixel_um: str | None, region_um: str | None, height: str | None
) -> None:
    """`neuralfield render`: write what was typed, and say what is in it.

    Parameters
    ----------
    file, output : the field, and the images to write.
    z_um, pixel_um, region_um, height : as typed; None where nothing was.

    Raises
    ------
    InputError : for options that do not fit the field, and for whatever cannot be read or written.
    """
    from ..io import load_result
    from ..registry import WRITERS

    target = arguments.output(output, tuple(WRITERS))
    result = load_result(arguments.existing(file))
    field, factor = result.field, None
    if height is not None:
        if field.complex_valued:
            raise InputError(
                f"{file}: this field is complex, and its phase jumps by 2 pi; only unwrapped phase, as of one frame "
                "or of transport of intensity, can be turned into height, so leave out --height"
            )
        factor = heights.um_per_rad(result.optics, height, str(file))
    step = None if pixel_um is None else arguments.numbers("--pixel-um", pixel_um, count=1)[0]
    depths = arguments.depths(z_um, field.extent)
    y, x = field.extent.axes(step, arguments.region(region_um, field.extent))
    pixel = step or field.extent.pixel_um
    write(target, field, z_um=depths, y_um=y, x_um=x, pixel_um=pixel, um_per_rad=factor)
    what = "" if factor is None else " of height, um,"
    if colours := colours_in(field, target, plain=factor is None):
        print(f"{len(colours)} x {len(depths)} x {len(y)} x {len(x)} (channel, z, y, x) in {target}")
        return
    if isinstance(field, ColourField):
        what = f"{what} of {named_colour(field.wavelengths_um[field.middle])} alone,"
    print(f"{len(depths)} x {len(y)} x {len(x)} (z, y, x){what} in {target}")


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
) -> None:
    """Write planes of a field; memory holds some strips of a large one (PNG: 8 bits of every pixel).

    Parameters
    ----------
    field : of any type.
    path : ends in .npy, .tif, .tiff, .ome.zarr or .png.
    z_um, y_um, x_um : pixel centres, um, y and x evenly spaced by `pixel_um`.
    quantity : 'amplitude', 'phase' or 'intensity'; the values as they are where empty.
    um_per_rad : height of one radian, um: heights are written in place of phase.

    Raises
    ------
    InputError : for another ending, or a file that cannot be written.
    """
    from ..io.writers.images import save_strips, writer_of

    writer_of(path)
    shape = (len(y_um), len(x_um))
    cut = strips_of(shape, STRIP_PIXELS) if shape[0] * shape[1] > WHOLE else [slice(0, shape[0])]

    colours = colours_in(field, path, plain=not quantity and um_per_rad is None)

    def seen(z: float, y: np.ndarray, x: np.ndarray, colour: int | None = None) -> np.ndarray:
        if colour is not None and isinstance(field, ColourField):
            return evaluate_channel(field, colour, z, y, x)[0]
        values = evaluate(field, z, y, x)[0]
        if um_per_rad is not None:
            return measure(values, "phase") * np.float32(um_per_rad)
        return measure(values, quantity) if quantity else values

    def strips() -> Iterator[np.ndarray]:
        for colour in [*range(len(colours))] or [None]:
            for z in z_um:
                for rows in cut:
                    yield seen(z, y_um[rows], x_um, colour)

    sample = None
    if len(cut) > 1 and path.suffix == ".png":
        coarse = [axis[len(axis) // SAMPLE // 2 :: max(1, len(axis) // SAMPLE)] for axis in (y_um, x_um)]
        sample = seen(z_um[0], coarse[0], coarse[1])
    origin, (name, unit) = (float(y_um[0]), float(x_um[0])), (quantity or "phase", "")
    if um_per_rad is not None:
        name, unit = "height", "um"
    save_strips(
        path, strips(), z_um, pixel_um, shape, origin_um=origin, name=name, sample=sample, unit=unit,
        wavelengths_um=colours,
    )  # fmt: skip


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

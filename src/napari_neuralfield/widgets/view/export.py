"""A field as image files that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QFileDialog, QWidget

from ...types import Field, InputError
from .ways import COLOURS, OF_ALL_DEPTHS, UNWRAPPED

FILTERS = {"OME-TIFF (*.ome.tif)": ".ome.tif", "OME-Zarr (*.ome.zarr)": ".ome.zarr", "PNG, this plane (*.png)": ".png"}

WRITTEN = {COLOURS: "", UNWRAPPED: "phase"}  # what is written in the place of a way of showing


def ask_path(parent: QWidget, heading: str, proposed: str, endings: Mapping[str, str]) -> Path | None:
    """Ask in a dialog where to save; None where the user thinks better of it.

    The dialog asks before a file is replaced, but not about a name that gets its ending here: then none is.

    Parameters
    ----------
    parent, heading : of the dialog.
    proposed : a path without its ending.
    endings : filter of the dialog -> ending, added where a name has none of them; the first where none is chosen.
    """
    from ...io.native.outputs import free

    name, chosen = QFileDialog.getSaveFileName(parent, heading, proposed, ";;".join(endings))
    if not name or name.endswith(tuple(endings.values())):
        return Path(name) if name else None
    path = Path(name + endings.get(chosen, next(iter(endings.values()))))
    try:
        free(path, False, "write its ending too, and you are asked")
    except InputError as error:
        show_error(str(error))
        return None
    return path


class _Unwanted(Exception):
    """The user has stopped an export."""


def export(
    path: Path, field: Field, quantity: str, z_um: float, depths_um: np.ndarray, *,
    report: Callable[[int, int], bool] = lambda done, total: True,
) -> Path | None:  # fmt: skip
    """Write a field: OME-TIFF and OME-Zarr hold a plane per depth, PNG the one at `z_um`, all at native resolution.

    Parameters
    ----------
    path : ends in .ome.tif, .ome.zarr or .png.
    field, quantity : what is written, one of `ways`; in colours amplitude and phase, or one coloured picture.
    z_um, depths_um : depth of the PNG, and of each plane of the others, um.
    report : called with the pieces that are written and all of them; False ends it, and nothing is left.

    Returns
    -------
    The path; None where it was stopped.

    Raises
    ------
    InputError : for another ending.
    """
    from ...app import in_focus, rendering

    if not path.name.endswith(tuple(FILTERS.values())):
        raise InputError(f"{path}: the ending must be one of {', '.join(FILTERS.values())}")
    depths = np.array([z_um]) if path.suffix == ".png" else np.asarray(depths_um)
    axes, pixel = field.extent.axes(), field.extent.pixel_um

    def piece(done: int, total: int) -> None:
        if not report(done, total):
            raise _Unwanted

    try:
        if quantity in OF_ALL_DEPTHS:
            in_focus.write(path, field, np.asarray(depths_um), *axes, pixel_um=pixel, report=piece)
        else:
            quantity = WRITTEN.get(quantity, quantity)
            rendering.write(path, field, depths, *axes, pixel_um=pixel, quantity=quantity, report=piece)
    except _Unwanted:
        return None
    return path

"""A field as image files that other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QFileDialog, QWidget

from ...types import Field, InputError

FILTERS = {"OME-TIFF (*.ome.tif)": ".ome.tif", "OME-Zarr (*.ome.zarr)": ".ome.zarr", "PNG, this plane (*.png)": ".png"}


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


def export(path: Path, field: Field, quantity: str, z_um: float, depths_um: np.ndarray) -> Path:
    """Write a field: OME-TIFF and OME-Zarr hold a plane per depth, PNG the one at `z_um`, all at native resolution.

    Parameters
    ----------
    path : ends in .ome.tif, .ome.zarr or .png.
    field, quantity : what is written: 'amplitude', 'phase' or 'intensity'.
    z_um, depths_um : depth of the PNG, and of each plane of the others, um.

    Raises
    ------
    InputError : for another ending.
    """
    from ...app import rendering

    if not path.name.endswith(tuple(FILTERS.values())):
        raise InputError(f"{path}: the ending must be one of {', '.join(FILTERS.values())}")
    depths = np.array([z_um]) if path.suffix == ".png" else np.asarray(depths_um)
    rendering.write(path, field, depths, *field.extent.axes(), pixel_um=field.extent.pixel_um, quantity=quantity)
    return path

"""Small arrays beside a sidecar: comma-separated tables and single images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from ...types import InputError
from ..native.reading import explained


def read_table(path: Path) -> tuple[list[str], np.ndarray]:
    """Column names (empty without a header) and numbers (row, column) of a comma-separated file.

    Raises
    ------
    InputError : where the file cannot be read, a cell is not a number, or rows differ in length.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except FileNotFoundError:
        raise InputError(
            f"{path}: the table cannot be read: there is no such file; check its name in the sidecar"
        ) from None
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: the table cannot be read; it must be a text file with commas") from None
    rows = [[cell.strip() for cell in line.split(",")] for line in lines]
    header = rows.pop(0) if rows and not _is_number(rows[0][0]) else []
    for number, row in enumerate(rows, start=2 if header else 1):
        if len(row) != len(rows[0]) or not all(_is_number(cell) for cell in row):
            raise InputError(f"{path}: row {number} is {','.join(row)!r}; every row must hold {len(rows[0])} numbers")
    if not rows:
        raise InputError(f"{path}: the table holds no numbers; give one row per entry")
    if header and len(header) != len(rows[0]):
        raise InputError(f"{path}: the first line names {len(header)} columns but the rows have {len(rows[0])}")
    return header, np.array(rows, dtype=float)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_image(path: Path) -> np.ndarray:
    """A grey image (y, x) in a TIFF or PNG file.

    Raises
    ------
    InputError : where the file cannot be read or holds colours.
    """
    with explained(path, "the image is damaged or of another format"):
        if path.suffix.lower() == ".png":
            with Image.open(path) as picture:
                array = np.asarray(picture)
        else:
            array = tifffile.imread(path)
    if array.ndim != 2:
        raise InputError(f"{path}: the image has shape {array.shape}; it must be grey, (y, x)")
    return array


def image_head(path: Path) -> tuple[tuple[int, int], np.dtype]:
    """Shape (y, x) and type of a grey PNG, from its header."""
    with explained(path, "the image is damaged or of another format"), Image.open(path) as picture:
        mode, (columns, rows) = picture.mode, picture.size
    if len(Image.new(mode, (1, 1)).getbands()) != 1 or mode == "P":
        raise InputError(f"{path}: the image holds colours ({mode}); save it as a grey image")
    return (rows, columns), np.asarray(Image.new(mode, (1, 1))).dtype

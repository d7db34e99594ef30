"""Small arrays beside a sidecar: tables of numbers as programs write them, and single images."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from ...types import InputError
from ..native.reading import explained, read_text, regular

COMMENTS = ("#", "%", "//", ";", "!")
NAMED_BY = re.compile(r"(file|image|frame)[ _-]?(name)?s?|name", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """What a table holds: titles of its columns (none without a header), numbers (row, column), and file names.

    `names` are the words of the one column that holds no numbers; its title is not among `titles`.
    """

    titles: list[str]
    numbers: np.ndarray
    names: tuple[str, ...] = ()


def read_table(path: Path) -> Table:
    """A table whose columns commas, semicolons, tabs or spaces separate, with comment lines, by any program.

    The titles are in the first line or in the last comment line above the numbers. With semicolons or tabs a comma is
    a decimal comma. Where titles name one column fewer than there are, the first one counts the rows. One column may
    hold the names of files.

    Raises
    ------
    InputError : where the file cannot be read, a cell is not a number, or rows differ in length.
    """
    lines = _lines(path)
    data = [(number, line) for number, line in lines if not line.startswith(COMMENTS)]
    if not data:
        raise InputError(f"{path}: the table holds no numbers; give one row per entry")
    separator = _separator([line for _, line in data])
    rows = [(number, _cells(line, separator)) for number, line in data]
    first = rows[0][1]
    header: list[str] = []
    if not any(_is_number(cell, separator) for cell in first):
        rows, header = rows[1:], _cells(_glued(data[0][1]), separator)
    if not rows:
        raise InputError(f"{path}: the table holds no numbers; give one row per entry")
    width = len(rows[0][1])
    if not header:
        above = [line for number, line in lines if number < rows[0][0] and line.startswith(COMMENTS)]
        header = _header_of(above, separator, width)
    elif len(header) not in (width, width - 1):
        raise InputError(f"{path}: the first line names {len(header)} columns but the rows have {width}")
    words = _words_at(header, rows[0][1], separator)
    for number, row in rows:
        good = len(row) == width and all(_is_number(cell, separator) for at, cell in enumerate(row) if at != words)
        if not good:
            text = next(line for at, line in data if at == number)
            raise InputError(f"{path}: row {number} is {text!r}; every row must hold {width} numbers")
    if header and len(header) < width:
        header = _counted(path, header, [row for _, row in rows], separator)
    numbers = [[_number(cell, separator) for at, cell in enumerate(row) if at != words] for _, row in rows]
    titles = [title for at, title in enumerate(header) if at != words]
    names = () if words is None else tuple(row[words] for _, row in rows)
    return Table(titles, np.array(numbers, dtype=float).reshape(len(rows), -1), names)


def _lines(path: Path) -> list[tuple[int, str]]:
    """Lines that hold something, with their numbers from 1."""
    if not path.exists() and not path.is_symlink():
        raise InputError(f"{path}: the table cannot be read: there is no such file; check its name in the sidecar")
    text = read_text(path, "the table")
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _separator(lines: list[str]) -> str | None:
    """What separates the columns of all lines; None where spaces do."""
    return next((sign for sign in (";", "\t", ",") if all(sign in line for line in lines)), None)


def _cells(line: str, separator: str | None) -> list[str]:
    line = re.split(r"\s[#%]", line)[0] if not line.startswith(COMMENTS) else line
    return [cell.strip().strip('"') for cell in line.rstrip(f"{separator or ''} ").split(separator)]


def _header_of(comments: list[str], separator: str | None, width: int) -> list[str]:
    """Titles out of the last comment line that has as many words as there are columns, or one fewer; [] without."""
    for line in reversed(comments):
        bare = re.sub(r"^(#+[LC]?(?=\s)|[#%;!/]+)\s*", "", line)
        for sign in (separator, ",", None):
            titles = [cell.strip().strip('"') for cell in _glued(bare).split(sign) if cell.strip()]
            fits = len(titles) == width or len(titles) == width - 1 > 1
            if fits and not any(_is_number(title, sign) for title in titles):
                return titles
    return []


def _glued(line: str) -> str:
    """Titles with their units right behind them: `x [um]` is one of them."""
    return re.sub(r"\s+(?=[(\[])", "", line)


def _words_at(header: list[str], first: list[str], separator: str | None) -> int | None:
    """The column that holds names of files instead of numbers."""
    words = [at for at, cell in enumerate(first) if not _is_number(cell, separator)]
    if len(words) != 1 or len(first) == 1:
        return None
    at = words[0]
    if header and len(header) == len(first):
        return at if NAMED_BY.fullmatch(header[at]) else None
    return at if re.search(r"\.\w{2,5}$", first[at]) else None


def _counted(path: Path, header: list[str], rows: list[list[str]], separator: str | None) -> list[str]:
    """Titles with one more in front, for a first column that counts the rows."""
    try:
        counts = np.array([_number(row[0], separator) for row in rows])
    except ValueError:
        counts = np.array([np.nan])
    if not np.array_equal(counts, counts[0] + np.arange(len(rows))):
        raise InputError(f"{path}: the titles are of {len(header)} columns but the rows have {len(header) + 1}")
    return ["", *header]


def _number(text: str, separator: str | None) -> float:
    return float(text.replace(",", ".") if separator != "," else text)


def _is_number(text: str, separator: str | None) -> bool:
    try:
        _number(text, separator)
    except ValueError:
        return False
    return True


def read_image(path: Path) -> np.ndarray:
    """A grey image (y, x) in a TIFF or PNG file.

    Raises
    ------
    InputError : where the file cannot be read or holds colours.
    """
    regular(path)
    with explained(path, "the image is damaged or of another format"):
        if path.suffix.lower() == ".png":
            with Image.open(path) as picture:
                array = np.asarray(picture)
        else:
            array = tifffile.imread(path)
    if array.ndim != 2:
        raise InputError(f"{path}: the image has shape {array.shape}; it must be grey, (y, x)")
    return array


def read_array(path: Path) -> np.ndarray:
    """The numbers in a .npy file.

    Raises
    ------
    InputError : where it cannot be read or holds something else.
    """
    regular(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(array, np.ndarray) and array.dtype.kind in "biufc":
            return np.array(array)
    except (OSError, ValueError, EOFError):
        pass
    raise InputError(f"{path}: the array cannot be read; it must be a .npy file of numbers")


def image_head(path: Path) -> tuple[tuple[int, int], np.dtype]:
    """Shape (y, x) and type of a grey PNG, from its header."""
    with explained(path, "the image is damaged or of another format"), Image.open(path) as picture:
        mode, (columns, rows) = picture.mode, picture.size
    if len(Image.new(mode, (1, 1)).getbands()) != 1 or mode == "P":
        raise InputError(f"{path}: the image holds colours ({mode}); save it as a grey image")
    return (rows, columns), np.asarray(Image.new(mode, (1, 1))).dtype

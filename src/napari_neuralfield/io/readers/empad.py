"""Recordings of the EMPAD, a detector of electron microscopes: `.raw` of 130 x 128 floats a frame, `.xml` beside it."""

from __future__ import annotations

import ast
import dataclasses
import functools
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from ...data.acquisition import Draft
from ...registry import READERS
from ...types import InputError
from ..native import links
from ..native.hdf5_frames import WholeFrames
from ..native.reading import explained
from ..sidecar import layout, scan_grid, sidecar

STORED, USED = (130, 128), 128  # rows and columns of a frame; the last two rows hold no light
FRAME_BYTES = 4 * STORED[0] * STORED[1]
LARGEST_XML = 2**24  # bytes
SIZES = (("pix_y", "pix_x"), ("scan_resolution_y", "scan_resolution_x"))
IN_NAME = re.compile(r"x(\d+)_y(\d+)")
VOLTAGES = ("voltage", "high_voltage", "high_tension", "acceleration_voltage", "accelerating_voltage")  # V
FIELD_OF_VIEW = "full_scan_field_of_view"  # (x, y), m


@READERS.register("empad")
class EmpadReader:
    """Far-field scans of electrons; the scan's size by the XML beside the frames, else by their name, else a square."""

    reads = "EMPAD recordings (.raw, .xml)"

    def supports(self, path: Path) -> bool:
        return path.suffix.lower() == ".raw" or (path.suffix.lower() == ".xml" and bool(_said(path).raw))

    def read(self, path: Path) -> Draft:
        """Frames (lazy), and what the XML says of energy and step.

        Raises
        ------
        InputError : where the file holds no whole frames, or not those of the scan.
        """
        said = _said(path) if path.suffix.lower() == ".xml" else _beside(path)
        raw = path.with_name(said.raw) if path.suffix.lower() == ".xml" else path
        if not raw.is_file():
            raise InputError(f"{path}: it names {raw.name}, which is not beside it; put the frames there")
        links.check(raw, path)
        rows, columns = _size(raw, said)
        array = WholeFrames(
            raw.absolute(), (rows, columns, USED, USED), np.dtype(np.float32), functools.partial(_mapped, rows, columns)
        )
        frames = layout.arranged(array, sidecar.beside(path), "ptychography", str(path))
        draft = Draft("ptychography", frames, {"geometry": "far_field"}, str(path))
        draft.remedies["positions_um"] = "give scan_grid: {step_um: 0.5 A}"
        draft.remedies["wavelength_um"] = "give acceleration_voltage_kv"
        if said.volts:
            draft.values["acceleration_voltage_kv"] = said.volts / 1e3
        if said.view_m:
            step = [1e6 * said.view_m[1] / rows, 1e6 * said.view_m[0] / columns]
            scan_grid.place(draft, {"rows": rows, "columns": columns, "step_um": step}, (rows, columns), path)
            draft.notes.append(f"a step of {1e4 * step[0]:.4g} x {1e4 * step[1]:.4g} angstroms (y, x), from the XML")
        return draft


@dataclasses.dataclass(frozen=True)
class Said:
    """What an XML says: name of the frames' file, rows and columns, volts, field of view (x, y), m; None: nothing."""

    raw: str = ""
    size: tuple[int, int] | None = None
    volts: float | None = None
    view_m: tuple[float, float] | None = None


def _said(path: Path) -> Said:
    """What is said in the XML at `path`; nothing where it is not one of an EMPAD."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_XML:
            return Said()
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError):
        return Said()
    named = root.find("raw_file")
    if named is None:
        return Said()
    texts = {e.tag.rsplit(".", 1)[-1].lower().removeprefix("get_"): (e.text or "").strip() for e in root.iter()}
    sizes = ([_positive(texts.get(name)) for name in names] for names in SIZES)
    size = next(((int(y), int(x)) for y, x in sizes if y and x), None)
    volts = next((v for name in VOLTAGES if (v := _positive(texts.get(name)))), None)
    try:
        x, y = (float(n) for n in ast.literal_eval(texts.get(FIELD_OF_VIEW, "")))
        view = (x, y) if x > 0 and y > 0 else None
    except (SyntaxError, TypeError, ValueError):
        view = None
    raw = re.split(r"[\\/]", named.get("filename", ""))[-1]
    return Said(raw, size, volts, view)


def _positive(text: str | None) -> float | None:
    """A number larger than 0; None for anything else."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


def _beside(raw: Path) -> Said:
    """What the XML says that names the frames in `raw`, or has its name."""
    every = sorted(raw.parent.glob("*.[xX][mM][lL]"), key=lambda path: path.stem != raw.stem)
    found = [(path, _said(path)) for path in every]
    return next((said for path, said in found if said.raw == raw.name or (said.raw and path.stem == raw.stem)), Said())


def _size(raw: Path, said: Said) -> tuple[int, int]:
    """Rows and columns of the scan whose frames are in `raw`, by what is `said`, its name, or as a square."""
    held = raw.stat().st_size
    count, rest = divmod(held, FRAME_BYTES)
    if rest or not count:
        raise InputError(
            f"{raw}: the file holds {held} bytes, which are not whole EMPAD frames of {STORED[0]} x {STORED[1]} floats "
            f"({FRAME_BYTES} bytes); copy it again, or convert other frames to .npy or TIFF"
        )
    named = IN_NAME.search(raw.stem)
    size = said.size or ((int(named[2]), int(named[1])) if named else None)
    if size is None and math.isqrt(count) ** 2 == count:
        size = math.isqrt(count), math.isqrt(count)
    if size is None:
        size = 1, count
    if size[0] * size[1] != count:
        told = "the XML" if said.size else "its name"
        raise InputError(
            f"{raw}: the file holds {count} frames, but {told} says {size[0]} x {size[1]}; copy it again or correct it"
        )
    return size


def _mapped(rows: int, columns: int, path: Path) -> np.ndarray:
    """The frames (row, column, y, x) in the file at `path`."""
    with explained(path, "this is not an EMPAD recording, or it is cut short"):
        stored = np.memmap(path, dtype="<f4", mode="r", shape=(rows, columns, *STORED))
    return stored[..., :USED, :]

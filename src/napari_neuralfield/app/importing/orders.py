"""Another order or mounting of an LED board that the frames fit better, and how a sidecar says it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from ...checks.board_findings import HALF_TURN, light, moved
from ...checks.led_boards import FoundBoard, find_board
from ...checks.seen.frames import MAX_FRAMES
from ...data.acquisition import LedArray
from ...data.frames import evenly_chosen
from ...io.sidecar.leds import directions
from ...optics.led_orders import CORNERS, GRID_ORDERS, SENSES, SIDES
from ...types import InputError
from .questions import Values

SAME = 1e-6  # NA between directions that are called the same
QUARTERS = (0.0, 90.0, -90.0, 180.0)
ORDERS = {
    "raster": "row by row",
    "serpentine": "row by row, to and fro",
    "columns": "column by column",
    "columns_serpentine": "column by column, to and fro",
    "spiral": "a spiral from the middle",
    "spiral_inwards": "a spiral inwards",
}
FLIPS = (None, "y", "x", "transpose")


@dataclasses.dataclass(frozen=True)
class BoardFinding:
    """What the frames say of a board: a sentence, whether the board as given fits, and the `leds` that fit better."""

    text: str
    good: bool
    leds: Values | None = None


def board_finding(acquisition: LedArray, means: np.ndarray, leds: Values, where: Path) -> BoardFinding | None:
    """Whether the board that was described is that of the frames; None where they do not tell.

    Parameters
    ----------
    acquisition : complete.
    means : brightness of every frame (frame,), as the camera gave it.
    leds : as a sidecar describes the board.
    where : the sidecar.
    """
    shown = evenly_chosen(acquisition.frame_count, MAX_FRAMES)
    if acquisition.coded_surface is not None or not np.isfinite(means).all():
        return None
    found = find_board(acquisition, shown, light(acquisition, shown, means[shown]))
    return None if found is None else _said(found, acquisition, leds, where)


def _said(found: FoundBoard, acquisition: LedArray, leds: Values, where: Path) -> BoardFinding:
    now, then = (f"{100 * share:.0f} %" for share in found.matched)
    if found.reading is not None:
        better = as_leds(leds, found.reading.na, where)
        said = found.reading.said if better is None else in_words(better, leds)
        bright = f"{then} of them are then as bright or dark as their LED's place says ({now} now), and " * (
            now != then
        )
        text = (
            f"The frames clearly fit {said} better than the order given: {bright if now != then else ''}their spectra "
            f"agree to {found.agreement[1]:.2f} ({found.agreement[0]:.2f} now; 1 is perfect). {HALF_TURN.capitalize()}."
        )
        return BoardFinding(text if better else f"{text} {found.reading.remedy.capitalize()}.", False, better)
    if not found.fits:
        text = (
            f"The frames do not fit this board ({now} of them are as bright or dark as it says), nor any usual order "
            "or turn of it: check rows, columns, pitch and height, and whether a frame is missing."
        )
        return BoardFinding(text, False)
    if found.moved:
        text = f"The frames show the board {moved(found.pose, acquisition)}; correct it here, or Calibrate later."
        return BoardFinding(text, False)
    return BoardFinding(f"The frames fit this board and order ({found.agreement[0]:.2f}, 1 is perfect).", True)


def in_words(leds: Values, before: Values) -> str:
    """What differs of a grid from that `before`: 'row by row, to and fro, beginning top right'.

    Parameters
    ----------
    leds, before : as a sidecar describes them.
    """
    grid = cast("dict[str, Any]", leds["grid"])
    order = str(grid["order"])
    start = str(grid["start"]).replace("_", " ")
    words = [ORDERS[order], f"first step {start}" if order == "spiral" else f"beginning {start}", grid.get("sense", "")]
    turned, was = (float(cast(float, each.get("rotation_deg") or 0.0)) for each in (leds, before))
    words += [f"turned by {turned:g} deg"] if turned != was else []
    words += [f"mirrored ({leds.get('flip', 'not')})"] if leds.get("flip") != before.get("flip") else []
    return ", ".join(word for word in words if word)


def as_leds(leds: Values, na: np.ndarray, where: Path) -> Values | None:
    """A description of a grid like `leds` whose directions are `na` (frame, 2); None where no usual one has them.

    Parameters
    ----------
    leds : as a sidecar describes the board.
    na : wanted directions, in the order of lighting.
    where : the sidecar.
    """
    for candidate in _candidates(leds):
        try:
            found = directions(candidate, where)[0]
        except InputError:
            continue
        if found.shape == na.shape and np.abs(found - na).max() < SAME:
            return candidate
    return None


def _candidates(leds: Values) -> Iterator[Values]:
    """The grid in every order, those without a turn or mirror first."""
    grid = cast("dict[str, Any] | None", leds.get("grid"))
    if grid is None:
        return
    turned = float(cast(float, leds.get("rotation_deg") or 0.0))
    fixed = {name: value for name, value in grid.items() if name not in ("order", "start", "sense", "first")}
    for flip, quarter in itertools.product(dict.fromkeys([leds.get("flip"), *FLIPS]), QUARTERS):
        mount = {**{n: v for n, v in leds.items() if n not in ("grid", "flip", "rotation_deg")}}
        mount |= {} if flip is None else {"flip": flip}
        angle = (turned + quarter + 180) % 360 - 180
        mount |= {} if angle == 0 else {"rotation_deg": angle}
        for order in GRID_ORDERS:
            for start in SIDES if order == "spiral" else CORNERS:
                for sense in SENSES if order.startswith("spiral") else ("",):
                    said = {"order": order, "start": start} | ({"sense": sense} if sense else {})
                    yield {"grid": {**fixed, **said}, **mount}

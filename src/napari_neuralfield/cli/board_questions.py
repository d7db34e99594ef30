"""What is asked about an LED board in a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..app.importing.questions import BOARD, GRID, NONE, Question, board_value
from ..optics.led_orders import CORNERS, GRID_ORDERS, SIDES
from ..types import InputError

Ask = Callable[[Question], str]
SHAPES = ("grid", "rings", "table", "uconn")


def ask_board(ask: Ask) -> dict[str, str]:
    """The answers about an LED board, by the names of BOARD; `ask` returns what was typed."""
    shape = ask(Question("shape", "LED board", "", "grid, rings, uconn, or table for a file of positions"))
    while shape not in SHAPES:
        print(f"{shape!r} is not one of {', '.join(SHAPES)}")
        shape = ask(Question("shape", "LED board", "", ", ".join(SHAPES)))
    if shape == "uconn":
        return {"leds": "uconn"}
    names = {"grid": list(GRID), "rings": ["counts", "radii_mm", "start_deg", "sense"], "table": ["leds"]}[shape]
    found: dict[str, str] = {}
    for name in [*names, "height_mm", "rotation_deg"]:
        asked = BOARD[name][1]
        if name == "start":
            order = found["order"]
            if order not in GRID_ORDERS:
                continue
            starts = SIDES if order == "spiral" else CORNERS
            what = "first step from the middle" if order == "spiral" else "corner where it begins"
            asked = Question(name, what, "", " or ".join(starts), starts[0])
        if name == "sense" and shape == "grid" and not found["order"].startswith("spiral"):
            continue
        text = _asked_until_good(ask, asked)
        if text != NONE and not (name in ("start", "sense", "rotation_deg", "start_deg") and text == asked.default):
            found[name] = text
    return found


def _asked_until_good(ask: Ask, asked: Question) -> str:
    while True:
        text = ask(asked)
        try:
            if text != NONE:
                board_value(asked.name, text, Path())
            return text
        except InputError as error:
            print(error)

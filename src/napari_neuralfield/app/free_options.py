"""Commands whose options come from recipes: each option joined to its value, so that `--z-um -20,20` stays one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from . import arguments

COMMANDS = ("reconstruct", "calibrate", "train")


def joined(tokens: list[str], own: Collection[str]) -> list[str]:
    """Tokens of a command line, each free option joined to its value.

    Parameters
    ----------
    tokens : what was typed after the program's name.
    own : options that belong to the commands themselves.

    Raises
    ------
    InputError : for an option without its value.
    """
    command, rest = tokens[:1], tokens[1:]
    free = any(token.startswith("--") and token not in (*own, "--help") for token in rest)
    if not command or command[0] not in COMMANDS or not free:
        return tokens
    from ..recon.recipe import options_of

    switches = {
        option.name
        for recipe in _recipes(command[0])
        for option in options_of(recipe)
        if bool in arguments.members(option.type)
    }
    return [*command, *arguments.join_options(rest, own, switches)]


def _recipes(command: str) -> list[Any]:
    from ..registry import METHODS

    if command == "train":
        from ..recon.trainings import TRAININGS

        return [entry.recipe for entry in TRAININGS.values()]
    if command == "calibrate":
        from ..recon.calibration_recipe import CalibrationRecipe

        return [CalibrationRecipe, METHODS["coded-surface"].recipe]
    return [METHODS[name].recipe for name in METHODS]

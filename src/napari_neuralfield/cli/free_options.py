"""Commands whose options come from recipes: each option joined to its value, so that `--z-um -20,20` stays one.

An option of any command that may stand without its value is given one here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..app import arguments
from ..data.typed_values import WORDS, members

if TYPE_CHECKING:
    from ..recon.engine.recipe import Recipe

COMMANDS = ("reconstruct", "calibrate", "train")
ALONE = {"--height": "known", "--leave-out": "true"}  # option -> what it means without a value


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
    tokens = [
        f"{token}={ALONE[token]}" if token in ALONE and not _a_value(tokens[at + 1 : at + 2]) else token
        for at, token in enumerate(tokens)
    ]
    command, rest = tokens[:1], tokens[1:]
    free = any(token.startswith("--") and token not in (*own, "--help") for token in rest)
    if not command or command[0] not in COMMANDS or not free:
        return tokens
    from ..recon.engine.recipe import options_of

    switches = {
        option.name for recipe in _recipes(command[0]) for option in options_of(recipe) if bool in members(option.type)
    }
    return [*command, *arguments.join_options(rest, own, switches)]


def _a_value(tokens: list[str]) -> bool:
    return bool(tokens) and (tokens[0][:1] in set("0123456789.:") or tokens[0].lower() in WORDS)


def _recipes(command: str) -> list[type[Recipe]]:
    from ..registry import METHODS, NETWORKS

    if command == "train":
        return [entry.recipe for _, entry in NETWORKS.items()]
    if command == "calibrate":
        from ..recon.calibration.recipe import CalibrationRecipe

        return [CalibrationRecipe, METHODS["coded-surface"].recipe]
    return [METHODS[name].recipe for name in METHODS]

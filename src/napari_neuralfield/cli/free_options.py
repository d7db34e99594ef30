"""Commands whose options come from recipes: each option joined to its value, so that `--z-um -20,20` stays one.

An option of any command that may stand without its value is given one here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..app import arguments
from ..data.typed_values import WORDS, members
from ..types import InputError

if TYPE_CHECKING:
    from ..recon.engine.recipe import Recipe

COMMANDS = ("reconstruct", "calibrate", "train", "import")
ALONE = {"--height": "known", "--leave-out": "true", "--resume": "true"}  # option -> what it means without a value
SWITCHES = ("--overwrite", "--plan", "--untimed", "--json")  # of the commands themselves; they take no value
ANY = "a value"  # stands for what may follow that is not one of a few words


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
        f"{token}={ALONE[token]}" if token in ALONE and not _a_value(tokens[at + 1 : at + 2], tokens[0]) else token
        for at, token in enumerate(tokens)
    ]
    command, rest = tokens[:1], [token for token in tokens[1:] if token not in SWITCHES]
    free = any(token.startswith("--") and token not in (*own, "--help") for token in rest)
    if not command or command[0] not in COMMANDS or not free:
        return tokens
    switches = [switch for switch in SWITCHES if switch in tokens]
    return [*command, *switches, *arguments.join_options(rest, own, _switches(command[0], rest))]


def _switches(command: str, tokens: list[str]) -> dict[str, set[str]]:
    """Yes-or-no options, and the words other than yes and no that may follow each.

    Of a method that is named only its own options count; else one may be a switch here and take a value there.
    """
    from ..recon.engine.recipe import options_of

    chosen, every = _recipes(command, _method_in(tokens)), _recipes(command, "")
    own = {option.name for recipe in chosen for option in options_of(recipe)}
    known = [option for recipe in chosen for option in options_of(recipe)]
    known += [option for recipe in every for option in options_of(recipe) if option.name not in own]
    found: dict[str, set[str]] = {option.name: set() for option in known if bool in members(option.type)}
    for option in known:
        if option.name in found and set(members(option.type)) != {bool}:
            found[option.name] |= {str(word).lower() for word in option.choices} or {ANY}
    return found


def _method_in(tokens: list[str]) -> str:
    """The method that is typed, or that the recipe file names; '' without either."""
    typed = {flag: _value(tokens, flag) for flag in ("--method", "--recipe")}
    if typed["--method"] or not typed["--recipe"]:
        return typed["--method"]
    from ..recon.engine.recipe import load

    try:
        return str(load(typed["--recipe"]).get("method", ""))
    except InputError:  # which is said where the file is used
        return ""


def _value(tokens: list[str], flag: str) -> str:
    """What follows an option; '' where it is not there."""
    for at, token in enumerate(tokens):
        if token == flag:
            return "".join(tokens[at + 1 : at + 2])
        if token.startswith(f"{flag}="):
            return token.partition("=")[2]
    return ""


def _a_value(tokens: list[str], command: str) -> bool:
    """Whether the first of `tokens` is the value of the option before it; `train --resume` has a file."""
    named = command == "train" and not tokens[0].startswith("-") if tokens else False
    return bool(tokens) and (named or tokens[0][:1] in set("0123456789.:") or tokens[0].lower() in WORDS)


def _recipes(command: str, method: str) -> list[type[Recipe]]:
    """The recipes whose options a command takes, of the `method` alone where it is known."""
    from ..registry import METHODS, NETWORKS

    if command == "import":
        return []  # values of an acquisition, none of which may stand alone
    if command == "reconstruct" and method in METHODS:
        return [METHODS[method].recipe]
    if command == "train":
        return [entry.recipe for _, entry in NETWORKS.items()]
    if command == "calibrate":
        from ..recon.calibration.recipe import CalibrationRecipe

        return [CalibrationRecipe, METHODS["coded-surface"].recipe]
    return [METHODS[name].recipe for name in METHODS]

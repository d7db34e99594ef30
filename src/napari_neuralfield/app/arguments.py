"""What is typed on the command line, turned into values. Every mistake is an InputError of one sentence."""

from __future__ import annotations

import contextlib
import os
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..data import typed_values
from ..types import Extent, InputError

if TYPE_CHECKING:
    from ..data.acquisition import Acquisition
    from ..recon.engine.recipe import OptionInfo


def flag_of(name: str) -> str:
    """`z_um` as it is typed: `--z-um`."""
    return f"--{name.replace('_', '-')}"


def join_options(tokens: Sequence[str], own: Collection[str], switches: Mapping[str, Collection[str]]) -> list[str]:
    """Method options as single tokens, so that `--z-um -20,20` cannot be read as two options.

    Parameters
    ----------
    tokens : what was typed after the command.
    own : options of the command itself, left as they are with the value after them.
    switches : names of yes-or-no options (`recover_pupil`), which may stand alone or as `--no-recover-pupil`, and the
        words other than yes and no that may follow; a number may where there are such words.

    Raises
    ------
    InputError : for an option without its value.
    """
    joined: list[str] = []
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        if token in own:
            joined += [token, *rest[:1]]
            rest = rest[1:]
        elif not token.startswith("--") or "=" in token or token in ("--", "--help"):
            joined.append(token)
        elif _name(token) in switches and not (rest and _answers(rest[0], switches[_name(token)])):
            joined.append(f"{token}=true")
        elif _name(token.replace("--no-", "--", 1)) in switches:
            joined.append(
                f"{token}={rest.pop(0)}" if _name(token) in switches else f"{token.replace('--no-', '--', 1)}=false"
            )
        elif not rest or rest[0].startswith("--"):
            raise InputError(f"option {token} has no value; write it after the option, such as {token} VALUE")
        else:
            joined.append(f"{token}={rest.pop(0)}")
    return joined


def _answers(token: str, words: Collection[str]) -> bool:
    """Whether what follows a switch is its value, not the file or the next option."""
    plain = token.lower()
    return plain in (*typed_values.WORDS, *typed_values.LEFT_OPEN, *words) or (bool(words) and _is_number(plain))


def _is_number(text: str) -> bool:
    return typed_values.NUMBER.fullmatch(text.strip()) is not None


def _name(token: str) -> str:
    return token.removeprefix("--").replace("-", "_")


def option_value(info: OptionInfo, text: str) -> object:
    """The value typed for one option; the recipe checks it further.

    Parameters
    ----------
    info : the option.
    text : as typed.

    Raises
    ------
    InputError : where it is not of the option's type, or in a unit that does not fit.
    """
    try:
        return typed_values.parse(text, info)
    except InputError as error:
        raise InputError(f"option {flag_of(info.name)}: {error}") from None


def option_values(known: Sequence[OptionInfo], typed: Mapping[str, str | None]) -> dict[str, object]:
    """Values by name (`z_um`); an option that is not known stays text, for the recipe to refuse.

    Parameters
    ----------
    known : the options there are.
    typed : what was typed, by name (`z-um`); None where nothing was.
    """
    infos = {info.name: info for info in known}
    named = {name.replace("-", "_"): text for name, text in typed.items() if text is not None}
    return {name: option_value(infos[name], text) if name in infos else text for name, text in named.items()}


def numbers(option: str, text: str, count: int | None = None) -> list[float]:
    """Finite numbers, in the unit that the option's name ends in.

    Parameters
    ----------
    option : as it is typed, such as `--pixel-um`.
    text : numbers separated by commas, or MIN:MAX:STEP; one number where `count` is 1.
    count : how many there must be; any where None.
    """
    kind = float if count == 1 else tuple[float, ...]
    try:
        found = typed_values.parse(text, typed_values.Plain(type=kind, unit=typed_values.unit_in(option)))
        values = [found] if isinstance(found, float) else list(typing.cast("tuple[float, ...]", found or ()))
        reason = ""
    except InputError as error:
        values, reason = [], f": {error}"
    if not values or count not in (None, len(values)):
        wanted = {None: "numbers separated by commas", 1: "a number"}.get(count, f"{count} numbers separated by commas")
        raise InputError(f"option {option} is {text}; it must be {wanted}{reason}")
    return values


def one_channel(acquisition: Acquisition, text: str | None) -> Acquisition:
    """The frames of the colour that `--channel` names, counted from 0; all where nothing was typed.

    Parameters
    ----------
    acquisition : of several colours.
    text : as typed; None where nothing was.
    """
    if text is None:
        return acquisition
    number = numbers("--channel", text, count=1)[0]
    if number != int(number) or number < 0:
        raise InputError(f"option --channel is {text}; it must be a whole number, the colours being counted from 0")
    return acquisition.of_channel(int(number))


def depths(text: str | None, extent: Extent) -> list[float]:
    """Depths in um; the one depth of a single plane where nothing was typed.

    Parameters
    ----------
    text : `0,1.5` or `MIN:MAX:STEP`, perhaps with a unit; None where nothing was typed.
    extent : of the field.

    Raises
    ------
    InputError : where a depth lies outside `extent`; a single plane answers every depth.
    """
    low, high = extent.z_um
    if text is None:
        if low == high:
            return [low]
        raise InputError(
            f"option --z-um is missing; the field spans {low:g} to {high:g} um, "
            f"so choose depths such as --z-um {low:g},{high:g}"
        )
    chosen = numbers("--z-um", text)
    slack = 1e-4 * max(high - low, 1e-3)
    outside = [z for z in chosen if not low - slack <= z <= high + slack]
    if outside and low != high:
        raise InputError(
            f"option --z-um is {outside[0]:g}; the field spans {low:g} to {high:g} um, so choose a depth between"
        )
    return chosen


def region(text: str | None, extent: Extent) -> tuple[float, float, float, float] | None:
    """(y0, x0, y1, x1) in um, inside the field.

    Parameters
    ----------
    text : `Y0,X0,Y1,X1`, perhaps with a unit; None, which is the whole field, where nothing was typed.
    extent : of the field.

    Raises
    ------
    InputError : where the rectangle is empty or leaves the field by more than half a native pixel.
    """
    if text is None:
        return None
    y0, x0, y1, x1 = numbers("--region-um", text, count=4)
    if not (y0 < y1 and x0 < x1):
        raise InputError(f"option --region-um is {text}; it is Y0,X0,Y1,X1 with Y0 below Y1 and X0 below X1")
    top, left = extent.origin_um
    bottom, right = top + extent.size_um[0], left + extent.size_um[1]
    slack = extent.pixel_um / 2
    if y0 < top - slack or x0 < left - slack or y1 > bottom + slack or x1 > right + slack:
        raise InputError(
            f"option --region-um is {text}; it leaves the field, "
            f"which spans {top:g},{left:g},{bottom:g},{right:g} um, so choose inside"
        )
    return y0, x0, y1, x1


def frames(text: str | None, count: int, option: str = "--frames", what: str = "frames") -> Sequence[int]:
    """Frame numbers from a text; all where None.

    Parameters
    ----------
    text : `A:B`, `A:B:STEP` (B not reached; either end may be left out) or `0,5,9`.
    count : how many frames there are.
    option : as it is typed.
    what : they are called.

    Raises
    ------
    InputError : for what is not such a choice, and for frames that are not there or named twice.
    """
    if text is None:
        return range(count)
    try:
        parts = [int(part) if part.strip() else None for part in text.split(":" if ":" in text else ",")]
    except ValueError:
        parts = [None] * 4
    numbers = [part for part in parts if part is not None]
    if ":" in text and len(parts) <= 3 and all(0 <= n <= count for n in numbers) and parts[-1] != 0:
        chosen: Sequence[int] = range(count)[slice(*parts)]
    else:
        chosen = numbers if len(numbers) == len(parts) and ":" not in text else []
    if not chosen or not all(0 <= n < count for n in chosen) or len(set(chosen)) < len(chosen):
        raise InputError(
            f"option {option} is {text}; it is A:B, A:B:STEP or numbers such as 0,5,9 "
            f"of the {count} {what} 0 to {count - 1}"
        )
    return chosen


def output(
    path: Path,
    endings: Sequence[str],
    flag: str = "-o",
    *,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
    outputs: Sequence[Path] = (),
) -> Path:
    """`path`, checked before the work: its ending, its folder, and that it may be written.

    Parameters
    ----------
    path : the file to write.
    endings : one of which it must have, such as `.nfield`.
    flag : the option that it was given as.
    overwrite : whether it may replace an older one.
    inputs, outputs : files that the command reads, and others that it writes; it must be none of them.

    Raises
    ------
    InputError : naming what to change.
    """
    from ..io.native.outputs import free, one_file, real

    if not path.name.lower().endswith(tuple(endings)):
        raise InputError(
            f"output {path} must end in {' or '.join(endings)}; write {flag} {path.with_suffix('').name}{endings[0]}"
        )
    for file in inputs:
        if one_file(path, file):
            raise InputError(f"output {path} is the input {file}, which would be lost; choose another name")
    for other in outputs:
        if one_file(path, other):
            raise InputError(f"output {path} of {flag} is also the output {other}; give each a name of its own")
    folder = real(path).parent
    if not folder.is_dir():
        raise InputError(f"output {path}: the folder {folder} does not exist; make it or choose another")
    if path.is_dir() and path.suffix not in (".zarr", ".nfield"):
        raise InputError(f"output {path} is a folder; choose another name")
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise InputError(f"output {path}: no permission to write there; choose a folder of yours")
    free(path, overwrite)
    return path


def given(path: Path | None, flag: str = "-o") -> Path:
    """`path`, of an option that may be left out only where another one takes its place.

    Parameters
    ----------
    path : None where the option was left out, which is refused.
    flag : the option.
    """
    if path is None:
        raise InputError(f"option {flag} is missing; name the file to write, such as {flag} OUT.nfield")
    return path


@contextlib.contextmanager
def about(file: Path) -> Iterator[None]:
    """What is refused within the block names the `file`, unless it is about an option; numpy is quiet."""
    import numpy as np

    try:
        with np.errstate(all="ignore"):
            yield
    except InputError as error:
        said = str(error)
        if said.startswith(("option", "output", "method", "device")) or file.name in said:
            raise
        raise InputError(f"{file}: {said}") from error


def existing(path: Path) -> Path:
    """`path`, where there is such a file or folder."""
    from ..io.native.reading import located

    located(path)
    return path

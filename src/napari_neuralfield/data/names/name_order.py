"""The natural order of names: 2 before 10, and -4 before 0 where a minus belongs to its number.

A minus does so behind `=`, `_`, a space, a bracket or at the start. Behind a letter, as in `led-10`, it is a hyphen,
unless other names of the same family have the number without it (`z-4`, `z0`, `z4`); behind a digit, always.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePath

NUMBER = re.compile(r"(?P<sign>(?<!\d)[+\-−])?(?P<number>\d+(?:\.\d+(?!\.?\d))?)")
Slot = tuple[str, str, str]  # text before, sign, number
Key = tuple[tuple[int, float | str], ...]


def in_natural_order(names: Iterable[str]) -> list[str]:
    """Names sorted by their words and numbers."""
    names = list(names)
    return sorted(names, key=dict(zip(names, natural_keys(names), strict=True)).__getitem__)


def natural_keys(names: Sequence[str]) -> list[Key]:
    """What each of the names sorts by; a sign is judged from all of them."""
    cut = [_cut(name) for name in names]
    families: dict[tuple[str, ...], list[list[Slot]]] = defaultdict(list)
    for slots, rest in cut:
        families[_family(slots, rest)].append(slots)
    rules = {family: _rules(members) for family, members in families.items()}
    return [_key(slots, rest, rules[_family(slots, rest)]) for slots, rest in cut]


def families(names: Sequence[str]) -> dict[str, list[str]]:
    """Names by their text, numbers aside: `cell_#.tif` -> cell_1.tif, cell_2.tif."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        slots, rest = _cut(name)
        found["#".join(_family(slots, rest))].append(name)
    return dict(found)


def signed_numbers(names: Sequence[str], before: re.Pattern[str]) -> list[float] | None:
    """The number that stands behind the same word in every name, with its sign; None where one has none.

    Parameters
    ----------
    names : of one recording.
    before : what must stand right before the number and its sign.
    """
    cut = [_cut(name) for name in names]
    at = [next((n for n, slot in enumerate(slots) if before.search(slot[0])), None) for slots, _ in cut]
    if not names or None in at or len(set(at)) > 1:
        return None
    place = at[0]
    assert place is not None
    found = [slots[place] for slots, _ in cut]
    signed = _signed(found)
    return [_value(slot, signed) for slot in found]


def _cut(name: str) -> tuple[list[Slot], str]:
    """The numbers of a name, each with its sign and the text before it, and the text that is left."""
    stem = name[: -len(PurePath(name).suffix)] if re.fullmatch(r"\.[A-Za-z]\w*", PurePath(name).suffix) else name
    slots, end = [], 0
    for match in NUMBER.finditer(stem):
        slots.append((stem[end : match.start()].lower(), match["sign"] or "", match["number"]))
        end = match.end()
    return slots, name[end:].lower()


def _family(slots: list[Slot], rest: str) -> tuple[str, ...]:
    return (*(before for before, _, _ in slots), rest)


def _rules(members: list[list[Slot]]) -> list[tuple[bool, bool]]:
    """Of each number of a family: whether its signs count, and whether its decimals do."""
    columns = [[slots[n] for slots in members] for n in range(len(members[0]))]
    return [(_signed(column), _decimal(column)) for column in columns]


def _signed(column: list[Slot]) -> bool:
    """Whether the signs of the numbers at one place of a family belong to them."""
    signs = [sign for _, sign, _ in column]
    return any(signs) and (not all(signs) or "+" in signs or bool(re.search(r"(^|[=_ (\[,;])$", column[0][0])))


def _decimal(column: list[Slot]) -> bool:
    """Whether `1.25` is a number rather than the 25th part of 1."""
    parts = [number.partition(".")[2] for _, _, number in column]
    if _signed(column) or column[0][0].endswith("="):
        return True
    return len({len(part) for part in parts if part}) <= 1 or not any(part.endswith("0") for part in parts)


def _value(slot: Slot, signed: bool) -> float:
    return (-1.0 if signed and slot[1] in ("-", "−") else 1.0) * float(slot[2]) + 0.0


def _key(slots: list[Slot], rest: str, rules: list[tuple[bool, bool]]) -> Key:
    """Texts and numbers by turns; a sign that is a hyphen is text."""
    found: list[tuple[int, float | str]] = []
    for slot, (signed, decimal) in zip(slots, rules, strict=True):
        before = slot[0] if signed else slot[0] + slot[1]
        found += [(1, before)] if before else []
        whole, point, part = slot[2].partition(".")
        if decimal or not point:
            found.append((0, _value(slot, signed)))
        else:
            found += [(0, float(whole)), (1, point), (0, float(part))]
    return (*found, *([(1, rest)] if rest else []))

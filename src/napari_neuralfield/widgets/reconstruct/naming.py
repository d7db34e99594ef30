"""What a run is called: its method, what was changed from the preset, and its sample.

The method comes first because napari's list of layers leaves out the middle of a name, and shows what differs so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..jobs.activity import shortened

if TYPE_CHECKING:
    from ...data.acquisition import Draft
    from ...recon.engine.recipe import OptionInfo
    from .plan import Plan, Values

SAMPLE, CHANGES = 24, 2  # letters of the sample, changes that are named
SILENT = ("device",)  # options that change no answer


def run_title(draft: Draft, plan: Plan, recommended: Values | None = None) -> str:
    """What the layers of a run are called.

    Parameters
    ----------
    draft : what it is a run of.
    plan : of the run.
    recommended : options that the method is started with unless somebody changes them.
    """
    from ...recon.engine.recipe import options
    from ...registry import METHODS
    from ..view.layers import title_of

    name = plan.recipe.method
    infos = [info for info in options(name) if info.name not in SILENT]
    values = {info.name: getattr(plan.recipe, info.name) for info in infos}
    preset, changed = closest(infos, values, {"": recommended or {}, **METHODS[name].presets})
    tiles = "" if plan.tiles is None else f"tiles of {plan.tiles.side_px} px"
    where = "" if plan.region is None else "at " + ", ".join(f"{um:.3g}" for um in plan.offset_um) + " µm"
    words = [_words(info, values[info.name]) for info in changed[:CHANGES]] + ["…"] * (len(changed) > CHANGES)
    told = ", ".join(filter(None, (tiles, where, preset, *words)))
    changes = f"({told})" if told else ""
    return " ".join(filter(None, (name, changes, shortened(title_of(draft), SAMPLE))))


def closest(infos: Sequence[OptionInfo], values: Values, presets: Mapping[str, Values]) -> tuple[str, list[OptionInfo]]:
    """Name of the preset that `values` are nearest to, and the options that differ from it.

    Parameters
    ----------
    infos : of every option.
    values : what is set, by name.
    presets : what each sets; the rest is as usual.
    """

    def differing(name: str) -> list[OptionInfo]:
        preset = presets[name]
        return [one for one in infos if _plain(preset.get(one.name, one.default)) != _plain(values[one.name])]

    best = min(presets, key=lambda name: len(differing(name)))
    return best, differing(best)


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else getattr(value, "value", value)


def _words(info: OptionInfo, value: object) -> str:
    """An option as one says it."""
    ending = f"_{info.unit.replace('µ', 'u')}"
    word, plain = info.name.removesuffix(ending).replace("_", " "), _plain(value)
    if isinstance(plain, bool):
        return word if plain else f"no {word}"
    unit = f" {info.unit.replace('um', 'µm')}" if info.unit and plain is not None else ""
    said = " to ".join(map(_number, plain)) if isinstance(plain, tuple) else shortened(_number(plain), 16)
    return f"{word} {said}{unit}"


def _number(value: object) -> str:
    if value is None:
        return "automatic"
    return f"{value:g}" if isinstance(value, float) else str(value)

"""What a run needs, worked out without a window: methods and devices at hand, recipe, region, time left."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...app.selection import in_place
from ...data.selection import Slices
from ...types import Event, InputError, Preview, Result
from ..kit.warming import import_torch, importing
from . import in_tiles

if TYPE_CHECKING:
    from ...data.acquisition import Acquisition, Draft
    from ...recon.engine.recipe import Method, OptionInfo, Recipe
    from .in_tiles import Tiles

Values = Mapping[str, Any]  # of an acquisition or a recipe, by name
WHOLE_FRAME_KINDS = ("ptychography", "coded_ptychography")  # their frames are patterns, not pictures of a place


@dataclasses.dataclass(frozen=True)
class Library:
    """What there is to choose from.

    Parameters
    ----------
    methods : by name.
    devices : what can be computed on, the fastest first.
    problems : a sentence for each plug-in that is left out.
    """

    methods: dict[str, Method]
    devices: list[str]
    problems: tuple[str, ...] = ()

    def for_kind(self, kind: str) -> list[str]:
        return [name for name, method in self.methods.items() if kind in method.kinds]

    def recommended(self, draft: Draft | None) -> tuple[str, Values]:
        """Name and options of the best method for what is open, '' where there is none."""
        from ...recon import BEST, recommended

        if draft is None:
            return "", {}
        try:
            return recommended(draft.complete())
        except InputError:  # a value is missing still
            return BEST.get(draft.kind, ""), {}


@importing()
def load_library() -> Library:
    """Import every method; takes seconds the first time, so call it outside the window's thread."""
    import_torch()
    from ... import compute
    from ...registry import METHODS, READERS, problems

    methods = dict(METHODS.items())
    list(READERS)  # so that their plug-ins are known too
    return Library(methods, compute.devices(), tuple(map(str, problems())))


@dataclasses.dataclass(frozen=True)
class Plan:
    """One run, ready to start.

    Parameters
    ----------
    acquisition, recipe : what is reconstructed, and how.
    offset_um : where its region begins in the whole frame (y, x).
    whole : the acquisition before a region was cut; region : its first and last pixel (y, x), None for all.
    tiles : how it is cut into tiles; None: it is run in one piece.
    """

    acquisition: Acquisition
    recipe: Recipe
    offset_um: tuple[float, float]
    whole: Acquisition
    region: list[list[int]] | None = None
    tiles: Tiles | None = None

    def events(self) -> Iterator[Event]:
        """The run's events, fields placed where the region lies."""
        from ...recon.engine.recipe import run

        if self.tiles is not None:
            yield from in_tiles.events(self.whole, self.recipe, self.region, self.tiles)
            return
        stream = run(self.acquisition, self.recipe)
        try:
            for event in stream:
                yield in_place(event, self.offset_um)
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    def describe(self, preview: Preview) -> Result:
        """A result from an unfinished field, so that it can be saved and trusted like a finished one."""
        plain = {k: v for k, v in self.acquisition.values().items() if isinstance(v, str | int | float)}
        plain.pop("title", None)
        recipe = self.recipe.model_dump(mode="json")
        return Result(preview.field, recipe=recipe, optics=plain, title=self.acquisition.title)


def plan_run(acquisition: Acquisition, method: str, values: Values, region: Slices | None = None) -> Plan:
    """The recipe and the acquisition of a run.

    Parameters
    ----------
    acquisition : whole.
    method, values : name and options of the method.
    region : (y, x) slices of the frame, pixels; the whole frame where None.

    Raises
    ------
    InputError : for an option that breaks its rule, or a kind that has no regions.
    """
    from ...recon.engine.recipe import build

    recipe = build(method, values)
    if region is None:
        return Plan(acquisition, recipe, (0.0, 0.0), acquisition)
    if acquisition.kind in WHOLE_FRAME_KINDS:
        raise InputError(f"a region cannot be cut from the patterns of {acquisition.kind}; clear the region")
    step = float(getattr(acquisition, "pixel_um", 1.0))
    y, x = (float(s.start) * step for s in region)
    cut = [[int(s.start), int(s.stop)] for s in region]
    return Plan(acquisition.crop(*region), recipe, (y, x), acquisition, cut)


def of_one_specimen(info: OptionInfo) -> bool:
    """Whether an option's value belongs to one file, as depths do, so that another must not be given it in silence."""
    if info.name in ("frame", "frames", "prior_file", "scan_rotation_deg") or info.name.startswith("probe_"):
        return True
    return info.optional and info.default is None and info.unit in ("um", "mm", "rad", "mrad", "deg")


def differs(value: object, info: OptionInfo) -> bool:
    """Whether the `value` of a recipe, as JSON has it, is another than the default of the option `info`."""
    plain = getattr(info.default, "value", info.default)
    if isinstance(value, list | tuple) and isinstance(plain, list | tuple):
        return list(value) != list(plain)
    return bool(value != (str(plain) if isinstance(plain, Path) else plain))

"""Options shared by the methods that reconstruct ptychographic scans."""

from __future__ import annotations

import pydantic

from ...forward.scan import Borders
from ..engine.recipe import Recipe, option
from .orientation import Orientation


class ScanRecipe(Recipe):
    """What every method for ptychographic and coded scans offers."""

    update_probe: bool | None = option(
        None, "solve for the probe or coded surface too; empty: unless a coded surface is given"
    )
    modes: int | None = option(
        None,
        "probe modes, for partially coherent light in the far field; empty: as many as the file's probe has",
        ge=1,
        le=20,
    )
    correct_positions: bool | None = option(None, "correct the positions too; empty: where the frames ask for it")
    hold_out: int = option(
        0, "leave out every n-th frame and tell how well it is predicted; 0: use all frames", ge=0, le=100
    )
    use_every: int = option(
        1, "use every n-th frame only and tell how well the others are predicted; 1: use all", ge=1, le=100
    )
    borders: Borders = option(
        "auto", "whether the field repeats at the borders of a coded frame; auto: look at the frames", advanced=True
    )
    pad: int | None = option(
        None,
        "detector pixels around each frame from which light comes in, in the near field and at open borders; empty: as "
        "far as it spreads",
        ge=0,
        le=4096,
        advanced=True,
    )
    seed_probe: bool = option(True, "start from the file's probe where it has one", advanced=True)
    probe_search: bool = option(
        True, "in the far field without a probe, look for the distance of its focus first", advanced=True
    )
    orientation: Orientation = option(
        "as-given", "how the positions run against the file; try all eight with --orientations", advanced=True
    )

    scan_rotation_deg: float | None = option(
        None,
        "angle of the scan against the detector, from y towards x; empty: as the frames tell it where electrons come "
        "through a described probe, else as given",
        ge=-360,
        le=360,
        advanced=True,
    )

    @pydantic.field_validator("hold_out")
    @classmethod
    def _frames_are_left(cls, value: int) -> int:
        if value == 1:
            raise ValueError("should be 0, or 2 or more, else every frame would be left out")
        return value

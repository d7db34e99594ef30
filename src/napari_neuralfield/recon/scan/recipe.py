"""Options shared by the methods that reconstruct ptychographic scans."""

from __future__ import annotations

import numpy as np
import pydantic

from ...data.acquisition import Acquisition, CodedPtychography, Ptychography
from ...forward.scan import Borders, scan_of
from ...optics.probe import NAMES
from ..engine.recipe import Recipe, option
from .orientation import Orientation


class ProbeOptions(Recipe):
    """The probe of a far-field scan in numbers, in the place of the file's; see `optics.probe`."""

    probe_diameter_um: float | None = option(
        None, "diameter of the light at the sample in the far field; alone, an evenly lit disc", unit="um", gt=0
    )
    probe_defocus_um: float | None = option(
        None, "how far the light's focus lies before the sample; negative: behind it", unit="um"
    )
    probe_na: float | None = option(None, "sine of the half angle of the light's cone", gt=0, lt=1)
    probe_semi_angle_mrad: float | None = option(None, "half angle of the light's cone", unit="mrad", gt=0)
    probe_outer_zone_um: float | None = option(None, "outermost zone of the zone plate", unit="um", gt=0)
    probe_stop: float | None = option(
        None, "diameter of the lens's central stop over that of its aperture", ge=0, lt=1, advanced=True
    )
    probe_spherical_um: float | None = option(None, "spherical aberration C3 of the lens", unit="um", advanced=True)
    probe_astigmatism_um: float | None = option(
        None, "half the distance between the two line foci of the lens", unit="um", advanced=True
    )
    probe_astigmatism_rad: float | None = option(
        None, "direction from x towards y along which light has its focus nearer to the lens", unit="rad", advanced=True
    )


class ScanRecipe(ProbeOptions):
    """What every method for ptychographic and coded scans offers."""

    update_probe: bool | None = option(
        None, "solve for the probe or coded surface too; empty: unless a coded surface is given"
    )
    modes: int | None = option(
        None,
        "probe modes, for partially coherent light in the far field; empty: as many as the file's probe has, of one or "
        "none as many as predict frames left out best",
        ge=1,
        le=20,
    )
    correct_positions: bool | None = option(None, "correct the positions too; empty: where the frames ask for it")
    hold_out: int = option(
        0, "leave out every n-th frame by brightness and tell how well it is predicted; 0: use all", ge=0, le=100
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
        True,
        "in the far field look for the probe by quick trials first, or check the given one; what is better is taken",
        advanced=True,
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

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """Probe, modes and room around the frames of an `acquisition`; the rest is seen in its frames."""
        if not isinstance(acquisition, Ptychography | CodedPtychography):
            return {}
        coded, far = isinstance(acquisition, CodedPtychography), is_far_field(acquisition)
        given = None if isinstance(acquisition, CodedPtychography) else acquisition.probe
        modes = 1 if given is None or np.ndim(given) < 3 else len(given)
        found: dict[str, object] = dict.fromkeys(NAMES, "as in the file" if given is not None else "not given")
        if not far:
            found |= {**dict.fromkeys(NAMES, "of the far field"), "modes": 1, "scan_rotation_deg": "as given"}
        elif modes > 1:
            found["modes"] = modes
        if far or self.borders == "periodic":
            found["pad"] = 0
        elif (not coded or self.borders == "open") and acquisition.positions_um is not None:
            found["pad"] = scan_of(acquisition, borders="open", pad=None).pad
        return found if far else {**found, "update_probe": not surface_given(acquisition)}

    def used_of(self, frames: int) -> int:
        """How many of so many `frames` are used, and not left out."""
        numbers = np.arange(frames)
        every = self.hold_out or frames + 1
        return int(np.sum((numbers % every != every - 1) & (numbers % self.use_every == 0)))

    @pydantic.field_validator("hold_out")
    @classmethod
    def _frames_are_left(cls, value: int) -> int:
        if value == 1:
            raise ValueError("should be 0, or 2 or more, else every frame would be left out")
        return value


def is_far_field(acquisition: Acquisition) -> bool:
    """Whether it is a scan of diffraction patterns."""
    return getattr(acquisition, "geometry", "") == "far_field"


def surface_given(acquisition: Acquisition) -> bool:
    """Whether it is a coded scan whose surface the file gives."""
    return isinstance(acquisition, CodedPtychography) and acquisition.coded_surface is not None

"""The half angle of a cone of light, or the angle of a detector's pixel, from the bright disc of a far-field scan."""

from __future__ import annotations

import math

import numpy as np

from ...data.acquisition import Draft
from ...data.derived import PIXEL_ANGLES, Values
from ...data.frames import LOOKED_AT, Frames, evenly_chosen, no_data
from ...optics.electrons import bright_disc
from ...optics.probe import ANGLES, LENS

APART = 1.12  # between the angle that is said and that of the disc; of 24 random discs 3.4 % at most


def disc_of(frames: Frames, mask: object = None) -> float | None:
    """Radius of the bright disc in the mean of some `frames` (frame, y, x), pixels; None where there is none.

    `mask` : True where a pixel is good (y, x); None: everywhere.
    """
    some = np.stack([np.asarray(frames[int(n)], dtype=float) for n in evenly_chosen(frames.shape[0], LOOKED_AT)])
    mean = np.where(no_data(some), 0, some).mean(0)
    good = np.ones(mean.shape, bool) if mask is None else np.asarray(mask, bool)
    return (
        bright_disc(np.where(good, mean, np.median(mean[good]) if good.any() else 0))
        if good.shape == mean.shape
        else None
    )


def lacks_angle(said: Values) -> bool:
    """Whether numbers `said` of a probe describe a lens or its focus, but not the angle of its cone."""
    names = {name for name, value in said.items() if value is not None}
    return bool(names & {"probe_defocus_um", *LENS}) and not names & {"probe_diameter_um", *ANGLES}


def settle_cone(draft: Draft) -> None:
    """Add to a far-field scan what its bright disc tells and nobody says of cone or pixel; say what disagrees.

    `draft` : as file and sidecar have it.
    """
    values, known = draft.values, draft.derived()
    try:
        wavelength, pixel = float(known["wavelength_um"]), float(known.get("object_pixel_um", 0.0))
        na = said_na(values)
    except (KeyError, TypeError, ValueError):
        return
    if known.get("geometry") != "far_field" or len(draft.frames.shape) != 3 or not (na or lacks_angle(values)):
        return
    if na and pixel and not any(name in values for name in PIXEL_ANGLES):
        return  # lengths are said, and the angle
    radius = disc_of(draft.frames, values.get("mask"))
    if radius is None:
        return
    side, how = min(draft.frames.shape[1:]), f"the bright disc of the mean pattern is {radius:.3g} pixels in radius"
    found = 1e3 * math.asin(min(1.0, radius * wavelength / (side * pixel))) if pixel else 0.0
    if na and not pixel:
        values["detector_pixel_mrad"] = 1e3 * math.asin(na) / radius
        draft.notes.append(
            f"{how}, edges at half height, and the cone's half angle is {1e3 * math.asin(na):.4g} mrad: so a detector "
            f"pixel is taken as {values['detector_pixel_mrad']:.4g} mrad; detector_pixel_mrad overrides this"
        )
    elif pixel and not na:
        values["probe_semi_angle_mrad"] = found
        draft.notes.append(
            f"{how}, edges at half height: so the cone's half angle is taken as {found:.4g} mrad; "
            "probe_semi_angle_mrad overrides this"
        )
    elif not 1 / APART < found / (1e3 * math.asin(na)) < APART:
        draft.notes.append(
            f"{how}, which makes a half angle of {found:.4g} mrad, but {1e3 * math.asin(na):.4g} mrad is said: correct "
            "that, or the angle of the detector's pixel"
        )


def said_na(values: Values) -> float:
    """Sine of the half angle of the cone that `values` say; 0 where they do not."""
    if values.get("probe_na") is not None:
        return float(values["probe_na"])
    angle = values.get("probe_semi_angle_mrad")
    return 0.0 if angle is None else math.sin(1e-3 * float(angle))

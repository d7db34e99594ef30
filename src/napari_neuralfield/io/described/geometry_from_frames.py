"""Near or far field, where a file does not say: from how the frames move with the specimen."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...checks.near_or_far import MovingShadows, moving_shadows
from ...data.derived import FROM_FOCUS, Values
from ...data.frames import Frames

PARALLEL = 0.03  # a pixel at the specimen this near to the detector's own means a parallel beam
OVERRIDE = "geometry and object_pixel_um (or focus_to_sample_um) in a sidecar override this"
LENGTHS = ("wavelength_um", "distance_um", "detector_pixel_um")


@dataclasses.dataclass
class GeometryFromFrames:
    """What to assume of the geometry of `frames`, and the note that says why, from the values that are given.

    Near field: the picture moves across the detector with the specimen, and the light that it shows is wider than the
    wavelength * distance / detector pixel that far-field patterns could hold. Otherwise far field.
    """

    frames: Frames
    _seen: dict[bytes, MovingShadows | None] = dataclasses.field(default_factory=dict)

    def __call__(self, given: Values) -> tuple[Values, str]:
        """Assumed values by name, and the note; nothing where `given` says the geometry, no note where it decides."""
        if given.get("geometry") is not None:
            return {}, ""
        if given.get(FROM_FOCUS) is not None:
            return {"geometry": "near_field"}, ""
        assumed, note = self._from_frames(given)
        return assumed, note if given.get("object_pixel_um") is None else ""

    def _from_frames(self, given: Values) -> tuple[Values, str]:
        try:
            wavelength, distance, detector = (float(given[name]) for name in LENGTHS)
            positions = np.asarray(given["positions_um"], dtype=float)
        except (KeyError, TypeError, ValueError):
            positions = np.empty((0, 2))
        if positions.shape != (self.frames.shape[0], 2):
            return {"geometry": "far_field"}, f"taken as far field, as nothing says otherwise; {OVERRIDE}"
        seen = self._shadows(positions, given.get("mask"))
        if seen is None:
            return {"geometry": "far_field"}, (
                f"taken as far field: the frames do not move with the specimen; {OVERRIDE}"
            )
        if not seen.near_field(wavelength, distance, detector):
            return {"geometry": "far_field"}, (
                "taken as far field: the frames move with the specimen as shadows in a defocused spot do, which is "
                f"{seen.lit_um:.3g} um wide, and far-field frames hold {wavelength * distance / detector:.3g} um; "
                f"{OVERRIDE}"
            )
        return _near_field(seen, distance, detector)

    def _shadows(self, positions: np.ndarray, mask: object) -> MovingShadows | None:
        good = None if mask is None else np.asarray(mask, bool)
        good = good if good is not None and good.shape == tuple(self.frames.shape[1:]) else None
        key = positions.tobytes() + (b"" if good is None else good.tobytes())
        if key not in self._seen:
            self._seen = {key: moving_shadows(self.frames, positions, good)}
        return self._seen[key]


def _near_field(seen: MovingShadows, distance: float, detector: float) -> tuple[Values, str]:
    pixel = detector if abs(seen.pixel_um / detector - 1) < PARALLEL else seen.pixel_um
    if pixel == detector:
        cone = "as large as the detector's: a parallel beam"
    else:
        magnification = detector / pixel
        focus = f", the focus {distance / (magnification - 1) / 1e3:.3g} mm before it" if magnification > 1 else ""
        cone = f"{pixel:.4g} um: a cone beam, magnification {magnification:.4g}{focus}"
    return {"geometry": "near_field", "object_pixel_um": pixel}, (
        f"taken as near field: the frames move with the specimen, {1 / seen.pixel_um:.3g} pixels per um, so a pixel at "
        f"the specimen is {cone}; the file does not say it; {OVERRIDE}"
    )

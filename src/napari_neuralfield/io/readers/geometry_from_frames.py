"""Near or far field, where a file does not say: from how the frames move with the specimen."""

from __future__ import annotations

import numpy as np

from ...checks.near_or_far import moving_shadows
from ...data.acquisition import Draft

PARALLEL = 0.03  # a pixel at the specimen this near to the detector's own means a parallel beam
OVERRIDE = "geometry and object_pixel_um (or focus_to_sample_um) in a sidecar override this"


def assume_geometry(draft: Draft) -> None:
    """Assume what the frames tell, and note why.

    Near field: the picture moves across the detector with the specimen, and what it shows is wider than the
    wavelength * distance / detector pixel that far-field patterns could hold. Otherwise far field.
    """
    lengths = [draft.values.get(name) for name in ("wavelength_um", "distance_um", "detector_pixel_um")]
    positions = draft.values.get("positions_um")
    if None in lengths or positions is None or len(positions) != draft.frames.shape[0]:
        return
    wavelength, distance, detector = (float(n) for n in lengths if n is not None)
    seen = moving_shadows(draft.frames, np.asarray(positions), draft.values.get("mask"))
    held = wavelength * distance / detector  # um across, the same for any number of pixels
    if seen is None or seen.pixel_um * min(draft.frames.shape[1:]) < held:
        draft.assume(f"taken as far field: the frames do not move with the specimen; {OVERRIDE}", geometry="far_field")
        return
    pixel = detector if abs(seen.pixel_um / detector - 1) < PARALLEL else seen.pixel_um
    if pixel == detector:
        cone = "as large as the detector's: a parallel beam"
    else:
        magnification = detector / pixel
        focus = f", the focus {distance / (magnification - 1) / 1e3:.3g} mm before it" if magnification > 1 else ""
        cone = f"{pixel:.4g} um: a cone beam, magnification {magnification:.4g}{focus}"
    draft.assume(
        f"taken as near field: the frames move with the specimen, {1 / seen.pixel_um:.3g} pixels per um, so a pixel at "
        f"the specimen is {cone}; the file does not say it; {OVERRIDE}",
        geometry="near_field",
        object_pixel_um=pixel,
    )

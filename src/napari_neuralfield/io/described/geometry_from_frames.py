"""Near or far field, where a file does not say: from how the frames move with the specimen, in doubt by trials."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...checks.field_trials import FieldTrials, lit_to_the_border
from ...checks.near_or_far import MovingShadows, moving_shadows
from ...data.derived import FROM_FOCUS, IN_PIXELS, PIXEL_ANGLES, Values
from ...data.frames import Frames
from ...optics.probe import NAMES

PARALLEL = 0.03  # a pixel at the specimen this near to the detector's own means a parallel beam
AGREES = 0.02  # relative: an object pixel this near to what wavelength, distance and detector give is the far field's
OVERRIDE = "geometry and object_pixel_um (or focus_to_sample_um) in a sidecar override this"
CLEAR = 0.3  # correlation of shadows that need no trial
CERTAIN = 1.0, 2.6  # times the light that the far field holds: far fields measured up to 0.95, near fields from 2.2 on
FAINT = 0.1  # least correlation of shadows whose pixel is tried
BETTER, THAN_MEAN = 0.9, 0.97  # of the other field's error, and of the mean frame's: what the trials' best must reach
FAR = {"geometry": "far_field"}


@dataclasses.dataclass
class GeometryFromFrames:
    """What to assume of the geometry of `frames`, and the note that says why, from the values that are given.

    Near field: the picture moves across the detector with the specimen, and the light that it shows is wider than the
    wavelength * distance / detector pixel that far-field patterns could hold. Far field: it does not move, and its
    light ends before the border of the frames. Between them a few passes of both over a few frames decide; nothing is
    assumed where they do not.
    """

    frames: Frames
    _seen: dict[bytes, tuple[Values, str]] = dataclasses.field(default_factory=dict)

    def __call__(self, given: Values) -> tuple[Values, str]:
        """Assumed values by name, and the note; nothing where `given` says the geometry, no note where it decides."""
        if given.get("geometry") is not None:
            return {}, ""
        if given.get(FROM_FOCUS) is not None:
            return {"geometry": "near_field"}, ""
        if np.dtype(self.frames.dtype).kind not in "uif":  # no intensities, which is said when they are taken
            return FAR, ""
        said = next((name for name in (*PIXEL_ANGLES, *NAMES) if given.get(name) is not None), None)
        if said is not None:
            return FAR, f"taken as far field, of which alone {said} is told; {OVERRIDE}"
        found = _lengths(given, self.frames.shape)
        if found is None:
            return FAR, f"taken as far field, as nothing says otherwise; {OVERRIDE}"
        key = repr([(name, np.asarray(value).tobytes()) for name, value in vars(found).items()]).encode()
        if key not in self._seen:
            self._seen = {key: self._decided(found)}
        return self._seen[key]

    def _decided(self, given: _Given) -> tuple[Values, str]:
        if given.far_pixel_um is None or given.detector_pixel_um is None:  # no distance: no near field to be tried
            if not lit_to_the_border(self.frames, given.mask):
                return FAR, ""
            return self._tried(given, None)
        if given.object_pixel_um is not None and abs(given.object_pixel_um / given.far_pixel_um - 1) < AGREES:
            return FAR, ""
        seen = moving_shadows(self.frames, given.positions_um, given.mask, faint=FAINT)
        moves = seen is not None and seen.clear
        held = given.far_pixel_um * min(self.frames.shape[1:])
        if seen is not None and moves and seen.correlation > CLEAR and seen.lit_um > CERTAIN[1] * held:
            why = f"move with the specimen, {1 / seen.pixel_um:.3g} pixels per um"
            return _near_field(seen.pixel_um, given, why)
        if seen is not None and moves and seen.lit_um < CERTAIN[0] * held:
            return FAR, (
                "taken as far field: the frames move with the specimen as shadows in a defocused spot do, which is "
                f"{seen.lit_um:.3g} um wide, and far-field frames hold {held:.3g} um; {OVERRIDE}"
            )
        if not moves and not lit_to_the_border(self.frames, given.mask):
            return FAR, (
                "taken as far field: the frames do not move with the specimen, and their light ends before their "
                f"border; {OVERRIDE}"
            )
        return self._tried(given, seen)

    def _tried(self, given: _Given, seen: MovingShadows | None) -> tuple[Values, str]:
        """By trials of both; nothing where they do not tell."""
        place = given.positions_um if seen is None else seen.facing(given.positions_um)
        trials = FieldTrials(self.frames, place, given.mask)
        pixels = {given.object_pixel_um or given.detector_pixel_um, seen.pixel_um if seen is not None else None}
        near = {
            pixel: trials.near(pixel, given.wavelength_um, given.distance_um * pixel / given.detector_pixel_um)
            for pixel in pixels
            if pixel and given.distance_um and given.detector_pixel_um
        }
        far, mean = trials.far(given.far_step_um), trials.mean_error()
        pixel = min(near, key=lambda one: near[one], default=None)
        least = np.inf if pixel is None else near[pixel]
        figures = f"{least:.3g} in the near field, {far:.3g} in the far field"
        if pixel is None:
            figures = f"{far:.3g} in the far field, and the near field cannot be tried without distance_um"
        moves = seen is not None and seen.clear
        if pixel is not None and least < BETTER * far and (moves or least < THAN_MEAN * mean):
            return _near_field(pixel, given, f"left out are predicted better so ({figures})")
        if far < BETTER * least and far < THAN_MEAN * mean:
            return FAR, f"taken as far field: a few frames left out are predicted better so ({figures}); {OVERRIDE}"
        return {}, (
            "the file does not say near or far field, and short trials do not tell (error of frames left out "
            f"{figures}, by their mean {mean:.3g})"
        )


@dataclasses.dataclass(frozen=True)
class _Given:
    """What is known of a scan of unknown geometry; lengths in um, positions (frame, 2), mask True where good (y, x).

    `far_pixel_um` is the far field's by the three lengths, `far_step_um` a pixel of it in the unit of the positions.
    """

    positions_um: np.ndarray
    mask: np.ndarray | None
    wavelength_um: float
    distance_um: float | None
    detector_pixel_um: float | None
    object_pixel_um: float | None
    far_pixel_um: float | None
    far_step_um: float


def _lengths(given: Values, shape: tuple[int, ...]) -> _Given | None:
    """What is `given` as numbers, of frames of `shape`; None where neither field could be tried."""
    names = ("wavelength_um", "distance_um", "detector_pixel_um", "object_pixel_um")
    try:
        wavelength, distance, detector, pixel = (None if given.get(n) is None else float(given[n]) for n in names)
        in_pixels = given.get("positions_um") is None
        place = np.asarray(given[IN_PIXELS] if in_pixels else given["positions_um"], dtype=float)
    except (KeyError, TypeError, ValueError):
        return None
    if not wavelength or place.shape != (shape[0], 2):
        return None
    far = wavelength * distance / (min(shape[1:]) * detector) if distance and detector else None
    step = pixel or (detector if in_pixels else far)
    if not step or not (far or pixel):
        return None
    place = place * (step if in_pixels else 1.0)
    mask = given.get("mask")
    good = None if mask is None else np.asarray(mask, bool)
    good = good if good is not None and good.shape == tuple(shape[1:]) else None
    return _Given(
        place, good, wavelength_um=wavelength, distance_um=distance, detector_pixel_um=detector, object_pixel_um=pixel,
        far_pixel_um=far, far_step_um=step,
    )  # fmt: skip


def _near_field(found_um: float, given: _Given, why: str) -> tuple[Values, str]:
    detector, distance = given.detector_pixel_um or found_um, given.distance_um or 0.0
    pixel = given.object_pixel_um or (detector if abs(found_um / detector - 1) < PARALLEL else found_um)
    if pixel == detector:
        cone = "as large as the detector's: a parallel beam"
    else:
        magnification = detector / pixel
        focus = distance / (magnification - 1) / 1e3 if magnification > 1 else 0.0
        cone = f"{pixel:.4g} um: a cone beam, magnification {magnification:.4g}"
        cone += f", the focus {focus:.3g} mm before it" if focus else ""
    return {"geometry": "near_field", "object_pixel_um": pixel}, (
        f"taken as near field: the frames {why}, so a pixel at the specimen is {cone}; the file does not say it; "
        f"{OVERRIDE}"
    )

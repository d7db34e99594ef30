"""What a reconstructed scan says about its frames: where they looked, how far off, how well they fit. No Qt."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...types import Result

UNMOVED = 1e-3  # of a pixel: less is no correction
TIMES = (1, 2, 5, 10, 20, 50, 100)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScanFacts:
    """A scan as it is shown, on the object's axes.

    Parameters
    ----------
    given_um, found_um : middle of each frame's window on the object (frame, 2), um.
    error : relative amplitude error of each frame (frame,).
    held_out : frames that were left out to be predicted (frame,) bool.
    surface : probe or coded surface, complex (mode, y, x).
    name : 'probe' or 'coded surface'.
    pixel_um : of object and surface.
    """

    given_um: np.ndarray
    found_um: np.ndarray
    error: np.ndarray
    held_out: np.ndarray
    surface: np.ndarray
    name: str
    pixel_um: float

    @property
    def moves_um(self) -> np.ndarray:
        """From given to found (frame, 2), um."""
        return self.found_um - self.given_um

    @property
    def moved(self) -> bool:
        return float(np.abs(self.moves_um).max(initial=0.0)) > UNMOVED * self.pixel_um

    @property
    def gap_um(self) -> float:
        """Usual distance of a position from its nearest neighbour, um."""
        from scipy.spatial import cKDTree

        if len(self.found_um) < 2:
            return self.pixel_um * min(self.surface.shape[-2:]) / 4
        nearest = cKDTree(self.found_um).query(self.found_um, k=2)[0][:, 1]
        return max(float(np.median(nearest)), self.pixel_um / 2)

    @property
    def times(self) -> int:
        """How many times longer the moves may be drawn, so that they are seen and do not tangle."""
        usual = float(np.percentile(np.hypot(*self.moves_um.T), 90)) if len(self.found_um) else 0.0
        return max((times for times in TIMES if times * usual <= self.gap_um), default=1)


def scan_facts(result: Result | None) -> ScanFacts | None:
    """What is known of a scan's frames; None where the result is of no scan, or its run goes on."""
    found = {} if result is None else result.calibration
    name = "coded_surface" if "coded_surface" in found else "probe"
    if result is None or not {name, "positions_um", "nominal_positions_um", "frame_error"} <= set(found):
        return None
    surface = np.asarray(found[name])
    surface = surface[None] if surface.ndim == 2 else surface
    pixel = float(result.optics.get("pixel_um", result.field.extent.pixel_um))
    sign = -1.0 if name == "coded_surface" else 1.0  # there positions move the object, not the window
    half = (np.array(surface.shape[-2:]) - 1) / 2 * pixel
    error = np.asarray(found["frame_error"], dtype=float)
    given, corrected = (sign * np.asarray(found[k]) + half for k in ("nominal_positions_um", "positions_um"))
    return ScanFacts(
        given_um=given, found_um=corrected, error=error, held_out=_held_out(result, len(error)),
        surface=surface, name=name.replace("_", " "), pixel_um=pixel,
    )  # fmt: skip


def _held_out(result: Result, count: int) -> np.ndarray:
    """Frames that were left out (frame,) bool; results of older versions do not name them: every n-th in the file."""
    frames = np.arange(count)
    if "held_out" in result.calibration:
        return np.isin(frames, result.calibration["held_out"])
    every = int(result.recipe.get("hold_out") or count + 1)
    left_out: np.ndarray = (frames % every == every - 1) | (frames % int(result.recipe.get("use_every") or 1) != 0)
    return left_out


def summary(facts: ScanFacts) -> str:
    """One or two sentences about all frames."""
    used = facts.error[~facts.held_out]
    worst = int(np.argmax(facts.error))
    text = f"{len(facts.error)} frames, error {np.median(used):.3g} (worst {facts.error[worst]:.3g}, frame {worst})."
    if facts.held_out.any():
        text += f" Held out: {np.median(facts.error[facts.held_out]):.3g}."
    if not facts.moved:
        return f"{text} Positions as given."
    apart = facts.moves_um - facts.moves_um.mean(axis=0)  # a common shift only moves the object
    rms = float(np.sqrt((apart**2).sum(axis=1).mean()))
    return f"{text} Positions corrected by {rms:.3g} µm rms ({rms / facts.pixel_um:.2g} pixels), a common shift aside."


def legend(facts: ScanFacts) -> str:
    """What the colours of the positions mean."""
    if not facts.moved:
        return "Dots: where the frames looked."
    longer = f", {facts.times} times as long" if facts.times > 1 else ""
    return f"Orange rings: as given; blue dots: found; pink arrows: the way between{longer}."


def frame_text(facts: ScanFacts, frame: int) -> str:
    """Frame number `frame` of `facts` in a line."""
    y, x = facts.moves_um[frame]
    text = f"Frame {frame}: error {facts.error[frame]:.3g}"
    text += " (held out)" if facts.held_out[frame] else ""
    return f"{text}, moved by {y:+.3g}, {x:+.3g} µm (y, x)" if facts.moved else text

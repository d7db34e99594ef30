"""What is said about an LED board whose frames contradict its directions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..data.acquisition import LedArray
from ..data.frames import evenly_chosen
from ..optics.board import BoardPose
from .led_boards import FoundBoard, find_board
from .pixel_scale import pixel_scale
from .seen.frames import MAX_FRAMES, Check, Survey

MOST_PIXELS = 256  # along a side, of what is read to tell how bright a frame is
WEAK = 0.35  # agreement of the circles below which another pixel is tried
HALF_TURN = "half a turn more fits as well"


def board_checks(acquisition: LedArray, seen: Survey) -> Iterator[Check]:
    """Whether the LEDs of an `acquisition`, whose frames were `seen`, lie where their directions say."""
    if acquisition.coded_surface is not None or not np.isfinite(seen.means).all():
        return
    means = light(acquisition, seen.looked_at, seen.means)
    found = find_board(acquisition, seen.looked_at, means)
    if found is None or found.agreement[0] < WEAK:
        at_best = 0.0 if found is None else found.agreement[1]
        scaled = pixel_scale(acquisition, seen.looked_at, means, at_best)
        if scaled is not None:
            yield scaled
            return
    if found is None:
        return
    given, better = found.agreement
    if not found.fits:
        said = (
            f"The LED directions do not fit the frames ({_share(found.matched[0])} are bright or dark as they say; the "
            f"circles in the bright frames' spectra agree with them to {given:.2f}, 1 is perfect), and none of the "
            "orders, turns and shifts of the board that were tried does; check which LED lit which frame."
        )
        yield Check("led_board", "warning", given, "correlation", said)
    elif found.reading is not None:
        said = (
            f"The frames fit {found.reading.said}, not the LED directions as given: the circles in the bright frames' "
            f"spectra agree to {better:.2f} (as given {given:.2f}), and {_share(found.matched[1])} are bright or dark "
            f"as it says (as given {_share(found.matched[0])}); {found.reading.remedy} ({HALF_TURN})."
        )
        yield Check("led_board", "warning", given, "correlation", said)
    elif found.moved:
        said = (
            f"The frames show an LED board {moved(found.pose, acquisition)}: the circles in the bright frames' spectra "
            f"agree with that to {better:.2f} (as given {given:.2f}); {remedy(found.pose, acquisition)}, or run "
            f"neuralfield calibrate ({HALF_TURN})."
        )
        yield Check("led_board", "warning", given, "correlation", said)
    else:
        said = f"The circles in the bright frames' spectra lie where the LED directions say (agreement {given:.2f})."
        yield Check("led_board", "ok", given, "correlation", said)


def board_to_calibrate(acquisition: LedArray) -> FoundBoard | None:
    """How the frames of an `acquisition` show a board that calibration can put right; None where there is none."""
    shown = evenly_chosen(acquisition.frame_count, MAX_FRAMES)
    region = [slice((n - m) // 2, (n - m) // 2 + m) for n, m in
              ((n, min(n, MOST_PIXELS)) for n in acquisition.frame_shape)]  # fmt: skip
    frames = acquisition.frames
    means = np.array([np.mean(np.asarray(frames[int(k)])[region[0], region[1]], dtype=float) for k in shown])
    if acquisition.coded_surface is not None or not np.isfinite(means).all():
        return None
    means = light(acquisition, shown, means)
    found = find_board(acquisition, shown, means)
    if found is None or not (found.fits and found.moved):
        return None
    other_pixel = found.agreement[0] < WEAK and pixel_scale(acquisition, shown, means, found.agreement[1])
    return None if other_pixel else found


def light(acquisition: LedArray, shown: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Brightness of frames at equal exposure (n,).

    Parameters
    ----------
    acquisition : its background or pedestal and its exposures.
    shown : numbers of the frames (n,).
    means : of their pixels, as the camera gave them (n,).
    """
    if acquisition.background is not None:
        means = means - float(np.mean(acquisition.background))
    elif acquisition.pedestal:
        means = means - acquisition.pedestal
    return means if acquisition.exposure is None else means / acquisition.exposure[shown]


def moved(pose: BoardPose, acquisition: LedArray) -> str:
    """'turned by 15 deg and shifted by 0.01 NA', what differs of a `pose` from the given one of `acquisition`."""
    words = []
    turn, shift = np.rad2deg(pose.turn_rad), np.array(pose.shift)
    if abs(turn) > 1:
        words.append(f"turned by {turn:.0f} deg (from x, right, towards y, down)")
    if np.hypot(*shift) > 0.05 * acquisition.objective_na:
        height = acquisition.led_height_mm
        y, x = shift if height is None else shift * height
        words.append(f"shifted by (y, x) = ({y:.2g}, {x:.2g}) {'board heights' if height is None else 'mm'}")
    if abs(np.log(pose.scale)) > 0.05:
        words.append(f"seen {pose.scale:.2f} times as large (pitch over height)")
    return " and ".join(words)


def remedy(pose: BoardPose, acquisition: LedArray) -> str:
    """What to write in the sidecar to reach a `pose` of the board of `acquisition`."""
    words = []
    turn = np.rad2deg(pose.turn_rad)
    if abs(turn) > 1:
        words.append(f"add {turn:.0f} to rotation_deg")
    if np.hypot(*pose.shift) > 0.05 * acquisition.objective_na:
        words.append("correct centre_mm")
    if abs(np.log(pose.scale)) > 0.05:
        words.append(f"divide height_mm by {pose.scale:.2f}")
    return f"{' and '.join(words)} in the sidecar's leds"


def _share(part: float) -> str:
    return f"{100 * part:.0f} % of the frames"

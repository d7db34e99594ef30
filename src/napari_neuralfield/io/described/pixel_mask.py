"""What the mask of a file says of its pixels: CXI's bits by their meaning, and masks written the other way round."""

from __future__ import annotations

import numpy as np

from ...data.frames import Frames, evenly_chosen, no_data

REMARKS = {  # bits that say something of a pixel which may be used all the same
    0x20: "lies in a peak",
    0x800: "was corrected for artefacts",
    0x1000: "has signal",
    0x2000: "is a peak of the hit finder",
    0x4000: "was corrected for background",
}
SAMPLED = 12  # frames looked at
MOST_LIGHT, NEARLY_ALL = 0.9, 0.999  # shares of the amplitude
MORE_THAN = 0.02  # of the pixels: a few bright ones may be masked rightly


def good_by_bits(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """True where no bit of a CXI mask speaks against a pixel, and those bits that are mere remarks.

    Parameters
    ----------
    mask : numbers or booleans of any shape; 0 is a perfect pixel.
    """
    if mask.dtype.kind not in "ui":
        return mask == 0, 0
    bits, remarks = mask.astype(np.int64), sum(REMARKS)
    bad = (bits & ~remarks) != 0
    return ~bad, int(np.bitwise_or.reduce((bits & remarks)[~bad], axis=None)) if (bits[~bad] != 0).any() else 0


def remark(bits: int) -> str:
    """A note on `bits` that mask nothing; empty where there are none."""
    said = [f"{bit:#x} ({meaning})" for bit, meaning in REMARKS.items() if bits & bit]
    what = f"bit {said[0]} of the mask says" if len(said) == 1 else f"bits {', '.join(said)} of the mask say"
    return f"{what} nothing against a pixel" if said else ""


def light_on(bad: np.ndarray, frames: Frames) -> float:
    """Share of the light's amplitude that falls on pixels called `bad` (y, x); NaN where there is no light.

    Parameters
    ----------
    frames : some of which are looked at; values that stand for no value are left out.
    """
    total = np.zeros(frames.shape[1:])
    for index in evenly_chosen(frames.shape[0], SAMPLED):
        frame = np.asarray(frames[int(index)])
        total += np.where(no_data(frame), 0, frame)
    amplitude = np.sqrt(total)
    return float(amplitude[bad].sum() / amplitude.sum()) if amplitude.any() else float("nan")


def right_way_round(good: np.ndarray, frames: Frames) -> tuple[np.ndarray, str]:
    """The mask, inverted where it beyond doubt calls the bright pixels bad and the dark ones good, and a note on it.

    Parameters
    ----------
    good : of a mask of zeros and ones (y, x), as the file's convention has it.
    frames : that it belongs to.
    """
    bad_share = 1 - float(good.mean())
    if not MORE_THAN < bad_share < 1 or good.shape != tuple(frames.shape[1:]):
        return good, ""
    share = light_on(~good, frames)
    if not (share > NEARLY_ALL or (share > MOST_LIGHT and bad_share > 0.5)):
        return good, ""
    return ~good, (
        f"the mask calls {100 * bad_share:.3g} % of the pixels bad, and these hold {100 * share:.3g} % of the light: "
        "it is inverted, so it is read as 1 = good; a mask in a sidecar (True is a good pixel) overrides this"
    )

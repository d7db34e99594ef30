"""How two fields lie against each other, by what both show: phase correlation, refined where both are asked anew.

A field answers between pixels, so the second one is asked again where it was found to lie, until nothing moves.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, gaussian_laplace

from ...types import Field, InputError

SMOOTH = 1.5  # px of the Gaussian under the Laplacian
FINER = 50  # parts of a pixel that a peak is read to
TURNS = 4  # of asking anew
STILL = 0.02  # px
ALIKE = 0.3  # likeness that fields of one place have at least
GRAIN_PX2 = 25  # pixels that a grain of texture covers
LEAST_PX = 16  # along each side of an overlap that tells anything
LEAST_SHARE = 0.3  # of the largest overlap, below which no displacement is looked at


@dataclasses.dataclass(frozen=True, eq=False)
class Overlap:
    """What two fields share.

    Parameters
    ----------
    first, second : numbers of the fields.
    step_um : (y, x) from the first's place to the second's, um, as found.
    likeness : correlation of what both show there, at most 1.
    pixels : how many they share.
    """

    first: int
    second: int
    step_um: np.ndarray
    likeness: float
    pixels: int


def shows_the_same(overlap: Overlap | None, searched: bool) -> bool:
    """Whether an `overlap` is more than chance, which finds more where many displacements were `searched`."""
    if overlap is None:
        return False
    chance = (GRAIN_PX2 / overlap.pixels) ** 0.5  # standard deviation of the likeness of what has nothing in common
    return overlap.likeness >= max(ALIKE, (8 if searched else 3) * chance)


def overlap_of(
    numbers: tuple[int, int], fields: tuple[Field, Field], step_um: np.ndarray, pixel_um: float, reach_px: int
) -> Overlap | None:
    """How the second of two fields lies against the first; None where they share too little.

    Parameters
    ----------
    numbers : of the fields.
    fields : complex, or phases.
    step_um : (y, x), um: where the second lies against the first as far as is known.
    pixel_um : to compare them on.
    reach_px : how far `step_um` may be off; 0: it is only refined.
    """
    step = np.array(step_um, dtype=float)
    if reach_px:
        coarse = _coarse(fields, step, pixel_um, reach_px)
        if coarse is None:
            return None
        step = step + coarse * pixel_um
    likeness, pixels = -1.0, 0
    for _ in range(TURNS):
        both = [_shown(field, box, pixel_um) for field, box in zip(fields, shared(fields, step), strict=True)]
        if any(image is None for image in both):
            return None
        one, other = _same_size(both)
        likeness, pixels = _likeness(one, other), one.size
        moved = _fine(one, other)
        if np.abs(moved).max() > max(LEAST_PX / 2, 1):
            break
        step = step + moved * pixel_um
        if np.abs(moved).max() < STILL:
            break
    return Overlap(*numbers, step_um=step, likeness=likeness, pixels=pixels)


def shared(fields: tuple[Field, Field], step_um: np.ndarray, wider_um: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """What two fields share, as boxes (low, high) of (y, x) from the first pixel of each, um; empty if low >= high.

    Parameters
    ----------
    fields : both.
    step_um : (y, x) from the first's place to the second's.
    wider_um : how much more is taken of each on all sides.
    """
    sizes = [np.array(field.extent.size_um) for field in fields]
    low, high = np.maximum(0, step_um), np.minimum(sizes[0], step_um + sizes[1])
    boxes = [np.array([low, high]), np.array([low, high]) - step_um]
    wide = [np.array([box[0] - wider_um, box[1] + wider_um]) for box in boxes]
    return tuple(np.clip(box, 0, size) for box, size in zip(wide, sizes, strict=True))


def asked(field: Field, box: np.ndarray, pixel_um: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Pixel centres along y and x inside a `box`, um from the first pixel's; None where it is too small.

    Parameters
    ----------
    field : to ask.
    box : of `shared`.
    pixel_um : between the centres.
    """
    count = np.floor((box[1] - box[0]) / pixel_um + 1e-6).astype(int)
    if (count < LEAST_PX).any():
        return None
    y, x = (low + pixel_um * np.arange(n) for low, n in zip(box[0], count, strict=True))
    return y, x


def values_at(field: Field, y_um: np.ndarray, x_um: np.ndarray, depths: tuple[float, ...] = (0.5,)) -> np.ndarray:
    """Values (z, y, x) at places from the field's first pixel.

    Parameters
    ----------
    field : to ask.
    y_um, x_um : places.
    depths : as parts of its range.
    """
    low, high = field.extent.z_um
    z = [low] if low == high else [low + part * (high - low) for part in depths]
    y0, x0 = field.extent.origin_um
    with torch.no_grad():
        return np.asarray(field.render(np.array(z), y0 + y_um, x0 + x_um).detach().cpu().numpy())


def _shown(field: Field, box: np.ndarray, pixel_um: float) -> np.ndarray | None:
    axes = asked(field, box, pixel_um)
    return None if axes is None else texture(values_at(field, *axes)[0])


def texture(values: np.ndarray) -> np.ndarray:
    """What of a plane (y, x), complex or a phase in rad, no offset, tilt or gain changes, nor a turn of 2 pi.

    The Laplacian of twice the phase less the logarithm of the amplitude: what absorbs is mostly thicker too.
    """
    if not np.iscomplexobj(values):
        return np.asarray(gaussian_laplace(values.astype(float), SMOOTH))
    size = np.abs(values)
    usual = max(float(np.median(size)), 1e-12)
    unit = values / np.maximum(size, 1e-12)
    bent = np.zeros(values.shape)
    for axis in (0, 1):
        ahead = np.angle(np.roll(unit, -1, axis) * np.conj(unit))
        change = ahead - np.roll(ahead, 1, axis)
        ends = [slice(None), slice(None)]
        for end in (0, -1):
            ends[axis] = slice(end, None) if end else slice(0, 1)
            change[tuple(ends)] = 0
        bent += change
    certain = np.minimum(1, size / usual) ** 2  # where it is dark, nothing is known of the phase
    dark = gaussian_laplace(np.log(np.maximum(size / usual, 0.05)), SMOOTH)
    return np.asarray(2 * gaussian_filter(bent * certain, SMOOTH) - dark)


def _coarse(fields: tuple[Field, Field], step: np.ndarray, pixel_um: float, reach_px: int) -> np.ndarray | None:
    """By how many pixels the second lies further than `step` says; None where nothing is shared."""
    boxes = shared(fields, step, reach_px * pixel_um)
    images = [_shown(field, box, pixel_um) for field, box in zip(fields, boxes, strict=True)]
    if images[0] is None or images[1] is None:
        return None
    moved = _registration()(
        images[0],
        images[1],
        reference_mask=_inside(images[0]),
        moving_mask=_inside(images[1]),
        overlap_ratio=LEAST_SHARE,
    )[0]
    starts = (boxes[0][0] - boxes[1][0] - step) / pixel_um  # of the two images against each other
    return np.asarray(moved + starts)


def _inside(image: np.ndarray) -> np.ndarray:
    """All but the rim, where filters reach beyond the image."""
    mask = np.zeros(image.shape, bool)
    mask[3:-3, 3:-3] = True
    return mask


def _fine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """By how many pixels `other` is to be moved to show what `one` shows."""
    fade = np.outer(*(np.hanning(n + 2)[1:-1] for n in one.shape))
    moved = _registration()(one * fade, other * fade, upsample_factor=FINER, normalization=None)[0]
    return np.asarray(moved)


def _registration():
    try:
        from skimage.registration import phase_cross_correlation
    except ImportError:
        raise InputError("stitch needs scikit-image, which is not here; pip install scikit-image") from None
    return phase_cross_correlation


def _same_size(images: list[np.ndarray | None]) -> tuple[np.ndarray, np.ndarray]:
    one, other = images
    assert one is not None
    assert other is not None
    rows, columns = (min(a, b) for a, b in zip(one.shape, other.shape, strict=True))
    return one[:rows, :columns], other[:rows, :columns]


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    inner = (slice(3, -3), slice(3, -3))
    a, b = one[inner] - one[inner].mean(), other[inner] - other[inner].mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 0 else 0.0

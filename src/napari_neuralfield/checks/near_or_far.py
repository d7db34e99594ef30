"""Near field or far field? In the near field a specimen's shadow moves across the detector as the specimen does.

How far it moves also tells the pixel at the specimen, and with it the magnification of a cone beam. In the far field of
a spot that is out of focus the pattern is a magnified shadow, too, and moves as well: there the spot that it shows is
no wider than the wavelength * distance / detector pixel that far-field patterns can hold. Where it is wider, the
patterns are too coarse for the far field, and free space over the same distance is well sampled.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from ..data.frames import Frames, no_data

FRAMES = 96  # looked at, those in the middle of the scan
SIDE = 256  # pixels; larger frames are binned
NEIGHBOURS = 8
ORIENTATIONS = tuple(itertools.product((False, True), (1, -1), (1, -1)))  # transposed, sign of y, sign of x
CORRELATION = 0.2  # least correlation of shadows that count as moving
WIDER = 1.6  # times what the far field holds: spots of the far field measured up to 0.95, near fields from 2.6 on
AHEAD = 1.3  # times the correlation in the other orientations: frames of the far field are as alike in all of them


@dataclasses.dataclass(frozen=True)
class MovingShadows:
    """How the frames move with the positions.

    pixel_um : detector pixel as it is at the specimen, um.
    lit_um : width of the light at the specimen, um: the disc that would be lit as the mean frame, were it lit evenly.
    correlation : mean correlation of neighbouring frames, moved onto each other.
    orientation : (transposed, sign of y, sign of x) of the positions at which the frames agree best.
    clear : whether it stands out against other orientations and against none.
    """

    pixel_um: float
    lit_um: float
    correlation: float
    orientation: tuple[bool, int, int]
    clear: bool = True

    @property
    def as_given(self) -> bool:
        """Whether the frames move the way the positions say."""
        return self.orientation == (False, 1, 1)

    def facing(self, positions_um: np.ndarray) -> np.ndarray:
        """`positions_um` (frame, 2) turned the way the frames move."""
        return _turned(positions_um, self.orientation)

    def near_field(self, wavelength_um: float, distance_um: float, detector_pixel_um: float) -> bool:
        """Whether the light is wider than far-field patterns can hold.

        Parameters
        ----------
        wavelength_um, distance_um, detector_pixel_um : of the light, from specimen to detector, and of the detector.
        """
        return self.lit_um > WIDER * wavelength_um * distance_um / detector_pixel_um


def moving_shadows(
    frames: Frames, positions_um: np.ndarray, mask: np.ndarray | None = None, *, faint: float | None = None
) -> MovingShadows | None:
    """What the frames' movement tells; None where they do not move with the positions.

    Parameters
    ----------
    frames : (frame, y, x).
    positions_um : corner of each window on the object (frame, 2), um.
    mask : True where a detector pixel is good (y, x).
    faint : least correlation of what is told though it is not clear; None: only what is.
    """
    place = np.asarray(positions_um, dtype=float)
    if len(place) < 4 or min(frames.shape[1:]) < 16 or not np.ptp(place, axis=0).any():
        return None
    middle = np.argsort(np.hypot(*(place - np.median(place, axis=0)).T))[:FRAMES]
    place = place[middle]
    spectra, envelope, lit, binning = _spectra(frames, middle, mask)
    pairs, between = _neighbours(place)
    shape = envelope.shape
    correlation = np.fft.irfft2(spectra[pairs[:, 0]] * spectra[pairs[:, 1]].conj(), s=shape)
    step = float(np.median(np.hypot(*between.T)))
    if not step > 0:
        return None
    scores, pixels = _scores(correlation, between, step)
    best, way = np.unravel_index(int(scores.argmax()), scores.shape)
    others = float(np.delete(scores, way, axis=1).max())
    found = float(scores[best, way])
    clear = found >= max(CORRELATION, AHEAD * others)
    if not clear and (faint is None or found < faint):
        return None
    moves = -_turned(between, ORIENTATIONS[way])
    pixel = _refined(correlation / np.maximum(envelope, 0.1), moves, float(pixels[best]))
    return MovingShadows(pixel / binning, lit * pixel, found, ORIENTATIONS[way], clear)


def _spectra(frames: Frames, chosen: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Spectra of what differs from the mean frame (frame, fy, fx), unit energy; their window's overlap; the width of
    the light, binned pixels; the binning."""
    binning = -(-max(frames.shape[1:]) // SIDE)
    rows, columns = (n // binning * binning for n in frames.shape[1:])
    stack = np.empty((len(chosen), rows // binning, columns // binning), np.float32)
    good = np.ones((rows, columns), bool) if mask is None else np.asarray(mask, bool)[:rows, :columns]
    for n, index in enumerate(chosen):
        frame = np.asarray(frames[int(index)])[:rows, :columns]
        frame = np.where(good & ~no_data(frame), frame, 0).astype(np.float32)
        stack[n] = frame.reshape(rows // binning, binning, -1, binning).sum((1, 3))
    stack = np.sqrt(np.clip(stack, 0, None))
    mean = np.sqrt((stack**2).mean(0))
    lit = mean > 0.1 * np.median(mean[mean > 0]) if mean.any() else mean > 0
    window = np.hanning(mean.shape[0] + 2)[1:-1, None] * np.hanning(mean.shape[1] + 2)[1:-1] * lit
    change = np.clip(stack / np.where(lit, mean, 1) - 1, -3, 3)
    change = (change - (change * window).sum((1, 2), keepdims=True) / max(window.sum(), 1e-9)) * window
    change /= np.sqrt((change**2).sum((1, 2), keepdims=True)) + 1e-9
    envelope = np.fft.irfft2(np.abs(np.fft.rfft2(window)) ** 2, s=window.shape)
    return np.fft.rfft2(change), envelope / max(envelope.max(), 1e-9), _lit_width(mean**2), binning


def _lit_width(light: np.ndarray) -> float:
    """Diameter of the evenly lit disc that fills as many pixels as `light` (y, x) does; single hot pixels left out."""
    from scipy.ndimage import median_filter  # here for the same reason as below

    smooth = median_filter(light, 3)
    return 2 * float(np.sqrt(smooth.sum() ** 2 / max(float((smooth**2).sum()), 1e-30) / np.pi))


def _neighbours(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of near frames (pair, 2), and their distance vectors (pair, 2), um."""
    from scipy.spatial import cKDTree  # here, because it takes 0.2 s to import and opening most files does not need it

    near = cKDTree(place).query(place, k=min(NEIGHBOURS, len(place) - 1) + 1)[1][:, 1:]
    both = np.stack([np.repeat(np.arange(len(place)), near.shape[1]), near.ravel()], axis=1)
    pairs = np.unique(np.sort(both, axis=1), axis=0)
    return pairs, place[pairs[:, 0]] - place[pairs[:, 1]]


def _turned(vectors: np.ndarray, orientation: tuple[bool, int, int]) -> np.ndarray:
    transposed, sign_y, sign_x = orientation
    return (vectors[:, ::-1] if transposed else vectors) * (sign_y, sign_x)


def _scores(correlation: np.ndarray, between: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean correlation at the shift that each pixel and orientation predict (pixel, orientation), and the pixels, um.

    What lies at P of the object is seen at P - position, so a frame moves against the difference of positions.
    """
    shape = np.array(correlation.shape[1:])
    moves = np.geomspace(1.5, shape.min() / 3, 30 * int(1 + np.log(shape.min())))
    pixels = step / moves
    pair = np.arange(len(between))
    scores = np.zeros((len(pixels), len(ORIENTATIONS)))
    for way, orientation in enumerate(ORIENTATIONS):
        turned = -_turned(between, orientation)
        for n, pixel in enumerate(pixels):
            shift = np.round(turned / pixel).astype(int)
            inside = (np.abs(shift) < shape / 2).all(1)
            if inside.sum() > len(pair) / 2:
                scores[n, way] = correlation[pair[inside], shift[inside, 0], shift[inside, 1]].mean()
    return scores, pixels


def _refined(correlation: np.ndarray, moves_um: np.ndarray, pixel_um: float, reach: int = 3) -> float:
    """The pixel from where the correlation of each pair peaks, to a fraction of a pixel; least squares, twice."""
    shape = np.array(correlation.shape[1:])
    around = np.arange(-reach, reach + 1)
    for _ in range(2):
        seen, expected = [], []
        for image, move in zip(correlation, moves_um, strict=True):
            whole = np.round(move / pixel_um).astype(int)
            if (np.abs(whole) > shape / 2.5).any():
                continue
            cut = image[np.ix_((whole[0] + around) % shape[0], (whole[1] + around) % shape[1])]
            y, x = np.unravel_index(int(cut.argmax()), cut.shape)
            if not (0 < y < 2 * reach and 0 < x < 2 * reach):
                continue
            seen.append(whole - reach + (y + _vertex(cut[y - 1 : y + 2, x]), x + _vertex(cut[y, x - 1 : x + 2])))
            expected.append(move)
        if len(seen) < 3:
            return pixel_um
        pixel_um = float(np.sum(np.square(expected)) / np.sum(np.array(seen) * np.array(expected)))
    return pixel_um


def _vertex(three: np.ndarray) -> float:
    """Where the parabola through three values at -1, 0, 1 is highest."""
    low, middle, high = (float(v) for v in three)
    bend = low - 2 * middle + high
    return 0.5 * (low - high) / bend if bend < 0 else 0.0

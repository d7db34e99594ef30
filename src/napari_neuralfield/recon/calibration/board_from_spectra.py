"""Where the LED board is, roughly, from pictures of the bright-field frames' spectra; no object is needed.

The spectrum of a bright-field frame is bright inside two circles of the objective's NA about plus and minus the
light's direction (Eckert, Phillips, Waller, Applied Optics 57, 5434 (2018)). A pose of the board is good where those
circles explain the spectra of all bright frames, and where the frames that are bright are those inside the NA.
Plus and minus cannot be told apart: half a turn of the board looks the same.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...checks.led_boards import downhill
from ...data.acquisition import LedArray
from ...data.geometry import depth_of_field_um
from ...optics.board import BoardPose
from ...optics.illumination import ORIENTATIONS, orient
from ..projection.pupil_start import STRONG, defocus_in_zernike, find_defocus, start_pupil
from .trial_microscope import TrialMicroscope

CROP = 128  # pixels of the central square that is looked at
DARKEST = 0.01  # of the brightest frame: no dark-field frame need be darker to be one
GAP = 2.0  # factor in brightness that parts dark from bright field
OUTSIDE = 20.0  # weight of the squared distance from the NA of frames on its wrong side
TURNS = np.deg2rad([-4.0, 0.0, 4.0])
UNIT = np.array([0.05, 0.01, 0.01, 0.02])  # what a turn, a shift and a scale are usually off by
FAR = 0.5  # depths of field: a sample further from focus is tried there
TOLD = 0.6  # of what a flat pupil leaves unexplained, that an aberration may leave to be believed
CLEARLY = 0.02  # a better orientation explains at least this much more of the spectra


@dataclasses.dataclass(frozen=True)
class Circles:
    """The bright frames' spectra on one half of the frequency plane.

    bright : which frames are bright field (led,) bool.
    spectra : modulus over its mean square (bright, frequency); y, x : frequencies over the pupil's cut-off.
    edge : one bin, in the same unit. objective_na : of the microscope.
    """

    bright: np.ndarray
    spectra: np.ndarray
    y: np.ndarray
    x: np.ndarray
    edge: float
    objective_na: float

    def misfit(self, na: np.ndarray) -> float:
        """Share of the spectra that directions `na` (led, 2) leave unexplained, and what lies on the wrong side."""
        centre = na[self.bright, :, None] / self.objective_na
        near = np.minimum(
            np.hypot(self.y - centre[:, 0], self.x - centre[:, 1]),
            np.hypot(self.y + centre[:, 0], self.x + centre[:, 1]),
        )
        inside = np.clip(0.5 + (1 - near) / (2 * self.edge), 0, 1)
        explained = (self.spectra * inside).sum(0) ** 2 / ((inside**2).sum(0) + 1e-3)
        beyond = (np.hypot(*na.T) - self.objective_na) * np.where(self.bright, 1, -1)
        wrong = np.minimum(np.maximum(beyond, 0), 0.2 * self.objective_na) / self.objective_na
        return float(1 - explained.sum() / (self.spectra**2).sum() + OUTSIDE / 16 * (wrong**2).sum())


def bright_frames(acquisition: LedArray, means: np.ndarray) -> np.ndarray:
    """Which frames are bright field (led,) bool: those above the widest gap in brightness, or inside the nominal NA.

    Parameters
    ----------
    acquisition : its directions decide where there is no clear gap.
    means : mean of each frame (led,), any unit.
    """
    steps = np.log(np.maximum(means, DARKEST * means.max()))
    order = np.sort(steps)
    gap = int(np.argmax(np.diff(order))) if len(order) > 1 else 0
    if len(order) < 2 or order[gap + 1] - order[gap] < np.log(GAP):
        return np.hypot(*np.asarray(acquisition.illumination_na).T) <= acquisition.objective_na
    return steps > (order[gap] + order[gap + 1]) / 2


def circles(acquisition: LedArray) -> Circles:
    """The spectra that tell where the LEDs are."""
    rows, columns = acquisition.frame_shape
    region = tuple(slice(max(0, (n - CROP) // 2), max(0, (n - CROP) // 2) + min(n, CROP)) for n in (rows, columns))
    frames = np.stack([acquisition.intensity([k], (region[0], region[1]))[0] for k in range(acquisition.frame_count)])
    means = frames.mean(axis=(1, 2))
    bright = bright_frames(acquisition, means)
    if not bright.any():
        bright = means >= np.median(means)  # the brightest half, where none is bright field
    cutoff = acquisition.objective_na / acquisition.wavelength_um
    window = np.hanning(frames.shape[1])[:, None] * np.hanning(frames.shape[2])[None, :]
    spectra = np.abs(np.fft.fft2((frames[bright] / means[bright, None, None] - 1) * window))
    y, x = (np.fft.fftfreq(n, acquisition.pixel_um) / cutoff for n in frames.shape[1:])
    grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
    radius = np.hypot(grid_y, grid_x)
    half = (radius > 0.15) & (radius < 1.9) & ((grid_y > 0) | ((grid_y == 0) & (grid_x > 0)))
    seen = spectra[:, half]
    level = np.sqrt((seen**2).mean(axis=0))
    edge = 0.7 / (min(frames.shape[1:]) * acquisition.pixel_um) / cutoff
    return Circles(
        bright=bright,
        spectra=seen / np.maximum(level, 1e-12),
        y=grid_y[half],
        x=grid_x[half],
        edge=edge,
        objective_na=acquisition.objective_na,
    )


def first_guess(acquisition: LedArray, check_orientation: bool = True) -> tuple[str, np.ndarray, BoardPose]:
    """Name and matrix of the board's orientation, one of `ORIENTATIONS`, and its pose in that orientation.

    Of two orientations half a turn apart, which look the same, the first is named.

    Parameters
    ----------
    acquisition : frames of single LEDs.
    check_orientation : try all orientations; otherwise the one that is given is kept.
    """
    found = circles(acquisition)
    nominal = np.asarray(acquisition.illumination_na)
    name, matrix = ORIENTATIONS[0]
    if found.bright.sum() < 4:
        return name, matrix, BoardPose()
    nothing = BoardPose().vector

    def misfit(step: np.ndarray, matrix: np.ndarray) -> float:
        return found.misfit(BoardPose.of(nothing + step * UNIT).place(orient(nominal, matrix)))

    if check_orientation:
        best = {
            k: min(misfit(np.array([turn / UNIT[0], 0, 0, 0]), ORIENTATIONS[k][1]) for turn in TURNS)
            for k in range(0, len(ORIENTATIONS), 2)
        }
        winner = min(best, key=lambda k: best[k])
        if best[winner] < best[0] - CLEARLY:
            name, matrix = ORIENTATIONS[winner]
    answer, _ = downhill(lambda step: misfit(step, matrix))
    return name, matrix, BoardPose.of(nothing + answer * UNIT)


def with_strong_pupil(microscope: TrialMicroscope, acquisition: LedArray, learn_z: bool) -> TrialMicroscope:
    """`microscope` with the aberration that the bright frames' spectra show, where that is too strong to be fitted.

    Parameters
    ----------
    microscope : as it is believed to be.
    acquisition : its frames, with directions as they are believed to be; a pupil in it is kept.
    learn_z : whether the aberration's defocus is the sample's depth, which otherwise stays.
    """
    if not microscope.noll or acquisition.pupil is not None:
        return microscope
    start = start_pupil(acquisition, microscope.z_um)
    if start.flat < STRONG or start.misfit > TOLD * start.flat:
        return microscope
    by_noll = dict(zip(start.noll, start.coefficients.tolist(), strict=True))
    cutoff = acquisition.objective_na / acquisition.wavelength_um
    depth = by_noll[4] / defocus_in_zernike(cutoff, acquisition.wavelength_um) if learn_z else 0.0
    return microscope.changed(
        coefficients=np.array([by_noll.get(noll, 0.0) for noll in microscope.noll]), z_um=microscope.z_um + depth
    )


def far_depths(acquisition: LedArray, z_um: float) -> list[float]:
    """Depths to try where nobody knows one: `z_um`, and what the bright frames' spectra show clearly elsewhere.

    `acquisition` : with directions as they are believed to be.
    """
    if acquisition.sample_z_um is not None:
        return [z_um]
    seen, clear = find_defocus(acquisition)
    far = clear and abs(seen - z_um) > FAR * depth_of_field_um(acquisition)
    return [z_um, seen] if far else [z_um]

"""What the network for five LED patterns is shown: frames in units that no longer know their microscope.

Channels: two bright-field halves, three dark-field arcs, the phase by differential phase contrast, and how far the
arcs are turned (a constant). Scale-free: the pixel is CANONICAL.pixel wavelengths / NA, directions are shares of the
NA. Frames of other microscopes are turned, mirrored, put in order and resampled until they look so.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from scipy import ndimage

from ...checks.patterns import five_frames
from ...data.acquisition import MultiplexedLed
from ...data.borders import patterns_repeat
from ...fields.placement import Placement
from ...networks.channel_units import TURN_UNIT_DEG
from ...optics.board import turn_matrix
from ...optics.grids import resample
from ...optics.patterns import angles_of
from .dpc import MARGIN, DpcSolver

CHANNELS = ("bright 1", "bright 2", "dark 1", "dark 2", "dark 3", "dpc phase", "arc turn")
DARK_KNEE = 0.02  # share of the bright field at which the dark field is compressed to its root
SAME_PIXEL = 0.03  # relative difference of the pixel that is left as it is
SMALL_TURN_DEG = 6.0  # turns of the board that the training knows
CANONICAL_RATIO = 12.9  # light of an arc over that of a bright-field half, with LEDs equally bright
MIRRORED = 16  # pixels of mirrored border where frames are resampled
FINER = 3  # pixels per pixel from which turned images are read


@dataclasses.dataclass(frozen=True)
class Canonical:
    """The microscope that the shipped network knows; lengths in wavelength / NA, directions in NA.

    Parameters
    ----------
    pixel : of a frame.
    upsampling : pixels of the phase per frame pixel.
    pitch, limit : of the square LED board, and the steepest LED.
    axis_deg : from which half the first bright-field frame is lit, as the direction of the waves, +x towards +y.
    arcs_deg : middles of the three dark-field arcs, likewise.
    regulariser : of the differential phase contrast.
    """

    pixel: float = 1.625 * 0.1 / 0.63
    upsampling: int = 6
    pitch: float = 0.5525
    limit: float = 3.85
    axis_deg: float = 45.0
    arcs_deg: tuple[float, float, float] = (0.0, 120.0, 240.0)
    regulariser: float = 3e-3


CANONICAL = Canonical()


@dataclasses.dataclass(frozen=True)
class Orientation:
    """How frames become canonical: which comes first, and how they are turned.

    Parameters
    ----------
    order : frame that fills each of the five channels.
    matrix : 2 x 2, of (y, x) on the sample to canonical (y, x).
    turn_deg : of the arcs that is left.
    """

    order: tuple[int, ...]
    matrix: np.ndarray
    turn_deg: float


@dataclasses.dataclass(frozen=True)
class PhaseInputs:
    """Channels (7, y, x), where their pixels lie, and how the frames were put in order and turned."""

    channels: torch.Tensor
    placement: Placement
    orientation: Orientation


def normalise(frames: torch.Tensor, dpc: torch.Tensor, turn_deg: torch.Tensor | float) -> torch.Tensor:
    """Channels (n, 7, y, x) of five frames (n, 5, y, x) and their phase (n, y, x).

    Parameters
    ----------
    frames : each over its pattern's light as an empty sample would show it in bright field, up to one common factor:
        the dark field in units of the bright.
    dpc : phase by differential phase contrast, rad (n, y, x).
    turn_deg : by which the arcs are turned against the canonical ones, of each (n,) or of all.
    """
    level = frames[:, :2].mean((-3, -2, -1), keepdim=True).clamp(min=1e-9)
    bright = 2 * (frames[:, :2] / level - 1)
    dark = frames[:, 2:] / level
    dark = 2 * dark / torch.sqrt(dark.abs() + DARK_KNEE)
    turn = torch.as_tensor(turn_deg, dtype=frames.dtype, device=frames.device).reshape(-1, 1, 1, 1) / TURN_UNIT_DEG
    return torch.cat([bright, dark, dpc[:, None], turn.expand(len(frames), 1, *frames.shape[-2:])], dim=1)


def inputs_of(acquisition: MultiplexedLed, device: torch.device | str = "cpu") -> PhaseInputs:
    """What the network is shown of an acquisition, computed on `device`.

    Raises
    ------
    InputError : where the patterns are not two bright-field halves and three dark-field arcs 120 degrees apart.
    """
    orientation = orient(acquisition)
    frames = torch.as_tensor(acquisition.intensity(), dtype=torch.float32, device=device)
    na, weight = board_of(acquisition)
    frames = frames / torch.tensor(light_of(na, weight), dtype=torch.float32, device=device)[:, None, None]
    repeats = patterns_repeat(acquisition.intensity())
    dpc = _dpc(acquisition, frames, weight, orientation, repeats)
    stack = torch.cat([frames[list(orientation.order)], dpc[None]])
    stack, placement = _placed(stack, orientation.matrix, acquisition, repeats)
    channels = normalise(stack[None, :5], stack[None, 5], orientation.turn_deg)[0]
    return PhaseInputs(channels, placement, orientation)


def orient(acquisition: MultiplexedLed) -> Orientation:
    """Order and turn that bring an acquisition's patterns nearest to the canonical ones.

    Raises
    ------
    InputError : as `inputs_of`.
    """
    frames = five_frames(acquisition)
    bright, dark = np.array(frames.bright), np.array(frames.dark)
    patterns = np.asarray(acquisition.patterns, dtype=float)
    middle = patterns @ np.asarray(acquisition.led_na, dtype=float) / patterns.sum(1)[:, None]
    axis, arcs = float(angles_of(middle[bright[0]] - middle[bright[1]])), angles_of(middle[dark])
    trials: list[tuple[float, Orientation]] = []
    for mirror in (1.0, -1.0):
        for swap in (False, True):
            whole = CANONICAL.axis_deg - mirror * (axis + 180 * swap)
            near = 90 * round(whole / 90)
            turn = float(near if abs(_within(whole - near, 180)) <= SMALL_TURN_DEG else whole)
            left = float(_within(mirror * (axis + 180 * swap) + turn - CANONICAL.axis_deg, 180))
            turned = mirror * arcs + turn
            offset = _within(turned - CANONICAL.arcs_deg[0], 60)
            common = float(np.rad2deg(np.angle(np.exp(1j * np.deg2rad(3 * offset)).mean())) / 3)
            which = np.round((turned - common - CANONICAL.arcs_deg[0]) / 120).astype(int) % 3
            order = (*(bright[::-1] if swap else bright), *dark[np.argsort(which)])
            matrix = _turn(turn) @ np.diag([mirror, 1.0])
            cost = abs(common) + 0.1 * abs(left) + (0.0 if mirror > 0 else 0.01)
            cost += 0.001 * float(abs(_within(turn, 180)))
            if abs(turn % 90) > 1e-9:
                cost += 3  # turning by less than a quarter interpolates
            trials.append((cost, Orientation(tuple(int(i) for i in order), matrix, common)))
    return min(trials, key=lambda trial: trial[0])[1]


def _within(angle: np.ndarray | float, half: float) -> np.ndarray:
    """Angles folded into -half..half."""
    return np.asarray((angle + half) % (2 * half) - half)


def _turn(degrees: float) -> np.ndarray:
    """The matrix on (y, x) that turns directions by `degrees`, +x towards +y."""
    matrix = turn_matrix(np.deg2rad(degrees))
    return np.where(np.abs(matrix) < 1e-12, 0.0, matrix)


def light_of(na: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What each frame is divided by (frame,), for LEDs at `na` (led, 2), in objective NA, of brightness (frame, led).

    A bright-field frame by its light inside the aperture. A dark-field one by the light of its arc, times what the
    canonical arc has more than the canonical half: so boards of other pitch and other exposures compare.
    """
    inside = np.hypot(*na.T) <= 1
    direct = weight @ inside
    bright = direct > 0.5 * weight.sum(1)
    steepest = np.hypot(*na[weight[~bright].any(0)].T).max()
    ratio = CANONICAL_RATIO * (steepest**2 - 1) / (CANONICAL.limit**2 - 1)
    return np.where(bright, direct, weight.sum(1) / ratio)


def board_of(acquisition: MultiplexedLed) -> tuple[np.ndarray, np.ndarray]:
    """Directions of the LEDs in objective NA (led, 2), and their brightness in each frame (frame, led)."""
    na = np.asarray(acquisition.led_na, dtype=float) / acquisition.objective_na
    return na, np.asarray(acquisition.patterns, dtype=float)


def _dpc(
    acquisition: MultiplexedLed, frames: torch.Tensor, weight: np.ndarray, orientation: Orientation, repeats: bool
) -> torch.Tensor:
    """Phase (y, x) on the frames' own pixels."""
    bright = list(orientation.order[:2])
    solver = DpcSolver(
        np.asarray(acquisition.led_na), weight[bright], objective_na=acquisition.objective_na,
        wavelength_um=acquisition.wavelength_um, pixel_um=acquisition.pixel_um, shape=acquisition.frame_shape,
        regulariser=CANONICAL.regulariser, margin=0 if repeats else MARGIN, device=frames.device,
    )  # fmt: skip
    return solver(frames[bright])


def _placed(
    stack: torch.Tensor, matrix: np.ndarray, acquisition: MultiplexedLed, repeats: bool
) -> tuple[torch.Tensor, Placement]:
    """Images (channel, y, x) along canonical axes on canonical pixels, and where those lie.

    Pixels lie evenly about the frames' middle: frames that are turned or mirrored give the same channels.
    """
    own = acquisition.pixel_um * acquisition.objective_na / acquisition.wavelength_um
    step = CANONICAL.pixel / own if abs(own / CANONICAL.pixel - 1) >= SAME_PIXEL else 1.0
    middle = (np.array(stack.shape[-2:]) - 1) / 2
    pixel_um = acquisition.pixel_um * step
    straight = step == 1 and np.allclose(np.abs(matrix).max(1), 1)
    last = np.ceil(np.abs(matrix) @ np.array(stack.shape[-2:]) / step - 1e-6) - 1
    origin = (middle - matrix.T @ (last / 2) * step) * acquisition.pixel_um
    turn = ((float(matrix[0, 0]), float(matrix[0, 1])), (float(matrix[1, 0]), float(matrix[1, 1])))
    placement = Placement(pixel_um, turn, (float(origin[0]), float(origin[1])))
    if straight:
        turned = stack.flip([axis for axis, reverse in zip((-2, -1), matrix.sum(0) < 0, strict=True) if reverse])
        return (turned.transpose(-2, -1) if abs(matrix[0, 1]) > 0.5 else turned).contiguous(), placement
    away = np.stack(np.meshgrid(*(np.arange(n + 1) - n / 2 for n in last), indexing="ij")) * step
    places = np.einsum("ji,jyx->iyx", matrix, away) + middle[:, None, None]
    images = [_read(image, places, step, "circular" if repeats else "reflect") for image in stack.cpu()]
    return torch.tensor(np.stack(images), dtype=stack.dtype, device=stack.device), placement


def _read(image: torch.Tensor, places: np.ndarray, step: float, beyond: str) -> np.ndarray:
    """An image (y, x) at fractional `places` (2, Y, X), `step` pixels apart; finer waves than that are left out.

    It is hardly finer than needed, so it is read from finer pixels; `beyond` its borders as `torch`'s `pad`.
    """
    pad = [min(MIRRORED, n - 1) for n in image.shape]
    wide = torch.nn.functional.pad(image[None, None], (pad[1], pad[1], pad[0], pad[0]), mode=beyond)[0, 0]
    rows, columns = wide.shape
    odd = [2 * ((math.ceil(n / max(step, 1)) - 1) // 2) + 1 for n in (rows, columns)]  # as many waves either way
    fine = resample(resample(wide, (odd[0], odd[1])), (FINER * rows, FINER * columns)).numpy()
    at = [(p + n) * FINER for p, n in zip(places, pad, strict=True)]
    return np.asarray(ndimage.map_coordinates(fine, at, order=3, mode="mirror"))

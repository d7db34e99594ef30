"""An endless stream of scenes under a virtual LED-pattern microscope, for training.

Boards, aberrations, noise, gains and ambient light differ from example to example, more than those of real
microscopes do. A scene is imaged once and used several times, cropped elsewhere and with other noise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch

from ...optics.board import turn_matrix
from ...optics.grids import intensity, resample
from ...optics.patterns import halves_and_arcs
from ...optics.pupil import wavefront
from ...simulate.scenes.random_scenes import Scene, random_scene
from ..patterns.dpc import DpcSolver
from ..patterns.network_inputs import Canonical, light_of, normalise
from .scene_pool import FromPool, ScenePool

NOLL = (4, 5, 6, 7, 8, 11)
Shown = tuple[torch.Tensor, torch.Tensor, int, float]  # frames, phase, number of the board, chance


@dataclasses.dataclass(frozen=True)
class Variety:
    """How much the virtual microscopes differ.

    Parameters
    ----------
    arc_turn_deg, axis_turn_deg : largest turn of the arcs, and of the whole board.
    pitch, limit : of the LEDs, least and most, as a share of the canonical ones.
    rings : share of the boards whose LEDs stand in rings.
    shift, brightness : deviations that no file tells: of the whole board, NA, and of each LED's light.
    aberration_rad : deviation of each Zernike term of NOLL, times 0 to `aberrated` in each example.
    resampled : share of the examples whose noise was made on other pixels, `pixels` (least, most) as wide.
    electrons : of the bright field, least and most.
    dark_gain : spread of each dark-field frame's brightness, and that of all three together.
    ambient : most light that every frame holds besides, as a share of the bright field.
    uneven : deviation of the light across a frame, along each axis.
    """

    arc_turn_deg: float = 18.0
    axis_turn_deg: float = 6.0
    pitch: tuple[float, float] = (0.6, 1.3)
    limit: tuple[float, float] = (0.75, 1.1)
    rings: float = 0.25
    shift: float = 0.02
    brightness: float = 0.05
    aberration_rad: tuple[float, ...] = (0.30, 0.22, 0.22, 0.12, 0.12, 0.06)
    aberrated: float = 1.6
    resampled: float = 0.6
    pixels: tuple[float, float] = (0.8, 1.2)
    electrons: tuple[float, float] = (1200.0, 40000.0)
    dark_gain: tuple[float, float] = (0.03, 0.06)
    ambient: float = 0.002
    uneven: float = 0.01


class Board:
    """An LED board with five patterns, ready to image periodic scenes.

    Parameters
    ----------
    na : directions of the LEDs, in NA (led, 2) as (y, x), as a file would tell them.
    patterns : brightness (5, led), likewise.
    turn_deg : of the arcs, against the canonical ones.
    size : frame pixels per axis.
    true : both as they are, where that differs.
    """

    def __init__(
        self,
        optics: Canonical,
        na: np.ndarray,
        patterns: np.ndarray,
        turn_deg: float,
        size: int,
        *,
        true: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        self.turn_deg, self.size, self.optics = turn_deg, size, optics
        lit = patterns.any(0)
        told = na[lit], patterns[:, lit]
        na, patterns = told if true is None else (true[0][lit], true[1][:, lit])
        self.light = light_of(*told)
        self.weight = torch.tensor(patterns / self.light[:, None], dtype=torch.float32)
        extent = size * optics.pixel  # of a frame, wavelength / NA: bins are 1 / extent
        whole = np.round(na * extent)
        rest = torch.tensor(na - whole / extent)
        half = int(np.ceil(extent)) + 1
        bins = torch.arange(-half, half + 1)
        self.half, self.shift = half, torch.tensor(whole).long()
        self.bins = bins
        self.fy = (bins / extent)[None, :, None] + rest[:, 0, None, None]
        self.fx = (bins / extent)[None, None, :] + rest[:, 1, None, None]
        self.inside = (self.fy**2 + self.fx**2 <= 1).to(torch.float32)
        self.dpc = DpcSolver(
            told[0], told[1][:2], objective_na=1.0, wavelength_um=1.0, pixel_um=optics.pixel, shape=(size, size),
            regulariser=optics.regulariser,
        )  # fmt: skip

    @torch.no_grad()
    def image(self, transmission: torch.Tensor, aberration_rad: np.ndarray) -> torch.Tensor:
        """Frames (5, y, x) without noise, each over its `light`.

        Of a scene's complex `transmission` (Y, X), under `aberration_rad` of each term of NOLL (term,).
        """
        return self.imaged(transmission, torch.tensor(aberration_rad))

    def imaged(self, transmission: torch.Tensor, aberration_rad: torch.Tensor) -> torch.Tensor:
        """`image`, differentiable in `transmission` and `aberration_rad`."""
        spectrum = torch.fft.fft2(transmission, norm="forward")
        fine = transmission.shape[-1]
        rows = (self.bins[None] - self.shift[:, :1]) % fine
        columns = (self.bins[None] - self.shift[:, 1:]) % fine
        phase = wavefront(NOLL, aberration_rad, self.fy, self.fx, 1.0).to(torch.float32)
        window = spectrum[rows[:, :, None], columns[:, None, :]] * torch.polar(self.inside, phase)
        box = torch.zeros(len(window), self.size, self.size, dtype=torch.complex64)
        at = self.bins % self.size
        box[:, at[:, None], at[None, :]] = window
        image = torch.fft.ifft2(box, norm="forward")
        light = intensity(image)
        return torch.einsum("pl,lyx->pyx", self.weight, light)


def random_board(optics: Canonical, variety: Variety, size: int, rng: np.random.Generator) -> Board:
    """A board like that of `optics`, turned, stretched and cut a little differently: as much as `variety` says.

    For frames of `size` pixels per axis; `rng` draws.
    """
    pitch, limit = optics.pitch * rng.uniform(*variety.pitch), optics.limit * rng.uniform(*variety.limit)
    na = _rings(pitch, limit) if rng.random() < variety.rings else _square(pitch, limit)
    board, arcs = (rng.uniform(-1, 1) * most for most in (variety.axis_turn_deg, variety.arc_turn_deg))
    patterns = halves_and_arcs(na, 1.0, optics.axis_deg, [middle + arcs for middle in optics.arcs_deg])
    na = na @ turn_matrix(np.deg2rad(-board))
    true = na + rng.normal(0, variety.shift, 2), patterns * np.exp(rng.normal(0, variety.brightness, len(na)))
    return Board(optics, na, patterns, board + arcs, size, true=true)


def _square(pitch: float, limit: float) -> np.ndarray:
    ticks = np.arange(-12, 13) * pitch
    na = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    return np.asarray(na[np.hypot(*na.T) <= limit])


def _rings(pitch: float, limit: float) -> np.ndarray:
    """The centre, and rings around it whose LEDs are about as far apart as the rings."""
    rings = [np.zeros((1, 2))]
    for radius in np.arange(pitch, limit, pitch):
        turns = np.linspace(0, 2 * np.pi, round(2 * np.pi * radius / pitch), endpoint=False)
        rings.append(radius * np.stack([np.sin(turns), np.cos(turns)], 1))
    return np.concatenate(rings)


class TrainingStream(FromPool):
    """Batches of channels and of the phase behind them.

    Parameters
    ----------
    size : frame pixels of a scene per axis.
    patch : frame pixels of a patch per axis.
    pool : scenes kept; each batch takes its patches from them at random.
    per_scene : patches taken, on average, before a scene is replaced.
    weights : kinds of scenes, see `random_scene`.
    board : makes the boards, as `random_board` does.
    draw : makes the scenes, of pixels per axis and pixels per frame pixel; `random_scene` where None.
    chance : of a scene, by its channels (7, y, x), to be shown; all alike where None.
    """

    def __init__(
        self,
        optics: Canonical,
        variety: Variety | None = None,
        *,
        size: int = 96,
        patch: int = 64,
        pool: int = 192,
        per_scene: float = 8,
        boards: int = 24,
        weights: dict[str, float] | None = None,
        board: Callable[[Canonical, Variety, int, np.random.Generator], Board] = random_board,
        draw: Callable[[int, int, np.random.Generator], Scene] | None = None,
        chance: Callable[[torch.Tensor], float] | None = None,
        seed: int = 0,
    ) -> None:
        self.optics, self.variety, self.patch, self.weights = optics, variety or Variety(), patch, weights
        self.size = size
        self.rng = np.random.default_rng(seed)
        self.draw, self.chance = draw, chance
        self.boards = [board(optics, self.variety, size, self.rng) for _ in range(boards)]
        self.pool = ScenePool(self._numbered, pool, per_scene, seed)

    def scene(self) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Frames (5, y, x) without noise, phase (Y, X), and the board that made them."""
        factor = self.optics.upsampling
        if self.draw is None:
            phase, absorption = random_scene(self.size * factor, factor, self.rng, self.weights)
        else:
            phase, absorption = self.draw(self.size * factor, factor, self.rng)
        board = int(self.rng.integers(len(self.boards)))
        aberration = self.rng.normal(0, 1, len(NOLL)) * self.variety.aberration_rad
        aberration = aberration * self.rng.uniform(0, self.variety.aberrated)
        transmission = torch.polar(torch.exp(-torch.from_numpy(absorption)), torch.from_numpy(phase))
        frames = self.boards[board].image(transmission, aberration)
        return frames, torch.from_numpy(phase).to(torch.float16), board

    def noisy(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames as a camera sees them: gains, ambient light, shot and read noise."""
        low, high = np.log(self.variety.electrons)
        electrons = float(np.exp(self.rng.uniform(low, high)))
        each, common = self.variety.dark_gain
        gain = np.ones(5)
        gain[2:] = np.exp(self.rng.normal(0, common) + self.rng.normal(0, each, 3))
        light = frames * torch.tensor(gain, dtype=torch.float32)[:, None, None]
        across = torch.linspace(-1.7, 1.7, self.size)
        tilt = torch.tensor(self.rng.normal(0, self.variety.uneven, (2, 5, 1)), dtype=torch.float32)
        light = light * (1 + (tilt[0] * across)[:, :, None] + (tilt[1] * across)[:, None, :])
        light = light + self.variety.ambient * float(self.rng.uniform(-0.3, 1))
        generator = torch.Generator().manual_seed(int(self.rng.integers(2**62)))
        made_on = self.size
        if self.rng.random() < self.variety.resampled:
            made_on = round(self.size * self.rng.uniform(*self.variety.pixels))
        noise = torch.randn((5, made_on, made_on), generator=generator)
        if made_on != self.size:
            noise = resample(noise, (self.size, self.size))
        spread = torch.sqrt(light.clamp(min=0) / electrons + (float(self.rng.uniform(0, 4)) / electrons) ** 2)
        return light + spread * noise

    def channels(self, clean: torch.Tensor, board: int) -> torch.Tensor:
        """Channels (7, y, x), with noise, of `clean` frames (5, y, x) by the board of that number."""
        frames = self.noisy(clean)[None]
        return normalise(frames, self.boards[board].dpc(frames[:, :2]), self.boards[board].turn_deg)[0]

    def _numbered(self, rng: np.random.Generator) -> Shown:
        """A scene drawn by `rng`, and its chance to be shown."""
        self.rng, own = rng, self.rng
        try:
            frames, phase, board = self.scene()
            return frames, phase, board, 1.0 if self.chance is None else self.chance(self.channels(frames, board))
        finally:
            self.rng = own

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Channels (count, 7, patch, patch) and phases (count, Y, X)."""
        scenes = self.pool.take(count)
        if self.chance is None:
            chosen = self.rng.integers(0, len(scenes), count)
        else:
            chances = np.array([chance for *_, chance in scenes])
            chosen = self.rng.choice(len(scenes), count, p=chances / chances.sum())
        channels, phases, factor = [], [], self.optics.upsampling
        for index in chosen:
            clean, phase, board, _ = scenes[int(index)]
            made = self.channels(clean, board)
            y, x = (int(v) for v in self.rng.integers(0, self.size - self.patch + 1, 2))
            channels.append(made[:, y : y + self.patch, x : x + self.patch])
            rows = slice(y * factor, (y + self.patch) * factor)
            phases.append(phase[rows, x * factor : (x + self.patch) * factor])
        return torch.stack(channels), torch.stack(phases).float()

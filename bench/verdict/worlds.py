"""Random LED microscopes, small enough that an answer takes a second, and one fault in half of them.

The physics is written apart from the package: one plain sum per LED. Frames are cut from a larger scene in half of the
worlds, so that their borders do not repeat; uneven LEDs and a little aberration are in all of them, a soft rim and LEDs
a little off their places in half.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.simulate.scenes.random_scenes import random_scene

SLOW = 5  # frame pixels: wider slopes of the phase, which single LEDs hardly show, are taken out of the samples


@dataclasses.dataclass
class World:
    """A microscope as it is and as its owner describes it, until a fault is put into one of them.

    na, said_na : directions (led, 2). gains : brightness (led,). electrons : of a bright pixel in one exposure.
    ambient : share of the light without a sample. full : share of the brightest light at which the camera saturates.
    z_um : depth of the sample that nobody knows. thickness_um : between two thin layers of it.
    aberration : rad of the Zernike polynomials of `_wavefront`.
    """

    seed: int
    rng: np.random.Generator
    pixels: int
    upsampling: int
    span: float
    objective_na: float
    wavelength_um: float
    pixel_um: float
    na: np.ndarray
    said_na: np.ndarray
    gains: np.ndarray
    exposure: np.ndarray
    aberration: np.ndarray
    soft: float
    electrons: float
    read_noise: float
    bits: int
    pedestal: float
    ambient: float = 0.0
    full: float = 1.05
    z_um: float = 0.0
    thickness_um: float = 0.0
    hot: float = 0.0
    said_pedestal: float | None = None
    said: dict[str, float] = dataclasses.field(default_factory=dict)
    permuted: np.ndarray | None = None
    fault: str = ""

    @property
    def bright(self) -> np.ndarray:
        """LEDs inside the objective's NA (led,), bool."""
        return np.hypot(*self.na.T) < self.objective_na

    @property
    def depth_of_field_um(self) -> float:
        return self.wavelength_um / self.objective_na**2


def random_world(seed: int) -> World:
    """A microscope without a fault."""
    rng = np.random.default_rng([20, seed])
    objective = float(np.exp(rng.uniform(np.log(0.08), np.log(0.4))))
    wavelength = rng.uniform(0.45, 0.65)
    pixel = wavelength / (4 * objective) * rng.uniform(0.75, 1.6)
    step, reach = objective * rng.uniform(0.4, 0.62), min(rng.uniform(1.35, 2.2), 0.85 / objective - 1) * objective
    na = _board(rng, step, reach)
    na = na[np.argsort(np.hypot(*na.T), kind="stable")]
    radius = np.hypot(*na.T)
    smallest = 2 * (radius.max() + objective) * pixel / wavelength
    leds = len(na)
    small = rng.random() < 0.5
    wobble = rng.normal(0, 0.004 * objective * small, na.shape)
    return World(
        seed, rng, int(rng.choice([48, 56, 64])), int(np.ceil(1.02 * smallest)), float(rng.choice([1.0, 1.75])),
        objective, wavelength, pixel, na + wobble, na,
        gains=np.clip(rng.normal(1, rng.uniform(0, 0.1), leds), 0.6, 1.5),
        exposure=np.where(radius > 1.15 * objective, rng.choice([1.0, 4.0, 8.0]), 1.0),
        aberration=rng.normal(0, rng.uniform(0, 0.15), 6), soft=0.012 * small * rng.random(),
        electrons=float(np.exp(rng.uniform(np.log(3e3), np.log(4e4)))), read_noise=rng.uniform(1, 3),
        bits=int(rng.choice([12, 16])), pedestal=float(rng.choice([0.0, 100.0])),
    )  # fmt: skip


def _board(rng: np.random.Generator, step: float, reach: float) -> np.ndarray:
    """Directions (led, 2) of a square, hexagonal or ring board whose neighbours are `step` apart, up to `reach`."""
    kind, n = rng.choice(["square", "square", "hexagons", "rings"]), int(np.ceil(reach / step)) + 1
    ticks = np.arange(-n, n + 1)
    if kind == "rings":
        places = [np.zeros((1, 2))]
        for ring in range(1, n + 1):
            angle = 2 * np.pi * np.arange(6 * ring) / (6 * ring) + 0.1 * ring
            places.append(ring * np.stack([np.sin(angle), np.cos(angle)], 1))
        q = np.concatenate(places)
    else:
        y, x = (a.ravel() for a in np.meshgrid(ticks, ticks, indexing="ij"))
        q = np.stack([y, x], 1) if kind == "square" else np.stack([y * np.sqrt(3) / 2, x + 0.5 * (y % 2)], 1)
    q = q * step + rng.normal(0, 0.05 * step, 2)
    disc = np.hypot(*q.T) if rng.random() < 0.7 else np.abs(q).max(1) * 1.2
    q = q[disc <= reach * (1 + 1e-6)]
    return q / np.sqrt(1 + (q**2).sum(1, keepdims=True))


def _turned(na: np.ndarray, angle: float, scale: float = 1.0, shift: np.ndarray | float = 0.0) -> np.ndarray:
    q = na / np.sqrt(1 - (na**2).sum(1, keepdims=True))
    c, s = np.cos(angle), np.sin(angle)
    q = scale * q @ np.array([[c, s], [-s, c]]) + shift
    return q / np.sqrt(1 + (q**2).sum(1, keepdims=True))


def _sign(rng: np.random.Generator) -> float:
    return float(rng.choice([-1, 1]))


def _board_turned(w: World) -> None:
    w.na = _turned(w.na, np.deg2rad(_sign(w.rng) * w.rng.uniform(3, 30)))


def _board_shifted(w: World) -> None:
    angle = w.rng.uniform(0, 2 * np.pi)
    w.na = _turned(w.na, 0, shift=w.objective_na * w.rng.uniform(0.1, 0.6) * np.array([np.sin(angle), np.cos(angle)]))


def _board_height(w: World) -> None:
    w.na = _turned(w.na, 0, scale=1 + _sign(w.rng) * w.rng.uniform(0.05, 0.25))


def _board_orientation(w: World) -> None:
    flips = [[[-1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, 1], [-1, 0]], [[1, 0], [0, -1]]]
    w.na = w.na @ np.array(flips[int(w.rng.integers(4))], float)


def _frames_permuted(w: World) -> None:
    count = len(w.na)
    order = np.arange(count)
    if w.rng.random() < 0.5:  # some exchanged
        some = w.rng.choice(count, max(4, count // 4), replace=False)
        order[some] = w.rng.permutation(some)
    else:  # one frame was lost at the start, or all run backwards
        order = np.roll(order, 1) if w.rng.random() < 0.5 else order[::-1]
    w.permuted = order


def _pedestal_left(w: World) -> None:
    w.pedestal, w.said_pedestal = float(w.rng.uniform(40, 400)), 0.0


def _ambient_left(w: World) -> None:
    w.ambient = float(np.exp(w.rng.uniform(np.log(0.002), np.log(0.1))))


def _wrong_na(w: World) -> None:
    w.said["objective_na"] = w.objective_na * (1 + _sign(w.rng) * w.rng.uniform(0.06, 0.3))


def _wrong_wavelength(w: World) -> None:
    w.said["wavelength_um"] = w.wavelength_um * (1 + _sign(w.rng) * w.rng.uniform(0.06, 0.25))


def _wrong_pixel(w: World) -> None:
    low = max(0.75, 0.8)
    w.said["pixel_um"] = w.pixel_um * w.rng.choice([w.rng.uniform(low, 0.94), w.rng.uniform(1.06, 1.2)])


def _dead_leds(w: World) -> None:
    some = w.rng.choice(len(w.na), max(2, int(len(w.na) * w.rng.uniform(0.03, 0.25))), replace=False)
    w.gains[some] *= w.rng.uniform(0, 0.4)


def _saturation(w: World) -> None:
    w.full = w.rng.uniform(0.35, 0.85)


def _defocus(w: World) -> None:
    w.z_um = _sign(w.rng) * w.rng.uniform(0.5, 5) * w.depth_of_field_um


def _aberration(w: World) -> None:
    w.aberration = w.rng.normal(0, w.rng.uniform(0.8, 2.5), 6)


def _thick(w: World) -> None:
    w.thickness_um = w.rng.uniform(1, 6) * w.depth_of_field_um


def _hot_pixels(w: World) -> None:
    w.hot = float(np.exp(w.rng.uniform(np.log(5e-4), np.log(2e-2))))


def _low_overlap(w: World) -> None:
    w.na = w.said_na = _thinned(w.na, w.rng.uniform(1.05, 1.7) * w.objective_na)
    w.gains, w.exposure = w.gains[: len(w.na)], np.where(np.hypot(*w.na.T) > 1.15 * w.objective_na, w.exposure[-1], 1.0)


def _thinned(na: np.ndarray, step: float) -> np.ndarray:
    """A square board over the same range whose neighbours are `step` apart."""
    reach = np.hypot(*na.T).max()
    ticks = np.arange(-int(reach / step), int(reach / step) + 1) * step
    y, x = (a.ravel() for a in np.meshgrid(ticks, ticks, indexing="ij"))
    places = np.stack([y, x], 1)
    places = places[np.argsort(np.hypot(y, x), kind="stable")]
    return places[np.hypot(*places.T) <= max(reach, step * 1.01)][: len(na)]


def _noise(w: World) -> None:
    w.electrons = float(np.exp(w.rng.uniform(np.log(8), np.log(150))))


FAULTS: dict[str, Callable[[World], None]] = {
    "board turned": _board_turned, "board shifted": _board_shifted, "board at another height": _board_height,
    "board mounted otherwise": _board_orientation, "frames permuted": _frames_permuted,
    "pedestal left": _pedestal_left, "ambient light left": _ambient_left, "wrong NA": _wrong_na,
    "wrong wavelength": _wrong_wavelength, "wrong pixel": _wrong_pixel, "dead or dim LEDs": _dead_leds,
    "saturation": _saturation, "defocus": _defocus, "strong aberration": _aberration, "thick sample": _thick,
    "hot pixels": _hot_pixels, "low overlap": _low_overlap, "few photons": _noise,
}  # fmt: skip


def spoil(world: World, fault: str) -> World:
    """The `world` with a `fault`, by its name in FAULTS."""
    world.fault = fault
    FAULTS[fault](world)
    return world


def _wavefront(fy: np.ndarray, fx: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Phase (rad) at pupil coordinates in units of its radius: two astigmatisms, two comas, spherical, defocus."""
    r2 = fy**2 + fx**2
    terms = (
        6**0.5 * (fx**2 - fy**2), 6**0.5 * 2 * fx * fy, 8**0.5 * (3 * r2 - 2) * fy, 8**0.5 * (3 * r2 - 2) * fx,
        5**0.5 * (6 * r2**2 - 6 * r2 + 1), 3**0.5 * (2 * r2 - 1),
    )  # fmt: skip
    return sum(w * t for w, t in zip(weights, terms, strict=True))


def _layers(w: World) -> np.ndarray:
    """Transmissions (layer, y, x) on the fine grid, of one layer, or two for a thick sample."""
    n = int(w.pixels * w.span) * w.upsampling
    made, rng = [], np.random.default_rng([21, w.seed])  # the same sample with a fault and without
    for _ in range(2 if w.thickness_um else 1):
        phase, absorption = random_scene(n, w.upsampling, rng)
        phase = phase - gaussian_filter(phase, SLOW * w.upsampling, mode="wrap")
        phase = phase * rng.uniform(0.15, 0.5) / max(float(phase.std()), 1e-6)
        made.append(np.exp(1j * phase - np.clip(absorption, 0, 1.5)))
    return np.array(made)


def record(w: World) -> tuple[LedArray, np.ndarray]:
    """What the owner hands in, and the sample within the synthetic aperture (y, x), `upsampling` pixels a frame's."""
    layers = _layers(w)
    n, fine = layers.shape[-1], w.pixel_um / w.upsampling
    frames, seen = _light(w, layers, fine)
    lo = (frames.shape[-1] - w.pixels) // 2
    frames = frames[:, lo : lo + w.pixels, lo : lo + w.pixels]
    sample = np.fft.ifft2(np.fft.fft2(layers[0]) * seen)
    cut = slice(lo * w.upsampling, (lo + w.pixels) * w.upsampling)
    counts, background = _camera(w, frames)
    if w.permuted is not None:
        counts = counts[w.permuted]
    level = w.said_pedestal if w.said_pedestal is not None else background
    acquisition = LedArray(
        frames=counts, illumination_na=w.said_na, exposure=w.exposure,
        background=np.full(counts.shape[1:], level) if level else None,
        objective_na=w.said.get("objective_na", w.objective_na), pixel_um=w.said.get("pixel_um", w.pixel_um),
        wavelength_um=w.said.get("wavelength_um", w.wavelength_um), source=f"{w.fault or 'sound'}",
    )  # fmt: skip
    assert n % w.upsampling == 0
    return acquisition, sample[cut, cut]


def _light(w: World, layers: np.ndarray, fine: float) -> tuple[np.ndarray, np.ndarray]:
    """Intensity (led, y, x) on camera pixels over the whole scene, and the frequencies that some LED shows (y, x)."""
    n = layers.shape[-1]
    m, df = n // w.upsampling, 1 / (n * fine)
    index = np.fft.fftfreq(m, 1 / m).astype(int)
    fy, fx = np.meshgrid(index * df, index * df, indexing="ij")
    cutoff = w.objective_na / w.wavelength_um
    spectra = np.fft.fft2(layers)
    seen, frames = np.zeros((n, n), bool), np.zeros((len(w.na), m, m))
    depths = [w.z_um - w.thickness_um / 2, w.z_um + w.thickness_um / 2] if w.thickness_um else [w.z_um]
    for led, direction in enumerate(w.na / w.wavelength_um):
        whole = np.round(direction / df).astype(int)
        py, px = fy + direction[0] - whole[0] * df, fx + direction[1] - whole[1] * df
        rows, columns = np.ix_((index - whole[0]) % n, (index - whole[1]) % n)
        rho = np.hypot(py, px) / cutoff
        inside = rho <= 1 if w.soft == 0 else 1 / (1 + np.exp(np.clip((rho - 1) / w.soft, -50, 50)))
        pupil = inside * np.exp(1j * _wavefront(py / cutoff, px / cutoff, w.aberration))
        axial = np.sqrt(np.maximum(1 / w.wavelength_um**2 - py**2 - px**2, 0))
        if w.thickness_um:  # the light of the first layer goes through the second: to first order, their sum
            empty = ((index - whole[0]) % n == 0)[:, None] & ((index - whole[1]) % n == 0)[None, :]
            second = spectra[1][rows, columns] - n * n * empty
            field = spectra[0][rows, columns] * np.exp(2j * np.pi * depths[0] * axial)
            field = field + second * np.exp(2j * np.pi * depths[1] * axial)
        else:
            field = spectra[0][rows, columns] * np.exp(2j * np.pi * depths[0] * axial)
        image = np.fft.ifft2(field * pupil) * (m / n) ** 2
        frames[led] = w.gains[led] * np.abs(image) ** 2
        seen[rows, columns] |= rho <= 1
    return frames, seen


def _camera(w: World, frames: np.ndarray) -> tuple[np.ndarray, float]:
    """Counts (led, y, x) and the pedestal that is in them."""
    brightest = float(np.quantile(frames[: max(1, int(w.bright.sum()))], 0.9995))
    electrons = (frames + w.ambient) * w.exposure[:, None, None] / brightest * w.electrons
    electrons = w.rng.poisson(np.clip(electrons, 0, 1e9)) + w.rng.normal(0, w.read_noise, frames.shape)
    top = 2**w.bits - 1
    counts = electrons / w.electrons * 0.9 * top + w.pedestal * (top / 4095)
    hot = w.rng.random(frames.shape[1:]) < w.hot
    counts[:, hot] += w.rng.uniform(0.05, 0.5, int(hot.sum())) * top
    limit = min(top, 0.9 * top * w.full + w.pedestal * (top / 4095))
    return np.clip(np.round(counts), 0, limit).astype(np.uint16), w.pedestal * (top / 4095)

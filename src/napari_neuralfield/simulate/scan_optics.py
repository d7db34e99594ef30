"""The physics of virtual scanning microscopes, one plain NumPy sum per frame; probes, coded surfaces and paths.

It is written apart from `forward`, so that one can be checked against the other. A *world* is an image that repeats at
its borders and is larger than what the scan sees; corners (frame, 2) are in its pixels.
"""

from __future__ import annotations

import numpy as np

from .spectra import filtered, frequency_grid, random_field


def free_space(field: np.ndarray, pixel_um: float, distance_um: float, wavelength_um: float) -> np.ndarray:
    """A field (y, x) that repeats at its borders, `distance_um` further; without the phase of the axial wave.

    Parameters
    ----------
    pixel_um, wavelength_um : of the field.
    """
    fy, fx = frequency_grid(field.shape, pixel_um)
    axial = np.sqrt((1 / wavelength_um**2 - fy**2 - fx**2).astype(complex))  # evanescent waves fade or are cut below
    kernel = np.where(axial.imag == 0, np.exp(2j * np.pi * distance_um * (axial.real - 1 / wavelength_um)), 0)
    return filtered(field, kernel)


def _moved(image: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """`image` (y, x) moved by `shift` (y, x) pixels, wrapped at its borders."""
    fy, fx = frequency_grid(image.shape)
    return filtered(image, np.exp(-2j * np.pi * (shift[0] * fy + shift[1] * fx)))


def part(world: np.ndarray, corner: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`shape` pixels of `world` (y, x) from whole pixel `corner` on, wrapped at its borders."""
    rows, columns = ((int(c) + np.arange(n)) % size for c, n, size in zip(corner, shape, world.shape, strict=True))
    return world[np.ix_(rows, columns)]


def far_field_frames(world: np.ndarray, probe: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Noise-free diffraction patterns (frame, y, x) of the object `world`, zero frequency at n // 2.

    The wave at frequency k / n is the sum of probe * object * exp(-2 pi i k r / n) over all pixels r, also over those
    that the fractions of a corner move beyond the window.

    Parameters
    ----------
    probe : (mode, y, x), small at its borders; its energy is that of a frame.
    corners : of the windows in the world (frame, 2), pixels.
    """
    modes, rows, columns = probe.shape
    room = np.zeros((modes, 2 * rows, 2 * columns), complex)
    start = np.array([rows // 2, columns // 2])
    room[:, start[0] : start[0] + rows, start[1] : start[1] + columns] = probe
    frames = []
    for corner in corners:
        whole = np.floor(corner)
        patch = part(world, whole - start, (2 * rows, 2 * columns))
        wave = np.stack([_moved(mode, corner - whole) for mode in room]) * patch
        folded = wave.reshape(modes, 2, rows, 2, columns).sum(axis=(1, 3))
        pattern = (np.abs(np.fft.fft2(folded)) ** 2).sum(0) / (rows * columns)
        frames.append(np.roll(pattern, (rows // 2, columns // 2), axis=(0, 1)))
    return np.array(frames)


def near_frames(
    world: np.ndarray,
    probe: np.ndarray,
    corners: np.ndarray,
    *,
    pixel_um: float,
    distance_um: float,
    wavelength_um: float,
    border: int = 0,
    binning: int = 1,
) -> np.ndarray:
    """Noise-free frames (frame, y, x): what `distance_um` behind the `probe` a detector sees of the moved `world`.

    Parameters
    ----------
    probe : illumination or coded surface (y, x), `border` pixels larger than a window on every side, so that light
        from outside the window reaches the detector as it does on a bench.
    corners : of the windows in the world (frame, 2), without their border, pixels.
    pixel_um, wavelength_um : of world and light.
    distance_um : as a parallel beam sees it.
    binning : pixels that a detector pixel averages, per axis.
    """
    spectrum = np.fft.fft2(world)
    fy, fx = frequency_grid(world.shape)
    rows, columns = (n - 2 * border for n in probe.shape)
    frames = []
    for corner in corners:
        whole = np.floor(corner)
        rest = corner - whole
        there = np.fft.ifft2(spectrum * np.exp(2j * np.pi * (rest[0] * fy + rest[1] * fx))) if rest.any() else world
        patch = part(there, whole - border, (probe.shape[0], probe.shape[1]))
        wave = free_space(probe * patch, pixel_um, distance_um, wavelength_um)
        seen = (np.abs(wave) ** 2)[border : border + rows, border : border + columns]
        frames.append(seen.reshape(rows // binning, binning, columns // binning, binning).mean(axis=(1, 3)))
    return np.array(frames)


def focused_probe(
    pixels: int, spot: float, *, modes: int = 1, cutoff: float = 0.22, stop: float = 0.3, second: float = 0.15
) -> np.ndarray:
    """A beam focused by a lens or zone plate and seen out of focus: (mode, y, x), total energy 1.

    Its angle grows with the distance from the axis: phase pi c |f|^2 sends frequency f to c f, so the spot is `spot`
    pixels wide. Edges in frequency are soft, so the spot's are too.

    Parameters
    ----------
    pixels : of the window, per axis.
    spot : diameter, pixels; negative on the other side of the focus.
    modes : further ones are the first with a slope across the lens, together `second` of the energy.
    cutoff : edge of the lens, cycles per pixel.
    stop : radius of the shaded centre over that of the lens.
    """
    fy, fx = (f / cutoff for f in frequency_grid((pixels, pixels)))
    radius = np.hypot(fy, fx)
    open_part = _step(1 - radius, 0.3) * (_step(radius - stop, 0.3) if stop else 1)
    lens = open_part * np.exp(1j * np.pi * spot / 2 * cutoff * radius**2)
    middle = np.exp(-2j * np.pi * cutoff * (pixels // 2) * (fy + fx))  # the spot in the middle of the window
    slopes = [1, fy, fx, fy * fx, fy**2 - fx**2][:modes]
    fields = [np.fft.ifft2(lens * slope * middle) for slope in slopes]
    shares = [1 - second, *[second / (modes - 1)] * (modes - 1)] if modes > 1 else [1.0]
    return np.array([f * (s / (np.abs(f) ** 2).sum()) ** 0.5 for f, s in zip(fields, shares, strict=True)])


def _step(depth: np.ndarray, width: float) -> np.ndarray:
    """A soft step from 0 to 1 where `depth` grows through 0."""
    return 1 / (1 + np.exp(-np.clip(depth / (width / 4), -60, 60)))


def speckle(
    shape: tuple[int, int], rng: np.random.Generator, *, grain: float, phase_rad: float, contrast: float
) -> np.ndarray:
    """A diffuser or coded surface (y, x) that repeats at its borders: |.| between 0.3 and 1, random phase.

    Parameters
    ----------
    shape : (y, x), pixels.
    rng : what it is drawn from.
    grain : standard deviation of the smoothing, pixels.
    phase_rad, contrast : standard deviations of phase and of amplitude, whose mean is 0.65.
    """
    fy, fx = frequency_grid(shape)
    smooth = np.exp(-2 * (np.pi * grain) ** 2 * (fy**2 + fx**2))
    amplitude = np.clip(0.65 + contrast * random_field(smooth, rng), 0.3, 1)
    return amplitude * np.exp(1j * phase_rad * random_field(smooth, rng))


def spiral(count: int, step: float) -> np.ndarray:
    """Points (count, 2) of a Fermat spiral with one per step^2, about (0, 0)."""
    number = np.arange(count)
    angle = number * np.pi * (3 - 5**0.5)
    return (step * np.sqrt(number / np.pi))[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1)


def raster(count: int, step: float) -> np.ndarray:
    """The first `count` points (count, 2) of a square grid, `step` apart, row by row, about (0, 0)."""
    side = int(np.ceil(count**0.5))
    points = np.stack(np.divmod(np.arange(count), side), 1) * step
    return points - np.round(points.mean(0))

"""A ptychographic scan on pixels: which window of the object array each frame sees, and the light it measured.

Far field, near field and lensless coded ptychography share one picture. Frame i sees a window of the object array whose
corner is `position[i]`; the window is multiplied by the probe (the coded surface, in coded ptychography) and travels
to the detector (`forward.ptychography`). The object array of a coded acquisition is the field *at the surface*.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
import torch

from ..compute import REAL
from ..data.acquisition import CodedPtychography, Ptychography
from ..data.borders import repeats
from ..data.frames import full_pixels, good_pixels, noise_beside_counting
from ..optics.grids import quick_border, to_corner
from ..optics.propagation import filtered, shift_ramp
from ..types import Extent, InputError

Borders = Literal["auto", "open", "periodic"]
GAP = 2.0  # detector pixels: standard deviation of the neighbourhood from which gaps of the mean frame are filled
RINGING = 8  # detector pixels by which the borders of a window moved by a fraction of a pixel ring
MARGIN = 4  # object array pixels around the outermost windows, for positions that will be corrected


@dataclasses.dataclass(frozen=True)
class Scan:
    """Geometry on pixel grids.

    Parameters
    ----------
    geometry : how light gets from the window to the detector.
    window : (y, x) pixels of a window, and of the probe.
    object_shape : (y, x) pixels of the object array.
    pixel_um : of object array and probe, um.
    origin_um : (y, x) of object array pixel (0, 0), um.
    position : corner of each window on the object array, px (frame, 2), float64.
    binning : window pixels per detector pixel and axis.
    periodic : the window's field repeats at its borders, and the object array is one window.
    wavelength_um : vacuum wavelength, um.
    to_detector_um : distance from the window's plane to the detector, um; as a parallel beam sees it.
    to_object_um : distance from the object array back to the object, um; 0 where the object array is the object.
    pad : detector pixels of a window beyond each border of its frame, from which light comes in.
    """

    geometry: Literal["far_field", "near_field", "coded"]
    window: tuple[int, int]
    object_shape: tuple[int, int]
    pixel_um: float
    origin_um: tuple[float, float]
    position: torch.Tensor
    binning: int
    periodic: bool
    wavelength_um: float
    to_detector_um: float
    to_object_um: float = 0.0
    pad: int = 0

    @property
    def rim(self) -> int:
        """Object array pixels of a window beyond each border of its frame."""
        return self.pad * self.binning

    @property
    def frames(self) -> int:
        return len(self.position)

    @property
    def device(self) -> torch.device:
        return self.position.device

    @property
    def extent(self) -> Extent:
        return Extent((0.0, 0.0), self.object_shape, self.pixel_um, self.origin_um)

    @property
    def shown(self) -> Extent:
        """Of the object array without its rim."""
        shape = (self.object_shape[0] - 2 * self.rim, self.object_shape[1] - 2 * self.rim)
        y, x = (o + self.rim * self.pixel_um for o in self.origin_um)
        return Extent((0.0, 0.0), shape, self.pixel_um, (y, x))

    def replace(self, **changes: object) -> Scan:
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class Measured:
    """What the detector saw.

    amplitude : square root of the counts (frame, y, x), float32; far field in the order of `torch.fft`.
    good : True where a detector pixel counts, (y, x) or where frames differ (frame, y, x), in the same order; None
        where all do.
    full : True where a pixel is saturated (frame, y, x), so that there was at least so much light; None where none is.
    background : counts (y, x) that are there in every frame beside the sample's light, in the same order; None: none.
    gain : brightness of the light of each frame (frame,), mean 1; None where all are alike.
    added : counts added to all by `measure` where noise is more than that of counting, which makes it that of counting.
    """

    amplitude: torch.Tensor
    good: torch.Tensor | None = None
    full: torch.Tensor | None = None
    background: torch.Tensor | None = None
    gain: torch.Tensor | None = None
    added: float = 0.0

    @property
    def pixels(self) -> int:
        """How many pixels of a frame count; the mean of all frames where they differ."""
        if self.good is None:
            return self.amplitude[0].numel()
        return int(self.good.sum()) // (len(self.good) if self.good.ndim == 3 else 1)

    def good_in(self, frames: torch.Tensor | list[int] | slice) -> torch.Tensor | None:
        """Where pixels of these frames count: (y, x), or (frame, y, x) where frames differ; None where all do."""
        return self.good[frames] if self.good is not None and self.good.ndim == 3 else self.good

    def shown(self, counts: torch.Tensor, frames: torch.Tensor | list[int] | slice) -> torch.Tensor:
        """Amplitudes that the detector shows of `counts` (frame, y, x) in these frames, as bright as each of them is.

        They lie on the background, if any, and a full pixel shows no more than it holds.
        """
        counts = counts if self.gain is None else counts * self.gain[frames][:, None, None]
        seen = torch.sqrt(counts if self.background is None else counts + self.background)
        if self.full is None:
            return seen
        return torch.where(self.full[frames], torch.minimum(seen, self.amplitude[frames]), seen)

    def mean_counts(self, frames: torch.Tensor) -> torch.Tensor:
        """Mean of these frames above the background (y, x); of every pixel over the frames in which it counts.

        One that never counts is taken to be as bright as those around it.
        """
        total, good = self.amplitude[frames].square().sum(0), self.good_in(frames)
        under = 0.0 if self.background is None else self.background
        if good is None:
            return (total / len(frames) - under).clamp(min=0)
        times = good.sum(0) if good.ndim == 3 else good * len(frames)
        return _filled((total / times.clamp(min=1) - under).clamp(min=0), times > 0)

    def energy(self) -> float:
        """Counts of all good pixels of all frames."""
        square = self.amplitude**2
        return float((square if self.good is None else square * self.good).sum(dtype=torch.float64))


def _filled(values: torch.Tensor, good: torch.Tensor) -> torch.Tensor:
    """`values` (y, x) with those that are not `good` (y, x) taken from around them, as far as good ones are near."""
    if good.all():
        return values
    y, x = (torch.fft.fftfreq(n, device=values.device) for n in values.shape)
    blur = torch.exp(-2 * (math.pi * GAP) ** 2 * (y[:, None] ** 2 + x**2))
    near, weight = (torch.fft.ifft2(torch.fft.fft2(v * good) * blur).real for v in (values, torch.ones_like(values)))
    return torch.where(good, values, torch.where(weight > 1e-3, near / weight.clamp(min=1e-3), 0).clamp(min=0))


def scan_of(
    acquisition: Ptychography | CodedPtychography,
    device: torch.device | str = "cpu",
    borders: Borders = "auto",
    pad: int | None = 0,
) -> Scan:
    """The acquisition's geometry on pixels.

    Parameters
    ----------
    acquisition : gives positions, pixels and distances.
    device : where the positions are wanted.
    borders : `periodic` where the field repeats at the borders of coded frames; `auto`: seen from the frames.
    pad : detector pixels by which windows are larger than frames on every side; None: as far as light spreads. There
        are none in the far field and at periodic borders, where no light comes from outside.

    Raises
    ------
    InputError : where a coded acquisition has no positions, or periodic borders are asked of windows that do not lie
        on one object array of their size.
    """
    coded = isinstance(acquisition, CodedPtychography)
    if isinstance(acquisition, CodedPtychography):
        binning, pixel = acquisition.upsampling, acquisition.sensor_pixel_um / acquisition.upsampling
    else:
        binning, pixel = 1, acquisition.object_pixel_um
    if acquisition.positions_um is None:
        raise InputError(f"{acquisition.source}: there are no positions; find them from the frames first")
    corner = np.asarray(acquisition.positions_um, dtype=float) / pixel
    rows, columns = (n * binning for n in acquisition.frame_shape)
    if coded:
        corner = -corner  # frame i sees the field moved by +position
    periodic = coded and (borders == "periodic" or (borders == "auto" and repeats(acquisition)))
    geometry, to_detector, to_object = _distances(acquisition)
    if periodic or geometry == "far_field":
        pad = 0
    elif pad is None:
        pad = _spread(acquisition.frame_shape, pixel, binning, to_detector, acquisition.wavelength_um)
    rows, columns, corner = rows + 2 * pad * binning, columns + 2 * pad * binning, corner - pad * binning
    if periodic:
        origin, object_shape = np.zeros(2), (rows, columns)
    else:
        origin = np.floor(corner.min(axis=0)) - MARGIN
        reach = np.ceil(corner.max(axis=0)) - origin + MARGIN
        object_shape = (rows + int(reach[0]), columns + int(reach[1]))
    return Scan(
        geometry=geometry,
        window=(rows, columns),
        object_shape=object_shape,
        pixel_um=pixel,
        origin_um=(float(origin[0] * pixel), float(origin[1] * pixel)),
        position=torch.as_tensor(corner - origin, dtype=torch.float64, device=device),
        binning=binning,
        periodic=periodic,
        wavelength_um=acquisition.wavelength_um,
        to_detector_um=to_detector,
        to_object_um=to_object,
        pad=pad,
    )


def _distances(
    acquisition: Ptychography | CodedPtychography,
) -> tuple[Literal["far_field", "near_field", "coded"], float, float]:
    """Geometry, distance to the detector as a parallel beam sees it, and from the object array to the object, um."""
    if isinstance(acquisition, CodedPtychography):
        return "coded", acquisition.surface_to_sensor_um, acquisition.object_to_surface_um
    if acquisition.geometry == "near_field":  # a cone beam of magnification M acts like a parallel one over d / M
        closer = acquisition.object_pixel_um / acquisition.detector_pixel_um
        return "near_field", acquisition.distance_um * closer, 0.0
    return "far_field", acquisition.distance_um, 0.0


def _spread(shape: tuple[int, ...], pixel_um: float, binning: int, distance_um: float, wavelength_um: float) -> int:
    """Detector pixels by which light of the finest details goes sideways: about a quarter of the frame at most."""
    sine = min(wavelength_um / (2 * pixel_um), 0.7)
    sideways = abs(distance_um) * sine / math.sqrt(1 - sine**2) / (pixel_um * binning)
    return quick_border(shape, min(max(math.ceil(sideways), RINGING), min(shape) // 4), binning)


def measure(acquisition: Ptychography | CodedPtychography, scan: Scan, device: torch.device | str = "cpu") -> Measured:
    """The frames as amplitudes. Nothing is known of what lies around a frame.

    Where noise has driven counts below zero its variance is added to all of them, and is the background; counts that
    are negative all the same are taken as 0.

    Parameters
    ----------
    acquisition : the frames; scan : its geometry, see `scan_of`.
    device : where the amplitudes are wanted.
    """
    frames, mask = acquisition.frames, good_pixels(acquisition)
    stack = np.stack([np.asarray(frames[i]) for i in range(acquisition.frame_count)])  # once: a file is slow to read
    raw = getattr(frames, "measured", frames)
    clipped = full_pixels(stack if raw is frames else raw, mask)
    counts = acquisition.replace(frames=stack).intensity()
    extra = 0.0 if scan.geometry == "coded" else noise_beside_counting(counts, mask)
    amplitude = torch.as_tensor(np.sqrt(np.clip(counts + np.float32(extra), 0, None)), dtype=REAL)
    good = None if mask is None else torch.as_tensor(np.array(mask, dtype=bool))
    full = None if clipped is None else torch.as_tensor(clipped)
    if scan.pad:
        around = (scan.pad,) * 4
        good = torch.ones(amplitude.shape[1:], dtype=torch.bool) if good is None else good
        amplitude, good = (torch.nn.functional.pad(values, around) for values in (amplitude, good))
        full = None if full is None else torch.nn.functional.pad(full, around)
    if scan.geometry == "far_field":
        amplitude = to_corner(amplitude)
        good, full = (None if values is None else to_corner(values) for values in (good, full))
    if good is not None:
        amplitude = amplitude * good
    good, full = (None if values is None else values.to(device) for values in (good, full))
    background = torch.full(amplitude.shape[1:], extra, device=device) if extra else None
    return Measured(amplitude.contiguous().to(device), good, full, background, added=extra)


def widened(values: torch.Tensor, pixels: int) -> torch.Tensor:
    """`values` (..., y, x) with their borders repeated `pixels` times on every side."""
    y, x = (torch.arange(-pixels, n + pixels, device=values.device).clamp(0, n - 1) for n in values.shape[-2:])
    return values[..., y[:, None], x[None, :]]


def narrowed(values: torch.Tensor, pixels: int) -> torch.Tensor:
    """`values` (..., y, x) without `pixels` on every side."""
    return values[..., pixels : values.shape[-2] - pixels, pixels : values.shape[-1] - pixels]


def whole_and_fraction(position: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Nearest whole corners (frame, 2) int64, and what is left (frame, 2) float64 in -0.5..0.5, differentiable."""
    whole = torch.round(position.detach()).long()
    return whole, position - whole


def _pixels_of(scan: Scan, whole: torch.Tensor) -> torch.Tensor:
    """Flat object array indices of the windows at whole corners (frame, 2): (frame, y, x) int64, wrapped if periodic.

    Corners beyond the object array are moved to its edge.
    """
    axes = []
    for axis in (0, 1):
        along = torch.arange(scan.window[axis], device=whole.device)
        if scan.periodic:
            axes.append((whole[:, axis, None] + along) % scan.object_shape[axis])
        else:
            corner = whole[:, axis, None].clamp(0, scan.object_shape[axis] - scan.window[axis])
            axes.append(corner + along)
    return axes[0][:, :, None] * scan.object_shape[1] + axes[1][:, None, :]


def windows(object_array: torch.Tensor, scan: Scan, position: torch.Tensor) -> torch.Tensor:
    """The windows (frame, y, x) of `object_array` (y, x) at `position` (frame, 2), px, of a `scan`.

    The fraction is a Fourier shift of the window, except in the far field, where it is left to the probe.
    """
    if scan.geometry == "far_field":
        return object_array.reshape(-1)[_pixels_of(scan, whole_and_fraction(position)[0])]
    return torch.fft.ifft2(window_spectra(object_array, scan, position))


def window_spectra(object_array: torch.Tensor, scan: Scan, position: torch.Tensor) -> torch.Tensor:
    """Fourier transforms (frame, y, x) of the windows of a `scan`, in the order of `torch.fft`.

    Parameters
    ----------
    object_array : complex (y, x); position : corners of the windows on it (frame, 2), px.
    """
    if scan.periodic:
        return torch.fft.fft2(object_array) * shift_ramp(-position, scan.object_shape)
    whole, fraction = whole_and_fraction(position)
    cut = object_array.reshape(-1)[_pixels_of(scan, whole)]
    return torch.fft.fft2(cut) * shift_ramp(-fraction, scan.window)


def add_windows(object_array: torch.Tensor, patches: torch.Tensor, scan: Scan, position: torch.Tensor) -> torch.Tensor:
    """Add `patches` to a copy of `object_array` (y, x) where `windows` reads them: its adjoint.

    Parameters
    ----------
    patches : (frame, y, x), of the windows' size.
    scan : geometry; position : corners of the windows (frame, 2), px.
    """
    if scan.periodic:
        ramp = shift_ramp(position, scan.object_shape)
        return object_array + torch.fft.ifft2((torch.fft.fft2(patches) * ramp).sum(0)).to(object_array.dtype)
    whole, fraction = whole_and_fraction(position)
    if scan.geometry != "far_field" and patches.is_complex():
        patches = filtered(patches, shift_ramp(fraction, scan.window))
    added = torch.zeros_like(object_array).reshape(-1)
    added.index_add_(0, _pixels_of(scan, whole).reshape(-1), patches.reshape(-1).to(object_array.dtype))
    return object_array + added.reshape(object_array.shape)

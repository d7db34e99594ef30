"""Spatially coded Fourier ptychography: an LED microscope with a coded surface in front of its camera.

LED i gives the image's field on fine pixels, exactly as in `forward.fourier`; the field is multiplied by the coded
surface, travels from there to the sensor, and each of the sensor's pixels takes the mean of |.|^2 over its fine ones:

    frame_i = gain_i mean |free space(surface * inverse Fourier(window_i * pupil))|^2 + background_i

The grid is the sample's, but free space behind the surface is the camera's: there a frequency f of the sample's grid is
f / M, with M the sensor's pixel over the frame's. (Paraxially that is the distance / M^2 in the sample's coordinates.)
A window starts at the corner of its grid and leaves out a phase ramp, whole bins and remainder of the LED's
direction. Behind a surface that ramp is no longer invisible: its whole bins are put back into the surface, its
remainder into the frequencies at which the free space is evaluated. Fields repeat at the borders, as in all of FPM.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch

from ..data.acquisition import LedArray
from ..optics.grids import binned, intensity
from ..optics.pupil import wavefront
from ..types import InputError
from . import fourier

CACHE_BYTES = 2**29  # kernels of all LEDs are kept where they take no more


@dataclasses.dataclass(frozen=True)
class CodedCamera:
    """Windows of the LEDs on the fine grid, and the way from the image to the sensor.

    Parameters
    ----------
    plan : windows; `image_shape` is the fine grid's.
    surface : transmission on fine pixels (y, x), complex.
    upsampling : fine pixels per frame pixel and axis.
    distance_um : from surface to sensor.
    magnification : pixel of the sensor over pixel of the frame.
    z_um : depth of the sample.
    """

    plan: fourier.Windows
    surface: torch.Tensor
    upsampling: int
    distance_um: float
    magnification: float
    z_um: float = 0.0

    @property
    def device(self) -> torch.device:
        return self.surface.device

    @property
    def frames(self) -> int:
        return len(self.plan.corner)


def camera_of(
    acquisition: LedArray, z_um: float = 0.0, device: torch.device | str = "cpu", margin: float = 0.0
) -> CodedCamera:
    """The microscope of an acquisition with a coded surface.

    Parameters
    ----------
    acquisition : an LED array with a coded surface.
    z_um : depth of the sample, um.
    device : where the surface is wanted.
    margin : share by which the aperture is drawn larger than the nominal NA.

    Raises
    ------
    InputError : where the surface, its distance or the sensor's pixel is not given, or the surface does not divide into
        frame pixels.
    """
    where = acquisition.source or "the acquisition"
    for name in ("coded_surface", "surface_to_sensor_um", "sensor_pixel_um"):
        if getattr(acquisition, name) is None:
            raise InputError(
                f"{where}: {name} is missing; spatially coded Fourier ptychography needs it, so give it, or choose "
                "method fpm-sequential where the microscope has no coded surface"
            )
    surface = np.array(acquisition.coded_surface)
    rows, columns = acquisition.frame_shape
    upsampling = surface.shape[0] // rows
    if surface.shape != (rows * upsampling, columns * upsampling) or not upsampling:
        raise InputError(
            f"{where}: coded_surface has {surface.shape[0]} x {surface.shape[1]} pixels, a frame {rows} x {columns}; "
            "it must hold the same whole number of fine pixels per frame pixel along y and x"
        )
    assert acquisition.sensor_pixel_um is not None
    assert acquisition.surface_to_sensor_um is not None
    magnification = acquisition.sensor_pixel_um / acquisition.pixel_um
    fine = dataclasses.replace(
        acquisition,
        coded_surface=None,
        frames=np.broadcast_to(np.float32(0), (acquisition.frame_count, *surface.shape)),
        pixel_um=acquisition.pixel_um / upsampling,
    )
    plan = fourier.windows(fine, crop=False, margin=margin)
    field = torch.as_tensor(surface, dtype=torch.complex64, device=device)
    return CodedCamera(
        plan=plan,
        surface=field,
        upsampling=upsampling,
        distance_um=acquisition.surface_to_sensor_um,
        magnification=magnification,
        z_um=z_um,
    )


def whole_ramp(camera: CodedCamera, dtype: torch.dtype = torch.complex64) -> torch.Tensor:
    """What puts a window's middle, not its corner, at the zero frequency of its image (y, x).

    Parameters
    ----------
    camera : gives the windows and the image's pixels.
    dtype : complex type of the ramp.
    """
    turns = []
    for box, n in zip(camera.plan.box, camera.plan.image_shape, strict=True):
        steps = (torch.arange(n, dtype=torch.float64, device=camera.device) * (box // 2)) % n
        turns.append(torch.polar(torch.ones_like(steps), -2 * math.pi * steps / n).to(dtype))
    return turns[0][:, None] * turns[1][None, :]


def free_space(
    camera: CodedCamera,
    leds: np.ndarray,
    na_shift: torch.Tensor | None = None,
    distance_um: float | torch.Tensor | None = None,
) -> torch.Tensor:
    """Transfer function from surface to sensor for each LED (led, y, x), at fine frequencies + its remainder.

    Parameters
    ----------
    camera : the way to the sensor; leds : frame indices (led,).
    na_shift : change of each direction (led, 2), differentiable.
    distance_um : the camera's where None.
    """
    plan = camera.plan
    real = torch.float64 if na_shift is None else na_shift.dtype  # a kernel that is used once need not be as exact
    rest = torch.as_tensor(plan.remainder[leds], dtype=real, device=camera.device)
    if na_shift is not None:
        rest = rest + na_shift / plan.wavelength_um
    axes = [torch.fft.fftfreq(n, plan.pixel_um, dtype=real, device=camera.device) for n in plan.image_shape]
    square = (axes[0] + rest[:, 0, None])[:, :, None] ** 2 + (axes[1] + rest[:, 1, None])[:, None, :] ** 2
    square = square / camera.magnification**2
    axial = 1 / plan.wavelength_um**2 - square
    travels = axial > 0
    lag = square / (1 / plan.wavelength_um + torch.sqrt(torch.where(travels, axial, 1.0)))
    distance = camera.distance_um if distance_um is None else distance_um
    return torch.polar(travels.to(real), -2 * math.pi * distance * lag)


def pupils(
    camera: CodedCamera,
    leds: np.ndarray,
    *,
    noll: tuple[int, ...] = (),
    zernike_rad: torch.Tensor | None = None,
    factor: torch.Tensor | None = None,
    na_shift: torch.Tensor | None = None,
    edge: float = 0.0,
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Aperture, defocus and exp(i Zernike) in the window of each LED (led, y, x).

    Parameters
    ----------
    camera, leds, noll, zernike_rad, factor, na_shift, edge : as in `predict`.
    dtype : real type in which the pupils are worked out.
    """
    plan = camera.plan
    z = torch.tensor([camera.z_um], dtype=dtype, device=camera.device)
    kernel = fourier.pupils(plan, leds, z, factor, na_shift=na_shift, edge=edge)[:, 0]
    if not noll or zernike_rad is None:
        return kernel
    fy, fx = fourier.pupil_frequencies(plan, leds, camera.device, dtype, na_shift)
    phase = wavefront(noll, zernike_rad, fy, fx, plan.cutoff)
    return kernel * torch.polar(torch.ones_like(phase), phase)


def to_sensor(field: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """A `field` behind the surface (led, y, x) at the sensor, after the `kernel` of `free_space` (led, y, x)."""
    return torch.fft.ifft2(torch.fft.fft2(field) * kernel)


def predict(
    spectrum: torch.Tensor,
    camera: CodedCamera,
    leds: np.ndarray,
    *,
    surface: torch.Tensor | None = None,
    noll: tuple[int, ...] = (),
    zernike_rad: torch.Tensor | None = None,
    factor: torch.Tensor | None = None,
    na_shift: torch.Tensor | None = None,
    gain: torch.Tensor | None = None,
    background: torch.Tensor | float = 0.0,
    distance_um: float | torch.Tensor | None = None,
    edge: float = 0.0,
    kernel: torch.Tensor | None = None,
) -> torch.Tensor:
    """Intensity (led, y, x) of the frames of `leds`, on the frame's pixels; differentiable in everything.

    Parameters
    ----------
    spectrum : centred object spectrum (Y, X), of the camera's `plan.spectrum_shape`.
    camera : windows and the way to the sensor.
    leds : frame indices (led,).
    surface : transmission (y, x); the camera's where None.
    noll, zernike_rad : Zernike terms of the pupil and their coefficients, rad, of unit-variance polynomials (term,).
    factor : complex factor on the pupil's bins (y, x).
    na_shift : change of the direction of these LEDs (led, 2).
    gain : intensity of these LEDs (led,).
    background : intensity in each of these frames (led, 1, 1) or of all.
    distance_um : from surface to sensor; the camera's where None.
    edge : width of a soft aperture edge, cycles/um; above 0 where `na_shift` is learnt.
    kernel : of `free_space`, where it is already known (led, y, x).
    """
    real, plan = spectrum.real.dtype, camera.plan
    pupil = pupils(
        camera, leds, noll=noll, zernike_rad=zernike_rad, factor=factor, na_shift=na_shift, edge=edge, dtype=real
    )
    field = fourier.predict(spectrum[None], pupil[:, None], plan.corner[leds], plan.image_shape)[:, 0]
    coded = (camera.surface.to(spectrum.dtype) if surface is None else surface) * whole_ramp(camera, spectrum.dtype)
    travel = free_space(camera, leds, na_shift, distance_um).to(spectrum.dtype) if kernel is None else kernel
    wave = to_sensor(field * coded, travel)
    light = binned(intensity(wave), camera.upsampling)
    return (light if gain is None else light * gain[:, None, None]) + background


def cached_kernels(camera: CodedCamera) -> torch.Tensor | None:
    """`free_space` of all LEDs (led, y, x), complex64; None where that takes too much memory."""
    rows, columns = camera.plan.image_shape
    if 8 * camera.frames * rows * columns > CACHE_BYTES:
        return None
    return torch.cat([free_space(camera, np.array([k])).to(torch.complex64) for k in range(camera.frames)])


def measure(acquisition: LedArray, camera: CodedCamera) -> fourier.LedFrames:
    """The frames on their own pixels; `scale` is the light of the brightest LEDs without a sample.

    Ambient light stays in, as in `fourier.measure`.

    Parameters
    ----------
    acquisition : the frames; camera : its surface, see `camera_of`.
    """
    ambient = fourier.ambient_light(acquisition)
    counts = acquisition.intensity(per_exposure=False) + ambient[:, None, None].astype(np.float32)
    passed = float((camera.surface.abs() ** 2).mean())
    return fourier.measured(acquisition, torch.as_tensor(counts, device=camera.device), ambient, passed)

"""Probes that a few numbers describe: the focus of an aperture, seen at some distance, and an evenly lit disc.

Arrays are (y, x), their middle at n // 2, their energy 1. A focus lies `defocus_um` before the sample, as the light
travels; negative, the light is still converging when it meets the sample.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..types import InputError

NAMES = ("probe_diameter_um", "probe_defocus_um", "probe_na", "probe_semi_angle_mrad")
SOFT = 1.0  # bins over which the edge of an aperture fades, pixels over which that of a disc does
AIRY = 1.22  # wavelengths over the NA: the diameter of an Airy disc's dark ring


@dataclasses.dataclass(frozen=True)
class ProbeShape:
    """A probe in numbers: a disc where there is no NA, else a focus.

    diameter_um : of the disc, or of the light of a focus at the sample.
    na : sine of the half angle of the cone of light; 0 for a disc.
    defocus_um : distance of the focus before the sample.
    """

    diameter_um: float
    na: float = 0.0
    defocus_um: float = 0.0


def shape_of(said: dict[str, float], wavelength_um: float) -> ProbeShape:
    """The probe that some of the numbers `said`, by NAMES, describe in light of `wavelength_um`.

    Diameter and defocus give the cone's angle, the angle and a defocus the diameter; the diameter alone is a disc.

    Raises
    ------
    InputError : where too few, too many or impossible numbers are given.
    """
    diameter, defocus, na, angle = (said.get(name) for name in NAMES)
    for name in ("probe_diameter_um", "probe_na", "probe_semi_angle_mrad"):
        if name in said and not said[name] > 0:
            raise InputError(f"{name} is {said[name]:g}; it must be larger than 0")
    if na is not None and angle is not None:
        raise InputError("probe_na and probe_semi_angle_mrad are both given; leave one out, they say the same")
    na = float(np.sin(1e-3 * angle)) if angle is not None else na
    if diameter is not None and na is not None:
        if defocus is not None:
            raise InputError(
                "probe_diameter_um, probe_defocus_um and the probe's angle are given; two of them are enough"
            )
        defocus = diameter / (2 * na)
    if na is None:
        if diameter is None:
            raise InputError(
                "probe_defocus_um is given alone; give probe_diameter_um, probe_na or probe_semi_angle_mrad"
            )
        if not defocus:
            return ProbeShape(diameter)
        na = diameter / np.hypot(diameter, 2 * defocus)
    if not na < 1:
        raise InputError(f"the probe's angle has a sine of {na:.3g}; it must be less than 1")
    defocus = defocus or 0.0
    wide = 2 * abs(defocus) * na / np.sqrt(1 - na**2) + AIRY * wavelength_um / na
    return ProbeShape(float(wide if diameter is None else diameter), float(na), float(defocus))


def described_probe(
    said: dict[str, float], shape: tuple[int, int], pixel_um: float, wavelength_um: float
) -> np.ndarray:
    """The probe (y, x), complex64, that the numbers `said` describe; see `shape_of`.

    Parameters
    ----------
    said : by NAMES.
    shape, pixel_um : of the window, (y, x) pixels.
    wavelength_um : of the light.

    Raises
    ------
    InputError : where it does not fit the window, or is finer than its pixels.
    """
    wanted = shape_of(said, wavelength_um)
    named = " and ".join(f"{name} {said[name]:g}" for name in NAMES if name in said)
    room = min(shape) * pixel_um
    if wanted.diameter_um > room:
        raise InputError(
            f"a probe of {named} is {wanted.diameter_um:.4g} um wide, but the window that a frame sees is {room:.4g} um"
        )
    if wanted.na * 2 * pixel_um > wavelength_um:
        raise InputError(
            f"a probe of {named} has an NA of {wanted.na:.3g}, but pixels of {pixel_um:.4g} um hold at most "
            f"{wavelength_um / (2 * pixel_um):.3g}"
        )
    if wanted.na:
        return focused_probe(shape, pixel_um, wavelength_um, wanted.na, wanted.defocus_um)
    return disc_probe(shape, pixel_um, wanted.diameter_um)


def disc_probe(shape: tuple[int, int], pixel_um: float, diameter_um: float) -> np.ndarray:
    """An evenly lit disc of flat phase (y, x), complex64, with an edge soft over a pixel.

    Parameters
    ----------
    shape, pixel_um : of the window, (y, x) pixels.
    diameter_um : of the disc.
    """
    y, x = (pixel_um * (np.arange(n) - n // 2) for n in shape)
    disc = np.clip((diameter_um / 2 - np.hypot(y[:, None], x)) / (SOFT * pixel_um) + 0.5, 0, 1)
    return (disc / np.linalg.norm(disc)).astype(np.complex64)


def focused_probe(
    shape: tuple[int, int], pixel_um: float, wavelength_um: float, na: float, defocus_um: float = 0.0
) -> np.ndarray:
    """The focus of an evenly lit round aperture, `defocus_um` further: (y, x), complex64.

    Its spectrum is 1 inside the NA, times exp(2 pi i defocus (sqrt(1/wavelength^2 - |f|^2) - 1/wavelength)).

    Parameters
    ----------
    shape, pixel_um : of the window, (y, x) pixels.
    wavelength_um : of the light.
    na : sine of the half angle of the cone.
    defocus_um : from the focus on to the sample; negative where the sample comes first.
    """
    fy, fx = (np.fft.fftfreq(n, pixel_um) for n in shape)
    lateral = fy[:, None] ** 2 + fx**2
    bin_width = 1 / (min(shape) * pixel_um)
    aperture = np.clip((na / wavelength_um - np.sqrt(lateral)) / (SOFT * bin_width) + 0.5, 0, 1)
    lag = lateral / (1 / wavelength_um + np.sqrt(np.clip(1 / wavelength_um**2 - lateral, 0, None)))
    middle = sum(np.ix_(*(f * pixel_um * (n // 2) for f, n in zip((fy, fx), shape, strict=True))))
    probe = np.fft.ifft2(aperture * np.exp(-2j * np.pi * (defocus_um * lag + middle)))
    return (probe / np.linalg.norm(probe)).astype(np.complex64)

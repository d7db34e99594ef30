"""Probes that a few numbers describe: the focus of an aperture, seen at some distance, and an evenly lit disc.

Arrays are (y, x), their middle at n // 2, their energy 1. A focus lies `defocus_um` before the sample, as the light
travels; negative, the light is still converging when it meets the sample.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..types import InputError

ANGLES = ("probe_na", "probe_semi_angle_mrad", "probe_outer_zone_um")  # one of them says how wide the cone is
LENS = ("probe_stop", "probe_spherical_um", "probe_astigmatism_um", "probe_astigmatism_rad")  # what it is else
SIZES = ("probe_diameter_um", *ANGLES)  # without one of these nothing is described
NAMES = ("probe_diameter_um", "probe_defocus_um", *ANGLES, *LENS)
SOFT = 1.0  # bins over which the edge of an aperture fades, pixels over which that of a disc does
AIRY = 1.22  # wavelengths over the NA: the diameter of an Airy disc's dark ring


@dataclasses.dataclass(frozen=True)
class ProbeShape:
    """A probe in numbers: a disc where there is no NA, else a focus.

    diameter_um : of the disc, or of the light of a focus at the sample.
    na : sine of the half angle of the cone of light; 0 for a disc.
    defocus_um : distance of the focus before the sample.
    stop : diameter of the shaded middle over that of the aperture, as of a zone plate; 0 without one.
    spherical_um : rays at the angle a meet the axis spherical * a^2 nearer to the lens.
    astigmatism_um, astigmatism_rad : light that the lens bends along this direction, from x towards y, has its focus
        so much nearer to the lens, light that it bends across has it so much farther.
    """

    diameter_um: float
    na: float = 0.0
    defocus_um: float = 0.0
    stop: float = 0.0
    spherical_um: float = 0.0
    astigmatism_um: float = 0.0
    astigmatism_rad: float = 0.0

    def farthest_um(self) -> float:
        """Of the sample from where some of the light meets, at most."""
        spread = abs(self.astigmatism_um)
        ends = [self.defocus_um + s + a for s in (0.0, self.spherical_um * self.na**2) for a in (-spread, spread)]
        return max(map(abs, ends))


def shape_of(said: dict[str, float], wavelength_um: float) -> ProbeShape:
    """The probe that some of the numbers `said`, by NAMES, describe in light of `wavelength_um`.

    Diameter and defocus give the cone's angle, the angle and a defocus the diameter; the diameter alone is a disc. A
    zone plate's outermost zone stands for the angle.

    Raises
    ------
    InputError : where too few, too many or impossible numbers are given.
    """
    diameter, defocus = said.get("probe_diameter_um"), said.get("probe_defocus_um")
    _refuse_impossible(said)
    lens = {name.removeprefix("probe_"): said[name] for name in LENS if name in said}
    na = _sine(said, wavelength_um)
    if diameter is not None and na is not None:
        if defocus is not None:
            raise InputError(
                "probe_diameter_um, probe_defocus_um and the probe's angle are given; two of them are enough"
            )
        defocus = diameter / (2 * na)
    if na is None:
        if lens and not (diameter and defocus):
            raise InputError(
                f"{next(name for name in said if name in LENS)} is of a lens whose angle is not given; give "
                f"{', '.join(ANGLES[:-1])} or {ANGLES[-1]}"
            )
        if diameter is None:
            raise InputError(
                "probe_defocus_um is given alone; give probe_diameter_um, probe_na or probe_semi_angle_mrad"
            )
        if not defocus:
            return ProbeShape(diameter)
        na = diameter / np.hypot(diameter, 2 * defocus)
    if not na < 1:
        raise InputError(f"the probe's angle has a sine of {na:.3g}; it must be less than 1")
    shape = ProbeShape(0.0, float(na), float(defocus or 0.0), **lens)
    wide = 2 * shape.farthest_um() * na / np.sqrt(1 - na**2) + AIRY * wavelength_um / na
    return dataclasses.replace(shape, diameter_um=float(wide if diameter is None else diameter))


def _refuse_impossible(said: dict[str, float]) -> None:
    for name in ("probe_diameter_um", *ANGLES):
        if name in said and not said[name] > 0:
            raise InputError(f"{name} is {said[name]:g}; it must be larger than 0")
    if not 0 <= said.get("probe_stop", 0.0) < 1:
        raise InputError(
            f"probe_stop is {said['probe_stop']:g}; it must be the share of the aperture's diameter that is shaded, "
            "from 0 to less than 1"
        )


def _sine(said: dict[str, float], wavelength_um: float) -> float | None:
    """Sine of the half angle of the cone, however it is said; None where it is not."""
    told = [name for name in ANGLES if name in said]
    if len(told) > 1:
        raise InputError(f"{' and '.join(told)} are both given; leave one out, they say the same")
    if not told:
        return None
    value = said[told[0]]
    return {ANGLES[0]: value, ANGLES[1]: float(np.sin(1e-3 * value)), ANGLES[2]: wavelength_um / (2 * value)}[told[0]]


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
        return focused_probe(shape, pixel_um, wavelength_um, wanted)
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


def focused_probe(shape: tuple[int, int], pixel_um: float, wavelength_um: float, lens: ProbeShape) -> np.ndarray:
    """The focus of an evenly lit round aperture as the sample meets it: (y, x), complex64.

    Its spectrum is 1 between stop and NA, times exp(-2 pi i (d l + C wavelength l^2)) with the lag
    l = 1/wavelength - sqrt(1/wavelength^2 - |f|^2) of free space, d = defocus + A cos 2 (angle - A's direction) and
    C the spherical aberration: to fourth order exp(-i (pi wavelength d |f|^2 + pi/2 wavelength^3 C |f|^4)).

    Parameters
    ----------
    shape, pixel_um : of the window, (y, x) pixels.
    wavelength_um : of the light.
    lens : with an NA.
    """
    fy, fx = (np.fft.fftfreq(n, pixel_um) for n in shape)
    lateral = fy[:, None] ** 2 + fx**2
    bins, edge = SOFT / (min(shape) * pixel_um), lens.na / wavelength_um
    aperture = np.clip((edge - np.sqrt(lateral)) / bins + 0.5, 0, 1)
    if lens.stop:
        aperture *= np.clip((np.sqrt(lateral) - lens.stop * edge) / bins + 0.5, 0, 1)
    lag = lateral / (1 / wavelength_um + np.sqrt(np.clip(1 / wavelength_um**2 - lateral, 0, None)))
    away = lens.defocus_um + lens.astigmatism_um * np.cos(2 * (np.arctan2(fy[:, None], fx) - lens.astigmatism_rad))
    bent = away * lag + lens.spherical_um * lag**2 * wavelength_um
    middle = sum(np.ix_(*(f * pixel_um * (n // 2) for f, n in zip((fy, fx), shape, strict=True))))
    probe = np.fft.ifft2(aperture * np.exp(-2j * np.pi * (bent + middle)))
    return (probe / np.linalg.norm(probe)).astype(np.complex64)

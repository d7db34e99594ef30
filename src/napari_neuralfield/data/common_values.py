"""Values that several kinds of acquisition share."""

from __future__ import annotations

from typing import Any

from .quantity import Quantity, length, quantity

POSITIVE: dict[str, Any] = {"low": 0.0, "low_open": True, "optional": True}
DESCRIBED_PROBE = {  # numbers that stand for the probe of a far-field scan, see `optics.probe`
    "probe_diameter_um": Quantity("Spot of light", "um", "diameter of the light at the sample", **POSITIVE),
    "probe_defocus_um": Quantity(
        "Focus before sample", "um", "how far the light's focus lies before the sample; negative: behind", optional=True
    ),
    "probe_semi_angle_mrad": Quantity("Semi-angle", "mrad", "half angle of the light's cone", **POSITIVE),
    "probe_na": Quantity("NA of the light", "", "sine of the half angle of the light's cone", high=1.0, **POSITIVE),
    "probe_outer_zone_um": Quantity("Outermost zone", "um", "width of a zone plate's outermost zone", **POSITIVE),
    "probe_stop": Quantity(
        "Central stop", "", "its diameter over that of the aperture", low=0.0, high=1.0, optional=True
    ),
}


def objective_na() -> Any:
    return quantity("Objective NA", "", "numerical aperture of the objective in air", low=0.0, high=1.0, low_open=True)


def sample_pixel() -> Any:
    return length("Pixel at the sample", "camera pixel divided by the magnification")


def dark_frame() -> Any:
    said = "dark frame, subtracted from every frame"
    return quantity("Background", "counts", said, optional=True, shape=("y", "x"))


def pedestal() -> Any:
    """The camera's offset where there is no dark frame; 0 says that there is none, None that the frames may tell."""
    said = "the camera's offset, subtracted from every frame where there is no dark frame; left out: as the frames tell"
    return quantity("Pedestal", "counts", said, optional=True)


def exposure() -> Any:
    said = "exposure per frame, divided out"
    return quantity("Exposure", "relative", said, optional=True, low=0.0, low_open=True, shape=("frame",))


def pupil() -> Any:
    said = "pupil function on the frame's frequency grid, zero frequency at n // 2"
    return quantity("Pupil", "complex", said, optional=True, shape=("y", "x"), complex=True)


def wavelengths() -> Any:
    said = "vacuum wavelength of each colour, where the frames are of several"
    return quantity("Wavelengths", "um", said, optional=True, low=0.0, low_open=True, high=20.0, shape=("channel",))


def channel() -> Any:
    said = "colour of each frame, counted from 0 in the order of wavelengths_um"
    return quantity("Colour of each frame", "", said, optional=True, low=0, integer=True, shape=("frame",))


def white() -> Any:
    said = "brightness of an empty place in each colour, divided out"
    return quantity("White", "relative", said, optional=True, low=0.0, low_open=True, shape=("channel",))


def empty_place() -> Any:
    """Where there is no sample, for the white of a picture in colour; left out, it is looked for."""
    said = "an empty place of the sample: y0, x0, y1, x1"
    return quantity("Empty place", "um", said, optional=True, shape=(4,))


def coded_surface(help: str) -> Any:
    """The transmission of a coded surface; `help` says where it lies and on which pixels it is given."""
    return quantity("Coded surface", "complex", help, optional=True, shape=("fy", "fx"), complex=True)


def dose() -> Any:
    """Of electrons; what is not kept as counts is scaled to it."""
    said = "electrons per square angstrom; left out: as the counts make it"
    return quantity("Dose", "1/angstrom^2", said, optional=True, low=0.0, low_open=True)


def refractive_index(label: str, help: str) -> Any:
    """A refractive index; `label` and `help` say of what."""
    return quantity(label, "", help, optional=True, low=1.0, high=5.0)

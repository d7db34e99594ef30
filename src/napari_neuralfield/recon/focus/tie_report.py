"""What is said beside a phase from the transport of intensity: its frames, simulated again."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import torch

from ...data.acquisition import ThroughFocus
from ...types import Note
from .report import explain
from .sign import sign_of
from .transport import Transport

LOOKED_AT = 192  # frame pixels along a side, in the middle, that are simulated again
PLANES = 5  # at most
FINEST = 4  # pixels per frame pixel, at most


@dataclasses.dataclass(frozen=True)
class TieVerdict:
    """`figures` of a result; `sign`: what is known of the sign of z_um; `notes` to the user."""

    figures: dict[str, float]
    sign: str
    notes: list[Note]


def described(acquisition: ThroughFocus) -> dict[str, Any]:
    """The numbers that belong in a result's header."""
    numbers: dict[str, Any] = {
        "kind": acquisition.kind,
        "wavelength_um": acquisition.wavelength_um,
        "objective_na": acquisition.objective_na,
        "condenser_na": acquisition.condenser_na,
        "pixel_um": acquisition.pixel_um,
        "frames": acquisition.frame_count,
        "frame_shape": list(acquisition.frame_shape),
        "z_um": [float(z) for z in acquisition.z_um],
    }
    indices = {name: getattr(acquisition, name) for name in ("sample_index", "medium_index")}
    return numbers | {name: value for name, value in indices.items() if value is not None}


def verdict(acquisition: ThroughFocus, transport: Transport, sample: np.ndarray, noise: float) -> TieVerdict:
    """Put phase and absorption (2, Y, X) under the microscope again, nothing linearised, and look at the middle.

    Parameters
    ----------
    acquisition : the frames as they were evened, in the order of `transport`.
    noise : power of a frame's pixel.
    """
    aperture = acquisition.objective_na + acquisition.condenser_na
    factor = int(np.clip(math.ceil(2 * aperture * acquisition.pixel_um / acquisition.wavelength_um), 1, FINEST))
    box = []
    for n in acquisition.frame_shape:
        first = max(0, (n - LOOKED_AT) // 2)
        box.append(slice(first, first + min(n, LOOKED_AT)))
    fine = tuple(slice(s.start * factor, s.stop * factor) for s in box)
    phase, absorption = (torch.from_numpy(np.ascontiguousarray(transport.cut(part, factor)[fine])) for part in sample)
    planes = np.unique(np.linspace(0, acquisition.frame_count - 1, PLANES).round().astype(int)).tolist()
    again = explain(
        acquisition.crop(box[0], box[1]), phase, planes, upsampling=factor, absorption=absorption,
        noise=math.sqrt(noise),
    )  # fmt: skip
    sign = sign_of(transport.cut(sample[0]))
    notes = [Note(again.sentence, "info" if again.level == "green" else "warning")]
    notes += [Note(sign.sentence, sign.level)] if sign.sentence else []
    return TieVerdict(again.figures, sign.told, notes)

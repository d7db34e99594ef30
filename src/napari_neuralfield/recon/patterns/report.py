"""What is said beside a phase from LED patterns: is it to be trusted, and where not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ...data.acquisition import MultiplexedLed
from ...forward.multiplexed import board_of
from ...networks.cards import AS_TOLD, Widening
from ...optics.grids import binned
from ...types import Field
from ..engine.told import kept_rad
from ..projection.setup import optics
from .slow_phase import told_by
from .trust import PhaseVerdict, Resimulated, compare, resimulate, statistics, verdict

LOOKED_AT = 256  # frame pixels along a side, in the middle, that are simulated again


@dataclasses.dataclass(frozen=True)
class PhaseReport:
    """Parts of a `Result`, whether its phase is to be believed, and which waves of it the frames do not tell."""

    verdict: PhaseVerdict
    optics: dict[str, object]
    calibration: dict[str, np.ndarray]
    figures: dict[str, float]
    untold: str


def report(
    acquisition: MultiplexedLed,
    field: Field,
    upsampling: int,
    *,
    channels: torch.Tensor | None = None,
    training: Mapping[str, Sequence[float]] | None = None,
    doubts: Sequence[str] = (),
    log_scale: torch.Tensor | None = None,
    widening: Widening = AS_TOLD,
    absorption: np.ndarray | None = None,
    aberration: Mapping[int, float] | None = None,
    trust_brightness: bool = True,
) -> PhaseReport:
    """Put the phase under the microscope again, compare with the training, and say how far off it may be.

    Parameters
    ----------
    acquisition, field : the frames, and the phase that was found of them.
    upsampling : at which the field is simulated again, pixels per frame pixel.
    channels, training : what a network was shown, and percentiles (1, 50, 99) of its training; None without a network.
    doubts : about the network, or about its use for such frames, a sentence each.
    log_scale : logarithm of the predicted scale at the frames' pixels (y, x).
    widening : what makes it an interval that holds 68 % of the errors.
    absorption, aberration : of a polish (Y, X), `upsampling` finer than the frames; None: fitted.
    trust_brightness : the frames' brightness beside each other was measured; otherwise it is fitted as well.
    """
    box = middle(acquisition)
    part = acquisition if box is None else acquisition.crop(*box)
    y, x = field.extent.axes(acquisition.pixel_um / upsampling)
    fine = (slice(None), slice(None))
    if box is not None:
        fine = (_finer(box[0], upsampling), _finer(box[1], upsampling))
    phase = field.render(0.0, y[fine[0]], x[fine[1]])[0]
    seen = resimulate(
        part, phase, upsampling=upsampling, trust_brightness=trust_brightness,
        absorption=None if absorption is None else torch.from_numpy(absorption[fine]), aberration=aberration,
    )  # fmt: skip
    strange, expected = None, None
    if channels is not None and training:
        ranges = {name: (values[0], values[-1]) for name, values in training.items()}
        strange = compare(statistics(channels), ranges)
    calibration = {"resimulated": seen.frames, "residual": seen.difference}
    if log_scale is not None:
        scale = torch.exp(log_scale) * widening.times(float(seen.misfit.mean()))
        expected = float(scale[box or slice(None)].mean() / phase.std().clamp(min=1e-9))
        calibration["uncertainty_rad"] = kept_rad(scale.cpu().numpy())
    found = verdict(seen, strange, expected, doubts)
    if box is not None:  # only part was looked at: layers that would not lie where they belong are left out
        calibration = {name: value for name, value in calibration.items() if name == "uncertainty_rad"}
    about = optics(board_of(acquisition)) | {
        "kind": acquisition.kind, "frames": acquisition.frame_count, "trust_level": found.level,
        "trust_sentence": found.sentence, "trust_details": found.details,
    }  # fmt: skip
    figures = {"relative_amplitude_error": _overall(part, seen), "misfit_over_noise": float(seen.misfit.mean())}
    if seen.dark.any():
        figures["dark_field_correlation"] = seen.explained
    if not seen.dark.all():
        figures["bright_field_correlation"] = seen.explained_bright
    told = told_by(part, binned(phase, upsampling).cpu().numpy())
    if told is not None:
        figures |= {"untold_share": told.share}
    return PhaseReport(found, about, calibration, figures, "" if told is None else told.sentence)


def middle(acquisition: MultiplexedLed) -> tuple[slice, slice] | None:
    """The central square that is looked at; None where all is."""
    if max(acquisition.frame_shape) <= 1.25 * LOOKED_AT or acquisition.pupil is not None:
        return None
    corner = [max(0, (n - LOOKED_AT) // 2) for n in acquisition.frame_shape]
    return slice(corner[0], corner[0] + LOOKED_AT), slice(corner[1], corner[1] + LOOKED_AT)


def _finer(part: slice, factor: int) -> slice:
    return slice(part.start * factor, part.stop * factor)


def _overall(acquisition: MultiplexedLed, seen: Resimulated) -> float:
    """Relative amplitude error over all frames."""
    measured = np.sqrt(np.maximum(acquisition.intensity(per_exposure=False), 0))
    shown = np.sqrt(np.maximum(seen.frames, 0))
    return float(np.linalg.norm(shown - measured) / max(float(np.linalg.norm(measured)), 1e-30))

"""How far off a phase from defocused frames may be, and the traffic light that follows.

Frames coming back from a phase say nothing of what they do not show: slow phase, and in a single frame what absorbs. So
the light asks besides how large an error is to be expected, over the phase's own deviation:

* Of a network: the scale that it tells itself, as much of the phase as it leaves unexplained of the frames, and a share
  of what the frame leaves open, where the network shows what it was taught. One frame cannot tell absorption from
  phase, so there the network must be sure, and little may be open; where other planes come back too less is asked.
* Of the transport of intensity: what noise and borders leave open of a phase of the spectrum that the frames show. It
  is never green: much of a sample's phase may be slower than any wave that a frame shows, and then nothing tells.

The limits were chosen on foreign samples, `python -m bench.foreign.trust --first 20000`.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch

from ...data.acquisition import ThroughFocus
from ...networks.cards import Widening
from ...optics.grids import binned
from ...types import InputError
from ..engine.told import Told, expectation, mirrored_frequencies, told
from .frames import noise_of
from .report import PARTLY, DefocusReport, explain, middle
from .transport.linear import transfers

SURE_ALONE, SURE_STACK = 0.25, 0.5  # expected errors up to which a network is believed: one frame, and several
OPEN = 0.5  # share of the phase's deviation that the frame may leave open, to what the network was taught
LEFT_ALONE = 10.0  # misfit up to which one frame is: more is not of such a phase
UNTAUGHT = 0.3  # of what a frame leaves open of the phase: off, where a network fills it in
ALL_PLANES = 0.92  # share of the contrast of all planes from which the others confirm the phase of one
TOO_FAR, TOO_FAR_TRANSPORT = 1.0, 2.0  # expected errors from which a phase is not to be trusted
RIM = 6  # frame pixels at the border into which shines what lies outside
TRANSPORT_POWER = 0.25  # of the misfit, by which what is left open grows


@dataclasses.dataclass(frozen=True)
class PhaseTrust:
    """What to think of a phase.

    level, sentence : the light, and why.
    expected : error to be expected, over the phase's own deviation; nan where nobody knows.
    within_rad : half of the interval that holds 68 % of the errors, rad (y, x), or one number; nan likewise.
    planes : share of the contrast of all planes that the phase explains; None where that was not asked.
    """

    level: str
    sentence: str
    expected: float
    within_rad: torch.Tensor
    planes: float | None = None

    @property
    def known(self) -> bool:
        """Whether anything is known of the error."""
        return math.isfinite(self.expected)

    @property
    def optics(self) -> dict[str, object]:
        """Entries of a `Result`'s optics."""
        return {"trust_level": self.level, "trust_sentence": self.sentence}

    @property
    def figures(self) -> dict[str, float]:
        """Scalars for a `Result`."""
        found = {"expected_error": self.expected} if self.known else {}
        return found if self.planes is None else {**found, "all_planes_explained": self.planes}


def of_network(
    report: DefocusReport,
    phase: torch.Tensor,
    scale: torch.Tensor | None,
    *,
    widening: Widening,
    untold_rad: float,
    planes: float | None,
) -> PhaseTrust:
    """Trust in the phase that a network made of one frame.

    Parameters
    ----------
    report : how it explains that frame.
    phase : rad (Y, X), where the frame was looked at.
    scale : of its error by the network, rad (y, x), there or in the whole frame; None where it tells none.
    widening : what makes that, with all that is added to it, an interval.
    untold_rad : deviation of the part of the phase that the frame leaves open.
    planes : share of the contrast of all planes that it explains; None where there is but the one.
    """
    if scale is None:
        said = f"{report.sentence}; the network does not say how far off its phase may be"
        return PhaseTrust(_worse(report.level, "amber"), said, math.nan, torch.tensor(math.nan), planes)
    explained = report.explained if planes is None else min(report.explained, planes)
    deviation = float(phase.std().clamp(min=1e-9))
    unexplained = (1 - min(max(explained, 0.0), 1.0)) * deviation
    added = unexplained**2 + (UNTAUGHT * untold_rad) ** 2
    within = (scale.square() + added).sqrt() * widening.times(report.misfit)
    rows, columns = middle((within.shape[0], within.shape[1]))
    expected = float(within[rows, columns].mean()) / deviation
    doubt = _doubt(report.misfit, expected, untold_rad / deviation, planes)
    level = "red" if expected > TOO_FAR or explained < PARTLY else "amber" if doubt else "green"
    return _light(report, doubt, PhaseTrust(level, "", expected, within, planes))


def _doubt(misfit: float, expected: float, untold: float, planes: float | None) -> str:
    """Why a network's phase is not believed, '' where it is; `untold` is a share, all else as in `PhaseTrust`."""
    if untold >= OPEN:
        return f"the frame leaves {untold:.0%} of the phase to what the network was taught"
    if planes is None:
        sure = expected < SURE_ALONE and misfit < LEFT_ALONE
        return "" if sure else "one frame tells neither slow phase nor absorption from phase, another plane would"
    sure = expected < SURE_STACK and planes >= ALL_PLANES
    return "" if sure else f"the phase explains {max(planes, 0):.0%} of the contrast of all planes"


def of_transport(report: DefocusReport, phase: np.ndarray, untold_rad: float, factor: float) -> PhaseTrust:
    """Trust in a phase by the transport of intensity.

    Parameters
    ----------
    report : how it explains the planes.
    phase : rad (y, x).
    untold_rad : deviation of what the frames leave open of it (`PhaseSpectrum.untold_rad`).
    factor : what makes that an interval that holds 68 % of the errors.
    """
    open_rad = untold_rad * max(report.misfit, 1.0) ** TRANSPORT_POWER
    expected = factor * open_rad / max(float(phase.std()), 1e-9)
    level = "red" if expected > TOO_FAR_TRANSPORT else "amber"
    why = "phase slower than the frames show may be missing, and nothing here tells how much"
    return _light(report, why, PhaseTrust(level, "", expected, torch.tensor(factor * open_rad)))


def explained_by_all(
    acquisition: ThroughFocus, phase: torch.Tensor, upsampling: int, device: torch.device | str = "cpu"
) -> float | None:
    """Share of the contrast of all planes, in the middle, that a phase explains; None where there is no other depth.

    Parameters
    ----------
    acquisition : all planes. phase : rad (Y, X), `upsampling` pixels per frame pixel. device : that computes.
    """
    if len(np.unique(np.asarray(acquisition.z_um))) < 2:
        return None
    try:
        return explain(acquisition, phase, upsampling=upsampling, device=device).explained
    except InputError:  # a plane that no fit can use, far away or dark: it confirms nothing
        return None


def told_by(alone: ThroughFocus, phase: torch.Tensor, report: DefocusReport) -> Told:
    """Which waves a frame tells of its phase.

    Parameters
    ----------
    alone : that frame where it was looked at. phase : rad (Y, X), there. report : how it explains the frame.
    """
    frames = alone.intensity()
    rim = min(RIM, min(alone.frame_shape) // 8)
    inner = (slice(rim, -rim), slice(rim, -rim))
    seen = binned(phase, phase.shape[-1] // frames.shape[-1])[inner].cpu().numpy()
    f = np.hypot(*mirrored_frequencies((seen.shape[0], seen.shape[1]), alone.pixel_um))
    transfer, _ = transfers(f, np.asarray(alone.z_um), alone)
    noise = noise_of(frames / frames.mean((1, 2), keepdims=True))
    return told(seen, np.square(transfer).sum(0), noise**2, alone.pixel_um, report.difference[(slice(None), *inner)])


def _light(report: DefocusReport, why: str, trust: PhaseTrust) -> PhaseTrust:
    """A `trust` with its sentence and `why` it is not green, '' where it is; no better than what `report` says."""
    said = f"{report.sentence}; {expectation(trust.expected)}"
    if why:
        said = f"{said}: {why}"
    return dataclasses.replace(trust, level=_worse(report.level, trust.level), sentence=said)


def _worse(one: str, two: str) -> str:
    return min(one, two, key=("red", "amber", "green").index)

"""What `--size published` means: the networks and trainings of two papers, as far as these tell them.

NeuPh: Wang, Zhu, Li, Yang, Tian, Adv. Photon. Nexus 3, 056005 (2024). DL-SRQPI: Zhou, Jin, Lu, Li, Zuo, Laser Photonics
Rev. 18, 2300488 (2024).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from .recipe import TrainRecipe


@dataclasses.dataclass(frozen=True)
class Paper:
    """A published network.

    Parameters
    ----------
    name : how it is cited.
    unknown : what the paper does not say, and what stands here instead.
    """

    name: str
    unknown: tuple[str, ...]


NEUPH = Paper(
    "Wang, Zhu, Li, Yang, Tian, Adv. Photon. Nexus 3, 056005 (2024)",
    (
        "unit of the intensities: each over the bright field's mean",
        "samples: scenes of this package, or pieces of --images alone, under one LED board; measured ones by --pairs",
        "noise and distributions of the measured frames that simulated ones were matched to: shot and read noise alone",
        "patches in an epoch, which patience is counted in: 900, as many as simulated crops",
        "whose error the plateau is of: of 16 patches kept aside; least improvement: 1e-4 of it",
        "moments of Adam: 0.9 and 0.999",
    ),
)
SRQPI = Paper(
    "Zhou, Jin, Lu, Li, Zuo, Laser Photonics Rev. 18, 2300488 (2024)",
    (
        "channels of the finest level: 64, which fits the time that is reported",
        "interpolation of the frame: cubic",
        "unit of the frame: its mean; unit of the phase: rad, its mean included",
        "wavelength of the simulation: that of the experiment, 0.55 um, on pixels of 2.6 um",
        "samples: scenes of this package, or pieces of --images alone",
        "apertures of the simulated objective: 1.4 to 2.2 cycles per frame pixel",
        "a fall of the learning rate: none; moments of Adam: 0.9 and 0.999",
    ),
)


def told(recipe: TrainRecipe, paper: Paper) -> dict[str, object]:
    """For the header of weights that `recipe` asked for as published in `paper`: where they differ after all."""
    wanted: Mapping[str, object] = type(recipe).PUBLISHED
    differ = [f"{n} {getattr(recipe, n)}, published {v}" for n, v in wanted.items() if getattr(recipe, n) != v]
    return {"published": {"paper": paper.name, "deviations": differ, "unknown": list(paper.unknown)}}

"""Options of `fpm-inr`, and its presets."""

from __future__ import annotations

from typing import Literal

from ...data.acquisition import Acquisition, LedArray
from ..calibration.first_stage import CALIBRATE
from ..calibration.recipe import CalibrationRecipe
from ..engine.any_field import HELP, fittable
from ..engine.recipe import option
from ..projection.setup import CHECK_ORIENTATION, Z_UM, Depths, open_depths, plane_depths
from .fpm_inr_fit import nodes_over
from .fpm_inr_published import EPOCHS, DepthSets

PHYSICS = {"fit": "physics", "features": 32, "hidden": 16, "plane_ratio": 1.15}
NOTEBOOK = {
    "fit": "published", "features": 32, "hidden": 32, "depth_nodes": 5, "output": "polar", "interpolation": "bilinear",
}  # fmt: skip
PUBLISHED = NOTEBOOK | {"depth_step_um": 5.0, "random_depths": 3}
PRESETS = {
    "physics": PHYSICS, "published": PUBLISHED, "notebook": NOTEBOOK,
    "published-thyroid": NOTEBOOK | {"features": 24, "depth_nodes": 6, "uniform_depths": 6, "random_depths": 3},
}  # fmt: skip
OF_PUBLISHED = ("epochs", "depth_step_um", "uniform_depths", "random_depths")


RATES = (5e-4, 5e-3)  # largest step of Adam, to polish and by physics alone
OF_THE_NETWORK = (
    "fit", "polish", *OF_PUBLISHED, "features", "hidden", "depth_nodes", "output", "interpolation", "plane_ratio",
    "half", "end_to_end",
)  # fmt: skip


class FpmInrRecipe(CalibrationRecipe):
    """Options of `fpm-inr`."""

    method: str = "fpm-inr"
    z_um: Depths = Z_UM
    fit: Literal["distilled", "physics", "published"] = option(
        "distilled", "from the classical stack, from the frames alone, or as in the paper"
    )
    polish: int = option(0, "steps of fitting to the frames after distilling", ge=0, le=100000)
    epochs: int = option(EPOCHS, "passes over all LEDs and depths of the published fit", ge=1, le=10000)
    depth_step_um: float | None = option(
        None, "between depths of the published fit's odd epochs; empty: 0.4 / NA^2, as in its public notebook",
        unit="um", gt=0, advanced=True,
    )  # fmt: skip
    uniform_depths: int | None = option(
        None, "how many depths those are, whatever their step; empty: by the step", ge=2, le=10000, advanced=True
    )
    random_depths: int | None = option(
        None, "random depths of its even epochs; empty: half as many as odd epochs have", ge=1, le=10000, advanced=True
    )
    field: str = option("plane-axis", HELP.format(own="plane-axis"), choices=fittable, advanced=True)
    features: int = option(
        16, "features per node of the plane, Q; distilled takes no more than there are classical planes", ge=1, le=256
    )
    hidden: int = option(32, "width of the MLPs", ge=2, le=512, advanced=True)
    depth_nodes: int | None = option(
        None,
        "nodes of the depth vector; empty: one per classical plane, or 0.6 depths of field apart",
        ge=1,
        advanced=True,
    )
    output: Literal["cartesian", "polar"] = option(
        "cartesian", "the networks give real and imaginary part, or amplitude and phase", advanced=True
    )
    interpolation: Literal["smooth", "bilinear"] = option(
        "smooth", "between nodes of the plane: windowed sinc, or bilinear on a plane of a quarter of the pixels",
        advanced=True,
    )  # fmt: skip
    plane_ratio: float = option(
        1.25, "nodes of a smooth plane over the least that hold the synthetic aperture", ge=1, le=4, advanced=True
    )
    steps: int = option(700, "steps of a fit by physics alone", ge=0, le=1000000, advanced=True)
    learning_rate: float | None = option(
        None,
        "largest step size of Adam; empty: 5e-3 for a fit by physics alone, 5e-4 to polish",
        gt=0,
        le=1,
        advanced=True,
    )
    leds_per_step: int = option(30, "LEDs compared in each step of a fit to the frames", ge=1, advanced=True)
    half: bool = option(False, "store in half precision: half the file", advanced=True)
    check_orientation: bool = CHECK_ORIENTATION
    calibrate: bool = CALIBRATE
    end_to_end: bool = option(
        False, "correct the microscope also while fitting to the frames, through the field itself"
    )

    @property
    def sets(self) -> DepthSets:
        """Depths of the published fit."""
        return DepthSets(self.depth_step_um, self.uniform_depths, self.random_depths)

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """Depths of an `acquisition`, nodes over them, and the step size."""
        found = open_depths(acquisition, self.z_um)
        if isinstance(acquisition, LedArray):
            depths = plane_depths(acquisition, self.z_um, None)
            found["depth_nodes"] = len(depths) if self.fit == "distilled" else nodes_over(acquisition, depths)
        found.pop("planes", None)
        return {**found, "learning_rate": RATES[self.fit == "physics"]}

    def unused(self) -> dict[str, str]:
        """What the way to the field leaves no say, and what calibration would need."""
        idle = super().unused()
        if self.field != "plane-axis":
            return idle | dict.fromkeys(OF_THE_NETWORK, "it is for --field plane-axis")
        if self.fit != "published":
            idle |= dict.fromkeys(OF_PUBLISHED, "it counts with --preset published")
        elif self.uniform_depths is not None:
            idle["depth_step_um"] = "uniform_depths says how many there are"
        if self.fit != "physics":
            idle["steps"] = "it counts with --preset physics" + (
                ", and --epochs shortens the published fit" if self.fit == "published" else ""
            )
        if self.fit != "distilled":
            idle["polish"] = "it follows a distilled field, not --fit physics or published"
        if self.fit == "published" or (self.fit == "distilled" and not self.polish):
            why = "it counts with --preset physics or with --polish N"
            idle |= dict.fromkeys(("learning_rate", "leds_per_step"), why)
        if self.interpolation == "bilinear":
            idle["plane_ratio"] = "it counts with --interpolation smooth"
        return idle

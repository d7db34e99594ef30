"""What the options of a method that are left open come to with what is open, as the form says it. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...data.acquisition import LedArray
from ...data.geometry import default_z_range_um
from ...types import InputError

if TYPE_CHECKING:
    from ...data.acquisition import Acquisition
    from .plan import Values

STACKS = ("fpm-sequential", "fpm-inr", "fpm-auto")  # methods that may find a range of depths


def automatic(acquisition: Acquisition, method: str, chosen: Values) -> dict[str, str]:
    """Name of an option -> what it is where it is left empty; those that only a run can tell are not there.

    Parameters
    ----------
    acquisition : what is open.
    method : its name.
    chosen : options that are not left empty.
    """
    if not isinstance(acquisition, LedArray):
        return {}
    low, high = default_z_range_um(acquisition)
    known = acquisition.sample_z_um
    found = {"z_um": f"{low:.3g} to {high:.3g}" if method in STACKS and known is None else f"{known or 0.0:.4g}"}
    if method == "fpm-auto":
        found["z_um"] = f"{known or 0.0:.3g}; if thick {low:.3g} to {high:.3g}"
    elif method in STACKS:
        from ...recon.projection.setup import plane_depths

        try:
            planes = len(plane_depths(acquisition, _depths(chosen.get("z_um")), None))
        except InputError:  # what was typed is refused when it is run
            return found
        found["planes"] = str(planes)
    return found


def _depths(value: object) -> tuple[float, float] | float | None:
    if isinstance(value, list | tuple):
        return float(value[0]), float(value[1])
    return float(value) if isinstance(value, int | float) else None

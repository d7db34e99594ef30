"""What every reconstruction from an LED array decides first: depths, grids, support, and how a result is filed."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import torch

from ...data.acquisition import Acquisition, LedArray
from ...data.geometry import default_z_range_um
from ...fields.planes import PlanesField
from ...forward.led_grid import extent
from ...optics.grids import centred_spectrum
from ...optics.illumination import synthetic_na
from ...types import Done, Field, InputError, Preview, Result
from ..engine.recipe import Recipe, option

Depths = tuple[float, float] | float | None

Z_UM = option(None, "depths MIN,MAX of a stack or one depth; empty: the sample's depth if known, else all", unit="um")
CHECK_ORIENTATION = option(True, "test the eight orientations of the LED board first", advanced=True)


def depth_range(acquisition: LedArray, z_um: Depths) -> tuple[float, float]:
    """(min, max) um: what the user asked, else the sample's known depth, else all the optics can hold.

    Parameters
    ----------
    acquisition : the recording, for its optics and its sample's known depth.
    z_um : depths (min, max) or one depth, um; None where the user left it open.

    Raises
    ------
    InputError : where the range is reversed or far beyond what the optics can hold.
    """
    if z_um is None:
        known = acquisition.sample_z_um
        return (known, known) if known is not None else default_z_range_um(acquisition)
    low, high = z_um if isinstance(z_um, tuple) else (z_um, z_um)
    if low > high:
        raise InputError(f"option z_um is {low:g},{high:g}; the first depth must be the smaller one")
    focus = acquisition.sample_z_um or 0.0
    depth_of_field = acquisition.wavelength_um / acquisition.objective_na**2
    reach = 10 * depth_of_field
    if max(abs(low - focus), abs(high - focus)) > reach:
        where = f", the sample_z_um of {acquisition.source or 'the acquisition'}" if focus else ""
        raise InputError(
            f"option z_um is {low:g},{high:g}; with NA {acquisition.objective_na:g} at "
            f"{acquisition.wavelength_um:g} um the light allows depths within {reach:.3g} um of {focus:g} um{where}, "
            f"and {3 * depth_of_field:.3g} um is sensible"
        )
    return float(low), float(high)


def plane_depths(acquisition: LedArray, z_um: Depths, planes: int | None) -> np.ndarray:
    """Depths of the planes to reconstruct, um (z,), evenly spaced.

    Parameters
    ----------
    acquisition, z_um : as for `depth_range`.
    planes : number of planes; None puts them 0.3 depths of field apart.

    Raises
    ------
    InputError : where the range cannot be had, or one plane is to fill it.
    """
    low, high = depth_range(acquisition, z_um)
    if low == high:
        return np.array([low])
    spacing = 0.3 * acquisition.wavelength_um / acquisition.objective_na**2
    count = planes or max(2, 1 + int(np.ceil((high - low) / spacing - 1e-6)))
    if count < 2:
        raise InputError(f"option planes is {count}; a range of depths {low:g},{high:g} um needs at least 2")
    return np.linspace(low, high, count)


def open_depths(acquisition: Acquisition, z_um: Depths) -> dict[str, object]:
    """What depths and planes come to where they are left open, as `Recipe.automatic` gives it.

    Parameters
    ----------
    acquisition, z_um : as for `depth_range`; nothing is said of another kind.
    """
    if not isinstance(acquisition, LedArray):
        return {}
    low, high = depth_range(acquisition, None)
    depths = plane_depths(acquisition, z_um, None)
    return {"z_um": low if low == high else (low, high), "planes": len(depths)}


def known_depth(acquisition: Acquisition) -> float:
    """The depth of a sample of one plane where the user says none: as the file says, else in focus, um."""
    known = getattr(acquisition, "sample_z_um", None)
    return 0.0 if known is None else float(known)


def first_look(acquisition: LedArray, depths_um: np.ndarray) -> Preview:
    """Something to see at once: the amplitude of the frame whose LED is nearest the axis.

    Parameters
    ----------
    acquisition : the recording.
    depths_um : planes of the field to come, um (z,); the picture is the same at every depth between them.
    """
    nearest = int(np.argmin(np.hypot(*np.asarray(acquisition.illumination_na).T)))
    frame = torch.as_tensor(acquisition.intensity([nearest])).clamp(min=0)
    spectra = centred_spectrum(torch.sqrt(frame / frame.mean().clamp(min=1e-12)))
    everywhere = torch.ones(spectra.shape[-2:], dtype=torch.bool)
    middle = float(depths_um.mean())
    return Preview(PlanesField.from_spectra(spectra, [middle], extent(acquisition, depths_um), everywhere), middle)


def optics(acquisition: LedArray) -> dict[str, object]:
    """The numbers that belong in a result's header."""
    numbers: dict[str, object] = {
        "kind": acquisition.kind,
        "wavelength_um": acquisition.wavelength_um,
        "objective_na": acquisition.objective_na,
        "synthetic_na": synthetic_na(np.asarray(acquisition.illumination_na), acquisition.objective_na),
        "pixel_um": acquisition.pixel_um,
        "frames": acquisition.frame_count,
        "frame_shape": list(acquisition.frame_shape),
    }
    if acquisition.sample_z_um is not None:
        numbers["sample_z_um"] = acquisition.sample_z_um
    return numbers


def finished(
    field: Field,
    recipe: Recipe,
    acquisition: LedArray,
    started: float,
    figures: dict[str, float],
    *,
    calibration: dict[str, np.ndarray] | None = None,
    about: Mapping[str, object] | None = None,
) -> Done:
    """The last event of a reconstruction.

    Parameters
    ----------
    field, recipe : the answer, and what the user chose.
    acquisition : the microscope as it is known in the end.
    started : `time.process_time()` at the start, s.
    figures : scalars; the seconds since are added.
    calibration : arrays found with the field.
    about : numbers beside those of `optics`, or in their place.
    """
    figures = figures | {"cpu_seconds": time.process_time() - started}
    known = {**optics(acquisition), **(about or {})}
    return Done(Result(field, recipe.model_dump(), known, calibration or {}, figures=figures, title=acquisition.title))

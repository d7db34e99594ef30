"""Numbers that a format wants in metres or joules, and that somebody wrote in other units."""

from __future__ import annotations

import dataclasses

import h5py

from ...data.typed_values import LENGTHS

PLANCK_TIMES_LIGHT = 1.98644586e-25  # joule metre
ELECTRON_VOLT = 1.602176634e-19  # joules
ENERGIES = {"j": 1.0, "joule": 1.0, "joules": 1.0, "ev": ELECTRON_VOLT, "kev": 1e3 * ELECTRON_VOLT}
ALSO = {"micrometres": 1e-6, "millimetres": 1e-3, "nanometres": 1e-9, "angstroms": 1e-10}
PLAUSIBLE = {  # metres from, to, and what else it may have been written in
    "distance_um": (1e-3, 200.0, ("micrometres", "millimetres")),
    "detector_pixel_um": (3e-7, 2e-3, ("micrometres", "millimetres")),
    "wavelength_um": (1e-13, 2e-5, ("nanometres", "micrometres", "angstroms")),
}
NO_PHOTON = 1e-10  # joules: no photon of a microscope has as much
FEWEST_EV, MOST_EV = 100.0, 1e6  # as numbers: below they might be kiloelectronvolts


@dataclasses.dataclass
class Lengths:
    """What a file says of its geometry, gathered.

    values : lengths by their names, um, as far as they are there.
    notes : what was read otherwise than it stands there.
    doubts : name of a value -> why it is not taken.
    unit : in which lengths were found to be written, where not in metres.
    """

    values: dict[str, float] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)
    doubts: dict[str, str] = dataclasses.field(default_factory=dict)
    unit: str = ""

    def take(self, name: str, value: float, called: str, sure: bool = False) -> None:
        """Put a value, or the doubt about it.

        Parameters
        ----------
        name : of the value.
        value : in metres, or what should be.
        called : what the file calls it.
        sure : the file itself says its unit.
        """
        um, said, unit = (1e6 * value, "", "") if sure else length_um(name, value, called, self.unit)
        self.unit = unit or self.unit
        self.put(name, um, said)

    def put(self, name: str, um: float | None, said: str) -> None:
        """Put the value `name`, `um`, with what is to be `said` of it: a note, or a doubt where it is None."""
        if um is None:
            self.doubts[name] = said
            return
        self.values[name] = um
        self.notes += [said] if said else []


def length_um(name: str, value: float, called: str, like: str = "") -> tuple[float | None, str, str]:
    """A length in um, None where its unit cannot be told; what is to be said of it; and the unit where not metres.

    Parameters
    ----------
    name : of the value in an acquisition: one of PLAUSIBLE.
    value : as the file has it, which should be in metres.
    called : what the file calls it.
    like : unit in which another length of the file was found to be written.
    """
    low, high, others = PLAUSIBLE[name]
    if not value > high:
        return 1e6 * value, "", ""
    fits = [unit for unit in others if low <= value * ALSO[unit] <= high]
    fits = [like] if like in fits else fits
    if len(fits) == 1:
        said = f"{called} {value:g} is not in metres; it is read as {fits[0]}"
        return 1e6 * ALSO[fits[0]] * value, said, fits[0]
    return None, f"{called} {value:g} is not in metres" + (f"; {' or '.join(fits)}?" if fits else ""), ""


def photon_wavelength_um(energy: float) -> tuple[float | None, str]:
    """Wavelength of a photon of `energy`, which should be in joules, um; None where its unit cannot be told.

    The second is what is to be said of it.
    """
    if energy <= NO_PHOTON:
        return 1e6 * PLANCK_TIMES_LIGHT / energy, ""
    if not FEWEST_EV <= energy <= MOST_EV:
        return None, f"energy {energy:g} is not in joules; eV or keV?"
    wavelength = 1e6 * PLANCK_TIMES_LIGHT / (energy * ELECTRON_VOLT)
    return wavelength, f"energy {energy:g} is not in joules; it is read as eV: a wavelength of {wavelength:.4g} um"


def said_unit(dataset: h5py.Dataset) -> float | None:
    """Metres, or joules, of the unit that the attribute `units` of `dataset` names; None where none is known."""
    unit = dataset.attrs.get("units", dataset.attrs.get("unit", ""))
    text = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
    if text in LENGTHS:
        return 1e-6 * float(LENGTHS[text])
    return ENERGIES.get(text.strip().lower())

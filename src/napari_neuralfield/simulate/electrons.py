"""Virtual electron microscopes with known truth: a 4D-STEM scan of MoS2, and near-field electrons behind a diffuser.

An atom's projected potential is that of Thomas and Fermi in Moliere's form (Z. Naturforsch. 2a, 133 (1947)), which
needs no table: V(r) = Z e / (4 pi eps0 r) sum_i a_i exp(-b_i r / s) with the screening length
s = 0.8853 a0 / Z^(1/3). Its projection has the spectrum e Z / eps0 sum_i a_i / ((2 pi q)^2 + (b_i / s)^2). A thin
sample turns the wave's phase by sigma V (Kirkland, Advanced Computing in Electron Microscopy, eq. 5.6).
"""

from __future__ import annotations

import numpy as np

from ..data.acquisition import Ptychography
from ..data.derived import ELECTRON_AT_REST, wavelength_of
from ..optics.probe import ProbeShape, focused_probe
from ..registry import simulator
from .recording import Truth, recorded
from .scan_optics import far_field_frames, raster
from .scans import MARGIN, _truth, near_field
from .spectra import frequency_grid, low_pass

LATTICE_A = 3.16  # MoS2, angstroms
MO, S = 42, 16  # atomic numbers
MOLIERE = ((0.1, 6.0), (0.55, 1.2), (0.35, 0.3))
BOHR_A = 0.529177
CHARGE_V_A = 14.399645  # e / (4 pi eps0), volts times angstroms
THERMAL_A = 0.08  # rms vibration along an axis at room temperature
A_PER_UM = 1e4


def interaction(voltage_kv: float) -> float:
    """Phase of a wave behind a projected potential of 1 V angstrom, rad: Kirkland's sigma.

    `voltage_kv` accelerates the electrons.
    """
    energy = 1e3 * voltage_kv
    wavelength_a = wavelength_of("acceleration_voltage_kv", voltage_kv) * A_PER_UM
    relativistic = (ELECTRON_AT_REST + energy) / (2 * ELECTRON_AT_REST + energy)
    return float(2 * np.pi / (wavelength_a * energy) * relativistic)


def projected_potential(shape: tuple[int, int], pixel_a: float, sites: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Of atoms in a world (y, x) that repeats at its borders, volts times angstroms.

    Parameters
    ----------
    shape, pixel_a : of the world, pixels and angstroms.
    sites : (atom, 2) as (y, x), pixels.
    numbers : (atom,) atomic numbers; columns of n equal atoms are n sites.
    """
    fy, fx = frequency_grid(shape, pixel_a)
    square = fy**2 + fx**2
    spectrum = np.zeros(shape, complex)
    for number in np.unique(numbers):
        screening = 0.8853 * BOHR_A / number ** (1 / 3)
        atom = sum(a / ((2 * np.pi) ** 2 * square + (b / screening) ** 2) for a, b in MOLIERE)
        y, x = (sites[numbers == number] * pixel_a).T
        waves = np.exp(-2j * np.pi * fy * y) @ np.exp(-2j * np.pi * x[:, None] * fx)
        spectrum += 4 * np.pi * CHARGE_V_A * number * atom * waves
    return np.fft.ifft2(spectrum * np.exp(-2 * (np.pi * THERMAL_A) ** 2 * square)).real / pixel_a**2


def honeycomb(size_a: tuple[float, float], turn_rad: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Atoms of a monolayer of MoS2 seen along its axis: sites (atom, 2) in angstroms, and atomic numbers.

    Parameters
    ----------
    size_a : (y, x) of the area, from (0, 0).
    turn_rad : of the lattice against the axes.
    """
    reach = int(max(size_a) / LATTICE_A) + 3
    steps = np.stack(np.meshgrid(*2 * [np.arange(-reach, reach)], indexing="ij"), -1).reshape(-1, 2)
    cells = LATTICE_A * steps @ np.array([[0.0, 1.0], [3**0.5 / 2, 0.5]])
    sulphur = LATTICE_A * np.array([1 / 12**0.5, 0.5])
    sites = np.concatenate([cells, cells + sulphur, cells + sulphur])
    numbers = np.repeat([MO, S, S], len(cells))
    sine, cosine = np.sin(turn_rad), np.cos(turn_rad)
    sites = sites @ np.array([[cosine, -sine], [sine, cosine]]) + np.array(size_a) / 2
    inside = ((sites > 0) & (sites < np.array(size_a))).all(1)
    return sites[inside], numbers[inside]


@simulator("mos2")
def mos2(
    seed: int = 0,
    *,
    pixels: int = 64,
    scan: int = 16,
    step_a: float = 1.5,
    voltage_kv: float = 80.0,
    semi_angle_mrad: float = 21.4,
    defocus_a: float = 150.0,
    detector_mrad: float = 52.0,
    dose: float = 1e4,
    rotation_deg: float = 0.0,
    vacancies: int = 2,
) -> tuple[Ptychography, Truth]:
    """A monolayer of MoS2 with vacancies in a scanning transmission electron microscope, recorded as 4D-STEM.

    Parameters
    ----------
    seed : of noise, vacancies and the turn of the lattice.
    pixels : of a frame, per axis.
    scan, step_a : positions along each axis of a square grid, and their distance, angstroms.
    voltage_kv, semi_angle_mrad : of the electrons, and of the cone that they come in.
    defocus_a : of the focus before the sample, angstroms.
    detector_mrad : from the middle of the detector to its edge.
    dose : electrons per square angstrom.
    rotation_deg : of the scan against the detector, from y towards x; the acquisition's positions do not have it.
    vacancies : columns of sulphur that are missing in the middle of the scan.

    Returns
    -------
    The acquisition with its probe, and its truth, with `probe` (mode, y, x), `atoms_um` (atom, 2) with `atom_numbers`
    and `vacancies_um` (vacancy, 2). Places are those of positions turned about the middle of their range.
    """
    rng = np.random.default_rng(seed)
    wavelength_um = wavelength_of("acceleration_voltage_kv", voltage_kv)
    pixel_um = wavelength_um / (2e-3 * detector_mrad)
    pixel_a = pixel_um * A_PER_UM
    beam = focused_probe(
        (pixels, pixels), pixel_um, wavelength_um, ProbeShape(0, np.sin(1e-3 * semi_angle_mrad), defocus_a / A_PER_UM)
    )
    points = raster(scan**2, step_a / pixel_a)
    room = pixels + 2 * MARGIN + 0.25 * float(np.ptp(points))
    nominal = points - points.min(0) + room
    middle = (nominal.min(0) + nominal.max(0)) / 2
    sine, cosine = np.sin(np.deg2rad(rotation_deg)), np.cos(np.deg2rad(rotation_deg))
    corners = (nominal - middle) @ np.array([[cosine, sine], [-sine, cosine]]) + middle
    side = int(np.ceil(2 * middle.max() + pixels))
    sites, numbers = honeycomb((side * pixel_a, side * pixel_a), float(rng.uniform(0, 1)))
    sites, numbers, missing = _with_vacancies(sites / pixel_a, numbers, middle + pixels // 2, vacancies, rng)
    turned = interaction(voltage_kv) * projected_potential((side, side), pixel_a, sites, numbers)
    world = low_pass(np.exp(1j * turned), 1.0, 0.45)
    probe = (beam[None] * (dose * step_a**2) ** 0.5).astype(np.complex64)
    acquisition = recorded(
        Ptychography,
        rng.poisson(far_field_frames(world, probe, corners)).astype(np.float32),
        "simulated 4D-STEM of MoS2",
        geometry="far_field",
        acceleration_voltage_kv=voltage_kv,
        object_pixel_um=pixel_um,
        positions_um=nominal * pixel_um,
        probe=probe,
    )
    light = (np.abs(probe) ** 2).sum(0)
    places = {"atoms_um": sites * pixel_um, "atom_numbers": numbers, "vacancies_um": missing * pixel_um}
    return acquisition, _truth(world, corners, corners, light, pixel_um) | {"probe": probe, **places}


def _with_vacancies(
    sites: np.ndarray, numbers: np.ndarray, middle: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The atoms without `count` columns of sulphur among the nearest to the `middle`; and where these were."""
    columns = np.unique(np.round(sites[numbers == S], 6), axis=0)
    near = columns[np.argsort(np.linalg.norm(columns - middle, axis=1))[:8]]
    missing = near[rng.permutation(len(near))[:count]]
    apart = np.linalg.norm(sites[:, None] - missing, axis=2) if count else np.full((len(sites), 1), np.inf)
    stay = apart.min(1) > 1e-3
    return sites[stay], numbers[stay], missing


@simulator("electrons-near-field")
def electrons_near_field(
    seed: int = 0,
    *,
    pixels: int = 128,
    frames: int = 25,
    counts: float = 500.0,
    voltage_kv: float = 200.0,
    object_pixel_nm: float = 2.0,
    distance_um: float = 60.0,
    probe: str = "true",
) -> tuple[Ptychography, Truth]:
    """Electrons through a diffuser of known phase, a sample moved behind it, and a detector at a short defocus.

    Parameters
    ----------
    seed : of everything random.
    pixels, frames : of a frame per axis, and how many.
    counts : electrons of a detector pixel without sample, on average.
    voltage_kv : of the electrons.
    object_pixel_nm, distance_um : of a frame at the sample, and how far behind it lies the plane that is seen.
    probe : true where the acquisition holds the diffuser's wave, none where it is to be found.

    Returns
    -------
    As `near_field`.
    """
    return near_field(
        seed, pixels=pixels, frames=frames, counts=counts, phantom="cells", distance_um=distance_um,
        wavelength_um=wavelength_of("acceleration_voltage_kv", voltage_kv), object_pixel_um=1e-3 * object_pixel_nm,
        probe="true" if probe == "true" else "none",
    )  # fmt: skip

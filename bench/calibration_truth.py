"""What a calibration found, against a simulated microscope whose every part is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

RIM = {"astigmatism": 6**0.5, "coma": 8**0.5}  # largest value of Noll's polynomials 5, 6 and 7, 8


def read(path: Path, acquisition: Any) -> dict[str, Any]:
    """The truth in a file, with Zernike terms by Noll index, rad of the unit-variance polynomial.

    The given files hold astigmatism and coma as polynomials whose largest value is 1: cosine, sine of each. Where a
    truth says nothing of the microscope, `acquisition` does, and nothing is wrong with it.
    """
    import h5py

    with h5py.File(path) as file:
        truth = {name: file[name][()] for name in file} | dict(file.attrs)
    if "illumination_na" not in truth:
        perfect = {"gains": np.ones(acquisition.frame_count), "background": 0.0, "zernike_rad": np.zeros(0)}
        perfect |= {"zernike_noll": np.zeros(0, int), "illumination_na": np.asarray(acquisition.illumination_na)}
        return truth | perfect
    if "zernike_rad" in truth and "zernike_noll" not in truth:
        truth["zernike_noll"] = np.array([6, 5, 8, 7])
        truth["zernike_rad"] = truth["zernike_rad"] / np.repeat([RIM["astigmatism"], RIM["coma"]], 2)
    return truth


def frames(acquisition: Any, truth: dict[str, Any]) -> np.ndarray:
    """Noise-free frames (led, y, x) that the true microscope would have taken, without ambient light."""
    from napari_neuralfield.simulate import simulators as simulate

    terms = dict(zip(truth["zernike_noll"].tolist(), truth["zernike_rad"].tolist(), strict=True))
    intensity = simulate.led_frames(
        truth["object"][None] - 1, truth["cell_z_um"][:1], truth["illumination_na"],
        objective_na=acquisition.objective_na, wavelength_um=acquisition.wavelength_um,
        pixel_um=acquisition.pixel_um, upsampling=round(acquisition.pixel_um / truth["pixel_um"]),
        pupil=simulate.aberrated_pupil(terms, acquisition.objective_na / acquisition.wavelength_um),
    )  # fmt: skip
    return np.asarray(intensity * truth["gains"][:, None, None])


def ambient(acquisition: Any, truth: dict[str, Any]) -> float:
    """The constant light in the frames: the truth's, else what the true microscope leaves unexplained."""
    if "background" in truth:
        return float(truth["background"])
    return float((acquisition.intensity() - frames(acquisition, truth)).mean())


def ideal(acquisition: Any, truth: dict[str, Any]) -> Any:
    """The acquisition as the best calibration would leave it."""
    from napari_neuralfield.simulate.simulators import aberrated_pupil

    terms = dict(zip(truth["zernike_noll"].tolist(), truth["zernike_rad"].tolist(), strict=True))
    cutoff = acquisition.objective_na / acquisition.wavelength_um
    shape = acquisition.frame_shape
    fy, fx = np.meshgrid(*((np.arange(n) - n // 2) / (n * acquisition.pixel_um) for n in shape), indexing="ij")
    inward = np.minimum(1, (1 - 1e-9) * cutoff / np.maximum(np.hypot(fy, fx), 1e-9))  # a rim's value goes on outside
    pupil = aberrated_pupil(terms, cutoff)
    return acquisition.replace(
        illumination_na=truth["illumination_na"],
        exposure=truth["gains"],
        background=np.full(shape, ambient(acquisition, truth)),
        sample_z_um=float(truth["cell_z_um"][0]),
        **({} if pupil is None else {"pupil": pupil(fy * inward, fx * inward)}),
    )


def compare(calibration: Any, truth: dict[str, Any]) -> dict[str, float]:
    """How far what was found lies from the truth, by name; LEDs of bad frames do not count.

    Directions after a common shift is removed, which no frame can tell. Zernike terms as their largest value in the
    pupil; `zernike_rad` of the terms that are there, `zernike_other_rad` of those that are not.
    """
    given = calibration.given
    good = np.ones(given.frame_count, bool)
    good[truth.get("bad_frames", np.zeros(0, int))] = False
    found_na, true_na = np.asarray(calibration.corrected.illumination_na)[good], truth["illumination_na"][good]
    off = found_na - true_na
    distance = np.hypot(*(off - off.mean(0)).T)
    bright = np.hypot(*true_na.T) <= given.objective_na
    gains, true_gains = calibration.gains[good], truth["gains"][good]
    light = ambient(given, truth)
    terms = dict(zip(truth["zernike_noll"].tolist(), truth["zernike_rad"].tolist(), strict=True))
    wrong = {
        noll: rim(noll) * abs(calibration.zernike_rad.get(noll, 0.0) - terms.get(noll, 0.0))
        for noll in {*terms, *calibration.zernike_rad} - {4}
    }
    z = truth["cell_z_um"]
    found = {
        "direction_rms_na": rms(distance),
        "direction_bright_rms_na": rms(distance[bright]),
        "common_shift_na": float(np.hypot(*off.mean(0))),
        "gain_rms": rms(gains / gains.mean() / (true_gains / true_gains.mean()) - 1),
        "zernike_rad": max((wrong[noll] for noll in terms), default=0.0),
        "zernike_other_rad": max((v for noll, v in wrong.items() if noll not in terms), default=0.0),
    }
    if np.ptp(z) == 0:
        found["z_error_um"] = float(calibration.z_um - z[0])
    if light:
        found["background_error"] = float(np.median(calibration.background[good])) / light - 1
    return found


def is_twin(calibration: Any, truth: dict[str, Any]) -> bool:
    """Whether the board was found half a turn from the truth: with depth reversed that gives the very same frames."""
    found, true = np.asarray(calibration.corrected.illumination_na), truth["illumination_na"]
    return bool(np.abs(found + true).mean() < np.abs(found - true).mean())


def twin(truth: dict[str, Any]) -> dict[str, Any]:
    """The other microscope and sample that give the same frames: the object's complex conjugate, everything turned."""
    from napari_neuralfield.optics.pupil import noll_to_nm

    even = np.array([noll_to_nm(noll)[0] % 2 == 0 for noll in truth["zernike_noll"].tolist()], bool)
    return truth | {
        "object": truth["object"].conj(),
        "illumination_na": -truth["illumination_na"],
        "zernike_rad": np.where(even, -truth["zernike_rad"], truth["zernike_rad"]),
        "cell_z_um": -truth["cell_z_um"],
    }


def rim(noll: int) -> float:
    """Largest value of Noll's polynomial in the pupil."""
    from napari_neuralfield.optics.pupil import noll_to_nm

    n, m = noll_to_nm(noll)
    return float((n + 1) ** 0.5 * (2**0.5 if m else 1))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((np.asarray(values) ** 2).mean()))

"""Published MATLAB files of both versions against arrays written here, and a real one."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from napari_neuralfield.io import open_acquisition, open_draft
from napari_neuralfield.io.readers import matlab_tags
from napari_neuralfield.optics.illumination import UCONN_HEIGHT_MM, uconn_board
from napari_neuralfield.types import InputError

RNG = np.random.default_rng(0)
STACK = RNG.uniform(1, 2, (5, 8, 3)).astype(np.float32)  # (y, x, led)
FPM_INR: dict[str, Any] = {
    "I_low": STACK,
    "na_calib": RNG.uniform(-0.2, 0.2, (3, 2)),
    "mag": 10.0,
    "dpix_c": 3.45,
    "na_cal": 0.25,
}
UCONN: dict[str, Any] = {"imlow_HDR": STACK, "theta": 2.0, "wlength": 532e-9, "xint": 0.1, "yint": 0.35, "z": 1e-5}


def write(path: Path, values: dict[str, Any], version: str) -> Path:
    if version == "5":
        scipy.io.savemat(path, values, do_compression=True)
        return path
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in values.items():
            file[name] = np.atleast_2d(value).T
    return path


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_fpm_inr(tmp_path: Path, version: str) -> None:
    draft = open_draft(write(tmp_path / "smear.mat", FPM_INR, version))
    assert draft.missing() == ["wavelength_um"]
    acquisition = draft.complete(wavelength_um=0.522)
    assert (acquisition.objective_na, acquisition.pixel_um) == pytest.approx((0.25, 0.345))
    assert np.array_equal(acquisition.illumination_na, FPM_INR["na_calib"][:, ::-1])
    assert acquisition.led_height_mm is None
    copied = pickle.loads(pickle.dumps(acquisition))
    assert np.array_equal(copied.intensity(), np.moveaxis(STACK, -1, 0))
    assert np.array_equal(copied.frames[2, 1:4], STACK[1:4, :, 2])


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_uconn_amplitudes_become_intensities(tmp_path: Path, version: str) -> None:
    acquisition = open_acquisition(write(tmp_path / "smear.mat", UCONN, version))
    assert acquisition.wavelength_um == pytest.approx(0.532)
    assert acquisition.sample_z_um == pytest.approx(10.0)
    assert np.allclose(acquisition.intensity(), np.moveaxis(STACK, -1, 0) ** 2)
    assert np.allclose(acquisition.illumination_na, uconn_board(2.0, 0.1, 0.35, 3))
    assert acquisition.led_height_mm == UCONN_HEIGHT_MM


def without(values: dict[str, Any], name: str, **changes: Any) -> dict[str, Any]:
    return {**{k: v for k, v in values.items() if k != name}, **changes}


@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (without(FPM_INR, "I_low"), r"the file holds dpix_c, mag, na_cal, na_calib; it must hold I_low"),
        (without(FPM_INR, "na_calib", na_calib=np.zeros((3, 4))), r"na_calib has shape \(3, 4\); it must be"),
        (without(FPM_INR, "mag", mag=0.0), r"mag is 0; the magnification must be larger than 0"),
        (without(FPM_INR, "na_cal", na_cal=1.3), r"objective_na is 1.3; .*immersion"),
        (without(FPM_INR, "I_low", I_low=STACK[:, :, :2]), r"illumination_na has 3 entries .* the frames have 2"),
        (without(FPM_INR, "I_low", I_low=STACK[0]), r"I_low has shape \(8, 3\); it must be \(y, x, led\)"),
        (without(UCONN, "imlow_HDR", imlow_HDR=np.zeros((1, 1, 226))), r"holds 226 frames; this board has 225 LEDs"),
        (without(UCONN, "z", z=np.zeros(2)), r"z has shape .*; it must be a single number"),
        (without(UCONN, "yint", yint=np.inf), r"yint is inf; it must be a number"),
    ],
)
def test_bad_variables_are_named(tmp_path: Path, version: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_acquisition(write(tmp_path / "smear.mat", values, version), wavelength_um=0.5)


@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize("kept", [0, 60, 700])
def test_files_cut_short(tmp_path: Path, version: str, kept: int) -> None:
    path = write(tmp_path / "smear.mat", FPM_INR, version)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"smear.mat: .*(cut short|not an HDF5 file)"):
        open_acquisition(path, wavelength_um=0.5).intensity()


def test_a_letter_is_not_a_matlab_file(tmp_path: Path) -> None:
    (tmp_path / "letter.mat").write_text("Dear reader, " * 100)
    with pytest.raises(InputError, match=r"letter.mat: this is not a MATLAB file"):
        open_draft(tmp_path / "letter.mat")


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_a_pupil_in_the_file_is_used_about_its_axis(tmp_path: Path, version: str) -> None:
    """Its axis lies between the two middle bins of an even grid: after reading, on bin n // 2."""
    y, x = np.arange(5) - 2, np.arange(8) - 3.5
    pupil = np.exp(0.05j * (y[:, None] ** 2 + x**2))
    draft = open_draft(write(tmp_path / "smear.mat", {**UCONN, "aberration": pupil}, version))
    assert any("'aberration' is used" in note for note in draft.notes)
    acquisition = draft.complete()
    assert acquisition.pupil is not None
    assert acquisition.sample_z_um == 0
    assert np.allclose(acquisition.pupil[:, 5:], acquisition.pupil[:, 3:0:-1])
    assert np.all(np.angle(acquisition.pupil[2, 5:7]) > np.angle(acquisition.pupil[2, 4]))
    other = open_draft(write(tmp_path / "other.mat", {**UCONN, "aberration": pupil[:3]}, version))
    assert any("is not used: it is 3x8" in note for note in other.notes)


def test_the_real_blood_smear(shared_data: Path) -> None:
    acquisition = open_acquisition(shared_data / "fpm_uconn" / "bloodsmear_blue.mat")
    assert acquisition.frames.shape == (225, 128, 128)
    assert acquisition.wavelength_um == pytest.approx(0.475)
    assert acquisition.sample_z_um == pytest.approx(-15.0)
    amplitude = scipy.io.loadmat(shared_data / "fpm_uconn" / "bloodsmear_blue.mat")["imlow_HDR"]
    assert np.allclose(acquisition.intensity([7])[0], amplitude[:, :, 7] ** 2)


@pytest.mark.parametrize("packed", [True, False])
def test_every_kind_of_array_passes_and_a_number_type_that_does_not_exist_is_refused(
    tmp_path: Path, packed: bool
) -> None:
    path = tmp_path / "kinds.mat"
    held = {
        "frames": RNG.normal(size=(4, 4, 5)), "c": np.eye(3) + 1j, "s": {"a": 1.0, "b": "text", "c": {"d": np.eye(2)}},
        "cell": np.array([1, "x", np.eye(3)], dtype=object), "none": np.zeros((0, 3)), "t": "hello", "empty": "",
        "u": np.arange(20, dtype="u2"), "yes": np.array([True]), "sparse": scipy.sparse.eye(4).tocsc(),
    }  # fmt: skip
    scipy.io.savemat(path, held, do_compression=packed)
    matlab_tags.check(path)
    if not packed:  # the library that reads it ends the program for such a type
        path.write_bytes(path.read_bytes().replace(struct.pack("<II", 9, 640), struct.pack("<II", 23, 640)))
        with pytest.raises(InputError, match=r"kinds\.mat: this is not a MATLAB file .* element of type 23"):
            open_draft(path)

"""Files of other programs, written here as they lay them out."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdf5_scene import write

from napari_neuralfield.data.acquisition import LedArray, Ptychography
from napari_neuralfield.io import open_acquisition, open_draft
from napari_neuralfield.testing import check_reader
from napari_neuralfield.types import InputError

RNG = np.random.default_rng(0)
SPOT = np.outer(np.hanning(16), np.hanning(16))  # light that ends before the border, as in the far field
FRAMES = RNG.poisson(80 * SPOT, (6, 16, 16)).astype(np.int32)
PLACES = RNG.uniform(-9, 9, (6, 2))
RASTER = FRAMES.reshape(2, 3, 16, 16)


PTYPY: dict[str, Any] = {
    "meta/energy": 7.2, "meta/distance": 7.19, "meta/psize": [172e-6, 172e-6], "meta/num_frames": 6,
    "info/energy": 1.0,
}  # fmt: skip


def chunks(sizes: tuple[int, ...]) -> dict[str, Any]:
    ends = np.cumsum((0, *sizes))
    parts = {str(9 + i): slice(a, b) for i, (a, b) in enumerate(itertools.pairwise(ends))}
    return {f"chunks/{n}/{key}": value[part] for n, part in parts.items() for key, value in (
        ("data", FRAMES), ("positions", 1e-6 * PLACES)
    )}  # fmt: skip


@pytest.mark.parametrize("sizes", [(6,), (2, 3, 1)])
def test_ptypy(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    path = write(tmp_path / "a.ptyd", {**PTYPY, **chunks(sizes)})
    check_reader("hdf5", path)
    found = open_acquisition(path)
    assert isinstance(found, Ptychography)
    assert np.array_equal(found.frames[:], FRAMES)
    assert np.allclose(found.positions_um, PLACES)
    assert (found.distance_um, found.detector_pixel_um) == (7.19e6, 172)
    assert found.wavelength_um == pytest.approx(1.23984e-3 / 7.2, rel=1e-5)
    assert found.mask is None


@pytest.mark.parametrize("alike", [True, False])
def test_weights_of_ptypy_are_masks(tmp_path: Path, alike: bool) -> None:
    weights = np.ones(FRAMES.shape)
    weights[:, 3, 4:6] = 0
    weights[4, 7, 7] = float(alike)
    held = {**PTYPY, **chunks((6,)), "chunks/9/weights": weights}
    found = open_acquisition(write(tmp_path / "a.ptyd", held))
    assert isinstance(found, Ptychography)
    masks = found.mask if alike else found.frame_mask
    assert np.array_equal(masks, weights[0] > 0 if alike else weights > 0)
    assert (found.mask is None) != alike


def test_ptylab_fourier_ptychography(tmp_path: Path) -> None:
    """Frames by PtyLab's formula are those of our directions.

    There a frame is |transform of the object's spectrum x pupil|^2 with the window at -encoder / distance, and the
    spectrum an inverse transform.
    """
    pixels, fine, pixel, wavelength, na = 32, 96, 0.8, 0.5, 0.1
    sample = np.exp(1j * RNG.uniform(0, 1, (fine, fine)))
    spectrum = np.fft.fftshift(np.fft.ifft2(sample))
    steps = np.array([[0, 0], [7, 3], [-4, 9], [0, -11]])  # of the spectrum
    sines = -steps * wavelength / (pixels * pixel)  # of the windows, as y, x: minus the encoder's
    height = 0.07
    encoder = height * sines / np.sqrt(1 - (sines**2).sum(axis=1, keepdims=True))
    q = (np.arange(pixels) - pixels // 2) / (pixels * pixel)
    pupil = np.hypot(q[:, None], q[None]) <= na / wavelength
    frames, ours = [], []
    y = pixel * pixels / fine * np.arange(fine)
    for (dy, dx), (sy, sx) in zip(steps, sines, strict=True):
        at = fine // 2 - pixels // 2
        patch = spectrum[at + dy : at + dy + pixels, at + dx : at + dx + pixels] * pupil
        frames.append(np.abs(np.fft.fft2(np.fft.ifftshift(patch))) ** 2)
        wave = np.exp(-2j * np.pi * (sy * y[:, None] + sx * y[None]) / wavelength)  # na is minus the LED's place
        low = np.fft.fftshift(np.fft.fft2(sample * wave))[at : at + pixels, at : at + pixels] * pupil
        ours.append(np.abs(np.fft.ifft2(np.fft.ifftshift(low)) * (pixels / fine) ** 2) ** 2)
    held = {"ptychogram": np.array(frames, np.float32), "encoder": encoder, "zled": height, "magnification": 5.0,
            "dxd": 5 * pixel * 1e-6, "NA": na, "wavelength": 1e-6 * wavelength}  # fmt: skip
    found = open_acquisition(write(tmp_path / "a.hdf5", held))
    assert isinstance(found, LedArray)
    assert np.allclose(found.illumination_na, -sines)
    assert (found.pixel_um, found.led_height_mm) == (pytest.approx(pixel), pytest.approx(70))
    assert np.allclose(found.frames[:], ours, rtol=1e-4, atol=1e-4 * np.max(ours))


def test_ptylab_without_all_of_it(tmp_path: Path) -> None:
    held = {"ptychogram": FRAMES, "encoder": 1e-3 * PLACES.T, "zled": 0.07, "wavelength": 5e-7, "NA": 0.1}
    with pytest.raises(InputError, match=r"pixel_um .* is missing"):
        open_acquisition(write(tmp_path / "a.h5", held))
    with pytest.raises(InputError, match="zled has shape"):
        open_draft(write(tmp_path / "a.h5", {**held, "zled": [1.0, 2.0]}))


def test_ptychoshelves_prepared_data(tmp_path: Path) -> None:
    """Zero frequency at the corner, positions in pixels, bad pixels by row and column."""
    y, x = np.mgrid[-8:8, -8:8]
    centred = RNG.poisson(100 * np.exp(-np.hypot(y, x) / 3), (6, 16, 16)).astype(np.float32)
    stored = np.fft.ifftshift(centred, axes=(1, 2))
    places = np.array([[0, 4], [3, 0], [8, 2], [5, 5], [1, 1], [2, 9]], np.uint32)
    held = {"measurement/n0/data": stored, "measurement/n0/positions": places, "measurement/n1/data": stored,
            "detector/n0/bad_pixels": np.array([[0, 1], [2, 3]], np.uint32)}  # fmt: skip
    draft = open_draft(write(tmp_path / "a.h5", held))
    found = draft.complete(object_pixel_um=0.02)
    assert isinstance(found, Ptychography)
    assert np.array_equal(found.frames[:], centred)
    assert np.allclose(found.positions_um, 0.02 * places)
    assert found.mask is not None
    assert np.argwhere(~found.mask).tolist() == [[8, 9], [10, 11]]
    assert any("first of 2 scans" in note for note in draft.notes)


@pytest.mark.parametrize(("unit", "um"), [("m", 1e6), ("Å", 1e-4)])
def test_fold_slice_and_its_positions_beside(tmp_path: Path, unit: str, um: float) -> None:
    path = write(tmp_path / "data_roi0_dp.hdf5", {"dp": np.swapaxes(FRAMES, 1, 2)})
    (tmp_path / "data_roi0_dp.yaml").write_text("geometry: far_field\nacceleration_voltage_kv: 300\nobject_pixel_um: 1")
    with pytest.raises(InputError, match=r"positions_um .* give scan_grid: \{rows"):
        open_acquisition(path)
    places = PLACES / um
    write(tmp_path / "data_roi0_para.hdf5", {"ppX": places[:, 1:].T, "ppY": places[:, :1].T})
    found = open_acquisition(path)
    assert isinstance(found, Ptychography)
    assert np.array_equal(found.frames[:], FRAMES)
    assert np.allclose(found.positions_um, -PLACES)


CALIBRATION: dict[str, Any] = {"R_pixel_size": 2.0, "R_pixel_units": b"A", "Q_pixel_size": 0.05,
                               "Q_pixel_units": b"A^-1"}  # fmt: skip


@pytest.mark.parametrize(
    ("cube", "home", "between"),
    [
        ("datacube_root/datacube/data", "datacube_root/metadatabundle/calibration", "/"),
        ("dm_root/dm_dataset/data", "dm_root/metadatabundle/calibration", "/"),
        ("4DSTEM_experiment/data/datacubes/datacube_0/data", "4DSTEM_experiment/metadata/metadata_0/calibration", "@"),
        ("4DSTEM/datacube/data", "4DSTEM/calibration", "/"),
    ],
)
def test_py4dstem(tmp_path: Path, cube: str, home: str, between: str) -> None:
    held = {cube: RASTER, **{f"{home}{between}{n}": v for n, v in CALIBRATION.items()}}
    held[f"{cube.rpartition('/')[0]}@emd_group_type"] = 1
    path = write(tmp_path / "a.h5", held)
    with pytest.raises(InputError, match=r"wavelength_um .* is missing; give acceleration_voltage_kv"):
        open_acquisition(path)
    found = open_acquisition(path, acceleration_voltage_kv=300)
    assert isinstance(found, Ptychography)
    assert np.array_equal(found.frames[:], FRAMES)
    assert found.object_pixel_um == pytest.approx(1e-4 / (16 * 0.05))
    grid = np.moveaxis(np.mgrid[:2, :3], 0, -1).reshape(-1, 2)
    assert np.allclose(found.positions_um, 2e-4 * grid)


def test_py4dstem_in_angles_and_without_a_step(tmp_path: Path) -> None:
    home = "datacube_root/metadatabundle/calibration"
    held = {"datacube_root/datacube/data": RASTER, f"{home}/Q_pixel_size": 1.5, f"{home}/Q_pixel_units": b"mrad",
            f"{home}/R_pixel_size": 1.0, f"{home}/R_pixel_units": b"pixels", f"{home}/voltage": 3e5}  # fmt: skip
    path = write(tmp_path / "a.emd", held)
    with pytest.raises(InputError, match=r"positions_um .* give scan_grid"):
        open_acquisition(path)
    (tmp_path / "a.yaml").write_text("scan_grid: {step_um: 2 Å, snake: true}")
    found = open_acquisition(path)
    assert isinstance(found, Ptychography)
    assert found.object_pixel_um == pytest.approx(1.96875e-6 / (16 * 1.5e-3), rel=1e-5)
    assert found.positions_um[3].tolist() == pytest.approx([2e-4, 4e-4])


def test_emd_by_its_dimensions(tmp_path: Path) -> None:
    """EMD 0.2: dimensions are counted from 1."""
    held: dict[str, Any] = {"data/scan/data": RASTER, "data/scan@emd_group_type": 1}
    for number, (step, unit) in enumerate([(0.3, "[n_m]"), (0.3, "[n_m]"), (0.4, "[n_m^-1]"), (0.4, "1/nm")], 1):
        held[f"data/scan/dim{number}"] = step * np.arange(2)
        held[f"data/scan/dim{number}@units"] = unit
    found = open_acquisition(write(tmp_path / "a.emd", held), wavelength_um=2e-6)
    assert isinstance(found, Ptychography)
    assert found.object_pixel_um == pytest.approx(1e-3 / (16 * 0.4))
    assert found.positions_um[-1].tolist() == pytest.approx([3e-4, 6e-4])


def test_cxi_inside_nexus(tmp_path: Path) -> None:
    """The energy of the source is that of the ring, and a raster is kept by its rows."""
    at = "entry_1/instrument_1"
    moved = np.concatenate([1e-6 * PLACES, np.zeros((6, 1))], axis=1).reshape(2, 3, 3)
    held = {f"{at}/detector_1/data": RASTER, f"{at}/detector_1/distance": 2.0, f"{at}/detector_1/x_pixel_size": 75e-6,
            f"{at}/detector_1/y_pixel_size": 75e-6, f"{at}/source_1/energy": 4.8e-10, f"{at}/beam_1/energy": 1.2e-15,
            f"{at}/detector_1/translation": moved, "entry_1/definition": b"NXcxi_ptycho"}  # fmt: skip
    found = open_acquisition(write(tmp_path / "a.nxs", held))
    assert isinstance(found, Ptychography)
    assert np.array_equal(found.frames[:], FRAMES)
    assert found.wavelength_um == pytest.approx(1.98644586e-19 / 1.2e-15)
    assert np.allclose(found.positions_um, PLACES[:, ::-1])  # minus the specimen's way; rows run against y, and x


def test_nexus(tmp_path: Path) -> None:
    """Units count; the sidecar says the kind and what is missing, also under the file's own names."""
    bad = np.zeros((16, 16), np.uint32)
    bad[3, 4] = 1
    at = "entry/instrument"
    held = {f"{at}/detector/data_x": 1, "entry/data/data_000001": FRAMES[:4], "entry/data/data_000002": FRAMES[4:],
            f"{at}/beam/incident_wavelength": 1.2, f"{at}/beam/incident_wavelength@units": "angstrom",
            f"{at}/detector/detector_distance": 2000.0, f"{at}/detector/detector_distance@units": "mm",
            f"{at}/detector/x_pixel_size": 75e-6, f"{at}/detector/detectorSpecific/pixel_mask": bad,
            "stage/y": PLACES[:, 0], "stage/x": PLACES[:, 1], "stage/y@units": "um"}  # fmt: skip
    path = write(tmp_path / "a_master.h5", held)
    with pytest.raises(InputError, match=r"positions_um .* is missing; give"):
        open_acquisition(path)
    (tmp_path / "a_master.yaml").write_text(
        "kind: ptychography\ngeometry: far_field\nvariables: {y: stage/y, x: stage/x}"
    )
    found = open_acquisition(path)
    assert isinstance(found, Ptychography)
    assert np.array_equal(found.frames[:], FRAMES)
    assert (found.wavelength_um, found.distance_um) == (pytest.approx(1.2e-4), pytest.approx(2e6))
    assert np.allclose(found.positions_um, PLACES)
    assert found.mask is not None
    assert np.argwhere(~found.mask).tolist() == [[3, 4]]

"""How frames lie in a container: axes, amplitudes, channels, scan grids, positions on their side."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile

from napari_neuralfield.data.acquisition import Acquisition, Draft, Ptychography, ThroughFocus
from napari_neuralfield.io import open_acquisition, open_draft
from napari_neuralfield.io.sidecar import layout
from napari_neuralfield.types import InputError

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 900, (6, 8, 10)).astype(np.uint16)  # (frame, y, x)
SCAN = (
    "kind: ptychography\ngeometry: far_field\nwavelength_um: 1.0e-4\nobject_pixel_um: 0.05\n"
    "positions_px: [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]\n"
)
RASTER = SCAN.partition("positions")[0]
FOCUS = "kind: through_focus\nwavelength_um: 0.5\nobjective_na: 0.2\ncondenser_na: 0.05\npixel_um: 0.6\n"


def write(path: Path, stored: np.ndarray, says: str) -> Path:
    """`stored` in the container that the name asks for, and its sidecar."""
    if path.suffix == ".npy":
        np.save(path, stored)
    elif path.suffix == ".npz":
        np.savez(path, frames=stored)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, stored, photometric="minisblack")
    elif path.suffix == ".mat":
        scipy.io.savemat(path, {"frames": stored})
    else:
        with h5py.File(path, "w") as file:
            file["frames"] = stored
    path.with_suffix(".yaml").write_text(says)
    return path


def same(found: Acquisition, frames: np.ndarray) -> None:
    """Whole, one by one, a region, and in another process."""
    assert np.array_equal(found.frames[:], frames)
    assert np.array_equal(found.frames[len(frames) - 1], frames[-1])
    assert np.array_equal(found.frames[1:3, 2:5, ::3], frames[1:3, 2:5, ::3])
    assert np.array_equal(pickle.loads(pickle.dumps(found.frames))[1], frames[1])


CONTAINERS = ("a.npy", "a.npz", "a.h5", "a.tif", "a.mat")


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("axes", ["yxn", "xny", "nyx"])
def test_axes_of_any_container(tmp_path: Path, name: str, axes: str) -> None:
    stored = np.transpose(FRAMES, ["nyx".index(a) for a in axes])
    same(open_acquisition(write(tmp_path / name, stored, f"{SCAN}axes: {axes}")), FRAMES)


@pytest.mark.parametrize("name", CONTAINERS)
def test_amplitudes_are_squared(tmp_path: Path, name: str) -> None:
    root = np.sqrt(FRAMES).astype(np.float32)
    root = np.moveaxis(root, 0, -1) if name == "a.mat" else root
    draft = open_draft(write(tmp_path / name, root, f"{SCAN}amplitudes: true"))
    assert np.allclose(draft.complete().frames[:], FRAMES, rtol=1e-5)
    assert any("hold amplitudes" in note for note in draft.notes)


def test_complex_amplitudes(tmp_path: Path) -> None:
    wave = RNG.standard_normal((6, 8, 10)) + 1j * RNG.standard_normal((6, 8, 10))
    path = write(tmp_path / "a.npy", wave, f"{SCAN}amplitudes: true")
    assert np.allclose(open_acquisition(path).frames[:], np.abs(wave) ** 2)
    path.with_suffix(".yaml").write_text(SCAN)
    with pytest.raises(InputError, match=r"a.npy: the numbers are complex; .* amplitudes: true"):
        open_draft(path)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.h5"])
def test_one_channel_of_several(tmp_path: Path, name: str) -> None:
    stored = np.stack([FRAMES + 7, FRAMES, FRAMES * 2], axis=1)  # (n, c, y, x)
    same(open_acquisition(write(tmp_path / name, stored, f"{SCAN}axes: ncyx\nuse_channel: 1")), FRAMES)


def test_one_of_the_channels_that_a_reader_found(tmp_path: Path) -> None:
    """With the values and names that go with its frames."""
    values = {"channel": [0, 0, 0, 1, 1, 1], "wavelengths_um": [0.45, 0.6], "z_um": np.arange(6.0)}
    draft = Draft("through_focus", FRAMES, dict(values), frame_names=tuple("abcdef"))
    layout.apply(draft, {"use_channel": 1}, tmp_path / "a.yaml")
    assert np.array_equal(draft.frames[:], FRAMES[3:])
    assert draft.values["z_um"].tolist() == [3, 4, 5]
    assert (draft.values["wavelength_um"], draft.frame_names) == (0.6, ("d", "e", "f"))
    with pytest.raises(InputError, match="use_channel is 2, but the channels are 0, 1; choose"):
        layout.apply(Draft("through_focus", FRAMES, dict(values)), {"use_channel": 2}, tmp_path / "a.yaml")


def test_all_channels_are_said_channel_slowest(tmp_path: Path) -> None:
    colours = np.stack([FRAMES[:3], FRAMES[3:]], axis=-1)  # (n, y, x, c)
    says = f"{FOCUS}axes: nyxc\nz_um: [0, 1, 2, 0, 1, 2]\nwavelengths_um: [0.45, 0.6]"
    found = open_acquisition(write(tmp_path / "a.npy", colours, says))
    same(found, FRAMES)
    assert found.channel is not None
    assert found.channel.tolist() == [0, 0, 0, 1, 1, 1]


def test_time_and_depth_are_given_once_an_axis(tmp_path: Path) -> None:
    stored = np.swapaxes(FRAMES.reshape(2, 3, 8, 10), 0, 1)  # (z, t, y, x)
    says = f"{FOCUS}axes: ztyx\nz_step_um: 2\nfocus_frame: 1\ntime_s: [0, 60]"
    found = open_acquisition(write(tmp_path / "a.npy", stored, says))
    assert isinstance(found, ThroughFocus)
    same(found, FRAMES)
    assert found.z_um.tolist() == [-2, 0, 2, -2, 0, 2]
    assert found.time_s is not None
    assert found.time_s.tolist() == [0, 0, 0, 60, 60, 60]


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.h5"])
def test_a_raster_asks_for_its_step(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, FRAMES.reshape(2, 3, 8, 10), RASTER)
    draft = open_draft(path)
    assert any("2 rows of 3 frames" in note for note in draft.notes)
    with pytest.raises(InputError, match=r"positions_um .* is missing; give scan_grid: \{rows"):
        draft.complete()
    path.with_suffix(".yaml").write_text(f"{RASTER}scan_grid: {{step_um: [0.5, 3 Å], snake: true}}")
    found = open_acquisition(path)
    assert isinstance(found, Ptychography)
    same(found, FRAMES)
    y, x = np.array([0, 0, 0, 0.5, 0.5, 0.5]), 3e-4 * np.array([0, 1, 2, 2, 1, 0])
    assert np.allclose(found.positions_um, np.stack([y, x], axis=1))


def test_a_grid_by_columns_in_pixels(tmp_path: Path) -> None:
    says = f"{RASTER}scan_grid: {{rows: 2, columns: 3, step_px: 4, order: columns}}"
    found = open_acquisition(write(tmp_path / "a.npy", FRAMES, says))
    assert isinstance(found, Ptychography)
    rows, columns = [0, 1, 0, 1, 0, 1], [0, 0, 1, 1, 2, 2]
    assert np.allclose(found.positions_um, 0.05 * 4 * np.stack([rows, columns], axis=1))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("width", [2, 3])
def test_positions_on_their_side(tmp_path: Path, width: int, turned: bool) -> None:
    places = RNG.uniform(0, 5, (6, width))
    np.save(tmp_path / "p.npy", places.T if turned else places)
    found = open_acquisition(write(tmp_path / "a.npy", FRAMES, f"{RASTER}positions_um: p.npy"))
    assert isinstance(found, Ptychography)
    assert np.allclose(found.positions_um, places if width == 2 else places[:, 1::-1])


def test_y_and_x_apart(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.arange(6.0))
    says = f"{RASTER}positions_y_um: y.npy\npositions_x_um: [1 nm, 2, 3, 4, 5, 6]"
    found = open_acquisition(write(tmp_path / "a.npy", FRAMES, says))
    assert isinstance(found, Ptychography)
    assert np.allclose(found.positions_um, np.stack([np.arange(6), [1e-3, 2, 3, 4, 5, 6]], axis=1))


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("axes: yxq", r"axes is 'yxq'; it must have y and x once"),
        ("axes: tzyx", r"axes is 'tzyx', but the shape is \(6, 8, 10\); give one letter for each axis"),
        ("axes: yxn", r"positions_px has 6 entries|positions_um has 6 entries .* say axes: yxn"),
        ("use_channel: 1", r"use_channel is 1, but no axis is c; say which one is, as in axes: ncyx"),
        ("axes: cyx\nuse_channel: 6", r"use_channel is 6, but there are 6; it must be from 0 to 5"),
        ("amplitudes: 3", "amplitudes is 3; it must be true or false"),
        ("scan_grid: {rows: 2, columns: 3, step_um: 1}", "both scan_grid and positions_px say where"),
    ],
)
def test_layouts_that_cannot_be(tmp_path: Path, says: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_acquisition(write(tmp_path / "a.npy", FRAMES, f"{SCAN}{says}"))


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("scan_grid: {rows: 4, columns: 3, step_um: 1}", r"4 x 3 = 12 points, but there are 6 frames"),
        ("scan_grid: {rows: 2, columns: 3}", "scan_grid needs either step_um or step_px"),
        ("scan_grid: {step_um: 1}", "names neither rows nor columns of the 6 frames"),
        ("scan_grid: {rows: 2, step: 1}", "scan_grid: step is not known; known are rows"),
        ("scan_grid: {rows: two, step_um: 1}", "scan_grid: rows is 'two'; it should be a valid integer"),
        ("scan_grid: 3", "scan_grid is 3; it should be a valid dictionary"),
        ("positions_y_um: [1, 2]", "positions_y_um and positions_x_um are given together"),
        ("positions_y_um: [1, 2]\npositions_x_um: [1]", "2 positions along y but 1 along x"),
    ],
)
def test_grids_that_cannot_be(tmp_path: Path, says: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_acquisition(write(tmp_path / "a.npy", FRAMES, f"{RASTER}{says}"))


def test_frames_on_another_axis_are_guessed_in_the_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"6 entries along 'frame' but the frames have 8; .* say axes: yxn"):
        open_acquisition(write(tmp_path / "a.npy", np.moveaxis(FRAMES, 0, -1), SCAN))


def test_a_frame_of_one_pixel(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a frame has one pixel, .* \(6, 1, 1\)"):
        open_acquisition(write(tmp_path / "a.npy", FRAMES[:, :1, :1], SCAN))


def test_far_field_without_a_camera_length(tmp_path: Path) -> None:
    draft = open_draft(write(tmp_path / "a.npy", FRAMES, SCAN))
    found = draft.complete()
    assert isinstance(found, Ptychography)
    assert found.wavelength_um * found.distance_um == pytest.approx(8 * found.detector_pixel_um * 0.05)
    assert any("camera length is not known and not needed" in note for note in draft.notes)
    known = draft.complete(detector_pixel_um=75.0)
    assert isinstance(known, Ptychography)
    assert known.distance_um == pytest.approx(75 * found.distance_um)


@pytest.mark.parametrize(
    ("says", "wavelength"),
    [
        ("energy_kev: 8.8", 1.40891e-4),
        ("energy_ev: 8.8 keV", 1.40891e-4),
        ("acceleration_voltage_kv: 300", 1.96875e-6),
        ("acceleration_voltage_kv: 80000 V", 4.17572e-6),
    ],
)
def test_energies_stand_for_a_wavelength(tmp_path: Path, says: str, wavelength: float) -> None:
    found = open_acquisition(write(tmp_path / "a.npy", FRAMES, SCAN.replace("wavelength_um: 1.0e-4", says)))
    assert found.wavelength_um == pytest.approx(wavelength, rel=1e-5)
    assert open_acquisition(tmp_path / "a.npy", energy_kev=12.39841984).wavelength_um == pytest.approx(1e-4)


@pytest.mark.parametrize("energy", ["0", "-3", "blue", "[1, 2]"])
def test_energies_that_cannot_be(tmp_path: Path, energy: str) -> None:
    with pytest.raises(InputError, match=r"a.yaml: energy_kev is .*; it must be a number"):
        open_draft(write(tmp_path / "a.npy", FRAMES, f"{SCAN}energy_kev: {energy}"))

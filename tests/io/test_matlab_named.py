"""MATLAB files of scans, under the acquisition's own names or others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from napari_neuralfield.data.acquisition import Ptychography
from napari_neuralfield.io import open_acquisition

RNG = np.random.default_rng(0)
FRAMES = RNG.uniform(1, 9, (4, 12, 10)).astype(np.float32)  # (frame, y, x)
PROBE = RNG.standard_normal((2, 12, 10)) + 1j * RNG.standard_normal((2, 12, 10))
POSITIONS = RNG.uniform(0, 9, (4, 2))
HELD: dict[str, Any] = {
    "frames": np.moveaxis(FRAMES, 0, -1), "probe": np.moveaxis(PROBE, 0, -1), "positions_um": POSITIONS,
    "wavelength_um": 1e-4, "distance_um": 1e6, "detector_pixel_um": 50.0, "geometry": "far_field",
    "exposure": np.array([[1.0, 2.0, 3.0, 4.0]]),
}  # fmt: skip


def write(path: Path, values: dict[str, Any], version: str) -> Path:
    if version == "5":
        scipy.io.savemat(path, values)
        return path
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in values.items():
            letters = np.array([[ord(c) for c in value]], np.uint16) if isinstance(value, str) else value
            turned = np.atleast_2d(letters).T
            if np.iscomplexobj(turned):
                pair = np.empty(turned.shape, [("real", "f8"), ("imag", "f8")])
                pair["real"], pair["imag"] = turned.real, turned.imag
                turned = pair
            file[name] = turned
    return path


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_own_names(tmp_path: Path, version: str) -> None:
    found = open_acquisition(write(tmp_path / "a.mat", HELD, version))
    assert isinstance(found, Ptychography)
    assert np.allclose(found.probe, PROBE)
    assert np.allclose(found.positions_um, POSITIONS)
    assert np.allclose(found.exposure, [1, 2, 3, 4])
    assert np.array_equal(found.frames[2], FRAMES[2])
    assert found.object_pixel_um == pytest.approx(1e-4 * 1e6 / (10 * 50))


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_other_names_and_one_mode(tmp_path: Path, version: str) -> None:
    held = {"I": HELD["frames"], "P": PROBE[0], "r": POSITIONS, "kind": "ptychography"}
    path = write(tmp_path / "a.mat", held, version)
    (tmp_path / "a.yaml").write_text(
        "variables: {frames: I, probe: P, positions_px: r}\ngeometry: near_field\nwavelength_um: 1.0e-4\n"
        "distance_um: 1.0e5\ndetector_pixel_um: 0.5\nobject_pixel_um: 0.25"
    )
    found = open_acquisition(path)
    assert isinstance(found, Ptychography)
    assert np.allclose(found.probe, PROBE[:1])
    assert np.allclose(found.positions_um, 0.25 * POSITIONS)

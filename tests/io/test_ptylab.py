"""PtyLab files: metres, encoder and propagators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from napari_neuralfield.data.acquisition import Ptychography
from napari_neuralfield.io import open_acquisition, open_draft
from napari_neuralfield.types import InputError

RNG = np.random.default_rng(0)
SPOT = np.outer(np.hanning(32), np.hanning(32))  # light that ends before the border, as in the far field
HELD: dict[str, Any] = {
    "ptychogram": RNG.poisson(10 * SPOT, (6, 32, 32)).astype(np.float32),
    "encoder": 1e-6 * RNG.uniform(-20, 20, (6, 2)),
    "wavelength": 632.8e-9, "zo": 0.05, "dxd": 72e-6, "Nd": 32, "entrancePupilDiameter": 100e-6,
}  # fmt: skip


def write(path: Path, **changes: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, value in {**HELD, **changes}.items():
            if value is not None:
                file[name] = value
    return path


def test_far_field(tmp_path: Path) -> None:
    draft = open_draft(write(tmp_path / "a.hdf5"))
    found = draft.complete()
    assert isinstance(found, Ptychography)
    assert found.geometry == "far_field"
    pixel = 0.6328 * 5e4 / (32 * 72)
    assert found.object_pixel_um == pytest.approx(pixel)
    assert np.allclose(found.positions_um, 1e6 * HELD["encoder"])
    assert np.array_equal(found.frames[3], HELD["ptychogram"][3])
    assert found.probe is not None
    area = float(np.abs(found.probe).sum() / np.abs(found.probe).max()) * pixel**2
    assert area == pytest.approx(np.pi * 50**2, rel=0.02)
    assert any("is 100 um wide, the file's entrancePupilDiameter" in note for note in draft.notes)


def test_parallel_near_field_and_what_is_not_used(tmp_path: Path) -> None:
    draft = open_draft(write(tmp_path / "a.h5", propagatorType="ASP", orientation=4, spectralDensity=np.ones(3)))
    found = draft.complete()
    assert isinstance(found, Ptychography)
    assert (found.geometry, found.object_pixel_um) == ("near_field", pytest.approx(72.0))
    assert {note for note in draft.notes if "not used" in note} == {
        "orientation in the file is not used", "spectralDensity in the file is not used",
    }  # fmt: skip


def test_an_encoder_on_its_side(tmp_path: Path) -> None:
    found = open_acquisition(write(tmp_path / "a.h5", encoder=HELD["encoder"].T))
    assert np.allclose(found.positions_um, 1e6 * HELD["encoder"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": np.zeros((5, 2))}, r"encoder has shape \(5, 2\) and ptychogram 6 frames"),
        ({"wavelength": None}, r"wavelength_um .* is missing \(also missing: .*object_pixel_um"),
        ({"dxd": np.ones(3)}, r"dxd has shape \(3,\); it must be a single number in metres"),
        ({"zo": None, "zled": 0.06}, r"objective_na .* is missing \(also missing: pixel_um"),
    ],
)
def test_bad_files_are_explained(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_acquisition(write(tmp_path / "a.h5", **changes))


def test_the_probe_follows_the_geometry(tmp_path: Path) -> None:
    """What was computed from an assumption is computed again when a sidecar or an option changes it."""
    path = write(tmp_path / "a.hdf5", propagatorType="ASP")
    near = open_acquisition(path)
    far = open_acquisition(path, geometry="far_field")
    longer = open_acquisition(path, geometry="far_field", distance_um=1e5)
    for found in (near, far, longer):
        assert isinstance(found, Ptychography)
        assert found.probe is not None
        area = float((np.abs(found.probe) / np.abs(found.probe).max()).sum()) * found.object_pixel_um**2
        assert area == pytest.approx(np.pi * 50**2, rel=0.2)  # of few pixels
    assert longer.object_pixel_um == pytest.approx(2 * far.object_pixel_um)
    path.with_suffix(".yaml").write_text("geometry: far_field\nprobe_diameter_um: 40\nprobe_defocus_um: 3 mm\n")
    draft = open_draft(path)
    described = draft.complete()
    assert isinstance(described, Ptychography)
    assert described.probe is not None
    assert not np.allclose(described.probe, far.probe)
    assert not any("entrancePupilDiameter" in note for note in draft.notes)
    assert any("entrancePupilDiameter" in note for note in open_draft(write(tmp_path / "b.hdf5")).notes)


def test_a_pupil_wider_than_the_window_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hdf5", entrancePupilDiameter=1e-3)
    draft = open_draft(path)
    assert "probe" not in draft.complete().values()
    assert not any("entrancePupilDiameter" in note for note in draft.notes)
    with pytest.raises(InputError, match=r"probe_diameter_um 1000 is 1000 um wide, but the window .* is 439.4 um"):
        draft.complete(probe_diameter_um=1000.0)


def test_complex_numbers_where_real_ones_belong_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.hdf5", encoder=HELD["encoder"] + 2j)
    with pytest.raises(InputError, match=r"scan\.hdf5: encoder holds complex numbers; it must hold real numbers"):
        open_draft(path)
    write(path, ptychogram=HELD["ptychogram"] + 2j)
    with pytest.raises(InputError, match=r"frames are of type complex64"):
        open_draft(path).complete()

"""What files tell of the beam's optics becomes the probe to start from, unless somebody says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdf5_scene import write

from napari_neuralfield.data.acquisition import Ptychography
from napari_neuralfield.io import open_acquisition, open_draft
from napari_neuralfield.optics.probe import described_probe

RNG = np.random.default_rng(0)
FRAMES = np.zeros((6, 32, 32), np.int32)  # light that ends before the border, as far-field frames have it
FRAMES[:, 8:24, 8:24] = RNG.poisson(40, (6, 16, 16))
INSIDE = "entry_1/instrument_1"
CXI: dict[str, Any] = {
    f"{INSIDE}/detector_1/data": FRAMES, f"{INSIDE}/detector_1/distance": 2.0,
    f"{INSIDE}/detector_1/x_pixel_size": 75e-6, f"{INSIDE}/detector_1/y_pixel_size": 75e-6,
    f"{INSIDE}/source_1/wavelength": 1.5e-10,
    "entry_1/sample_1/geometry_1/translation": 1e-6 * RNG.uniform(0, 1, (6, 3)) * (1, 1, 0),
}  # fmt: skip
PLATE = {"outermost_zone_width": 4e-7, "outer_diameter": 2e-4, "central_stop_diameter": 8e-5}


def opened(path: Path, **values: object) -> Ptychography:
    found = open_acquisition(path, **values)
    assert isinstance(found, Ptychography)
    return found


def expected(found: Ptychography, **said: float) -> np.ndarray:
    return described_probe(said, found.frame_shape, found.object_pixel_um, found.wavelength_um)[None]


def test_a_zone_plate_in_cxi(tmp_path: Path) -> None:
    path = write(tmp_path / "a.cxi", CXI | {f"{INSIDE}/zone_plate/{name}": value for name, value in PLATE.items()})
    found = opened(path)
    assert np.allclose(found.probe, expected(found, probe_outer_zone_um=0.4, probe_stop=0.4))
    note = open_draft(path).notes[-1]
    assert "an outermost zone of 0.4 um and a central stop of 0.4 of the aperture, the file's /entry_1/" in note
    assert "outermost_zone_width and central_stop_diameter" in note
    mine = opened(path, probe_na=1e-4)
    assert np.allclose(mine.probe, expected(mine, probe_na=1e-4))
    farther = opened(path, probe_defocus_um=900.0)  # which the file does not say; the rest is its own
    assert np.allclose(farther.probe, expected(mine, probe_outer_zone_um=0.4, probe_stop=0.4, probe_defocus_um=900))
    path.with_suffix(".yaml").write_text("probe_semi_angle_mrad: 0.2\n")
    assert np.allclose(opened(path).probe, expected(found, probe_semi_angle_mrad=0.2))
    assert not any("zone" in note for note in open_draft(path).notes)


def test_a_lens_in_cxi_and_units_that_are_not_certain(tmp_path: Path) -> None:
    lens = {f"{INSIDE}/lens_1/outer_diameter": 2e-4, f"{INSIDE}/lens_1/focal_length": 0.5}
    found = opened(write(tmp_path / "a.cxi", CXI | lens))
    assert np.allclose(found.probe, expected(found, probe_na=2e-4))
    draft = open_draft(write(tmp_path / "b.cxi", CXI | lens | {f"{INSIDE}/lens_1/outer_diameter": 200.0}))
    assert "probe" not in draft.complete().values()
    assert any("lens_1/outer_diameter 200 is not used: its unit is not certain" in note for note in draft.notes)


def test_an_illumination_in_cxi(tmp_path: Path) -> None:
    probe = RNG.normal(size=(32, 32)) + 1j * RNG.normal(size=(32, 32))
    found = opened(write(tmp_path / "a.cxi", CXI | {f"{INSIDE}/source_1/illumination": probe}))
    assert np.allclose(found.probe, probe[None])
    for name, other in (("b", np.abs(probe)), ("c", probe[:16])):  # no wave, or of another grid
        found = opened(write(tmp_path / f"{name}.cxi", CXI | {f"{INSIDE}/source_1/illumination": other}))
        assert found.probe is None


@pytest.mark.parametrize("unit", ["nm", ""])
def test_a_zone_plate_in_nexus(tmp_path: Path, unit: str) -> None:
    """Without a unit it is not taken."""
    at = "entry/instrument"
    held = {f"{at}/detector/data": FRAMES, f"{at}/beam/incident_wavelength": 1.5, f"{at}/detector/distance": 2.0,
            f"{at}/detector/x_pixel_size": 75e-6, f"{at}/zp/outermost_zone_width": 400.0,
            f"{at}/zp/outermost_zone_width@units": unit}  # fmt: skip
    path = write(
        tmp_path / "a.nxs", held, "kind: ptychography\ngeometry: far_field\nscan_grid: {columns: 3, step_um: 1}\n"
    )
    found = opened(path)
    if unit:
        assert np.allclose(found.probe, expected(found, probe_outer_zone_um=0.4))
    else:
        assert found.probe is None
        assert any("outermost_zone_width 400 is not used" in note for note in open_draft(path).notes)


@pytest.mark.parametrize("place", ["datacube_root/metadatabundle/calibration/", "datacube_root/calibration@"])
def test_the_semi_angle_of_electrons(tmp_path: Path, place: str) -> None:
    held = {"datacube_root/datacube/data": FRAMES.reshape(2, 3, 32, 32), f"{place}convergence_semiangle_mrad": 21.4,
            f"{place}Q_pixel_size": 2.0, f"{place}R_pixel_size": 2.0}  # fmt: skip
    held |= {f"{place}Q_pixel_units": "mrad", f"{place}R_pixel_units": "A"}
    draft = open_draft(write(tmp_path / "a.h5", held))
    found = draft.complete(acceleration_voltage_kv=80)
    assert isinstance(found, Ptychography)
    assert np.allclose(found.probe, expected(found, probe_semi_angle_mrad=21.4))
    assert any("has a semi-angle of 21.4 mrad, the file's convergence" in note for note in draft.notes)

"""CXI files as others write them, near or far field from the frames, and a round trip with our own writer."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from napari_neuralfield.data.acquisition import Draft, Ptychography
from napari_neuralfield.fields.planes import PlanesField
from napari_neuralfield.io import open_acquisition, open_draft, save_acquisition, save_cxi
from napari_neuralfield.optics.grids import centred_spectrum
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.types import Extent, InputError, Result

RNG = np.random.default_rng(0)
DETECTOR, SOURCE = "entry_1/instrument_1/detector_1", "entry_1/instrument_1/source_1"
BASIS = np.array([[0, -5e-5], [-5e-5, 0], [0, 0]], np.float32)


def write(path: Path, **changes: Any) -> Path:
    """Five frames of 24 x 20 pixels; `None` leaves a dataset out."""
    held: dict[str, Any] = {
        f"{DETECTOR}/data": RNG.poisson(9, (5, 24, 20)).astype(np.int32),
        f"{DETECTOR}/mask": np.pad(np.ones((1, 1), np.uint32), ((3, 20), (4, 15))),
        f"{DETECTOR}/distance": np.float32(1.5),
        f"{DETECTOR}/x_pixel_size": np.float32(5e-5),
        f"{DETECTOR}/y_pixel_size": np.float32(5e-5),
        f"{DETECTOR}/basis_vectors": BASIS,
        f"{SOURCE}/wavelength": np.float32(1e-10),
        "entry_1/sample_1/geometry_1/translation": 1e-6 * RNG.uniform(0, 1, (5, 3)) * (1, 1, 0),
        **changes,
    }
    with h5py.File(path, "w") as file:
        for name, value in held.items():
            if value is not None:
                file[name] = value
    return path


def test_lengths_mask_and_positions(tmp_path: Path) -> None:
    path = write(tmp_path / "a.cxi")
    acquisition = open_acquisition(path, geometry="far_field")
    assert isinstance(acquisition, Ptychography)
    assert acquisition.wavelength_um == pytest.approx(1e-4, rel=1e-9)  # not single precision's 9.99999e-5
    assert (acquisition.distance_um, acquisition.detector_pixel_um) == pytest.approx((1.5e6, 50.0), rel=1e-9)
    assert acquisition.object_pixel_um == pytest.approx(1e-4 * 1.5e6 / (20 * 50))
    assert acquisition.mask is not None
    assert np.argwhere(~acquisition.mask).tolist() == [[3, 4]]
    with h5py.File(path) as file:
        moved = file["entry_1/sample_1/geometry_1/translation"][()]
        assert np.array_equal(pickle.loads(pickle.dumps(acquisition)).frames[2], file[f"{DETECTOR}/data"][2])
    assert np.allclose(acquisition.positions_um, 1e6 * moved[:, 1::-1])


def test_positions_follow_the_detectors_axes(tmp_path: Path) -> None:
    turned = np.array([[5e-5, 0, 0], [0, 5e-5, 0]])  # rows along +x, columns along +y, as (2, 3)
    path = write(tmp_path / "a.cxi", **{f"{DETECTOR}/basis_vectors": turned, f"{DETECTOR}/x_pixel_size": None})
    acquisition = open_acquisition(path, geometry="far_field")
    with h5py.File(path) as file:
        moved = file["entry_1/sample_1/geometry_1/translation"][()]
    assert np.allclose(acquisition.positions_um, -1e6 * moved[:, :2])
    assert acquisition.detector_pixel_um == pytest.approx(50.0)


def test_energy_stands_for_a_wavelength(tmp_path: Path) -> None:
    path = write(tmp_path / "a.cxi", **{f"{SOURCE}/wavelength": None, f"{SOURCE}/energy": 1.98644586e-15})
    assert open_acquisition(path, geometry="far_field").wavelength_um == pytest.approx(1e-4)


def test_units_that_are_not_si_are_named(tmp_path: Path) -> None:
    """What is beyond doubt is read and said, what is not is asked for."""
    said = {
        f"{SOURCE}/wavelength": None, f"{SOURCE}/energy": 8800.0, f"{DETECTOR}/distance": 2e6,
        f"{DETECTOR}/x_pixel_size": 172.0, f"{DETECTOR}/y_pixel_size": 172.0,
    }  # fmt: skip
    draft = open_draft(write(tmp_path / "a.cxi", **said))
    found = draft.derived(geometry="far_field")
    lengths = [found[name] for name in ("wavelength_um", "distance_um", "detector_pixel_um")]
    assert lengths == pytest.approx([1.23984e-4 * 10 / 8.8, 2e6, 172.0], rel=1e-4)
    assert draft.notes[:3] == [
        "y_pixel_size 172 is not in metres; it is read as micrometres",
        "distance 2e+06 is not in metres; it is read as micrometres",
        "energy 8800 is not in joules; it is read as eV: a wavelength of 0.0001409 um",
    ]
    unsure = {**said, f"{SOURCE}/energy": 8.8, f"{DETECTOR}/distance": 2000.0, f"{DETECTOR}/basis_vectors": None}
    unsure |= {f"{DETECTOR}/x_pixel_size": None, f"{DETECTOR}/y_pixel_size": None}
    told = r"missing.*energy 8.8 is not in joules; eV or keV\?; distance 2000 is not in metres; micrometres or millim"
    with pytest.raises(InputError, match=told):
        open_acquisition(write(tmp_path / "b.cxi", **unsure), geometry="far_field")


def test_a_unit_beside_the_number_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.cxi", **{f"{SOURCE}/wavelength": None, f"{SOURCE}/energy": 8.8})
    with h5py.File(path, "a") as file:
        file[f"{SOURCE}/energy"].attrs["units"] = "keV"
        file[f"{DETECTOR}/distance"].attrs["units"] = "mm"
    found = open_acquisition(path, geometry="far_field")
    assert isinstance(found, Ptychography)
    assert (found.wavelength_um, found.distance_um) == pytest.approx((1.4089e-4, 1500.0), rel=1e-4)


def test_the_distance_of_a_corner(tmp_path: Path) -> None:
    path = write(tmp_path / "a.cxi", **{f"{DETECTOR}/distance": None, f"{DETECTOR}/corner_position": [0.1, 0.2, -2.0]})
    found = open_acquisition(path, geometry="far_field")
    assert isinstance(found, Ptychography)
    assert found.distance_um == pytest.approx(2e6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({f"{DETECTOR}/data": None}, r"no /entry_1/instrument_1/detector_1/data; it must hold the frames"),
        ({f"{DETECTOR}/data": np.ones((2, 3))}, r"data has shape \(2, 3\); it must be \(frame, y, x\)"),
        ({f"{DETECTOR}/x_pixel_size": 6e-5}, r"pixels are 50 x 60 um \(y, x\); they must be square"),
        ({f"{DETECTOR}/distance": np.array([1.0, 2.0])}, r"distance holds .*; it must be one number"),
        ({f"{DETECTOR}/mask": np.ones((24, 20))}, r"mask calls every pixel bad; .* invert it"),
        ({"entry_1/sample_1/geometry_1/translation": None}, r"positions_um .* is missing"),
        ({"entry_1/sample_1/geometry_1/translation": np.ones(5)}, r"translation has shape \(5,\); it must be"),
        ({f"{DETECTOR}/basis_vectors": np.ones((2, 2))}, r"basis_vectors has shape \(2, 2\); it must be two vectors"),
    ],
)
def test_bad_files_are_explained(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_acquisition(write(tmp_path / "a.cxi", **changes), geometry="far_field")


def star(path: Path, mask: np.ndarray | None, **changes: Any) -> Path:
    """Twelve frames of 24 x 20 pixels, whose light is a disc in the middle; a module's gap at columns 4 and 5."""
    y, x = np.ogrid[:24, :20]
    disc = np.hypot(y - 12, x - 10) < 7
    frames = RNG.poisson(40 * disc, (12, 24, 20)).astype(np.uint32)
    frames[:, :, 4:6] = 2**32 - 1
    at = 1e-6 * RNG.uniform(0, 1, (12, 3)) * (1, 1, 0)
    held = {f"{DETECTOR}/data": frames, f"{DETECTOR}/mask": mask, "entry_1/sample_1/geometry_1/translation": at}
    return write(path, **{**held, **changes})


GAP = np.zeros((24, 20), np.uint32)
GAP[:, 4:6] = 1


def test_bits_of_a_mask_by_their_meaning(tmp_path: Path) -> None:
    """That a pixel has signal, or was corrected, is nothing against it; bits nobody knows are."""
    mask = np.where(RNG.random((24, 20)) < 0.5, 0x1000, 0x820).astype(np.uint32)
    mask[0, :6] = [0x1, 0x2, 0x8, 0x1010, 0x200, 0x100000]
    draft = open_draft(star(tmp_path / "a.cxi", mask))
    assert np.argwhere(~draft.values["mask"]).tolist() == [[0, x] for x in range(6)]
    assert "bits 0x20 (lies in a peak), 0x800 (was corrected for artefacts), 0x1000 (has signal)" in draft.notes[0]
    assert "mask" not in open_draft(star(tmp_path / "b.cxi", np.full((24, 20), 0x1000, np.uint32))).values
    signed = open_draft(star(tmp_path / "c.cxi", -GAP.astype(np.int16)))  # -1 has every bit
    assert np.array_equal(signed.values["mask"], GAP == 0)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int32, float])
def test_an_inverted_mask_is_turned_and_said(tmp_path: Path, kind: type) -> None:
    draft = open_draft(star(tmp_path / "a.cxi", (1 - GAP).astype(kind)))
    assert np.array_equal(draft.values["mask"], GAP == 0)
    assert "bad, and these hold 100 % of the light: it is inverted, so it is read as 1 = good" in draft.notes[0]
    right = open_draft(star(tmp_path / "b.cxi", GAP.astype(kind)))
    assert np.array_equal(right.values["mask"], GAP == 0)
    assert not any("inverted" in note for note in right.notes)


def test_a_bright_centre_that_is_masked_stays_masked(tmp_path: Path) -> None:
    centre = GAP.copy()
    centre[9:15, 7:13] = 1
    draft = open_draft(star(tmp_path / "a.cxi", centre))
    assert np.array_equal(draft.values["mask"], centre == 0)


def test_masks_of_single_frames_stay(tmp_path: Path) -> None:
    moving = RNG.random((12, 24, 20)) < 0.05
    path = star(tmp_path / "a.cxi", moving.astype(np.uint32), **{f"{DETECTOR}/data": np.where(moving, np.nan, 9.0)})
    acquisition = open_acquisition(path, geometry="far_field")
    assert isinstance(acquisition, Ptychography)
    assert acquisition.mask is None
    assert np.array_equal(acquisition.frame_mask, ~moving)
    assert np.array_equal(acquisition.intensity([3, 5]) == 9, ~moving[[3, 5]])  # not a number under the mask is 0
    cut = acquisition.subset([4, 2]).crop(slice(3, 9), slice(2, 20))
    assert np.array_equal(cut.frame_mask, ~moving[[4, 2], 3:9, 2:])
    alike = open_draft(star(tmp_path / "b.cxi", np.repeat(GAP[None], 12, 0)))
    assert "frame_mask" not in alike.values
    assert np.array_equal(alike.values["mask"], GAP == 0)


def test_not_cxi_at_all(tmp_path: Path) -> None:
    h5py.File(tmp_path / "a.cxi", "w").close()
    with pytest.raises(InputError, match="there is no group entry_1"):
        open_draft(tmp_path / "a.cxi")


def same(a: Ptychography, b: Ptychography) -> None:
    assert a.values().keys() == b.values().keys()
    for name, value in a.values().items():
        if isinstance(value, str):
            assert getattr(b, name) == value
        else:
            assert np.allclose(getattr(b, name), value, rtol=1e-9, atol=1e-9), name
    assert np.array_equal(a.frames[:], b.frames[:])
    assert a.frames.dtype == b.frames.dtype


@pytest.mark.parametrize("masked", [{"mask": (12, 10)}, {"frame_mask": (4, 12, 10)}, {}])
@pytest.mark.parametrize("geometry", ["far_field", "near_field"])
def test_round_trip(tmp_path: Path, geometry: str, masked: dict[str, tuple[int, ...]]) -> None:
    values = {
        "geometry": geometry, "wavelength_um": 1.234567e-4, "distance_um": 1.5e6, "detector_pixel_um": 55.0,
        "object_pixel_um": 0.123456789, "positions_um": RNG.uniform(-3, 9, (4, 2)), "title": "Stern",
        "background": RNG.random((12, 10)), "exposure": RNG.uniform(1, 2, 4),
        "probe": RNG.standard_normal((2, 12, 10)) + 1j, **{k: RNG.random(size) > 0.1 for k, size in masked.items()},
    }  # fmt: skip
    before = Draft("ptychography", RNG.poisson(50, (4, 12, 10)).astype(np.uint16), values).complete()
    save_cxi(tmp_path / "a.cxi", before)
    after = open_acquisition(tmp_path / "a.cxi")
    assert isinstance(before, Ptychography)
    assert isinstance(after, Ptychography)
    same(before, after)


def test_a_result_takes_its_positions_and_pictures_along(tmp_path: Path) -> None:
    acquisition, _ = SIMULATORS["near-field"](0)
    image = torch.randn(40, 30, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    extent = Extent((0.0, 0.0), (40, 30), 0.1)
    spectra = centred_spectrum(image)[None]
    field = PlanesField.from_spectra(spectra, [0.0], extent, torch.ones(image.shape, dtype=torch.bool))
    positions = np.asarray(acquisition.positions_um) + 0.01
    probe = RNG.standard_normal((1, *acquisition.frame_shape)) + 0j
    result = Result(field, calibration={"positions_um": positions, "probe": probe})
    save_cxi(tmp_path / "a.cxi", acquisition, result)
    again = open_acquisition(tmp_path / "a.cxi")
    assert np.allclose(again.positions_um, positions)
    assert np.allclose(again.probe, probe)
    with h5py.File(tmp_path / "a.cxi") as file:
        assert np.allclose(file["entry_1/image_1/data"], image, atol=0.02)  # stored in half precision
        assert file["entry_1/image_1/title"].asstr()[()] == "object"
        assert file["entry_1/data_1/data"].shape == acquisition.frames.shape
    with pytest.raises(InputError, match="result has positions for 5 frames but the acquisition holds 24"):
        save_cxi(tmp_path / "b.cxi", acquisition, Result(field, calibration={"positions_um": np.zeros((5, 2))}))


def test_what_cxi_cannot_hold(tmp_path: Path) -> None:
    coded, _ = SIMULATORS["coded"](0)
    with pytest.raises(InputError, match=r"this is coded_ptychography; write an .acq.h5 file instead"):
        save_cxi(tmp_path / "a.cxi", coded)
    with pytest.raises(InputError, match=r"a CXI file ends in .cxi"):
        save_cxi(tmp_path / "a.h5", coded)


def test_near_field_from_the_frames_alone(tmp_path: Path) -> None:
    """A file that says neither geometry nor pixel, as other programs write it."""
    acquisition, _ = SIMULATORS["near-field"](0)
    save_cxi(tmp_path / "a.cxi", acquisition)
    with h5py.File(tmp_path / "a.cxi", "r+") as file:
        del file["entry_1/neuralfield"]
    found = open_acquisition(tmp_path / "a.cxi")
    assert isinstance(found, Ptychography)
    assert found.geometry == "near_field"
    assert found.object_pixel_um == pytest.approx(0.1)  # a parallel beam
    assert np.allclose(found.positions_um, acquisition.positions_um)


def test_the_real_near_field_set(shared_data: Path, tmp_path: Path) -> None:
    """Its distance from the focus, 3.65 mm, is not in the file: the frames show it to 1 %."""
    path = next((shared_data / "near_field_p25").glob("*.cxi"))
    draft = open_draft(path)
    assert draft.missing() == []
    assert any("taken as near field" in note and "the focus 3.6" in note for note in draft.notes)
    found = draft.complete()
    assert isinstance(found, Ptychography)
    assert (found.distance_um, found.detector_pixel_um) == pytest.approx((1.12e6, 55.0))
    assert found.object_pixel_um == pytest.approx(0.1787, rel=0.01)
    effective = found.distance_um * found.object_pixel_um / found.detector_pixel_um
    assert effective == pytest.approx(3640, rel=0.01)
    with h5py.File(path) as file:
        moved = file["entry_1/sample_1/geometry_1/translation"][()]
    assert np.allclose(found.positions_um, 1e6 * moved[:, 1::-1])
    assert found.mask is not None
    assert int((~found.mask).sum()) == 5
    save_acquisition(tmp_path / "a.acq.h5", found)
    same(found, open_acquisition(tmp_path / "a.acq.h5"))
    (tmp_path / path.name).symlink_to(path)
    (tmp_path / path.name).with_suffix(".yaml").write_text("focus_to_sample_um: 3650")
    draft = open_draft(tmp_path / path.name)
    assert draft.derived()["object_pixel_um"] == pytest.approx(0.17866, abs=1e-5)
    assert not any("taken as" in note for note in draft.notes)

"""NumPy archives under the acquisition's own names, and scans without sizes."""

from __future__ import annotations

import bz2
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import CodedPtychography, Ptychography
from napari_neuralfield.io import open_acquisition, open_draft
from napari_neuralfield.types import InputError

RNG = np.random.default_rng(0)
BLOB = np.exp(-((np.arange(16)[:, None] - 8) ** 2 + (np.arange(16) - 8) ** 2) / 8)
FRAMES = (BLOB * RNG.uniform(50, 90, (5, 1, 1))).astype(np.float32)
SCAN = RNG.uniform(-9, 9, (5, 2))
PROBE = RNG.standard_normal((16, 16)) + 1j
OWN: dict[str, Any] = {
    "frames": FRAMES, "positions_um": SCAN, "probe": PROBE, "wavelength_um": 1e-4, "distance_um": 1e6,
    "detector_pixel_um": np.array([50.0]), "geometry": "far_field",
}  # fmt: skip


def test_own_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **OWN, title="Stern")
    found = open_acquisition(tmp_path / "a.npz")
    assert isinstance(found, Ptychography)
    assert found.object_pixel_um == pytest.approx(1e-4 * 1e6 / (16 * 50))
    assert np.array_equal(found.positions_um, SCAN)
    assert found.probe is not None
    assert np.allclose(found.probe[0], PROBE)
    assert found.title == "Stern"
    assert np.array_equal(pickle.loads(pickle.dumps(found)).intensity(), FRAMES)


def test_other_names_and_the_kind_from_a_sidecar(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", diff=FRAMES, xy=SCAN, extra=3)
    (tmp_path / "a.yaml").write_text(
        "variables: {frames: diff, positions_px: xy}\nkind: coded_ptychography\nwavelength_um: 0.4\nupsampling: 4\n"
        "sensor_pixel_um: 2\nobject_to_surface_um: 300\nsurface_to_sensor_um: 800"
    )
    found = open_acquisition(tmp_path / "a.npz")
    assert isinstance(found, CodedPtychography)
    assert np.allclose(found.positions_um, SCAN * 2 / 4)
    (tmp_path / "a.yaml").write_text("variables: {frames: patterns}")
    with pytest.raises(InputError, match=r"variables calls frames 'patterns', but a.npz holds diff, extra, xy"):
        open_acquisition(tmp_path / "a.npz")


def tike(path: Path, **changes: Any) -> Path:
    data = np.roll(FRAMES, (-8, -8), axis=(1, 2))[None]
    np.savez(path, **{"data": data, "scan": SCAN[None], "probe": PROBE[None, None, None, None], **changes})
    return path


def test_a_scan_without_sizes(tmp_path: Path) -> None:
    """In units of its own pixel, with numbers of the far field that agree."""
    draft = open_draft(tike(tmp_path / "a.npz"))
    assert any("one object pixel is taken as 1 um" in note for note in draft.notes)
    found = draft.complete()
    assert isinstance(found, Ptychography)
    assert (found.geometry, found.object_pixel_um) == ("far_field", 1.0)
    assert np.array_equal(found.positions_um, SCAN)
    assert np.array_equal(found.frames[1:4], FRAMES[1:4])
    assert np.array_equal(found.frames[2, 3:9, ::2], FRAMES[2, 3:9, ::2])
    assert np.array_equal(found.frames[:, 3:9], FRAMES[:, 3:9])
    pixel = found.wavelength_um * found.distance_um / (16 * found.detector_pixel_um)
    assert pixel == pytest.approx(1.0)


def test_frames_that_are_centred_stay_so(tmp_path: Path) -> None:
    assert np.array_equal(open_acquisition(tike(tmp_path / "a.npz", data=FRAMES[None])).frames[0], FRAMES[0])


@pytest.mark.parametrize(
    ("words", "pixel_um", "wavelength_um"),
    [
        ("object_pixel_um: 0.02", 0.02, 1e-3),
        ("wavelength_um: 1.0e-4\ndistance_um: 2.0e6\ndetector_pixel_um: 50", 1e-4 * 2e6 / (16 * 50), 1e-4),
        ("wavelength_um: 1.0e-4\nobject_pixel_um: 0.03", 0.03, 1e-4),
    ],
)
def test_sizes_from_a_sidecar_scale_the_positions(
    tmp_path: Path, words: str, pixel_um: float, wavelength_um: float
) -> None:
    tike(tmp_path / "a.npz")
    (tmp_path / "a.yaml").write_text(words)
    draft = open_draft(tmp_path / "a.npz")
    found = draft.complete()
    assert isinstance(found, Ptychography)
    assert (found.object_pixel_um, found.wavelength_um) == pytest.approx((pixel_um, wavelength_um))
    assert np.allclose(found.positions_um, SCAN * pixel_um)
    agrees = found.wavelength_um * found.distance_um / (16 * found.detector_pixel_um)
    assert agrees == pytest.approx(pixel_um)
    assert not any("1 um" in note for note in draft.notes)


def test_a_wavelength_alone_does_not_make_a_pixel(tmp_path: Path) -> None:
    tike(tmp_path / "a.npz")
    (tmp_path / "a.yaml").write_text("wavelength_um: 1.0e-4")
    with pytest.raises(InputError, match=r"distance_um .* is missing \(also missing: object_pixel_um\)"):
        open_acquisition(tmp_path / "a.npz")


def test_mistakes_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", something=FRAMES)
    with pytest.raises(InputError, match="the file holds something; it must hold frames"):
        open_draft(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", frames=FRAMES)
    with pytest.raises(InputError, match="kind is missing and does not follow from the names"):
        open_draft(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **{**OWN, "probe": PROBE[:8, :8]})
    with pytest.raises(InputError, match=r"probe has 8 x 8 pixels but a frame 16 x 16; .* crop or pad"):
        open_acquisition(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **{**OWN, "frames": FRAMES[0]})
    with pytest.raises(InputError, match=r"frames has shape \(16, 16\); it must be \(frame, y, x\)"):
        open_draft(tmp_path / "a.npz")
    (tmp_path / "b.npz.bz2").write_bytes(bz2.compress(b"not an archive"))
    with pytest.raises(InputError, match=r"b.npz.bz2: this is not a NumPy archive or it is cut short"):
        open_draft(tmp_path / "b.npz.bz2")


def test_the_real_siemens_star(shared_data: Path) -> None:
    found = open_acquisition(shared_data / "far_field_siemens" / "siemens-star-small.npz.bz2")
    assert isinstance(found, Ptychography)
    assert found.frames.shape == (516, 128, 128)
    assert found.probe is not None
    assert found.probe.shape == (1, 128, 128)
    mean = found.intensity(slice(0, 516, 40)).mean(0)
    assert mean[32:96, 32:96].sum() > 0.8 * mean.sum()
    assert np.ptp(found.positions_um, axis=0) == pytest.approx([331.92, 328.89], abs=0.01)

"""EMPAD recordings: frames, size and step of the scan, energy, and files that are none."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield.io import open_draft
from napari_neuralfield.types import InputError

XML = """<root><raw_file filename="C:\\data\\{raw}"/><pix_x>3</pix_x><pix_y>4</pix_y>
<iom_measurements><source.get_voltage>80000.0</source.get_voltage>
<optics.get_full_scan_field_of_view>(9e-10, 6e-10)</optics.get_full_scan_field_of_view></iom_measurements></root>"""


def recording(path: Path, frames: int = 12) -> np.ndarray:
    """Frames (frame, 130, 128) written to `path`."""
    stored = np.random.default_rng(0).random((frames, 130, 128)).astype("<f4")
    stored.tofile(path)
    return stored


@pytest.mark.parametrize("opened", ["scan.raw", "info.xml"])
def test_frames_step_and_energy(tmp_path: Path, opened: str) -> None:
    stored = recording(tmp_path / "scan.raw")
    (tmp_path / "info.xml").write_text(XML.format(raw="scan.raw"))
    draft = open_draft(tmp_path / opened)
    assert draft.frames.shape == (12, 128, 128)
    assert np.array_equal(pickle.loads(pickle.dumps(draft.frames))[5], stored[5, :128])
    whole = draft.complete(detector_pixel_mrad=1.0)
    assert whole.wavelength_um == pytest.approx(4.1757e-6, rel=1e-4)
    steps = np.diff(np.asarray(whole.positions_um).reshape(4, 3, 2), axis=1)
    assert steps[..., 1] == pytest.approx(3e-4)  # 3 angstroms along x
    assert np.ptp(np.asarray(whole.positions_um)[:, 0]) == pytest.approx(3 * 1.5e-4)


def test_without_xml_the_name_or_a_square_tells_the_scan(tmp_path: Path) -> None:
    for name, frames, rows in (("scan_x6_y2.raw", 12, 2), ("scan.raw", 9, 3)):
        recording(tmp_path / name, frames)
        (tmp_path / f"{name[:-4]}.yaml").write_text("scan_grid: {step_um: 1 A}\nacceleration_voltage_kv: 80\n")
        positions = np.asarray(open_draft(tmp_path / name).complete(detector_pixel_mrad=1.0).positions_um)
        assert len(np.unique(positions[:, 0])) == rows


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.raw").write_bytes(bytes(1000))
    with pytest.raises(InputError, match=r"holds 1000 bytes, which are not whole EMPAD frames of 130 x 128 floats"):
        open_draft(tmp_path / "photo.raw")
    recording(tmp_path / "scan.raw", 7)
    (tmp_path / "scan.xml").write_text(XML.format(raw="scan.raw"))
    with pytest.raises(InputError, match=r"holds 7 frames, but the XML says 4 x 3; copy it again or"):
        open_draft(tmp_path / "scan.raw")
    (tmp_path / "other.xml").write_text("<root/>")
    with pytest.raises(InputError, match="format is not known"):
        open_draft(tmp_path / "other.xml")

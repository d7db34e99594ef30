"""What a bright disc tells of the cone of light and of the detector's pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield.io import open_draft
from napari_neuralfield.simulate.electrons import mos2

SIDECAR = """
kind: ptychography
geometry: far_field
acceleration_voltage_kv: 80
scan_grid: {rows: 6, columns: 6, step_um: 1.5 A}
"""
PIXEL_MRAD, SEMI_MRAD = 2 * 50 / 48, 20.0


@pytest.fixture
def opened(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Opens frames of MoS2 (frame, y, x) with the lines of a sidecar beside them."""
    acquisition, _ = mos2(2, pixels=48, scan=6, dose=5000, semi_angle_mrad=SEMI_MRAD, detector_mrad=50)
    np.save(tmp_path / "scan.npy", acquisition.intensity())

    def opened(lines: str):  # type: ignore[no-untyped-def]
        (tmp_path / "scan.yaml").write_text(SIDECAR + lines)
        return open_draft(tmp_path / "scan.npy")

    return opened


def test_the_cone_follows_from_the_pixel(opened) -> None:  # type: ignore[no-untyped-def]
    draft = opened(f"detector_pixel_mrad: {PIXEL_MRAD}\nprobe_defocus_um: 15 nm\n")
    assert draft.values["probe_semi_angle_mrad"] == pytest.approx(SEMI_MRAD, rel=0.05)
    assert any("half angle is taken as" in note for note in draft.notes)
    assert draft.complete().probe is not None


def test_the_pixel_follows_from_the_cone(opened) -> None:  # type: ignore[no-untyped-def]
    draft = opened(f"probe_semi_angle_mrad: {SEMI_MRAD}\nprobe_defocus_um: 15 nm\n")
    assert draft.values["detector_pixel_mrad"] == pytest.approx(PIXEL_MRAD, rel=0.05)
    assert draft.complete().object_pixel_um == pytest.approx(4.1757e-6 / 0.1, rel=0.05)


@pytest.mark.parametrize(("said", "noted"), [(SEMI_MRAD, False), (1.5 * SEMI_MRAD, True)])
def test_an_angle_that_the_disc_contradicts_is_said(opened, said: float, noted: bool) -> None:  # type: ignore[no-untyped-def]
    draft = opened(f"probe_semi_angle_mrad: {said}\nprobe_defocus_um: 15 nm\ndetector_pixel_mrad: {PIXEL_MRAD}\n")
    assert any("mrad is said: correct that" in note for note in draft.notes) == noted
    assert draft.values["probe_semi_angle_mrad"] == said

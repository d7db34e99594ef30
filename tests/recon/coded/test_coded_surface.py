"""A coded surface found together with the specimen above it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.recon import build_recipe, recommended, reconstruct
from napari_neuralfield.recon.scan.registration import positions_from_frames
from napari_neuralfield.simulate.scans import coded
from napari_neuralfield.types import Done, InputError, Note

SCENE = {"upsampling": 2, "frames": 60, "phantom": "texture", "surface_known": False}


def correlation(found: np.ndarray, truth: np.ndarray) -> float:
    """Largest share of `truth` in `found`, a linear phase being free."""
    product = np.fft.fft2(found.conj() * truth, s=(512, 512))
    return float(np.abs(product).max() / (np.linalg.norm(found) * np.linalg.norm(truth)))


def test_surface_specimen_and_positions_from_the_frames_alone() -> None:
    acquisition, truth = coded(0, positions_known=False, **SCENE)  # type: ignore[arg-type]
    assert recommended(acquisition)[0] == "coded-surface"
    events = list(reconstruct(acquisition, build_recipe("coded-surface", {"passes": 8})))
    assert isinstance(events[-1], Done)
    result = events[-1].result
    wrong = (result.calibration["positions_um"] - truth["positions_um"]) / truth["pixel_um"]
    assert np.sqrt(((wrong - wrong.mean(0)) ** 2).sum(1).mean()) < 0.1
    assert correlation(result.calibration["coded_surface"], truth["coded_surface"]) > 0.95
    assert any(isinstance(event, Note) and "gives no positions" in event.text for event in events)


def test_shadows_tell_positions() -> None:
    acquisition, truth = coded(1, positions_known=False, **SCENE)  # type: ignore[arg-type]
    wrong = (positions_from_frames(acquisition) - truth["positions_um"]) / acquisition.sensor_pixel_um
    wrong -= np.median(wrong, axis=0)
    assert np.sqrt((wrong**2).mean()) < 0.5


def test_few_frames_and_a_known_surface_are_spoken_of() -> None:
    acquisition, _ = coded(0, **{**SCENE, "frames": 8})  # type: ignore[arg-type]
    events = reconstruct(acquisition, build_recipe("coded-surface", {"passes": 1}))
    assert any(isinstance(event, Note) and "8 frames hardly determine" in event.text for event in events)
    with pytest.raises(InputError, match="update_probe is false"):
        list(reconstruct(acquisition, build_recipe("coded-surface", {"update_probe": False})))

"""What is said of frames of several colours, and that nothing takes them for one wavelength."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield.app.time_lapse import check_time_lapse
from napari_neuralfield.checks.findings import check, facts
from napari_neuralfield.cli.commands import main
from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.io import open_acquisition, save_acquisition
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.types import InputError


@pytest.fixture(scope="module")
def slide() -> Acquisition:
    return SIMULATORS["stained-slide"](0, pixels=64, led_limit_na=0.15)[0]


def test_the_middle_colour_is_looked_at_and_all_beside_each_other(slide: Acquisition) -> None:
    found = {finding.name: finding for finding in check(slide)}
    assert not [finding.text for finding in found.values() if finding.level == "warning"]
    assert "the other findings are of 0.53 um" in found["colours"].text
    assert found["white"].text.startswith("White is taken at")
    assert 0 < found["overlap"].value < 0.95  # of the LEDs of one colour, not of each with itself
    assert facts(slide)["frame_count"] == 3 * facts(slide)["led_count"]


def test_a_dim_colour_and_a_slide_without_an_empty_place_are_said(slide: Acquisition) -> None:
    dim = np.where(slide.channel == 2, 0.02, 1.0)[:, None, None] * slide.frames[:]
    said = [
        finding.text for finding in check(slide.replace(frames=dim.astype(np.float32))) if finding.level == "warning"
    ]
    assert len(said) == 1
    assert "0.46 um is" in said[0]
    assert "times dimmer than" in said[0]
    full = slide.replace(frames=slide.frames[:] * (1 + np.random.default_rng(0).random((64, 64))))
    assert any("no place of the frames looks empty" in finding.text.lower() for finding in check(full))


def test_one_colour_is_chosen_on_the_command_line(
    slide: Acquisition, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, green = tmp_path / "slide.acq.h5", tmp_path / "green.acq.h5"
    save_acquisition(path, slide)
    assert main(["calibrate", str(path), "-o", str(green)]) == 2
    assert "of 3 colours, which a calibration does not take together; choose one with --channel N" in (
        capsys.readouterr().err
    )
    assert main(["convert", str(path), "--channel", "1", "-o", str(green)]) == 0
    assert open_acquisition(green).wavelength_um == 0.53
    assert main(["convert", str(path), "--channel", "3", "-o", str(tmp_path / "b.acq.h5")]) == 2
    assert "channel is 3; the colours of the frames are 0 (0.63 um), 1 (0.53 um), 2" in capsys.readouterr().err


def test_a_time_lapse_is_of_one_colour() -> None:
    acquisition, _ = SIMULATORS["through-focus-colour"](0, pixels=32, z_um=(4.0, 4.0))
    with pytest.raises(InputError, match="which a time-lapse does not take together; choose one with --channel N"):
        check_time_lapse(acquisition.replace(time_s=[0, 1, 0, 1, 0, 1]))

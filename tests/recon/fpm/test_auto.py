"""One road that needs no knowledge: what it decides, says, and lets the user overrule."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import solved
from scene import board, relative_error, scene

from napari_neuralfield import load_result, save_result
from napari_neuralfield.cli.commands import main
from napari_neuralfield.fields.planes import PlanesField
from napari_neuralfield.recon import recommended
from napari_neuralfield.recon.fpm import auto
from napari_neuralfield.recon.verdict.led_frames import LedMisfits
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.types import Done, Event, InputError, Note, Result

BOARD = board(7, 0.0431)
QUICK = {"fit_steps": 30, "calibration_steps": 2}
events_of = partial(solved.events_of, method="fpm-auto", **QUICK)


def said(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Note))


def result(events: list[Event]) -> Result:
    assert isinstance(events[-1], Done)
    return events[-1].result


def test_a_microscope_as_described_is_left_to_projection(judged: None) -> None:
    acquisition, sample = scene((48, 48), na=BOARD)
    assert recommended(acquisition)[0] == "fpm-auto"
    events = events_of(acquisition)
    assert "one plane" in said(events)
    assert "projection explains the frames, so nothing is fitted; option fit decides otherwise" in said(events)
    found = result(events)
    assert solved.error_of(found, sample) < 0.01
    assert found.recipe["method"] == "fpm-auto"
    assert found.verdict is not None


@pytest.fixture(scope="module")
def real() -> list[Event]:
    acquisition, _ = SIMULATORS["fpm-real"](3, pixels=48, board_radius=4.0)
    return events_of(acquisition)


def test_a_microscope_as_it_is_is_fitted(real: list[Event], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "object and microscope are fitted together" in said(real)
    found = result(real)
    assert {"illumination_na", "gains", "pupil"} <= set(found.calibration)
    assert {"misfit_over_noise", "sample_z_um", "relative_amplitude_error"} <= set(found.figures)
    field = found.field
    assert isinstance(field, PlanesField)
    assert field.period.size_um[0] > field.extent.size_um[0]  # the object goes on beyond the frame
    path = tmp_path / "real.nfield"
    save_result(path, found)
    back = load_result(path)
    axes = field.extent.axes()
    assert np.array_equal(back.field.render([0.0], *axes), field.render([0.0], *axes))
    assert back.verdict == found.verdict
    assert back.notes == found.notes == tuple(event.text for event in real if isinstance(event, Note))
    assert main(["info", str(path)]) == 0
    assert "note: calibrated" in capsys.readouterr().out


def test_a_field_with_a_border_is_read_the_same_in_parts(real: list[Event]) -> None:
    field = result(real).field
    y, x = field.extent.axes()
    whole, part = field.render([0.0], y, x)[0], field.render([0.0], y[10:20], x[5:30])[0]
    assert relative_error(part.numpy(), whole[10:20, 5:30].numpy()) < 1e-3


def test_what_is_decided_can_be_overruled() -> None:
    acquisition, _ = scene((48, 48), na=BOARD)
    stack = events_of(acquisition, sample="thick", calibrate=False, planes=3)
    low, high = result(stack).field.extent.z_um
    assert low < high
    assert result(stack).recipe["sample"] == "thick"
    plain = events_of(acquisition, calibrate=False, fit=False, z_um=0.0)
    assert "calibrated" not in said(plain)
    assert "depths" not in result(plain).figures
    forced = result(events_of(acquisition, calibrate=False, fit=True))
    assert forced.figures["pupil_margin"] > 0


def test_a_sample_far_from_focus_is_found() -> None:
    far, sample = scene((64, 64), 60.0, BOARD)  # nearly five depths of field
    events = events_of(far, fit=False)
    assert "um from focus; z_um decides otherwise" in said(events)
    assert result(events).figures["sample_z_um"] == pytest.approx(60, abs=1)
    assert solved.error_of(result(events), sample, 60.0) < 0.05


def test_a_fit_that_cannot_be_made_leaves_projection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> Iterator[Event]:
        raise InputError("the frames are too small")
        yield

    monkeypatch.setattr(auto, "fitted", refused)
    noisy, _ = SIMULATORS["fpm-real"](3, pixels=32, board_radius=3.0)
    events = events_of(noisy, calibrate=False, z_um=0.0)
    assert "the fit of object and microscope cannot be made: the frames are too small" in said(events)
    assert "pupil_margin" not in result(events).figures or result(events).figures["pupil_margin"] < 0.05
    with pytest.raises(InputError, match="too small"):
        events_of(noisy, calibrate=False, z_um=0.0, fit=True)


def test_few_frames_are_not_calibrated_by() -> None:
    acquisition, _ = scene((48, 48), na=BOARD)
    few = acquisition.subset([17, 23, 24, 25, 31])
    assert "too few to calibrate by" in said(events_of(few, fit=False))


def test_a_misfit_does_not_grow_where_more_ambient_light_is_taken_off() -> None:
    """A dark frame's misfit over its own light would: both fits are held against the light of the first."""
    one = np.ones(3)
    before = LedMisfits(one, 0 * one, one, one, np.array([100.0, 100.0, 4.0]))
    after = LedMisfits(np.array([0.5, 0.5, 16.0]), 0 * one, one, one, np.array([100.0, 100.0, 1.0]))
    assert auto._change(before, after, np.ones(3, bool)) < 0.6
    assert auto._change(before, before, np.array([True, False, True])) == 1

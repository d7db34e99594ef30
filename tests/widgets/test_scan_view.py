"""The docks with scans: checks, orientation, a run with a toy method, positions, probe, one frame, colours, phase."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scan_scene
import torch
from window import docks_of, names, show

from napari_neuralfield.app.figures.colour_wheel import coloured, wheel
from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.forward.scan_problem import first_state
from napari_neuralfield.recon.engine.recipe import method
from napari_neuralfield.recon.scan.orientation import NAMES, oriented_positions
from napari_neuralfield.recon.scan.recipe import ScanRecipe
from napari_neuralfield.recon.scan.setup import field_of, problem_of, result_of
from napari_neuralfield.registry import METHODS
from napari_neuralfield.types import Done, InputError, Preview, Progress, Result

SHIFT_PX = 0.5


class ToyScanRecipe(ScanRecipe):
    """Options of the toy."""


def toy_scan(acquisition: Any, recipe: Any) -> Iterator[Any]:
    """Pretends to solve: a flat object, and every second position half a pixel further down."""
    problem = problem_of(acquisition, recipe)
    state = first_state(problem, recipe.modes, recipe.seed_probe)
    state.position[::2, 0] += SHIFT_PX
    for step in range(1, 4):
        yield Progress(step, 3, 1 / step, "pretending")
        yield Preview(field_of(state, problem.scan), 0.0)
    yield Done(result_of(problem, state, recipe, 0.1))


def register() -> None:
    """Make the method `toy-scan` known, once."""
    with contextlib.suppress(RuntimeError):
        if "toy-scan" not in METHODS:
            method("toy-scan", ToyScanRecipe, ("ptychography", "coded_ptychography"))(toy_scan)


def toy_result(acquisition: Any, **options: Any) -> Result:
    register()
    *_, done = toy_scan(acquisition, ToyScanRecipe(method="toy-scan", **options))
    return done.result


pytestmark = pytest.mark.usefixtures("errors")


@pytest.fixture(autouse=True)
def toys():
    register()


def opened(viewer, qtbot, acquisition):
    """The three docks with an acquisition open."""
    show(viewer, Draft(acquisition.kind, acquisition.frames, acquisition.values(), "scan.acq.h5"))
    return docks_of(viewer, qtbot)


def finished(viewer, qtbot, acquisition):
    """The docks after a run of the toy."""
    docks = opened(viewer, qtbot, acquisition)
    docks[1].form.choose_method("toy-scan")
    docks[1].run()
    qtbot.waitUntil(lambda: docks[1].form.state.text().startswith("done"), timeout=60_000)
    qtbot.waitUntil(lambda: "toy-scan scan amplitude" in names(viewer), timeout=5000)
    return docks


# ---- without a window ----


def test_facts_lie_on_the_object() -> None:
    from napari_neuralfield.widgets.view.scan_facts import scan_facts, summary

    acquisition, _ = scan_scene.far_field()
    result = toy_result(acquisition, hold_out=6)
    facts = scan_facts(result)
    middle = acquisition.positions_um[3] + 15.5 * scan_scene.PIXEL_UM
    np.testing.assert_allclose(facts.given_um[3], middle)
    np.testing.assert_allclose(facts.moves_um[2], [SHIFT_PX * scan_scene.PIXEL_UM, 0], atol=1e-9)
    np.testing.assert_allclose(facts.moves_um[3], 0, atol=1e-9)
    light = np.sqrt(acquisition.frames[:]).sum((1, 2))
    assert np.flatnonzero(facts.held_out).tolist() == sorted(np.argsort(-light)[5::6])  # every sixth, by brightness
    del result.calibration["held_out"]  # of an older version: by their place in the file
    assert np.flatnonzero(scan_facts(result).held_out).tolist() == [5, 11, 17, 23, 29, 35]
    assert facts.surface.shape == (1, 32, 32)
    assert "corrected by 0.025 µm rms (0.25 pixels)" in summary(facts)
    assert scan_facts(Result(toy_result(acquisition).field)) is None


def test_facts_survive_the_field_file(tmp_path) -> None:
    from napari_neuralfield.io import load_result, save_result
    from napari_neuralfield.widgets.view.scan_facts import scan_facts, summary

    result = toy_result(scan_scene.coded()[0])
    save_result(tmp_path / "a.nfield", result)
    assert summary(scan_facts(load_result(tmp_path / "a.nfield"))) == summary(scan_facts(result))


def test_a_coded_scan_moves_the_object_not_the_window() -> None:
    from napari_neuralfield.widgets.view.scan_facts import scan_facts

    acquisition, _ = scan_scene.coded()
    facts = scan_facts(toy_result(acquisition))
    assert facts.name == "coded surface"
    np.testing.assert_allclose(facts.given_um[1], 23.5 * scan_scene.PIXEL_UM - acquisition.positions_um[1])
    np.testing.assert_allclose(facts.moves_um[0], [SHIFT_PX * scan_scene.PIXEL_UM, 0], atol=1e-9)


def test_layers_of_positions_and_probe_are_in_micrometres() -> None:
    from napari_neuralfield.widgets.view.scan_facts import scan_facts
    from napari_neuralfield.widgets.view.scan_layers import position_layers, surface_layers

    result = toy_result(scan_scene.far_field()[0], modes=2)
    facts = scan_facts(result)
    (given, _, kind), (found, meta, _), (arrows, drawn, last) = position_layers(facts, "T")
    assert (kind, last) == ("points", "vectors")
    assert meta["name"] == "T positions found"
    np.testing.assert_array_equal(given, facts.given_um)
    np.testing.assert_array_equal(found, facts.found_um)
    assert facts.times > 1
    assert drawn["name"] == f"T moves, drawn {facts.times} times as long"
    np.testing.assert_allclose(arrows[:, 1], facts.times * facts.moves_um)
    (amplitude, above, _), (_, below, _) = surface_layers(facts, result.field.extent, "T")
    assert amplitude.shape == (32, 64)  # two modes side by side
    right = result.field.extent.origin_um[1] + result.field.extent.size_um[1]
    assert above["translate"][1] > right
    assert below["translate"][0] > above["translate"][0] + 32 * scan_scene.PIXEL_UM
    still = SimpleNamespace(**{**facts.__dict__, "moved": False, "gap_um": 1.0})
    assert [m["name"] for _, m, _ in position_layers(still, "T")] == ["T positions"]


def test_colours_say_phase_and_amplitude() -> None:
    values = np.array([[1, np.exp(2j * np.pi / 3), np.exp(-2j * np.pi / 3), 0.5, 0]])
    seen = coloured(values, brightest=1.0)
    assert [int(pixel.argmax()) for pixel in seen[0, :3]] == [0, 1, 2]  # red, green, blue
    assert seen[0, 3].tolist() == [128, 32, 32]
    assert seen[0, 4].tolist() == [0, 0, 0]
    legend = wheel(100, marked=False)
    assert legend.shape == (100, 100, 4)
    assert legend[50, 95, :3].argmax() == 0  # phase 0 at the right
    assert legend[8, 28, :3].argmax() == 1  # 120 degrees anticlockwise
    assert legend[0, 0, 3] == 0


def test_the_phase_of_a_steep_ramp_is_unwrapped() -> None:
    from napari_neuralfield.fields.planes import planes_of_images
    from napari_neuralfield.types import Extent
    from napari_neuralfield.widgets.view.depth_view import render, whole
    from napari_neuralfield.widgets.view.ways import COLOURS, UNWRAPPED

    y, x = np.mgrid[:64, :64]
    phase = 6 * np.exp(-((y - 32) ** 2 + (x - 32) ** 2) / 300)
    image = torch.as_tensor(np.exp(1j * phase), dtype=torch.complex64)
    field = planes_of_images(image[None], [0.0], Extent((0.0, 0.0), (64, 64), 0.5))
    found = render(field, 0.0, UNWRAPPED, whole(field)).image
    np.testing.assert_allclose(found - found[0, 0], phase - phase[0, 0], atol=0.05)
    picture = render(field, 0.0, COLOURS, whole(field)).image
    assert picture.shape == (64, 64, 3)
    assert picture[0, 0].max() < 200  # an empty background does not glare


def test_the_samples_are_scans_and_lie_where_their_object_will() -> None:
    from napari_neuralfield.widgets.doors.samples import far_field, wrong_positions

    ((_, meta, _),) = far_field()
    star = meta["metadata"]["neuralfield"]["draft"].complete()
    assert star.kind == "ptychography"
    middle = (star.positions_um.min(axis=0) + star.positions_um.max(axis=0)) / 2
    np.testing.assert_allclose(meta["translate"], [0.0, *middle])
    ((_, meta, _),) = wrong_positions()
    coded = meta["metadata"]["neuralfield"]["draft"].complete()
    assert coded.kind == "coded_ptychography"
    first = (1 - 1 / coded.upsampling) / 2 * coded.sensor_pixel_um  # the middle of its fine pixels
    np.testing.assert_allclose(meta["translate"], [0.0, first, first])


# ---- in a window ----


def test_an_object_elsewhere_comes_into_view(viewer, qtbot) -> None:
    coded, _ = scan_scene.coded()
    far_away = coded.replace(positions_um=coded.positions_um + 500.0)
    docks = opened(viewer, qtbot, far_away)
    viewer.reset_view()
    docks[1].form.choose_method("toy-scan")
    docks[1].form.options.set_values({"borders": "open"})
    docks[1].run()
    qtbot.waitUntil(lambda: viewer.scene.camera.center[-1] < -100, timeout=60_000)


def test_a_scan_from_frames_to_corrected_positions(viewer, qtbot) -> None:
    acquisition, _ = scan_scene.far_field()
    dock, reconstruct, depth = finished(viewer, qtbot, acquisition)
    assert dock.calibrate.isHidden()
    assert not dock.orientation.isHidden()
    assert reconstruct.form.region.isHidden()  # patterns have no regions
    frames = viewer.layers["scan frames"]
    assert frames.scale.tolist() == pytest.approx([1.0, 0.1, 0.1])  # as large as the window
    assert frames.gamma < 1
    bar = viewer.canvas.overlays.scale_bar
    assert bar.visible
    viewer.layers.selection.active = frames
    assert not bar.visible  # no length can be measured in a diffraction pattern
    viewer.layers.selection.active = viewer.layers[-1]
    assert bar.visible
    assert depth.form.slider.parent().isHidden()  # a single plane has no depth
    assert "all in focus" not in [depth.form.quantity.itemText(i) for i in range(depth.form.quantity.count())]
    assert reconstruct.form.depth_button.text() == "Look at the field"

    scan = reconstruct.scan
    assert not scan.isHidden()
    scan.positions_button.click()
    assert "Orange rings: as given; blue dots: found" in scan.text.text()
    assert "nothing here can judge" in scan.text.text() or "●" in scan.text.text()
    scan.surface_button.click()
    assert scan.surface_button.text() == "Probe"
    added = ("positions as given", "positions found", "probe amplitude", "probe phase")
    assert {f"toy-scan scan {name}" for name in added} <= {*names(viewer)}

    points = viewer.layers["toy-scan scan positions found"]
    np.testing.assert_allclose(points.data, scan.facts.found_um)
    assert [str(unit) for unit in points.units] == ["micrometer", "micrometer"]
    scan.plot.frame_wanted.emit(9)
    assert viewer.dims.current_step[0] == 9
    assert np.unique(np.round(points.face_color, 3), axis=0).shape[0] == 2
    assert "Frame 9: error" in scan.text.text()
    assert not scan.picture.pixmap().isNull()
    scan.use_button.click()
    np.testing.assert_allclose(dock._session.acquisition().positions_um, scan._shown.result.calibration["positions_um"])
    viewer.layers.remove(points)
    scan.choose_frame(3)  # what the user has thrown away is no obstacle


def test_a_click_chooses_the_nearest_frame(qtbot) -> None:
    from napari_neuralfield.widgets.reconstruct.scan_view import FrameErrorPlot
    from napari_neuralfield.widgets.view.scan_facts import scan_facts

    plot, wanted = FrameErrorPlot(), []
    qtbot.addWidget(plot)
    plot.frame_wanted.connect(wanted.append)
    assert plot.frame_at(3.0) is None
    plot.show_errors(scan_facts(toy_result(scan_scene.far_field()[0])))
    assert [plot.frame_at(x) for x in (-4.0, 2.6, 99.0)] == [0, 3, 35]
    place = plot.plot.getPlotItem().vb.mapViewToScene(plot.plot.getPlotItem().vb.viewRect().center())
    plot._on_click(SimpleNamespace(scenePos=lambda: place))
    assert wanted == [18] or wanted == [17]


def test_the_way_round_is_clicked_and_used(viewer, qtbot) -> None:
    acquisition, _ = scan_scene.far_field()
    wrong = acquisition.replace(positions_um=oriented_positions(acquisition.positions_um, "flip-x"))
    dock, reconstruct, _ = opened(viewer, qtbot, wrong)
    panel = dock.orientation
    panel.run()
    qtbot.waitUntil(lambda: not panel.running, timeout=60_000)
    assert tuple(panel.tiles) == NAMES
    errors = {name: trial.error for name, trial in panel._record.trials.items()}
    assert min(errors, key=lambda name: errors[name]) == "flip-x"
    assert panel.tiles["flip-x"].text().endswith("\nlowest")
    assert "× " in panel.tiles["half-turn"].text()
    panel.tiles["half-turn"].click()
    panel.tiles["flip-x"].click()  # turned from what was tried, not from the last choice
    np.testing.assert_allclose(dock._session.acquisition().positions_um, acquisition.positions_um, atol=1e-9)
    assert [name for name, tile in panel.tiles.items() if tile.isChecked()] == ["flip-x"]
    assert "turned: flip-x" in panel.state.text()
    np.testing.assert_allclose(reconstruct.plan().acquisition.positions_um, acquisition.positions_um, atol=1e-9)
    panel.run()
    frames, stack = viewer.layers["scan frames"], np.ones((3, 32, 32), np.float32)
    show(viewer, Draft("through_focus", stack, {"wavelength_um": 0.5}, "stack.tif"))
    assert panel.elsewhere.text() == "The tries go on for scan."
    qtbot.waitUntil(lambda: bool(panel.jobs.current.trials), timeout=60_000)
    assert not panel.tiles  # they are of the scan
    assert not panel.isHidden()
    panel.stop_button.click()
    qtbot.waitUntil(lambda: not panel.running, timeout=60_000)
    assert panel.isHidden()
    viewer.layers.selection.active = frames
    assert panel.tiles  # what was made can still be clicked
    dock._session.set_value("wavelength_um", 0.6)  # the pictures belong to other values
    assert not panel.tiles


def test_what_follows_is_shown_as_such(qtbot) -> None:
    from napari_neuralfield.widgets.acquisition.form import QuantityForm
    from napari_neuralfield.widgets.kit.session import Session
    from napari_neuralfield.widgets.view.layers import acquisition_layers

    acquisition, _ = scan_scene.far_field()
    values = acquisition.values()
    pixel = values.pop("object_pixel_um")
    draft, session = Draft("ptychography", acquisition.frames, values, "scan.acq.h5"), Session()
    session.set_draft(draft)
    form = QuantityForm(session, draft)
    qtbot.addWidget(form)
    assert form.editors["object_pixel_um"].placeholder == "0.1 (worked out)"
    assert acquisition_layers(draft)[0][1]["scale"][1] == pytest.approx(pixel)
    box = form.editors["geometry"]
    assert box.value == "far_field"
    box.value = "near_field"
    box.native.activated.emit(2)
    assert session.draft.values["geometry"] == "near_field"


def test_a_probe_is_described_in_numbers(qtbot) -> None:
    """They take the place of the file's, and one that cannot be is said when the acquisition is completed."""
    from napari_neuralfield.widgets.acquisition.form import QuantityForm
    from napari_neuralfield.widgets.kit.session import Session

    acquisition, _ = scan_scene.far_field()
    draft, session = Draft("ptychography", acquisition.frames, acquisition.values(), "scan.acq.h5"), Session()
    session.set_draft(draft)
    form = QuantityForm(session, draft)
    qtbot.addWidget(form)
    for name, text in (("probe_diameter_um", "1 um"), ("probe_defocus_um", "-3")):
        form.editors[name].native.setText(text)
        form.editors[name].native.editingFinished.emit()
    assert session.draft.values["probe_defocus_um"] == -3.0
    probe = session.acquisition().probe
    assert probe is not None
    assert not np.allclose(probe, acquisition.probe)
    form.editors["probe_diameter_um"].native.setText("40")
    form.editors["probe_diameter_um"].native.editingFinished.emit()
    with pytest.raises(InputError, match=r"is 40 um wide, but the window that a frame sees is 3\.2 um"):
        session.acquisition()


def test_a_coded_scan_offers_its_positions_where_they_are_missing(viewer, qtbot) -> None:
    acquisition, _ = scan_scene.coded()
    dock, *_ = opened(viewer, qtbot, acquisition.replace(positions_um=None))
    assert {"positions_um", "coded_surface"} <= set(dock.form.editors)
    dock.orientation.run()
    qtbot.waitUntil(lambda: not dock.orientation.running, timeout=60_000)
    assert "has no positions, so there is nothing to turn" in dock.orientation.error.text()

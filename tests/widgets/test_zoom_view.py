"""Beyond the pixels: a closer look at a plane of phase, what lies beside it, and how far to trust it."""

from __future__ import annotations

import numpy as np
import pattern_scene
import pytest
import torch
from window import docks_of, names, put, show

from napari_neuralfield.app import lazy
from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.fields.phase_map import PhaseMap
from napari_neuralfield.types import Extent, Result, Verdict

PIXEL = 1.6  # of the camera, um


class Waves:
    """sin(y) + cos(x / 2) rad on one plane. `rendered` lists the pixels of every call."""

    type_name, complex_valued = "waves", False

    def __init__(self, shape: tuple[int, int] = (240, 180)):
        self.extent = Extent((0.0, 0.0), shape, PIXEL / 6)
        self.rendered: list[int] = []

    def render(self, z_um: object, y_um: object, x_um: object) -> torch.Tensor:
        y, x = (torch.atleast_1d(torch.as_tensor(a, dtype=torch.float64)) for a in (y_um, x_um))
        self.rendered.append(y.numel() * x.numel())
        return (torch.sin(y)[None, :, None] + torch.cos(x / 2)).float()

    query = render


@pytest.fixture
def result():
    rng = np.random.default_rng(0)
    calibration = {
        "residual": rng.normal(0, 0.1, (5, 40, 30)).astype(np.float32),
        "resimulated": rng.uniform(0, 2, (5, 40, 30)).astype(np.float32),
        "uncertainty_rad": rng.uniform(0, 0.3, (240, 180)).astype(np.float32),
    }
    optics = {
        "pixel_um": PIXEL, "trust_level": "amber", "trust_sentence": "Trust shapes, not fine detail.",
        "trust_details": ["frame 0: correlation 0.98", "frame 1: correlation 0.41"],
    }  # fmt: skip
    return Result(Waves(), {}, optics, calibration, title="waves")


@pytest.fixture
def patterns():
    """A draft of five small frames."""
    na, lit = pattern_scene.board()
    frames = pattern_scene.seen_through(pattern_scene.cells((240, 240), seed=1), na, lit)
    values = {
        "wavelength_um": pattern_scene.WAVELENGTH, "objective_na": pattern_scene.NA, "pixel_um": pattern_scene.PIXEL,
        "led_na": na, "patterns": lit,
    }  # fmt: skip
    return Draft("multiplexed_led", frames, values, "cells.acq.h5")


def derived(qtbot, zoom):
    qtbot.waitUntil(lambda: not zoom.busy, timeout=60_000)
    qtbot.wait(20)


# ---- without a window ----


def test_steps_are_round_and_end_where_there_is_nothing_more_to_see():
    extent = Extent((0.0, 0.0), (60, 60), 0.25)
    assert lazy.round_step(extent, 0.27, 1 / 16) == 0.25
    assert lazy.round_step(extent, 0.06, 1 / 16) == 0.0625
    assert lazy.round_step(extent, 0.9, 1 / 16) == 1.0
    assert lazy.round_step(extent, 1e-4, 1 / 16) == 0.25 / 16
    fine = lazy.visible_axes(extent, (3.0, 3.0, 4.0, 4.0), 0.0625, 1 / 16)[0]
    moved = lazy.visible_axes(extent, (3.2, 3.0, 4.2, 4.0), 0.0625, 1 / 16)[0]
    assert fine.size == 16
    assert np.isin(moved[:8].round(6), fine.round(6)).all()  # views that overlap ask for the same points


def test_density_is_said_beside_the_cameras_pixels(result):
    from napari_neuralfield.widgets.view.zoom_view import density_text

    assert density_text(result, PIXEL / 24) == "24 × the camera's pixels"
    assert density_text(Result(Waves()), PIXEL / 24) == "4 × the reconstruction's pixels"
    assert density_text(result, PIXEL * 2.5) == "0.4 × the camera's pixels"
    grid = Result(PhaseMap.from_grid(np.zeros((8, 8), np.float32), 0.0, PIXEL / 6), {}, {"pixel_um": PIXEL})
    assert density_text(grid, PIXEL / 6) == "6 × the camera's pixels"
    assert density_text(grid, PIXEL / 96) == "6 × the camera's pixels, interpolated"  # there is nothing finer


def test_the_verdict_and_its_layers(result):
    from napari_neuralfield.widgets.view.trust_facts import frame_layers, map_layers, trust_facts

    facts = trust_facts(result)
    assert (facts.level, facts.details[1]) == ("amber", "frame 1: correlation 0.41")
    judged = trust_facts(Result(Waves(), verdict=Verdict("red", "Not these frames.", {"misfit_held_out": 0.7})))
    assert (judged.level, judged.sentence, judged.details) == ("red", "Not these frames.", ("misfit held out 0.7",))
    assert trust_facts(None) is None
    assert trust_facts(Result(Waves(), optics={"trust_level": "purple", "trust_sentence": "?"})) is None
    (residual, meta, _), (scale, about, _) = map_layers(result, "waves")
    assert residual == pytest.approx(np.sqrt((result.calibration["residual"] ** 2).mean(0)))
    assert meta["scale"] == pytest.approx((PIXEL, PIXEL))  # the camera's pixels over the same place
    assert about["scale"] == pytest.approx((PIXEL / 6, PIXEL / 6))
    assert (meta["visible"], meta["contrast_limits"][0], scale.shape) == (False, 0.0, (240, 180))
    again, signed = frame_layers(result, "waves")
    assert again[1]["scale"] == pytest.approx((1.0, PIXEL, PIXEL))
    assert signed[1]["contrast_limits"][0] == -signed[1]["contrast_limits"][1]
    assert map_layers(Result(Waves()), "waves") == []


def test_channels_lie_on_the_sample_however_they_are_turned():
    from napari_neuralfield.app.selection import moved
    from napari_neuralfield.fields.local_conditional import LocalConditionalField
    from napari_neuralfield.fields.placement import Placement
    from napari_neuralfield.widgets.view.phase_layers import channel_layers

    sizes = {"groups": [[0, 1, 2, 3, 4, 5, 6]], "channels": 4, "blocks": 1, "width": 4, "depth": 1}
    place = Placement(2.0, ((0.0, 1.0), (-1.0, 0.0)), (3.0, 5.0))
    extent = Extent((0.0, 0.0), (48, 48), 1 / 3)
    field = LocalConditionalField(extent=extent, sizes=sizes, channels=(7, 8, 8), placement=place)
    bright, dpc = channel_layers(field, "cells")
    assert (bright[1]["name"], dpc[1]["name"]) == ("cells bright field", "cells DPC estimate")
    y, x = 4.0, 7.0
    at = np.array([*place.points(np.array(y), np.array(x)), 1.0])
    assert (dpc[1]["affine"] @ at)[:2] == pytest.approx((y, x))
    assert channel_layers(Waves(), "waves") == []
    field.channels.copy_(torch.rand(7, 8, 8))
    there, at = moved(field, (10.0, 20.0)), (np.arange(4.0), np.arange(5.0))
    assert torch.equal(there.render(0.0, at[0] + 10, at[1] + 20), field.render(0.0, *at))  # of a region of a frame
    assert there.extent.origin_um == (10.0, 20.0)


# ---- in a viewer ----


def listed(viewer):
    """What a person sees in the list of layers, from the top."""
    from napari._qt.containers import QtLayerList

    (view,) = viewer.window._qt_window.findChildren(QtLayerList)
    rows = [row for row in range(view.model().rowCount()) if not view.isRowHidden(row)]
    return [view.model().index(row, 0).data() for row in rows]


def test_zooming_in_asks_the_field_for_what_is_on_the_screen(viewer, result, qtbot):
    from napari_neuralfield.widgets.view.layers import result_layers
    from napari_neuralfield.widgets.view.zoom_view import zoom_view_of

    (whole,) = put(viewer, result_layers(result))
    zoom = zoom_view_of(viewer)
    assert zoom_view_of(viewer) is zoom
    derived(qtbot, zoom)
    assert names(viewer) == ["waves phase", "waves phase, closer"]
    assert viewer.layers.selection.active is whole
    closer = viewer.layers[1]
    assert listed(viewer) == ["waves phase"]
    assert whole.data.shape == (240, 180)
    assert viewer.canvas.overlays.text.text == "6 × the camera's pixels" or closer.visible
    for times in (24, 48):
        result.field.rendered.clear()
        viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 20.0, 20.0), times / PIXEL
        qtbot.waitUntil(lambda: zoom.picture is not None and zoom.picture.coarse == 1.0, timeout=60_000)
        derived(qtbot, zoom)
        screen = viewer.canvas.size[0] * viewer.canvas.size[1]
        assert max(result.field.rendered) < 1.2 * screen
        assert closer.visible
        assert closer.scale[-1] == pytest.approx(PIXEL / times)
        assert viewer.canvas.overlays.text.text == f"{times} × the camera's pixels"
        y = closer.translate[0] + closer.scale[0] * np.arange(closer.data.shape[0])
        x = closer.translate[1] + closer.scale[1] * np.arange(closer.data.shape[1])
        assert closer.data == pytest.approx(np.sin(y)[:, None] + np.cos(x / 2), abs=1e-4)
        assert closer.contrast_limits == whole.contrast_limits
        assert not closer.colorbar.visible  # of the same colours
    viewer.add_image(np.zeros((4, 4)), name="on top")
    viewer.layers.move(2, 0)
    assert listed(viewer) == ["waves phase", "on top"]
    viewer.layers.remove("on top")
    whole.contrast_limits = (-0.5, 0.5)
    assert closer.contrast_limits == [-0.5, 0.5]
    whole.visible = False
    derived(qtbot, zoom)
    assert len(viewer.layers) == 1  # nothing is looked at
    whole.visible = True
    derived(qtbot, zoom)
    viewer.scene.camera.zoom = 1 / PIXEL
    derived(qtbot, zoom)
    assert not viewer.layers[1].visible
    assert viewer.canvas.overlays.text.text == "6 × the camera's pixels"
    viewer.layers.remove(whole)
    derived(qtbot, zoom)
    assert names(viewer) == []


def test_a_dropped_field_is_drawn_outside_the_windows_thread(viewer, result, qtbot):
    from napari_neuralfield.io.native.field_file import preview
    from napari_neuralfield.widgets.view.phase_layers import drawn_later
    from napari_neuralfield.widgets.view.zoom_view import zoom_view_of

    zoom = zoom_view_of(viewer)
    small = preview(result.field)
    result.field.rendered.clear()
    layers = drawn_later(result, small, "waves")
    assert result.field.rendered == []
    (layer,) = put(viewer, layers)
    assert layer.data.shape == (128, 96)
    qtbot.waitUntil(lambda: layer.data.shape == (240, 180), timeout=60_000)
    assert layer.scale[0] == pytest.approx(PIXEL / 6)
    assert -2.1 < layer.contrast_limits[0] < layer.contrast_limits[1] < 2.1
    derived(qtbot, zoom)


def test_led_patterns_become_a_phase_with_bright_field_and_dpc_below(viewer, patterns, qtbot):
    show(viewer, patterns)
    _, reconstruct, depth = docks_of(viewer, qtbot)
    offered = {reconstruct.form.method_box.itemData(i) for i in range(reconstruct.form.method_box.count())}
    assert {"neuph", "dpc", "quasi-newton"} <= offered
    reconstruct.form.choose_method("dpc")
    reconstruct.run()
    qtbot.waitUntil(lambda: len(viewer.layers) == 5, timeout=60_000)
    derived(qtbot, reconstruct.zoom)
    assert names(viewer) == [
        "cells frames",
        *(f"dpc cells {n}" for n in ("bright field", "DPC estimate", "phase", "phase, closer")),
    ]
    frames, bright, dpc, phase, _ = viewer.layers
    assert (bright.visible, dpc.visible, phase.visible) == (False, False, True)
    assert bright.data.mean() == pytest.approx(1.0, abs=0.01)
    assert dpc.data == pytest.approx(phase.data, abs=2e-3)
    assert phase.colormap.name == "gray"
    assert not depth.form.compare.isHidden()
    depth.form.compare.setChecked(True)
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)
    assert (dpc.visible, frames.visible) == (True, False)
    depth.form.compare.setChecked(False)
    assert (viewer.canvas.grid.enabled, dpc.visible, frames.visible) == (False, False, True)
    derived(qtbot, reconstruct.zoom)


def test_frames_the_network_cannot_take_are_refused_in_a_sentence(viewer, patterns, qtbot, monkeypatch):
    from napari_neuralfield.widgets.kit.session import session_of
    from napari_neuralfield.widgets.reconstruct.dock import ReconstructDock

    said = []
    monkeypatch.setattr("napari_neuralfield.widgets.reconstruct.runs.show_error", said.append)
    values = {**patterns.values, "patterns": np.asarray(patterns.values["patterns"])[:4]}
    session_of(viewer).set_draft(Draft("multiplexed_led", patterns.frames[:4], values, "four.acq.h5"))
    dock = ReconstructDock(viewer)
    qtbot.addWidget(dock)
    qtbot.waitUntil(lambda: dock.library is not None, timeout=60_000)
    dock.form.choose_method("neuph")
    dock.run()
    qtbot.waitUntil(lambda: bool(said), timeout=60_000)
    assert said[0].startswith("four.acq.h5: ")
    assert "dpc or quasi-newton" in said[0]
    assert "\n" not in said[0]
    assert said[0] in dock.form.error.text()


def test_the_light_says_how_far_to_trust(viewer, result, qtbot):
    from napari_neuralfield.widgets.kit.parts import WARN
    from napari_neuralfield.widgets.kit.session import Session, Shown
    from napari_neuralfield.widgets.reconstruct.trust_view import TrustView

    session = Session()
    view = TrustView(viewer, session)
    qtbot.addWidget(view)
    assert view.isHidden()
    session.set_shown(Shown(result, 0.0, "waves"))
    assert not view.isHidden()
    assert view.sentence.text() == "amber: Trust shapes, not fine detail."
    assert WARN in view.dot.styleSheet()
    assert view.fold.content.isHidden()
    assert "correlation 0.41" in view.details.text()
    view.add_frames()
    assert names(viewer) == ["waves frames as predicted", "waves residual, frame by frame"]
    session.set_shown(Shown(result, 0.0, "waves", finished=False))
    assert view.isHidden()

"""What is seen first of a recording, and of a second one that is opened into the same viewer."""

from __future__ import annotations

import numpy as np
import pytest
from window import show

from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.widgets.view.first_frame import first_frame
from napari_neuralfield.widgets.view.first_picture import show_first
from napari_neuralfield.widgets.view.layers import acquisition_layers


def draft_of(name, seed=0, **options):
    made = SIMULATORS[name](seed, **options)[0]
    return Draft(made.kind, made.frames, made.values(), f"{name}.acq.h5")


@pytest.mark.parametrize("seed", range(3))
def test_the_first_picture_is_worth_looking_at(seed):
    order = np.random.default_rng(seed).permutation(5)
    patterns = draft_of("multiplexed-textures", seed, pixels=24)
    patterns.values["patterns"] = np.asarray(patterns.values["patterns"])[order]
    patterns.frames = np.asarray(patterns.frames[:])[order]
    means = patterns.frames.mean((1, 2))
    assert means[first_frame(patterns)] > 5 * np.median(means)  # bright field; most are dark
    del patterns.values["objective_na"]
    assert first_frame(patterns) == int(np.argmax(means))
    focus = draft_of("through-focus-textures", seed, pixels=24, upsampling=2)
    assert focus.values["z_um"][first_frame(focus)] != 0


def test_of_a_board_the_frame_lit_from_below_and_its_contrast(led_array):
    made = led_array(leds=3, size=32)
    draft = Draft("led_array", made.frames, made.values(), "toy.acq.h5")
    assert first_frame(draft) == 4
    ((frames, meta, _),) = acquisition_layers(draft)
    low, high = meta["contrast_limits"]
    inside = np.mean((frames[4] >= low) & (frames[4] <= high))
    assert frames.first == 4
    assert 0.98 < inside < 1


def test_what_is_not_known_is_no_obstacle():
    frames = np.random.default_rng(0).random((4, 8, 8)).astype(np.float32)
    for kind in ("led_array", "multiplexed_led", "coded_ptychography", "ptychography", "through_focus"):
        assert 0 <= first_frame(Draft(kind, frames, {}, "")) < 4
    frames[:] = np.nan
    assert first_frame(Draft("through_focus", frames, {}, "")) in range(4)


def test_a_second_recording_has_view_and_slider_to_itself(viewer, led_array):
    def opened(leds, size, pixel_um):
        made = led_array(leds=leds, size=size)
        draft = Draft("led_array", made.frames, {**made.values(), "pixel_um": pixel_um}, f"{leds}.acq.h5")
        (layer,) = show(viewer, draft)
        show_first(viewer, draft)
        return layer

    def slider():
        return viewer.dims.range[0][:2]

    first = opened(5, 32, 0.8)
    assert (viewer.dims.current_step[0], slider()) == (12, (0, 24))
    seen = viewer.scene.camera.zoom
    second = opened(3, 48, 4.0)
    assert (first.visible, second.visible) == (False, True)
    assert (viewer.dims.current_step[0], slider()) == (4, (0, 8))
    np.testing.assert_allclose(viewer.scene.camera.zoom, seen * 32 * 0.8 / (48 * 4.0))
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], second.extent.world[:, 1:].mean(0), rtol=0.05)
    first.visible = True
    assert slider() == (0, 24)
    first.visible = False
    viewer.add_image(np.zeros((48, 48)))  # what napari counts anew
    assert slider() == (0, 8)
    viewer.layers.remove(second)
    viewer.add_image(np.zeros((40, 8, 8)))  # nobody's business
    assert slider() == (0, 39)

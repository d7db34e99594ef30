"""A run in tiles in the window: a mosaic that grows in one layer, stopped, gone on with, and one field at the end."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from window import docks_of, names, show

from napari_neuralfield import (
    Done,
    Extent,
    InputError,
    Progress,
    Recipe,
    Result,
    Verdict,
    load_result,
    method,
    planes_of_images,
    save_acquisition,
)  # fmt: skip
from napari_neuralfield.app.lazy import LazyView
from napari_neuralfield.io import open_draft
from napari_neuralfield.registry import METHODS
from napari_neuralfield.widgets.reconstruct.in_tiles import Tiles, free_target, wide_plan

NAME = "toy-planes"
GO = threading.Semaphore(0)  # a tile each


class PlanesRecipe(Recipe):
    method: str = NAME


def planes(acquisition, recipe):
    """The mean frame as amplitude."""
    assert GO.acquire(timeout=60)
    image = torch.from_numpy(acquisition.intensity().mean(0)).to(torch.complex64)
    yield Progress(1, 2, 0.5)
    field = planes_of_images(image[None], [0.0], Extent((0.0, 0.0), acquisition.frame_shape, acquisition.pixel_um))
    yield Done(Result(field, recipe.model_dump(mode="json"), verdict=Verdict("green", "Good.")))


@pytest.fixture
def board(tmp_path, led_array, monkeypatch):
    """A file of 80 x 80 pixels, tiles of 48, and every tile seen."""
    monkeypatch.setattr("napari_neuralfield.recon.engine.judging.JUDGES", {})
    monkeypatch.setattr("napari_neuralfield.recon.engine.preparing.checks_of", lambda *_: [])
    monkeypatch.setattr("napari_neuralfield.app.wide.run.PREVIEW_S", 0.0)
    if NAME not in METHODS:
        method(NAME, PlanesRecipe, kinds=("led_array",))(planes)
    while GO.acquire(blocking=False):
        pass
    path = tmp_path / "board.acq.h5"
    save_acquisition(path, led_array(leds=3, size=80))
    return path


def share_seen(layer):
    return np.isfinite(np.asarray(layer.data)).mean()


def test_the_mosaic_grows_stops_and_goes_on(viewer, qtbot, board, errors, monkeypatch):
    dock = docks_of(viewer, qtbot)[1]
    tiles = dock.tiles
    tiles.side.setValue(48)
    show(viewer, open_draft(board))
    assert not tiles.isHidden()
    dock.form.choose_method(NAME)
    tiles.tick.setChecked(True)
    tiles.overlap.setValue(16)
    assert tiles.target == board.with_name("board.nfield")
    title = f"{NAME} (tiles of 48 px) board"
    GO.release()
    dock.run()
    qtbot.waitUntil(lambda: f"{title} amplitude …" in names(viewer) and viewer.layers[-1].visible, timeout=60_000)
    layer = viewer.layers[f"{title} amplitude …"]
    assert 0.2 < share_seen(layer) < 0.5
    GO.release()
    qtbot.waitUntil(lambda: share_seen(layer) > 0.5, timeout=60_000)
    dock.stop()
    GO.release()
    qtbot.waitUntil(lambda: not dock.runs.running, timeout=60_000)
    assert not tiles.target.exists()
    assert "tiles are there, and Run goes on with them" in tiles.where.text()
    assert not errors

    monkeypatch.setattr("napari_neuralfield.widgets.view.preview.LARGEST", 64)
    GO.release(4)
    dock.run()
    qtbot.waitUntil(lambda: f"{title} phase [1]" in names(viewer), timeout=60_000)
    assert not errors
    found = dock._session.shown.result
    assert found.field.type_name == "tiled"
    y, x = found.field.extent.axes()
    np.testing.assert_array_equal(
        load_result(board.with_name("board.nfield")).field.render(0.0, y, x), found.field.render(0.0, y, x)
    )
    assert share_seen(viewer.layers[-1]) == 1
    assert viewer.layers[-1].data.shape == found.field.extent.shape
    assert isinstance(viewer.layers[-1].data, LazyView)  # a large one is no picture in memory
    assert tiles.target == board.with_name("board-2.nfield")  # nothing is overwritten
    stopped = next(one.shown.result for one in dock._session.fields if one.shown.result is not found)
    assert stopped.field.covered(y, x).mean() > 0.5
    assert stopped.field.render(0.0, y, x).abs().max() > 0  # though its folder is called otherwise now


def test_what_is_not_in_the_file_is_not_run(board):
    whole = open_draft(board).complete()
    tiles = Tiles(48, 16, 1, free_target(board))
    recipe = PlanesRecipe()
    assert len(wide_plan(whole, recipe, None, tiles).tiles) == 4
    part = wide_plan(whole, recipe, [[8, 72], [0, 48]], tiles)
    assert (part.shape_px, part.origin_um) == ((64, 48), (8 * whole.pixel_um, 0.0))
    with pytest.raises(
        InputError, match=r"^tiles are read from board.acq.h5, which does not say .* \(Wavelength\); save"
    ):
        wide_plan(whole.replace(wavelength_um=0.6), recipe, None, tiles)
    with pytest.raises(InputError, match="there is none of these frames; save the acquisition as a file"):
        wide_plan(type(whole)(**{**whole.values(), "frames": whole.frames}), recipe, None, tiles)

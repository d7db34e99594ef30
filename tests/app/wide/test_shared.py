"""The pupil and the gains of the middle tile are those of all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from places_scene import places_apart

from napari_neuralfield import LedArray, load_result, open_acquisition, save_acquisition
from napari_neuralfield.app.wide import shared
from napari_neuralfield.app.wide.pieces import InProcess
from napari_neuralfield.app.wide.plan import Tiling, planned
from napari_neuralfield.app.wide.run import run_plan
from napari_neuralfield.app.wide.tile import chosen_frames, cut_out, job_of
from napari_neuralfield.io.results.tiled_folder import tile_file
from napari_neuralfield.optics.pupil_field import PupilField
from napari_neuralfield.recon.fpm.sequential import SequentialRecipe
from napari_neuralfield.simulate.led_optics import Optics, aberrated_pupil, led_frames, led_grid_na
from napari_neuralfield.simulate.phantoms import PHANTOMS

OPTICS = Optics(objective_na=0.1, wavelength_um=0.522, pixel_um=1.6)
NA = led_grid_na(7, 1.2, 25.0, 0.15)
GAINS = 1 + 0.2 * np.sin(np.arange(len(NA)))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("napari_neuralfield.recon.engine.judging.JUDGES", {})
    cells = PHANTOMS["cells"]((192, 192), np.random.default_rng(0))[0].sum(0)
    pupil = aberrated_pupil({5: 0.6}, OPTICS["objective_na"] / OPTICS["wavelength_um"])
    light = led_frames(cells[None], np.zeros(1), NA, upsampling=2, pupil=pupil, **OPTICS)
    counts = (1000 * light * GAINS[:, None, None]).astype(np.float32)
    path = tmp_path / "wide.acq.h5"
    field = PupilField((6,), np.array([[0.1, 0.5, 0.0]])).table
    save_acquisition(path, LedArray(frames=counts, illumination_na=NA, pupil_field=field, **OPTICS))
    return path


def test_all_tiles_take_what_the_middle_one_finds(file: Path, tmp_path: Path) -> None:
    whole = open_acquisition(file)
    recipe = SequentialRecipe(
        z_um=0.0, passes=3, recover_pupil=True, pupil_shape="smooth", recover_gain=True, check_orientation=False
    )
    options = recipe.model_dump(mode="json")
    plan = planned(file, whole, (whole, (0.0, 0.0)), options, chosen={}, tiling=Tiling(56, 16))
    output = tmp_path / "out.nfield"
    list(run_plan(plan, output, InProcess()))
    assert not (output / shared.NAME).exists()
    tiles = {tile.name: load_result(tile_file(output, tile.name)).calibration for tile in plan.tiles}
    assert [name for name, found in tiles.items() if "pupil" in found] == [plan.middle_tile.name]

    kept = shared.keep_microscope(plan, chosen_frames(plan), output)
    other = next(tile for tile in plan.tiles if tile != plan.middle_tile)
    part = cut_out(job_of(plan, other, None, shared.SharedByTiles(microscope=str(kept))))[0].acquisition
    middle = cut_out(job_of(plan, plan.middle_tile, None))[0].acquisition
    y, x = other.box_px[0], other.box_px[1]
    own = whole.crop(slice(y, y + 56), slice(x, x + 56)).pupil
    pupil = tiles[plan.middle_tile.name]["pupil"]
    inside = np.abs(pupil) > 0.5
    rows, columns = (slice((56 - n) // 2, (56 - n) // 2 + n) for n in pupil.shape)
    expected = (own * pupil_of(pupil, 56) * np.conj(middle.pupil))[rows, columns]
    np.testing.assert_allclose(part.pupil[rows, columns][inside], expected[inside], atol=1e-5)
    gains = (np.asarray(part.exposure) / GAINS)[np.hypot(*NA.T) < 0.09]
    np.testing.assert_allclose(gains / gains.mean(), 1, atol=0.05)


def test_a_tile_takes_the_parted_frames_that_do_what_their_direction_says(tmp_path: Path) -> None:
    acquisition, truth = places_apart(3, 2, 48, height_mm=22.4, objective_na=0.14)
    inside = np.hypot(*np.moveaxis(truth["illumination_na"], -1, 0)) < 0.14  # (place, led)
    apart = np.flatnonzero(inside.any(0) & ~inside.all(0))
    path = tmp_path / "wide.acq.h5"
    save_acquisition(path, acquisition)
    options = SequentialRecipe(z_um=0.0).model_dump(mode="json")
    plan = planned(path, acquisition, (acquisition, (0.0, 0.0)), options, chosen={}, tiling=Tiling(50, 4))
    told = np.hypot(*acquisition.illumination_na[apart].T) < 0.14
    known = shared.SharedByTiles(apart=tuple(apart.tolist()))
    for tile, seen in zip(plan.tiles, inside[:, apart], strict=True):
        part, count = cut_out(job_of(plan, tile, None, known))
        assert count == acquisition.frame_count
        np.testing.assert_array_equal(np.setdiff1d(np.arange(count), part.numbers), apart[seen != told])


def pupil_of(pupil: np.ndarray, side: int) -> np.ndarray:
    whole = np.zeros((side, side), complex)
    rows, columns = (slice(side // 2 - n // 2, side // 2 - n // 2 + n) for n in pupil.shape)
    whole[rows, columns] = pupil
    return whole

"""Frames and regions: what is kept, where it lies, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_neuralfield.app.selection import TypedSelection, moved
from napari_neuralfield.cli.commands import main
from napari_neuralfield.data.acquisition import Acquisition, Draft
from napari_neuralfield.data.selection import USED, select
from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.io import load_result, open_acquisition, save_acquisition
from napari_neuralfield.types import Extent, InputError

Make = Callable[..., Acquisition]


def scan() -> Acquisition:
    grid = np.stack(np.meshgrid(*2 * [np.arange(5.0)], indexing="ij"), -1).reshape(-1, 2)
    values = {
        "geometry": "far_field", "wavelength_um": 1e-4, "detector_pixel_um": 50.0, "object_pixel_um": 0.1,
        "distance_um": 32 * 50 * 0.1 / 1e-4, "positions_um": grid,
    }  # fmt: skip
    return Draft("ptychography", np.ones((25, 32, 32)) + np.arange(32), values).complete()


def test_frames_keep_their_order_and_geometry(led_array: Make) -> None:
    whole = led_array()
    chosen = select(whole, [8, 2, 5], [5])
    assert chosen.numbers.tolist() == [8, 2]
    assert np.array_equal(chosen.acquisition.illumination_na, whole.illumination_na[[8, 2]])  # type: ignore[attr-defined]
    assert select(whole).acquisition is whole


def test_a_region_of_pictures_is_cut(led_array: Make) -> None:
    whole = led_array(size=64)
    part = TypedSelection(region_um="8, 4, 40, 36").of(whole)
    assert part.acquisition.frame_shape == (40, 40)
    assert part.origin_um == (8.0, 4.0)
    assert np.array_equal(part.acquisition.frames[0], whole.frames[0][10:50, 5:45])


def test_a_region_of_a_scan_picks_frames() -> None:
    part = TypedSelection(region_um="1.5,1.5,3.7,4.7").of(scan())  # centres lie 1.6 um beyond the corners
    assert part.acquisition.positions_um.max(0).tolist() == [2.0, 3.0]  # type: ignore[attr-defined]
    assert part.acquisition.frame_count == 12
    assert part.origin_um == (0.0, 0.0)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            {"frames": "30"},
            "option --frames is 30; it is A:B, A:B:STEP or numbers .* of the 25 frames 0 to 24",
        ),
        ({"leave_out": "3,3"}, "option --leave-out is 3,3; it is A:B"),
        ({"leave_out": "0:"}, "no frame is left"),
        ({"region_um": "0,0,1,0.5"}, "no frame lies in the region"),
        ({"region_um": "0,0,100,1"}, "it leaves the field, which spans 0,0,7.2,7.2 um"),
    ],
)
def test_what_is_not_there_is_refused(typed: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TypedSelection(**typed).of(scan())


def test_a_method_s_own_options_stay_its_own() -> None:
    typed = TypedSelection(frames="0:4:2", leave_out="yes")
    rest, own = typed.beside(["frames"], 25)
    assert own == {"leave_out": "yes", "frames": "0,2"}
    assert rest == TypedSelection()


def test_the_command_line_chooses_and_puts_in_place(
    led_array: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "slide.acq.h5", tmp_path / "part.nfield"
    save_acquisition(file, led_array(size=64))
    options = ["--leave-out", "1,7", "--region-um", "8,4,40,36", "--z-um", "0"]
    assert main(["reconstruct", str(file), *options, "-o", str(out)]) == 0
    assert (
        "of 7 of 9 frames, counted anew from 0 and a region of 40 x 40 pixels from (8, 4) um" in capsys.readouterr().out
    )
    result = load_result(out)
    assert result.field.extent.origin_um == (8.0, 4.0)
    assert result.calibration[USED].tolist() == [0, 2, 3, 4, 5, 6, 8]
    fewer = tmp_path / "fewer.acq.h5"
    assert main(["convert", str(file), "--frames", "0:6:2", "-o", str(fewer)]) == 0
    assert open_acquisition(fewer).frame_count == 3
    assert moved(result.field, (1.0, 2.0)).extent.origin_um == (9.0, 6.0)


def test_planes_are_moved_with_what_they_hold() -> None:
    image = torch.polar(torch.ones(8, 8), torch.arange(64.0).reshape(8, 8) / 20)
    field = planes_of_images(image[None], [0.0], Extent((0.0, 0.0), (8, 8), 0.5))
    further = moved(field, (1.5, 12.0))
    y, x = further.extent.axes()
    assert (y[0], x[0]) == (1.5, 12.0)
    assert torch.allclose(further.render([0.0], y, x)[0], image, atol=1e-3)

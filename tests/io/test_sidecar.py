"""Sidecars: values under the acquisition's names, and LED boards in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.io import open_acquisition, save_acquisition
from napari_neuralfield.optics import illumination
from napari_neuralfield.types import InputError

Make = Callable[..., Acquisition]


@pytest.fixture
def recording(tmp_path: Path, led_array: Make) -> Path:
    """Nine frames of an LED array, 32 x 32."""
    save_acquisition(tmp_path / "cells.acq.h5", led_array())
    return tmp_path / "cells.acq.h5"


def with_sidecar(recording: Path, text: str) -> Acquisition:
    recording.with_name(f"{recording.name}.yaml").write_text(text)
    return open_acquisition(recording)


def test_it_overrides_the_recording(recording: Path) -> None:
    acquisition = with_sidecar(recording, "wavelength_um: 0.61\nsample_z_um: -4\ntitle: Blut\n")
    assert (acquisition.wavelength_um, acquisition.sample_z_um, acquisition.title) == (0.61, -4.0, "Blut")
    assert acquisition.objective_na == 0.2


def test_the_sidecar_of_a_foreign_file_is_not_that_of_ours(recording: Path) -> None:
    """A corrected recording must not get the nominal values back from the sidecar of the raw one."""
    (recording.parent / "cells.yaml").write_text("wavelength_um: 0.61\nleds: {board: uconn}\n")
    given = open_acquisition(recording)
    assert given.wavelength_um == 0.5
    assert with_sidecar(recording, "wavelength_um: 0.62").wavelength_um == 0.62
    tifffile.imwrite(recording.parent / "cells.tif", given.intensity())
    board = f"{{na: {np.asarray(given.illumination_na).tolist()}}}"
    (recording.parent / "cells.yaml").write_text(
        f"kind: led_array\nwavelength_um: 0.61\nobjective_na: 0.2\npixel_um: 0.4\nleds: {board}\n"
    )
    assert open_acquisition(recording.parent / "cells.tif").wavelength_um == 0.61


def test_a_recipe_of_the_same_name_is_not_a_sidecar(recording: Path) -> None:
    assert with_sidecar(recording, "method: classical\npasses: 3\n").wavelength_um == 0.5


def test_arrays_come_from_tables_and_images(recording: Path) -> None:
    tifffile.imwrite(recording.parent / "dark.tif", np.full((32, 32), 0.25, np.float32))
    (recording.parent / "exposure.csv").write_text("seconds\n" + "\n".join("123456789"))
    acquisition = with_sidecar(recording, "background: dark.tif\nexposure: exposure.csv\n")
    assert acquisition.background is not None
    assert acquisition.background[3, 4] == 0.25
    assert acquisition.exposure is not None
    assert acquisition.exposure.tolist() == list(range(1, 10))


BOARD = illumination.grid_positions(3, 3, 4.0)
cosines = illumination.direction_cosines
BOARDS = {
    "grid: {rows: 3, columns: 3, pitch_mm: 4}\n  height_mm: 80": illumination.direction_cosines(BOARD, 80.0),
    "grid: {rows: 3, columns: 3, pitch_mm: 4, order: spiral}\n  height_mm: 80\n  slide_mm: 1\n  rotation_deg: 5\n"
    "  centre_mm: [1, 2]": illumination.direction_cosines(
        illumination.place(illumination.grid_positions(3, 3, 4.0, "spiral"), 5.0, (1.0, 2.0)), 80.0, 1.0
    ),
    "rings: {radii_mm: [0, 5], counts: [1, 8]}\n  height_mm: 50": illumination.direction_cosines(
        illumination.ring_positions([0, 5], [1, 8]), 50.0
    ),
    "rings: {radii_na: [0, 0.1], counts: [1, 8]}": -illumination.ring_positions([0, 0.1], [1, 8]),
    f"positions_mm: {BOARD.tolist()}\n  height_mm: 80": illumination.direction_cosines(BOARD, 80.0),
    f"na: {(BOARD / 50).tolist()}": BOARD / 50,
    "grid: {rows: 3, columns: 3, pitch_mm: 4, order: columns}\n  height_mm: 80": illumination.direction_cosines(
        BOARD.reshape(3, 3, 2).transpose(1, 0, 2).reshape(-1, 2), 80.0
    ),
    "grid: {rows: 3, columns: 3, pitch_mm: 4, start: bottom_right}\n  height_mm: 80": illumination.direction_cosines(
        -BOARD, 80.0
    ),
    "grid: {rows: 3, columns: 3, pitch_mm: 4}\n  height_mm: 80\n  flip: y": illumination.direction_cosines(
        BOARD * [-1, 1], 80.0
    ),
    "grid: {rows: 3, columns: 3, pitch_mm: 4}\n  height_mm: 80\n  flip: transpose": illumination.direction_cosines(
        BOARD[:, ::-1], 80.0
    ),
    "grid: {rows: 2, columns: 5, pitch_mm: 4, missing: [3]}\n  height_mm: 80": illumination.direction_cosines(
        np.delete(illumination.grid_positions(2, 5, 4.0), 3, axis=0), 80.0
    ),
    "grid: {rows: 2, columns: 5, pitch_mm: 4, order: serpentine, missing: [[1, 4]]}\n  height_mm: 80": cosines(
        np.delete(illumination.grid_positions(2, 5, 4.0, "serpentine"), 5, axis=0), 80.0
    ),
    "rings: {radii_mm: [0, 5], counts: [1, 8], order: inwards, sense: anticlockwise, start_deg: 90}\n  height_mm: 50": (
        cosines(np.roll(illumination.ring_positions([0, 5], [1, 8], 90.0, "anticlockwise"), -1, axis=0), 50.0)
    ),
    "board: uconn\n  yint_mm: 0.35\n  use: [0, 1, 2, 3, 4, 5, 6, 7, 8]": illumination.uconn_board(0, 0, 0.35, 9),
}


@pytest.mark.parametrize("words", BOARDS)
def test_boards_in_words(recording: Path, words: str) -> None:
    acquisition = with_sidecar(recording, f"leds:\n  {words}\n")
    assert np.allclose(acquisition.illumination_na, BOARDS[words])


@pytest.mark.parametrize(
    ("words", "height_mm"),
    [
        ("leds: {grid: {rows: 3, columns: 3, pitch_mm: 4}, height_mm: 80}", 80.0),
        ("leds: {rings: {radii_na: [0, 0.1], counts: [1, 8]}}", None),  # directions alone tell of no distance
        (f"leds: {{na: {(BOARD / 50).tolist()}, height_mm: 65}}", 65.0),
        ("leds: {board: uconn, use: [0, 1, 2, 3, 4, 5, 6, 7, 8]}", illumination.UCONN_HEIGHT_MM),
        ("led_height_mm: 70", 70.0),
        ("wavelength_um: 0.5", None),
    ],
)
def test_the_height_of_the_board_is_kept(recording: Path, words: str, height_mm: float | None) -> None:
    acquisition = with_sidecar(recording, f"{words}\n")
    assert acquisition.led_height_mm == height_mm
    save_acquisition(recording.parent / "copy.acq.h5", acquisition)
    assert open_acquisition(recording.parent / "copy.acq.h5").led_height_mm == height_mm


def test_ambient_light_comes_from_a_list_or_a_table(recording: Path) -> None:
    (recording.parent / "ambient.csv").write_text("counts\n" + "\n".join("123456789"))
    for words in ("ambient.csv", str(list(range(1, 10)))):
        acquisition = with_sidecar(recording, f"ambient: {words}\n")
        assert acquisition.ambient.tolist() == list(range(1, 10))
        assert np.allclose(acquisition.intensity([4])[0], np.asarray(acquisition.frames[4]) - 5)


def test_numbers_may_have_their_unit(recording: Path) -> None:
    board = "leds: {grid: {rows: 3, columns: 3, pitch_mm: 4000 um}, height_mm: 6 cm, centre_mm: [1 mm, 0]}"
    acquisition = with_sidecar(recording, f"wavelength_um: 532 nm\npixel_um: 0,8\n{board}\n")
    assert (acquisition.wavelength_um, acquisition.pixel_um, acquisition.led_height_mm) == (0.532, 0.8, 60.0)
    plain = with_sidecar(recording, board.replace("4000 um", "4").replace("6 cm", "60").replace("1 mm", "1"))
    assert np.array_equal(acquisition.illumination_na, plain.illumination_na)


def test_boards_in_tables(recording: Path) -> None:
    rows = "\n".join(f"{x},{y}" for y, x in BOARD)
    (recording.parent / "board.csv").write_text(f"x_mm,y_mm\n{rows}\n")
    acquisition = with_sidecar(recording, "leds: {csv: board.csv, height_mm: 80}")
    assert np.allclose(acquisition.illumination_na, illumination.direction_cosines(BOARD, 80.0))
    rows = "\n".join(f"{n} {y * 1e3} {x * 1e3}" for n, (y, x) in enumerate(BOARD))
    (recording.parent / "board.csv").write_text(f"# my board\n# led y_um x_um\n{rows}\n")
    acquisition = with_sidecar(recording, "leds: {csv: board.csv, height_mm: 80}")
    assert np.allclose(acquisition.illumination_na, illumination.direction_cosines(BOARD, 80.0))


def test_an_order_in_a_table(recording: Path) -> None:
    """Row and column of each LED from 0, or its number row by row."""
    order = np.random.default_rng(0).permutation(9)
    wanted = illumination.direction_cosines(BOARD[order], 80.0)
    grid = "leds: {grid: {rows: 3, columns: 3, pitch_mm: 4, order: order.csv}, height_mm: 80}"
    for text in ("\n".join(map(str, order)), "column,row\n" + "\n".join(f"{n % 3},{n // 3}" for n in order)):
        (recording.parent / "order.csv").write_text(text)
        assert np.allclose(with_sidecar(recording, grid).illumination_na, wanted)
    (recording.parent / "order.csv").write_text("9")
    with pytest.raises(InputError, match=r"\[3, 0\] is not a row and column of 3 x 3; count from 0"):
        with_sidecar(recording, grid)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wavelenght_um: 0.5", r"wavelenght_um is not a value of kind led_array; known are kind, .*wavelength_um"),
        ("wavelength_um: [0.5", r"cells.acq.h5.yaml: the sidecar cannot be read"),
        ("- 1\n- 2", r"cells.acq.h5.yaml: a sidecar is a YAML mapping"),
        ("kind: hologram", r"kind is 'hologram'; it must be one of"),
        ("leds: 3", r"leds is 3; it must be a mapping"),
        ("leds: {pitch: 3}", r"leds: pitch is not known; known are na, positions_mm, grid"),
        ("leds: {grid: {rows: 3, columns: 3, pitch: 3}}", r"leds: grid: pitch is not known; known are rows"),
        ("leds: {grid: {rows: 3, columns: 3}, height_mm: 80}", r"leds: grid: pitch_mm is missing"),
        (
            "leds: {grid: {rows: 3, columns: 3, pitch_mm: 4, missing: [9]}}",
            r"missing names 9, which is no LED of 3 x 3",
        ),
        (
            "leds: {grid: {rows: 3, columns: 3, pitch_mm: 4, order: zigzag}}",
            r"order is 'zigzag'; it must be one of ras",
        ),
        ("leds: {grid: {rows: 3, columns: 3, pitch_mm: 4}}", r"height_mm is missing; give the distance in mm"),
        ("leds: {grid: {rows: 3, columns: 3, pitch_mm: 4}, height_mm: -1}", r"height_mm is -1; it should be"),
        ("leds: {height_mm: 80}", r"describes the board by nothing; give exactly one of na, positions_mm"),
        ("leds: {na: [[0, 0]], board: uconn}", r"describes the board by na and board; give exactly one"),
        ("leds: {board: uconn}", r"illumination_na has 225 entries along 'frame' but the frames have 9"),
        ("leds: {board: uconn, use: [225]}", r"use names an LED outside 0 to 224"),
        ("leds: {csv: none.csv}", r"none.csv: the table cannot be read"),
        ("exposure: none.csv", r"none.csv: the table cannot be read"),
        ("background: none.tif", r"none.tif: there is no such file"),
        ("wavelength_um: green", r"wavelength_um is 'green'; it must be a number in um"),
        ("wavelength_um: 5 s", r"it must be a number in um: '5 s' is in s; it must be in um, nm"),
        ("wavelength_um: 532", r"wavelength_um is 532 um; .*: did you mean 532 nm\?"),
        ("leds: {na: [[0, 0]], height_mm: 5 deg}", r"leds: height_mm: '5 deg' is in deg; it must be in mm, um, nm"),
    ],
)
def test_mistakes_are_named(recording: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_sidecar(recording, text)


def test_bad_tables_are_named(recording: Path) -> None:
    table = recording.parent / "board.csv"
    for text, message in (
        ("na_y,na_x\n0,0\n0,far\n", r"row 3 is '0,far'; every row must hold 2 numbers"),
        ("a,b\n0,0\n", r"columns a, b; its first line must be na_y,na_x or y_mm,x_mm"),
        ("na_y,na_x\n", r"holds no numbers"),
    ):
        table.write_text(text)
        with pytest.raises(InputError, match=message):
            with_sidecar(recording, "leds: {csv: board.csv}")


def test_only_kinds_with_leds_take_leds(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "cells.tif", np.ones((2, 3), np.float32))
    (tmp_path / "cells.yaml").write_text("kind: through_focus\nleds: {board: uconn}")
    with pytest.raises(InputError, match=r"leds is given for kind through_focus; only led_array and multiplexed_led"):
        open_acquisition(tmp_path / "cells.tif")

"""Which value goes with which file: lists, values by name, and what the names themselves say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.io import open_acquisition, open_draft
from napari_neuralfield.types import InputError

OPTICS = "kind: through_focus\nwavelength_um: 0.53\nobjective_na: 0.4\ncondenser_na: 0.16\npixel_um: 0.3\n"
SCAN = "kind: ptychography\ngeometry: far_field\nwavelength_um: 1.5e-4\ndetector_pixel_um: 75\ndistance_um: 2e6\n"
LEDS = "kind: led_array\nwavelength_um: 0.522\nobjective_na: 0.1\npixel_um: 1.7\n"
BY_Z = ["On Axis - z=0.tif", "On Axis - z=4.tif", "On Axis - z=-4.tif"]


def folder(path: Path, names: list[str], sidecar: str) -> Draft:
    """Images whose every pixel is the place of their name in `names`."""
    path.mkdir(exist_ok=True)
    for value, name in enumerate(names):
        tifffile.imwrite(path / name, np.full((8, 8), value, np.float32))
    (path / "acquisition.yaml").write_text(sidecar)
    return open_draft(path)


def by_frame(draft: Draft, name: str) -> dict[int, object]:
    """Number in `names` -> the value that its frame got."""
    values = np.asarray(getattr(draft.complete(), name)).tolist()
    return {int(frame.flat[0]): value for frame, value in zip(draft.frames[:], values, strict=True)}


def test_negative_numbers_sort_as_numbers(tmp_path: Path) -> None:
    draft = folder(tmp_path / "c", BY_Z, OPTICS + "z_um: [-4, 0, 4]\n")
    assert draft.frame_names == ("On Axis - z=-4.tif", "On Axis - z=0.tif", "On Axis - z=4.tif")
    assert by_frame(draft, "z_um") == {0: 0, 1: 4, 2: -4}


def test_the_same_numbers_in_another_order_are_put_right(tmp_path: Path) -> None:
    draft = folder(tmp_path / "c", BY_Z, OPTICS + "z_um: [0, 4, -4]\n")
    assert by_frame(draft, "z_um") == {0: 0, 1: 4, 2: -4}
    assert any("in another order, 0, 4, -4; the names decide: On Axis - z=-4.tif -4" in n for n in draft.notes)


def test_other_numbers_must_run_the_same_way(tmp_path: Path) -> None:
    assert by_frame(folder(tmp_path / "a", BY_Z, OPTICS + "z_um: [-2, 0, 2]\n"), "z_um") == {0: 0, 1: 2, 2: -2}
    with pytest.raises(
        InputError, match=r"z_um is 0, 5, -5 for On Axis - z=-4.tif, .* run otherwise; give z_um by name"
    ):
        folder(tmp_path / "b", BY_Z, OPTICS + "z_um: [0, 5, -5]\n")
    planes = ["z0.tif", "z1.tif", "z2.tif"]  # counted, which is no depth
    for number, z in enumerate(([2, 1, 0], [0, 4, -4], [1, 0, 2])):
        counted = folder(tmp_path / f"d{number}", planes, f"{OPTICS}z_um: {z}\n")
        assert list(by_frame(counted, "z_um").values()) == (z if number < 2 else [0, 1, 2])
    below = folder(tmp_path / "f", ["z-1.tif", "z-2.tif", "z-3.tif"], OPTICS + "z_um: [-3, -2, -1]\n")
    assert by_frame(below, "z_um") == {0: -1, 1: -2, 2: -3}


@pytest.mark.parametrize("z_um", ["[-4, 0]", "[-4, 0, 4, 8]"])
def test_a_list_one_off_is_refused_with_both_counts(tmp_path: Path, z_um: str) -> None:
    with pytest.raises(InputError, match=r"z_um has [24] entries along 'frame' but the frames have 3 \(On Axis - z=-4"):
        folder(tmp_path / "c", BY_Z, f"{OPTICS}z_um: {z_um}\n")


@pytest.mark.parametrize(
    "words",
    [
        "{'On Axis - z=0.tif': 1, 'On Axis - z=4.tif': 2, 'On Axis - z=-4.tif': 3}",
        "{On Axis - z=0: 1, On Axis - z=4: 2, On Axis - z=-4: 3 um}",
        "{'*z=0*': 1, '*z=4*': 0.002 mm, '*z=-4*': 3}",
        "{'*': 3, 'On Axis - z=0': 1, On Axis - z=4.tif: 2}",
        "{1: 1, 2: 2, 0: 3}",
        "log.csv",
        "{table: log.csv, column: place, unit: um}",
    ],
)
def test_values_by_name(tmp_path: Path, words: str) -> None:
    (tmp_path / "c").mkdir()
    log = "file,z_um,place\nOn Axis - z=0.tif,1,1\nelse.tif,9,9\nOn Axis - z=4.tif,2,2\nOn Axis - z=-4.tif,3,3\n"
    (tmp_path / "c" / "log.csv").write_text(log)
    assert by_frame(folder(tmp_path / "c", BY_Z, f"{OPTICS}z_um: {words}\n"), "z_um") == {0: 1, 1: 2, 2: 3}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("{'*z=0*': 1, '*z=4*': 2}", r"z_um has no value for On Axis - z=-4.tif; give one for each of the 3 frames"),
        ("{'*z=*': 1, a.tif: 2}", r"z_um is given for a.tif, which matches no frame; the frames are On Axis - z=-4"),
        ("{'*z=*': 1, '*4.tif': 2}", r"z_um is given twice for On Axis - z=-4.tif, by \*z=\* and by \*4.tif"),
        ("{7: 1}", r"given for 7, which matches no frame"),
    ],
)
def test_names_that_do_not_match(tmp_path: Path, words: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        folder(tmp_path / "c", BY_Z, f"{OPTICS}z_um: {words}\n")


def test_every_value_of_a_frame_may_be_given_by_name(tmp_path: Path) -> None:
    names = ["a.tif", "b.tif"]
    scan = folder(tmp_path / "s", names, SCAN + "positions_um: {b.tif: [1, 2], a.tif: [3, 4 um]}\nexposure: {'*': 2}\n")
    assert scan.complete().positions_um.tolist() == [[3, 4], [1, 2]]
    assert scan.complete().exposure.tolist() == [2, 2]
    colour = "wavelengths_um: [0.47, 0.62]\nchannel: {a.tif: 1, b.tif: 0}\nillumination_na: {a: [0, 0.1], b: [0, 0]}\n"
    leds = folder(tmp_path / "l", names, LEDS + colour).complete()
    assert (leds.channel.tolist(), leds.illumination_na.tolist()) == ([1, 0], [[0, 0.1], [0, 0]])
    board = (
        "leds: {grid: {rows: 3, columns: 3, pitch_mm: 4}, height_mm: 80}\npatterns: {b: {half: 0}, a: {leds: [4]}}\n"
    )
    several = folder(tmp_path / "m", names, LEDS.replace("led_array", "multiplexed_led") + board).complete()
    assert np.flatnonzero(several.patterns[0]).tolist() == [4]
    times = folder(tmp_path / "t", names, OPTICS + "z_um: 4\ntime_s: {a.tif: 3, b.tif: 1 min}\n").complete()
    assert times.time_s.tolist() == [3, 60]


def test_exposures_and_positions_in_names(tmp_path: Path) -> None:
    names = [f"x{x}um_y{-y}um_exp{10 + 10 * (x == 0)}ms.tif" for y in range(2) for x in range(3)]
    draft = folder(tmp_path / "a", names, SCAN)
    found = by_frame(draft, "positions_um")
    assert [found[n] for n in range(6)] == [[-y, x] for y in range(2) for x in range(3)]
    assert by_frame(draft, "exposure")[0] == pytest.approx(2 * by_frame(draft, "exposure")[1])
    assert any(note.startswith("exposures from the names of the images, 10 to 20 ms") for note in draft.notes)
    assert by_frame(folder(tmp_path / "a", names, SCAN + "exposure: {'*': 1}\n"), "exposure")[0] == 1
    with pytest.raises(InputError, match=r"exposure does not fit the names of the images: .* leave it out, or give"):
        folder(tmp_path / "b", names, SCAN + "exposure: [1, 2, 3, 4, 5, 6]\n")
    table = "\n".join(f"{y},{x}" for y in range(2) for x in range(3))
    (tmp_path / "b" / "p.csv").write_text("y_um,x_um\n" + table)
    with pytest.raises(InputError, match=r"the positions do not fit the names of the images, such as x"):
        folder(tmp_path / "b", names, SCAN + "positions_um: p.csv\n")


def test_time_and_depth_in_names(tmp_path: Path) -> None:
    names = [f"t{t:04}s_z{z}um.tif" for z in (-2, 0, 2) for t in (20, 10)]
    acquisition = folder(tmp_path / "c", names, OPTICS).complete()
    assert acquisition.time_s.tolist() == [0, 0, 0, 10, 10, 10]
    assert acquisition.z_um.tolist() == [-2, 0, 2] * 2
    once = folder(tmp_path / "d", [f"t{n:04}s_z{n - 1}um.tif" for n in range(3)], OPTICS)
    assert once.complete().time_s is None  # every depth at its own time: one stack


def test_rows_and_columns_of_leds_in_names(tmp_path: Path) -> None:
    board = "leds: {{grid: {{rows: 3, columns: 3, pitch_mm: 4{}}}, height_mm: 80}}\n"
    names = [f"r{r}_c{c}.tif" for r in range(3) for c in range(3) if (r, c) != (0, 1)]
    draft = folder(tmp_path / "c", names, LEDS + board.format(""))
    na = draft.complete().illumination_na
    assert np.allclose(np.sign(na[[0, 1, -1]]), [[1, 1], [1, -1], [-1, -1]])  # away from the LEDs
    assert any(note.startswith("row and column of each LED from the names of the images") for note in draft.notes)
    with pytest.raises(
        InputError, match=r"order is spiral, which lights row 1, column 1 in frame 0, but its name r0_c0"
    ):
        folder(tmp_path / "c", names, LEDS + board.format(", order: spiral"))
    folder(tmp_path / "c", names, LEDS + board.format(", order: raster, missing: [[0, 1]]"))
    some = folder(tmp_path / "d", ["led_00.tif", "led_04.tif"], LEDS + board.format(""))
    assert np.allclose(some.complete().illumination_na[1], 0)


def test_odd_folders(tmp_path: Path) -> None:
    names = ["cell_1.tif", "cell_2.tif", "bead_1.tif", "bead_2.tif"]
    draft = folder(tmp_path / "c", names, OPTICS + "z_um: 4\n")
    assert any("names of 2 families, bead_#.tif (2), cell_#.tif (2); where they are not one" in n for n in draft.notes)
    for name in ("._cell_1.tif", "Thumbs.db", ".hidden.png"):
        (tmp_path / "c" / name).write_bytes(b"none of ours")
    (tmp_path / "c" / "more").mkdir()
    tifffile.imwrite(tmp_path / "c" / "more" / "cell_9.tif", np.zeros((8, 8), np.float32))
    draft = folder(tmp_path / "c", names, OPTICS + "z_um: 4\nfiles: cell_*.tif\n")
    assert draft.frame_names == ("cell_1.tif", "cell_2.tif")
    assert draft.notes[0] == "images in the folders more inside are not read"
    with pytest.raises(InputError, match=r"files names cell_1.tif twice"):
        folder(tmp_path / "c", names, OPTICS + "files: [cell_1.tif, cell_1.tif]\n")
    with pytest.raises(InputError, match=r"a.tif and a.tiff have one name and would be the same frame twice"):
        folder(tmp_path / "e", ["a.tif", "a.tiff"], OPTICS)
    (tmp_path / "top" / "inner").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "top" / "inner" / "a.tif", np.zeros((8, 8), np.float32))
    (tmp_path / "top.yaml").write_text(OPTICS)
    with pytest.raises(
        InputError, match=r"no images are found; .* they lie in its folders inner, so name one of those"
    ):
        open_acquisition(tmp_path / "top")

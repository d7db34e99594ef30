"""Tables as programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield.io.sidecar.columns import title_and_unit
from napari_neuralfield.io.sidecar.positions import read_positions
from napari_neuralfield.io.sidecar.tables import read_table
from napari_neuralfield.types import InputError

POSITIONS = np.random.default_rng(0).uniform(-9, 9, (7, 2)).round(4)  # (y, x)


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", "   ", ", "])
@pytest.mark.parametrize("comment", ["", "# ", "% ", "// ", "; ", "#"])
@pytest.mark.parametrize("counted", [False, True])
def test_any_separator_and_comment(tmp_path: Path, separator: str, comment: str, counted: bool) -> None:
    lines = ["# scan 42", f"{comment}samx_mm{separator}time{separator}samy_mm"]
    for number, (y, x) in enumerate(POSITIONS, start=3):
        cells = [*([str(number)] if counted else []), f"{x / 1000:.7f}", str(number / 7), f"{y / 1000:.7f}"]
        comma = separator in (";", "\t")
        lines.append(separator.join(c.replace(".", ",") if comma else c for c in cells))
    (tmp_path / "motors.txt").write_text("\n".join([*lines, "", "# end"]))
    name, found, _ = read_positions("motors.txt", "positions_um", tmp_path / "scan.yaml")
    assert name == "positions_um"
    assert np.allclose(found, POSITIONS, atol=2e-4)


@pytest.mark.parametrize(
    ("titles", "wanted"),
    [
        ("motor_x(um) motor_y(um)", [[1, 0], [3, 2]]),
        ("y_um x_um", [[0, 1], [2, 3]]),
        ("pos_y pos_x", [[0, 1], [2, 3]]),
        ("horizontal vertical", [[1, 0], [3, 2]]),
        ("px py", [[1, 0], [3, 2]]),
        ("x_position/nm y_position/nm", [[0.001, 0], [0.003, 0.002]]),
    ],
)
def test_what_motors_are_called(tmp_path: Path, titles: str, wanted: list[list[float]]) -> None:
    (tmp_path / "m.txt").write_text(f"#L  {titles}\n0 1\n2 3\n")
    assert np.allclose(read_positions("m.txt", "positions_um", tmp_path / "s.yaml")[1], wanted)


def test_plain_names_come_before_motors(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("samx,samy,x_um,y_um\n9,9,1,2\n9,9,3,4\n")
    assert read_positions("m.csv", "positions_um", tmp_path / "s.yaml")[1].tolist() == [[2, 1], [4, 3]]


def test_columns_may_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text("# a b c\n1 2 3\n4 5 6\n")
    with pytest.raises(InputError, match=r"the columns are a, b, c; positions_um need one of y .*\{table: m.txt, y: T"):
        read_positions("m.txt", "positions_um", tmp_path / "s.yaml")
    spec = {"table": "m.txt", "y": "c", "x": 0, "unit": "mm"}
    assert read_positions(spec, "positions_um", tmp_path / "s.yaml")[1].tolist() == [[3000, 1000], [6000, 4000]]
    with pytest.raises(InputError, match="y is 'd', but the columns are a, b, c; name one of them, or its number"):
        read_positions({**spec, "y": "d"}, "positions_um", tmp_path / "s.yaml")
    with pytest.raises(InputError, match="the table is given by table, z; known are table, column, y, x, unit"):
        read_positions({"table": "m.txt", "z": 1}, "positions_um", tmp_path / "s.yaml")


def test_two_of_a_kind_are_not_chosen_from(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text("# samx stage_x samy\n1 2 3\n")
    with pytest.raises(InputError, match=r"two columns are called x \(samx, stage_x\); say which"):
        read_positions("m.txt", "positions_um", tmp_path / "s.yaml")


def test_names_of_files_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("file,z_um\nb.png,4\na.png,-4\n")
    table = read_table(tmp_path / "log.csv")
    assert (table.titles, table.names, table.numbers.tolist()) == (["z_um"], ("b.png", "a.png"), [[4], [-4]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the table holds no numbers"),
        ("# only words\n", "the table holds no numbers"),
        ("1 2\n3 4 5\n", r"row 2 is '3 4 5'; every row must hold 2 numbers"),
        ("a b c\n1 2\n", "the first line names 3 columns but the rows have 2"),
        ("a b\n5 2 3\n7 2 3\n", "the titles are of 2 columns but the rows have 3"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "t.txt")


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("motor_x(um)", ("motor_x", "um")), ("Y [m]", ("y", "m")), ("exposure_s", ("exposure", "s")),
        ("na_y", ("na_y", "")), ("x/nm", ("x", "nm")), ("samx", ("samx", "")),
    ],
)  # fmt: skip
def test_titles(title: str, wanted: tuple[str, str]) -> None:
    assert title_and_unit(title) == wanted

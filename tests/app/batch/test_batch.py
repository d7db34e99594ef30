"""Many recordings by one recipe: good and bad ones, again, of one name, on a plate, and as they come."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
import zarr
from pyarrow import parquet

from napari_neuralfield.app.batch import watch as watching
from napari_neuralfield.app.batch.inputs import recordings
from napari_neuralfield.app.batch.names import named
from napari_neuralfield.app.batch.page import write_page
from napari_neuralfield.app.batch.record import Record, Row
from napari_neuralfield.app.batch.table import sorted_rows
from napari_neuralfield.app.batch.watch import Watch
from napari_neuralfield.cli.commands import main
from napari_neuralfield.io import load_result, save_acquisition

from ...zarr_scene import write

RECIPE = {
    "method": "fpm-sequential", "z_um": 0, "passes": 1, "step_decay": 0.01, "check_orientation": False,
    "recover_pupil": False, "recover_gain": False, "as_given": True,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, led_array, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a recipe and two recordings of one name."""
    monkeypatch.setattr("napari_neuralfield.recon.engine.judging.JUDGES", {})
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(yaml.safe_dump(RECIPE))
    for seed, day in enumerate(("monday", "tuesday")):
        Path(day).mkdir()
        save_acquisition(f"{day}/slide.acq.h5", led_array(seed=seed))
    return tmp_path


def table() -> dict[str, dict[str, str]]:
    with Path("out/table.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_good_bad_and_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file cut short is a row with its sentence; the same command takes up that one alone, and then replaces none."""
    whole = Path("tuesday/slide.acq.h5").read_bytes()
    Path("monday/cut.acq.h5").write_bytes(whole[: len(whole) // 2])
    command = ["batch", "r.yaml", "monday", "tue*/*.h5", "-o", "out"]
    assert main(command) == 1
    assert [row["status"] for row in table().values()] == ["failed", "done", "done"]
    assert table()["cut"]["problem"].endswith("copy or record it again")
    assert parquet.read_table("out/table.parquet").column_names[:2] == ["name", "status"]
    first = {file.name: file.stat().st_mtime_ns for file in Path("out").glob("*.nfield")}
    assert set(first) == {"monday_slide.nfield", "tuesday_slide.nfield"}
    assert np.isfinite(load_result("out/monday_slide.nfield").figures["relative_amplitude_error"])

    Path("monday/cut.acq.h5").write_bytes(whole)
    capsys.readouterr()
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "2 of 3 are there already" in said
    assert "cut: no verdict, relative amplitude error" in said
    assert {file.name: file.stat().st_mtime_ns for file in Path("out").glob("*_slide.nfield")} == first

    shutil.copy("monday/slide.acq.h5", "tuesday/slide.acq.h5")
    assert main(command) == 1
    assert "has changed since tuesday_slide.nfield was made of it" in table()["tuesday_slide"]["problem"]


def test_what_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/slide.nfield").write_text("somebody else's")
    assert main(["batch", "r.yaml", "monday", "-o", "out"]) == 1
    assert "out/slide.nfield exists and would be replaced" in table()["slide"]["problem"]
    assert Path("out/slide.nfield").read_text() == "somebody else's"
    assert main(["batch", "r.yaml", "tuesday", "-o", "other"]) == 0
    Path("r.yaml").write_text(yaml.safe_dump({**RECIPE, "passes": 2}))
    empty = Path("empty")
    empty.mkdir()
    for tokens, said in {
        ("r.yaml", "tuesday", "-o", "other"): "output other holds results of another recipe, such as slide.nfield",
        ("r.yaml", "no*.h5", "-o", "other"): r"input no*.h5: no file fits this pattern",
        ("r.yaml", "empty", "-o", "other"): "no recording of a known format is in this folder",
        ("r.yaml", "-o", "other"): "no recording is named",
        ("r.yaml", "--watch", "away", "-o", "other"): "--watch is away, which is no folder",
    }.items():
        capsys.readouterr()
        assert main(["batch", *tokens]) == 2, tokens
        assert said in capsys.readouterr().err
    Path("r.yaml").write_text(yaml.safe_dump({**RECIPE, "pases": 2}))
    assert main(["batch", "r.yaml", "tuesday", "-o", "new"]) == 2
    assert not Path("new").exists()


def test_a_plate(folder: Path, led_array) -> None:
    """Each field of each well is a recording; the sidecar of the plate says what they are."""
    acquisition = led_array()
    plate = zarr.create_group("plate.ome.zarr")
    plate.attrs["ome"] = {"version": "0.5", "plate": {"wells": [{"path": "A/1"}, {"path": "B/2"}]}}
    for well in ("A/1", "B/2"):
        plate.create_group(well).attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": "0"}]}}
        frames = np.asarray(acquisition.frames)
        write(Path("plate.ome.zarr", well, "0"), frames, "cyx", (1, 0.8, 0.8), levels=1)
    told = {n: v for n, v in acquisition.values().items() if isinstance(v, int | float)}
    told["illumination_na"] = np.asarray(acquisition.illumination_na).tolist()
    Path("plate.yaml").write_text(yaml.safe_dump({"kind": "led_array", **told}))
    assert main(["batch", "r.yaml", "plate.ome.zarr", "-o", "out"]) == 0
    assert set(table()) == {"plate_A_1_0", "plate_B_2_0"}
    plate.attrs["ome"] = {"version": "0.5", "plate": {"wells": [{"path": "../monday"}]}}
    with pytest.raises(ValueError, match=r"name well '../monday', which is not there"):
        recordings(["plate.ome.zarr"])


def test_names() -> None:
    a, b = Path("/d/mon/x.tif"), Path("/d/tue/x.TIF")
    assert list(named([a, b], {}).values()) == ["mon_x", "tue_x"]
    assert named([a, b], {a: "x"}) == {a: "x", b: "tue_x"}
    assert set(named([Path("/d/x.tif"), Path("/d/x.npz"), Path("/d/X.acq.h5")], {}).values()) == {
        "x.tif", "x.npz", "X.acq.h5",
    }  # fmt: skip
    assert list(named([Path("/x.h5")], {Path("/y.h5"): "x"}).values()) == ["x_2"]


def test_a_file_that_grows_is_waited_for(tmp_path: Path, led_array, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: clock[0])
    watch = Watch(tmp_path, settle_s=5)
    save_acquisition(tmp_path / "whole.acq.h5", led_array())
    content = (tmp_path / "whole.acq.h5").read_bytes()
    (tmp_path / "whole.acq.h5").unlink()
    file = tmp_path / "a.acq.h5"
    for size in (1000, 3000, len(content)):
        file.write_bytes(content[:size])
        assert watch.ready() == []
        clock[0] += 4
    assert watch.ready() == []
    clock[0] += 2
    assert watch.ready() == [file]
    assert watch.ready() == []


def test_watching_ends_with_ctrl_c(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While it waits it ends well; while a run is on, with what is left to do."""

    def rounds(self: Watch):
        yield []
        yield self.ready()
        raise KeyboardInterrupt

    monkeypatch.setattr(Watch, "rounds", rounds)
    command = ["batch", "r.yaml", "--watch", "monday", "--settle-s", "0", "-o", "out"]
    assert main(command) == 0
    assert set(table()) == {"slide"}

    def pressed(*_: object):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_neuralfield.app.batch.run.reconstruct_one", pressed)
    assert main([*command, "--overwrite"]) == 130
    assert "interrupted with 1 of 1 to do; the same command goes on" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr("napari_neuralfield.recon.engine.judging.JUDGES", {})
    monkeypatch.chdir(folder)
    assert main(["batch", "r.yaml", "monday", "-o", "out"]) == 0  # the field of then is its own
    assert table()["slide"]["status"] == "done"


def test_the_record_survives_a_kill(tmp_path: Path) -> None:
    """A line that was cut is left out, and the next one begins anew."""
    Record(tmp_path).add(Row("a", "/a", "done"))
    with (tmp_path / "batch.jsonl").open("a") as file:
        file.write(json.dumps(dataclasses.asdict(Row("b", "/b", "done")))[:30])
    Record(tmp_path).add(Row("c", "/c", "done"))
    assert set(Record(tmp_path).names().values()) == {"a", "c"}


def test_the_page_says_the_worst_first_and_escapes(tmp_path: Path) -> None:
    rows = [Row("g", "/g", "done", verdict="green"), Row("<r>", "/r", "done", verdict="red"), Row("f", "/f", "failed")]
    assert [row.name for row in sorted_rows(rows)] == ["f", "<r>", "g"]
    write_page(tmp_path, rows, "recipe <b>")
    text = (tmp_path / "table.html").read_text()
    assert "<r>" not in text
    assert "recipe &lt;b&gt;" in text
    assert text.index("<b>f</b>") < text.index("&lt;r&gt;") < text.index("<b>g</b>")

"""A folder of tiles is a field only when it is whole, and nothing outside it is reached."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiled_scene import WHOLE, one_piece, tiled

from napari_neuralfield.fields.tiled import TiledField
from napari_neuralfield.io import load_result, read_header, save_result
from napari_neuralfield.io.results.tiled_folder import save_folder, write_index
from napari_neuralfield.types import InputError, Result, Verdict


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiled") / "slide.nfield"
    verdict = Verdict("amber", "look twice", {"misfit": 0.1})
    result = Result(
        tiled(), {"method": "sequential"}, {"wavelength_um": 0.5}, title="slide", notes=("one",), verdict=verdict
    )
    save_result(folder, result)
    return folder


def test_it_comes_back_and_opens_no_more_than_is_looked_at(kept: Path) -> None:
    result = load_result(kept)
    assert isinstance(result.field, TiledField)
    assert result.field.opened == 0
    y, x = WHOLE.axes()
    part = result.field.render([1.0], y[:9], x[:9])
    assert result.field.opened == 1
    assert float((part - one_piece().render([1.0], y[:9], x[:9])).abs().max()) < 1e-4
    assert (result.title, result.notes, result.optics) == ("slide", ("one",), {"wavelength_um": 0.5})
    assert result.verdict is not None
    assert result.verdict.level == "amber"
    assert result.field.tiles[3].verdict == Verdict("green", "good")
    assert read_header(kept)["field_type"] == "tiled"
    assert sorted(path.name for path in kept.iterdir()) == ["index.json", "tiles"]


def test_a_copy_of_a_folder_is_the_same_byte_by_byte(kept: Path, tmp_path: Path) -> None:
    save_result(tmp_path / "twin.nfield", load_result(kept))
    for file in sorted(path for path in kept.rglob("*") if path.is_file()):
        assert (tmp_path / "twin.nfield" / file.relative_to(kept)).read_bytes() == file.read_bytes()
    save_result(tmp_path / "twin.nfield", load_result(kept))  # over itself
    assert len(load_result(tmp_path / "twin.nfield").field.tiles) == 12  # type: ignore[attr-defined]
    (tmp_path / "twin.nfield" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds mine.txt, which is no part of a tiled field and would be lost"):
        save_result(tmp_path / "twin.nfield", load_result(kept))


def in_index(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        index = json.loads((folder / "index.json").read_text())
        change(index)
        (folder / "index.json").write_text(json.dumps(index))

    return spoil


def cut_short(folder: Path) -> None:
    file = folder / "tiles" / "r1c1.nfield"
    file.write_bytes(file.read_bytes()[:-100])


def foreign(folder: Path) -> None:
    field = one_piece()
    save_result(folder / "tiles" / "r1c1.nfield", Result(field))
    in_index(lambda index: index["tiles"][5].update(bytes=(folder / "tiles" / "r1c1.nfield").stat().st_size))(folder)


def linked(folder: Path) -> None:
    (folder / "tiles" / "r1c1.nfield").rename(folder.parent / "elsewhere.nfield")
    (folder / "tiles" / "r1c1.nfield").symlink_to(folder.parent / "elsewhere.nfield")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "index.json").unlink(), "the folder has no index.json, which a run writes last"),
        (lambda folder: (folder / "tiles" / "r1c1.nfield").unlink(), "the tile tiles/r1c1.nfield is missing"),
        (cut_short, "bytes where the index of its folder says"),
        (foreign, "this is not the tile that the index of its folder speaks of"),
        (linked, "a link out of its folder"),
        (lambda folder: (folder / "index.json").write_text("{"), "index.json is damaged"),
        (lambda folder: (folder / "index.json").write_text("{}"), "not that of a tiled field"),
        (in_index(lambda index: index.update(version=2)), "has version 2 but this program knows versions up to 1"),
        (in_index(lambda index: index["tiles"][0].update(name="../../r0c0")), "names of tiles are letters"),
        (in_index(lambda index: index["tiles"][0].pop("core_um")), "index.json is damaged"),
        (in_index(lambda index: index["extent"].update(pixel_um=0)), "index.json is damaged"),
        (in_index(lambda index: index.update(tiles=5)), r"index.json is damaged \(tiles\)"),
    ],
)  # fmt: skip
def test_what_is_not_whole_is_refused(kept: Path, tmp_path: Path, spoil: Callable[[Path], None], sentence: str) -> None:
    folder = tmp_path / "slide.nfield"
    shutil.copytree(kept, folder)
    spoil(folder)
    with pytest.raises(InputError, match=sentence) as refused:
        load_result(folder)
    assert "slide.nfield" in str(refused.value)


def test_an_index_is_written_only_over_tiles_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "half.nfield" / "tiles").mkdir(parents=True)
    with pytest.raises(InputError, match=r"the tile tiles/r0c0.nfield is missing"):
        write_index(tmp_path / "half.nfield", Result(tiled()))
    with pytest.raises(InputError, match=r"ends in .nfield"):
        save_folder(tmp_path / "half", Result(tiled()))


def test_left_out_tiles_stay_left_out(kept: Path, tmp_path: Path) -> None:
    folder = tmp_path / "slide.nfield"
    shutil.copytree(kept, folder)
    (folder / "tiles" / "r1c1.nfield").unlink()
    in_index(lambda index: index["tiles"][5].update(left_out="no light"))(folder)
    field = load_result(folder).field
    assert isinstance(field, TiledField)
    assert field.left_out == ("r1c1",)
    assert field.tiles[5].left_out == "no light"
    assert torch.isfinite(torch.view_as_real(field.render([0.0], *WHOLE.axes()))).all()
    assert np.mean(field.covered(*WHOLE.axes())) < 1

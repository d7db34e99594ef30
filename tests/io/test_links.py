"""Files that a file names: followed in its own folder, elsewhere only where the user allows it; and what is no file."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from napari_neuralfield.cli.commands import main
from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.io import load_result, open_acquisition, open_draft, save_acquisition

Make = Callable[..., LedArray]
FRAMES = np.arange(4 * 6 * 8, dtype=np.uint16).reshape(4, 6, 8)
SAYS = (
    "kind: led_array\nwavelength_um: 0.5\nobjective_na: 0.1\npixel_um: 1\n"
    "leds: {na: [[0,0],[0,0.1],[0.1,0],[0.1,0.1]]}\n"
)
FOCUS = "kind: through_focus\nwavelength_um: 0.5\nobjective_na: 0.1\ncondenser_na: 0.1\npixel_um: 1\nz_um: 0\n"
FOREIGN = "lies outside of its own folder; copy it there, or allow it with --follow-links"


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Path, Path]:
    """The folder of a recording, and another one with a file of frames, one of raw numbers and a table."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    away.mkdir()
    with h5py.File(away / "x.h5", "w") as file:
        file["x"] = FRAMES
    (away / "raw.bin").write_bytes(FRAMES.tobytes())
    np.save(away / "dark.npy", np.zeros((6, 8)))
    return home, away


def virtual_of(path: Path) -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout(FRAMES.shape, FRAMES.dtype)
    layout[...] = h5py.VirtualSource(str(path), "x", FRAMES.shape)
    return layout


def written(path: Path, how: str, away: Path) -> Path:
    """A recording in `path` whose frames lie in `away`."""
    with h5py.File(path, "w") as file:
        file.attrs.update(format="neuralfield-acquisition", version=1, kind="led_array")
        file.attrs.update(wavelength_um=0.5, objective_na=0.1, pixel_um=1.0)
        file["illumination_na"] = [[0, 0], [0, 0.1], [0.1, 0], [0.1, 0.1]]
        if how == "link":
            file["frames"] = h5py.ExternalLink(str(away / "x.h5"), "/x")
        elif how == "soft link to a link":
            file["other"] = h5py.ExternalLink(os.path.relpath(away / "x.h5", path.parent), "/")
            file["frames"] = h5py.SoftLink("/other/x")
        elif how == "virtual":
            file.create_virtual_dataset("frames", virtual_of(away / "x.h5"))
        elif how == "virtual of a file whose link leads out":
            with h5py.File(path.parent / "part.h5", "w") as part:
                part["x"] = h5py.ExternalLink(str(away / "x.h5"), "/x")
            file.create_virtual_dataset("frames", virtual_of(Path("part.h5")))
        elif how == "link to a file that is one":
            (path.parent / "beside.h5").symlink_to(away / "x.h5")
            file["frames"] = h5py.ExternalLink("beside.h5", "/x")
        else:
            raw = [(str(away / "raw.bin"), 0, FRAMES.nbytes)]
            file.create_dataset("frames", FRAMES.shape, FRAMES.dtype, external=raw)
    return path


WAYS = (
    "link", "soft link to a link", "virtual", "virtual of a file whose link leads out", "link to a file that is one",
    "raw",
)  # fmt: skip


@pytest.mark.parametrize("how", WAYS)
def test_what_lies_outside_is_read_where_that_is_allowed(
    homes: tuple[Path, Path], how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In every way that HDF5 has to name another file; `info` and a note say whose frames these are."""
    home, away = homes
    path = written(home / "a.acq.h5", how, away)
    assert main(["info", str(path)]) == 2
    said = capsys.readouterr().err
    assert FOREIGN in said
    assert "away" in said or how == "link to a file that is one"
    assert len(said.splitlines()) == 1
    acquisition = open_acquisition(path, follow_links=True)
    assert np.array_equal(acquisition.frames[2], FRAMES[2])
    assert main(["info", str(path), "--follow-links"]) == 0
    said = capsys.readouterr().out
    assert f"come from {away}" in said
    assert "outside of the folder" in said
    assert main(["convert", str(path), "-o", str(home / "out.acq.h5")]) == 2
    assert not (home / "out.acq.h5").exists()


@pytest.mark.parametrize("how", ["link", "virtual", "raw"])
def test_what_lies_in_the_same_folder_is_read(
    homes: tuple[Path, Path], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the program was started, and however often a frame is asked for."""
    home, away = homes
    path = written(away / "a.acq.h5", how, Path("."))
    monkeypatch.chdir(home)
    for _ in range(2):
        draft = open_draft(path)
        assert np.array_equal(draft.frames[3], FRAMES[3])
        with h5py.File(away / "x.h5") as same:
            assert same["x"].shape == FRAMES.shape
    assert not any("outside" in note for note in draft.notes)


def test_honest_master_files_open(tmp_path: Path) -> None:
    """A detector's master: links to files beside it, whose data are called otherwise, or a dataset over all of them."""
    for number in (1, 2):
        with h5py.File(tmp_path / f"x_data_00000{number}.h5", "w") as file:
            file["entry/data/data"] = FRAMES[2 * number - 2 : 2 * number]
    with h5py.File(tmp_path / "x_master.h5", "w") as file:
        for number in (1, 2):
            file[f"entry/data/data_00000{number}"] = h5py.ExternalLink(f"x_data_00000{number}.h5", "/entry/data/data")
    layout = h5py.VirtualLayout(FRAMES.shape, FRAMES.dtype)
    for number in (0, 1):
        source = h5py.VirtualSource(f"x_data_00000{number + 1}.h5", "entry/data/data", (2, 6, 8))
        layout[2 * number : 2 * number + 2] = source
    with h5py.File(tmp_path / "v_master.h5", "w") as file:
        file.create_virtual_dataset("entry/data/data", layout)
    for name in ("x_master", "v_master"):
        (tmp_path / f"{name}.yaml").write_text(SAYS)
        draft = open_draft(tmp_path / f"{name}.h5")
        assert np.array_equal(draft.frames[:], FRAMES)
        assert any("frames come from" in note and "x_data_000002.h5" in note for note in draft.notes)


NAMES = (
    "background: {}/dark.npy", "background: ../away/dark.npy", "flat: {}/flat.tif", "leds: {{csv: {}/leds.csv}}",
    "exposure: {}/times.csv", "background: /etc/passwd", "files: ['../away/dark.tif']", "files: '../away/*'",
)  # fmt: skip


@pytest.mark.parametrize("line", NAMES)
def test_a_sidecar_names_files_of_its_own_folder(
    homes: tuple[Path, Path], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of another one no byte is shown, nor whether it is there."""
    home, away = homes
    name = "scan" if line.startswith("files") else "a.tif"
    if name == "scan":
        (home / "scan").mkdir()
        for number, frame in enumerate(FRAMES):
            tifffile.imwrite(home / "scan" / f"{number}.tif", frame)
    else:
        tifffile.imwrite(home / "a.tif", FRAMES, photometric="minisblack")
    kept = "\n".join(text for text in SAYS.splitlines() if not line.startswith(text[:4]))
    (home / name).with_suffix(".yaml").write_text(f"{kept}\n{line.format(away)}\n")
    assert main(["info", str(home / name)]) == 2
    said = capsys.readouterr().err
    assert FOREIGN in said or "a pattern of names in the folder" in said
    assert "root:" not in said
    if "dark.npy" in line:
        assert main(["info", str(home / name), "--follow-links"]) == 0
        assert f"come from {away}/dark.npy" in capsys.readouterr().out


def test_planes_of_a_companion_lie_beside(homes: tuple[Path, Path]) -> None:
    """An OME document may name any file."""
    home, away = homes
    tifffile.imwrite(away / "b.ome.tif", FRAMES[:1], ome=True, photometric="minisblack")
    document = tifffile.tiffcomment(away / "b.ome.tif")
    place = f'<UUID FileName="{away}/b.ome.tif">urn:uuid:1</UUID></TiffData>'
    document = document.replace('PlaneCount="1"/>', f'PlaneCount="1">{place}')
    assert "FileName" in document
    tifffile.imwrite(home / "a.ome.tif", FRAMES[0], description=document, metadata=None, photometric="minisblack")
    (home / "a.yaml").write_text(FOCUS)
    with pytest.raises(Exception, match=FOREIGN):
        open_draft(home / "a.ome.tif")


FILES = ("a.tif", "a.yaml", "dark.npy", "leds.csv", "a.acq.h5", "a.npz", "a.mat", "a.nfield", "a.png")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices of other systems")
@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "loop", "folder"])
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_is_refused_at_once(
    homes: tuple[Path, Path], name: str, kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = homes
    monkeypatch.chdir(home)
    opened = name if name not in ("a.yaml", "dark.npy", "leds.csv") else "a.tif"
    if opened != name:
        tifffile.imwrite("a.tif", FRAMES, photometric="minisblack")
    says = f"{SAYS.replace('leds:', 'unused:') if name == 'leds.csv' else SAYS}background: dark.npy\n"
    if name == "leds.csv":
        says = "\n".join(line for line in SAYS.splitlines() if "leds" not in line) + "\nleds: {csv: leds.csv}\n"
    if name != "a.yaml":
        Path("a.yaml").write_text(says)
    if kind == "pipe":
        os.mkfifo(name)
    elif kind == "device":
        Path(name).symlink_to("/dev/zero")
    elif kind == "loop":
        Path(name).symlink_to(name)
    elif kind == "folder":
        Path(name).mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(name)
    assert main(["info", opened]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert opened.partition(".")[0] in said or name in said


def test_another_program_may_write_on(tmp_path: Path, led_array: Make) -> None:
    """While frames are read and stay open for the next ones."""
    path = tmp_path / "a.acq.h5"
    save_acquisition(path, led_array())
    draft = open_draft(path)
    first = draft.frames[0]
    code = f"import h5py\nwith h5py.File({str(path)!r}, 'r+') as f: f['frames'][0] = 7"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not np.array_equal(draft.frames[0], first)
    assert (draft.frames[0] == 7).all()
    with h5py.File(tmp_path / "s.h5", "w", libver="latest") as file:
        file["frames"] = FRAMES
        file.swmr_mode = True
        (tmp_path / "s.yaml").write_text(SAYS)
        assert open_draft(tmp_path / "s.h5").frames.shape == FRAMES.shape


@pytest.mark.parametrize("name", ["a.nfield"])
def test_a_field_that_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=r"has no index.json|not a field file"):
        load_result(tmp_path / name)


def test_texts_are_what_people_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Larger ones are refused with their size, those of some megabytes are read at once, deep ones end well."""
    tifffile.imwrite(tmp_path / "a.tif", FRAMES, photometric="minisblack")
    for text, wanted in (
        ("#" * 17_000_000 + "\n", "a.yaml: the sidecar is 16 MB; it may have 16"),
        ("z_um: " + "[" * 100_000 + "]" * 100_000 + "\n", "a.yaml: the sidecar is nested too deeply"),
        ("z_um:\n  " + "- " * 100_000 + "1\n", "a.yaml: the sidecar is nested too deeply"),
    ):
        (tmp_path / "a.yaml").write_text(SAYS + text)
        assert main(["info", str(tmp_path / "a.tif")]) == 2
        assert wanted in capsys.readouterr().err
    (tmp_path / "a.yaml").write_text(SAYS + "title: " + "y" * 10_000_000 + "\n")
    started = time.process_time()
    assert open_draft(tmp_path / "a.tif").frames.shape == FRAMES.shape
    assert time.process_time() - started < 3


def test_members_that_nobody_needs_stay_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that claims more than it holds, or is no array, is refused."""
    path = tmp_path / "a.npz"
    values = {"wavelength_um": 0.5, "objective_na": 0.1, "pixel_um": 1.0, "illumination_na": np.zeros((4, 2))}
    np.savez_compressed(path, frames=FRAMES, unused=np.zeros(10**7), **values)
    read = np.lib.format.read_array
    shapes = []
    monkeypatch.setattr(np.lib.format, "read_array", lambda *a, **k: shapes.append(read(*a, **k)) or shapes[-1])
    assert np.array_equal(open_acquisition(path).frames[1], FRAMES[1])
    assert max(array.size for array in shapes) == FRAMES.size
    held = io.BytesIO()
    np.save(held, FRAMES)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("frames.npy", held.getvalue()[:200])
        archive.writestr("other.npy", b"hello")
    (tmp_path / "a.yaml").write_text(SAYS)
    with pytest.raises(ValueError, match=r"frames speaks of .* MB, of shape \(4, 6, 8\), but holds"):
        open_acquisition(path).intensity()

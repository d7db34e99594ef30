"""Any HDF5 and MATLAB file through `variables`: names, units, links, filters, and what is said where it does not go."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
import scipy.io
from hdf5_scene import write

from napari_neuralfield.data.acquisition import Ptychography
from napari_neuralfield.io import open_acquisition, open_draft
from napari_neuralfield.registry import READERS
from napari_neuralfield.testing import check_reader
from napari_neuralfield.types import InputError

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 900, (5, 8, 10)).astype(np.uint16)
PLACES = RNG.uniform(0, 9, (5, 2))
SAYS = "kind: ptychography\ngeometry: far_field\n"
NAMES = """variables:
  frames: entry/camera/images
  positions_um: {name: entry/stage, unit: mm}
  wavelength_um: entry/beam@energy
  distance_um: entry/camera/away
  detector_pixel_um: {name: entry/camera/pixel, unit: m}
"""


HELD: dict[str, Any] = {
    "entry/camera/images": FRAMES,
    "entry/stage": 1e-3 * PLACES,
    "entry/camera/away": 2.0,
    "entry/camera/away@units": "m",
    "entry/camera/pixel": np.float32(75e-6),
}


@pytest.mark.parametrize("ending", ["h5", "hdf5", "nxs", "emd", "ptyd", "he5", "dat", "cxi"])
def test_names_and_units_of_any_ending(tmp_path: Path, ending: str) -> None:
    names = NAMES.replace("entry/beam@energy", "{name: entry/beam@energy, unit: keV}")
    found = open_acquisition(write(tmp_path / f"a.{ending}", {**HELD, "entry/beam@energy": 8.8}, SAYS + names))
    assert isinstance(found, Ptychography)
    assert np.array_equal(found.frames[:], FRAMES)
    assert np.allclose(found.positions_um, PLACES)
    assert (found.distance_um, found.detector_pixel_um) == (2e6, pytest.approx(75, rel=1e-7))
    assert found.wavelength_um == pytest.approx(1.23984e-3 / 8.8, rel=1e-5)


def test_the_reader_keeps_to_the_contract(tmp_path: Path) -> None:
    says = "kind: led_array\nvariables: {frames: a/b, illumination_na: leds}\nwavelength_um: 0.5\n"
    values = {"a/b": FRAMES, "leds": np.zeros((5, 2)), "objective_na": 0.2, "pixel_um": 0.4}
    path = write(tmp_path / "a.h5", values, says)
    check_reader("hdf5", path)


def test_plugins_come_first() -> None:
    assert [name for name, entry in READERS.items() if getattr(entry, "last", False)] == ["hdf5"]


def test_own_names_at_the_top(tmp_path: Path) -> None:
    held = {"frames": FRAMES, "positions_um": PLACES, "wavelength_um": 1e-4, "@geometry": "far_field",
            "@object_pixel_um": 0.1, "@kind": "ptychography", "x": np.zeros(3)}  # fmt: skip
    found = open_acquisition(write(tmp_path / "a.h5", held))
    assert isinstance(found, Ptychography)
    assert np.allclose(found.positions_um, PLACES)


@pytest.mark.parametrize(
    ("unit", "number", "um"),
    [("m", 2e-6, 2.0), ("nm", 2e3, 2.0), ("[n_m]", 2e3, 2.0), ("Angstrom", 2e4, 2.0), ("pm", 2e6, 2.0), ("", 2.0, 2.0),
     ("micrometers", 2.0, 2.0), ("mm", 2e-3, 2.0)],
)  # fmt: skip
def test_units_in_the_file(tmp_path: Path, unit: str, number: float, um: float) -> None:
    held = {**HELD, "entry/camera/away": number, "entry/camera/away@units": unit, "entry/beam@energy": 1e-4}
    assert open_draft(write(tmp_path / "a.h5", held, SAYS + NAMES)).values["distance_um"] == pytest.approx(um)


def test_positions_in_pixels_by_their_unit(tmp_path: Path) -> None:
    held = {"f": FRAMES, "y": PLACES[:, 0], "x": PLACES[:, 1], "y@units": "pixel", "x@units": "px"}
    says = f"{SAYS}variables: {{frames: f, y: y, x: x}}\nobject_pixel_um: 0.5\nwavelength_um: 1e-4"
    found = open_acquisition(write(tmp_path / "a.h5", held, says))
    assert isinstance(found, Ptychography)
    assert np.allclose(found.positions_um, 0.5 * PLACES)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("entry/camera/image", r"there is no entry/camera/image; did you mean entry/camera/images\?"),
        ("entry/kamera/images", r"did you mean entry/camera\?"),
        ("nothing/like/it", "there is no nothing/like/it; the file holds entry"),
        ("entry", "entry is a group; name one of what it holds: beam, camera"),
        ("entry/camera/images/more", "there is no entry/camera/images/more"),
        ("entry/text", "entry/text: it holds text, but frames are numbers"),
        ("entry/z*", r"nothing is called entry/z\*"),
    ],
)
def test_names_that_are_not_there(tmp_path: Path, name: str, message: str) -> None:
    held = {**HELD, "entry/text": np.array([[b"a"]]), "entry/beam@energy": 1e-4}
    with pytest.raises(InputError, match=message):
        open_draft(write(tmp_path / "a.h5", held, SAYS + NAMES.replace("entry/camera/images", name)))


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("variables: {wavelenght_um: x}", "wavelenght_um, which is no value .* did you mean wavelength_um"),
        ("variables: {frames: [a]}", r"variables calls frames \['a'\]; it must be a name"),
        ("variables: [frames]", r"variables is \['frames'\]; it must be a mapping"),
        (NAMES.replace("unit: mm", "unit: mrad"), "entry/stage is in 'mrad', which cannot be positions_um; .* um, nm"),
        (NAMES.replace("entry/beam@energy", "entry@energy"), "entry has no attribute energy; it has nothing"),
        (NAMES.replace("entry/stage", "entry/camera/away"), r"shape \(\); positions of 5 frames must be \(5, 2\)"),
        ("variables: {frames: entry/camera/images, y: entry/stage}", "positions_y_um is given without the other axis"),
    ],
)
def test_variables_that_cannot_be(tmp_path: Path, says: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_draft(write(tmp_path / "a.h5", {**HELD, "entry/beam@energy": 1e-4}, SAYS + says))


def test_what_may_be_frames_is_listed(tmp_path: Path) -> None:
    held = {f"scan/image{i:02d}": np.zeros((3, 4 + i, 5), np.uint8) for i in range(11)}
    with pytest.raises(InputError) as said:
        open_draft(write(tmp_path / "a.h5", {**held, "table": np.zeros((3, 4))}))
    assert "a.yaml as variables: {frames: scan/image10} with kind" in str(said.value)
    assert "scan/image10 (3, 14, 5), scan/image09 (3, 13, 5)" in str(said.value)
    assert "and 3 more" in str(said.value)
    with pytest.raises(InputError, match="there are no frames in the file: it holds no stack of 3 to 5 axes"):
        open_draft(write(tmp_path / "b.h5", {"table": np.zeros((3, 4))}))


@pytest.mark.parametrize("inside", ["", "many/"])
def test_a_very_large_tree(tmp_path: Path, inside: str) -> None:
    """Links that go round, and 5,000 groups beside the frames."""
    path = write(tmp_path / "a.h5", {"zz/frames": FRAMES})
    with h5py.File(path, "a") as file:
        group = file.require_group(inside or "/")
        for number in range(5000):
            group.create_group(f"g{number}")
        file.require_group("a")["round"] = file["/"]
        file["soft"] = h5py.SoftLink("/soft")
    start = time.process_time()
    with pytest.raises(InputError, match="of its very many parts the first were looked at"):
        open_draft(path)
    assert time.process_time() - start < 3  # measured 0.1, and 1 with 100,000
    (tmp_path / "a.yaml").write_text(f"{SAYS}variables: {{frames: soft}}")
    with pytest.raises(InputError, match="a link to /soft, which is not there"):
        open_draft(path)


def test_links_into_other_files(tmp_path: Path) -> None:
    """Are followed and said, and a missing one is named."""
    write(tmp_path / "part.h5", {"here/data": FRAMES})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in (10, 9):
            file[f"scan/data_{number}"] = h5py.ExternalLink("part.h5", "here/data")
    (tmp_path / "a.yaml").write_text(f"{SAYS}variables: {{frames: scan/data_*}}")
    draft = open_draft(tmp_path / "a.h5")
    assert np.array_equal(draft.frames[:], np.concatenate([FRAMES, FRAMES]))
    assert any(note.startswith("frames come from") and "part.h5" in note for note in draft.notes)
    (tmp_path / "part.h5").unlink()
    with pytest.raises(InputError, match=r"/scan/data_9 is in another file, part\.h5, which is not there"):
        open_draft(tmp_path / "a.h5")


def test_data_in_other_files(tmp_path: Path) -> None:
    """A virtual dataset without its parts would be zeros; for numbers in other files see `test_links`."""
    virtual = h5py.VirtualLayout((5, 8, 10), "u2")
    virtual[:] = h5py.VirtualSource("part.h5", "data", (5, 8, 10))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_virtual_dataset("virtual", virtual)
    (tmp_path / "a.yaml").write_text(f"{SAYS}variables: {{frames: virtual}}")
    with pytest.raises(InputError, match=r"part.h5 is not there"):
        open_draft(tmp_path / "a.h5")
    write(tmp_path / "part.h5", {"data": FRAMES})
    (tmp_path / "a.yaml").write_text(f"{SAYS}variables: {{frames: virtual}}")
    assert np.array_equal(open_draft(tmp_path / "a.h5").frames[3], FRAMES[3])


def test_compressed_detectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By filters of hdf5plugin, which is named where it is missing."""
    for name, filters in (
        ("a", hdf5plugin.Bitshuffle()), ("b", hdf5plugin.Blosc()), ("c", hdf5plugin.Zstd()), ("d", hdf5plugin.LZ4()),
    ):  # fmt: skip
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.create_dataset("frames", data=FRAMES, chunks=(1, 8, 10), **filters)
        (tmp_path / f"{name}.yaml").write_text(SAYS)
        assert np.array_equal(open_draft(tmp_path / f"{name}.h5").frames[2], FRAMES[2])
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: code != 32008)
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    monkeypatch.setattr(h5py.Dataset, "__getitem__", _unreadable)
    with pytest.raises(InputError, match=r"compressed by bitshuffle \(HDF5 filter 32008\), .* pip install hdf5plugin"):
        open_draft(tmp_path / "a.h5").frames[0]


def _unreadable(self: h5py.Dataset, key: object) -> np.ndarray:
    raise OSError("can't open directory")


def _struct(path: Path, version: str, frames: np.ndarray) -> Path:
    """A struct p with numbers, a struct in it, and a cell array of frames beside."""
    if version == "5":
        cell = np.empty(len(frames), object)
        cell[:] = list(frames)
        scipy.io.savemat(path, {"p": {"lambda": 1e-10, "det": {"I": np.moveaxis(frames, 0, -1)}}, "cell": cell,
                                "pos": PLACES})  # fmt: skip
        return path
    with h5py.File(path, "w", userblock_size=512) as file:
        file["p/lambda"] = np.array([[1e-10]])
        file["p/det/I"] = np.transpose(np.moveaxis(frames, 0, -1))
        file["pos"] = PLACES.T
        refs = file.create_dataset("cell", (len(frames), 1), h5py.ref_dtype)
        for number, frame in enumerate(frames):
            file[f"#refs#/{number}"] = frame.T
            refs[number, 0] = file[f"#refs#/{number}"].ref
    return path


@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize("name", ["p.det.I", "cell"])
def test_matlab_structs_and_cells(tmp_path: Path, version: str, name: str) -> None:
    path = _struct(tmp_path / "a.mat", version, FRAMES)
    (tmp_path / "a.yaml").write_text(
        f"{SAYS}object_pixel_um: 0.1\nvariables: {{frames: {name}, wavelength_um: {{name: p.lambda, unit: m}}, "
        "positions_um: pos}"
    )
    found = open_acquisition(path)
    assert isinstance(found, Ptychography)
    assert np.array_equal(found.frames[:], FRAMES)
    assert found.wavelength_um == pytest.approx(1e-4)
    assert np.allclose(found.positions_um, PLACES)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_matlab_names_that_are_not_there(tmp_path: Path, version: str) -> None:
    path = _struct(tmp_path / "a.mat", version, FRAMES)
    (tmp_path / "a.yaml").write_text(f"{SAYS}variables: {{frames: p.det.J}}")
    with pytest.raises(InputError, match=r"variables calls frames 'p.det.J', but a.mat holds .*cell"):
        open_draft(path)

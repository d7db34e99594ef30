"""Tables of positions: axes and units in the header."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_neuralfield.data.acquisition import CodedPtychography
from napari_neuralfield.io import open_acquisition
from napari_neuralfield.io.sidecar.positions import read_positions
from napari_neuralfield.types import InputError


@pytest.mark.parametrize(
    ("header", "name", "wanted"),
    [
        ("", "positions_um", [[1, 2], [3, 5]]),
        ("y_um,x_um\n", "positions_um", [[1, 2], [3, 5]]),
        ("x_um,y_um\n", "positions_um", [[2, 1], [5, 3]]),
        ("Y [m],X [m]\n", "positions_um", [[1e6, 2e6], [3e6, 5e6]]),
        ("x (nm),y (nm)\n", "positions_um", [[0.002, 0.001], [0.005, 0.003]]),
        ("y_mm,x_mm\n", "positions_um", [[1e3, 2e3], [3e3, 5e3]]),
        ("x_px,y_px\n", "positions_px", [[2, 1], [5, 3]]),
        ("x,y\n", "positions_um", [[2, 1], [5, 3]]),
    ],
)
def test_headers(tmp_path: Path, header: str, name: str, wanted: list[list[float]]) -> None:
    path = tmp_path / "positions.csv"
    path.write_text(header + "1,2\n3,5\n")
    found_name, found, _ = read_positions(path.name, "positions_um", tmp_path / "scan.yaml")
    assert found_name == name
    assert np.allclose(found, wanted)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n4,5,6\n", "the table has 3 columns without titles; positions_um are two"),
        ("y_inch,x_inch\n1,2\n", "the columns are y_inch, x_inch; positions_um need one of y and one of x"),
        ("y_um,x_mm\n1,2\n", "y is in um but x in mm; give both in one unit"),
        ("y,x,y_um\n1,2,3\n", r"two columns are called y \(y, y_um\)"),
        ("y_um,x_um\n1,two\n", "row 2 is '1,two'; every row must hold 2 numbers"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_positions("p.csv", "positions_um", tmp_path / "scan.yaml")


def test_other_columns_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("frame,x_um,y_um,z_um\n0,1,2,9\n1,3,5,9\n")
    assert read_positions("p.csv", "positions_um", tmp_path / "scan.yaml")[1].tolist() == [[2, 1], [5, 3]]


def test_a_coded_set_in_a_folder(tmp_path: Path) -> None:
    """Frames as TIFF, positions in a table, the surface as amplitude and phase."""
    rng = np.random.default_rng(0)
    frames = rng.poisson(90, (4, 8, 8)).astype(np.uint16)
    amplitude, phase = rng.uniform(0.5, 1, (16, 16)).astype(np.float32), rng.uniform(-3, 3, (16, 16)).astype(np.float32)
    folder = tmp_path / "set"
    folder.mkdir()
    for n, frame in enumerate(frames):
        tifffile.imwrite(folder / f"f{n}.tif", frame)
    tifffile.imwrite(tmp_path / "amplitude.tif", amplitude)
    np.save(tmp_path / "phase.npy", phase)
    (tmp_path / "p.csv").write_text("x_px,y_px\n" + "".join(f"{n},{-n}\n" for n in range(4)))
    (tmp_path / "set.yaml").write_text(
        "kind: coded_ptychography\nwavelength_um: 0.4\nupsampling: 2\nsensor_pixel_um: 2\nobject_to_surface_um: 300\n"
        "surface_to_sensor_um: 800\npositions_um: p.csv\ncoded_surface: {amplitude: amplitude.tif, phase: phase.npy}"
    )
    found = open_acquisition(folder)
    assert isinstance(found, CodedPtychography)
    assert np.allclose(found.positions_um, [[-n, n] for n in range(4)])
    assert np.allclose(found.coded_surface, amplitude * np.exp(1j * phase))
    assert np.array_equal(found.frames[2], frames[2])
    sidecar = tmp_path / "set.yaml"
    sidecar.write_text(sidecar.read_text().replace("upsampling: 2", "upsampling: 4"))
    with pytest.raises(InputError, match=r"coded_surface has 16 x 16 pixels but .* split 4 times have 32 x 32"):
        open_acquisition(folder)
    sidecar.write_text(sidecar.read_text().replace("amplitude: amplitude.tif", "modulus: amplitude.tif"))
    with pytest.raises(InputError, match="given by modulus, phase; name its amplitude and phase"):
        open_acquisition(folder)

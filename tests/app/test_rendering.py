"""A field as files: strips of large planes are the planes, and phase alone goes all the way from frames to images."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import zarr
from PIL import Image
from toy import ToyField, expected

from napari_neuralfield.app import in_focus, rendering
from napari_neuralfield.app.focus import all_in_focus
from napari_neuralfield.cli import report
from napari_neuralfield.cli.commands import main
from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.fields.colour import ColourField
from napari_neuralfield.fields.phase_map import PhaseMap
from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.fields.time_series import TimeSeries
from napari_neuralfield.io import load_result, read_header, save_acquisition, save_result
from napari_neuralfield.types import Extent, Result

NAMES = ["a.npy", "a.tif", "a.ome.zarr", "a.png"]


def pixels(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".tif":
        return tifffile.imread(path)
    if path.suffix == ".png":
        return np.asarray(Image.open(path))
    return np.asarray(zarr.open_group(path, mode="r")["0"])


@pytest.mark.parametrize("name", NAMES)
def test_strips_of_a_large_plane_are_the_plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    field = ToyField((70, 90), 0.5)
    y, x = field.extent.axes()
    rendering.write(tmp_path / f"whole-{name}", field, [1.0, 2.0], y, x, pixel_um=0.5)
    monkeypatch.setattr(rendering, "WHOLE", 1000)
    monkeypatch.setattr(rendering, "STRIP_PIXELS", 900)
    field.rendered.clear()
    rendering.write(tmp_path / name, field, [1.0, 2.0], y, x, pixel_um=0.5)
    assert max(field.rendered[name == "a.png" :]) <= 900
    whole, strips = pixels(tmp_path / f"whole-{name}"), pixels(tmp_path / name)
    assert np.array_equal(whole, strips)


def test_one_quantity_is_written_as_it_is_called(tmp_path: Path) -> None:
    field = ToyField((20, 30), 0.5)
    y, x = field.extent.axes()
    rendering.write(tmp_path / "a.ome.zarr", field, [1.0], y, x, pixel_um=0.5, quantity="amplitude")
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    assert group.attrs["ome"]["omero"]["channels"][0]["label"] == "amplitude"
    assert np.allclose(group["0"][0, 0], np.abs(expected(1.0, y, x)))


def frames(tmp_path: Path) -> Path:
    """Two halves of the bright field over a weak bump of phase."""
    rng = np.random.default_rng(0)
    bump = np.exp(-(np.hypot(*np.mgrid[-20:20, -24:24]) ** 2) / 60)
    slope = np.gradient(bump, axis=1)
    both = np.stack([1 + slope, 1 - slope]) * 1000 + rng.standard_normal((2, 40, 48))
    led_na = np.array([[0.0, 0.05], [0.03, 0.05], [0.0, -0.05], [0.03, -0.05]])
    given = MultiplexedLed(
        frames=both.astype(np.float32), wavelength_um=0.6, objective_na=0.1, pixel_um=1.5, led_na=led_na,
        patterns=np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]]),
    )  # fmt: skip
    save_acquisition(tmp_path / "a.acq.h5", given)
    return tmp_path / "a.acq.h5"


def test_phase_alone_goes_all_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.nfield"
    assert main(["reconstruct", str(frames(tmp_path)), "-o", str(path)]) == 0
    said = capsys.readouterr().out
    assert "method dpc, recommended for multiplexed_led" in said
    assert "\n\n" not in said
    assert main(["info", str(path)]) == 0
    assert "values phase, radians" in " ".join(capsys.readouterr().out.split())
    assert report.field(path)["values"] == "phase, radians"
    with Image.open(io.BytesIO(base64.b64decode(read_header(path)["preview"]))) as preview:
        assert preview.size == (48, 40)
    known = load_result(path).field
    fine = known.render([0.0], *known.extent.axes(0.5)).numpy()
    for name in NAMES:
        assert main(["render", str(path), "--pixel-um", "0.5", "-o", str(tmp_path / name)]) == 0
    assert pixels(tmp_path / "a.npy").dtype == np.float32
    for name in NAMES[:3]:
        assert np.array_equal(np.squeeze(pixels(tmp_path / name)), fine[0])
    assert pixels(tmp_path / "a.png").shape == fine[0].shape


def test_the_sharpest_plane_of_phase_alone() -> None:
    grain = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(grain[None], 5, 1, 2, count_include_pad=False)[0]
    field = PhaseMap.from_grid(torch.stack([blurred, grain]), [0.0, 3.0], 1.0)
    found = all_in_focus(field, [0.0, 3.0])
    assert found.values.dtype == np.float32
    assert (found.z_um == 3.0).all()


def test_an_unwrapped_phase_is_not_unwrapped_again(tmp_path: Path) -> None:
    from napari_neuralfield.widgets.view import depth_view, ways

    steps = torch.arange(40.0).reshape(1, 40).repeat(30, 1) * 4  # rad: steeper than any unwrapping could follow
    field = PhaseMap.from_grid(steps, 0.0, 1.0)
    assert ways.ways(field) == ("phase",)
    image = depth_view.render(field, 0.0, "phase", depth_view.View((-0.5, -0.5, 29.5, 39.5), 1.0)).image
    assert np.allclose(np.diff(image, axis=1), 4, atol=1e-2)
    save_result(tmp_path / "steps.nfield", Result(field))  # a phase-only field needs no figures
    assert load_result(tmp_path / "steps.nfield").figures == {}


def tilted(tmp_path: Path) -> Path:
    """Two halves that are sharp at -4 and at 4 um."""
    grain = torch.randn(120, 96, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(grain[None], 5, 1, 2, count_include_pad=False)[0]
    left = torch.arange(96) < 48
    low, high = torch.where(left, grain, blurred), torch.where(left, blurred, grain)
    planes = torch.polar(torch.ones(()), torch.stack([low, (low + high) / 2, high]))
    extent = Extent((-4.0, 4.0), (120, 96), 0.5)
    save_result(tmp_path / "tilted.nfield", Result(planes_of_images(planes, [-4.0, 0.0, 4.0], extent)))
    return tmp_path / "tilted.nfield"


def test_all_in_focus_takes_every_pixel_where_it_is_sharp(tmp_path, monkeypatch, capsys) -> None:
    file = tilted(tmp_path)
    typed = ["render", str(file), "--all-in-focus", "--z-um", "-4,0,4"]
    assert main([*typed, "-o", str(tmp_path / "a.npy"), "--depth-map", str(tmp_path / "depth.tif")]) == 0
    said = capsys.readouterr().out
    assert "all in focus: 3 depths from -4 to 4 um were looked at; what is sharpest lies at -4 to 4 um" in said
    assert "1 x 120 x 96 (z, y, x) in" in said
    found, depth = np.load(tmp_path / "a.npy"), tifffile.imread(tmp_path / "depth.tif")
    assert (found.shape, found.dtype) == ((1, 120, 96), np.complex64)
    assert (depth[:, :20] == -4).all()
    assert (depth[:, 76:] == 4).all()
    assert ((np.diff(depth, axis=1) >= 0) | (depth[:, 1:] > 3.9)).all()  # one rise between them
    field = load_result(file).field
    left = field.render([-4.0], *field.extent.axes())[0, :, :20].numpy()
    factor = np.vdot(left, found[0, :, :20])
    assert np.allclose(found[0, :, :20], left * factor / abs(factor), atol=1e-5)
    monkeypatch.setattr(in_focus, "STRIP_PIXELS", 1000)
    assert main([*typed, "-o", str(tmp_path / "strips.npy")]) == 0
    assert np.allclose(np.load(tmp_path / "strips.npy"), found, atol=1e-3)
    for name in ("a.png", "a.ome.zarr", "a.tif"):
        assert main(["render", str(file), "--all-in-focus", "-o", str(tmp_path / name)]) == 0
    assert "33 depths from -4 to 4 um" in capsys.readouterr().out


def test_all_in_focus_is_refused_in_a_sentence(tmp_path, capsys) -> None:
    file, out = tilted(tmp_path), str(tmp_path / "a.npy")
    save_result(tmp_path / "flat.nfield", Result(PhaseMap.from_grid(torch.ones(20, 20), 0.0, 1.0)))
    for options, sentence in (
        (
            [str(tmp_path / "flat.nfield"), "--all-in-focus"],
            "the field is a single plane, so there is nothing to choose",
        ),
        ([str(file), "--all-in-focus", "--z-um", "2"], "--all-in-focus chooses between depths, so give MIN,MAX"),
        ([str(file), "--z-um", "2", "--depth-map", str(tmp_path / "b.npy")], "it goes with --all-in-focus"),
        ([str(file), "--z-um", "2", "--time", "1"], "option --time is 1, but this field has no times"),
    ):
        assert main(["render", *options, "-o", out]) == 2
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1


def test_the_order_of_depths_in_a_file_is_said(tmp_path, capsys) -> None:
    file = str(tilted(tmp_path))
    for name, said in (
        ("a.ome.zarr", "ascending order: -4, 0, 4 um"),
        ("a.tif", "the depth of every plane"),
        ("a.npy", ""),
    ):
        assert main(["render", file, "--z-um", "4,0,-4", "-o", str(tmp_path / name)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == (2 if said else 1)
        assert said in lines[-1]


def in_colour(complex_valued: bool = True) -> ColourField:
    """Three colours, 0.53, 0.46 and 0.63 um, whose light is half, all and none of the white."""
    extent = Extent((0.0, 0.0), (8, 10), 0.5)
    if complex_valued:
        images = [torch.full((1, 8, 10), value, dtype=torch.complex64) for value in (0.5**0.5, 2.0, 0.0)]
        fields: list = [planes_of_images(image, [0.0], extent) for image in images]
    else:
        fields = [PhaseMap.from_grid(np.full((8, 10), value), 0.0, 0.5) for value in (1.0, 2.0, 3.0)]
    no = [[0.0, 0.0]] * 3
    return ColourField.of(fields, extent, [0.53, 0.46, 0.63], shift_um=no, z_um=[0, 0, 0], white=[1, 4, 1])


def test_three_colours_are_a_picture_as_the_eye_sees_it(tmp_path: Path) -> None:
    field = in_colour()
    y, x = field.extent.axes()
    rendering.write(tmp_path / "a.png", field, [0.0, 1.0], y, x, pixel_um=0.5)
    picture = pixels(tmp_path / "a.png")
    assert picture.shape == (16, 10, 3)
    assert np.abs(picture[3, 4].astype(int) - [0, 188, 255]).max() <= 1  # red, green, blue; sRGB of one half is 188
    grey = in_colour(complex_valued=False)
    rendering.write(tmp_path / "b.png", grey, [0.0], y, x, pixel_um=0.5)
    assert pixels(tmp_path / "b.png").ndim == 2  # the phase of the middle colour


@pytest.mark.parametrize("complex_valued", [True, False])
def test_every_colour_has_channels_named_by_its_wavelength(tmp_path: Path, complex_valued: bool) -> None:
    field, z = in_colour(complex_valued), [0.0, 1.0]
    y, x = field.extent.axes()
    for name in NAMES[:3]:
        rendering.write(tmp_path / name, field, z, y, x, pixel_um=0.5)
    raw = pixels(tmp_path / "a.npy")  # (channel, z, y, x)
    assert np.array_equal(raw, field.render_channels(z, y, x).numpy())
    parts = [np.abs(raw), np.angle(raw)] if complex_valued else [raw]
    wanted = np.stack(parts, axis=1).reshape(-1, *raw.shape[1:])
    names = ["amplitude", "phase"] if complex_valued else ["phase"]
    labels = [f"{name} {wave} um" for wave in (0.53, 0.46, 0.63) for name in names]
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert np.array_equal(file.asarray(), np.swapaxes(wanted, 0, 1))  # (z, channel, y, x)
        assert all(f'Name="{label}"' in str(file.ome_metadata) for label in labels)
        assert 'EmissionWavelength="530.0"' in str(file.ome_metadata)
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    assert np.array_equal(np.asarray(group["0"]), wanted)
    channels = group.attrs["ome"]["omero"]["channels"]
    assert [channel["label"] for channel in channels] == labels
    assert [channel["color"] for channel in channels[:: len(names)]] == ["00FF00", "0000FF", "FF0000"]


def test_colour_in_strips_is_the_colour_of_whole_planes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    field = in_colour()
    y, x = field.extent.axes()
    for name in NAMES:
        rendering.write(tmp_path / f"whole-{name}", field, [0.0], y, x, pixel_um=0.5)
    monkeypatch.setattr(rendering, "WHOLE", 10)
    monkeypatch.setattr(rendering, "STRIP_PIXELS", 30)
    for name in NAMES:
        rendering.write(tmp_path / name, field, [0.0], y, x, pixel_um=0.5)
        whole, strips = (pixels(tmp_path / file).astype(complex) for file in (f"whole-{name}", name))
        assert np.abs(whole - strips).max() <= (1 if name == "a.png" else 1e-3)


def test_times_in_colour_are_rendered_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = in_colour(complex_valued=False)
    later = PhaseMap.from_grid(np.full((8, 10), 9.0), 0.0, 0.5)
    series = [TimeSeries(times_s=[0.0, 5.0], fields=[one, later]) for one in flat.channels]
    no = [[0.0, 0.0]] * 3
    field = ColourField.of(series, flat.extent, flat.wavelengths_um, shift_um=no, z_um=[0, 0, 0], white=[1, 1, 1])
    save_result(tmp_path / "c.nfield", Result(field))
    assert main(["render", str(tmp_path / "c.nfield"), "-o", str(tmp_path / "a.npy")]) == 2
    assert "holds 2 times in 3 colours; choose one with --time" in capsys.readouterr().err
    assert main(["render", str(tmp_path / "c.nfield"), "--time", "1", "-o", str(tmp_path / "a.npy")]) == 0
    assert (np.load(tmp_path / "a.npy") == 9).all()

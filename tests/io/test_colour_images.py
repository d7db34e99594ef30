"""Frames of a colour camera, and of three lamps in three files, as one acquisition of three wavelengths."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_neuralfield.io import open_acquisition, open_draft, save_acquisition
from napari_neuralfield.types import InputError

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 255, (4, 6, 8, 3)).astype(np.uint8)  # (image, y, x, colour)
WORDS = RNG.integers(0, 65000, (4, 6, 8, 3)).astype(np.uint16)
WAVES = "wavelengths_um: [0.63, 0.53, 0.46]\n"
STACK = "kind: through_focus\nobjective_na: 0.2\ncondenser_na: 0.05\npixel_um: 0.6\n"


def expected(images: np.ndarray) -> np.ndarray:
    """All frames of red, then of green, then of blue."""
    return np.moveaxis(images, -1, 0).reshape(-1, *images.shape[1:3])


@pytest.mark.parametrize("how", ["plain", "deflated", "planes", "jpeg", "transparent", "folder", "png", "deep png"])
def test_a_colour_camera_is_three_wavelengths(tmp_path: Path, how: str) -> None:
    images = WORDS if how in ("plain", "planes") else BYTES
    path = tmp_path / ("stack" if how in ("folder", "png", "deep png") else "stack.tif")
    if how == "folder" or how.endswith("png"):
        path.mkdir()
        images = WORDS if how == "deep png" else BYTES
        for number, image in enumerate(images):
            name = path / f"{number}.{'tif' if how == 'folder' else 'png'}"
            if how == "deep png":
                import imagecodecs

                name.write_bytes(imagecodecs.png_encode(image))
            elif how == "png":
                Image.fromarray(image).save(name)
            else:
                tifffile.imwrite(name, image, photometric="rgb")
    elif how == "planes":
        tifffile.imwrite(path, np.moveaxis(images, -1, 1), photometric="rgb", planarconfig="separate")
    elif how == "transparent":
        more = np.concatenate([images, np.full((4, 6, 8, 1), 255, np.uint8)], -1)
        tifffile.imwrite(path, more, photometric="rgb", extrasamples=["unassalpha"])
    else:
        images = np.kron(images, np.ones((1, 16, 16, 1), np.uint8)) if how == "jpeg" else images
        tifffile.imwrite(
            path, images, photometric="rgb", compression={"plain": None, "deflated": "zlib", "jpeg": "jpeg"}[how]
        )
    (tmp_path / "stack.yaml").write_text(STACK + WAVES + "z_um: [0, 1, 2, 3]\n")
    draft = open_draft(path)
    acquisition = pickle.loads(pickle.dumps(draft.complete()))
    found, wanted = acquisition.frames[:], expected(images)
    assert np.abs(found.astype(float) - wanted).mean() <= (8 if how == "jpeg" else 0)  # JPEG blurs colours
    assert np.array_equal(acquisition.frames[5, 1:3], found[5, 1:3])
    assert acquisition.channel.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert acquisition.z_um.tolist() == [0, 1, 2, 3] * 3  # given for one colour, it holds for all
    green = acquisition.of_channel(1)
    assert (green.wavelength_um, green.channel, green.frame_count) == (0.53, None, 4)
    assert np.array_equal(green.intensity(), found[4:8])
    assert any("sRGB" in note for note in draft.notes) == (images.dtype == np.uint8)
    assert any("transparency" in note for note in draft.notes) == (how == "transparent")


def test_wavelengths_are_asked_for_and_never_guessed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "one.tif", BYTES[0], photometric="rgb")
    (tmp_path / "one.yaml").write_text(STACK + "z_um: 2\nwavelength_um: 0.53\n")
    draft = open_draft(tmp_path / "one.tif")
    assert draft.missing() == ["wavelengths_um"]
    with pytest.raises(InputError, match=r"wavelengths_um \(.*\) is missing; give wavelengths_um in um in the sidecar"):
        draft.complete()
    with pytest.raises(InputError, match=r"channel 2, counted from 0, but wavelengths_um holds 2 \(0.6, 0.5\)"):
        draft.complete(wavelengths_um=[0.6, 0.5])


def test_equal_colours_are_grey(tmp_path: Path) -> None:
    grey = np.repeat(BYTES[..., :1], 3, axis=-1)
    tifffile.imwrite(tmp_path / "grey.tif", grey, photometric="rgb")
    (tmp_path / "grey.yaml").write_text(STACK + "z_um: [0, 1, 2, 3]\nwavelength_um: 0.53\n")
    draft = open_draft(tmp_path / "grey.tif")
    assert np.array_equal(draft.complete().frames[:], grey[..., 0])
    assert any("equal colours, so they are read as grey" in note for note in draft.notes)


def test_a_photograph_is_brought_back_to_light(tmp_path: Path) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 188, 10, 255  # half of the light, the straight part, all
    Image.fromarray(image).save(tmp_path / "photo.png")
    (tmp_path / "photo.yaml").write_text(STACK + WAVES + "z_um: 1\ngamma: srgb\n")
    red, green, blue = open_acquisition(tmp_path / "photo.png").intensity()[:, 0, 0]
    assert (red, green, blue) == pytest.approx((0.5029, 10 / 255 / 12.92, 1.0), abs=1e-4)


def test_raw_frames_are_split_where_their_filters_are_named(tmp_path: Path) -> None:
    raw = np.zeros((2, 6, 8), np.uint16)
    raw[:, 0::2, 1::2], raw[:, 1::2, 0::2] = 100, 30  # G R / B G
    raw[:, 0::2, 0::2], raw[:, 1::2, 1::2] = 50, 70
    tifffile.imwrite(tmp_path / "raw.tif", raw, photometric="minisblack")
    (tmp_path / "raw.yaml").write_text(STACK + WAVES + "z_um: [0, 1]\nbayer: GRBG\n")
    acquisition = open_acquisition(tmp_path / "raw.tif")
    assert acquisition.frames.shape == (6, 3, 4)
    assert acquisition.frames[:].mean((1, 2)).tolist() == [100, 100, 60, 60, 30, 30]
    assert acquisition.pixel_um == pytest.approx(1.2)
    (tmp_path / "raw.yaml").write_text(STACK + WAVES + "z_um: [0, 1]\nbayer: RGB\n")
    with pytest.raises(InputError, match=r"raw.yaml: bayer is 'RGB'; it must be the filters .* RGGB, BGGR, GRBG, GBRG"):
        open_draft(tmp_path / "raw.tif")


def test_white_from_an_image_of_an_empty_place(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4, 3), (200, 100, 50), np.uint8)).save(tmp_path / "white.png")
    tifffile.imwrite(tmp_path / "one.tif", np.full((4, 4, 3), (100, 50, 25), np.uint8), photometric="rgb")
    (tmp_path / "one.yaml").write_text(STACK + WAVES + "z_um: 1\nwhite_image: white.png\n")
    acquisition = open_acquisition(tmp_path / "one.tif")
    assert acquisition.white.tolist() == [200, 100, 50]
    assert np.allclose(acquisition.intensity(), 0.5)
    assert np.allclose(acquisition.of_channel(2).intensity(), 0.5)


def three_files(folder: Path, counts: tuple[int, ...] = (3, 3, 3)) -> Path:
    names = ("red", "green", "blue")
    for name, count, part in zip(names, counts, np.moveaxis(WORDS, -1, 0), strict=True):
        tifffile.imwrite(folder / f"{name}.tif", part[:count], photometric="minisblack")
    listed = "".join(
        f"  - {{file: {n}.tif, wavelength_um: {w}}}\n" for n, w in zip(names, (0.63, 0.53, 0.46), strict=True)
    )
    listing = folder / "slide.yaml"
    listing.write_text(f"{STACK}colours:\n{listed}z_um: [0, 2, 4]\n")
    return listing


@pytest.mark.parametrize("inside", [False, True])
def test_three_files_are_one_acquisition(tmp_path: Path, inside: bool) -> None:
    listing = three_files(tmp_path)
    if inside:
        listing.rename(tmp_path / "acquisition.yaml")
    acquisition = pickle.loads(pickle.dumps(open_acquisition(tmp_path if inside else listing)))
    assert np.array_equal(acquisition.frames[:], expected(WORDS[:3]))
    assert np.array_equal(acquisition.frames[4:7, 1], expected(WORDS[:3])[4:7, 1])
    assert acquisition.wavelengths_um.tolist() == [0.63, 0.53, 0.46]
    assert acquisition.z_um.tolist() == [0, 2, 4] * 3
    save_acquisition(tmp_path / "all.acq.h5", acquisition)
    again = open_acquisition(tmp_path / "all.acq.h5")
    assert np.array_equal(again.frames[:], acquisition.frames[:])
    assert again.channel.tolist() == acquisition.channel.tolist()


def test_values_of_one_file_come_from_its_sidecar_or_its_entry(tmp_path: Path) -> None:
    listing = three_files(tmp_path, (3, 2, 3))
    with pytest.raises(InputError, match=r"z_um has 3 entries along 'frame' but the frames have 8"):
        open_acquisition(listing)
    text = listing.read_text().replace("z_um: [0, 2, 4]\n", "")
    (tmp_path / "red.yaml").write_text(STACK + "wavelength_um: 0.63\nz_um: [1, 2, 3]\n")
    listing.write_text(text)
    with pytest.raises(InputError, match=r"z_um is given for red.tif but not for green.tif; give it for every file"):
        open_acquisition(listing)
    for name, depths in (("green", "[4, 5]"), ("blue", "[6, 7, 8]")):
        text = text.replace(f"file: {name}.tif,", f"file: {name}.tif, z_um: {depths},")
    listing.write_text(text)
    assert open_acquisition(listing).z_um.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_what_does_not_go_together_is_named(tmp_path: Path) -> None:
    listing = three_files(tmp_path)
    tifffile.imwrite(tmp_path / "blue.tif", WORDS[:3, :4, :, 0], photometric="minisblack")
    with pytest.raises(InputError, match=r"blue.tif: a frame has 4 x 8 pixels but one of red.tif 6 x 8"):
        open_draft(listing)
    (tmp_path / "blue.tif").unlink()
    with pytest.raises(InputError, match=r"blue.tif: there is no such file or folder; slide.yaml names it"):
        open_draft(listing)
    listing.write_text(STACK + "colours: red.tif\n")
    with pytest.raises(InputError, match=r"slide.yaml: colours must list a file and its wavelength for each colour"):
        open_draft(listing)

"""`neuralfield score`: fields against truths whose figures are known, by the command line too."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from napari_neuralfield.app.scoring import read_truth, score
from napari_neuralfield.cli.commands import main
from napari_neuralfield.fields.colour import ColourField
from napari_neuralfield.fields.phase_map import PhaseMap
from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.fields.time_series import TimeSeries
from napari_neuralfield.io import save_result
from napari_neuralfield.recon.engine.metrics import score_in_focus
from napari_neuralfield.types import Extent, InputError, Result

PIXEL = 0.5
RNG = np.random.default_rng(0)
WAVE = np.exp(1j * np.cumsum(RNG.standard_normal((2, 96, 96)), 2) / 12)
OBJECT = (0.6 + 0.3 * RNG.uniform(size=(96, 96))) * WAVE[0]
MASKS = np.zeros((3, 96, 96), bool)
MASKS[0, 20:40, 20:50], MASKS[1, 50:80, 10:40], MASKS[2, 50:70, 60:80] = True, True, True
DEPTHS = np.array([-2.0, 2.0, 2.0])


def truth(path: Path, **values) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["pixel_um"] = values.pop("pixel_um", PIXEL)
        for name, value in values.items():
            file[name] = value
    return path


def noisy(size: float) -> np.ndarray:
    return OBJECT + size * (RNG.standard_normal((2, 96, 96)) * [[[1]], [[1j]]]).sum(0)


def planes(*images: np.ndarray, depths=(-2.0, 2.0)) -> Result:
    extent = Extent((depths[0], depths[-1]), (96, 96), PIXEL)
    stack = torch.from_numpy(np.stack(images).astype(np.complex64))
    return Result(planes_of_images(stack, list(depths), extent, half=False))


def phase(values: np.ndarray) -> Result:
    return Result(PhaseMap.from_grid(torch.from_numpy(values), 0.0, PIXEL))


def test_every_cell_is_judged_at_its_own_depth(tmp_path: Path) -> None:
    known = truth(tmp_path / "t.h5", object=OBJECT, cell_masks=MASKS, cell_z_um=DEPTHS)
    near, far = noisy(0.02), noisy(0.05)
    result = planes(near * 2j, far * -1.5)
    found = score(result, read_truth(known), "a.nfield")
    other = score_in_focus(
        result.field, {"object": OBJECT, "cell_masks": MASKS, "cell_z_um": DEPTHS, "pixel_um": PIXEL}
    )
    assert found["all"]["amplitude_psnr_db"] == pytest.approx(other.amplitude_psnr_db)
    assert found["all"]["phase_rmse_rad"] == pytest.approx(other.phase_rmse_rad)
    assert found["all"]["relative_error"] == pytest.approx(other.relative_error)
    assert [row["z_um"] for row in found["planes"]] == [-2, 2]
    assert [row["pixels"] for row in found["planes"]] == [600, 1300]
    below, above = (row["relative_error"] for row in found["planes"])
    assert (below, above) == (pytest.approx(0.037, rel=0.15), pytest.approx(0.093, rel=0.15))  # 0.02 and 0.05 x sqrt 2
    assert found["mean"]["relative_error"] == pytest.approx((below + above) / 2)
    assert 0 < found["all"]["amplitude_fm_truth"] <= found["all"]["amplitude_fm"] <= 1
    only = planes(OBJECT, depths=(0.0,))  # a single plane answers every depth
    assert score(only, read_truth(known), "a.nfield")["all"]["relative_error"] < 1e-3


def test_phase_is_judged_with_a_constant_free(tmp_path: Path) -> None:
    target = np.angle(WAVE[0]) + 1.0
    known = read_truth(truth(tmp_path / "t.h5", phase_rad=target))
    found = score(phase(target - 7 + RNG.normal(0, 0.1, target.shape)), known, "a.nfield")
    inner = target[12:-12, 12:-12]
    assert found["all"]["phase_rmse_rad"] == pytest.approx(0.1, rel=0.05)
    assert found["all"]["phase_psnr_db"] == pytest.approx(20 * np.log10(np.ptp(inner) / 0.1), abs=0.3)
    assert "relative_error" not in found["all"]
    turned = score(planes(np.exp(1j * (target + 2.0)), depths=(0.0,)), known, "a.nfield")
    assert turned["all"]["phase_rmse_rad"] < 2e-3  # an angle is compared as one
    flat = score(phase(np.angle(OBJECT)), read_truth(truth(tmp_path / "o.h5", object=OBJECT)), "a.nfield")
    assert flat["all"]["phase_rmse_rad"] < 2e-3


def test_a_frame_through_focus_is_the_mean_over_finer_pixels(tmp_path: Path) -> None:
    """The camera's pixel, 1 um, holds two of the truth's, whose first centre lies a quarter of it before its own."""
    target = np.cumsum(RNG.standard_normal((96, 96)), 1) / 20
    known = read_truth(truth(tmp_path / "t.h5", phase_rad=target))
    field = PhaseMap.from_grid(torch.from_numpy(target), 0.0, PIXEL, (-PIXEL / 2, -PIXEL / 2))
    result = Result(field, optics={"condenser_na": 0.1, "pixel_um": 1.0})
    assert score(result, known, "a.nfield")["all"]["phase_rmse_rad"] < 2e-3


def test_times_are_judged_one_by_one(tmp_path: Path, capsys) -> None:
    target = np.angle(WAVE)
    fields = [phase(one + 0.01 * n).field for n, one in enumerate(target)]
    save_result(tmp_path / "a.nfield", Result(TimeSeries(times_s=[0.0, 30.0], fields=fields)))
    known = truth(tmp_path / "t.h5", phase_rad=target.astype(np.float16))
    typed = ["score", str(tmp_path / "a.nfield"), str(known)]
    assert main([*typed, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["time"], row["time_s"]) for row in found["planes"]] == [(0, 0.0), (1, 30.0)]
    assert found["all"]["phase_rmse_rad"] < 5e-3
    assert main([*typed, "--time", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("96 x 96 pixels of 0.5 um; a constant phase is free")
    assert len(lines) == 4
    assert "time 1, 30 s" in lines[2]
    with pytest.raises(InputError, match="differ in their number of times, 1 and 2; choose one with --time"):
        score(phase(target[0]), read_truth(known), "b.nfield")


def test_what_cannot_be_compared_is_one_sentence(tmp_path: Path, capsys) -> None:
    file = str(tmp_path / "a.nfield")
    save_result(file, planes(OBJECT, OBJECT))
    good = {"object": OBJECT, "cell_masks": MASKS, "cell_z_um": DEPTHS}
    (tmp_path / "text.h5").write_text("no")
    for path, options, sentence in (
        (truth(tmp_path / "large.h5", object=OBJECT, pixel_um=2.0), [], "large (y, x), but the field 48 x 48 um"),
        (
            truth(tmp_path / "other.h5", frames=OBJECT.real),
            [],
            "it holds frames, pixel_um; a truth holds object (y, x)",
        ),
        (
            truth(tmp_path / "deep.h5", **{**good, "cell_z_um": DEPTHS * 5}),
            [],
            "at -10 um, but the field spans -2 to 2",
        ),
        (truth(tmp_path / "a.h5", **good), ["--free", "all"], "option --free is all; it must be one of scale"),
        (tmp_path / "text.h5", [], "this is not an HDF5 file or it is damaged"),
        (tmp_path / "none.h5", [], "there is no such file"),
    ):
        assert main(["score", file, str(path), *options]) == 2
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1


def test_of_several_colours_that_of_the_field_is_judged(tmp_path: Path) -> None:
    known = truth(tmp_path / "t.h5", object=np.stack([WAVE[1], OBJECT, WAVE[1]]), wavelengths_um=[0.63, 0.53, 0.46])
    alone = planes(OBJECT, depths=(0.0,))
    green = Result(alone.field, optics={"wavelength_um": 0.53})
    fields = [planes(image, depths=(0.0,)).field for image in (OBJECT, WAVE[1], WAVE[1])]
    no = [[0.0, 0.0]] * 3
    colours = ColourField.of(
        fields, alone.field.extent, [0.53, 0.63, 0.46], shift_um=no, z_um=[0, 0, 0], white=[1, 1, 1]
    )
    for result in (green, Result(colours)):
        found = score(result, read_truth(known), "a.nfield")
        assert found["mean"]["relative_error"] < 1e-3
        assert "the colour 0.53 um alone" in found["truth"]

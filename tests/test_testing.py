"""The contracts, kept by everything of ours; and that each check sees what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import coded_scene
import defocus_scene
import h5py
import lapse_scene
import numpy as np
import pattern_scene
import pytest
import scan_scene
import scene
import scipy.io
import tifffile
import tiled_scene
import torch
import zarr_scene
from torch import nn

from napari_neuralfield import testing
from napari_neuralfield.data.acquisition import Acquisition, Draft
from napari_neuralfield.io import save_acquisition, save_cxi
from napari_neuralfield.recon.engine.recipe import Recipe, method, option
from napari_neuralfield.registry import FIELDS, MEASUREMENTS, METHODS, NETWORKS, READERS, SIMULATORS, WRITERS
from napari_neuralfield.types import Done, Extent, Preview, Progress, Result

RNG = np.random.default_rng(0)


def five_patterns() -> Acquisition:
    na, patterns = pattern_scene.board()
    frames = pattern_scene.seen_through(pattern_scene.cells((192, 192), 0), na, patterns).astype(np.float32)
    values = {"wavelength_um": 0.63, "objective_na": 0.1, "pixel_um": 1.6, "led_na": na, "patterns": patterns}
    return Draft("multiplexed_led", frames, values, "five").complete()


SCENES: dict[str, Callable[[], Acquisition]] = {
    "led_array": lambda: scene.scene()[0],
    "ptychography": lambda: scan_scene.far_field()[0],
    "coded_ptychography": lambda: scan_scene.coded()[0],
    "multiplexed_led": five_patterns,
    "through_focus": lambda: defocus_scene.through_focus(32)[0],
}
QUICK: dict[str, dict[str, Any]] = {
    "defocus-field": {"steps": 2, "field": "hash"},
    "fpm-inr": {"z_um": (-1, 1)},
    "fpm-per-slice": {"passes": 2, "planes": 2},
    "epie": {"passes": 2, "probe_search": False},
    "rpie": {"passes": 2, "probe_search": False},
    "least-squares": {"passes": 2, "probe_search": False},
    "wasp": {"passes": 2},
    "residual-field": {"epochs": 2, "finish_epochs": 0},
}
SEEN: set[str] = set()  # field types that methods gave


@pytest.mark.parametrize("name", [name for name in METHODS if not METHODS.package(name)])
def test_every_method(name: str) -> None:
    """And, with its result, every field."""
    acquisition = coded_scene.coded_scene()[0] if name == "coded-fpm" else SCENES[METHODS[name].kinds[0]]()
    SEEN.add(testing.check_method(name, acquisition, **QUICK.get(name, {})).field.type_name)


def test_a_method_in_colour() -> None:
    acquisition, _ = SIMULATORS["through-focus-colour"](0, pixels=32)
    SEEN.add(testing.check_method("tie-fft", acquisition).field.type_name)


def test_a_method_through_focus_on_a_time_lapse_of_stacks() -> None:
    SEEN.add(testing.check_method("tie-fft", lapse_scene.stacks(2)[0]).field.type_name)


def test_a_field_of_tiles() -> None:
    testing.check_field(tiled_scene.tiled())
    SEEN.add("tiled")


def test_every_field_was_among_them() -> None:
    if len(SEEN) > 1:  # not when a test is run alone
        assert {name for name in FIELDS if not FIELDS.package(name)} <= SEEN


def cxi(folder: Path) -> Path:
    save_cxi(folder / "scan.cxi", scan_scene.far_field()[0])
    return folder / "scan.cxi"


def differences(folder: Path) -> Path:
    frames = five_patterns().intensity()
    np.save(folder / "cells.npy", np.diff(frames, axis=1, prepend=frames[:, :1]))
    return folder / "cells.npy"


def matlab(folder: Path) -> Path:
    values = {"I_low": RNG.uniform(1, 2, (5, 8, 3)).astype(np.float32), "na_calib": RNG.uniform(-0.2, 0.2, (3, 2))}
    scipy.io.savemat(folder / "smear.mat", {**values, "mag": 10.0, "dpix_c": 3.45, "na_cal": 0.25})
    return folder / "smear.mat"


def archive(folder: Path) -> Path:
    values = {"frames": RNG.random((5, 16, 16)), "positions_um": RNG.uniform(-9, 9, (5, 2)), "wavelength_um": 1e-4}
    np.savez(folder / "a.npz", **values, distance_um=1e6, detector_pixel_um=50.0, geometry="far_field")
    return folder / "a.npz"


def ptylab(folder: Path) -> Path:
    with h5py.File(folder / "a.hdf5", "w") as file:
        file["ptychogram"], file["encoder"] = RNG.random((6, 32, 32)), 1e-6 * RNG.uniform(-20, 20, (6, 2))
        file["wavelength"], file["zo"], file["dxd"], file["Nd"] = 632.8e-9, 0.05, 72e-6, 32
    return folder / "a.hdf5"


def named_in_hdf5(folder: Path) -> Path:
    with h5py.File(folder / "a.nxs", "w") as file:
        file["entry/images"], file["entry/leds"] = RNG.random((3, 8, 9)), RNG.uniform(-0.2, 0.2, (3, 2))
    values = "wavelength_um: 0.5\nobjective_na: 0.2\npixel_um: 0.6\nkind: led_array"
    (folder / "a.yaml").write_text(f"{values}\nvariables: {{frames: entry/images, illumination_na: entry/leds}}")
    return folder / "a.nxs"


def tiff(folder: Path) -> Path:
    tifffile.imwrite(folder / "stack.tif", RNG.integers(0, 4000, (4, 8, 9)).astype(np.uint16), photometric="minisblack")
    values = "wavelength_um: 0.5\nobjective_na: 0.2\ncondenser_na: 0.05\npixel_um: 0.6\nz_um: [0, 1, 2, 3]"
    (folder / "stack.yaml").write_text(f"kind: through_focus\n{values}")
    return folder / "stack.tif"


def ome_zarr(folder: Path) -> Path:
    data = RNG.integers(0, 4000, (2, 3, 8, 9)).astype(np.uint16)
    return zarr_scene.write(folder / "cells.ome.zarr", data, "tzyx", (5, 1, 0.6, 0.6), (0, -1, 0, 0))


def native(folder: Path) -> Path:
    save_acquisition(folder / "leds.acq.h5", scene.scene()[0])
    return folder / "leds.acq.h5"


def three_lamps(folder: Path) -> Path:
    for name in ("red", "green"):
        tifffile.imwrite(folder / f"{name}.tif", np.ones((2, 5, 8), np.uint16), photometric="minisblack")
    listed = "[{file: red.tif, wavelength_um: 0.63}, {file: green.tif, wavelength_um: 0.53}]"
    path = folder / "slide.yaml"
    path.write_text(
        f"kind: through_focus\nobjective_na: 0.2\ncondenser_na: 0.05\npixel_um: 0.6\nz_um: [0, 1]\ncolours: {listed}\n"
    )
    return path


def empad(folder: Path) -> Path:
    np.random.default_rng(0).random((4, 130, 128)).astype("<f4").tofile(folder / "scan.raw")
    (folder / "scan.yaml").write_text(
        "scan_grid: {step_um: 1 A}\nacceleration_voltage_kv: 80\ndetector_pixel_mrad: 1\n"
    )
    return folder / "scan.raw"


FILES = {
    "native": native,
    "cxi": cxi,
    "lcnf": differences,
    "matlab": matlab,
    "numpy_archive": archive,
    "ome_zarr": ome_zarr,
    "empad": empad,
    "ptylab": ptylab,
    "hdf5": named_in_hdf5,
    "tiff": tiff,
    "colour-files": three_lamps,
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # NumPy leaves half an archive open
@pytest.mark.parametrize("name", [name for name in READERS if not READERS.package(name)])
def test_every_reader(name: str, tmp_path: Path) -> None:
    testing.check_reader(name, FILES[name](tmp_path))


@pytest.mark.parametrize("ending", [ending for ending in WRITERS if not WRITERS.package(ending)])
def test_every_writer(ending: str) -> None:
    testing.check_writer(ending)


@pytest.mark.parametrize("name", ["coded-fpm", "multiplexed-textures", "near-field"])  # the quick ones
def test_virtual_microscopes(name: str) -> None:
    testing.check_simulator(name)


def test_a_network() -> None:
    """The others simulate for as long, on the same loop; each is trained in test_methods.py of the card."""
    assert set(NETWORKS) >= {"neuph", "srqpi", "srcnn"}
    testing.check_network("srqpi", base=4, batch=1, patch_px=32, pool=8, half_precision=False)


# what the checks see


@pytest.fixture
def on_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone afterwards."""
    for registry in (METHODS, FIELDS, READERS, MEASUREMENTS, WRITERS):
        list(registry)
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        monkeypatch.setattr(registry, "_origins", dict(registry._origins))


class Slope(nn.Module):
    """exp(i slope (y + z)): right in every way; `FAULT` makes it wrong in one."""

    type_name, complex_valued = "slope", True
    FAULT = ""

    def __init__(self, *, extent: Extent | dict[str, Any]) -> None:
        super().__init__()
        self.extent = extent if isinstance(extent, Extent) else Extent.from_dict(extent)
        self.slope = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
        self.spare = nn.Parameter(torch.tensor(0.0, dtype=torch.float64))

    def query(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        z, y, x = (torch.as_tensor(np.asarray(a), dtype=torch.float64) for a in (z_um, y_um, x_um))
        slope = self.slope.detach() * 2 - self.slope if self.FAULT == "gradient" else self.slope
        spare = 0 if self.FAULT == "spare" else self.spare
        return torch.exp(1j * slope * (y + z + 0 * x)) * (1 + 1j * (spare + (self.FAULT == "query")))

    def render(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        z, y, x = (np.atleast_1d(np.asarray(a, dtype=float)) for a in (z_um, y_um, x_um))
        y = np.arange(len(y)) if self.FAULT == "pixels" else y
        values = self.query(z[:, None, None], y[:, None], x) / (1 + 1j * (self.FAULT == "query"))
        values = torch.angle(values) if self.FAULT == "real" else values
        return values[0] if self.FAULT == "shape" else values

    def options(self) -> dict[str, Any]:
        return {"extent": self.extent if self.FAULT == "json" else self.extent.to_dict()}


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("gradient", r"the gradient of render of field slope is .* but differences say"),
        ("spare", r"does not reach parameter 1 of shape \(\)"),
        ("query", r"query and render differ at the same points"),
        ("pixels", r"a part of the grid has other values than the whole; coordinates are um, not pixels"),
        ("real", r"render gives torch.float64 but complex_valued is True"),
        ("shape", r"render gives \(12, 10\), not \(z, y, x\) \(2, 12, 10\)"),
        ("json", r"options\(\) of field slope written as JSON raises TypeError"),
    ],
)
def test_faults_of_fields(on_trial: None, monkeypatch: pytest.MonkeyPatch, fault: str, sentence: str) -> None:
    FIELDS.add("slope", Slope)
    field = Slope(extent=Extent((-1, 1), (12, 10), 0.5, (1.0, -2.0)))
    testing.check_field(field)
    monkeypatch.setattr(Slope, "FAULT", fault)
    with pytest.raises(AssertionError, match=sentence):
        testing.check_field(field)


def test_a_field_must_be_registered_and_trainable_where_it_says_so(on_trial: None) -> None:
    with pytest.raises(AssertionError, match=r"field 'slope' is not registered under its type_name"):
        testing.check_field(Slope(extent=Extent((0, 1), (8, 8), 0.5)))
    FIELDS.add("slope", Slope)
    with pytest.raises(AssertionError, match=r"carry no gradient, so it cannot be trained"), torch.no_grad():
        testing.check_field("slope", extent=Extent((0, 1), (8, 8), 0.5), trained=True)


class FaultyRecipe(Recipe):
    """Options of the method on trial."""

    fault: str = option("", "what is wrong with it")


def faulty(acquisition: Acquisition, recipe: FaultyRecipe) -> Iterator[Any]:
    """Does nothing, and that in a wrong way."""
    fault, pixel_um = recipe.fault, acquisition.pixel_um * (2 if recipe.fault == "place" else 1)
    field = Slope(extent=Extent((0, 1), acquisition.frame_shape, pixel_um))
    if fault == "print":
        print("working")
    if fault != "silent":
        yield Progress(3 if fault == "steps" else 0, 2, 0.5)
    yield Preview(field, 0.0)
    if fault == "preview":
        field.slope.data += 1
    if fault == "raise":
        raise ZeroDivisionError("by zero")
    field = Slope(extent=field.extent)
    field.slope.data += float(np.random.default_rng().uniform()) if fault == "seed" else 0
    if fault == "unending":
        return
    yield Done(Result(field, {} if fault == "recipe" else recipe.model_dump(mode="json")))
    if fault == "late":
        yield Progress(2, 2, 0.1)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("print", "method faulty prints"),
        ("silent", "yields no Progress"),
        ("steps", "Progress says step 3 of 2"),
        ("preview", "later steps change an earlier Preview"),
        ("raise", "method faulty .* failed .ZeroDivisionError: by zero"),
        ("seed", "the same seed gives another field"),
        ("unending", "ends without Done"),
        ("recipe", "the result's recipe says method None"),
        ("late", "yields Progress after Done"),
        ("place", r"the field lies at 0..25.6 um along y, its frames at 0..12.8 um"),
    ],
)
def test_faults_of_methods(on_trial: None, fault: str, sentence: str) -> None:
    FIELDS.add("slope", Slope)
    method("faulty", FaultyRecipe, ("led_array",))(faulty)
    acquisition = scene.scene()[0]
    if fault == "print":
        testing.check_method("faulty", acquisition)
    with pytest.raises(AssertionError, match=sentence):
        testing.check_method("faulty", acquisition, fault=fault)


class Numbers:
    """Reads text files of numbers; `fault` makes it wrong in one way."""

    reads = "numbers (.numbers)"

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def supports(self, path: Path) -> bool:
        return self.fault == "greedy" or path.suffix == ".numbers"

    def read(self, path: Path) -> Draft:
        frames: Any = np.frombuffer(path.read_bytes(), np.uint16)
        if self.fault != "cut" and len(frames) != 60:
            from napari_neuralfield.types import InputError

            raise InputError(f"{path}: the file is cut short; copy it again")
        frames = frames.reshape(3, 4, 5)
        values: dict[str, Any] = {"wavelength_um": 0.5, "objective_na": 0.2, "pixel_um": 0.6, "z_um": [0.0, 1.0, 2.0]}
        values |= {"condenser_na": 0.05, **({"magnification": 10} if self.fault == "unknown" else {})}
        if self.fault == "pickle":
            names = {"shape": (3, 4, 5), "dtype": frames.dtype, "__getitem__": lambda self, key, all=frames: all[key]}
            frames = type("Frames", (), names)()
        return Draft("through_focus", frames[0] if self.fault == "shape" else frames, values, str(path))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("greedy", "says it supports notes.unheard-of, which is not its format"),
        ("cut", "on half of a.numbers raises ValueError .*; it must be an InputError"),
        ("unknown", "gives magnification, which kind through_focus does not know"),
        ("pickle", "pickling the frames raises"),
        ("shape", r"frames are \(4, 5\); they must be \(frame, y, x\)"),
    ],
)
def test_faults_of_readers(fault: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "a.numbers"
    path.write_bytes(np.arange(60, dtype=np.uint16).tobytes())
    testing.check_reader(Numbers(), path)
    with pytest.raises(AssertionError, match=sentence):
        testing.check_reader(Numbers(fault), path)


class Bright:
    """Frames are the squared modulus on the frame's own pixels, times a gain that is learnt."""

    kinds = ("led_array",)
    FAULT = ""

    def __init__(self, acquisition: Acquisition, device: torch.device) -> None:
        self.extent = Extent((0, 0), acquisition.frame_shape, acquisition.pixel_um)
        self.amplitude = torch.from_numpy(acquisition.intensity()).clamp(min=0).sqrt()
        self.good, self.train = None, torch.arange(acquisition.frame_count)
        self.held = self.train[:0]
        self.gain = torch.ones((), dtype=torch.float64, requires_grad=True)
        self.learnt = {"gain": self.gain}

    @classmethod
    def of(cls, acquisition: Any, device: Any = "cpu", z_um: Any = None) -> Bright:
        return cls(acquisition, device)

    def step_of(self, name: str) -> float:
        return 0.1

    def predict(self, image: Any, frames: Any, z_um: float = 0.0) -> torch.Tensor:
        gain = self.gain.detach() if self.FAULT == "gain" else self.gain
        found = (gain * image).abs() ** 2
        found = found - 1 if self.FAULT == "negative" else found
        found = found.expand(len(frames), *found.shape)
        return found.T if self.FAULT == "shape" else found


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("gain", "does not reach parameter 1"),
        ("negative", "not intensities"),
        ("shape", r"predict gives \(32, 32, 2\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:The use of `x.T`:UserWarning")
def test_faults_of_measurement_models(
    on_trial: None, monkeypatch: pytest.MonkeyPatch, fault: str, sentence: str
) -> None:
    MEASUREMENTS.add("bright", Bright)
    acquisition = scene.scene()[0]
    testing.check_measurement("bright", acquisition)
    monkeypatch.setattr(Bright, "FAULT", fault)
    with pytest.raises(AssertionError, match=sentence):
        testing.check_measurement("bright", acquisition)


def test_a_writer_that_leaves_half_a_file_is_seen(on_trial: None) -> None:
    def write(path: Path, strips: Any, stack: Any) -> None:
        raise ZeroDivisionError("by zero")

    WRITERS.add(".half", write)
    with pytest.raises(AssertionError, match=r"writing real planes as .half raises ZeroDivisionError"):
        testing.check_writer(".half")
    with pytest.raises(AssertionError, match=r"nothing writes files that end in .nope"):
        testing.check_writer(".nope")

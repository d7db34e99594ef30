"""Everything this package adds keeps to what napari-neuralfield expects of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_neuralfield import (
    METHODS,
    SIMULATORS,
    Counter,
    Extent,
    InputError,
    Progress,
    build_recipe,
    compute,
    epochs,
    fit_field,
    measurement_of,
    new_field,
    open_acquisition,
    problems,
    reconstruct,
)
from napari_neuralfield.testing import (
    check_field,
    check_measurement,
    check_method,
    check_network,
    check_reader,
    check_simulator,
    check_writer,
)


@pytest.fixture(scope="module")
def beads():
    return SIMULATORS["beads"](0)


def test_nothing_is_wrong_with_it() -> None:
    assert "backpropagation" in METHODS
    assert METHODS.package("backpropagation") == "neuralfield-example 0.1.0"
    assert not problems()


def test_method(beads) -> None:
    acquisition = beads[0]
    result = check_method("backpropagation", acquisition)
    found = result.field.render([0.0], *result.field.extent.axes())[0].abs().numpy()
    mean = np.sqrt(acquisition.intensity()).mean(0)  # in focus there is nothing to propagate
    assert np.corrcoef(found.ravel(), mean.ravel())[0, 1] > 0.99
    check_method("backpropagation", acquisition, weighting="steep", start="intensity", frames=[12, 13], z_um=4.0)
    with pytest.raises(InputError, match=r"option frames of method backpropagation is \[99\]"):
        check_refused(acquisition, frames=[99])


def check_refused(acquisition, **options: object) -> None:
    next(METHODS["backpropagation"].run(acquisition, build_recipe("backpropagation", options)))


def test_field() -> None:
    from neuralfield_example.field import GaussiansField

    field = GaussiansField(extent=Extent((-3.0, 3.0), (20, 24), 0.5, (2.0, -1.0)), count=3)
    generator = torch.Generator().manual_seed(0)
    field.place_um.data = torch.rand(3, 3, generator=generator, dtype=torch.float64) * 8
    field.width_um.data = torch.tensor([1.5, 2.0, 3.0], dtype=torch.float64)
    field.strength.data = torch.randn(3, 2, generator=generator, dtype=torch.float64)
    check_field(field, trained=True)


@pytest.fixture
def raw(tmp_path: Path, beads) -> Path:
    acquisition = beads[0]
    values = {"wavelength_um": 0.53, "objective_na": 0.2, "pixel_um": 0.8}
    head = {"frames": 25, "rows": 48, "columns": 48, "acquisition": values}
    head["acquisition"]["illumination_na"] = np.asarray(acquisition.illumination_na).tolist()
    path = tmp_path / "beads.raw16"
    path.write_bytes(json.dumps(head).encode() + b"\n" + acquisition.intensity().astype("<u2").tobytes())
    return path


def test_reader(raw: Path, beads) -> None:
    check_reader("raw16", raw)
    assert np.array_equal(open_acquisition(raw).intensity(), beads[0].intensity())
    raw.write_bytes(b"no head\n")
    with pytest.raises(InputError, match=r"beads.raw16: the first line must be JSON with frames, rows and columns"):
        open_acquisition(raw)


def test_measurement(beads) -> None:
    check_measurement("thin-led", beads[0])


def test_the_form_of_the_method(qtbot) -> None:
    """Made from the recipe: Enum and Literal as boxes, a Path as a file chooser, numbers with units, a list."""
    from napari_neuralfield.recon.engine.recipe import options
    from napari_neuralfield.widgets.kit.forms import OptionForm

    form = OptionForm(options("backpropagation"))
    qtbot.addWidget(form)
    assert form.values() == {}
    form.editors["z_um"].native.setText("4000 nm")
    typed = {"weighting": "steep", "start": "intensity", "frames": [3, 4], "background": "b.npy"}
    form.set_values({**form.values(), **typed})
    recipe = build_recipe("backpropagation", form.values())
    assert (recipe.z_um, recipe.weighting, recipe.start) == (4.0, "steep", "intensity")
    assert (recipe.frames, recipe.background) == ([3, 4], Path("b.npy"))
    form.editors["z_um"].native.setText("4 kg")
    with pytest.raises(InputError, match=r"option z_um: '4 kg' is in kg; it must be in um"):
        form.values()


@pytest.mark.parametrize(
    ("simulated", "method", "few", "many"),
    [
        ("miscalibrated-board", "fpm-inr", {"steps": 1, "z_um": 0.0}, {"steps": 30, "z_um": 0.0}),
        ("coded-fpm", "residual-field", {"epochs": 1}, {"epochs": 6}),
        ("through-focus", "defocus-field", {"steps": 1}, {"steps": 20}),
    ],
)
def test_the_field_fits_frames_of_any_kind(simulated: str, method: str, few: dict, many: dict) -> None:
    """Any registered field in every method that fits one: the longer, the better it explains the frames."""
    acquisition = SIMULATORS[simulated](0)[0]
    acquisition = acquisition if simulated == "coded-fpm" else acquisition.crop(slice(0, 48), slice(0, 48))
    errors = []
    for options in (few, many):
        *_, done = reconstruct(acquisition, build_recipe(method, {"field": "gaussians", **options}))
        assert done.result.field.type_name == "gaussians"
        errors.append(done.result.figures["relative_amplitude_error"])
    assert errors[1] < errors[0]


def test_the_measurement_fits_any_field(beads) -> None:
    measurement = measurement_of(beads[0], name="thin-led")
    field = new_field("residual", measurement.extent)
    passes = epochs(measurement.train, 5, 8, generator=compute.seed(0))
    events = list(fit_field(field, measurement, passes, rate=0.01, counter=Counter(15)))
    losses = [event.loss for event in events if isinstance(event, Progress)]
    assert losses[-1] < losses[0]
    assert float(measurement.learnt["gain"].detach().abs().max()) > 0


def test_simulator() -> None:
    check_simulator("beads")
    check_simulator("many-beads")


def test_network() -> None:
    check_network("filter", steps=3, patch_px=32)


def test_writer() -> None:
    check_writer(".csv")

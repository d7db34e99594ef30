"""The one loop, and any registered field through every measurement model."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import scan_scene
import torch
from coded_scene import coded_scene
from defocus_scene import through_focus
from scene import scene

from napari_neuralfield.forward.focus_measurement import FocusMeasurement
from napari_neuralfield.forward.led_stack import LedStack
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.engine.any_field import measurement_of, new_field
from napari_neuralfield.recon.engine.fit_field import (
    Batch,
    Counter,
    Fittable,
    default_term,
    draws,
    epochs,
    fit_field,
    relative_error,
)
from napari_neuralfield.recon.engine.recipe import options
from napari_neuralfield.registry import FIELDS
from napari_neuralfield.types import Done, Extent, InputError, Measurement, Note, Preview, Progress


class Waves(torch.nn.Module):
    """A stranger's field: an image of real and imaginary part, read bilinearly, alike at every depth."""

    type_name, complex_valued = "waves", True

    def __init__(self, *, extent: Extent | dict[str, Any]) -> None:
        super().__init__()
        self.extent = extent if isinstance(extent, Extent) else Extent.from_dict(extent)
        nodes = self.extent.shape
        self.image = torch.nn.Parameter(torch.cat([torch.ones(1, 1, *nodes), torch.zeros(1, 1, *nodes)], 1))

    def options(self) -> dict[str, Any]:
        return {"extent": self.extent.to_dict()}

    def query(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        z, y, x = np.broadcast_arrays(z_um, y_um, x_um)
        flat = [torch.as_tensor(np.asarray(a, float).ravel()) for a in (y, x)]
        at = [
            2 * (a - o) / max(s - self.extent.pixel_um, 1e-9) - 1
            for a, o, s in zip(flat, self.extent.origin_um, self.extent.size_um, strict=True)
        ]
        grid = torch.stack(at[::-1], -1)[None, None].to(self.image)
        read = torch.nn.functional.grid_sample(self.image, grid, align_corners=True, padding_mode="border")[0, :, 0]
        return torch.complex(read[0], read[1]).reshape(z.shape)

    def render(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        z, y, x = np.meshgrid(np.atleast_1d(z_um), np.atleast_1d(y_um), np.atleast_1d(x_um), indexing="ij")
        return self.query(z, y, x)


@pytest.fixture
def waves(monkeypatch: pytest.MonkeyPatch) -> None:
    list(FIELDS)
    monkeypatch.setattr(FIELDS, "_entries", dict(FIELDS._entries))
    FIELDS.add("waves", Waves)


@pytest.mark.parametrize(
    ("make", "method", "options"),
    [
        (lambda: scene((32, 32))[0], "fpm-inr", {"z_um": 0.0, "steps": 40}),
        (lambda: scene((32, 32))[0], "residual-field", {"epochs": 20}),
        (lambda: coded_scene()[0], "residual-field", {"epochs": 20}),
        (lambda: scan_scene.coded()[0], "residual-field", {"epochs": 6}),
        (lambda: scan_scene.far_field()[0], "residual-field", {"epochs": 4}),
        (lambda: through_focus(), "defocus-field", {"steps": 60}),
    ],
    ids=["leds", "leds-residual", "coded-leds", "coded-scan", "far-field", "defocus"],
)
def test_a_strangers_field_fits_every_kind_of_frames(waves, make, method: str, options: dict[str, Any]) -> None:
    acquisition = make()
    acquisition = acquisition[0] if isinstance(acquisition, tuple) else acquisition
    events = list(reconstruct(acquisition, build_recipe(method, {"field": "waves", **options})))
    assert isinstance(events[-1], Done)
    assert isinstance(events[-1].result.field, Waves)
    losses = [event.loss for event in events if isinstance(event, Progress)]
    assert losses[-1] < losses[0]
    empty = measurement_of(acquisition, z_um=options.get("z_um"))
    flat = Fittable.of(new_field("waves", empty.extent), empty.extent)
    error = events[-1].result.figures["relative_amplitude_error"]
    assert error < 0.9 * relative_error(empty, flat.sample, empty.train)


@pytest.mark.parametrize("name", ["plane-axis", "residual", "phase-network"])
def test_fields_of_the_house_start_empty_and_give_every_parameter_a_gradient(name: str) -> None:
    acquisition = scene((24, 24))[0]
    measurement = measurement_of(acquisition)
    field = new_field(name, measurement.extent)
    moving = Fittable.of(field, measurement.extent)
    image = moving.sample(0.0).detach()
    assert image.shape == measurement.extent.shape
    assert float((image - 1).abs().max()) < 0.6  # an empty sample, or nearly
    list(fit_field(field, measurement, [Batch(measurement.train)] * 2, rate=1e-3, counter=Counter(2)))
    loss = default_term(measurement)(moving.sample(0.0), measurement.train, 0.0).loss
    gradients = torch.autograd.grad(loss, [p for p in moving.parameters if p.requires_grad], allow_unused=True)
    assert all(g is not None and bool(torch.isfinite(g).all()) for g in gradients)


@pytest.mark.parametrize("kind", ["leds", "defocus"])
def test_a_fast_data_term_has_the_misfit_and_gradient_of_the_plain_one(kind: str) -> None:
    measurement: Measurement
    if kind == "leds":
        measurement = LedStack.of(scene((24, 20))[0])
    else:
        made = through_focus()
        measurement = FocusMeasurement.of(made[0] if isinstance(made, tuple) else made, points=3)
    shape = measurement.extent.shape
    generator = torch.Generator().manual_seed(0)
    image = torch.polar(
        1 + 0.1 * torch.rand(shape, generator=generator), 0.5 * torch.rand(shape, generator=generator)
    ).requires_grad_()
    frames = measurement.train[:2]
    fast = measurement.data_term(image, frames, 0.0)  # type: ignore[attr-defined]
    plain = default_term(measurement)(image, frames, 0.0)
    assert float(fast.misfit) == pytest.approx(float(plain.misfit), rel=2e-3)
    assert float(fast.energy) == pytest.approx(float(plain.energy), rel=1e-5)
    one, other = (torch.autograd.grad(term.loss, image)[0] for term in (fast, plain))
    alike = float((one.conj() * other).real.sum() / (one.norm() * other.norm()))
    assert alike > 0.999


def test_out_of_memory_halves_the_batch_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    measurement = LedStack.of(scene((24, 24))[0])
    field, plain, sizes = new_field("plane-axis", measurement.extent), measurement.data_term, []

    def greedy(image: torch.Tensor, frames: torch.Tensor, z_um: float) -> Any:
        sizes.append(len(frames))
        if len(frames) > 3:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return plain(image, frames, z_um)

    monkeypatch.setattr(measurement, "data_term", greedy)
    batches = [Batch(measurement.train[:8])] * 2
    events = list(fit_field(field, measurement, batches, rate=1e-3, counter=Counter(2)))
    assert [e.text for e in events if isinstance(e, Note)] == [
        f"the device ran out of memory; going on with {n} frames a step" for n in (4, 2)
    ]
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]
    assert [(e.done, e.total) for e in events if isinstance(e, Progress)] == [(1, 2), (2, 2)]


def test_the_state_that_predicts_held_out_frames_best_is_kept() -> None:
    acquisition = scene((24, 24))[0]
    measurement = LedStack.of(acquisition)
    measurement.train, measurement.held = measurement.train[:-2], measurement.train[-2:]
    field = new_field("plane-axis", measurement.extent)
    generator = torch.Generator().manual_seed(0)
    wild = (Batch(b.frames, 1.0 if n < 4 else 300.0, last=True) for n, b in enumerate(
        epochs(measurement.train, 8, 100, generator=generator)))  # fmt: skip
    events = list(fit_field(field, measurement, wild, rate=1e-3, counter=Counter(8), patience=3))
    sample = Fittable.of(field, measurement.extent).sample
    note = next(e.text for e in events if isinstance(e, Note))
    error = relative_error(measurement, sample, measurement.held)
    assert note.endswith(f"error {error:.4f}")
    assert sum(isinstance(e, Progress) for e in events) < 8  # patience ended it


def test_previews_are_snapshots_and_closing_ends_the_fit() -> None:
    measurement = LedStack.of(scene((24, 24))[0])
    field = new_field("plane-axis", measurement.extent)
    schedule = draws(measurement.train, 50, 4, random=np.random.default_rng(0))
    stream = fit_field(field, measurement, schedule, rate=1e-2, counter=Counter(50))
    preview = next(event for event in stream if isinstance(event, Preview))
    seen = copy.deepcopy(preview.field.state_dict())
    for _ in range(4):
        next(stream)
    stream.close()
    assert all(torch.equal(value, preview.field.state_dict()[name]) for name, value in seen.items())
    assert not all(torch.equal(value, field.state_dict()[name]) for name, value in seen.items())


@pytest.mark.parametrize("warned", [False, True])
def test_a_field_that_explains_nothing_is_not_passed_off_as_an_answer(waves, warned: bool) -> None:
    options: dict[str, Any] = {"field": "waves", "z_um": 0.0, "steps": 40}
    acquisition = scene((32, 32))[0]
    if warned:  # nothing but noise in the frames, too few steps to learn even that
        rng = np.random.default_rng(0)
        acquisition = acquisition.replace(frames=rng.exponential(1.0, acquisition.frames.shape).astype(np.float32))
        options |= {"steps": 1, "learning_rate": 1e-6}
    events = list(reconstruct(acquisition, build_recipe("fpm-inr", options)))
    notes = [e.text for e in events if isinstance(e, Note) and e.level == "warning"]
    assert any("hardly better than an empty sample" in text for text in notes) is warned


def test_what_cannot_be_fitted_is_said() -> None:
    acquisition = scene((24, 24))[0]
    with pytest.raises(InputError, match="field type 'planes' is not one that can be fitted"):
        list(reconstruct(acquisition, build_recipe("fpm-inr", {"field": "planes", "z_um": 0.0})))
    with pytest.raises(InputError, match="field type 'plains' is not known; choose one of"):
        list(reconstruct(acquisition, build_recipe("fpm-inr", {"field": "plains", "z_um": 0.0})))
    with pytest.raises(InputError, match=r"measurement model 'scan' does not take led_array.*led-array"):
        measurement_of(acquisition, name="scan")


def test_a_strangers_field_is_among_the_choices_of_a_form(waves) -> None:
    for method, own in (("fpm-inr", "plane-axis"), ("residual-field", "residual"), ("defocus-field", "pixels")):
        (info,) = (info for info in options(method) if info.name == "field")
        assert {own, "waves"} <= set(info.choices)
        assert "planes" not in info.choices

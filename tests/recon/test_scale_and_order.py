"""What must not matter to any method: unit, order and orientation of the frames; and that there is soon a picture."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
from coded_scene import coded_scene
from defocus_scene import through_focus
from pattern_scene import NA, PIXEL, WAVELENGTH, board, cells, seen_through
from scan_scene import coded, far_field
from scene import scene
from solved import events_of

from napari_neuralfield.data.acquisition import Acquisition, Draft, quantities
from napari_neuralfield.recon.engine.recipe import build, run
from napari_neuralfield.registry import METHODS
from napari_neuralfield.types import Done, Note, Preview, Progress


def patterned() -> tuple[Acquisition, np.ndarray]:
    na, patterns = board()
    phase = cells((192, 192), 0)
    values = {"wavelength_um": WAVELENGTH, "objective_na": NA, "pixel_um": PIXEL, "led_na": na, "patterns": patterns}
    return Draft("multiplexed_led", seen_through(phase, na, patterns), values, "five").complete(), phase


def counted() -> tuple[Acquisition, np.ndarray]:
    """Photons: how many there are is what the noise is told by."""
    acquisition, sample = far_field(24, across=4)
    return changed(acquisition, np.random.default_rng(0).poisson(acquisition.frames[:]).astype(np.float32)), sample


SCENES: dict[str, Callable[[], tuple[Acquisition, np.ndarray]]] = {
    "led_array": scene, "multiplexed_led": patterned, "through_focus": lambda: through_focus(32),
    "ptychography": counted, "coded_ptychography": coded,
}  # fmt: skip
SWEEPS = {"passes": 4, "probe_search": False, "correct_positions": False}
SHORT = {  # what makes a method short; one that is not named runs as it is
    "fpm-sequential": {"z_um": 0.0}, "fpm-inr": {"z_um": 0.0, "fit": "physics", "steps": 20},
    "fpm-auto": {"fit_steps": 20}, "fpm-per-slice": {"z_um": 0.0, "passes": 3}, "quasi-newton": {"passes": 5},
    "coded-fpm": {"passes": 3, "steps": 4}, "residual-field": {"epochs": 2, "finish_epochs": 1, "levels": 6},
    "defocus-field": {"steps": 6}, "sparse-pixels": {"iterations": 4, "sparsity": 0.01}, "coded-surface": {"passes": 2},
    **dict.fromkeys(("epie", "rpie", "wasp", "least-squares"), SWEEPS),
}  # fmt: skip
OTHER_SCENES = {"coded-fpm": coded_scene}
CASES = [(name, kind) for name, entry in METHODS.items() if not METHODS.package(name) for kind in entry.kinds]
EVENLY = {"ptychography": 0.03}  # far away a probe that is solved for carries rounding on
WASP = 0.06  # its steps grow most where no light is predicted and a few counts lie: there the phase begins as rounding


def picture(method: str, acquisition: Acquisition) -> tuple[np.ndarray, list[str]]:
    """The field on its own pixels, the middle of scans, and what was said."""
    options = SHORT.get(method, {})
    if "probe_search" in options and acquisition.kind != "ptychography":
        options = {"passes": options["passes"]}
    events = events_of(acquisition, method, **options)
    assert isinstance(events[-1], Done)
    field = events[-1].result.field
    found = field.render([0.0], *field.extent.axes())[0].detach().numpy()
    return found, [event.text for event in events if isinstance(event, Note)]


@functools.cache
def usual(method: str, kind: str) -> tuple[Acquisition, np.ndarray]:
    acquisition = OTHER_SCENES.get(method, SCENES[kind])()[0]
    return acquisition, picture(method, acquisition)[0]


def apart(found: np.ndarray, usual: np.ndarray) -> float:
    """Relative difference; a complex factor, or the offset of a phase, is free."""
    cut = [slice(n // 6, n - n // 6) for n in usual.shape]
    found, usual = found[*cut], usual[*cut]
    if np.iscomplexobj(usual):
        return float(
            np.linalg.norm(found - usual * np.vdot(usual, found) / np.vdot(usual, usual)) / np.linalg.norm(found)
        )
    return float(np.std(found - usual) / np.std(usual))


def per_frame(acquisition: Acquisition, order: np.ndarray) -> dict[str, np.ndarray]:
    named = [n for n, q in quantities(type(acquisition)).items() if q.shape[:1] == ("frame",)]
    return {n: np.asarray(v)[order] for n, v in acquisition.values().items() if n in named}


def changed(acquisition: Acquisition, frames: np.ndarray, **values: object) -> Acquisition:
    return Draft(acquisition.kind, frames, {**acquisition.values(), **values}, acquisition.source).complete()


def transposed(acquisition: Acquisition) -> Acquisition:
    values: dict[str, object] = {}
    for name, q in quantities(type(acquisition)).items():
        value = acquisition.values().get(name)
        if value is not None and q.shape and q.shape[-1] == 2:
            values[name] = np.asarray(value)[:, ::-1]
        elif value is not None and q.shape[-2:] in (("y", "x"), ("fy", "fx")):
            values[name] = np.swapaxes(np.asarray(value), -1, -2)
    return changed(acquisition, np.swapaxes(acquisition.frames[:], 1, 2), **values)


def test_every_method_has_a_scene():
    assert {kind for _, kind in CASES} == set(SCENES)


@pytest.mark.parametrize(("method", "kind"), CASES)
def test_there_is_something_to_see_at_once(method: str, kind: str):
    """Before a twentieth of all steps, or after three: with every option as it is, trials of the start among them."""
    acquisition = OTHER_SCENES.get(method, SCENES[kind])()[0]
    steps = []
    for event in run(acquisition, build(method)):
        if isinstance(event, Preview):
            break
        steps += [event] if isinstance(event, Progress) else []
        assert not isinstance(event, Done), "no preview at all"
        assert len(steps) <= 3 or steps[-1].done <= steps[-1].total / 20, f"{steps[-1]} and nothing to see"


@pytest.mark.parametrize(("method", "kind"), CASES)
def test_the_unit_of_the_frames_does_not_matter(method: str, kind: str):
    acquisition, expected = usual(method, kind)
    frames = np.asarray(acquisition.frames[:], np.float64)
    faint, said = picture(method, changed(acquisition, frames * 1e-12))
    assert apart(faint, expected) < 1e-3
    assert any("numbers of counts are told in that unit" in note for note in said)


@pytest.mark.parametrize(("method", "kind"), CASES)
def test_order_and_orientation_do_not_matter(method: str, kind: str):
    acquisition, expected = usual(method, kind)
    order = np.random.default_rng(3).permutation(acquisition.frame_count)
    shuffled = changed(acquisition, np.asarray(acquisition.frames[:])[order], **per_frame(acquisition, order))
    found = picture(method, transposed(shuffled))[0].T
    limit = WASP if (method, kind) == ("wasp", "ptychography") else EVENLY.get(kind, 0.01)
    assert apart(found, expected) < limit

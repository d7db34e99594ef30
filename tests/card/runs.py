"""What is run on a graphics card and on the processor alike: every method on every kind that it takes, tiny."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
from coded_scene import coded_scene
from defocus_scene import through_focus
from scan_scene import coded, far_field, near_field
from scene import board, scene

from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.engine import judging
from napari_neuralfield.recon.refine import rounds
from napari_neuralfield.recon.verdict import scan_trials
from napari_neuralfield.simulate.patterns import multiplexed
from napari_neuralfield.simulate.scans import coded as random_coded
from napari_neuralfield.types import Done, Event, Result

Make = Callable[[], Acquisition]
KINDS: dict[str, Make] = {
    "led_array": lambda: scene((32, 32), na=board(3))[0],
    "multiplexed_led": lambda: multiplexed(0, pixels=32)[0],
    "through_focus": lambda: through_focus(32)[0],
    "ptychography": lambda: far_field(24, across=3)[0],
    "coded_ptychography": lambda: coded(16, frames=9)[0],
}


@dataclasses.dataclass(frozen=True)
class Run:
    """A method on an acquisition.

    Parameters
    ----------
    method : by name.
    kind : of the acquisition; or what is special about it.
    options : of the recipe; few steps.
    preset : of the method.
    make : builds the acquisition; None: the usual one of the kind.
    longer : option that says how often the method goes through its loop; "" where it has none.
    judged : the answer gets its verdict too.
    """

    method: str
    kind: str
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    preset: str | None = None
    make: Make | None = None
    longer: str = ""
    judged: bool = False

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.method, self.preset, self.kind) if part)

    def acquisition(self) -> Acquisition:
        return _made(self.make or KINDS[self.kind])

    def events(self, device: str, **more: Any) -> Iterator[Event]:
        """Events on a device, with other options."""
        recipe = build_recipe(self.method, {"device": device, **self.options, **more}, self.preset)
        return reconstruct(self.acquisition(), recipe)

    def result(self, device: str, **more: Any) -> Result:
        with contextlib.ExitStack() as fewer:  # steps than whoever looks at the picture needs
            fewer.enter_context(mock.patch.multiple(scan_trials, FEW_PASSES=1, MORE_PASSES=1))
            fewer.enter_context(mock.patch.object(rounds, "ROUNDS", (22, 22)))
            if not self.judged:
                fewer.enter_context(mock.patch.object(judging, "JUDGES", {}))
            for event in self.events(device, **more):
                if isinstance(event, Done):
                    return event.result
        raise AssertionError(f"{self.name} ends without a result")


@functools.cache
def _made(make: Make) -> Acquisition:
    return make()


def _unknown_surface() -> Acquisition:
    return random_coded(0, pixels=24, upsampling=2, frames=16, phantom="texture", surface_known=False)[0]


ONE_PLANE = {"z_um": 0.0}
FEW = {"check_orientation": False}
RESIDUAL = {"epochs": 2, "levels": 4, "finish_epochs": 1}
CORRECTED = {"passes": 3, "correct_positions": True, "positions_from": 1}
KNOWN = {"iterations": 2, "sparsity": 0.01}
PLAIN = {"probe_search": False, "correct_positions": False}
RUNS = [
    Run("fpm-sequential", "led_array", {"passes": 2}, longer="passes"),
    Run("fpm-sequential", "led_array", {"planes": 3, "passes": 2, "z_um": (-4.0, 4.0)}, "quick", judged=True),
    Run("fpm-per-slice", "led_array", {"planes": 2, "passes": 2, "z_um": (-4.0, 4.0)}, longer="passes"),
    Run("fpm-inr", "led_array", {"steps": 3, "z_um": (-4.0, 4.0)}, "physics", longer="steps"),
    Run("fpm-inr", "led_array", {"epochs": 2, "z_um": (-4.0, 4.0)}, "published"),
    Run("fpm-auto", "led_array", {"fit": True, "sample": "thin", "fit_steps": 20, "calibration_steps": 1}),
    Run("coded-fpm", "through a coded surface", {"passes": 2, "steps": 3}, make=lambda: coded_scene((16, 16))[0]),
    Run("quasi-newton", "led_array", {"passes": 2}, longer="passes"),
    Run("quasi-newton", "multiplexed_led", {"passes": 2}, longer="passes"),
    Run("residual-field", "led_array", RESIDUAL),
    Run("dpc", "multiplexed_led"),
    Run("neuph", "multiplexed_led", judged=True),
    Run("neuph", "multiplexed_led", {"polish_steps": 2}, "polished"),
    *(
        Run(method, kind, {"passes": 2, **PLAIN}, longer="passes", make=make)
        for method in ("epie", "rpie", "least-squares", "wasp")
        for kind, make in (("ptychography", None), ("coded_ptychography", None))
    ),
    Run("rpie", "near field", {"passes": 2, **PLAIN}, make=lambda: near_field()[0]),
    Run("rpie", "positions corrected", {**PLAIN, **CORRECTED}, make=KINDS["ptychography"]),
    Run("rpie", "judged", {"passes": 2, **PLAIN}, make=KINDS["ptychography"], judged=True),
    Run("residual-field", "ptychography", {**RESIDUAL, **PLAIN, "finish_epochs": 0}, longer="epochs"),
    Run("residual-field", "coded_ptychography", {**RESIDUAL, **PLAIN}, longer="epochs"),
    Run("sparse-pixels", "coded_ptychography", {"iterations": 2}),
    Run("sparse-pixels", "of known sparsity", KNOWN, make=KINDS["coded_ptychography"], longer="iterations"),
    Run("coded-surface", "an unknown surface", {"passes": 2}, make=_unknown_surface),
    Run("defocus-field", "through_focus", {"steps": 3}, longer="steps"),
    Run("defocus-field", "through_focus", {"steps": 3}, "neural", longer="steps"),
    Run("srqpi", "through_focus"),
    Run("srqpi", "through_focus", {}, "polished"),
    Run("srcnn", "through_focus"),
    Run("focus-auto", "through_focus"),
    Run("tie-fft", "through_focus"),
    Run("tie-dct", "through_focus"),
    Run("tie-tv", "through_focus"),
]


def image_of(result: Result) -> np.ndarray:
    """The field on its native pixels at its middle depth (y, x), on the processor."""
    y, x = result.field.extent.axes()
    return result.field.render([sum(result.field.extent.z_um) / 2], y, x)[0].detach().cpu().numpy()


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Norm of the difference over the norm of the first."""
    return float(np.linalg.norm(one - other) / np.linalg.norm(one))

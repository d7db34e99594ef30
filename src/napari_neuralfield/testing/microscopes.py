"""What measurement models and virtual microscopes keep to."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ..data.acquisition import Acquisition
from ..registry import MEASUREMENTS, SIMULATORS
from ..types import Extent, Measurement
from .asking import array, attempt, check_gradient, near, require

if TYPE_CHECKING:
    from ..types import Field


class Waves(nn.Module):
    """A smooth complex field of a few plane waves, differentiable anywhere: what models are tried on.

    Parameters
    ----------
    extent : where it lies; no wave is shorter than 8 native pixels.
    """

    type_name, complex_valued = "waves", True

    def __init__(self, extent: Extent, waves: int = 5) -> None:
        super().__init__()
        self.extent = extent
        rng = np.random.default_rng(0)
        cycles = rng.uniform(-1, 1, (waves, 2)) / (8 * extent.pixel_um)
        self.frequency = torch.from_numpy(np.concatenate([rng.uniform(-0.01, 0.01, (waves, 1)), cycles], axis=1))
        self.strength = nn.Parameter(torch.from_numpy(rng.normal(0, 0.1, (waves, 2))).to(torch.float64))

    def query(self, z_um: object, y_um: object, x_um: object) -> torch.Tensor:
        """1 + the sum of the waves at `z_um`, `y_um`, `x_um`, which broadcast against each other."""
        z, y, x = (torch.as_tensor(np.asarray(axis), dtype=torch.float64) for axis in (z_um, y_um, x_um))
        value = torch.ones((), dtype=torch.complex128)
        for (fz, fy, fx), part in zip(self.frequency, torch.view_as_complex(self.strength), strict=True):
            value = value + part * torch.exp(2j * math.pi * (fz * z + fy * y + fx * x))
        return value

    def render(self, z_um: object, y_um: object, x_um: object) -> torch.Tensor:
        """On the axes `z_um`, `y_um`, `x_um`: (z, y, x), complex64."""
        z, y, x = (np.atleast_1d(np.asarray(axis, dtype=np.float64)) for axis in (z_um, y_um, x_um))
        return self.query(z[:, None, None], y[:, None], x).to(torch.complex64)

    def options(self) -> dict[str, object]:
        """Its extent."""
        return {"extent": self.extent}


def check_measurement(name: str, acquisition: Acquisition, field: Field | None = None) -> Measurement:
    """A measurement model predicts what it says was measured, frame by frame, and gradients run back through it.

    Parameters
    ----------
    name : of the measurement model.
    acquisition : small, of a kind that it describes.
    field : to look at; a few plane waves where left out.

    Returns
    -------
    The model, for what else is to be looked at.

    Raises
    ------
    AssertionError : in one sentence, for the first thing that is not so.
    """
    entry = MEASUREMENTS[name]
    what = f"measurement model {name}"
    require(acquisition.kind in entry.kinds, f"{what} does not describe the kind {acquisition.kind}")
    model = attempt(what, lambda: entry.of(acquisition, "cpu"))
    count, amplitude = acquisition.frame_count, model.amplitude
    require(amplitude.ndim == 3 and len(amplitude) == count, f"{what}: amplitude is {tuple(amplitude.shape)}")
    used = torch.cat([model.train, model.held]).tolist()
    split = len(model.train) > 0 and len(set(used)) == len(used) and all(0 <= frame < count for frame in used)
    require(split, f"{what}: train and held are {used} of {count} frames; each at most once, and some to fit")
    sample: Field = Waves(model.extent) if field is None else field
    z_um = sum(model.extent.z_um) / 2
    y, x = model.extent.axes()

    def predict(frames: torch.Tensor) -> torch.Tensor:
        return model.predict(sample.render([z_um], y, x)[0], frames, z_um)

    frames = torch.tensor([0, count - 1])
    predicted = attempt(f"{what}: predict", lambda: predict(frames))
    wanted = (2, *amplitude.shape[1:])
    require(predicted.shape == wanted, f"{what}: predict gives {tuple(predicted.shape)}, amplitude {wanted}")
    right = not predicted.is_complex() and bool(predicted.isfinite().all()) and bool((predicted >= 0).all())
    require(right, f"{what}: predict gives values that are not intensities: real, finite and not negative")
    require(near(predict(frames.flip(0)).flip(0), predicted, 1e-5), f"{what}: a frame changes with those beside it")
    steps = {name: model.step_of(name) for name in model.learnt}
    require(all(step > 0 for step in steps.values()), f"{what}: the steps of what is learnt are {steps}")
    trained = [p for p in sample.parameters() if p.requires_grad]
    moving = [*trained, *model.learnt.values()]
    if moving:
        check_gradient(what, lambda: predict(torch.arange(count)), moving)
    return model


def check_simulator(name: str, seed: int = 0) -> None:
    """A virtual microscope gives the same frames for the same seed, others for another, and a truth to judge by.

    Parameters
    ----------
    name : of the virtual microscope.
    seed : of sample and noise.

    Raises
    ------
    AssertionError : in one sentence, for the first thing that is not so.
    """
    from ..io import open_acquisition, save_acquisition

    simulate, what = SIMULATORS[name], f"virtual microscope {name}"
    acquisition, truth = attempt(what, lambda: simulate(seed))
    require(isinstance(acquisition, Acquisition), f"{what} gives {type(acquisition).__name__}, not an Acquisition")
    require(truth, f"{what} gives no truth")
    for key, value in truth.items():
        kind = np.asarray(value).dtype.kind
        require(kind in "biufc", f"{what}: the truth {key} is not of numbers")
    again, other = simulate(seed)[0], simulate(seed + 1)[0]
    frames = acquisition.intensity()
    require(np.array_equal(frames, again.intensity()), f"{what}: the same seed gives other frames")
    require(not np.array_equal(frames, other.intensity()), f"{what}: another seed gives the same frames")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "simulated.acq.h5"
        attempt(f"saving what {what} made", lambda: save_acquisition(path, acquisition))
        require(np.array_equal(array(open_acquisition(path).intensity()), frames), f"{what}: saving changes its frames")

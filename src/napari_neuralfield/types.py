"""The design on one page: what a field, a measurement and a reader are, and what a reconstruction says.

`reconstruct(acquisition, recipe)` is a generator of the events below. Closing it cancels. It never prints,
never touches Qt and never writes files.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike

Level = Literal["green", "amber", "red"]
LEVELS: tuple[Level, ...] = ("green", "amber", "red")
Options = dict[str, Any]  # by name and JSON-ready: what a user chose, or what builds a field or a part of it


class InputError(ValueError):
    """What a user gave cannot be used.

    The message is one sentence for the user: which file or option, its value, the rule, the remedy.
    """


@dataclasses.dataclass(frozen=True)
class Extent:
    """Where a field is defined and how finely it was reconstructed.

    Parameters
    ----------
    z_um : (min, max) depths, um. Equal for a single plane, which answers every depth.
    shape : (y, x) pixels of the native grid.
    pixel_um : native pixel, um.
    origin_um : (y, x) of the centre of native pixel (0, 0), um of the acquisition.
    """

    z_um: tuple[float, float]
    shape: tuple[int, int]
    pixel_um: float
    origin_um: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Extent:
        low, high = values["z_um"]
        rows, columns = values["shape"]
        y0, x0 = values["origin_um"]
        return cls((low, high), (rows, columns), values["pixel_um"], (y0, x0))

    def to_dict(self) -> Options:
        return dataclasses.asdict(self)

    @property
    def size_um(self) -> tuple[float, float]:
        """(y, x) size of the native grid, um, whole pixels counted."""
        return self.shape[0] * self.pixel_um, self.shape[1] * self.pixel_um

    def axes(
        self, pixel_um: float | None = None, region_um: tuple[float, float, float, float] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pixel centres along y and x, um, float64.

        Parameters
        ----------
        pixel_um : spacing, um; the native pixel where None.
        region_um : (y0, x0, y1, x1), um, half open: y0 is a pixel centre, y1 is not reached. All where None.
        """
        step = self.pixel_um if pixel_um is None else float(pixel_um)
        if not step > 0:
            raise InputError(f"pixel_um is {step:g}; a pixel must be larger than 0 um")
        y0, x0 = self.origin_um
        y1, x1 = y0 + self.size_um[0], x0 + self.size_um[1]
        if region_um is not None:
            y0, x0, y1, x1 = region_um
        counts = [max(1, round((end - start) / step)) for start, end in ((y0, y1), (x0, x1))]
        return y0 + step * np.arange(counts[0]), x0 + step * np.arange(counts[1])


@runtime_checkable
class Field(Protocol):
    """A continuous model of the sample. Registered in `registry.FIELDS` under `type_name`.

    Field value = amplitude * exp(+i phase); a larger optical path is a larger phase.
    """

    type_name: str
    extent: Extent
    complex_valued: bool  # False: phase only, radians

    def query(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value at points of coordinates `z_um`, `y_um`, `x_um` that broadcast against each other."""
        ...

    def render(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value on the grid of the 1-D axes `z_um`, `y_um`, `x_um`: (z, y, x), complex64 or float32 radians."""
        ...

    def options(self) -> Options:
        """Keyword arguments, JSON-ready, that build an equal empty field."""
        ...

    def state_dict(self) -> dict[str, torch.Tensor]: ...

    def load_state_dict(self, state_dict: Mapping[str, torch.Tensor]) -> object: ...

    def parameters(self) -> Iterable[torch.Tensor]: ...


@dataclasses.dataclass(frozen=True)
class DataTerm:
    """How far predicted frames are from measured ones.

    loss : what a fit makes small, differentiable. misfit : squared amplitude misfit, summed. energy : counts, summed.
    Both stay on their device: to read them at each step is to wait for it.
    """

    loss: torch.Tensor
    misfit: torch.Tensor | float
    energy: torch.Tensor | float


@runtime_checkable
class Measurement(Protocol):
    """A differentiable measurement: knows optics and data, not fields. Made by a `MeasurementModel`.

    One that knows a faster way than through `predict` has `data_term(image, frames, z_um) -> DataTerm` too, and one
    whose learnt values must be brought back after each step (what the object can take, it takes) has `settle()`.

    extent : depths and native grid of the sample.
    amplitude : square roots of the measured intensities (frame, y, x).
    good : True where a detector pixel counts (y, x), or (frame, y, x) where frames differ; None where all do.
    train, held : numbers of the frames that are fitted, and of those left out to be predicted, int64.
    learnt : name -> what is learnt of the microscope along with a field; each starts at no change.
    """

    extent: Extent
    amplitude: torch.Tensor
    good: torch.Tensor | None
    train: torch.Tensor
    held: torch.Tensor
    learnt: dict[str, torch.Tensor]

    def step_of(self, name: str) -> float:
        """Largest change of a learnt value per step, in its own unit."""
        ...

    def predict(self, image: torch.Tensor, frames: torch.Tensor, z_um: float = 0.0) -> torch.Tensor:
        """Intensity (frame, y, x), differentiable.

        Parameters
        ----------
        image : complex sample (y, x) over the extent; on its native grid unless the measurement says otherwise.
        frames : numbers of the frames, int64.
        z_um : depth of the image, um.
        """
        ...


class MeasurementModel(Protocol):
    """What makes measurements: a class, registered in `registry.MEASUREMENTS`."""

    kinds: tuple[str, ...]  # of acquisition that it describes

    def of(
        self, acquisition: Any, device: torch.device | str = "cpu", z_um: float | tuple[float, float] | None = None
    ) -> Measurement:
        """The measurement of an acquisition, as its file says; a classmethod.

        Parameters
        ----------
        acquisition : a `data.acquisition.Acquisition` of one of the kinds.
        device : on which it computes.
        z_um : depth of the sample, or (min, max), um; None: as the file says.
        """
        ...


@runtime_checkable
class Reader(Protocol):
    """Reads one family of files. Registered in `registry.READERS`."""

    def supports(self, path: Path) -> bool:
        """Whether this reader knows the file, from its name and keys, without reading the frames."""
        ...

    def read(self, path: Path) -> Any:
        """A `data.acquisition.Draft`: frames (lazy), what the file says, and what it leaves open."""
        ...


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How far an answer can be trusted.

    level : green, amber (look twice) or red (do not trust it). sentence : why, for a microscopist.
    figures : the numbers behind it, by name.
    """

    level: Level
    sentence: str
    figures: dict[str, float] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.level}: {self.sentence}"


@dataclasses.dataclass(frozen=True)
class Result:
    """A finished field with everything needed to trust and repeat it.

    optics : JSON-ready numbers of the acquisition (`wavelength_um`, `objective_na`, ...).
    calibration : arrays found with the field (`pupil`, `gains`, ...).
    figures : scalars (`relative_amplitude_error`, `seconds`, ...).
    notes : what was found, decided and changed on the way, a sentence each.
    verdict : how far to trust it; given after every run of a kind that can be judged.
    predicted : counts (led, y, x) that the answer predicts, or what makes them, where a method's own model of the
        microscope knows better than its `calibration` says; for the verdict alone, and never written.
    """

    field: Field
    recipe: Options = dataclasses.field(default_factory=dict)
    optics: Options = dataclasses.field(default_factory=dict)
    calibration: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    title: str = ""
    notes: tuple[str, ...] = ()
    verdict: Verdict | None = None
    predicted: np.ndarray | Callable[[], np.ndarray] | None = dataclasses.field(default=None, repr=False, compare=False)


@dataclasses.dataclass(frozen=True)
class Progress:
    """`done` of `total` steps; `loss` is the relative amplitude error so far (NaN where not known yet)."""

    done: int
    total: int
    loss: float
    what: str = ""


@dataclasses.dataclass(frozen=True)
class Preview:
    """The field as it is now; a snapshot that later steps do not change."""

    field: Field
    z_um: float


@dataclasses.dataclass(frozen=True)
class Note:
    """A sentence for the user."""

    text: str
    level: Literal["info", "warning"] = "info"


@dataclasses.dataclass(frozen=True)
class Done:
    result: Result


Event = Progress | Preview | Note | Done

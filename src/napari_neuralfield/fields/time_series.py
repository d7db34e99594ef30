"""A field for each time: what a time-lapse of stacks ends in. Asked as a field it is that of one of its times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from numpy.typing import ArrayLike

from ..registry import FIELDS
from ..types import Field, InputError, Options


@FIELDS.register("time-series")
class TimeSeries:
    """Fields of one extent, one after the other in time.

    Parameters
    ----------
    times_s : when each was taken, s.
    fields : type and options of each, or the fields themselves.
    shown : number of the time that `query` and `render` answer with.

    Raises
    ------
    InputError : where times and fields do not agree.
    """

    type_name = "time-series"

    def __init__(self, *, times_s: Sequence[float], fields: Sequence[Field | Options], shown: int = 0) -> None:
        self.times_s = [float(t) for t in times_s]
        self.fields = [_built(given) if isinstance(given, Mapping) else given for given in fields]
        self.shown = shown
        if len(self.times_s) != len(self.fields) or not self.fields:
            raise InputError(f"{len(self.times_s)} times are given for {len(self.fields)} fields; give one for each")
        first = self.fields[0]
        self.extent, self.complex_valued = first.extent, first.complex_valued
        if any(f.extent != first.extent or f.complex_valued != first.complex_valued for f in self.fields):
            raise InputError("the fields of a time series differ in extent or kind; reconstruct all times alike")

    def at(self, number: int) -> Field:
        """The field of the time of this number, from 0.

        Raises
        ------
        InputError : where there is no such time.
        """
        if not 0 <= number < len(self.fields):
            raise InputError(f"time {number} is not there; the field holds times 0 to {len(self.fields) - 1}")
        return self.fields[number]

    def query(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value of the shown time at points `z_um`, `y_um`, `x_um`, um."""
        return self.at(self.shown).query(z_um, y_um, x_um)

    def render(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value of the shown time (z, y, x) on the axes `z_um`, `y_um`, `x_um`, um."""
        return self.at(self.shown).render(z_um, y_um, x_um)

    def options(self) -> Options:
        fields = [{"type": field.type_name, "options": field.options()} for field in self.fields]
        return {"times_s": self.times_s, "fields": fields, "shown": self.shown}

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Tensors of all fields, the number of the time before their names."""
        return {f"{n}.{name}": t for n, field in enumerate(self.fields) for name, t in field.state_dict().items()}

    def load_state_dict(self, state_dict: Mapping[str, torch.Tensor]) -> None:
        """Take the tensors that `state_dict` gave."""
        for n, field in enumerate(self.fields):
            start = f"{n}."
            field.load_state_dict({k[len(start) :]: v for k, v in state_dict.items() if k.startswith(start)})

    def parameters(self) -> Iterator[torch.Tensor]:
        for field in self.fields:
            yield from field.parameters()


def _built(given: Mapping[str, Any]) -> Field:
    field: Field = FIELDS[given["type"]](**given["options"])
    return field

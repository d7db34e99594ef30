"""A field for each colour on one geometry: what was seen in red, green and blue, laid on each other.

It answers as the middle colour does, for whoever knows nothing of colours; `render_channels` gives them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..data.colours import middle_of
from ..registry import FIELDS
from ..types import Extent, Field, Options
from .placement import axis_of, extent_of


@FIELDS.register("colour")
class ColourField:
    """Fields of one specimen in several colours.

    Parameters
    ----------
    extent : `Extent` or its dict, of all colours; depths are those of the middle colour.
    wavelengths_um : of each colour (channel,).
    channels : type and options of each colour's field.
    shift_um : what lies at (y, x) lies at (y, x) + shift in this colour's field (channel, 2), um.
    z_um : what lies at z lies at z + this in this colour's field (channel,), um.
    white : intensity of an empty place in each colour's field (channel,), by which its values are divided.
    """

    type_name = "colour"

    def __init__(
        self,
        *,
        extent: Extent | Options,
        wavelengths_um: Sequence[float],
        channels: Sequence[Mapping[str, Any]],
        shift_um: Sequence[Sequence[float]],
        z_um: Sequence[float],
        white: Sequence[float],
    ) -> None:
        self.extent = extent_of(extent)
        self.wavelengths_um = [float(wave) for wave in wavelengths_um]
        self.channels: list[Field] = [FIELDS[str(c["type"])](**c["options"]) for c in channels]
        self.shift_um = [(float(y), float(x)) for y, x in shift_um]
        self.z_um, self.white = [float(z) for z in z_um], [float(w) for w in white]
        self.middle = middle_of(np.array(self.wavelengths_um))
        self.complex_valued = bool(self.channels) and self.channels[self.middle].complex_valued

    @classmethod
    def of(
        cls,
        fields: Sequence[Field],
        extent: Extent,
        wavelengths_um: Sequence[float],
        *,
        shift_um: ArrayLike,
        z_um: ArrayLike,
        white: ArrayLike,
    ) -> ColourField:
        """The field of one field for each colour.

        Parameters
        ----------
        fields : of each colour.
        extent, wavelengths_um, shift_um, z_um, white : as of the class.
        """
        field = cls(
            extent=extent,
            wavelengths_um=wavelengths_um,
            channels=[],
            shift_um=np.asarray(shift_um, dtype=float).tolist(),
            z_um=np.asarray(z_um, dtype=float).tolist(),
            white=np.asarray(white, dtype=float).tolist(),
        )
        field.channels = list(fields)
        field.complex_valued = field.channels[field.middle].complex_valued
        return field

    def options(self) -> Options:
        """What builds it again, its channels' options among it."""
        return {
            "extent": self.extent.to_dict(),
            "wavelengths_um": self.wavelengths_um,
            "channels": [{"type": field.type_name, "options": field.options()} for field in self.channels],
            "shift_um": [list(shift) for shift in self.shift_um],
            "z_um": self.z_um,
            "white": self.white,
        }

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The tensors of all channels, each name after `channels.` and the channel's number."""
        every = enumerate(self.channels)
        return {f"channels.{n}.{name}": value for n, field in every for name, value in field.state_dict().items()}

    def load_state_dict(self, state_dict: Mapping[str, torch.Tensor]) -> None:
        """Fill the channels from what `state_dict` gave."""
        for number, field in enumerate(self.channels):
            start = f"channels.{number}."
            own = {name[len(start) :]: value for name, value in state_dict.items() if name.startswith(start)}
            field.load_state_dict(own)

    def parameters(self) -> Iterator[torch.Tensor]:
        """Those of all channels."""
        for field in self.channels:
            yield from field.parameters()

    def render_channel(self, number: int, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Colour `number` on axes `z_um`, `y_um`, `x_um`, um, of all colours: (z, y, x), white being 1."""
        z, y, x = self._moved(number, axis_of(z_um), axis_of(y_um), axis_of(x_um))
        return self._balanced(number, self.channels[number].render(z, y, x))

    def render_channels(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """All colours on axes `z_um`, `y_um`, `x_um`, um: (channel, z, y, x), white being 1."""
        return torch.stack([self.render_channel(n, z_um, y_um, x_um) for n in range(len(self.channels))])

    def render(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """The middle colour on axes `z_um`, `y_um`, `x_um`, um: (z, y, x)."""
        return self.render_channel(self.middle, z_um, y_um, x_um)

    def query(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """The middle colour at points `z_um`, `y_um`, `x_um`, um, whose shapes broadcast."""
        z, y, x = self._moved(self.middle, *(np.asarray(a, dtype=np.float64) for a in (z_um, y_um, x_um)))
        return self._balanced(self.middle, self.channels[self.middle].query(z, y, x))

    def _moved(self, number: int, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, ...]:
        (down, across), deeper = self.shift_um[number], self.z_um[number]
        return z + deeper, y + down, x + across

    def _balanced(self, number: int, values: torch.Tensor) -> torch.Tensor:
        """Values over those of an empty place; a phase alone has no white."""
        return values / self.white[number] ** 0.5 if values.is_complex() else values

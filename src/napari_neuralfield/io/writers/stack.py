"""What every writer of planes is given: where they lie, and their rows as these come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from ...data.colours import named_colour

Place = TypeVar("Place", int, slice)
UNEVEN = 2e-3  # of a step: distances that differ by more are not even
Strips = Iterator[np.ndarray]  # rows (y, x), the planes one after the other; no strip holds rows of two planes


class Stack:
    """What a writer must know before the first row comes: shape, type, and where the planes lie.

    `channels` are what is written of each plane: amplitude and phase of a complex one, else the plane itself.
    A plane keeps its depth in whatever order it comes: `ranks` says which one it is from below.
    `sample` is rows, of few pixels perhaps, from which a picture's black and white are taken. With `time_s` the planes
    are moments (t, y, x) at the one depth in `z_um`. `unit` is that of the values, where their name does not say it.
    With `wavelengths_um` the planes are those of the first colour, then of the next (channel * z, y, x), and every
    colour has channels of its own.
    """

    def __init__(
        self,
        sample: np.ndarray,
        shape: tuple[int, int, int],
        z_um: np.ndarray,
        pixel_um: float,
        origin_um: tuple[float, float],
        name: str,
        time_s: np.ndarray | None = None,
        unit: str = "",
        wavelengths_um: Sequence[float] = (),
    ) -> None:
        self.sample, self.shape = sample, shape
        self.complex = np.iscomplexobj(sample)
        self.dtype = np.dtype(np.complex64 if self.complex else np.float32)
        self.z_um, self.pixel_um, self.origin_um = z_um, pixel_um, origin_um
        self.quantities: tuple[str, ...] = ("amplitude", "phase") if self.complex else (name,)
        self.channels: tuple[str, ...] = self.quantities
        self.wavelengths_um = tuple(wavelengths_um)
        if self.wavelengths_um:
            waves = [named_colour(wave) for wave in self.wavelengths_um]
            self.channels = tuple(f"{quantity} {wave}" for wave in waves for quantity in self.quantities)
        self.time_s, self.unit = time_s, unit

    @property
    def along(self) -> np.ndarray:
        """Where the planes lie along the first axis: depths, um, or times, s."""
        return self.z_um if self.time_s is None else self.time_s

    @property
    def ranks(self) -> np.ndarray:
        """Place of each plane among all in ascending order of depth, or of time."""
        return np.argsort(np.argsort(self.along, kind="stable"), kind="stable")

    @property
    def ascending(self) -> bool:
        """Whether each plane lies above the one before, or is later."""
        return bool((np.diff(self.along) > 0).all())

    @property
    def even(self) -> bool:
        """Whether the planes, in ascending order, are evenly spaced."""
        steps = np.diff(np.sort(self.along))
        return len(steps) == 0 or bool(steps.min() > 0 and np.ptp(steps) <= UNEVEN * steps.mean())

    @property
    def z_step_um(self) -> float:
        """Mean distance of the planes, um; 1 where there is only one."""
        return float(np.ptp(self.z_um) / (len(self.z_um) - 1)) if len(self.z_um) > 1 else 1.0

    @property
    def time_step_s(self) -> float:
        """Mean time between the moments, s; 1 where there is only one, or where they are all one."""
        times = self.time_s
        return (float(np.ptp(times)) / (len(times) - 1) if times is not None and len(times) > 1 else 0.0) or 1.0

    @property
    def planes(self) -> int:
        """Depths or moments: planes of one colour."""
        return self.shape[0] // max(1, len(self.wavelengths_um))

    def colour_of(self, channel: int) -> int:
        """Number of the colour that a `channel` is of."""
        return channel // len(self.quantities)

    def place(self, plane: int, part: int) -> tuple[int, int]:
        """Plane and channel of one of the `parts` of a `plane` among all planes."""
        return plane % self.planes, plane // self.planes * len(self.quantities) + part

    def index(self, plane: Place, channel: int) -> tuple[int | Place, int | Place]:
        """Where a `channel` of a `plane`, or of several, lies in an image: (c, z), or (t, c) in a time-lapse."""
        return (channel, plane) if self.time_s is None else (plane, channel)

    def parts(self, rows: np.ndarray) -> list[np.ndarray]:
        """Rows as their channels, float32."""
        parts = (np.abs(rows), np.angle(rows)) if self.complex else (rows,)
        return [np.asarray(part, dtype=np.float32) for part in parts]

    def places(self, strips: Strips) -> Iterator[tuple[int, int, np.ndarray]]:
        """Each strip with its plane and its first row."""
        z = y = 0
        for rows in strips:
            yield z, y, rows
            y += len(rows)
            if y == self.shape[1]:
                z, y = z + 1, 0

"""What one value of an acquisition is: its name, unit, meaning and limits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..types import InputError
from .typed_values import in_nanometres

DIRECTION = "NA (y, x)"  # unit of direction cosines (n, 2)
ROUNDED = 1e-6  # by which they may be too long


@dataclasses.dataclass(frozen=True)
class Quantity:
    """How one value of an acquisition is called, measured and limited: used by forms, checks and files alike."""

    label: str
    unit: str
    help: str
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False  # the value must be larger than, not equal to, `low`
    shape: tuple[int | str, ...] = ()  # () is a scalar; names stand for lengths checked elsewhere
    complex: bool = False
    choices: tuple[str, ...] = ()
    integer: bool = False
    optional: bool = False

    @property
    def type(self) -> object:
        """Of the value, or of each of an array's."""
        return int if self.integer else float


def quantity(label: str, unit: str, help: str, *, optional: bool = False, **limits: Any) -> Any:
    """A dataclass field for one value of an acquisition.

    Parameters
    ----------
    label, unit, help : how it is called, measured and explained to users.
    optional : it may be left out, which is None.
    limits : the other fields of `Quantity`.
    """
    metadata = {"quantity": Quantity(label, unit, help, optional=optional, **limits)}
    return dataclasses.field(default=None, metadata=metadata) if optional else dataclasses.field(metadata=metadata)


SHORTEST_UM, LONGEST_UM = 1e-9, 1e10  # a thousandth of the wavelength of fast electrons, and ten kilometres


def length(label: str, help: str, high: float = math.inf) -> Any:
    """A dataclass field for a length that must be larger than 0 um.

    Parameters
    ----------
    label, help : how it is called and explained to users.
    high : the most that it may be, um.
    """
    return quantity(label, "um", help, low=0.0, low_open=True, high=high)


def asked_for(
    missing: Sequence[str],
    known: Mapping[str, Quantity],
    doubts: Mapping[str, str],
    file: str,
    remedies: Mapping[str, str],
) -> str:
    """What is missing, why, and where to give it.

    Parameters
    ----------
    missing : names of values, at least one.
    known : what each value may be, by name.
    doubts : name of a value that is not known -> why what the file says of it is not taken.
    file : name of the recording's file.
    remedies : name of a value -> how it is best given, where that is not by its name.
    """
    first = known[missing[0]]
    unit = f" in {first.unit}" if first.unit else ""
    also = f" (also missing: {', '.join(missing[1:])})" if missing[1:] else ""
    also += "".join(f"; {doubts[name]}" for name in dict.fromkeys([*missing, *doubts]) if name in doubts)
    remedy = remedies.get(missing[0], f"give {missing[0]}{unit}")
    return (
        f"{missing[0]} ({first.help}) is missing{also}; {remedy} in the sidecar, {file or 'NAME'}.yaml beside the data "
        "where there is none yet, or in the Acquisition dock"
    )


def check_value(name: str, q: Quantity, value: object, where: str) -> Any:
    """`value` as a number or a read-only array, checked against its quantity.

    Parameters
    ----------
    name, q : of the value.
    value : a number, an array or what makes one.
    where : the file it comes from, for errors.

    Raises
    ------
    InputError : naming `where`, the value and the rule it breaks.
    """
    if q.choices:
        if value not in q.choices:
            raise InputError(f"{where}: {name} is {value!r}; it must be one of {', '.join(q.choices)}")
        return value
    try:
        kind = np.complex64 if q.complex else bool if q.unit == "bool" else np.float64
        given = np.asarray(value)
        if given.dtype.kind == "c" and not q.complex:
            if given.imag.any():
                raise TypeError("a complex number")
            value = given.real
        array = np.asarray(value, dtype=kind)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"{where}: {name} is {repr(value)[:80]}; it must be a number{f' in {q.unit}' if q.unit else ''}"
        ) from None
    if q.shape == () and array.ndim != 0:
        if array.size != 1:
            raise InputError(f"{where}: {name} has shape {array.shape}; it must be a single number")
        array = array.reshape(())
    if len(q.shape) != array.ndim:
        raise InputError(f"{where}: {name} has shape {array.shape}; it must be ({', '.join(map(str, q.shape))})")
    finite = np.isfinite(array)
    if not finite.all():
        at = "" if array.ndim == 0 else f" at {tuple(int(i) for i in np.argwhere(~finite)[0])}"
        raise InputError(f"{where}: {name} is not finite{at}; every value must be a number")
    if not q.complex:
        _check_range(name, q, array, where)
    if q.unit == DIRECTION:
        _check_lengths(name, array, where)
    if q.unit == "um" and q.low_open and ((array < SHORTEST_UM) | (array > LONGEST_UM)).any():
        odd = array.min() if (array < SHORTEST_UM).any() else array.max()
        raise InputError(f"{where}: {name} is {odd:g} um, which is no length of optics; give it in um")
    if q.integer and (array != np.round(array)).any():
        bad = float(array[array != np.round(array)].flat[0])
        raise InputError(f"{where}: {name} is {bad:g}; it must be a whole number")
    if array.ndim:
        array = array.astype(int) if q.integer else array.copy() if array is value else array
        array.setflags(write=False)
        return array
    return int(array) if q.integer else float(array)


def _check_lengths(name: str, array: np.ndarray, where: str) -> None:
    """Direction cosines (n, 2) are those of a direction."""
    na = np.hypot(*array.T)
    if (na > 1 + ROUNDED).any():
        led = int(na.argmax())
        raise InputError(
            f"{where}: {name} is {array[led, 0]:g}, {array[led, 1]:g} at index {led}, of length {na[led]:.3g}; no "
            "light has a direction cosine above 1, so correct the directions"
        )


def _check_range(name: str, q: Quantity, array: np.ndarray, where: str) -> None:
    bad = (array < q.low) | (array > q.high) | (q.low_open & (array == q.low))
    if not bad.any():
        return
    value = float(array[bad].flat[0])
    at = "" if array.ndim == 0 else f" at index {int(np.argwhere(bad)[0][0])}"
    low = f"larger than {q.low:g}" if q.low_open else f"at least {q.low:g}"
    rule = low if math.isinf(q.high) else f"{low} and at most {q.high:g}"
    unit = f" {q.unit}" if q.unit and array.ndim == 0 else ""
    hint = in_nanometres(value, q.unit, q.high) if array.ndim == 0 else ""
    if name == "objective_na" and value > 1:
        hint = "; immersion objectives are not supported yet"
    raise InputError(f"{where}: {name} is {value:g}{unit}{at}; it must be {rule}{hint}")

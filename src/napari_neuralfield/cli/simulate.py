"""`neuralfield simulate`: frames of a virtual microscope, and the truth behind them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import ArrayLike

from ..app import arguments
from ..io import save_acquisition
from ..io.native.atomic import writing
from ..registry import SIMULATORS
from ..types import InputError


def run(
    kind: str,
    output: Path,
    truth: Path | None,
    seed: int,
    *,
    without: str | None = None,
    only: str | None = None,
    overwrite: bool = False,
) -> None:
    """Simulate `kind`, write the frames to `output` and what a reconstruction should find to `truth`.

    Parameters
    ----------
    kind, seed : of the virtual microscope, and of what is random.
    output, truth : files to write.
    without, only : effects that are left out, or that alone are in, as typed.
    overwrite : whether outputs may replace older ones.

    Raises
    ------
    InputError : for an unknown kind or effect, a negative seed, or a file that cannot be written.
    """
    target = arguments.output(output, (".acq.h5",), overwrite=overwrite)
    if truth is not None:
        arguments.output(truth, (".h5",), "--truth", overwrite=overwrite, outputs=[target])
    microscope = SIMULATORS[kind]
    if seed < 0:
        raise InputError(f"option --seed is {seed}; it must be 0 or more")
    acquisition, found = microscope(seed, **_chosen(kind, microscope, {"without": without, "only": only}))
    save_acquisition(target, acquisition)
    print(f"{acquisition.frame_count} frames of kind {acquisition.kind} in {target}")
    if truth is not None:
        _save_truth(truth, found)
        print(f"the truth in {truth}")


def _chosen(
    kind: str, microscope: Callable[..., object], effects: Mapping[str, str | None]
) -> dict[str, tuple[str, ...]]:
    """What was typed of `without` and `only` as arguments of a microscope that has effects to leave out."""
    found = {name: tuple(w.strip() for w in typed.split(",")) for name, typed in effects.items() if typed}
    for name in found:
        if name not in inspect.signature(microscope).parameters:
            raise InputError(f"option --{name} is {effects[name]}; {kind} has no effects to choose from")
    return found


def _save_truth(path: Path, truth: Mapping[str, ArrayLike]) -> None:
    with writing(path) as temporary, h5py.File(temporary, "w") as file:
        for name, value in truth.items():
            if np.ndim(value):
                file[name] = value
            else:
                file.attrs[name] = value
